/* relay_pool: listeners whose every connection is relayed to a target, all of them under one bound. */
#ifndef INGOT_NET_RELAY_POOL_H
#define INGOT_NET_RELAY_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "net/address.h"
#include "net/loop.h"
#include "net/names.h"
#include "net/relay.h"
#include "net/relay_counters.h"

/*
 *   relay_pool_open ── relay_listener_open … ── accepts, connects, relays ── relay_pool_close: all of it ends
 *                                                                         └─ relay_pool_drain: no new ones; `drained`
 *
 * At the bound a new connection is accepted and closed at once (a reset on TCP), and counted; those that are open go
 * on. A target that can't be reached closes the accepted connection the same way. A listener that runs out of
 * descriptors or memory rests for RELAY_REST_MS and tries again. What goes wrong is told by sentences, at most one a
 * second for each kind, with the number of those left out.
 *
 * Targets' names are remembered for NAMES_KEEP_MS (net/names.h), and looked up again at once where none of a
 * remembered name's addresses answers.
 *
 * Where a pool has listeners of both directions, neither may hold the last quarter of the bound: clients that never
 * close do not keep the application from its own calls, nor the other way round.
 */
#define RELAY_REST_MS 100
#define RELAY_BACKLOG 128 /* for those who make the listening sockets */

/* What a connection came to. Texts and targets are borrowed for the call; never a byte of what was carried. */
struct relay_record {
    const char *label;
    const struct address *target; /* of this connection: the listener's may have changed since */
    int error;                    /* 0: both directions ended in order; -errno: of the connect, or of what broke it */
    bool connected;               /* the target was reached */
    int64_t connect_ms;           /* until the target was reached, or given up */
    int64_t total_ms;             /* from the accept to the end */
    int64_t answer_ms;            /* from the accept until the target's first byte had gone back; -1: none has */
    bool inbound;                 /* as its listener */
    struct relay_traffic traffic; /* a: the accepted side, b: the target */
};

struct relay_pool_options {
    unsigned connections; /* at the same time, connecting ones included; at least 1 */
    unsigned inbound;     /* of them, into the enclave at the most; 0: three quarters, where others lead out of it */
    int64_t connect_ms;
    struct names *names; /* outliving the pool; NULL: targets are no names */
    struct relay_limits limits;
    void (*log)(void *arg, const char *sentence);                /* NULL: none */
    void (*ended)(void *arg, const struct relay_record *record); /* each connection that was admitted; NULL: none */
    /* A connection was refused since its enclave is not known, or has another CID; may close nothing. NULL: none. */
    void (*stranger)(void *arg);
    void (*drained)(void *arg); /* once after relay_pool_drain(); may close the pool */
    void *arg;
};

struct relay_pool;
struct relay_listener;

/* options is copied. 0 or -ENOMEM. */
int relay_pool_open(struct relay_pool **pool, struct loop *loop, const struct relay_pool_options *options);
/* Closes every listener and connection; ended() and drained() are not called. NULL does nothing. */
void relay_pool_close(struct relay_pool *pool);

/* Closes every listener; what is open goes on to its end, and then, or in the loop's next turn, drained() is called. */
void relay_pool_drain(struct relay_pool *pool);

/* Tells each connection that is open, as if it ended now in order. each() must leave the pool alone. */
void relay_pool_each(
    const struct relay_pool *pool, void (*each)(void *arg, const struct relay_record *record), void *arg);

/* Of all listeners, those that were closed included. */
void relay_pool_counters(const struct relay_pool *pool, struct relay_counters *counters);

struct relay_listener_options {
    const struct address *target; /* copied */
    const char *label;            /* stands in sentences and records; copied up to 255 bytes */
    /*
     * On AF_VSOCK connections from any other CID are closed at once. VSOCK_CID_ANY lets all in, VSOCK_CID_NONE none,
     * of whatever family: a TCP listener knows these two only.
     */
    uint32_t only_cid;
    /*
     * Not 0: a vsock port that several enclaves call. Each has a listener, on a duplicate of one descriptor, and
     * whichever accepts a connection, it goes to the one whose only_cid is its peer's.
     */
    uint32_t shared;
    bool inbound; /* the direction: into the enclave, or out of it */
};

/*
 * Relays every connection accepted on fd, a listening non-blocking socket that the pool owns from here on (and closes
 * where this fails), to the target. A closed listener of this label, direction and family that still has connections
 * goes on with its counters. listener may be NULL. 0 or -errno.
 */
int relay_listener_open(
    struct relay_listener **listener, struct relay_pool *pool, int fd, const struct relay_listener_options *options);
/* Accepts nothing more; its open connections go on, and the listener is gone with the last of them. */
void relay_listener_close(struct relay_listener *listener);

/* For connections accepted from now on; records of older ones name their own target. The first: 0 or -ENOMEM. */
int relay_listener_target(struct relay_listener *listener, const struct address *target);
void relay_listener_allow(struct relay_listener *listener, uint32_t only_cid);

/* Those that accept, or still have connections, one after the other: after NULL the first; NULL after the last. */
const struct relay_listener *relay_pool_next(const struct relay_pool *pool, const struct relay_listener *after);
const char *relay_listener_label(const struct relay_listener *listener);
void relay_listener_counters(const struct relay_listener *listener, struct relay_counters *counters);

#endif
