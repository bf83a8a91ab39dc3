/* unpack: a ramdisk's files into a folder, and never outside of it, whatever the names in the archive say. */
#ifndef INGOT_TOOLS_UNPACK_H
#define INGOT_TOOLS_UNPACK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/reason.h"
#include "image/source.h"

struct unpacked {
    size_t files;    /* files, folders and links that were made */
    size_t left_out; /* entries that were not, each said */
};

/* Told of each entry that is left out: its name, and why as half a sentence; special: a device, pipe or socket. */
typedef void unpack_left_out(void *owner, const char *name, const char *fault, bool special);

/*
 * Every path is walked part by part from the folder (open as fd), through folders only, no symbolic link followed; a
 * file is made anew (O_EXCL), in place of an earlier one of its name, as the kernel does. Left out are names that are
 * absolute or have "..", what lies behind a link or a file, and devices, pipes and sockets. Modes keep their nine
 * permission bits, folders stay open to the owner; owners and times are not kept.
 * 0, -EINVAL where the archive can't be parsed, -errno of writing.
 */
int unpack_archive(const struct source *archive, int fd, unpack_left_out *left_out, void *owner,
    struct unpacked *unpacked, struct reason *why);

#endif
