/* connect: reaches an address on the loop: names resolved, every address of a name tried, the hybrid line exchanged. */
#ifndef INGOT_NET_CONNECT_H
#define INGOT_NET_CONNECT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/reason.h"
#include "net/address.h"
#include "net/loop.h"
#include "net/names.h"

/*
 *   connect_start ── done(arg, fd ≥ 0, NULL): the socket is connected, non-blocking, and the callee's
 *                 ── done(arg, -errno, why): it failed
 *   connect_cancel ─ stops; done is not called
 *
 * done is called once, never from inside connect_start(), and the handle is gone when it is.
 *
 * A name is resolved beside the loop (net/names.h); its addresses are tried in the resolver's order, each with an equal
 * share of the time that is left. A Unix socket whose backlog is full (EAGAIN, nothing to poll) is tried every
 * CONNECT_RETRY_MS for at most CONNECT_RETRY_FOR_MS.
 *
 * Errors: those of connect(2); -ETIMEDOUT after milliseconds; -ENOENT for a name that does not resolve, with a sentence
 * that begins `failed to resolve hostname`; -ECONNREFUSED for a hybrid socket that ends without `OK`; -EPROTO where it
 * answers with something else.
 */
#define CONNECT_RETRY_MS 5
#define CONNECT_RETRY_FOR_MS 2000
#define CONNECT_MS 10000 /* the usual bound on all of it */

struct connect;
typedef void connect_done(void *arg, int fd, const struct reason *why);

struct connect_options {
    /*
     * Remembered names, outliving the connect: an answer of the last minute is used at once; where none of its
     * addresses can be reached, the name is looked up again and the new ones are tried, in the time that is left. NULL:
     * names don't resolve, addresses alone are reached.
     */
    struct names *names;
    /*
     * The callee will send as soon as it is called: over TCP the handshake's last packet waits for those bytes and goes
     * with them, a packet less for each connection, and the server is woken once. If none are sent, the server sees the
     * connection some 40 to 200 ms late.
     */
    bool speaks_first;
    size_t vsock_buffer; /* of an AF_VSOCK socket: vsock_connect() */
};

/* address and options are copied. 0 or -ENOMEM. */
int connect_start(struct connect **connect, struct loop *loop, const struct address *address, int64_t milliseconds,
    const struct connect_options *options, connect_done *done, void *arg);
/* NULL does nothing. */
void connect_cancel(struct connect *connect);

#endif
