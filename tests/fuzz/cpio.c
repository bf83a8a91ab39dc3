/* cpio: fuzzes: any bytes as an archive: entries lie inside, in order; an archive of plain entries is one of our
 * writer.
 */
#include <stdlib.h>
#include <string.h>

#include "image/cpio.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool true_always)
{
    if (!true_always) {
        abort();
    }
}

struct compare {
    const uint8_t *data;
    size_t size;
    size_t used;
};

static int compare_sink(void *owner, const void *data, size_t size, struct reason *why)
{
    struct compare *compare = owner;

    (void)why;
    require(size <= compare->size - compare->used && memcmp(compare->data + compare->used, data, size) == 0);
    compare->used += size;
    return 0;
}

/* Writes what was read again: the same bytes come out. */
static void write_again(const uint8_t *data, size_t size, struct cpio_entry *entry)
{
    const struct source source = source_memory(data, size);
    struct compare compare = {.data = data, .size = size};
    struct cpio_reader reader;
    struct cpio_writer writer;

    cpio_reader_init(&reader, &source);
    cpio_writer_init(&writer, compare_sink, &compare);
    while (cpio_next(&reader, entry, NULL) == 1) {
        if ((entry->header.mode & CPIO_TYPE_MASK) == CPIO_LINK && entry->header.size > CPIO_LINK_MAX) {
            return; /* the reader leaves this to image.c */
        }
        require(cpio_add(&writer, entry->name, entry->header.mode, entry->header.size, NULL) == 0);
        require(cpio_content(&writer, data + entry->content.start, (size_t)entry->content.size, NULL) == 0);
    }
    require(cpio_end(&writer, NULL) == 0 && compare.used == size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct source source = source_memory(data, size);
    struct cpio_entry *entry = malloc(sizeof *entry);
    struct cpio_reader reader;
    struct reason why;
    uint64_t reached = 0;
    bool plain = true;
    int result;

    if (entry == NULL) {
        return 0;
    }
    cpio_reader_init(&reader, &source);
    while ((result = cpio_next(&reader, entry, &why)) == 1) {
        plain = plain && entry->plain;
        require(strlen(entry->name) + 1 == entry->header.name_size);
        require(entry->content.start >= reached && entry->content.start + entry->content.size <= size);
        reached = entry->content.start + entry->content.size;
    }
    if (result == 0 && plain && entry->plain) {
        write_again(data, size, entry);
    }
    free(entry);
    return 0;
}
