/* vsock: the connections between the guest and the host, as packets on one side and bytes on the other; no I/O. */
#ifndef INGOT_TOOLS_EMULATOR_VSOCK_H
#define INGOT_TOOLS_EMULATOR_VSOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "tools/emulator/faults.h"
#include "tools/emulator/ring.h"

/*
 * The device's side of the socket device of virtio 1.2 §5.10. It sees the guest through `struct vsock_guest` (two
 * rings) and whoever answers for the host through `struct vsock_host` (one "peer" for each connection). Everything
 * happens inside the functions below; the owner calls vsock_turn() after any of them, and after a kick.
 *
 *   guest → host:  dial() ── 0 ─────────────────────────────────────► open
 *                    │  └─── -EINPROGRESS ── vsock_accept() ────────► open
 *                    │                    └─ vsock_drop() ── closed()
 *                    └────── another error: refused (RST), no peer, no closed()
 *   host → guest:  vsock_call() ── opened() ────────────────────────► open
 *                             └─── refused, or vsock_drop(): closed()
 *   open:          read() and write() until both sides have ended; then closed(), exactly once
 *
 * What a real parent does and this keeps to (each is a test in tests/tools/emulator_vsock.c):
 *   - Credit: at most VSOCK_BUFFER bytes are held for a host that does not read, a guest that sends more is reset; no
 *     more goes to the guest than its buffer takes. Our progress is told once a quarter of the smaller buffer was
 *     written on, for Linux never asks.
 *   - Packets: Linux ≥ 6.12 resets a connection (ENOBUFS) when (unread packets + 1) × 576 bytes exceed its buffer, even
 *     within credit. So at most min(256, its buffer / 1024) packets are under way; more bytes wait at the host and
 * leave in larger packets.
 *   - The guest's close (both SHUTDOWN bits) is answered by RST at once, and what is held still goes to the host.
 *   - The host's end of sending is SHUTDOWN with the send bit alone; its close, after its last byte, has both bits.
 *   - Whatever belongs to no connection, or is not allowed, is answered by RST; other CIDs than 3 are refused so.
 *   - A full ring towards the guest never stops the one from it: what is to be said is a flag of its connection, or in
 *     a bounded queue of resets.
 */
#define VSOCK_HOST_CID 3u
#define VSOCK_BUFFER 262144u         /* bytes of our receive buffer for a connection: Linux's default */
#define VSOCK_CONNECTIONS_MAX 2048   /* so at most 512 MiB are held; more are refused */
#define VSOCK_PACKETS_UNREAD_MAX 256 /* packets under way to the guest, per connection */
#define VSOCK_BYTES_PER_PACKET 1024u /* of the guest's buffer, that a packet under way is taken to cost */

enum vsock_ring { VSOCK_RX, VSOCK_TX }; /* to the guest, from the guest: the virtqueues' indices */

enum { VSOCK_READ = 1, VSOCK_WRITE = 2 }; /* what the engine waits for at a peer */

struct vsock_connection;

/* The guest's rings: ring.h says what each does. A broken ring is one without chains. */
struct vsock_guest {
    void *arg;
    bool (*pop)(void *arg, enum vsock_ring ring, struct ring_chain *chain);
    void (*unpop)(void *arg, enum vsock_ring ring);
    void (*push)(void *arg, enum vsock_ring ring, const struct ring_chain *chain, uint32_t written);
    void (*signal)(void *arg, enum vsock_ring ring); /* once after pushes: interrupt, if the guest wants it */
    bool (*arm)(void *arg, enum vsock_ring ring);
};

/* Called from inside of the engine: must not call it back. */
struct vsock_host {
    void *arg; /* passed to each */
    /* The guest connects to port. *peer is set in the first two cases. */
    int (*dial)(void *arg, struct vsock_connection *connection, uint32_t port, void **peer);
    /* The guest accepted a vsock_call(). */
    void (*opened)(void *arg, void *peer);
    /* As readv(2), writev(2) on a non-blocking stream: bytes, 0 at the end (read), -EAGAIN, another -errno. */
    ssize_t (*read)(void *arg, void *peer, const struct iovec *pieces, int count);
    ssize_t (*write)(void *arg, void *peer, const struct iovec *pieces, int count);
    /* As shutdown(2), how = SHUT_RD or SHUT_WR; all bytes before it were written. */
    void (*shutdown)(void *arg, void *peer, int how);
    /* Report these (VSOCK_READ, VSOCK_WRITE) from now on, and no others. */
    void (*interest)(void *arg, void *peer, unsigned events);
    /* The connection is gone, and its structure too: close the peer. */
    void (*closed)(void *arg, void *peer);
};

struct vsock_options {
    uint64_t guest_cid;
    struct faults *faults; /* what connections suffer; borrowed and counted in; NULL: nothing */
};

struct vsock;

/* The three structures are copied. 0 or -ENOMEM. */
int vsock_open(struct vsock **vsock, const struct vsock_options *options, const struct vsock_guest *guest,
    const struct vsock_host *host);
/* Resets, then frees. NULL does nothing. */
void vsock_close(struct vsock *vsock);

/* Forgets every connection (closed() for each), telling the guest nothing: it has been reset itself. */
void vsock_reset(struct vsock *vsock);

/* Moves what can be moved, within a bound. True: there is more; come again after looking at the other descriptors. */
bool vsock_turn(struct vsock *vsock);

/* Connects to a port of the guest for peer. 0; -ENFILE at VSOCK_CONNECTIONS_MAX; -ENOMEM; -ECONNREFUSED by a fault. */
int vsock_call(struct vsock *vsock, uint32_t port, void *peer, struct vsock_connection **connection);

/* The answer to a dial() that gave -EINPROGRESS. */
void vsock_accept(struct vsock_connection *connection);
/* Gives a connection up before it is open, or resets it: RST to the guest if it knows of it, then closed(). */
void vsock_drop(struct vsock_connection *connection);

/* What the owner saw at the peer of an open connection. */
void vsock_readable(struct vsock_connection *connection);
void vsock_writable(struct vsock_connection *connection);
/* Both directions are over at the host; bytes that it sent may still be there to read. */
void vsock_hangup(struct vsock_connection *connection);

/* What this connection suffers; the engine sees to all but the delay, which is the host's. */
const struct fault *vsock_fault(const struct vsock_connection *connection);

/* The port on our side, which the guest sees as its peer's (or dialled). */
uint32_t vsock_host_port(const struct vsock_connection *connection);

/* Connections that exist now, whatever their state. */
unsigned vsock_count(const struct vsock *vsock);

#endif
