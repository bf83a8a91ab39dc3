/* ring: the device's side of one split virtqueue in the guest's memory (virtio 1.2 §2.7). */
#ifndef INGOT_TOOLS_EMULATOR_RING_H
#define INGOT_TOOLS_EMULATOR_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/reason.h"
#include "tools/emulator/memory.h"

/*
 *   ring_start() ── ring_pop() a chain ── use its bytes ── ring_push() it back ── … ── ring_must_signal(): interrupt
 *                        └── or ring_unpop(): it was never taken
 *
 * The guest is hostile: indices, addresses, lengths, flags and the links of a chain are checked each time. A ring that
 * breaks the rules is broken from then on (ring_pop() gives -EPROTO) until it is started again. Integers are
 * little-endian, which is also what a legacy device means by native on the machines that run enclaves here.
 */
#define RING_SIZE_MAX 32768 /* virtio 1.2 §2.7 */
#define RING_PIECES_MAX 32  /* descriptors of one chain; Linux sends a 64 KiB vsock packet in at most 1 + 17 */

struct ring_descriptor {
    uint64_t address; /* guest-physical */
    uint32_t size;
    uint16_t flags;
    uint16_t next;
};
_Static_assert(sizeof(struct ring_descriptor) == 16, "virtio 1.2 §2.7.5");

struct ring_used {
    uint32_t head;
    uint32_t written;
};
_Static_assert(sizeof(struct ring_used) == 8, "virtio 1.2 §2.7.8");

enum { RING_NEXT = 1, RING_WRITE = 2, RING_INDIRECT = 4 }; /* flags of a descriptor */

/* The bytes of one chain, inside the guest's memory. */
struct ring_chain {
    struct iovec pieces[RING_PIECES_MAX];
    unsigned count;
    size_t size; /* of all pieces */
    uint16_t head;
};

/* Where the ring lies (checked: in memory, aligned) and what was negotiated. */
struct ring_setup {
    const struct memory *memory;
    uint64_t descriptors; /* the three as addresses of QEMU's process */
    uint64_t available;
    uint64_t used;
    uint16_t base;      /* the first available index to look at */
    uint32_t size;      /* entries, a power of two, at most RING_SIZE_MAX */
    bool device_writes; /* all descriptors must be for the device to write (rx) or all for it to read (tx) */
    bool event_index;   /* VIRTIO_F_EVENT_IDX */
    bool indirect;      /* VIRTIO_F_INDIRECT_DESC */
};

struct ring {
    struct ring_setup setup;
    const volatile struct ring_descriptor *descriptors;
    const volatile uint16_t *available; /* flags, index, ring[size], used_event */
    volatile uint16_t *used_header;     /* flags, index */
    volatile struct ring_used *used;    /* ring[size], then avail_event */
    uint16_t next_available;
    uint16_t next_used;
    uint16_t signalled; /* next_used when ring_must_signal() last looked */
    bool broken;
};

/* 0, or -EINVAL with a sentence: the ring is not to be used. setup->memory is borrowed while the ring is in use. */
int ring_start(struct ring *ring, const struct ring_setup *setup, struct reason *why);

/* 1: *chain is the next one. 0: there is none now. -EPROTO with a sentence: the guest broke the ring. */
int ring_pop(struct ring *ring, struct ring_chain *chain, struct reason *why);
/* Puts the chain of the last ring_pop() back; only once, and before any other call. */
void ring_unpop(struct ring *ring);

/* Hands a chain back to the guest, written bytes of it filled from the front (0 for a chain that was read). */
void ring_push(struct ring *ring, const struct ring_chain *chain, uint32_t written);

/* Whether the guest wants to be interrupted for what was pushed since the last call. */
bool ring_must_signal(struct ring *ring);

/*
 * Asks the guest to kick (wanted), or not to, when it adds chains. True: chains are there already, perhaps without a
 * kick, so pop again. Not asking is only a hint; kicks may still come.
 */
bool ring_arm(struct ring *ring, bool wanted);

#endif
