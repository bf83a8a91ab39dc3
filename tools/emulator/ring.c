/* ring: the device's side of one split virtqueue in the guest's memory (virtio 1.2 §2.7). */
#include "tools/emulator/ring.h"

#include <endian.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

enum { AVAILABLE_NO_INTERRUPT = 1, USED_NO_NOTIFY = 1 }; /* flags of the two rings */

/* Offsets in units of the 16-bit words of the available ring. */
enum { AVAILABLE_FLAGS = 0, AVAILABLE_INDEX = 1, AVAILABLE_RING = 2 };
enum { USED_FLAGS = 0, USED_INDEX = 1, USED_RING = 2 };

static uint16_t load16(const volatile uint16_t *p)
{
    return le16toh(__atomic_load_n(p, __ATOMIC_ACQUIRE));
}

static void store16(volatile uint16_t *p, uint16_t value)
{
    __atomic_store_n(p, htole16(value), __ATOMIC_RELEASE);
}

/* The word behind the available ring: interrupt when the used index passes it. */
static const volatile uint16_t *used_event(const struct ring *ring)
{
    return ring->available + AVAILABLE_RING + ring->setup.size;
}

/* The word behind the used ring: kick when the available index passes it. */
static volatile uint16_t *available_event(const struct ring *ring)
{
    return (volatile uint16_t *)(ring->used + ring->setup.size);
}

static void *aligned_at(const struct ring_setup *setup, uint64_t address, uint64_t size, uint64_t alignment)
{
    void *data = memory_at_user(setup->memory, address, size);

    return (uintptr_t)data % alignment == 0 ? data : NULL;
}

int ring_start(struct ring *ring, const struct ring_setup *setup, struct reason *why)
{
    uint64_t size = setup->size;

    memset(ring, 0, sizeof *ring);
    ring->broken = true;
    ring->setup = *setup;
    if (size == 0 || size > RING_SIZE_MAX || (size & (size - 1)) != 0) {
        return reason_set(why, -EINVAL, "a ring of %llu entries: not a power of two up to %d", (unsigned long long)size,
            RING_SIZE_MAX);
    }
    ring->descriptors = aligned_at(setup, setup->descriptors, 16 * size, 16);
    ring->available = aligned_at(setup, setup->available, 2 * (AVAILABLE_RING + size + 1), 2);
    ring->used_header = aligned_at(setup, setup->used, 2 * USED_RING + 8 * size + 2, 4);
    if (ring->descriptors == NULL || ring->available == NULL || ring->used_header == NULL) {
        return reason_set(why, -EINVAL, "a ring whose %s is outside the guest's memory or not aligned",
            ring->descriptors == NULL ? "descriptor table"
            : ring->available == NULL ? "available ring"
                                      : "used ring");
    }
    ring->used = (volatile struct ring_used *)(ring->used_header + USED_RING);
    ring->next_available = setup->base;
    ring->next_used = load16(&ring->used_header[USED_INDEX]);
    ring->signalled = ring->next_used;
    ring->broken = false;
    return 0;
}

static int break_ring(struct ring *ring, struct reason *why, const char *sentence)
{
    ring->broken = true;
    return reason_set(
        why, -EPROTO, "the guest broke its %s ring: %s", ring->setup.device_writes ? "rx" : "tx", sentence);
}

/* The copy is what is checked and used: the original may change meanwhile. */
static struct ring_descriptor read_descriptor(const volatile struct ring_descriptor *p)
{
    struct ring_descriptor d = *p;

    d.address = le64toh(d.address);
    d.size = le32toh(d.size);
    d.flags = le16toh(d.flags);
    d.next = le16toh(d.next);
    return d;
}

static int add_piece(struct ring *ring, struct ring_chain *chain, const struct ring_descriptor *d, struct reason *why)
{
    if (((d->flags & RING_WRITE) != 0) != ring->setup.device_writes) {
        return break_ring(ring, why, "a descriptor for the wrong direction");
    }
    if (d->size == 0) {
        return 0;
    }
    void *data = memory_at_guest(ring->setup.memory, d->address, d->size);
    if (data == NULL) {
        return break_ring(ring, why, "a descriptor outside the guest's memory");
    }
    chain->pieces[chain->count++] = (struct iovec){.iov_base = data, .iov_len = d->size};
    chain->size += d->size; /* at most RING_PIECES_MAX × 4 GiB */
    return 0;
}

/* Follows the links from first through a table of count descriptors. */
static int walk_table(struct ring *ring, struct ring_chain *chain, const volatile struct ring_descriptor *table,
    uint32_t count, struct ring_descriptor first, struct reason *why)
{
    struct ring_descriptor d = first;

    for (unsigned steps = 1;; steps++) {
        int error = d.flags & RING_INDIRECT ? break_ring(ring, why, "a nested or unexpected indirect descriptor")
                                            : add_piece(ring, chain, &d, why);
        if (error < 0 || !(d.flags & RING_NEXT)) {
            return error;
        }
        if (steps == RING_PIECES_MAX) {
            return break_ring(ring, why, "a chain that is too long, or a loop");
        }
        if (d.next >= count) {
            return break_ring(ring, why, "a link that leaves its table");
        }
        d = read_descriptor(&table[d.next]);
    }
}

static int walk_indirect(
    struct ring *ring, struct ring_chain *chain, const struct ring_descriptor *d, struct reason *why)
{
    const volatile struct ring_descriptor *table = memory_at_guest(ring->setup.memory, d->address, d->size);
    uint32_t count = d->size / sizeof *table;

    if (!ring->setup.indirect || d->flags & RING_NEXT) {
        return break_ring(ring, why, "an indirect descriptor that was not agreed on, or has a successor");
    }
    if (table == NULL || (uintptr_t)table % 8 != 0 || d->size % sizeof *table != 0 || count > RING_SIZE_MAX) {
        return break_ring(ring, why, "an indirect table with a wrong place or size");
    }
    return walk_table(ring, chain, table, count, read_descriptor(&table[0]), why);
}

int ring_pop(struct ring *ring, struct ring_chain *chain, struct reason *why)
{
    if (ring->broken) {
        return reason_set(why, -EPROTO, "the ring is not in use");
    }
    uint16_t waiting = (uint16_t)(load16(&ring->available[AVAILABLE_INDEX]) - ring->next_available);
    if (waiting == 0) {
        return 0;
    }
    if (waiting > ring->setup.size) {
        return break_ring(ring, why, "more chains than entries");
    }
    uint32_t mask = ring->setup.size - 1;
    uint16_t head = load16(&ring->available[AVAILABLE_RING + (ring->next_available & mask)]);
    if (head >= ring->setup.size) {
        return break_ring(ring, why, "a chain that starts outside the table");
    }
    *chain = (struct ring_chain){.head = head};
    struct ring_descriptor first = read_descriptor(&ring->descriptors[head]);
    int error = first.flags & RING_INDIRECT ? walk_indirect(ring, chain, &first, why)
                                            : walk_table(ring, chain, ring->descriptors, ring->setup.size, first, why);
    if (error < 0) {
        return error;
    }
    ring->next_available++;
    return 1;
}

void ring_unpop(struct ring *ring)
{
    ring->next_available--;
}

void ring_push(struct ring *ring, const struct ring_chain *chain, uint32_t written)
{
    volatile struct ring_used *entry = &ring->used[ring->next_used & (ring->setup.size - 1)];

    entry->head = htole32(chain->head);
    entry->written = htole32(written);
    store16(&ring->used_header[USED_INDEX], ++ring->next_used);
}

bool ring_must_signal(struct ring *ring)
{
    uint16_t old = ring->signalled;

    if (ring->broken || old == ring->next_used) {
        return false;
    }
    ring->signalled = ring->next_used;
    /* The guest must see the new index before we look at its wish, or both could wait for the other. */
    atomic_thread_fence(memory_order_seq_cst);
    if (!ring->setup.event_index) {
        return !(load16(&ring->available[AVAILABLE_FLAGS]) & AVAILABLE_NO_INTERRUPT);
    }
    /* virtio 1.2 §2.7.7.2: whether the index passed used_event between the last look and now. */
    return (uint16_t)(ring->next_used - load16(used_event(ring)) - 1) < (uint16_t)(ring->next_used - old);
}

bool ring_arm(struct ring *ring, bool wanted)
{
    if (ring->broken) {
        return false;
    }
    if (!ring->setup.event_index) {
        store16(&ring->used_header[USED_FLAGS], wanted ? 0 : USED_NO_NOTIFY);
    } else if (wanted) {
        store16(available_event(ring), ring->next_available);
    }
    if (!wanted) {
        return false;
    }
    /* As above, the other way round: the wish must be seen before we look once more. */
    atomic_thread_fence(memory_order_seq_cst);
    return load16(&ring->available[AVAILABLE_INDEX]) != ring->next_available;
}
