/* relay: carries bytes between two connected sockets until both directions are closed. */
#ifndef INGOT_NET_RELAY_H
#define INGOT_NET_RELAY_H

#include <stddef.h>
#include <stdint.h>

#include "net/loop.h"

/*
 * A relay owns its two sockets from relay_open() on and closes them itself.
 *
 *   relay_open ── both directions copy ── one side sends EOF: shutdown(SHUT_WR) goes to the other,
 *                                          the opposite direction goes on ── both ended: done(arg, 0)
 *   a reset on either side, or a side that takes nothing more ─────────────── done(arg, -ECONNRESET or such)
 *   no byte for limits.idle_ms, or half_open_ms after one EOF,
 *   or limits.total_ms since relay_open ───────────────────────────────────── done(arg, -ETIMEDOUT)
 *   relay_close ── both sockets closed, done is not called
 *
 * A reset goes on as a reset (RST) where the other socket is TCP. AF_VSOCK has none: both directions are closed at
 * once, the reader sees an end, and only what runs inside (TLS close_notify, Content-Length) can tell it from a whole
 * message.
 *
 * Bytes go straight from a read to a write; only what the other side did not take is kept, and nothing more is read
 * until it is gone. Reading never waits for writing in the opposite direction, so two sides that both only write cannot
 * lock each other. One call back moves at most RELAY_TURN bytes: a fast stream does not starve the others. Each
 * direction begins with reads of RELAY_READ bytes; they double, up to limits.read, with each turn that was taken whole,
 * and begin anew with one that was not: streams flow in large pieces, and little is held for a slow reader.
 *
 * Writes to a vsock are at most VSOCK_WRITE_MAX bytes, and hold all that was waiting, so that a flood of small messages
 * arrives as few packets.
 *
 * What one connection costs at worst, both directions stalled:
 *
 *   sizeof(struct relay) ≈ 210 bytes                         always; all there is while it is idle
 *   + 2 × limits.read                                        what we hold
 *   + for each TCP socket 4 × limits.tcp_buffer              send and receive; the kernel doubles what it is told
 *   + for each vsock socket 2 × limits.vsock_buffer          and what its kernel needs around so many bytes
 *
 * init/limits.h adds it up for the enclave: its kernel bounds that, too, and the application's own socket comes to it.
 */
#define RELAY_READ 32768u
#define RELAY_READ_MAX (8 * RELAY_READ)
#define RELAY_TURN (16 * RELAY_READ)

struct relay_limits {
    size_t tcp_buffer;    /* SO_SNDBUF and SO_RCVBUF of each TCP socket; 0: the kernel's own sizing */
    size_t vsock_buffer;  /* of each AF_VSOCK socket, never below VSOCK_BUFFER_MIN; 0: the kernel's 256 KiB */
    size_t read;          /* read at once, RELAY_READ to RELAY_READ_MAX; 0: RELAY_READ */
    int64_t idle_ms;      /* 0: no limit */
    int64_t half_open_ms; /* the same once one direction has ended; 0: no limit */
    int64_t total_ms;     /* however busy it is; 0: no limit */
};

/* Usual limits: an hour without a byte, ten minutes with one direction ended. */
#define RELAY_IDLE_MS (60 * 60 * 1000)
#define RELAY_HALF_OPEN_MS (10 * 60 * 1000)

struct relay;
typedef void relay_done(void *arg, int error);

/* Bytes that the other side's socket took, counted as they go. */
struct relay_traffic {
    uint64_t a_to_b;
    uint64_t b_to_a;
    int64_t answered; /* loop_now() when a took the first of b's bytes; 0: none yet */
};

/* A socket and its family (AF_…), which whoever made it knows. */
struct relay_socket {
    int fd;
    int family;
};

/*
 * Sets what a relay wants of a socket: no delay, and the buffers of limits. For both of its sockets, or for the
 * listener of an accepted one, which inherits it all (and then the first bytes are held to the bound as well).
 */
void relay_prepare(struct relay_socket socket, const struct relay_limits *limits);

/*
 * Starts carrying between two connected, non-blocking, prepared sockets. limits is borrowed until the relay has ended;
 * so is traffic, which is counted up from what it holds. 0, or -errno (-ENOMEM, or epoll's) with both sockets closed.
 * done is never called from inside; the relay is gone when it is.
 */
int relay_open(struct relay **relay, struct loop *loop, struct relay_socket a, struct relay_socket b,
    const struct relay_limits *limits, struct relay_traffic *traffic, relay_done *done, void *arg);
/* NULL does nothing. */
void relay_close(struct relay *relay);

/* Closes a connected socket so that its peer sees a reset where the family has one. */
void relay_refuse(int fd);

#endif
