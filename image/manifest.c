/* manifest: the list of every file of the application ramdisk: read, written, and found in an order. */
#include "image/manifest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define FIRST_LINE "ingot manifest 1"
#define TOP "app"
#define PART_MAX 255 /* NAME_MAX of the kernel */
#define HEX_SIZE 64
#define FIRST_ROOM 64
/* Room for a line without its path: type, mode, size, digest, spaces, newline. */
#define LINE_SIZE (2 + 5 + 21 + HEX_SIZE + 1 + 1)

bool manifest_path_valid(const char *path)
{
    size_t part = 0;

    if (strncmp(path, TOP, strlen(TOP)) != 0 || (path[strlen(TOP)] != '\0' && path[strlen(TOP)] != '/') ||
        strlen(path) > MANIFEST_PATH_MAX) {
        return false;
    }
    for (const char *p = path;; p++) {
        if (*p == '/' || *p == '\0') {
            const char *start = p - part;
            bool dots = (part == 1 && start[0] == '.') || (part == 2 && start[0] == '.' && start[1] == '.');
            if (part == 0 || part > PART_MAX || dots) {
                return false;
            }
            part = 0;
        } else if ((unsigned char)*p < 0x20 || *p == 0x7f) {
            return false;
        } else {
            part++;
        }
        if (*p == '\0') {
            return true;
        }
    }
}

static int compare_entry(const void *path, const void *entry)
{
    return strcmp(path, ((const struct manifest_entry *)entry)->path);
}

const struct manifest_entry *manifest_find(const struct manifest *manifest, const char *path)
{
    return manifest->count == 0
               ? NULL
               : bsearch(path, manifest->entries, manifest->count, sizeof manifest->entries[0], compare_entry);
}

int manifest_add(struct manifest *manifest, const struct manifest_entry *entry)
{
    struct manifest_entry *entries = manifest->entries;
    size_t count = manifest->count;

    if (count >= MANIFEST_ENTRIES_MAX) {
        return -E2BIG;
    }
    if (count == 0 || (count >= FIRST_ROOM && (count & (count - 1)) == 0)) { /* full at each power of two */
        entries = realloc(entries, (count == 0 ? FIRST_ROOM : count * 2) * sizeof *entries);
        if (entries == NULL) {
            return -ENOMEM;
        }
        manifest->entries = entries;
    }
    entries[count] = *entry;
    entries[count].path = strdup(entry->path);
    if (entries[count].path == NULL) {
        return -ENOMEM;
    }
    manifest->count++;
    return 0;
}

void manifest_free(struct manifest *manifest)
{
    for (size_t i = 0; i < manifest->count; i++) {
        free(manifest->entries[i].path);
    }
    free(manifest->entries);
    *manifest = (struct manifest){0};
}

/* ---- Reading ---- */

/* Takes the next field up to a space off *line; NULL where there is none. */
static char *take_field(char **line)
{
    char *field = *line;
    char *space = strchr(field, ' ');

    if (space == NULL) {
        return NULL;
    }
    *space = '\0';
    *line = space + 1;
    return field;
}

static bool read_mode(const char *text, unsigned *mode)
{
    unsigned value = 0;

    for (unsigned i = 0; i < 4; i++) {
        if (text[i] < '0' || text[i] > '7') {
            return false;
        }
        value = value * 8 + (unsigned)(text[i] - '0');
    }
    *mode = value;
    return text[4] == '\0';
}

static bool is_lower(const char *hex)
{
    return strpbrk(hex, "ABCDEF") == NULL;
}

/* One entry's line, which is cut into its fields. NULL, or what is wrong. */
static const char *read_entry(char *line, struct manifest_entry *entry)
{
    const char *type = take_field(&line);
    const char *mode = type != NULL ? take_field(&line) : NULL;
    const char *size = mode != NULL ? take_field(&line) : NULL;
    const char *digest = size != NULL ? take_field(&line) : NULL;

    if (digest == NULL) {
        return "it has fewer than five fields";
    }
    if (strlen(type) != 1 || strchr("dfl", type[0]) == NULL) {
        return "the type is none of d, f, l";
    }
    entry->type = (enum manifest_type)type[0];
    if (!read_mode(mode, &entry->mode)) {
        return "the mode is not four octal digits";
    }
    if (entry->type == MANIFEST_FOLDER) {
        if (strcmp(size, "-") != 0 || strcmp(digest, "-") != 0) {
            return "a folder has no size and no digest";
        }
    } else if (!text_number(size, 0, UINT32_MAX, &entry->size)) {
        return "the size is not a number below 4 GiB";
    } else if (!text_hex_decode(digest, entry->sha256, sizeof entry->sha256) || !is_lower(digest)) {
        return "the digest is not 64 hexadecimal digits";
    }
    entry->path = line;
    return manifest_path_valid(line) ? NULL : "this is not a path below app";
}

/* NULL, or what is wrong with an entry's place among those before it. */
static const char *check_place(const struct manifest *manifest, const struct manifest_entry *entry)
{
    const char *slash = strrchr(entry->path, '/');
    const struct manifest_entry *folder;
    char parent[MANIFEST_PATH_MAX + 1];

    if (manifest->count > 0 && strcmp(manifest->entries[manifest->count - 1].path, entry->path) >= 0) {
        return "it is not behind the line before it in the order of bytes";
    }
    if (slash == NULL) {
        return NULL;
    }
    memcpy(parent, entry->path, (size_t)(slash - entry->path));
    parent[slash - entry->path] = '\0';
    folder = manifest_find(manifest, parent);
    return folder != NULL && folder->type == MANIFEST_FOLDER ? NULL : "what it lies in is no folder of the manifest";
}

/* The last line: "end N" and nothing behind it. */
static int read_end(const struct manifest *manifest, const char *line, bool last, size_t number, struct reason *why)
{
    uint64_t count;

    if (!text_number(line + strlen("end "), 0, MANIFEST_ENTRIES_MAX, &count) || count != manifest->count) {
        return reason_set(why, -EINVAL, "line %zu: %s, but there are %zu entries: the manifest is cut", number,
            text_quote_string(line).text, manifest->count);
    }
    return last ? 0 : reason_set(why, -EINVAL, "line %zu: something stands behind the end", number);
}

static int read_lines(struct manifest *manifest, char *text, struct reason *why)
{
    char *line = text;

    for (size_t number = 1;; number++) {
        char *newline = strchr(line, '\n');
        struct manifest_entry entry = {0};
        const char *fault;
        int error;
        if (newline == NULL) {
            return reason_set(why, -EINVAL, "line %zu: the manifest is cut", number);
        }
        *newline = '\0';
        if (number == 1 && strcmp(line, FIRST_LINE) != 0) {
            return reason_set(why, -EINVAL, "line 1: %s is not \"" FIRST_LINE "\"", text_quote_string(line).text);
        }
        if (strncmp(line, "end ", 4) == 0) {
            return read_end(manifest, line, newline[1] == '\0', number, why);
        }
        if (number > 1) {
            struct text_quoted quoted = text_quote_string(line);
            fault = read_entry(line, &entry);
            fault = fault == NULL ? check_place(manifest, &entry) : fault;
            if (fault != NULL) {
                return reason_set(why, -EINVAL, "line %zu: %s: %s", number, quoted.text, fault);
            }
            error = manifest_add(manifest, &entry);
            if (error < 0) {
                return reason_system(why, error == -E2BIG ? -EINVAL : error, "line %zu", number);
            }
        }
        line = newline + 1;
    }
}

int manifest_parse(struct manifest *manifest, const char *text, size_t size, struct reason *why)
{
    char *copy;
    int error;

    *manifest = (struct manifest){0};
    if (size > MANIFEST_FILE_MAX) {
        return reason_set(why, -EINVAL, "%zu bytes are too many for a manifest", size);
    }
    if (size > 0 && memchr(text, '\0', size) != NULL) {
        return reason_set(why, -EINVAL, "there is a NUL byte in it");
    }
    copy = malloc(size + 1);
    if (copy == NULL) {
        return reason_system(why, -ENOMEM, "no memory");
    }
    memcpy(copy, text, size);
    copy[size] = '\0';
    error = read_lines(manifest, copy, why);
    free(copy);
    if (error < 0) {
        manifest_free(manifest);
    }
    return error;
}

/* ---- Writing ---- */

/* Appends an entry's line at out; the number of bytes. */
static size_t write_entry(const struct manifest_entry *entry, char *out)
{
    char hex[HEX_SIZE + 1];
    int head;

    text_hex(entry->sha256, sizeof entry->sha256, hex);
    head = entry->type == MANIFEST_FOLDER
               ? sprintf(out, "d %04o - - ", entry->mode & 07777)
               : sprintf(out, "%c %04o %" PRIu64 " %s ", (char)entry->type, entry->mode & 07777, entry->size, hex);
    return (size_t)head + (size_t)sprintf(out + head, "%s\n", entry->path);
}

int manifest_write(const struct manifest *manifest, char **text, size_t *size)
{
    size_t room = 2 * LINE_SIZE;
    char *out;

    for (size_t i = 0; i < manifest->count; i++) {
        room += LINE_SIZE + strlen(manifest->entries[i].path);
    }
    out = malloc(room);
    if (out == NULL) {
        return -ENOMEM;
    }
    *text = out;
    out += sprintf(out, FIRST_LINE "\n");
    for (size_t i = 0; i < manifest->count; i++) {
        out += write_entry(&manifest->entries[i], out);
    }
    out += sprintf(out, "end %zu\n", manifest->count);
    *size = (size_t)(out - *text);
    return 0;
}
