/* image: an EIF of ours opened and checked in full before anything is believed, as run, proxy and verify do. */
#include "image/image.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "crypto/hash.h"
#include "image/cpio.h"
#include "image/kernel.h"
#include "image/tree.h"

#define READ_SIZE 65536
#define RAMDISKS 2
#define RAMFS_WORD "rootfstype=ramfs"

/* ---- Kernel and command line ---- */

static int check_kernel(const struct image *image, struct reason *why)
{
    const struct source source = eif_payload(&image->eif, eif_find(&image->eif, EIF_KERNEL));
    struct kernel kernel;

    return kernel_read(&source, &kernel, why);
}

const char *image_cmdline_fault(const char *cmdline)
{
    const char *word = cmdline;

    if (strlen(cmdline) > EIF_CMDLINE_MAX) {
        return "the command line is longer than 2047 bytes, where the kernel cuts it";
    }
    for (const char *p = cmdline; *p != '\0'; p++) {
        if (*p < 0x20 || *p > 0x7e) {
            return "the command line has other characters than printable ASCII";
        }
    }
    while ((word = strstr(word, RAMFS_WORD)) != NULL) {
        const char *end = word + strlen(RAMFS_WORD);
        if ((word == cmdline || word[-1] == ' ') && (*end == '\0' || *end == ' ')) {
            return NULL;
        }
        word = end;
    }
    return "the command line lacks " RAMFS_WORD
           ": on a tmpfs the kernel cuts files when memory is short, and boots all the "
           "same";
}

static int check_cmdline(const struct image *image, struct reason *why)
{
    const struct eif_section *section = eif_find(&image->eif, EIF_CMDLINE);
    const struct source source = eif_payload(&image->eif, section);
    char cmdline[EIF_CMDLINE_MAX + 2] = {0};
    size_t size = section->size <= EIF_CMDLINE_MAX ? (size_t)section->size : EIF_CMDLINE_MAX + 1;
    int error = source_read(&source, 0, cmdline, size, why);
    const char *fault;

    if (error < 0) {
        return error;
    }
    if (memchr(cmdline, '\0', size) != NULL) {
        return reason_set(why, -EINVAL, "there is a NUL byte in the command line");
    }
    fault = image_cmdline_fault(cmdline);
    return fault == NULL ? 0 : reason_set(why, -EINVAL, "%s", fault);
}

/* ---- Ramdisks ---- */

static int refuse(struct reason *why, const char *path, const char *fault)
{
    return reason_set(why, -EINVAL, "%s %s", text_quote_string(path).text, fault);
}

static int digest_content(const struct source *content, uint8_t digest[static HASH_SHA256_SIZE], struct reason *why)
{
    struct hash_sha256 hash;
    uint8_t *buffer = malloc(READ_SIZE);
    int error = buffer == NULL ? reason_system(why, -ENOMEM, "no memory") : 0;

    hash_sha256_init(&hash);
    for (uint64_t done = 0; error == 0 && done < content->size;) {
        size_t size = content->size - done < READ_SIZE ? (size_t)(content->size - done) : READ_SIZE;
        error = source_read(content, done, buffer, size, why);
        if (error == 0) {
            hash_sha256_update(&hash, buffer, size);
        }
        done += size;
    }
    hash_sha256_out(&hash, digest);
    free(buffer);
    return error;
}

/* What an archive's entry would be in the manifest, but for its digest. */
static int describe_entry(const struct cpio_entry *entry, struct manifest_entry *line, struct reason *why)
{
    *line = (struct manifest_entry){
        .mode = entry->header.mode & 07777, .size = entry->header.size, .path = (char *)(uintptr_t)entry->name};
    switch (entry->header.mode & ~07777u) {
    case CPIO_FOLDER:
        line->type = MANIFEST_FOLDER;
        return line->size == 0 ? 0 : refuse(why, entry->name, "is a folder with content");
    case CPIO_REGULAR:
        line->type = MANIFEST_REGULAR;
        break;
    case CPIO_LINK:
        line->type = MANIFEST_LINK;
        if (line->size == 0 || line->size > CPIO_LINK_MAX) {
            return refuse(why, entry->name, "is a symbolic link to nothing, or to a too long path");
        }
        break;
    default:
        return refuse(why, entry->name, "is neither a file, a folder nor a symbolic link");
    }
    return 0;
}

/* Whether an entry agrees with the index-th line of the manifest. */
static int compare_entry(
    const struct manifest *manifest, size_t index, const struct cpio_entry *entry, bool digests, struct reason *why)
{
    const struct manifest_entry *expected = index < manifest->count ? &manifest->entries[index] : NULL;
    struct manifest_entry line;
    const char *fault;
    int error = describe_entry(entry, &line, why);

    if (error == 0 && digests && line.type != MANIFEST_FOLDER) {
        error = digest_content(&entry->content, line.sha256, why);
    }

    if (error < 0) {
        return error;
    }
    fault = tree_reserved(entry->name, line.type);
    if (fault != NULL) {
        return refuse(why, entry->name, fault);
    }
    if (expected == NULL || strcmp(expected->path, line.path) != 0) {
        return refuse(why, entry->name, "stands where the manifest has another path, or none");
    }
    if (expected->type != line.type || expected->mode != line.mode || expected->size != line.size ||
        (digests && memcmp(expected->sha256, line.sha256, sizeof line.sha256) != 0)) {
        return refuse(why, entry->name, "is not what the manifest says (type, mode, size or digest)");
    }
    return 0;
}

static int read_content(const struct cpio_entry *entry, uint64_t max, char **text, struct reason *why)
{
    int error;

    if (entry->content.size > max) {
        return reason_set(why, -EINVAL, "%s: %" PRIu64 " bytes are too many", entry->name, entry->content.size);
    }
    *text = malloc((size_t)entry->content.size + 1);
    if (*text == NULL) {
        return reason_system(why, -ENOMEM, "no memory");
    }
    error = source_read(&entry->content, 0, *text, (size_t)entry->content.size, why);
    if (error < 0) {
        free(*text);
        *text = NULL;
    }
    return error;
}

static int read_manifest(struct image *image, const struct cpio_entry *entry, struct reason *why)
{
    char *text;
    int error = read_content(entry, MANIFEST_FILE_MAX, &text, why);

    if (error == 0) {
        error = manifest_parse(&image->manifest, text, (size_t)entry->content.size, why);
        free(text);
    }
    if (error < 0) {
        reason_prefix(why, CONFIG_PATH_MANIFEST);
    }
    return error;
}

static int read_config(struct image *image, const struct cpio_entry *entry, struct reason *why)
{
    struct config_report report;
    char *text;
    int error = read_content(entry, CONFIG_FILE_MAX, &text, why);

    if (error < 0) {
        return error;
    }
    error = config_parse(&image->config, CONFIG_PATH_INI, text, (size_t)entry->content.size, &report);
    if (error < 0) {
        (void)reason_set(
            why, error, "%s", report.error_count > 0 ? report.errors[0] : "no memory for " CONFIG_PATH_INI);
    }
    config_report_free(&report);
    free(text);
    return error;
}

/* First pass over the application: every header, the configuration, and the manifest, which is last. */
static int find_files(struct image *image, const struct source *source, struct cpio_entry *entry, struct reason *why)
{
    struct cpio_reader reader;
    bool have_config = false;
    bool have_manifest = false;
    int result;

    cpio_reader_init(&reader, source);
    while ((result = cpio_next_plain(&reader, entry, why)) > 0) {
        int error = 0;
        if (have_manifest) {
            return refuse(why, entry->name, "stands behind " CONFIG_PATH_MANIFEST ", which must be the last");
        }
        if (strcmp(entry->name, "init") == 0) {
            return refuse(why, entry->name, "would replace the runtime's /init");
        }
        if (strcmp(entry->name, CONFIG_PATH_MANIFEST) == 0) {
            have_manifest = true;
            error = entry->header.mode == (CPIO_REGULAR | 0644)
                        ? read_manifest(image, entry, why)
                        : refuse(why, entry->name, "is not a file of mode 0644");
        } else if (strcmp(entry->name, CONFIG_PATH_INI) == 0) {
            error = have_config ? refuse(why, entry->name, "stands there twice") : read_config(image, entry, why);
            have_config = true;
        }
        if (error < 0) {
            return error;
        }
    }
    if (result == 0 && (!have_config || !have_manifest)) {
        return reason_set(why, -EINVAL, "there is no %s", have_config ? CONFIG_PATH_MANIFEST : CONFIG_PATH_INI);
    }
    return result;
}

/* Second pass: each file against its line of the manifest. */
static int compare_files(
    struct image *image, const struct source *source, struct cpio_entry *entry, bool digests, struct reason *why)
{
    struct cpio_reader reader;
    size_t index = 0;
    int result;

    cpio_reader_init(&reader, source);
    while ((result = cpio_next_plain(&reader, entry, why)) > 0) {
        if (strcmp(entry->name, CONFIG_PATH_MANIFEST) == 0) {
            continue;
        }
        result = compare_entry(&image->manifest, index++, entry, digests, why);
        if (result < 0) {
            return result;
        }
    }
    if (result == 0 && index != image->manifest.count) {
        return refuse(why, image->manifest.entries[index].path, "is in the manifest, but not in the ramdisk");
    }
    return result;
}

static int check_application(struct image *image, const struct source *source, bool digests, struct reason *why)
{
    struct cpio_entry *entry = malloc(sizeof *entry);
    int error = entry == NULL ? reason_system(why, -ENOMEM, "no memory") : find_files(image, source, entry, why);

    if (error == 0) {
        error = compare_files(image, source, entry, digests, why);
    }
    free(entry);
    return error;
}

static int check_ramdisks(struct image *image, bool digests, struct reason *why)
{
    const struct eif_section *first = eif_find(&image->eif, EIF_RAMDISK);
    const struct eif_section *end = image->eif.sections + image->eif.section_count;
    struct source source;
    size_t count = 0;
    int error;

    for (const struct eif_section *section = first; section < end; section++) {
        count += section->type == EIF_RAMDISK;
    }
    if (count != RAMDISKS) {
        return reason_set(why, -EINVAL, "%zu ramdisk%s; an image of ours has two, the runtime and the application",
            count, count == 1 ? "" : "s");
    }
    source = eif_payload(&image->eif, first);
    error = runtime_read(&source, &image->runtime, why);
    if (error < 0) {
        reason_prefix(why, "ramdisk 1 (runtime)");
        return error;
    }
    source = eif_payload(&image->eif, first + 1);
    error = check_application(image, &source, digests, why);
    if (error < 0) {
        reason_prefix(why, "ramdisk 2 (application)");
    }
    return error;
}

/* ---- Opening ---- */

/* digests: those of the content are computed here; otherwise only its CRC. */
static int check_all(struct image *image, const struct source *source, bool digests, struct reason *why)
{
    int error = eif_read(&image->eif, source, why);

    if (error < 0) {
        return error;
    }
    if (image->eif.flags != 0) {
        return reason_set(why, -EINVAL, "the header has flags 0x%04x%s; only x86-64 images are run here",
            (unsigned)image->eif.flags, (image->eif.flags & EIF_FLAG_AARCH64) != 0 ? " (aarch64)" : "");
    }
    error = digests ? eif_measure(&image->eif, &image->measurements, why)
                    : eif_check_crc(&image->eif, &image->measurements.crc_matches, why);
    if (error == 0 && !image->measurements.crc_matches) {
        error = reason_set(why, -EINVAL, "the CRC of the file is wrong: it was damaged on its way (copy it again)");
    }
    if (error == 0) {
        error = check_kernel(image, why);
    }
    if (error == 0) {
        error = check_cmdline(image, why);
    }
    if (error == 0) {
        error = check_ramdisks(image, digests, why);
    }
    if (error == 0 &&
        (image->eif.memory != image->config.image.memory || image->eif.cpus != image->config.image.cpus)) {
        error = reason_set(why, -EINVAL, "the header's memory or CPUs are not those of " CONFIG_PATH_INI);
    }
    return error;
}

int image_open_source(const struct source *source, struct image *image, struct reason *why)
{
    int error;

    *image = (struct image){.fd = -1};
    error = check_all(image, source, true, why);
    if (error < 0) {
        image_close(image);
    }
    return error;
}

int image_check_written(const struct source *source, struct reason *why)
{
    struct image image = {.fd = -1};
    int error = check_all(&image, source, false, why);

    image_close(&image);
    return error;
}

int image_open(const char *path, struct image *image, struct reason *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct source source;
    int error;

    if (fd < 0) {
        return reason_system(why, -errno, "%s: cannot open", path);
    }
    error = source_file(&source, fd, why);
    if (error == 0) {
        error = image_open_source(&source, image, why);
    }
    if (error < 0) {
        reason_prefix(why, "%s", path);
        close(fd);
        return error;
    }
    image->fd = fd;
    return 0;
}

void image_close(struct image *image)
{
    manifest_free(&image->manifest);
    config_free(&image->config);
    if (image->fd >= 0) {
        close(image->fd);
    }
    *image = (struct image){.fd = -1};
}
