/* ramdisk: one ramdisk of anybody's image: how it is packed, and the archive in it where it can be opened. */
#ifndef INGOT_IMAGE_RAMDISK_H
#define INGOT_IMAGE_RAMDISK_H

#include <stdbool.h>

#include "base/reason.h"
#include "image/gzip.h"
#include "image/source.h"

/* What the first bytes say (the kernel's lib/decompress.c). Archives and gzip are opened, the others only named. */
enum ramdisk_form {
    RAMDISK_EMPTY,
    RAMDISK_CPIO,
    RAMDISK_GZIP,
    RAMDISK_XZ,
    RAMDISK_ZSTD,
    RAMDISK_LZ4,
    RAMDISK_BZIP2,
    RAMDISK_LZMA,
    RAMDISK_LZO,
    RAMDISK_UNKNOWN
};

struct ramdisk {
    enum ramdisk_form form;
    bool opened;           /* archive can be read */
    struct source archive; /* the cpio archive */
    struct gzip *gzip;
};

/* "cpio", "gzip", "xz", …; "unknown". */
const char *ramdisk_form_name(enum ramdisk_form form);

/*
 * Looks at a ramdisk's payload; a gzip one is inflated once (image/gzip.h). 0, also where the form is one that is not
 * opened; -EINVAL where gzip data is damaged or too large; -ENOMEM; -errno of reading. ramdisk_close() after 0 only.
 */
int ramdisk_open(struct ramdisk *ramdisk, const struct source *payload, struct reason *why);
void ramdisk_close(struct ramdisk *ramdisk);

#endif
