/* manifest: the list of every file of the application ramdisk, by which PID 1 finds a cut or missing one. */
#ifndef INGOT_IMAGE_MANIFEST_H
#define INGOT_IMAGE_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"

/*
 * app/manifest is the last file of the application ramdisk and lists every other one, a line each, sorted by path
 * (bytes), fields separated by one space, path last and to the end of the line:
 *
 *   ingot manifest 1
 *   d 0755 - - app
 *   f 0644 1234 <64 hex digits of SHA-256> app/enclave.ini
 *   d 0755 - - app/rootfs
 *   l 0777 11 <64 hex digits of SHA-256 of the target> app/rootfs/sh
 *   end 4
 *
 * The last line counts the entries, so that a cut manifest is seen.
 */
#define MANIFEST_PATH_MAX 4095 /* bytes of a path, without NUL */
#define MANIFEST_FILE_MAX (16u << 20)
#define MANIFEST_ENTRIES_MAX 65536

/*
 * The entries are "app" and what is below it; a path has no control characters, no part over 255 bytes, and the folder
 * it lies in is an entry before it: so nothing lies behind a symbolic link.
 */
enum manifest_type { MANIFEST_FOLDER = 'd', MANIFEST_REGULAR = 'f', MANIFEST_LINK = 'l' };

struct manifest_entry {
    enum manifest_type type;
    unsigned mode;      /* permission bits, 07777 */
    uint64_t size;      /* of a file's content or a link's target; 0 for a folder */
    uint8_t sha256[32]; /* of the same; zero for a folder */
    char *path;         /* relative, no leading "/", no "." or ".." parts */
};

struct manifest {
    struct manifest_entry *entries;
    size_t count;
};

/* Reads size bytes of a manifest. 0, or -EINVAL (sentence names the line), -ENOMEM. Release with manifest_free(). */
int manifest_parse(struct manifest *manifest, const char *text, size_t size, struct reason *why);
/* Writes it as text; *text is malloc'd. 0 or -ENOMEM. */
int manifest_write(const struct manifest *manifest, char **text, size_t *size);
void manifest_free(struct manifest *manifest);

/* Whether this can stand as a path in a manifest: relative, "app" or below, no ".", "..", empty or over-long parts. */
bool manifest_path_valid(const char *path);
/* The entry of this path in a sorted manifest, NULL where there is none. */
const struct manifest_entry *manifest_find(const struct manifest *manifest, const char *path);
/* Puts an entry at the end (path is copied). 0 or -ENOMEM, -E2BIG beyond MANIFEST_ENTRIES_MAX. */
int manifest_add(struct manifest *manifest, const struct manifest_entry *entry);

/*
 * Compares the tree below root ("/" in the enclave) with the manifest: every entry is there with its type, mode,
 * size and digest, owned by the user who checks (root in the enclave), and nothing else lies below "app" but the
 * manifest itself. Nobody else may be changing the tree meanwhile.
 * 0; -EILSEQ with a sentence that names the first difference; another -errno where the tree can't be read.
 */
int manifest_check(const struct manifest *manifest, const char *root, struct reason *why);

#endif
