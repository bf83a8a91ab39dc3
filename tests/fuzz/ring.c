/* fuzz ring: any bytes as a guest's memory with a ring in it: every piece of a chain lies in that memory. */
#include <stdlib.h>
#include <string.h>

#include "tools/emulator/ring.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MEMORY = 8192, HALF = MEMORY / 2 };

static void require(bool true_always)
{
    if (!true_always) {
        abort();
    }
}

static void check_chain(const struct ring_chain *chain, const uint8_t *memory, bool writes)
{
    size_t sum = 0;

    require(chain->count <= RING_PIECES_MAX);
    for (unsigned i = 0; i < chain->count; i++) {
        uint8_t *start = chain->pieces[i].iov_base;
        size_t offset = (size_t)(start - memory);
        require(start >= memory && offset < MEMORY && chain->pieces[i].iov_len <= MEMORY - offset);
        require((offset < HALF) == (offset + chain->pieces[i].iov_len <= HALF)); /* two regions */
        sum += chain->pieces[i].iov_len;
        if (writes) {
            memset(start, 0x5a, chain->pieces[i].iov_len); /* as a device does, over the ring too */
        }
    }
    require(sum == chain->size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ring ring;
    struct ring_chain chain;
    uint8_t *memory;

    if (size < 8 || (memory = aligned_alloc(4096, MEMORY)) == NULL) {
        return 0;
    }
    memset(memory, 0, MEMORY);
    memcpy(memory, data + 8, size - 8 < MEMORY ? size - 8 : MEMORY);
    /* The second region is HALF bytes further for the guest, so that nothing may cross from one to the other. */
    const struct memory map = {
        .regions = {{.guest = 0, .user = 0, .size = HALF, .data = memory},
            {.guest = MEMORY, .user = MEMORY, .size = HALF, .data = memory + HALF}},
        .count = 2,
    };
    const struct ring_setup setup = {
        .memory = &map,
        .descriptors = data[0] * 16u,
        .available = data[1] * 64u,
        .used = data[2] * 64u,
        .base = data[3],
        .size = 1u << data[4] % 17,
        .device_writes = data[5] & 1,
        .event_index = data[5] & 2,
        .indirect = data[5] & 4,
    };

    if (ring_start(&ring, &setup, NULL) == 0) {
        for (int i = 0; i < 100 && ring_pop(&ring, &chain, NULL) == 1; i++) {
            check_chain(&chain, memory, setup.device_writes);
            if (i % 3 == 2) {
                ring_unpop(&ring);
            } else {
                ring_push(&ring, &chain, (uint32_t)chain.size);
            }
            ring_arm(&ring, data[6] & 1);
            ring_must_signal(&ring);
        }
    }
    free(memory);
    return 0;
}
