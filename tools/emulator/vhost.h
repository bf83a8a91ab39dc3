/* vhost: a vhost-user back end for a socket device: QEMU's messages, the guest's memory, two rings and their kicks. */
#ifndef INGOT_TOOLS_EMULATOR_VHOST_H
#define INGOT_TOOLS_EMULATOR_VHOST_H

#include <stdint.h>

#include "base/reason.h"
#include "net/loop.h"
#include "tools/emulator/ring.h"

/*
 * Speaks with QEMU over one connected stream socket (vhost-user specification, "Message Specification"), as far as a
 * vhost-user-vsock device needs it: see handlers in vhost.c. Features: VERSION_1 (not insisted on: QEMU's virtio-mmio
 * is a legacy device by default), EVENT_IDX, INDIRECT_DESC; protocol features MQ, REPLY_ACK, CONFIG.
 *
 *   vhost_open() ── messages ── ring ready: kicked() at once, then at every kick
 *                            ── guest reset: stopped()
 *                            ── QEMU gone, or a message that makes no sense: ended(), once
 *
 * QEMU is not the guest: we started it, and a message that breaks the protocol ends the conversation. Sizes, counts,
 * indices and addresses are checked all the same.
 */
#define VHOST_RINGS 2 /* rx 0 and tx 1; the event queue never leaves QEMU */

struct vhost_events {
    void (*kicked)(void *arg); /* a ring has new chains, or has become usable */
    /* The guest was reset, or its driver has let go: rings and memory are not usable until the next kicked(). */
    void (*stopped)(void *arg);
    /* why is NULL when QEMU closed the socket. The rings are not usable any more. */
    void (*ended)(void *arg, const struct reason *why);
};

struct vhost;

/* fd is non-blocking and belongs to the vhost when this succeeds. events and arg are borrowed. 0 or -errno. */
int vhost_open(
    struct vhost **vhost, struct loop *loop, int fd, uint64_t guest_cid, const struct vhost_events *events, void *arg);
/* Unmaps the memory and closes all descriptors; not from inside a callback. NULL does nothing. */
void vhost_close(struct vhost *vhost);

/* index < VHOST_RINGS. NULL while that ring is not to be used. */
struct ring *vhost_ring(struct vhost *vhost, unsigned index);
/* Interrupts the guest for that ring, if it wants that. */
void vhost_signal(struct vhost *vhost, unsigned index);

#endif
