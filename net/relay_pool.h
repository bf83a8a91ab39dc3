/* relay_pool: listeners whose every connection is relayed to a target, all of them under one bound. */
#ifndef INGOT_NET_RELAY_POOL_H
#define INGOT_NET_RELAY_POOL_H

#include <stdint.h>

#include "net/address.h"
#include "net/loop.h"
#include "net/relay.h"

/*
 *   relay_pool_open ── relay_listener_open … ── accepts, connects, relays ── relay_pool_close: all of it ends
 *
 * At the bound a new connection is accepted and closed at once (a reset on TCP), and counted; those that are open go
 * on. A target that can't be reached closes the accepted connection the same way. A listener that runs out of
 * descriptors or memory rests for RELAY_REST_MS and tries again. What goes wrong is told by sentences, at most one a
 * second for each kind, with the number of those left out.
 */
#define RELAY_REST_MS 100
#define RELAY_BACKLOG 128 /* for those who make the listening sockets */

struct relay_pool_options {
    unsigned connections; /* at the same time, connecting ones included; at least 1 */
    int64_t connect_ms;
    struct relay_limits limits;
    void (*log)(void *arg, const char *sentence);
    void *log_arg;
};

struct relay_counters {
    uint64_t accepted; /* all that follow included */
    uint64_t refused;  /* at the bound, or from a CID that is not allowed */
    uint64_t failed;   /* the target was not reached */
    uint64_t ended;    /* relayed to a clean end of both directions */
    uint64_t broken;   /* ended by a reset or a limit */
    unsigned open;     /* now */
};

struct relay_pool;

/* options is copied. 0 or -ENOMEM. */
int relay_pool_open(struct relay_pool **pool, struct loop *loop, const struct relay_pool_options *options);
/* Closes every listener and connection. NULL does nothing. */
void relay_pool_close(struct relay_pool *pool);

const struct relay_counters *relay_pool_counters(const struct relay_pool *pool);

/*
 * Relays every connection accepted on fd, a listening non-blocking socket that the pool owns from here on (and closes
 * where this fails), to target (copied). label, copied up to 255 bytes, stands in the sentences. only_cid: on AF_VSOCK
 * connections from any other CID are closed at once; VSOCK_CID_ANY lets all in. 0 or -errno.
 */
int relay_listener_open(
    struct relay_pool *pool, int fd, const struct address *target, const char *label, uint32_t only_cid);

#endif
