/* memory: the guest's memory as QEMU shares it, through which every address that the guest writes is checked. */
#include "tools/emulator/memory.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/stat.h>

int memory_add(
    struct memory *memory, uint64_t guest, uint64_t user, uint64_t size, int fd, uint64_t offset, struct reason *why)
{
    struct stat file;
    uint64_t end;
    uint64_t unused;

    if (memory->count == MEMORY_REGIONS_MAX || size == 0 || __builtin_add_overflow(offset, size, &end) ||
        end > SIZE_MAX || __builtin_add_overflow(guest, size, &unused) || __builtin_add_overflow(user, size, &unused)) {
        return reason_set(why, -EPROTO, "a memory region with sizes that make no sense");
    }
    /* Bytes behind the end of the file would be a bus error when touched. */
    if (fstat(fd, &file) < 0 || file.st_size < 0 || (uint64_t)file.st_size < end) {
        return reason_set(why, -EPROTO, "a memory region that is larger than its file");
    }
    /* From the start of the file: an offset need not be a multiple of a page. */
    void *map = mmap(NULL, (size_t)end, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        return reason_system(why, -errno, "the guest's memory can't be mapped");
    }
    memory->regions[memory->count++] = (struct memory_region){
        .guest = guest,
        .user = user,
        .size = size,
        .data = (uint8_t *)map + offset,
        .map = map,
        .map_size = (size_t)end,
    };
    return 0;
}

void memory_clear(struct memory *memory)
{
    while (memory->count > 0) {
        struct memory_region *region = &memory->regions[--memory->count];
        munmap(region->map, region->map_size);
    }
}

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
