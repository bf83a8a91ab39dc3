/* tree_walk: takes over a folder of the build machine, refusing what an image can't hold. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "image/tree.h"
#include "image/tree_parts.h"

static int fail(struct reason *why, const char *from)
{
    return reason_system(why, -errno, "%s: cannot read", text_quote_string(from).text);
}

static const char *kind_of(mode_t mode)
{
    return S_ISSOCK(mode)   ? "a socket"
           : S_ISFIFO(mode) ? "a named pipe"
           : S_ISBLK(mode)  ? "a block device"
           : S_ISCHR(mode)  ? "a character device"
                            : "of an unknown kind";
}

static int add_link(struct tree *tree, const char *path, const char *from, struct reason *why)
{
    char *target = malloc(CPIO_LINK_MAX + 1);
    ssize_t size = target == NULL ? -1 : readlink(from, target, CPIO_LINK_MAX + 1);

    if (size < 0 || size > CPIO_LINK_MAX) {
        int error = target == NULL ? reason_system(why, -ENOMEM, "no memory")
                    : size < 0     ? fail(why, from)
                                   : reason_set(why, -EINVAL, "%s: the link's target is too long", from);
        free(target);
        return error;
    }
    return tree_add(
        tree, path, (struct tree_entry){.mode = CPIO_LINK | 0777, .size = (uint64_t)size, .data = target}, why);
}

/* One name of a folder: path in the archive, from on this machine. */
static int add_name(struct tree *tree, const char *path, const char *from, struct reason *why)
{
    struct stat status;
    unsigned mode;
    char *copy;

    if (lstat(from, &status) < 0) {
        return fail(why, from);
    }
    mode = (unsigned)status.st_mode & 07777;
    if (S_ISDIR(status.st_mode)) {
        return tree_add(tree, path, (struct tree_entry){.mode = CPIO_FOLDER | mode}, why);
    }
    if (S_ISLNK(status.st_mode)) {
        return add_link(tree, path, from, why);
    }
    if (!S_ISREG(status.st_mode)) {
        return reason_set(why, -EINVAL, "%s: it is %s; an image holds files, folders and symbolic links (remove it)",
            text_quote_string(from).text, kind_of(status.st_mode));
    }
    if (status.st_nlink > 1) {
        return reason_set(why, -EINVAL,
            "%s: the file has %lu names (hard links), and some may lie elsewhere; copy the folder without them "
            "(cp -r --no-preserve=links)",
            text_quote_string(from).text, (unsigned long)status.st_nlink);
    }
    copy = strdup(from);
    if (copy == NULL) {
        return reason_system(why, -ENOMEM, "no memory");
    }
    return tree_add(tree, path,
        (struct tree_entry){.mode = CPIO_REGULAR | mode, .size = (uint64_t)status.st_size, .from = copy}, why);
}

/* All names of one folder; those that are folders are walked later. */
static int walk_folder(struct tree *tree, const char *path, const char *from, struct reason *why)
{
    DIR *names = opendir(from);
    char *below = malloc(2 * PATH_MAX);
    char *there = below != NULL ? below + PATH_MAX : NULL;
    int error = names == NULL ? fail(why, from) : below == NULL ? reason_system(why, -ENOMEM, "no memory") : 0;

    while (error == 0) {
        errno = 0;
        const struct dirent *name = readdir(names);
        if (name == NULL) {
            error = errno != 0 ? fail(why, from) : 0;
            break;
        }
        if (strcmp(name->d_name, ".") == 0 || strcmp(name->d_name, "..") == 0) {
            continue;
        }
        int length = snprintf(below, PATH_MAX, "%s/%s", path, name->d_name);
        int there_length = snprintf(there, PATH_MAX, "%s/%s", from, name->d_name);
        if (length < 0 || length >= PATH_MAX || there_length < 0 || there_length >= PATH_MAX) {
            error = reason_set(why, -EINVAL, "%s: the path is too long", text_quote_string(from).text);
        } else if (tree->count >= MANIFEST_ENTRIES_MAX) {
            error = reason_set(why, -EINVAL, "%s: more than %d files and folders", from, MANIFEST_ENTRIES_MAX);
        } else {
            error = add_name(tree, below, there, why);
        }
    }
    free(below);
    if (names != NULL) {
        closedir(names);
    }
    return error;
}

int tree_walk(struct tree *tree, const char *path, const char *from, struct reason *why)
{
    size_t prefix = strlen(path);
    size_t first = tree->count;
    char folder[PATH_MAX];
    int error = walk_folder(tree, path, from, why);

    /* Entries that are folders come behind those that were there, so each is walked once, without recursion. */
    for (size_t i = first; error == 0 && i < tree->count; i++) {
        const struct tree_entry *entry = &tree->entries[i];
        if ((entry->mode & CPIO_TYPE_MASK) != CPIO_FOLDER) {
            continue;
        }
        int length = snprintf(folder, sizeof folder, "%s%s", from, entry->path + prefix);
        if (length < 0 || (size_t)length >= sizeof folder) {
            return reason_set(why, -EINVAL, "%s: the path is too long", text_quote_string(entry->path).text);
        }
        char *archive = strdup(entry->path); /* entries may move */
        if (archive == NULL) {
            return reason_system(why, -ENOMEM, "no memory");
        }
        error = walk_folder(tree, archive, folder, why);
        free(archive);
    }
    return error;
}
