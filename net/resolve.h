/* resolve: a host name's addresses, looked up beside the loop by a thread of its own. */
#ifndef INGOT_NET_RESOLVE_H
#define INGOT_NET_RESOLVE_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"
#include "net/loop.h"

/*
 * getaddrinfo(3) blocks (5 s and more where no server answers), so each lookup is one short-lived thread that writes
 * its result into a socket pair watched by the loop. Addresses and `localhost` need no thread.
 */
#define RESOLVE_ADDRESSES_MAX 16 /* of one name; the rest is left out */
#define RESOLVE_LOOKUPS_MAX 64   /* at the same time; over it resolve_start() says -EAGAIN */

union resolve_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

struct resolve;
/* count > 0 addresses, in the resolver's order, valid during the call; or 0 and why, `failed to resolve hostname …`. */
typedef void resolve_done(void *arg, const union resolve_address *addresses, size_t count, const struct reason *why);

/*
 * Looks host up; port goes into every address. done is called once, never from inside resolve_start(), and the handle
 * is gone when it is. 0, -EAGAIN, -ENOMEM or another -errno of thread or descriptor.
 */
int resolve_start(
    struct resolve **resolve, struct loop *loop, const char *host, uint16_t port, resolve_done *done, void *arg);
/* NULL does nothing. The thread ends by itself when the system's resolver gives up. */
void resolve_cancel(struct resolve *resolve);

/* An address or `localhost`, without looking anything up: its address family, or 0 where host is a name. */
int resolve_literal(const char *host, uint16_t port, union resolve_address *address);

/* Of an address of either family. */
void resolve_set_port(union resolve_address *address, uint16_t port);

#endif
