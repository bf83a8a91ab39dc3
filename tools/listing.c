/* listing: what is in the ramdisks of an image, file by file, as JSON. */
#include "tools/listing.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "image/ramdisk.h"

#define READ_SIZE ((size_t)128 << 10)

json_t *listing_text(const char *text, size_t size)
{
    json_t *json = json_stringn(text, size);

    return json != NULL ? json : json_string(text_quote(text, size).text);
}

const char *listing_type(uint32_t mode)
{
    switch (mode & CPIO_TYPE_MASK) {
    case CPIO_REGULAR:
        return "file";
    case CPIO_FOLDER:
        return "folder";
    case CPIO_LINK:
        return "link";
    default:
        return "other";
    }
}

int listing_digest(const struct source *content, uint8_t digest[static HASH_SHA384_SIZE], struct reason *why)
{
    struct hash_sha384 hash;
    char *buffer = malloc(READ_SIZE);
    int error = buffer == NULL ? reason_system(why, -ENOMEM, "no memory") : 0;

    hash_sha384_init(&hash);
    for (uint64_t done = 0; error == 0 && done < content->size;) {
        uint64_t left = content->size - done;
        size_t size = left < READ_SIZE ? (size_t)left : READ_SIZE;
        error = source_read(content, done, buffer, size, why);
        if (error == 0) {
            hash_sha384_update(&hash, buffer, size);
        }
        done += size;
    }
    hash_sha384_out(&hash, digest);
    free(buffer);
    return error;
}

static json_t *link_target(const struct cpio_entry *entry, int *error, struct reason *why)
{
    char target[CPIO_LINK_MAX + 1];
    size_t size = entry->content.size < sizeof target ? (size_t)entry->content.size : sizeof target;

    *error = source_read(&entry->content, 0, target, size, why);
    return *error == 0 ? listing_text(target, size) : NULL;
}

static json_t *file_json(const struct cpio_entry *entry, int *error, struct reason *why)
{
    uint8_t digest[HASH_SHA384_SIZE];
    char hex[2 * HASH_SHA384_SIZE + 1];
    char mode[16];
    json_t *json;

    (void)snprintf(mode, sizeof mode, "%04" PRIo32, entry->header.mode & 07777);
    json = json_pack("{s:o*, s:s, s:s, s:I}", "Path", listing_text(entry->name, strlen(entry->name)), "Type",
        listing_type(entry->header.mode), "Mode", mode, "Size", (json_int_t)entry->content.size);
    *error = 0;
    if ((entry->header.mode & CPIO_TYPE_MASK) == CPIO_REGULAR) {
        *error = listing_digest(&entry->content, digest, why);
        text_hex(digest, sizeof digest, hex);
        (void)json_object_set_new(json, "SHA384", json_string(hex));
    } else if ((entry->header.mode & CPIO_TYPE_MASK) == CPIO_LINK) {
        (void)json_object_set_new(json, "Target", link_target(entry, error, why));
    }
    return json;
}

static int print_files(const struct source *archive, struct reason *why)
{
    struct cpio_entry *entry = malloc(sizeof *entry);
    struct cpio_reader reader;
    const char *comma = "";
    int result = entry == NULL ? reason_system(why, -ENOMEM, "no memory") : 0;

    cpio_reader_init(&reader, archive);
    while (result >= 0 && (result = cpio_next(&reader, entry, why)) > 0) {
        int error;
        json_t *json = file_json(entry, &error, why);
        char *text = json != NULL && error == 0 ? json_dumps(json, 0) : NULL;
        if (text != NULL) {
            printf("%s\n      %s", comma, text);
            comma = ",";
        } else {
            result = error < 0 ? error : reason_system(why, -ENOMEM, "no memory");
        }
        free(text);
        json_decref(json);
    }
    free(entry);
    return result;
}

static int print_ramdisk(unsigned number, const struct source *payload, struct reason *why)
{
    struct ramdisk ramdisk;
    int error = ramdisk_open(&ramdisk, payload, why);

    if (error < 0) {
        return error;
    }
    printf("%s\n    {\"Ramdisk\": %u, \"Form\": \"%s\", \"Size\": %" PRIu64, number > 1 ? "," : "", number,
        ramdisk_form_name(ramdisk.form), payload->size);
    if (ramdisk.opened) {
        printf(", \"Unpacked\": %" PRIu64 ", \"Files\": [", ramdisk.archive.size);
        error = print_files(&ramdisk.archive, why);
        printf("\n    ]}");
    } else {
        printf(", \"Unpacked\": null, \"Files\": null}");
    }
    ramdisk_close(&ramdisk);
    return error;
}

static void print_faults(const struct contents_faults *faults)
{
    printf("  \"Faults\": [");
    for (size_t i = 0; i < faults->count; i++) {
        json_t *json = json_string(faults->sentences[i]);
        char *text = json_dumps(json, JSON_ENCODE_ANY);
        printf("%s\n    %s", i > 0 ? "," : "", text != NULL ? text : "null");
        free(text);
        json_decref(json);
    }
    printf(faults->count > 0 ? "\n  ]" : "]");
}

int listing_print(const struct eif *eif, const struct contents_faults *faults, struct reason *why)
{
    unsigned number = 0;
    int error = 0;

    printf("  \"Ramdisks\": [");
    for (size_t i = 0; error == 0 && i < eif->section_count; i++) {
        if (eif->sections[i].type == EIF_RAMDISK) {
            const struct source payload = eif_payload(eif, &eif->sections[i]);
            error = print_ramdisk(++number, &payload, why);
        }
    }
    printf("\n  ],\n");
    print_faults(faults);
    return error;
}
