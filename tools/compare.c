/* compare: what differs between two images, section by section, as rows of JSON. */
#include "tools/compare.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/lane.h"
#include "base/text.h"
#include "image/kernel.h"
#include "tools/listing.h"

#define READ_SIZE LANE_CHUNK
#define NAME_SIZE 512

/* ---- Rows ---- */

/* Which PCRs a section is in. */
static json_t *pcrs_of(const char *section, const char *field)
{
    if (strcmp(section, "kernel") == 0 || strcmp(section, "cmdline") == 0 || strcmp(section, "ramdisk 1") == 0) {
        return json_pack("[s, s]", "PCR0", "PCR1");
    }
    if (strncmp(section, "ramdisk", 7) == 0) {
        return json_pack("[s, s]", "PCR0", "PCR2");
    }
    if (strcmp(section, "signature") == 0 && strcmp(field, "signature") != 0) {
        return json_pack("[s]", "PCR8");
    }
    return json_array();
}

void compare_row(struct comparison *comparison, const char *section, const char *path, const char *field, json_t *from,
    json_t *to, uint64_t byte)
{
    json_t *row = json_pack("{s:s, s:s, s:o, s:o, s:o}", "Section", section, "Field", field, "From",
        from != NULL ? from : json_null(), "To", to != NULL ? to : json_null(), "PCRs", pcrs_of(section, field));

    if (row == NULL || (path != NULL && json_object_set_new(row, "Path", listing_text(path, strlen(path))) < 0) ||
        (byte != UINT64_MAX && json_object_set_new(row, "Byte", json_integer((json_int_t)byte)) < 0) ||
        json_array_append_new(comparison->rows, row) < 0) {
        comparison->failed = true;
    }
}

static json_t *number_text(uint64_t number)
{
    char text[24];

    (void)snprintf(text, sizeof text, "%" PRIu64, number);
    return json_string(text);
}

static void number_row(struct comparison *comparison, const char *section, const char *field, uint64_t a, uint64_t b)
{
    if (a != b) {
        compare_row(comparison, section, NULL, field, number_text(a), number_text(b), UINT64_MAX);
    }
}

/* ---- Bytes ---- */

/* *byte is the first place where two sources differ, UINT64_MAX where they don't. 0 or -errno. */
static int first_difference(const struct source *a, const struct source *b, uint64_t *byte, struct reason *why)
{
    uint64_t common = a->size < b->size ? a->size : b->size;
    char *buffers = malloc(2 * READ_SIZE);
    int error = buffers == NULL ? reason_system(why, -ENOMEM, "no memory") : 0;

    *byte = a->size != b->size ? common : UINT64_MAX;
    for (uint64_t done = 0; error == 0 && done < common;) {
        size_t size = common - done < READ_SIZE ? (size_t)(common - done) : READ_SIZE;
        error = source_read(a, done, buffers, size, why);
        if (error == 0) {
            error = source_read(b, done, buffers + READ_SIZE, size, why);
        }
        if (error == 0 && memcmp(buffers, buffers + READ_SIZE, size) != 0) {
            size_t at = 0;
            while (buffers[at] == buffers[READ_SIZE + at]) {
                at++;
            }
            *byte = done + at;
            break;
        }
        done += size;
    }
    free(buffers);
    return error;
}

int compare_digest(const struct source *source, json_t **text, struct reason *why)
{
    uint8_t digest[HASH_SHA384_SIZE];
    char line[sizeof "SHA384:" + 2 * HASH_SHA384_SIZE] = "SHA384:";
    int error = listing_digest(source, digest, why);

    text_hex(digest, sizeof digest, line + strlen("SHA384:"));
    *text = error == 0 ? json_string(line) : NULL;
    return error;
}

static int bytes_row(struct comparison *comparison, const char *section, const char *field, const struct source *a,
    const struct source *b, uint64_t byte, struct reason *why)
{
    json_t *from = NULL;
    json_t *to = NULL;
    int error = compare_digest(a, &from, why);

    if (error == 0) {
        error = compare_digest(b, &to, why);
    }
    if (error < 0) {
        json_decref(from);
        return error;
    }
    compare_row(comparison, section, NULL, field, from, to, byte);
    return 0;
}

/* ---- JSON ---- */

static json_t *value_text(const json_t *value)
{
    char *dumped;
    json_t *text;

    if (value == NULL || json_is_string(value)) {
        return json_deep_copy(value);
    }
    dumped = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);
    text = dumped != NULL ? json_string(dumped) : NULL;
    free(dumped);
    return text;
}

/* One level for each object inside another: jansson's own bound (8) holds. */
void compare_json(/* NOLINT(misc-no-recursion): bounded by the parser's depth */
    struct comparison *comparison, const char *section, const char *path, const char *name, json_t *a, json_t *b)
{
    char inner[NAME_SIZE];
    const char *dot = name[0] != '\0' ? "." : "";
    const char *key;
    json_t *value;

    if (!json_is_object(a) || !json_is_object(b)) {
        if (!json_equal(a, b)) {
            compare_row(comparison, section, path, name, value_text(a), value_text(b), UINT64_MAX);
        }
        return;
    }
    json_object_foreach(a, key, value)
    {
        (void)snprintf(inner, sizeof inner, "%s%s%s", name, dot, key);
        compare_json(comparison, section, path, inner, value, json_object_get(b, key));
    }
    json_object_foreach(b, key, value)
    {
        if (json_object_get(a, key) == NULL) {
            (void)snprintf(inner, sizeof inner, "%s%s%s", name, dot, key);
            compare_json(comparison, section, path, inner, NULL, value);
        }
    }
}

/* ---- Sections ---- */

/* The bytes of a small section, as a JSON text. */
static int section_text(const struct source *source, json_t **text, struct reason *why)
{
    char *bytes = malloc((size_t)source->size + 1);
    int error = bytes == NULL ? reason_system(why, -ENOMEM, "no memory")
                              : source_read(source, 0, bytes, (size_t)source->size, why);

    *text = error == 0 ? listing_text(bytes, (size_t)source->size) : NULL;
    free(bytes);
    return error;
}

static int compare_kernels(
    struct comparison *comparison, const struct source *a, const struct source *b, uint64_t byte, struct reason *why)
{
    struct kernel from;
    struct kernel to;

    if (kernel_read(a, &from, NULL) == 0 && kernel_read(b, &to, NULL) == 0 && strcmp(from.version, to.version) != 0) {
        compare_row(
            comparison, "kernel", NULL, "version", json_string(from.version), json_string(to.version), UINT64_MAX);
    }
    number_row(comparison, "kernel", "size", a->size, b->size);
    return bytes_row(comparison, "kernel", "bytes", a, b, byte, why);
}

static int compare_cmdlines(
    struct comparison *comparison, const struct source *a, const struct source *b, uint64_t byte, struct reason *why)
{
    json_t *from = NULL;
    json_t *to = NULL;
    int error;

    if (a->size > EIF_CMDLINE_MAX || b->size > EIF_CMDLINE_MAX) {
        return bytes_row(comparison, "cmdline", "bytes", a, b, byte, why);
    }
    error = section_text(a, &from, why);
    if (error == 0) {
        error = section_text(b, &to, why);
    }
    if (error < 0) {
        json_decref(from);
        return error;
    }
    compare_row(comparison, "cmdline", NULL, "text", from, to, byte);
    return 0;
}

static json_t *read_json(const struct source *source)
{
    char *text = malloc((size_t)source->size + 1); /* metadata: at most EIF_METADATA_MAX */
    json_t *json = NULL;

    if (text != NULL && source_read(source, 0, text, (size_t)source->size, NULL) == 0) {
        json = json_loadb(text, (size_t)source->size, JSON_REJECT_DUPLICATES, NULL);
    }
    free(text);
    return json;
}

static int compare_metadata(
    struct comparison *comparison, const struct source *a, const struct source *b, uint64_t byte, struct reason *why)
{
    size_t before = json_array_size(comparison->rows);
    json_t *from = read_json(a);
    json_t *to = read_json(b);

    if (from != NULL && to != NULL) {
        compare_json(comparison, "metadata", NULL, "", from, to);
    }
    json_decref(from);
    json_decref(to);
    return json_array_size(comparison->rows) > before ? 0 : bytes_row(comparison, "metadata", "bytes", a, b, byte, why);
}

static int compare_signatures(
    struct comparison *comparison, const struct source *a, const struct source *b, uint64_t byte, struct reason *why)
{
    const struct bytes from = comparison->a->signature.certificate;
    const struct bytes to = comparison->b->signature.certificate;
    const struct source from_der = source_memory(from.data, from.size);
    const struct source to_der = source_memory(to.data, to.size);

    if (from.size != to.size || memcmp(from.data, to.data, from.size) != 0) {
        int error = bytes_row(comparison, "signature", "certificate", &from_der, &to_der, UINT64_MAX, why);
        if (error < 0) {
            return error;
        }
    }
    return bytes_row(comparison, "signature", "signature", a, b, byte, why);
}

/* The number-th section of a type, from 1; NULL where there are fewer. */
static const struct eif_section *nth(const struct eif *eif, enum eif_type type, unsigned number)
{
    for (size_t i = 0; i < eif->section_count; i++) {
        if (eif->sections[i].type == type && --number == 0) {
            return &eif->sections[i];
        }
    }
    return NULL;
}

static json_t *size_text(const struct eif_section *section)
{
    char text[40];

    if (section == NULL) {
        return NULL;
    }
    (void)snprintf(text, sizeof text, "%" PRIu64 " bytes", section->size);
    return json_string(text);
}

static int compare_section(struct comparison *comparison, enum eif_type type, unsigned number, struct reason *why)
{
    const struct eif_section *in_a = nth(&comparison->a->eif, type, number);
    const struct eif_section *in_b = nth(&comparison->b->eif, type, number);
    struct source a;
    struct source b;
    char name[32];
    uint64_t byte;
    int error;

    (void)snprintf(name, sizeof name, type == EIF_RAMDISK ? "%s %u" : "%s", eif_type_name(type), number);
    if (in_a == NULL || in_b == NULL) {
        if (in_a != in_b) {
            compare_row(comparison, name, NULL, "section", size_text(in_a), size_text(in_b), UINT64_MAX);
        }
        return 0;
    }
    a = eif_payload(&comparison->a->eif, in_a);
    b = eif_payload(&comparison->b->eif, in_b);
    error = first_difference(&a, &b, &byte, why);
    if (error < 0 || byte == UINT64_MAX) {
        return error;
    }
    switch (type) {
    case EIF_KERNEL:
        return compare_kernels(comparison, &a, &b, byte, why);
    case EIF_CMDLINE:
        return compare_cmdlines(comparison, &a, &b, byte, why);
    case EIF_METADATA:
        return compare_metadata(comparison, &a, &b, byte, why);
    case EIF_SIGNATURE:
        return compare_signatures(comparison, &a, &b, byte, why);
    case EIF_RAMDISK:
        break;
    }
    return compare_ramdisks(comparison, number, &a, &b, byte, why);
}

int compare_images(struct comparison *comparison, struct reason *why)
{
    const struct eif *a = &comparison->a->eif;
    const struct eif *b = &comparison->b->eif;
    char from[16];
    char to[16];
    int error;

    number_row(comparison, "header", "memory", a->memory, b->memory);
    number_row(comparison, "header", "cpus", a->cpus, b->cpus);
    if (a->flags != b->flags) {
        (void)snprintf(from, sizeof from, "0x%04x", (unsigned)a->flags);
        (void)snprintf(to, sizeof to, "0x%04x", (unsigned)b->flags);
        compare_row(comparison, "header", NULL, "flags", json_string(from), json_string(to), UINT64_MAX);
    }
    error = compare_section(comparison, EIF_KERNEL, 1, why);
    if (error == 0) {
        error = compare_section(comparison, EIF_CMDLINE, 1, why);
    }
    if (error == 0) {
        error = compare_section(comparison, EIF_METADATA, 1, why);
    }
    for (unsigned number = 1;
         error == 0 && (nth(a, EIF_RAMDISK, number) != NULL || nth(b, EIF_RAMDISK, number) != NULL); number++) {
        error = compare_section(comparison, EIF_RAMDISK, number, why);
    }
    if (error == 0) {
        error = compare_section(comparison, EIF_SIGNATURE, 1, why);
    }
    if (error == 0 && json_array_size(comparison->rows) == 0 && a->crc32 != b->crc32) { /* one of them is wrong */
        (void)snprintf(from, sizeof from, "0x%08" PRIx32, a->crc32);
        (void)snprintf(to, sizeof to, "0x%08" PRIx32, b->crc32);
        compare_row(comparison, "header", NULL, "crc32", json_string(from), json_string(to), UINT64_MAX);
    }
    return error == 0 && comparison->failed ? reason_system(why, -ENOMEM, "no memory") : error;
}
