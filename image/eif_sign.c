/* eif_sign: writes an image once more with another signature section, or its first, and nothing else changed. */
#include "image/eif_sign.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

#define READ_SIZE 65536

static int put(int fd, const void *data, size_t size, struct reason *why)
{
    int error = file_write_all(fd, data, size);

    return error < 0 ? reason_system(why, error, "cannot write the image") : 0;
}

/* Copies the sections, which follow the header, up to `end`. */
static int copy_sections(const struct eif *eif, uint64_t end, int fd, uint32_t *crc, struct reason *why)
{
    uint8_t *buffer = malloc(READ_SIZE);
    int error = buffer == NULL ? reason_system(why, -ENOMEM, "no memory") : 0;

    for (uint64_t at = sizeof(struct eif_wire_header); error == 0 && at < end;) {
        size_t size = end - at < READ_SIZE ? (size_t)(end - at) : READ_SIZE;
        error = source_read(&eif->source, at, buffer, size, why);
        if (error == 0) {
            *crc = hash_crc32(*crc, buffer, size);
            error = put(fd, buffer, size, why);
        }
        at += size;
    }
    free(buffer);
    return error;
}

/* The header, where the section at `end` is the index-th and last. */
static int make_header(const struct eif *eif, struct eif_wire_header *header, size_t index, uint64_t end, uint64_t size,
    struct reason *why)
{
    int error = source_read(&eif->source, 0, header, sizeof *header, why);

    if (error < 0) {
        return error;
    }
    if (index == EIF_SECTIONS_MAX) {
        return reason_set(
            why, -EINVAL, "the image has %d sections already: there is no room for a signature", EIF_SECTIONS_MAX);
    }
    bytes_put_be16(header->section_count, (uint16_t)(index + 1));
    bytes_put_be64(header->offsets[index], end);
    bytes_put_be64(header->sizes[index], size);
    return 0;
}

int eif_sign(const struct eif *eif, struct bytes section, int fd, struct reason *why)
{
    /* The signature is the last section: eif_read() saw to the order. */
    size_t kept = eif->section_count - (eif_find(eif, EIF_SIGNATURE) != NULL ? 1 : 0);
    uint64_t end = eif->sections[kept - 1].offset + eif->sections[kept - 1].size;
    struct eif_wire_section wire = {0};
    struct eif_wire_header header;
    uint32_t crc;
    int error = make_header(eif, &header, kept, end, section.size, why);

    if (error < 0) {
        return error;
    }
    bytes_put_be16(wire.type, EIF_SIGNATURE);
    bytes_put_be64(wire.size, section.size);
    crc = hash_crc32(0, &header, offsetof(struct eif_wire_header, crc32));
    error = put(fd, &header, sizeof header, why);
    if (error == 0) {
        error = copy_sections(eif, end, fd, &crc, why);
    }
    if (error == 0) {
        crc = hash_crc32(hash_crc32(crc, &wire, sizeof wire), section.data, section.size);
        error = put(fd, &wire, sizeof wire, why);
    }
    if (error == 0) {
        error = put(fd, section.data, section.size, why);
    }
    bytes_put_be32(header.crc32, crc);
    if (error == 0 && pwrite(fd, &header, sizeof header, 0) != (ssize_t)sizeof header) {
        error = reason_system(why, errno != 0 ? -errno : -EIO, "cannot write the image");
    }
    return error;
}
