/* tree: the files of an application ramdisk, gathered from a folder and from memory, checked, sorted and packed. */
#include "image/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/lane.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "image/config.h"
#include "image/tree_parts.h"

#define PAGE 4096u
#define READ_SIZE LANE_CHUNK
#define LINKS_MAX 40 /* followed for one path, as the kernel's MAXSYMLINKS */

#define NO_MEMORY(why) reason_system((why), -ENOMEM, "no memory")

/* ---- What may be there ---- */

static bool is_below(const char *path, const char *folder)
{
    size_t size = strlen(folder);

    return strncmp(path, folder, size) == 0 && path[size] == '/';
}

const char *tree_reserved(const char *path, enum manifest_type type)
{
    static const char *const files[] = {"etc/hosts", "etc/resolv.conf"};
    static const char *const folders[] = {"dev", "proc", "sys", "tmp", "run", "opt/enclave/certs"};
    static const char *const above[] = {"etc", "opt", "opt/enclave"};

    if (strcmp(path, "app") == 0 || strcmp(path, CONFIG_PATH_ROOTFS) == 0) {
        return type == MANIFEST_FOLDER ? NULL : "must be a folder";
    }
    if (strcmp(path, CONFIG_PATH_INI) == 0) {
        return type == MANIFEST_REGULAR ? NULL : "must be a file";
    }
    if (!is_below(path, CONFIG_PATH_ROOTFS)) {
        return "is neither app/enclave.ini nor below app/rootfs: only these belong to the application";
    }
    path += strlen(CONFIG_PATH_ROOTFS "/");
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (strcmp(path, files[i]) == 0 || is_below(path, files[i])) {
            return "is written by PID 1, from the endpoints of enclave.ini (remove it)";
        }
    }
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        if (is_below(path, folders[i]) || (strcmp(path, folders[i]) == 0 && type != MANIFEST_FOLDER)) {
            return "lies where PID 1 mounts its own (remove it; an empty folder there is fine)";
        }
    }
    for (size_t i = 0; i < sizeof above / sizeof above[0]; i++) {
        if (strcmp(path, above[i]) == 0 && type != MANIFEST_FOLDER) {
            return "must be a folder: PID 1 writes below it";
        }
    }
    return NULL;
}

static enum manifest_type type_of(unsigned mode)
{
    return (mode & CPIO_TYPE_MASK) == CPIO_FOLDER    ? MANIFEST_FOLDER
           : (mode & CPIO_TYPE_MASK) == CPIO_REGULAR ? MANIFEST_REGULAR
                                                     : MANIFEST_LINK;
}

/* ---- Gathering ---- */

int tree_add(struct tree *tree, const char *path, struct tree_entry entry, struct reason *why)
{
    entry.path = strdup(path);
    if (entry.path != NULL && tree->count == tree->room) {
        size_t room = tree->room == 0 ? 64 : tree->room * 2;
        void *larger = realloc(tree->entries, room * sizeof *tree->entries);
        if (larger != NULL) {
            tree->entries = larger;
            tree->room = room;
        }
    }
    if (entry.path == NULL || tree->count == tree->room) {
        free(entry.path);
        free(entry.from);
        free(entry.data);
        return NO_MEMORY(why);
    }
    if (entry.size > CPIO_SIZE_MAX) {
        free(entry.path);
        free(entry.from);
        free(entry.data);
        return reason_set(why, -EINVAL, "%s: larger than 4 GiB", text_quote_string(path).text);
    }
    tree->content += (entry.size + PAGE - 1) / PAGE * PAGE;
    tree->entries[tree->count++] = entry;
    return 0;
}

static int add_folder(struct tree *tree, const char *path, unsigned mode, struct reason *why)
{
    return tree_add(tree, path, (struct tree_entry){.mode = CPIO_FOLDER | mode}, why);
}

int tree_init(struct tree *tree)
{
    int error;

    *tree = (struct tree){0};
    error = add_folder(tree, "app", 0755, NULL);
    return error == 0 ? add_folder(tree, CONFIG_PATH_ROOTFS, 0755, NULL) : error;
}

void tree_free(struct tree *tree)
{
    for (size_t i = 0; i < tree->count; i++) {
        free(tree->entries[i].path);
        free(tree->entries[i].from);
        free(tree->entries[i].data);
    }
    free(tree->entries);
    *tree = (struct tree){0};
}

static const struct tree_entry *find_unsorted(const struct tree *tree, const char *path)
{
    for (size_t i = 0; i < tree->count; i++) {
        if (strcmp(tree->entries[i].path, path) == 0) {
            return &tree->entries[i];
        }
    }
    return NULL;
}

/* Makes the folders above path that are not there. */
static int add_folders_above(struct tree *tree, const char *path, struct reason *why)
{
    char above[MANIFEST_PATH_MAX + 1];
    int error = 0;

    if (strlen(path) > MANIFEST_PATH_MAX) {
        return reason_set(why, -EINVAL, "%s: the path is too long", text_quote_string(path).text);
    }
    for (const char *slash = strchr(path, '/'); error == 0 && slash != NULL; slash = strchr(slash + 1, '/')) {
        memcpy(above, path, (size_t)(slash - path));
        above[slash - path] = '\0';
        if (find_unsorted(tree, above) == NULL) {
            error = add_folder(tree, above, 0755, why);
        }
    }
    return error;
}

int tree_add_memory(struct tree *tree, const char *path, const void *data, size_t size, struct reason *why)
{
    void *copy = malloc(size + 1);
    int error = add_folders_above(tree, path, why);

    if (copy == NULL || error < 0) {
        free(copy);
        return error < 0 ? error : NO_MEMORY(why);
    }
    memcpy(copy, data, size);
    return tree_add(tree, path, (struct tree_entry){.mode = CPIO_REGULAR | 0644, .size = size, .data = copy}, why);
}

int tree_add_file(struct tree *tree, const char *path, const char *from, struct reason *why)
{
    struct stat status;
    char *copy;
    int error;

    if (stat(from, &status) < 0) {
        return reason_system(why, -errno, "%s: cannot read", from);
    }
    if (!S_ISREG(status.st_mode)) {
        return reason_set(why, -EINVAL, "%s: not a regular file", from);
    }
    error = add_folders_above(tree, path, why);
    copy = strdup(from);
    if (copy == NULL || error < 0) {
        free(copy);
        return error < 0 ? error : NO_MEMORY(why);
    }
    return tree_add(tree, path,
        (struct tree_entry){.mode = CPIO_REGULAR | 0644, .size = (uint64_t)status.st_size, .from = copy}, why);
}

/* ---- Finishing ---- */

static int compare_paths(const void *a, const void *b)
{
    return strcmp(((const struct tree_entry *)a)->path, ((const struct tree_entry *)b)->path);
}

const struct tree_entry *tree_find(const struct tree *tree, const char *path)
{
    const struct tree_entry key = {.path = (char *)(uintptr_t)path};

    return bsearch(&key, tree->entries, tree->count, sizeof tree->entries[0], compare_paths);
}

/* The folder above is an entry, and a folder. */
static bool lies_in_folder(const struct tree *tree, const char *path)
{
    char above[MANIFEST_PATH_MAX + 1];
    const char *slash = strrchr(path, '/');
    const struct tree_entry *folder;

    if (slash == NULL) {
        return true;
    }
    memcpy(above, path, (size_t)(slash - path));
    above[slash - path] = '\0';
    folder = tree_find(tree, above);
    return folder != NULL && type_of(folder->mode) == MANIFEST_FOLDER;
}

int tree_finish(struct tree *tree, struct reason *why)
{
    qsort(tree->entries, tree->count, sizeof tree->entries[0], compare_paths);
    for (size_t i = 0; i < tree->count; i++) {
        const char *path = tree->entries[i].path;
        const char *fault;
        if (!manifest_path_valid(path)) {
            return reason_set(why, -EINVAL,
                "%s: not a path that an image can hold (control characters, or longer than %d bytes)",
                text_quote_string(path).text, MANIFEST_PATH_MAX);
        }
        if (i > 0 && strcmp(tree->entries[i - 1].path, path) == 0) {
            return reason_set(why, -EINVAL, "%s: two files of this name (one of --root, one that enclave.ini names)",
                text_quote_string(path).text);
        }
        fault = tree_reserved(path, type_of(tree->entries[i].mode));
        if (fault == NULL && !lies_in_folder(tree, path)) {
            fault = "lies behind something that is no folder";
        }
        if (fault != NULL) {
            return reason_set(why, -EINVAL, "%s: %s", text_quote_string(path).text, fault);
        }
    }
    return tree->count < MANIFEST_ENTRIES_MAX
               ? 0
               : reason_set(why, -EINVAL, "%zu files and folders are more than an image can hold (%d)", tree->count,
                     MANIFEST_ENTRIES_MAX);
}

/* ---- Following links ---- */

/* Puts a link's target in place of the part it is: what is left of path to walk goes behind it. False: too long. */
static bool follow_link(char path[static PATH_MAX], const struct tree_entry *link, const char *rest)
{
    char joined[PATH_MAX];
    int length = snprintf(joined, sizeof joined, "%.*s%s", (int)link->size, (const char *)link->data, rest);

    if (length < 0 || (size_t)length >= sizeof joined) {
        return false;
    }
    memcpy(path, joined, (size_t)length + 1);
    return true;
}

const struct tree_entry *tree_resolve(const struct tree *tree, const char *path)
{
    const struct tree_entry *entry = tree_find(tree, CONFIG_PATH_ROOTFS);
    char left[PATH_MAX]; /* still to be walked, from `at` on */
    char at[PATH_MAX] = CONFIG_PATH_ROOTFS;
    unsigned links = 0;

    if (strlen(path) >= sizeof left) {
        return NULL;
    }
    strcpy(left, path);
    for (const char *next = left; entry != NULL;) {
        next += strspn(next, "/");
        size_t size = strcspn(next, "/");
        size_t used = strlen(at);
        if (size == 0) {
            return entry;
        }
        if (type_of(entry->mode) != MANIFEST_FOLDER || used + 1 + size >= sizeof at) {
            return NULL;
        }
        if (size == 2 && memcmp(next, "..", 2) == 0) {
            if (strcmp(at, CONFIG_PATH_ROOTFS) != 0) { /* the root's parent is the root */
                *strrchr(at, '/') = '\0';
            }
        } else if (size != 1 || next[0] != '.') {
            at[used] = '/';
            memcpy(at + used + 1, next, size);
            at[used + 1 + size] = '\0';
        }
        next += size;
        entry = tree_find(tree, at);
        if (entry != NULL && type_of(entry->mode) == MANIFEST_LINK) {
            if (++links > LINKS_MAX || !follow_link(left, entry, next)) {
                return NULL;
            }
            at[left[0] == '/' ? strlen(CONFIG_PATH_ROOTFS) : used] = '\0';
            next = left;
            entry = tree_find(tree, at);
        }
    }
    return NULL;
}

/* ---- Packing ---- */

static void hash_bytes(void *owner, const void *data, size_t size)
{
    hash_sha256_update(owner, data, size);
}

/* A file's digest runs in a lane beside those of the image that takes it. */
static int pack_file(
    const struct tree_entry *entry, struct cpio_writer *writer, struct hash_sha256 *hash, struct reason *why)
{
    int fd = open(entry->from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    char *buffer = malloc(READ_SIZE);
    uint64_t left = entry->size;
    struct lane *lane;
    ssize_t n = 0;
    int error = lane_open(&lane, hash_bytes, hash);

    if (fd < 0 || buffer == NULL || error < 0) {
        error = reason_system(why, fd < 0 ? -errno : -ENOMEM, "%s: cannot read", entry->from);
    }
    while (error == 0 && (n = read(fd, buffer, READ_SIZE)) != 0) {
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            error = reason_system(why, -errno, "%s: cannot read", entry->from);
        } else if ((uint64_t)n > left) {
            error = reason_set(why, -EINVAL, "%s: it has become larger while it was packed", entry->from);
        } else {
            lane_put(lane, buffer, (size_t)n);
            error = cpio_content(writer, buffer, (size_t)n, why);
            left -= (uint64_t)n;
        }
    }
    if (error == 0 && left > 0) {
        error = reason_set(why, -EINVAL, "%s: it has become smaller while it was packed", entry->from);
    }
    lane_close(lane);
    free(buffer);
    if (fd >= 0) {
        close(fd);
    }
    return error;
}

static int pack_entry(
    const struct tree_entry *entry, struct cpio_writer *writer, struct manifest *manifest, struct reason *why)
{
    struct manifest_entry line = {
        .type = type_of(entry->mode), .mode = entry->mode & 07777, .size = entry->size, .path = entry->path};
    int error = cpio_add(writer, entry->path, entry->mode, entry->size, why);
    struct hash_sha256 hash;

    hash_sha256_init(&hash);
    if (error == 0 && entry->from != NULL) {
        error = pack_file(entry, writer, &hash, why);
    } else if (error == 0 && entry->data != NULL) {
        hash_sha256_update(&hash, entry->data, (size_t)entry->size);
        error = cpio_content(writer, entry->data, (size_t)entry->size, why);
    }
    if (error < 0) {
        return error;
    }
    if (line.type != MANIFEST_FOLDER) {
        hash_sha256_out(&hash, line.sha256);
    }
    return manifest_add(manifest, &line) < 0 ? NO_MEMORY(why) : 0;
}

static int pack_manifest(const struct manifest *manifest, struct cpio_writer *writer, struct reason *why)
{
    char *text;
    size_t size;
    int error = manifest_write(manifest, &text, &size);

    if (error < 0) {
        return NO_MEMORY(why);
    }
    if (size > MANIFEST_FILE_MAX) {
        error = reason_set(why, -EINVAL, "the paths of all files are too long together: a manifest has at most 16 MiB");
    }
    if (error == 0) {
        error = cpio_add(writer, CONFIG_PATH_MANIFEST, CPIO_REGULAR | 0644, size, why);
    }
    if (error == 0) {
        error = cpio_content(writer, text, size, why);
    }
    free(text);
    return error;
}

int tree_pack(const struct tree *tree, struct cpio_writer *writer, struct reason *why)
{
    struct manifest manifest = {0};
    int error = 0;

    for (size_t i = 0; error == 0 && i < tree->count; i++) {
        error = pack_entry(&tree->entries[i], writer, &manifest, why);
    }
    if (error == 0) {
        error = pack_manifest(&manifest, writer, why);
    }
    if (error == 0) {
        error = cpio_end(writer, why);
    }
    manifest_free(&manifest);
    return error;
}
