/* ramdisk: one ramdisk of anybody's image: how it is packed, and the archive in it where it can be opened. */
#include "image/ramdisk.h"

#include <string.h>

#define MAGIC_MAX 4

static const struct {
    enum ramdisk_form form;
    size_t size;
    char magic[MAGIC_MAX + 1];
    const char *name;
} forms[] = {
    {RAMDISK_EMPTY, 0, "", "empty"},
    {RAMDISK_CPIO, 4, "0707", "cpio"},
    {RAMDISK_GZIP, 2, "\x1f\x8b", "gzip"},
    {RAMDISK_GZIP, 2, "\x1f\x9e", "gzip"},
    {RAMDISK_XZ, 2, "\xfd\x37", "xz"},
    {RAMDISK_ZSTD, 2, "\x28\xb5", "zstd"},
    {RAMDISK_LZ4, 2, "\x02\x21", "lz4"},
    {RAMDISK_LZ4, 4, "\x04\x22\x4d\x18", "lz4"},
    {RAMDISK_BZIP2, 2, "BZ", "bzip2"},
    {RAMDISK_LZMA, 2, "\x5d\x00", "lzma"},
    {RAMDISK_LZO, 2, "\x89\x4c", "lzo"},
};
#define FORM_COUNT (sizeof forms / sizeof forms[0])

const char *ramdisk_form_name(enum ramdisk_form form)
{
    for (size_t i = 0; i < FORM_COUNT; i++) {
        if (forms[i].form == form) {
            return forms[i].name;
        }
    }
    return "unknown";
}

static enum ramdisk_form find_form(const char *start, size_t size)
{
    if (size == 0) {
        return RAMDISK_EMPTY;
    }
    for (size_t i = 1; i < FORM_COUNT; i++) {
        if (size >= forms[i].size && memcmp(start, forms[i].magic, forms[i].size) == 0) {
            return forms[i].form;
        }
    }
    return RAMDISK_UNKNOWN;
}

int ramdisk_open(struct ramdisk *ramdisk, const struct source *payload, struct reason *why)
{
    char start[MAGIC_MAX];
    size_t size = payload->size < MAGIC_MAX ? (size_t)payload->size : MAGIC_MAX;
    int error = source_read(payload, 0, start, size, why);

    if (error < 0) {
        return error;
    }
    *ramdisk = (struct ramdisk){.form = find_form(start, size), .archive = *payload};
    ramdisk->opened = ramdisk->form == RAMDISK_CPIO || ramdisk->form == RAMDISK_GZIP;
    return ramdisk->form == RAMDISK_GZIP ? gzip_open(&ramdisk->gzip, payload, GZIP_OUTPUT_MAX, &ramdisk->archive, why)
                                         : 0;
}

void ramdisk_close(struct ramdisk *ramdisk)
{
    gzip_close(ramdisk->gzip);
}
