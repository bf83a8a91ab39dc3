/* parts: the folder that `extract` writes and `build --parts` reads: each section raw, and the header's fields. */
#ifndef INGOT_TOOLS_PARTS_H
#define INGOT_TOOLS_PARTS_H

#include <stdbool.h>
#include <stdint.h>

#include "image/eif.h"

/*
 *   header              "memory = BYTES", "cpus = N", "flags = 0x0000", "crc32 = 0x01234567" (and " wrong", if it was)
 *   kernel, cmdline, metadata.json, ramdisk-1, ramdisk-2, …, signature     the sections' bytes
 *   ramdisk-1.files/ …  what is in a ramdisk; build does not read it
 *
 * Sections are written in AWS's order, which is the only one (image/eif.h), so the names say all of it.
 */
#define PARTS_NAME_SIZE 32

/* The file of a section; ramdisk counts from 1. */
void parts_name(enum eif_type type, unsigned ramdisk, char name[static PARTS_NAME_SIZE]);

/* Writes `header` and all sections into the folder that is open as fd. 0 or -errno. */
int parts_write(const struct eif *eif, bool crc_matches, int fd, struct reason *why);

struct parts_built {
    struct eif_measurements measurements;
    uint64_t size;
    bool copy; /* the file is, by its CRC, the one that was extracted */
};

/*
 * Packs a folder's sections into a new file at fd. 0; -EINVAL where the folder is not one that extract wrote, or came
 * from a file with a wrong CRC; -errno.
 */
int parts_pack(const char *folder, int fd, struct parts_built *built, struct reason *why);

#endif
