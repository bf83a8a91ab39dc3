/* parts: the folder that `extract` writes and `build --parts` reads: each section raw, and the header's fields. */
#include "tools/parts.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/lane.h"
#include "base/text.h"

#define HEADER_NAME "header"
#define HEADER_MAX 4096
#define READ_SIZE LANE_CHUNK

void parts_name(enum eif_type type, unsigned ramdisk, char name[static PARTS_NAME_SIZE])
{
    if (type == EIF_RAMDISK) {
        (void)snprintf(name, PARTS_NAME_SIZE, "ramdisk-%u", ramdisk);
    } else {
        (void)snprintf(name, PARTS_NAME_SIZE, "%s%s", eif_type_name(type), type == EIF_METADATA ? ".json" : "");
    }
}

/* ---- Writing ---- */

static int create(int folder, const char *name, struct reason *why)
{
    int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);

    return fd >= 0 ? fd : reason_system(why, -errno, "%s: cannot write", name);
}

static int write_section(const struct source *payload, int fd, char *buffer, struct reason *why)
{
    int error = 0;

    for (uint64_t done = 0; error == 0 && done < payload->size;) {
        uint64_t left = payload->size - done;
        size_t size = left < READ_SIZE ? (size_t)left : READ_SIZE;
        error = source_read(payload, done, buffer, size, why);
        if (error == 0) {
            error = file_write_all(fd, buffer, size);
            error = error < 0 ? reason_system(why, error, "cannot write") : 0;
        }
        done += size;
    }
    return error;
}

static int write_header(const struct eif *eif, bool crc_matches, int folder, struct reason *why)
{
    char text[256];
    int length = snprintf(text, sizeof text,
        "memory = %" PRIu64 "\ncpus = %" PRIu64 "\nflags = 0x%04x\ncrc32 = 0x%08" PRIx32 "%s\n", eif->memory, eif->cpus,
        (unsigned)eif->flags, eif->crc32, crc_matches ? "" : " wrong");
    int fd = create(folder, HEADER_NAME, why);
    int error = fd < 0 ? fd : file_write_all(fd, text, (size_t)length);

    if (fd >= 0) {
        error = close(fd) < 0 && error == 0 ? -errno : error;
        error = error < 0 ? reason_system(why, error, HEADER_NAME ": cannot write") : 0;
    }
    return error;
}

int parts_write(const struct eif *eif, bool crc_matches, int folder, struct reason *why)
{
    char *buffer = malloc(READ_SIZE);
    char name[PARTS_NAME_SIZE];
    unsigned ramdisk = 0;
    int error = buffer == NULL ? reason_system(why, -ENOMEM, "no memory") : write_header(eif, crc_matches, folder, why);

    for (size_t i = 0; error == 0 && i < eif->section_count; i++) {
        const struct source payload = eif_payload(eif, &eif->sections[i]);
        ramdisk += eif->sections[i].type == EIF_RAMDISK;
        parts_name(eif->sections[i].type, ramdisk, name);
        int fd = create(folder, name, why);
        error = fd < 0 ? fd : write_section(&payload, fd, buffer, why);
        if (fd >= 0 && close(fd) < 0 && error == 0) {
            error = reason_system(why, -errno, "%s: cannot write", name);
        }
    }
    free(buffer);
    return error;
}

/* ---- Packing ---- */

struct header {
    uint64_t memory;
    uint64_t cpus;
    unsigned flags;
    uint32_t crc32;
};

static int read_header(int folder, struct header *header, struct reason *why)
{
    int fd = openat(folder, HEADER_NAME, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char *text = NULL;
    size_t size;
    char wrong[8] = "";
    char more;
    int error =
        fd < 0 ? reason_system(why, -errno, HEADER_NAME ": cannot open (is this a folder that ingot extract wrote?)")
               : file_read_descriptor(fd, HEADER_NAME, HEADER_MAX, &text, &size, why);

    if (fd >= 0) {
        close(fd);
    }
    if (error < 0) {
        return error;
    }
    int fields = sscanf(text, "memory = %" SCNu64 " cpus = %" SCNu64 " flags = 0x%4x crc32 = 0x%8" SCNx32 " %7s %c",
        &header->memory, &header->cpus, &header->flags, &header->crc32, wrong, &more);
    if (fields < 4 || fields > 5 || (fields == 5 && strcmp(wrong, "wrong") != 0)) {
        error = reason_set(
            why, -EINVAL, HEADER_NAME ": not the four lines memory, cpus, flags, crc32 that ingot extract writes");
    } else if (fields == 5) {
        error = reason_set(why, -EINVAL,
            HEADER_NAME
            ": these parts come from a file whose CRC was wrong: it was damaged or changed (take out the word "
            "\"wrong\" if you have looked at them and want them as they are)");
    }
    free(text);
    return error;
}

static int put_part(struct eif_writer *writer, enum eif_type type, int fd, char *buffer, struct reason *why)
{
    int error = eif_writer_begin(writer, type, why);
    ssize_t n;

    while (error == 0 && (n = read(fd, buffer, READ_SIZE)) != 0) {
        if (n > 0) {
            error = eif_writer_put(writer, buffer, (size_t)n, why);
        } else if (errno != EINTR) {
            error = reason_system(why, -errno, "cannot read");
        }
    }
    return error == 0 ? eif_writer_end(writer, why) : error;
}

/* One section from its file. 1; 0 where there is no such file; -errno. */
static int add_part(
    struct eif_writer *writer, int folder, enum eif_type type, unsigned ramdisk, char *buffer, struct reason *why)
{
    char name[PARTS_NAME_SIZE];
    int error;
    int fd;

    parts_name(type, ramdisk, name);
    fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return errno == ENOENT ? 0 : reason_system(why, -errno, "%s: cannot open", name);
    }
    error = put_part(writer, type, fd, buffer, why);
    if (error < 0) {
        reason_prefix(why, "%s", name);
    }
    close(fd);
    return error < 0 ? error : 1;
}

static int add_parts(struct eif_writer *writer, int folder, char *buffer, struct reason *why)
{
    static const enum eif_type before[] = {EIF_KERNEL, EIF_CMDLINE, EIF_METADATA};
    unsigned ramdisk = 0;
    int result = 0;

    for (size_t i = 0; i < sizeof before / sizeof before[0]; i++) {
        result = add_part(writer, folder, before[i], 0, buffer, why);
        if (result == 0 && before[i] != EIF_METADATA) {
            return reason_set(why, -EINVAL, "there is no file \"%s\" in it", eif_type_name(before[i]));
        }
        if (result < 0) {
            return result;
        }
    }
    do {
        result = add_part(writer, folder, EIF_RAMDISK, ++ramdisk, buffer, why);
    } while (result > 0);
    return result == 0 ? add_part(writer, folder, EIF_SIGNATURE, 0, buffer, why) : result;
}

int parts_pack(const char *folder, int fd, struct parts_built *built, struct reason *why)
{
    int from = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char *buffer = malloc(READ_SIZE);
    struct eif_writer *writer = NULL;
    struct header header;
    uint8_t crc[4];
    int error = from < 0 ? reason_system(why, -errno, "cannot open") : read_header(from, &header, why);

    if (error == 0 && (buffer == NULL || eif_writer_open(&writer, fd, header.memory, header.cpus) < 0)) {
        error = reason_system(why, -ENOMEM, "no memory");
    }
    if (error == 0) {
        eif_writer_set_flags(writer, (uint16_t)header.flags);
        error = add_parts(writer, from, buffer, why);
    }
    if (error >= 0) {
        error = eif_writer_finish(writer, &built->measurements, &built->size, why);
    }
    if (error == 0 && pread(fd, crc, sizeof crc, offsetof(struct eif_wire_header, crc32)) != sizeof crc) {
        error = reason_system(why, -EIO, "cannot read back what was written");
    }
    if (error == 0) {
        built->copy = bytes_be32(crc) == header.crc32;
    } else {
        reason_prefix(why, "%s", folder);
    }
    eif_writer_close(writer);
    free(buffer);
    if (from >= 0) {
        close(from);
    }
    return error;
}
