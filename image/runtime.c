/* runtime: the first ramdisk of an image of ours: PID 1, and the digests of the documents that say what went into it.
 */
#include "image/runtime.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "image/cpio.h"

size_t runtime_sboms_text(const struct runtime *runtime, char text[static RUNTIME_SBOMS_MAX * RUNTIME_SBOM_LINE + 1])
{
    size_t length = 0;

    for (size_t i = 0; i < runtime->sbom_count; i++) {
        text_hex(runtime->sboms[i], HASH_SHA256_SIZE, text + length);
        text[length + RUNTIME_SBOM_LINE - 1] = '\n';
        length += RUNTIME_SBOM_LINE;
    }
    text[length] = '\0';
    return length;
}

static int refuse(struct reason *why, const char *path, const char *fault)
{
    return reason_set(why, -EINVAL, "%s %s", text_quote_string(path).text, fault);
}

/* Only what runtime_sboms_text() gives back byte for byte: no second spelling of the same digests. */
static int read_sboms(const struct cpio_entry *entry, struct runtime *runtime, struct reason *why)
{
    static const char fault[] = "is not one to four SHA-256 digests of 64 lower-case digits, a line each";
    char text[RUNTIME_SBOMS_MAX * RUNTIME_SBOM_LINE + 1] = "";
    char again[sizeof text];
    size_t size = (size_t)entry->content.size; /* at most eight hexadecimal digits: no cut */
    int error;

    if (size == 0 || size >= sizeof text || size % RUNTIME_SBOM_LINE != 0) {
        return refuse(why, entry->name, fault);
    }
    error = source_read(&entry->content, 0, text, size, why);
    if (error < 0) {
        return error;
    }
    for (size_t at = 0; at < size; at += RUNTIME_SBOM_LINE) {
        char digits[RUNTIME_SBOM_LINE];
        memcpy(digits, text + at, sizeof digits);
        digits[sizeof digits - 1] = '\0';
        if (!text_hex_decode(digits, runtime->sboms[runtime->sbom_count++], HASH_SHA256_SIZE)) {
            return refuse(why, entry->name, fault);
        }
    }
    return runtime_sboms_text(runtime, again) == size && memcmp(again, text, size) == 0
               ? 0
               : refuse(why, entry->name, fault);
}

static int read_entries(
    struct cpio_reader *reader, struct cpio_entry *entry, struct runtime *runtime, struct reason *why)
{
    int result = cpio_next_plain(reader, entry, why);

    if (result == 0 ||
        (result > 0 && (strcmp(entry->name, RUNTIME_INIT) != 0 || entry->header.mode != (CPIO_REGULAR | 0755)))) {
        return refuse(why, entry->name, "stands where the runtime has init (a file of mode 0755)");
    }
    if (result > 0) {
        result = cpio_next_plain(reader, entry, why);
    }
    if (result > 0 && strcmp(entry->name, RUNTIME_SBOMS) == 0 && entry->header.mode == (CPIO_REGULAR | 0644)) {
        result = read_sboms(entry, runtime, why);
        result = result < 0 ? result : cpio_next_plain(reader, entry, why);
    }
    return result > 0
               ? refuse(why, entry->name, "stands in the runtime beside init and " RUNTIME_SBOMS " (of mode 0644)")
               : result;
}

int runtime_read(const struct source *archive, struct runtime *runtime, struct reason *why)
{
    struct cpio_entry *entry = malloc(sizeof *entry);
    struct cpio_reader reader;
    int error;

    *runtime = (struct runtime){.sbom_count = 0};
    if (entry == NULL) {
        return reason_system(why, -ENOMEM, "no memory");
    }
    cpio_reader_init(&reader, archive);
    error = read_entries(&reader, entry, runtime, why);
    free(entry);
    return error;
}
