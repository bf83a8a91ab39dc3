/* cpio: archives in the kernel's "newc" form (initramfs buffer format), written reproducibly and read as hostile. */
#ifndef INGOT_IMAGE_CPIO_H
#define INGOT_IMAGE_CPIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"
#include "image/source.h"

/*
 * Each entry: a header of 110 characters (magic 070701, thirteen fields of eight hexadecimal digits), the name with its
 * NUL, zeros up to a multiple of four, the content, zeros up to a multiple of four. The entry TRAILER!!! ends it
 * (Documentation/driver-api/early-userspace/buffer-format.rst in the kernel's source).
 */
#define CPIO_HEADER_SIZE 110
#define CPIO_NAME_MAX 4095         /* without NUL; the kernel passes silently over longer ones (PATH_MAX) */
#define CPIO_LINK_MAX 4095         /* the same for a symbolic link's target */
#define CPIO_SIZE_MAX 0xffffffffu  /* of one file: eight hexadecimal digits */
#define CPIO_ENTRIES_MAX (1 << 20) /* our bound; images made of large containers hold some 100,000 */
#define CPIO_END_PADDING_MAX 511   /* zeros after the trailer: GNU cpio fills blocks of 512 */

enum { CPIO_TYPE_MASK = 0170000, CPIO_REGULAR = 0100000, CPIO_FOLDER = 0040000, CPIO_LINK = 0120000 };

struct cpio_header {
    uint32_t inode, mode, uid, gid, links, mtime, size, device_major, device_minor, special_major, special_minor;
    uint32_t name_size; /* with NUL */
    uint32_t check;
};

/* ---- Writing: entries in the order of the calls, which the caller sorts ---- */

/* Where an archive goes. 0 or -errno with a sentence, which stops the archive. */
typedef int cpio_sink(void *owner, const void *data, size_t size, struct reason *why);

/*
 * For each entry cpio_add(), then for files and links cpio_content() until size bytes are there; at last cpio_end().
 * uid, gid, times and devices are 0, links is 1, inodes count from 1: the same entries give the same bytes. What is
 * written is a multiple of four bytes, so that archives can follow one another.
 */
struct cpio_writer {
    cpio_sink *sink;
    void *owner;
    uint32_t inodes;
    uint32_t missing; /* bytes of the current entry's content that have not come yet */
    unsigned padding; /* zeros behind it */
    uint64_t size;    /* written so far */
};

void cpio_writer_init(struct cpio_writer *writer, cpio_sink *sink, void *owner);
/* mode with its type bits; name relative. 0, -EINVAL (name empty or too long, size too large), or the sink's. */
int cpio_add(struct cpio_writer *writer, const char *name, unsigned mode, uint64_t size, struct reason *why);
int cpio_content(struct cpio_writer *writer, const void *data, size_t size, struct reason *why);
int cpio_end(struct cpio_writer *writer, struct reason *why);

/* ---- Reading ---- */

struct cpio_entry {
    struct cpio_header header;
    char name[CPIO_NAME_MAX + 1]; /* as in the archive: not yet known to be a harmless path */
    struct source content;
    bool plain; /* the header is, byte for byte, what cpio_add() writes for the next entry; at the end: as cpio_end(),
                   and nothing behind it */
};

struct cpio_reader {
    struct source source;
    uint64_t offset;
    uint32_t entries;
};

void cpio_reader_init(struct cpio_reader *reader, const struct source *source);
/*
 * 1 and the next entry; 0 at the trailer, with nothing but CPIO_END_PADDING_MAX zeros behind it; -EINVAL with a
 * sentence that names the offset; -errno of reading.
 */
int cpio_next(struct cpio_reader *reader, struct cpio_entry *entry, struct reason *why);
/* The same for archives of ours: -EINVAL also for whatever is not plain. */
int cpio_next_plain(struct cpio_reader *reader, struct cpio_entry *entry, struct reason *why);

#endif
