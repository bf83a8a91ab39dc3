/* memory: the guest's memory as QEMU shares it, through which every address that the guest writes is checked. */
#ifndef INGOT_TOOLS_EMULATOR_MEMORY_H
#define INGOT_TOOLS_EMULATOR_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"

/*
 * A region is known by two addresses: descriptors hold guest-physical ones, vhost-user names the rings by addresses
 * of QEMU's own process (vhost-user, "Memory region description"). What lies there changes under our hands at any
 * time: read a field once, into memory of ours, then check that.
 */
#define MEMORY_REGIONS_MAX 8 /* VHOST_MEMORY_BASELINE_NREGIONS; nitro-enclave has two */

struct memory_region {
    uint64_t guest; /* guest-physical address of its first byte */
    uint64_t user;  /* the same byte in QEMU's address space */
    uint64_t size;  /* bytes; guest + size and user + size do not overflow */
    uint8_t *data;  /* the same byte here */
    void *map;      /* what memory_clear() unmaps */
    size_t map_size;
};

struct memory {
    struct memory_region regions[MEMORY_REGIONS_MAX];
    unsigned count;
};

/*
 * Maps size bytes at offset of fd as one more region; fd stays the caller's. 0; -EPROTO with a sentence where sizes
 * overflow, the file is too short or there are MEMORY_REGIONS_MAX regions already; -errno of mapping.
 */
int memory_add(
    struct memory *memory, uint64_t guest, uint64_t user, uint64_t size, int fd, uint64_t offset, struct reason *why);
/* Unmaps every region. */
void memory_clear(struct memory *memory);

/* Where size bytes at that address lie here; NULL unless all of them lie in one region. size 0 is never found. */
void *memory_at_guest(const struct memory *memory, uint64_t address, uint64_t size);
void *memory_at_user(const struct memory *memory, uint64_t address, uint64_t size);

#endif
