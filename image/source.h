/* source: bytes of known number, in a file, in memory or made when asked for, read by place and never beyond the end.
 */
#ifndef INGOT_IMAGE_SOURCE_H
#define INGOT_IMAGE_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"

/*
 * The readers of images (eif, cpio) take their bytes through a source, so that the same code runs over a file of any
 * size, one section of it, what a compressed one inflates to, or a buffer of a test. A source is a value: it borrows
 * its descriptor, memory or owner and copies freely.
 */
/* Bytes that are made when they are asked for (image/gzip.h): as source_read(), within the size that is known. */
typedef int source_pull(void *owner, uint64_t offset, void *buffer, size_t size, struct reason *why);

struct source {
    int fd;             /* -1: memory, or pull */
    const void *memory; /* where fd is -1 and pull NULL */
    source_pull *pull;
    void *owner;    /* of pull */
    uint64_t start; /* of this source within its file or memory */
    uint64_t size;
};

/* A whole regular file; fd stays the caller's. 0 or -errno (-EINVAL where it is not a regular file). */
int source_file(struct source *source, int fd, struct reason *why);
struct source source_memory(const void *data, uint64_t size);

/* size bytes of it from offset on; both must lie inside. */
struct source source_part(const struct source *source, uint64_t offset, uint64_t size);

/*
 * Reads exactly size bytes at offset. 0; -EINVAL where they do not lie inside, or the file has become shorter;
 * -errno of pread(2).
 */
int source_read(const struct source *source, uint64_t offset, void *buffer, size_t size, struct reason *why);

#endif
