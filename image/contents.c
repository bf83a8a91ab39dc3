/* contents: looks into the sections of anybody's image for what makes it unfit to run, though its structure is right.
 */
#include "image/contents.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/bytes.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "image/kernel.h"
#include "image/ramdisk.h"

#define PATHS_MAX CPIO_ENTRIES_MAX /* in all ramdisks together */
#define FIRST_SLOTS 1024
#define SALT_SIZE 16

enum kind { KIND_NONE, KIND_FOLDER, KIND_LINK, KIND_OTHER };

/*
 * The paths that were met, as a hash table of words: a digest of the path, the ramdisk's number, its kind. The digest
 * is salted anew in each run, so that nobody can make two paths look like one.
 */
#define KIND_BITS 2
#define DISK_BITS 5
#define LOW_BITS (KIND_BITS + DISK_BITS)
_Static_assert(EIF_SECTIONS_MAX <= 1 << DISK_BITS, "a ramdisk's number fits");

struct paths {
    uint64_t *slots;
    size_t room; /* a power of two */
    size_t count;
    uint8_t salt[SALT_SIZE];
};

struct look {
    struct contents_faults *faults;
    struct paths paths;
    unsigned disk; /* from 1 */
    struct cpio_entry entry;
    char path[CPIO_NAME_MAX + 1];
};

/* ---- Faults ---- */

int contents_add(struct contents_faults *faults, const char *format, ...)
{
    char line[REASON_SIZE];
    va_list args;

    if (faults->count == CONTENTS_FAULTS_MAX) {
        faults->lost++;
        return 0;
    }
    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args);
    va_end(args);
    faults->sentences[faults->count] = strdup(line);
    return faults->sentences[faults->count] != NULL ? (int)(faults->count++, 0) : -ENOMEM;
}

void contents_free(struct contents_faults *faults)
{
    for (size_t i = 0; i < faults->count; i++) {
        free(faults->sentences[i]);
    }
    *faults = (struct contents_faults){0};
}

/* ---- Paths ---- */

const char *contents_path(const char *name, char path[static CPIO_NAME_MAX + 1])
{
    const char *fault = name[0] == '/' ? "is an absolute path" : NULL;
    size_t used = 0;

    while (*name != '\0') {
        size_t size = strcspn(name, "/");
        if (size == 2 && memcmp(name, "..", 2) == 0) {
            fault = "has \"..\" in it";
        }
        if (size > 0 && !(size == 1 && name[0] == '.')) {
            if (used > 0) {
                path[used++] = '/';
            }
            memcpy(path + used, name, size);
            used += size;
        }
        name += size;
        name += strspn(name, "/");
    }
    path[used] = '\0';
    return fault;
}

/* The slot of a digest: the one that has it, or the free one where it would go. */
static uint64_t *find_slot(const struct paths *paths, uint64_t digest)
{
    size_t at = (size_t)(digest >> LOW_BITS) & (paths->room - 1);

    while (paths->slots[at] != 0 && (paths->slots[at] ^ digest) >> LOW_BITS != 0) {
        at = (at + 1) & (paths->room - 1);
    }
    return &paths->slots[at];
}

static int make_room(struct paths *paths)
{
    struct paths larger = *paths;

    if (paths->count * 2 < paths->room) {
        return 0;
    }
    larger.room = paths->room > 0 ? paths->room * 2 : FIRST_SLOTS;
    larger.slots = calloc(larger.room, sizeof *larger.slots);
    if (larger.slots == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < paths->room; i++) {
        if (paths->slots[i] != 0) {
            *find_slot(&larger, paths->slots[i]) = paths->slots[i];
        }
    }
    free(paths->slots);
    *paths = larger;
    return 0;
}

static uint64_t digest_of(const struct hash_sha256 *hash)
{
    uint8_t digest[HASH_SHA256_SIZE];

    hash_sha256_out(hash, digest);
    return bytes_be64(digest) >> LOW_BITS << LOW_BITS;
}

static enum kind kind_of(uint32_t mode)
{
    switch (mode & CPIO_TYPE_MASK) {
    case CPIO_FOLDER:
        return KIND_FOLDER;
    case CPIO_LINK:
        return KIND_LINK;
    default:
        return KIND_OTHER;
    }
}

static enum kind slot_kind(uint64_t slot)
{
    return (enum kind)(slot & ((1u << KIND_BITS) - 1));
}

static unsigned slot_disk(uint64_t slot)
{
    return (unsigned)(slot >> KIND_BITS) & ((1u << DISK_BITS) - 1);
}

/* What is met under a part of a path that must be a folder. */
static int judge_parent(struct look *look, uint64_t slot, size_t size)
{
    enum kind kind = slot_kind(slot);

    if (kind == KIND_LINK || kind == KIND_OTHER) {
        return contents_add(look->faults, "ramdisk %u: %s lies behind %s, which is a %s in ramdisk %u", look->disk,
            text_quote_string(look->entry.name).text, text_quote(look->path, size).text,
            kind == KIND_LINK ? "symbolic link" : "file", slot_disk(slot));
    }
    return 0;
}

static int judge_path(struct look *look, uint64_t *slot, uint64_t digest)
{
    enum kind kind = kind_of(look->entry.header.mode);
    int error = 0;

    if (*slot != 0 && !(kind == KIND_FOLDER && slot_kind(*slot) == KIND_FOLDER)) {
        error = slot_disk(*slot) == look->disk
                    ? contents_add(look->faults, "ramdisk %u: %s stands there twice", look->disk,
                          text_quote_string(look->entry.name).text)
                    : contents_add(look->faults, "ramdisk %u: %s shadows the one of ramdisk %u", look->disk,
                          text_quote_string(look->entry.name).text, slot_disk(*slot));
    }
    look->paths.count += *slot == 0;
    *slot = digest | (uint64_t)look->disk << KIND_BITS | (uint64_t)kind;
    return error;
}

static int look_at_entry(struct look *look, struct reason *why)
{
    const char *fault = contents_path(look->entry.name, look->path);
    struct hash_sha256 hash;
    uint64_t digest;
    size_t size = 0;
    int error = 0;

    if (fault != NULL) {
        error = contents_add(
            look->faults, "ramdisk %u: %s %s", look->disk, text_quote_string(look->entry.name).text, fault);
    }
    if (error < 0 || make_room(&look->paths) < 0) {
        return reason_system(why, -ENOMEM, "no memory");
    }
    if (look->paths.count >= PATHS_MAX) {
        return reason_set(why, -EINVAL, "more than %d files and folders in all ramdisks", PATHS_MAX);
    }
    hash_sha256_init(&hash);
    hash_sha256_update(&hash, look->paths.salt, SALT_SIZE);
    while (error == 0) {
        size_t part = strcspn(look->path + size, "/");
        hash_sha256_update(&hash, look->path + size, part);
        size += part;
        digest = digest_of(&hash);
        if (look->path[size] == '\0') {
            error = judge_path(look, find_slot(&look->paths, digest), digest);
            break;
        }
        error = judge_parent(look, *find_slot(&look->paths, digest), size);
        hash_sha256_update(&hash, "/", 1);
        size++;
    }
    return error < 0 ? reason_system(why, error, "no memory") : 0;
}

/* ---- Sections ---- */

static int look_at_archive(struct look *look, const struct source *archive, struct reason *why)
{
    struct cpio_reader reader;
    int result;

    cpio_reader_init(&reader, archive);
    while ((result = cpio_next(&reader, &look->entry, why)) > 0) {
        result = look_at_entry(look, why);
        if (result < 0) {
            return result;
        }
    }
    return result;
}

static int look_at_ramdisk(struct look *look, const struct source *payload, struct reason *why)
{
    struct ramdisk ramdisk;
    int error = ramdisk_open(&ramdisk, payload, why);

    if (error == 0) {
        if (ramdisk.opened) {
            error = look_at_archive(look, &ramdisk.archive, why);
        } else if (ramdisk.form == RAMDISK_EMPTY) {
            error = contents_add(look->faults, "ramdisk %u is empty", look->disk);
        } else if (ramdisk.form == RAMDISK_UNKNOWN) {
            error = contents_add(look->faults, "ramdisk %u is neither a newc archive nor compressed data", look->disk);
        } else {
            look->faults->unopened++;
        }
        ramdisk_close(&ramdisk);
    }
    if (error < 0) {
        reason_prefix(why, "ramdisk %u", look->disk);
    }
    return error;
}

int contents_arm64_image(const struct source *kernel, struct reason *why)
{
    enum { MAGIC = 56, HEADER_SIZE = 64 };
    char header[HEADER_SIZE];

    if (kernel->size < sizeof header || source_read(kernel, 0, header, sizeof header, why) < 0 ||
        memcmp(header + MAGIC, "ARM\x64", 4) != 0) {
        return reason_set(why, -EINVAL, "the kernel is no arm64 Image, which the header's flag 0x0001 promises");
    }
    return 0;
}

static int look_at_kernel(const struct eif *eif, struct look *look)
{
    const struct source source = eif_payload(eif, eif_find(eif, EIF_KERNEL));
    struct kernel kernel;
    struct reason why;
    int error = (eif->flags & EIF_FLAG_AARCH64) != 0 ? contents_arm64_image(&source, &why)
                                                     : kernel_read(&source, &kernel, &why);

    return error < 0 ? contents_add(look->faults, "%s", why.text) : 0;
}

int contents_check(const struct eif *eif, struct contents_faults *faults, struct reason *why)
{
    struct look *look = calloc(1, sizeof *look);
    int error = 0;

    *faults = (struct contents_faults){0};
    if (look == NULL) {
        return reason_system(why, -ENOMEM, "no memory");
    }
    look->faults = faults;
    if (getrandom(look->paths.salt, SALT_SIZE, 0) != SALT_SIZE || look_at_kernel(eif, look) < 0) {
        error = reason_system(why, -ENOMEM, "no random salt, or no memory");
    }
    for (size_t i = 0; error == 0 && i < eif->section_count; i++) {
        if (eif->sections[i].type == EIF_RAMDISK) {
            const struct source payload = eif_payload(eif, &eif->sections[i]);
            look->disk++;
            error = look_at_ramdisk(look, &payload, why);
        }
    }
    free(look->paths.slots);
    free(look);
    return error;
}
