/* eif: reads the structure of an Enclave Image File and measures it. */
#include "image/eif.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"
#include "image/eif_parts.h"

#define READ_SIZE LANE_CHUNK

const char *eif_type_name(unsigned type)
{
    switch (type) {
    case EIF_KERNEL:
        return "kernel";
    case EIF_CMDLINE:
        return "cmdline";
    case EIF_RAMDISK:
        return "ramdisk";
    case EIF_SIGNATURE:
        return "signature";
    case EIF_METADATA:
        return "metadata";
    default:
        return "unknown";
    }
}

/* Places in the order of AWS's builder; the same place again only for ramdisks. */
int eif_type_place(unsigned type)
{
    switch (type) {
    case EIF_KERNEL:
        return 1;
    case EIF_CMDLINE:
        return 2;
    case EIF_METADATA:
        return 3;
    case EIF_RAMDISK:
        return 4;
    case EIF_SIGNATURE:
        return 5;
    default:
        return 0;
    }
}

static bool all_zero(const uint8_t *bytes, size_t size)
{
    uint8_t any = 0;

    for (size_t i = 0; i < size; i++) {
        any |= bytes[i];
    }
    return any == 0;
}

static int check_header(const struct eif_wire_header *header, struct reason *why)
{
    unsigned version = bytes_be16(header->version);
    unsigned count = bytes_be16(header->section_count);

    if (memcmp(header->magic, EIF_MAGIC, sizeof header->magic) != 0) {
        return reason_set(why, -EINVAL, "this is no EIF: it starts with %s, not with " EIF_MAGIC,
            text_quote(header->magic, sizeof header->magic).text);
    }
    if (version != EIF_VERSION) {
        return reason_set(why, -EINVAL, "EIF version %u; only version %d is known here", version, EIF_VERSION);
    }
    if (count < 3 || count > EIF_SECTIONS_MAX) {
        return reason_set(why, -EINVAL, "the header counts %u sections; 3 to %d are possible", count, EIF_SECTIONS_MAX);
    }
    if (!all_zero(header->reserved, sizeof header->reserved) || !all_zero(header->unused, sizeof header->unused)) {
        return reason_set(why, -EINVAL, "a reserved field of the header is not zero");
    }
    if (!all_zero(header->offsets[count], sizeof header->offsets[0] * (EIF_SECTIONS_MAX - count)) ||
        !all_zero(header->sizes[count], sizeof header->sizes[0] * (EIF_SECTIONS_MAX - count))) {
        return reason_set(why, -EINVAL, "the section table goes on behind its %u sections", count);
    }
    return 0;
}

/* The kinds of sections, and their order. */
static int check_order(const struct eif *eif, unsigned type, struct reason *why)
{
    size_t index = eif->section_count;
    unsigned before = index > 0 ? (unsigned)eif->sections[index - 1].type : 0;
    int place = eif_type_place(type);

    if (place == 0) {
        return reason_set(why, -EINVAL, "section %zu has the unknown type %u", index, type);
    }
    if (index < 2 ? place != (int)index + 1 : place < eif_type_place(before)) {
        return reason_set(why, -EINVAL,
            "section %zu is a %s; the order is kernel, cmdline, metadata, ramdisks, signature", index,
            eif_type_name(type));
    }
    if (type == before && type != EIF_RAMDISK) {
        return reason_set(why, -EINVAL, "section %zu is a second %s", index, eif_type_name(type));
    }
    return 0;
}

static int check_size(const struct eif_section *section, size_t index, struct reason *why)
{
    uint64_t max = UINT64_MAX;

    max = section->type == EIF_METADATA ? EIF_METADATA_MAX : max;
    max = section->type == EIF_SIGNATURE ? EIF_SIGNATURE_MAX : max;
    if (section->size > max) {
        return reason_set(why, -EINVAL, "section %zu (%s) has %" PRIu64 " bytes; %" PRIu64 " are possible", index,
            eif_type_name(section->type), section->size, max);
    }
    return 0;
}

/* Reads the section header at *offset, compares it with the table, and steps over its payload. */
static int read_section(struct eif *eif, const struct eif_wire_header *header, uint64_t *offset, struct reason *why)
{
    size_t index = eif->section_count;
    struct eif_section *section = &eif->sections[index];
    uint64_t table_offset = bytes_be64(header->offsets[index]);
    uint64_t table_size = bytes_be64(header->sizes[index]);
    struct eif_wire_section wire;
    unsigned type;
    int error;

    if (table_offset != *offset) {
        return reason_set(why, -EINVAL,
            "section %zu: the table puts it at byte %" PRIu64 ", the section before it ends at byte %" PRIu64, index,
            table_offset, *offset);
    }
    error = source_read(&eif->source, *offset, &wire, sizeof wire, why);
    if (error < 0) {
        reason_prefix(why, "section %zu", index);
        return error;
    }
    *section = (struct eif_section){.offset = *offset + sizeof wire, .size = bytes_be64(wire.size)};
    type = bytes_be16(wire.type);
    error = check_order(eif, type, why);
    if (error < 0) {
        return error;
    }
    section->type = (enum eif_type)type;
    if (section->size != table_size) {
        return reason_set(why, -EINVAL,
            "section %zu (%s): the table says %" PRIu64 " bytes, the section itself %" PRIu64, index,
            eif_type_name(type), table_size, section->size);
    }
    if (section->size > eif->source.size - section->offset) {
        return reason_set(why, -EINVAL, "section %zu (%s) has %" PRIu64 " bytes, but only %" PRIu64 " are left", index,
            eif_type_name(type), section->size, eif->source.size - section->offset);
    }
    if (bytes_be16(wire.flags) != 0) {
        return reason_set(why, -EINVAL, "section %zu (%s) has unknown flags 0x%04x", index, eif_type_name(type),
            (unsigned)bytes_be16(wire.flags));
    }
    *offset = section->offset + section->size;
    eif->section_count++;
    return check_size(section, index, why);
}

int eif_read(struct eif *eif, const struct source *source, struct reason *why)
{
    struct eif_wire_header header;
    uint64_t offset = sizeof header;
    int error;

    *eif = (struct eif){.source = *source};
    if (source->size < sizeof header) {
        return reason_set(why, -EINVAL, "this is no EIF: %" PRIu64 " bytes are too few for its header (%zu)",
            source->size, sizeof header);
    }
    error = source_read(source, 0, &header, sizeof header, why);
    if (error == 0) {
        error = check_header(&header, why);
    }
    if (error < 0) {
        return error;
    }
    eif->flags = bytes_be16(header.flags);
    eif->memory = bytes_be64(header.default_memory);
    eif->cpus = bytes_be64(header.default_cpus);
    eif->crc32 = bytes_be32(header.crc32);
    for (unsigned left = bytes_be16(header.section_count); error == 0 && left > 0; left--) {
        error = read_section(eif, &header, &offset, why);
    }
    if (error == 0 && offset != source->size) {
        error = reason_set(why, -EINVAL, "%" PRIu64 " bytes stand behind the last section", source->size - offset);
    }
    if (error == 0 && eif_find(eif, EIF_RAMDISK) == NULL) {
        error = reason_set(why, -EINVAL, "there is no ramdisk");
    }
    return error;
}

const struct eif_section *eif_find(const struct eif *eif, enum eif_type type)
{
    for (size_t i = 0; i < eif->section_count; i++) {
        if (eif->sections[i].type == type) {
            return &eif->sections[i];
        }
    }
    return NULL;
}

struct source eif_payload(const struct eif *eif, const struct eif_section *section)
{
    return source_part(&eif->source, section->offset, section->size);
}

void eif_pcr(const uint8_t content_digest[static HASH_SHA384_SIZE], uint8_t pcr[static EIF_PCR_SIZE])
{
    static const uint8_t initial[EIF_PCR_SIZE];
    struct hash_sha384 hash;

    hash_sha384_init(&hash);
    hash_sha384_update(&hash, initial, sizeof initial);
    hash_sha384_update(&hash, content_digest, HASH_SHA384_SIZE);
    hash_sha384_out(&hash, pcr);
}

/* ---- Measuring: the same state for reader and writer ---- */

static void hash_bytes(void *owner, const void *data, size_t size)
{
    hash_sha384_update(owner, data, size);
}

int eif_measure_open(struct eif_measure_state *state)
{
    *state = (struct eif_measure_state){0};
    hash_sha384_init(&state->whole);
    hash_sha384_init(&state->application);
    int error = lane_open(&state->whole_lane, hash_bytes, &state->whole);
    return error < 0 ? error : lane_open(&state->application_lane, hash_bytes, &state->application);
}

void eif_measure_close(struct eif_measure_state *state)
{
    lane_close(state->whole_lane);
    lane_close(state->application_lane);
}

void eif_measure_put(struct eif_measure_state *state, enum eif_type type, const void *data, size_t size)
{
    if (type == EIF_KERNEL || type == EIF_CMDLINE || type == EIF_RAMDISK) {
        lane_put(state->whole_lane, data, size);
    }
    if (type == EIF_RAMDISK && state->ramdisks > 0) {
        lane_put(state->application_lane, data, size);
    }
}

void eif_measure_end(struct eif_measure_state *state, enum eif_type type)
{
    if (type == EIF_RAMDISK && state->ramdisks++ == 0) {
        lane_settle(state->whole_lane);
        state->runtime = state->whole; /* PCR1 is a prefix of PCR0 */
    }
}

void eif_measure_out(struct eif_measure_state *state, struct eif_measurements *measurements)
{
    uint8_t digest[HASH_SHA384_SIZE];

    lane_settle(state->whole_lane);
    lane_settle(state->application_lane);
    hash_sha384_out(&state->whole, digest);
    eif_pcr(digest, measurements->pcr0);
    hash_sha384_out(state->ramdisks > 0 ? &state->runtime : &state->whole, digest);
    eif_pcr(digest, measurements->pcr1);
    hash_sha384_out(&state->application, digest);
    eif_pcr(digest, measurements->pcr2);
}

static int measure_section(const struct eif *eif, const struct eif_section *section, struct eif_measure_state *state,
    uint32_t *crc, uint8_t *buffer, struct reason *why)
{
    const struct source payload = eif_payload(eif, section);
    int error = source_read(
        &eif->source, section->offset - sizeof(struct eif_wire_section), buffer, sizeof(struct eif_wire_section), why);

    *crc = error == 0 ? hash_crc32(*crc, buffer, sizeof(struct eif_wire_section)) : 0;
    for (uint64_t done = 0; error == 0 && done < payload.size;) {
        size_t size = payload.size - done < READ_SIZE ? (size_t)(payload.size - done) : READ_SIZE;
        error = source_read(&payload, done, buffer, size, why);
        if (error == 0) {
            *crc = hash_crc32(*crc, buffer, size);
            eif_measure_put(state, section->type, buffer, size);
        }
        done += size;
    }
    eif_measure_end(state, section->type);
    return error;
}

int eif_measure(const struct eif *eif, struct eif_measurements *measurements, struct reason *why)
{
    struct eif_measure_state state;
    struct eif_wire_header header;
    uint8_t *buffer = malloc(READ_SIZE);
    uint32_t crc;
    int error = eif_measure_open(&state);

    if (error < 0 || buffer == NULL) {
        error = reason_system(why, -ENOMEM, "no buffer");
        goto out;
    }
    error = source_read(&eif->source, 0, &header, sizeof header, why);
    crc = error == 0 ? hash_crc32(0, &header, offsetof(struct eif_wire_header, crc32)) : 0;
    for (size_t i = 0; error == 0 && i < eif->section_count; i++) {
        error = measure_section(eif, &eif->sections[i], &state, &crc, buffer, why);
    }
    if (error == 0) {
        eif_measure_out(&state, measurements);
        measurements->crc_matches = crc == eif->crc32;
    }
out:
    eif_measure_close(&state);
    free(buffer);
    return error;
}

int eif_check_crc(const struct eif *eif, bool *matches, struct reason *why)
{
    const size_t skipped = sizeof(struct eif_wire_header); /* its last field is the CRC */
    uint8_t *buffer = malloc(READ_SIZE);
    uint32_t crc = 0;
    int error = buffer == NULL ? reason_system(why, -ENOMEM, "no buffer") : 0;

    for (uint64_t done = 0; error == 0 && done < eif->source.size;) {
        uint64_t left = eif->source.size - done;
        size_t size = done == 0 ? skipped : left < READ_SIZE ? (size_t)left : READ_SIZE;
        error = source_read(&eif->source, done, buffer, size, why);
        if (error == 0) {
            crc = hash_crc32(crc, buffer, done == 0 ? offsetof(struct eif_wire_header, crc32) : size);
        }
        done += size;
    }
    free(buffer);
    *matches = error == 0 && crc == eif->crc32;
    return error;
}
