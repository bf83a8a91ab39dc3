/* manifest_check: compares an unpacked tree with its manifest, file by file. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "crypto/hash.h"
#include "image/config.h"
#include "image/manifest.h"

#define READ_SIZE 16384

/* A difference: the sentence names the path. */
#define DIFFERS(why, path, ...)                                                                                        \
    (reason_set((why), -EILSEQ, __VA_ARGS__), reason_prefix((why), "%s", text_quote_string(path).text), -EILSEQ)

static int fail(struct reason *why, const char *path)
{
    return reason_system(why, -errno, "%s: cannot be read", text_quote_string(path).text);
}

static int check_digest(const struct manifest_entry *entry, const struct hash_sha256 *hash, struct reason *why)
{
    uint8_t digest[HASH_SHA256_SIZE];

    hash_sha256_out(hash, digest);
    return memcmp(digest, entry->sha256, sizeof digest) == 0
               ? 0
               : DIFFERS(why, entry->path, "its content is not what the image was built with: it was cut or changed");
}

static int check_link(int root, const struct manifest_entry *entry, struct reason *why)
{
    char target[MANIFEST_PATH_MAX + 1];
    ssize_t size = readlinkat(root, entry->path, target, sizeof target);
    struct hash_sha256 hash;

    if (size < 0) {
        return fail(why, entry->path);
    }
    hash_sha256_init(&hash);
    hash_sha256_update(&hash, target, (size_t)size);
    return check_digest(entry, &hash, why);
}

static int check_content(int root, const struct manifest_entry *entry, struct reason *why)
{
    int fd = openat(root, entry->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    char buffer[READ_SIZE];
    struct hash_sha256 hash;
    ssize_t n;
    int error;

    if (fd < 0) {
        return fail(why, entry->path);
    }
    hash_sha256_init(&hash);
    do {
        n = read(fd, buffer, sizeof buffer);
        if (n > 0) {
            hash_sha256_update(&hash, buffer, (size_t)n);
        }
    } while (n > 0 || (n < 0 && errno == EINTR));
    error = n < 0 ? fail(why, entry->path) : check_digest(entry, &hash, why);
    close(fd);
    return error;
}

static mode_t format_of(enum manifest_type type)
{
    return type == MANIFEST_FOLDER ? S_IFDIR : type == MANIFEST_REGULAR ? S_IFREG : S_IFLNK;
}

static int check_entry(int root, const struct manifest_entry *entry, struct reason *why)
{
    struct stat status;

    if (fstatat(root, entry->path, &status, AT_SYMLINK_NOFOLLOW) < 0) {
        return errno == ENOENT || errno == ENOTDIR
                   ? DIFFERS(why, entry->path,
                         "it is missing: memory was short when the image was unpacked, or it was removed")
                   : fail(why, entry->path);
    }
    if ((status.st_mode & S_IFMT) != format_of(entry->type)) {
        return DIFFERS(why, entry->path, "it is of another type than in the manifest (%c)", (char)entry->type);
    }
    if ((status.st_mode & 07777) != entry->mode) {
        return DIFFERS(
            why, entry->path, "its mode is %04o, in the manifest %04o", (unsigned)status.st_mode & 07777, entry->mode);
    }
    if (status.st_uid != geteuid() || status.st_gid != getegid()) {
        return DIFFERS(
            why, entry->path, "it belongs to user %u, group %u", (unsigned)status.st_uid, (unsigned)status.st_gid);
    }
    if (entry->type == MANIFEST_FOLDER) {
        return 0;
    }
    if ((uint64_t)status.st_size != entry->size) {
        return DIFFERS(why, entry->path, "it has %" PRIu64 " bytes, in the manifest %" PRIu64, (uint64_t)status.st_size,
            entry->size);
    }
    return entry->type == MANIFEST_LINK ? check_link(root, entry, why) : check_content(root, entry, why);
}

/* Every name in a folder is an entry of the manifest, or the manifest itself. */
static int check_names(const struct manifest *manifest, const char *folder, DIR *names, struct reason *why)
{
    char path[MANIFEST_PATH_MAX + 2];

    for (;;) {
        errno = 0;
        const struct dirent *name = readdir(names);
        if (name == NULL) {
            return errno == 0 ? 0 : fail(why, folder);
        }
        if (strcmp(name->d_name, ".") == 0 || strcmp(name->d_name, "..") == 0) {
            continue;
        }
        int length = snprintf(path, sizeof path, "%s/%s", folder, name->d_name);
        if (length < 0 || (size_t)length >= sizeof path ||
            (manifest_find(manifest, path) == NULL && strcmp(path, CONFIG_PATH_MANIFEST) != 0)) {
            return DIFFERS(why, path, "the manifest does not list it");
        }
    }
}

static int check_folder(
    int root, const struct manifest *manifest, const struct manifest_entry *entry, struct reason *why)
{
    int fd = openat(root, entry->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *names = fd < 0 ? NULL : fdopendir(fd);
    int error;

    if (names == NULL) {
        error = fail(why, entry->path);
        if (fd >= 0) {
            close(fd);
        }
        return error;
    }
    error = check_names(manifest, entry->path, names, why);
    closedir(names);
    return error;
}

int manifest_check(const struct manifest *manifest, const char *root, struct reason *why)
{
    int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = fd < 0 ? fail(why, root) : 0;

    for (size_t i = 0; error == 0 && i < manifest->count; i++) {
        error = check_entry(fd, &manifest->entries[i], why);
        if (error == 0 && manifest->entries[i].type == MANIFEST_FOLDER) {
            error = check_folder(fd, manifest, &manifest->entries[i], why);
        }
    }
    if (fd >= 0) {
        close(fd);
    }
    return error;
}
