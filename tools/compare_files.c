/* compare_files: what differs between the files of two ramdisks, and between the keys of two enclave.ini. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "image/config.h"
#include "image/ramdisk.h"
#include "tools/compare.h"
#include "tools/listing.h"

struct file {
    char *path; /* as the kernel unpacks it */
    struct cpio_header header;
    struct source content;
    uint8_t digest[HASH_SHA384_SIZE];
    size_t order; /* in the archive: of one path the last counts */
};

struct files {
    struct ramdisk ramdisk;
    struct file *list; /* sorted by path */
    size_t count;
    size_t room;
};

/* ---- Reading all files of a ramdisk ---- */

static int add_file(struct files *files, const struct cpio_entry *entry, char *path, struct reason *why)
{
    struct file *file;
    int error;

    if (files->count == files->room) {
        size_t room = files->room == 0 ? 64 : files->room * 2;
        struct file *list = realloc(files->list, room * sizeof *list);
        if (list == NULL) {
            return reason_system(why, -ENOMEM, "no memory");
        }
        files->list = list;
        files->room = room;
    }
    (void)contents_path(entry->name, path);
    file = &files->list[files->count];
    *file = (struct file){.path = strdup(path), .header = entry->header, .content = entry->content};
    file->order = files->count;
    if (file->path == NULL) {
        return reason_system(why, -ENOMEM, "no memory");
    }
    files->count++;
    error = listing_digest(&file->content, file->digest, why);
    return error;
}

static int by_path(const void *a, const void *b)
{
    const struct file *one = a;
    const struct file *other = b;
    int order = strcmp(one->path, other->path);

    return order != 0 ? order : one->order < other->order ? -1 : 1;
}

static int read_files(struct files *files, const struct source *payload, struct reason *why)
{
    struct cpio_entry *entry = malloc(sizeof *entry);
    char *path = malloc(CPIO_NAME_MAX + 1);
    struct cpio_reader reader;
    int result;

    *files = (struct files){0};
    result = entry == NULL || path == NULL ? reason_system(why, -ENOMEM, "no memory")
                                           : ramdisk_open(&files->ramdisk, payload, why);
    if (result == 0 && files->ramdisk.opened) {
        cpio_reader_init(&reader, &files->ramdisk.archive);
        while (result >= 0 && (result = cpio_next(&reader, entry, why)) > 0) {
            int error = add_file(files, entry, path, why);
            result = error < 0 ? error : result;
        }
        if (files->count > 0) {
            qsort(files->list, files->count, sizeof *files->list, by_path);
        }
    }
    free(path);
    free(entry);
    return result;
}

static void free_files(struct files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        free(files->list[i].path);
    }
    free(files->list);
    ramdisk_close(&files->ramdisk);
}

/* ---- enclave.ini ---- */

/* {"[section] key": value} of all that a configuration says or means by default; NULL where it can't be read. */
static json_t *config_json(const struct source *content)
{
    size_t size = content->size <= CONFIG_FILE_MAX ? (size_t)content->size : 0;
    char *ini = malloc(size + 1);
    char *printed = NULL;
    json_t *json = NULL;
    struct config_report report;
    struct config config;
    char section[512] = "";

    if (ini == NULL || size == 0 || source_read(content, 0, ini, size, NULL) < 0) {
        free(ini);
        return NULL;
    }
    if (config_parse(&config, CONFIG_PATH_INI, ini, size, &report) == 0 && config_print(&config, &printed) == 0) {
        json = json_object();
    }
    for (char *line = printed; json != NULL && line != NULL && *line != '\0';) {
        char name[1024];
        char *end = strchr(line, '\n');
        char *equals = strstr(line, " = ");
        if (end != NULL) {
            *end = '\0';
        }
        if (line[0] == '[') {
            (void)snprintf(section, sizeof section, "%s", line);
        } else if (equals != NULL && (end == NULL || equals < end)) {
            *equals = '\0';
            (void)snprintf(name, sizeof name, "%s %s", section, line);
            (void)json_object_set_new(json, name, listing_text(equals + 3, strlen(equals + 3)));
        }
        line = end != NULL ? end + 1 : NULL;
    }
    free(printed);
    config_free(&config);
    config_report_free(&report);
    free(ini);
    return json;
}

static void compare_configs(
    struct comparison *comparison, const char *section, const struct file *a, const struct file *b)
{
    json_t *from = config_json(&a->content);
    json_t *to = config_json(&b->content);

    if (from != NULL && to != NULL) {
        compare_json(comparison, section, a->path, "", from, to);
    }
    json_decref(from);
    json_decref(to);
}

/* ---- Files ---- */

static json_t *summary(const struct file *file)
{
    char text[96];

    (void)snprintf(text, sizeof text, "%s, mode %04" PRIo32 ", %" PRIu32 " bytes", listing_type(file->header.mode),
        file->header.mode & 07777, file->header.size);
    return json_string(text);
}

static void field_row(struct comparison *comparison, const char *section, const struct file *file, const char *field,
    const char *format, uint32_t a, uint32_t b)
{
    char from[24];
    char to[24];

    if (a != b) {
        (void)snprintf(from, sizeof from, format, a);
        (void)snprintf(to, sizeof to, format, b);
        compare_row(comparison, section, file->path, field, json_string(from), json_string(to), UINT64_MAX);
    }
}

/* A link's target, or a file's digest. */
static int content_text(const struct file *file, json_t **text, struct reason *why)
{
    char target[CPIO_LINK_MAX + 1];

    if ((file->header.mode & CPIO_TYPE_MASK) == CPIO_LINK && file->content.size <= CPIO_LINK_MAX) {
        int error = source_read(&file->content, 0, target, (size_t)file->content.size, why);
        *text = error == 0 ? listing_text(target, (size_t)file->content.size) : NULL;
        return error;
    }
    return compare_digest(&file->content, text, why);
}

static int compare_file(
    struct comparison *comparison, const char *section, const struct file *a, const struct file *b, struct reason *why)
{
    json_t *from = NULL;
    json_t *to = NULL;
    int error;

    if ((a->header.mode & CPIO_TYPE_MASK) != (b->header.mode & CPIO_TYPE_MASK)) {
        compare_row(comparison, section, a->path, "file", summary(a), summary(b), UINT64_MAX);
        return 0;
    }
    field_row(comparison, section, a, "mode", "%04" PRIo32, a->header.mode & 07777, b->header.mode & 07777);
    field_row(comparison, section, a, "uid", "%" PRIu32, a->header.uid, b->header.uid);
    field_row(comparison, section, a, "gid", "%" PRIu32, a->header.gid, b->header.gid);
    field_row(comparison, section, a, "time", "%" PRIu32, a->header.mtime, b->header.mtime);
    field_row(comparison, section, a, "size", "%" PRIu32, a->header.size, b->header.size);
    if (a->content.size == b->content.size && memcmp(a->digest, b->digest, sizeof a->digest) == 0) {
        return 0;
    }
    error = content_text(a, &from, why);
    if (error == 0) {
        error = content_text(b, &to, why);
    }
    if (error < 0) {
        json_decref(from);
        return error;
    }
    compare_row(comparison, section, a->path, "content", from, to, UINT64_MAX);
    if (strcmp(a->path, CONFIG_PATH_INI) == 0) {
        compare_configs(comparison, section, a, b);
    }
    return 0;
}

/* The last entry of the path at *index, which goes to the next path. */
static const struct file *next_file(const struct files *files, size_t *index)
{
    const struct file *file = &files->list[*index];

    while (*index + 1 < files->count && strcmp(files->list[*index + 1].path, file->path) == 0) {
        file = &files->list[++*index];
    }
    ++*index;
    return file;
}

static int compare_lists(struct comparison *comparison, const char *section, const struct files *a,
    const struct files *b, struct reason *why)
{
    size_t i = 0;
    size_t k = 0;
    int error = 0;

    while (error == 0 && (i < a->count || k < b->count)) {
        int order = i == a->count ? 1 : k == b->count ? -1 : strcmp(a->list[i].path, b->list[k].path);
        const struct file *from = order <= 0 ? next_file(a, &i) : NULL;
        const struct file *to = order >= 0 ? next_file(b, &k) : NULL;
        if (from != NULL && to != NULL) {
            error = compare_file(comparison, section, from, to, why);
        } else {
            compare_row(comparison, section, from != NULL ? from->path : to->path, "file",
                from != NULL ? summary(from) : NULL, to != NULL ? summary(to) : NULL, UINT64_MAX);
        }
    }
    return error;
}

/* Where no file differs, or none can be seen: the bytes do, by their order, numbers or compression. */
static int packing_rows(struct comparison *comparison, const char *section, const struct source *a,
    const struct source *b, const struct files *from, const struct files *to, uint64_t byte, struct reason *why)
{
    json_t *from_text = NULL;
    json_t *to_text = NULL;
    int error;

    if (from->ramdisk.form != to->ramdisk.form) {
        compare_row(comparison, section, NULL, "form", json_string(ramdisk_form_name(from->ramdisk.form)),
            json_string(ramdisk_form_name(to->ramdisk.form)), UINT64_MAX);
    }
    error = compare_digest(a, &from_text, why);
    if (error == 0) {
        error = compare_digest(b, &to_text, why);
    }
    if (error < 0) {
        json_decref(from_text);
        return error;
    }
    compare_row(comparison, section, NULL, "packing", from_text, to_text, byte);
    return 0;
}

int compare_ramdisks(struct comparison *comparison, unsigned number, const struct source *a, const struct source *b,
    uint64_t byte, struct reason *why)
{
    size_t before = json_array_size(comparison->rows);
    struct files from = {0};
    struct files to = {0};
    char section[32];
    int error = read_files(&from, a, why);

    (void)snprintf(section, sizeof section, "ramdisk %u", number);
    if (error == 0) {
        error = read_files(&to, b, why);
    }
    if (error == 0 && from.ramdisk.opened && to.ramdisk.opened) {
        error = compare_lists(comparison, section, &from, &to, why);
    }
    if (error == 0 && json_array_size(comparison->rows) == before) {
        error = packing_rows(comparison, section, a, b, &from, &to, byte, why);
    }
    free_files(&from);
    free_files(&to);
    return error;
}
