/* cpio: archives in the kernel's "newc" form (initramfs buffer format), written reproducibly and read as hostile. */
#include "image/cpio.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/text.h"

#define MAGIC "070701"
#define MAGIC_SIZE 6
#define FIELDS 13
#define TRAILER "TRAILER!!!"

_Static_assert(MAGIC_SIZE + FIELDS * 8 == CPIO_HEADER_SIZE, "newc header");
_Static_assert(sizeof(struct cpio_header) == FIELDS * sizeof(uint32_t), "one word for each field, in their order");

/* Zeros that bring size to a multiple of four. */
static unsigned padding(uint64_t size)
{
    return (unsigned)(-size & 3);
}

static void header_to_wire(const struct cpio_header *header, char wire[static CPIO_HEADER_SIZE])
{
    const uint32_t fields[FIELDS] = {header->inode, header->mode, header->uid, header->gid, header->links,
        header->mtime, header->size, header->device_major, header->device_minor, header->special_major,
        header->special_minor, header->name_size, header->check};
    char digits[9];

    memcpy(wire, MAGIC, MAGIC_SIZE);
    for (unsigned i = 0; i < FIELDS; i++) {
        uint8_t bytes[4] = {
            (uint8_t)(fields[i] >> 24), (uint8_t)(fields[i] >> 16), (uint8_t)(fields[i] >> 8), (uint8_t)fields[i]};
        text_hex(bytes, sizeof bytes, digits);
        memcpy(wire + MAGIC_SIZE + (size_t)i * 8, digits, 8);
    }
}

static bool header_from_wire(struct cpio_header *header, const char wire[static CPIO_HEADER_SIZE])
{
    uint32_t fields[FIELDS];

    for (unsigned i = 0; i < FIELDS; i++) {
        char digits[9] = {0};
        uint8_t bytes[4];
        memcpy(digits, wire + MAGIC_SIZE + (size_t)i * 8, 8);
        if (!text_hex_decode(digits, bytes, sizeof bytes)) {
            return false;
        }
        fields[i] = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
    }
    memcpy(header, fields, sizeof *header);
    return true;
}

/* ---- Writing ---- */

static int put(struct cpio_writer *writer, const void *data, size_t size, struct reason *why)
{
    int error = size > 0 ? writer->sink(writer->owner, data, size, why) : 0;

    writer->size += size;
    return error;
}

static int put_zeros(struct cpio_writer *writer, unsigned count, struct reason *why)
{
    return put(writer, "\0\0\0", count, why);
}

void cpio_writer_init(struct cpio_writer *writer, cpio_sink *sink, void *owner)
{
    *writer = (struct cpio_writer){.sink = sink, .owner = owner};
}

static int put_header(
    struct cpio_writer *writer, const struct cpio_header *header, const char *name, struct reason *why)
{
    char wire[CPIO_HEADER_SIZE];
    int error;

    header_to_wire(header, wire);
    error = put(writer, wire, sizeof wire, why);
    if (error == 0) {
        error = put(writer, name, header->name_size, why);
    }
    return error == 0 ? put_zeros(writer, padding(CPIO_HEADER_SIZE + header->name_size), why) : error;
}

/* The header that an entry of ours has. */
static struct cpio_header plain_header(uint32_t inode, uint32_t mode, uint32_t size, uint32_t name_size)
{
    return (struct cpio_header){.inode = inode, .mode = mode, .links = 1, .size = size, .name_size = name_size};
}

int cpio_add(struct cpio_writer *writer, const char *name, unsigned mode, uint64_t size, struct reason *why)
{
    size_t length = strlen(name);
    struct cpio_header header;

    if (length == 0 || length > CPIO_NAME_MAX) {
        return reason_set(why, -EINVAL, "%s: a path in an archive has 1 to %d bytes, this one %zu",
            text_quote_string(name).text, CPIO_NAME_MAX, length);
    }
    if (size > CPIO_SIZE_MAX || ((mode & CPIO_TYPE_MASK) == CPIO_LINK && size > CPIO_LINK_MAX)) {
        return reason_set(
            why, -EINVAL, "%s: %" PRIu64 " bytes are too many for an archive", text_quote_string(name).text, size);
    }
    if (writer->inodes >= CPIO_ENTRIES_MAX) {
        return reason_set(why, -EINVAL, "%s: an archive holds at most %d files and folders",
            text_quote_string(name).text, CPIO_ENTRIES_MAX);
    }
    writer->missing = (uint32_t)size;
    writer->padding = padding(size);
    header = plain_header(++writer->inodes, mode, (uint32_t)size, (uint32_t)length + 1);
    return put_header(writer, &header, name, why);
}

int cpio_content(struct cpio_writer *writer, const void *data, size_t size, struct reason *why)
{
    int error;

    if (size > writer->missing) {
        return reason_set(why, -EINVAL, "a file has become larger while it was packed");
    }
    error = put(writer, data, size, why);
    writer->missing -= (uint32_t)size;
    if (error == 0 && writer->missing == 0) {
        error = put_zeros(writer, writer->padding, why);
    }
    return error;
}

int cpio_end(struct cpio_writer *writer, struct reason *why)
{
    const struct cpio_header header = plain_header(0, 0, 0, sizeof TRAILER);

    return put_header(writer, &header, TRAILER, why);
}

/* ---- Reading ---- */

void cpio_reader_init(struct cpio_reader *reader, const struct source *source)
{
    *reader = (struct cpio_reader){.source = *source};
}

/* What is wrong stands at byte `at` of the archive. */
#define REFUSE(why, at, ...)                                                                                           \
    (reason_set((why), -EINVAL, __VA_ARGS__), reason_prefix((why), "at byte %" PRIu64, (at)), -EINVAL)

/* Passes over count bytes that must be there and be zero. */
static int skip_zeros(struct cpio_reader *reader, size_t count, struct reason *why)
{
    char bytes[CPIO_END_PADDING_MAX];
    int error = source_read(&reader->source, reader->offset, bytes, count, why);

    for (size_t i = 0; error == 0 && i < count; i++) {
        if (bytes[i] != 0) {
            error = REFUSE(why, reader->offset + i, "a byte that only fills up is not zero");
        }
    }
    reader->offset += count;
    return error;
}

static int read_header(struct cpio_reader *reader, struct cpio_entry *entry, struct reason *why)
{
    char wire[CPIO_HEADER_SIZE];
    int error = source_read(&reader->source, reader->offset, wire, sizeof wire, why);

    if (error < 0) {
        return error;
    }
    if (memcmp(wire, MAGIC, MAGIC_SIZE) != 0) {
        return REFUSE(
            why, reader->offset, "%s is not the start of a newc entry (%s)", text_quote(wire, MAGIC_SIZE).text, MAGIC);
    }
    if (!header_from_wire(&entry->header, wire)) {
        return REFUSE(why, reader->offset, "a field of the header is not hexadecimal");
    }
    if (entry->header.name_size < 2 || entry->header.name_size > sizeof entry->name) {
        return REFUSE(why, reader->offset, "a name of %" PRIu32 " bytes with its NUL (2 to %zu are possible)",
            entry->header.name_size, sizeof entry->name);
    }
    reader->offset += CPIO_HEADER_SIZE;
    return 0;
}

static int read_name(struct cpio_reader *reader, struct cpio_entry *entry, struct reason *why)
{
    uint32_t size = entry->header.name_size;
    int error = source_read(&reader->source, reader->offset, entry->name, size, why);

    if (error < 0) {
        return error;
    }
    if (memchr(entry->name, '\0', size) != entry->name + size - 1) {
        return REFUSE(
            why, reader->offset, "the name %s does not end with its only NUL", text_quote(entry->name, size).text);
    }
    reader->offset += size;
    return skip_zeros(reader, padding(CPIO_HEADER_SIZE + size), why);
}

/* Compares the header's bytes at offset with those of our own writer. */
static int compare_plain(struct cpio_reader *reader, struct cpio_entry *entry, uint64_t offset, struct reason *why)
{
    const struct cpio_header *header = &entry->header;
    struct cpio_header plain = strcmp(entry->name, TRAILER) == 0
                                   ? plain_header(0, 0, 0, sizeof TRAILER)
                                   : plain_header(reader->entries + 1, header->mode, header->size, header->name_size);
    char wire[CPIO_HEADER_SIZE];
    char own[CPIO_HEADER_SIZE];
    int error = source_read(&reader->source, offset, wire, sizeof wire, why);

    header_to_wire(&plain, own);
    entry->plain = error == 0 && memcmp(wire, own, sizeof own) == 0;
    return error;
}

/* The archive ends here: nothing but a few zeros may follow, or the kernel would read on. */
static int read_end(struct cpio_reader *reader, struct cpio_entry *entry, struct reason *why)
{
    uint64_t left = reader->source.size - reader->offset;

    if (entry->header.size != 0) {
        return REFUSE(why, reader->offset, "the trailer has content");
    }
    if (left > CPIO_END_PADDING_MAX) {
        return REFUSE(why, reader->offset, "%" PRIu64 " bytes stand behind the end of the archive", left);
    }
    entry->plain = entry->plain && left == 0;
    return skip_zeros(reader, (size_t)left, why);
}

int cpio_next(struct cpio_reader *reader, struct cpio_entry *entry, struct reason *why)
{
    uint64_t start = reader->offset;
    uint64_t left;
    int error = read_header(reader, entry, why);

    if (error == 0) {
        error = read_name(reader, entry, why);
    }
    if (error == 0) {
        error = compare_plain(reader, entry, start, why);
    }
    if (error < 0) {
        return error;
    }
    if (strcmp(entry->name, TRAILER) == 0) {
        return read_end(reader, entry, why);
    }
    if (reader->entries >= CPIO_ENTRIES_MAX) {
        return REFUSE(why, reader->offset, "more than %d files and folders", CPIO_ENTRIES_MAX);
    }
    left = reader->source.size - reader->offset;
    if (entry->header.size > left) {
        return REFUSE(why, reader->offset, "%s has %" PRIu32 " bytes, but only %" PRIu64 " are left",
            text_quote_string(entry->name).text, entry->header.size, left);
    }
    reader->entries++;
    entry->content = source_part(&reader->source, reader->offset, entry->header.size);
    reader->offset += entry->header.size;
    error = skip_zeros(reader, padding(entry->header.size), why);
    return error < 0 ? error : 1;
}

int cpio_next_plain(struct cpio_reader *reader, struct cpio_entry *entry, struct reason *why)
{
    int result = cpio_next(reader, entry, why);

    if (result >= 0 && !entry->plain) {
        return reason_set(why, -EINVAL,
            "%s is not as ingot writes it (owner, times, numbers, or what stands behind the end)",
            text_quote_string(entry->name).text);
    }
    return result;
}
