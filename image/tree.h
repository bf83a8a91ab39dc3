/* tree: the files of an application ramdisk, gathered from a folder and from memory, checked, sorted and packed. */
#ifndef INGOT_IMAGE_TREE_H
#define INGOT_IMAGE_TREE_H

#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"
#include "image/cpio.h"
#include "image/manifest.h"

/*
 *   tree_init ─ (tree_add_memory | tree_add_file | tree_walk)… ─ tree_finish ─ tree_pack ─ tree_free
 *
 * Paths are those of the archive: "app/rootfs/bin/sh". Content of files stays where it is until tree_pack() streams it.
 * Owners and times are dropped; modes, links and empty folders are kept.
 */
struct tree_entry {
    char *path;
    unsigned mode; /* with its type bits (CPIO_…) */
    uint64_t size; /* of content or link target */
    char *from;    /* the file to read it from; NULL: data */
    void *data;    /* content or link target; NULL for a folder */
};

struct tree {
    struct tree_entry *entries; /* sorted after tree_finish() */
    size_t count;
    size_t room;
    uint64_t content; /* bytes of all files, each rounded up to whole pages: what they take unpacked */
};

/* Starts with the folders "app" and "app/rootfs". 0 or -ENOMEM. */
int tree_init(struct tree *tree);
void tree_free(struct tree *tree);

/* Adds size bytes as a regular file of mode 0644; folders above that are not there yet are made (0755). */
int tree_add_memory(struct tree *tree, const char *path, const void *data, size_t size, struct reason *why);
/* The same with the content of a file, which is read when the tree is packed. */
int tree_add_file(struct tree *tree, const char *path, const char *from, struct reason *why);

/*
 * Adds all that lies below the folder `from`, as below `path` (which is there). Refused with its path (-EINVAL):
 * sockets, devices, named pipes, and files with a second name (a hard link could lead out of the folder).
 */
int tree_walk(struct tree *tree, const char *path, const char *from, struct reason *why);

/*
 * Sorts by path and checks what every application ramdisk must keep: valid paths (manifest_path_valid()), none twice,
 * none behind a symbolic link, none that tree_reserved() refuses. 0 or -EINVAL.
 */
int tree_finish(struct tree *tree, struct reason *why);

/* Writes all entries and, last, the manifest; then the archive's end. */
int tree_pack(const struct tree *tree, struct cpio_writer *writer, struct reason *why);

/* After tree_finish(). NULL where there is none. */
const struct tree_entry *tree_find(const struct tree *tree, const char *path);

/*
 * The same, following symbolic links as a program whose root is app/rootfs would: path is absolute inside rootfs.
 * NULL where it leads nowhere.
 */
const struct tree_entry *tree_resolve(const struct tree *tree, const char *path);

/*
 * What keeps a path (of this type) from being in an application ramdisk, as half a sentence, or NULL: outside of
 * app/enclave.ini and app/rootfs; or where PID 1 puts its own: etc/hosts, etc/resolv.conf, and dev, proc, sys, tmp, run
 * and opt/enclave/certs, which may be there only as empty folders; etc, opt and opt/enclave must be folders.
 */
const char *tree_reserved(const char *path, enum manifest_type type);

#endif
