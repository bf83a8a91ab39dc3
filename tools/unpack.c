/* unpack: a ramdisk's files into a folder, and never outside of it, whatever the names in the archive say. */
#include "tools/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/lane.h"
#include "base/text.h"
#include "image/contents.h"

#define READ_SIZE LANE_CHUNK
#define BEHIND "lies behind a symbolic link or a file"

struct unpack {
    struct cpio_entry entry;
    char path[CPIO_NAME_MAX + 1];
    char buffer[READ_SIZE];
};

/* What an errno of making an entry says of the archive, not of the system; NULL for the others. */
static const char *fault_of(int error)
{
    switch (error) {
    case -ELOOP:
    case -ENOTDIR:
        return BEHIND;
    case -EISDIR:
    case -EEXIST:
    case -ENOTEMPTY:
        return "stands where a folder is, or is a folder where a file is";
    case -ENAMETOOLONG:
        return "has a part that is too long for a file's name";
    case -ENOENT:
        return "is a symbolic link to nothing";
    default:
        return NULL;
    }
}

/* Opens the folder that holds the last part of path, making those on the way. *last is that part. Fd or -errno. */
static int open_parent(int root, char *path, const char **last)
{
    int fd = fcntl(root, F_DUPFD_CLOEXEC, 0);
    char *part = path;
    char *slash;

    while (fd >= 0 && (slash = strchr(part, '/')) != NULL) {
        *slash = '\0';
        int error = mkdirat(fd, part, 0755) < 0 && errno != EEXIST ? -errno : 0;
        int next = error == 0 ? openat(fd, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : error;
        next = error == 0 && next < 0 ? -errno : next;
        *slash = '/';
        close(fd);
        if (next < 0) {
            return next;
        }
        fd = next;
        part = slash + 1;
    }
    *last = part;
    return fd >= 0 ? fd : -errno;
}

static int make_folder(int parent, const char *name, mode_t mode)
{
    int fd;
    int error = mkdirat(parent, name, 0700) < 0 && errno != EEXIST ? -errno : 0;

    if (error < 0) {
        return error;
    }
    fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    error = fchmod(fd, (mode & 0777) | 0700) < 0 ? -errno : 0;
    close(fd);
    return error;
}

static int write_content(struct unpack *unpack, int fd, struct reason *why)
{
    const struct source *content = &unpack->entry.content;
    int error = 0;

    for (uint64_t done = 0; error == 0 && done < content->size;) {
        uint64_t left = content->size - done;
        size_t size = left < READ_SIZE ? (size_t)left : READ_SIZE;
        error = source_read(content, done, unpack->buffer, size, why);
        if (error == 0) {
            error = file_write_all(fd, unpack->buffer, size);
        }
        done += size;
    }
    return error;
}

static int make_file(struct unpack *unpack, int parent, const char *name, struct reason *why)
{
    int fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    int error = fd < 0 ? -errno : write_content(unpack, fd, why);

    if (error == 0 && fchmod(fd, unpack->entry.header.mode & 0777) < 0) {
        error = -errno;
    }
    if (fd >= 0 && close(fd) < 0 && error == 0) {
        error = -errno;
    }
    return error;
}

static int make_link(struct unpack *unpack, int parent, const char *name, struct reason *why)
{
    char target[CPIO_LINK_MAX + 1];
    size_t size = (size_t)unpack->entry.content.size;
    int error;

    if (unpack->entry.content.size > CPIO_LINK_MAX) {
        return -ENAMETOOLONG;
    }
    error = source_read(&unpack->entry.content, 0, target, size, why);
    target[size] = '\0';
    return error < 0 ? error : symlinkat(target, parent, name) < 0 ? -errno : 0;
}

static int make_entry(struct unpack *unpack, int parent, const char *name, struct reason *why)
{
    uint32_t mode = unpack->entry.header.mode;

    if ((mode & CPIO_TYPE_MASK) == CPIO_FOLDER) {
        return make_folder(parent, name, mode);
    }
    if (unlinkat(parent, name, 0) < 0 && errno != ENOENT) {
        return -errno;
    }
    return (mode & CPIO_TYPE_MASK) == CPIO_LINK ? make_link(unpack, parent, name, why)
                                                : make_file(unpack, parent, name, why);
}

static bool is_special(uint32_t mode)
{
    uint32_t type = mode & CPIO_TYPE_MASK;

    return type != CPIO_REGULAR && type != CPIO_FOLDER && type != CPIO_LINK;
}

/* What keeps an entry from being made before anything is tried, or NULL. */
static const char *refused(struct unpack *unpack)
{
    uint32_t mode = unpack->entry.header.mode;
    const char *fault = contents_path(unpack->entry.name, unpack->path);

    if (fault == NULL && is_special(mode)) {
        fault = "is a device, pipe or socket";
    }
    if (fault == NULL && unpack->path[0] == '\0' && (mode & CPIO_TYPE_MASK) != CPIO_FOLDER) {
        fault = "is the root, but no folder";
    }
    return fault;
}

/* Makes the entry; *fault is set where it is left out. 0 or -errno with a sentence. */
static int place_entry(struct unpack *unpack, int root, const char **fault, struct reason *why)
{
    const char *name;
    int parent;
    int error;

    *fault = refused(unpack);
    if (*fault != NULL || unpack->path[0] == '\0') {
        return 0;
    }
    why->text[0] = '\0';
    parent = open_parent(root, unpack->path, &name);
    error = parent < 0 ? parent : make_entry(unpack, parent, name, why);
    if (parent >= 0) {
        close(parent);
    }
    if (error == 0 || why->text[0] != '\0') {
        return error;
    }
    *fault = fault_of(error);
    return *fault != NULL ? 0
                          : reason_system(why, error, "%s: cannot write", text_quote_string(unpack->entry.name).text);
}

int unpack_archive(const struct source *archive, int fd, unpack_left_out *left_out, void *owner,
    struct unpacked *unpacked, struct reason *why)
{
    struct unpack *unpack = malloc(sizeof *unpack);
    struct cpio_reader reader;
    int result = unpack == NULL ? reason_system(why, -ENOMEM, "no memory") : 0;

    *unpacked = (struct unpacked){0};
    cpio_reader_init(&reader, archive);
    while (result >= 0 && (result = cpio_next(&reader, &unpack->entry, why)) > 0) {
        const char *fault;
        int error = place_entry(unpack, fd, &fault, why);
        if (error < 0) {
            result = error;
        } else if (fault != NULL) {
            unpacked->left_out++;
            left_out(owner, unpack->entry.name, fault, is_special(unpack->entry.header.mode));
        } else {
            unpacked->files++;
        }
    }
    free(unpack);
    return result;
}
