/* eif_writer: writes an Enclave Image File sequentially and measures it on the way. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "image/eif.h"
#include "image/eif_parts.h"

#define BUFFER_SIZE LANE_CHUNK

struct eif_writer {
    int fd;
    int error; /* the first one; it stays */
    struct eif_wire_header header;
    size_t count;       /* sections begun */
    bool open;          /* the last of them has not ended */
    enum eif_type type; /* of the last one begun */
    uint64_t start;     /* where its header is */
    uint64_t offset;    /* where the next byte of payload goes */
    uint32_t crc;       /* of all sections that have ended, headers and payloads */
    uint32_t payload_crc;
    struct eif_measure_state measure;
    size_t used; /* bytes that wait in buffer, to be written at offset - used */
    uint8_t buffer[BUFFER_SIZE];
};

static int fail(struct eif_writer *writer, int error)
{
    writer->error = error;
    return error;
}

static int write_at(struct eif_writer *writer, const void *data, size_t size, uint64_t offset, struct reason *why)
{
    const char *next = data;

    while (size > 0) {
        ssize_t n = pwrite(writer->fd, next, size, (off_t)offset);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return fail(writer, reason_system(why, -errno, "cannot write the image"));
        }
        next += n;
        offset += (uint64_t)n;
        size -= (size_t)n;
    }
    return 0;
}

static int flush(struct eif_writer *writer, struct reason *why)
{
    int error = write_at(writer, writer->buffer, writer->used, writer->offset - writer->used, why);

    writer->used = 0;
    return error;
}

int eif_writer_open(struct eif_writer **writer, int fd, uint64_t memory, uint64_t cpus)
{
    struct eif_writer *w = calloc(1, sizeof *w);

    *writer = w;
    if (w == NULL) {
        return -ENOMEM;
    }
    w->fd = fd;
    w->offset = sizeof w->header;
    memcpy(w->header.magic, EIF_MAGIC, sizeof w->header.magic);
    bytes_put_be16(w->header.version, EIF_VERSION);
    bytes_put_be64(w->header.default_memory, memory);
    bytes_put_be64(w->header.default_cpus, cpus);
    if (eif_measure_open(&w->measure) < 0) {
        eif_writer_close(w);
        *writer = NULL;
        return -ENOMEM;
    }
    return 0;
}

void eif_writer_set_flags(struct eif_writer *writer, uint16_t flags)
{
    bytes_put_be16(writer->header.flags, flags);
}

int eif_writer_begin(struct eif_writer *writer, enum eif_type type, struct reason *why)
{
    int before = writer->count > 0 ? eif_type_place(writer->type) : 0;
    int place = eif_type_place(type);

    if (writer->error < 0) {
        return writer->error;
    }
    if (writer->open || place < before || (place == before && type != EIF_RAMDISK) ||
        (writer->count < 2 && place != (int)writer->count + 1)) {
        return fail(writer, reason_set(why, -EINVAL, "a %s can't stand behind a %s", eif_type_name(type),
                                eif_type_name(writer->count > 0 ? writer->type : 0)));
    }
    if (writer->count == EIF_SECTIONS_MAX) {
        return fail(writer, reason_set(why, -EINVAL, "an EIF has at most %d sections", EIF_SECTIONS_MAX));
    }
    writer->type = type;
    writer->open = true;
    writer->start = writer->offset;
    writer->payload_crc = 0;
    writer->count++;
    int error = flush(writer, why);
    writer->offset += sizeof(struct eif_wire_section); /* written at the end, when the size is known */
    return error;
}

int eif_writer_put(struct eif_writer *writer, const void *data, size_t size, struct reason *why)
{
    const uint8_t *next = data;

    if (writer->error < 0 || size == 0) {
        return writer->error;
    }
    writer->payload_crc = hash_crc32(writer->payload_crc, data, size);
    eif_measure_put(&writer->measure, writer->type, data, size);
    while (size > 0) {
        size_t room = BUFFER_SIZE - writer->used;
        size_t part = size < room ? size : room;
        memcpy(writer->buffer + writer->used, next, part);
        writer->used += part;
        writer->offset += part;
        next += part;
        size -= part;
        if (writer->used == BUFFER_SIZE && flush(writer, why) < 0) {
            return writer->error;
        }
    }
    return 0;
}

int eif_writer_end(struct eif_writer *writer, struct reason *why)
{
    uint64_t size = writer->offset - writer->start - sizeof(struct eif_wire_section);
    struct eif_wire_section wire = {0};
    uint64_t max = writer->type == EIF_METADATA    ? EIF_METADATA_MAX
                   : writer->type == EIF_SIGNATURE ? EIF_SIGNATURE_MAX
                   : writer->type == EIF_CMDLINE   ? EIF_CMDLINE_MAX
                                                   : UINT64_MAX;

    if (writer->error < 0) {
        return writer->error;
    }
    if (size > max) {
        return fail(writer, reason_set(why, -EINVAL, "the %s has %" PRIu64 " bytes; %" PRIu64 " are possible",
                                eif_type_name(writer->type), size, max));
    }
    bytes_put_be16(wire.type, (uint16_t)writer->type);
    bytes_put_be64(wire.size, size);
    bytes_put_be64(writer->header.offsets[writer->count - 1], writer->start);
    bytes_put_be64(writer->header.sizes[writer->count - 1], size);
    writer->crc = hash_crc32(writer->crc, &wire, sizeof wire);
    writer->crc = hash_crc32_join(writer->crc, writer->payload_crc, size);
    eif_measure_end(&writer->measure, writer->type);
    writer->open = false;
    if (flush(writer, why) < 0) {
        return writer->error;
    }
    return write_at(writer, &wire, sizeof wire, writer->start, why);
}

int eif_writer_finish(
    struct eif_writer *writer, struct eif_measurements *measurements, uint64_t *size, struct reason *why)
{
    uint64_t sections_size = writer->offset - sizeof writer->header;
    uint32_t crc;

    if (writer->error < 0) {
        return writer->error;
    }
    if (writer->open || writer->measure.ramdisks == 0) {
        return fail(writer, reason_set(why, -EINVAL, "an EIF needs a kernel, a command line and a ramdisk"));
    }
    bytes_put_be16(writer->header.section_count, (uint16_t)writer->count);
    crc = hash_crc32(0, &writer->header, offsetof(struct eif_wire_header, crc32));
    bytes_put_be32(writer->header.crc32, hash_crc32_join(crc, writer->crc, sections_size));
    eif_measure_out(&writer->measure, measurements);
    measurements->crc_matches = true;
    *size = writer->offset;
    return write_at(writer, &writer->header, sizeof writer->header, 0, why);
}

void eif_writer_close(struct eif_writer *writer)
{
    if (writer != NULL) {
        eif_measure_close(&writer->measure);
    }
    free(writer);
}
