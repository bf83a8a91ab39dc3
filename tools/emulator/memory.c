/* memory: the guest's memory as QEMU shares it, through which every address that the guest writes is checked. */
#include "tools/emulator/memory.h"

#include <stdbool.h>
#include <stddef.h>

/* Whether size bytes at address lie within room bytes at start; no sum is made that could overflow. */
static bool lies_within(uint64_t start, uint64_t room, uint64_t address, uint64_t size)
{
    return size > 0 && address >= start && address - start < room && size <= room - (address - start);
}

void *memory_at_guest(const struct memory *memory, uint64_t address, uint64_t size)
{
    for (unsigned i = 0; i < memory->count; i++) {
        const struct memory_region *region = &memory->regions[i];
        if (lies_within(region->guest, region->size, address, size)) {
            return region->data + (address - region->guest);
        }
    }
    return NULL;
}

void *memory_at_user(const struct memory *memory, uint64_t address, uint64_t size)
{
    for (unsigned i = 0; i < memory->count; i++) {
        const struct memory_region *region = &memory->regions[i];
        if (lies_within(region->user, region->size, address, size)) {
            return region->data + (address - region->user);
        }
    }
    return NULL;
}
