/* samples: images, archives and kernels made in memory, right ones to be spoiled byte by byte. */
#ifndef INGOT_TESTS_IMAGE_SAMPLES_H
#define INGOT_TESTS_IMAGE_SAMPLES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "image/cpio.h"
#include "image/eif.h"
#include "image/manifest.h"

struct sample {
    uint8_t *data;
    size_t size;
};

static inline void sample_add(struct sample *sample, const void *data, size_t size)
{
    sample->data = realloc(sample->data, sample->size + size + 1);
    assert_non_null(sample->data);
    memcpy(sample->data + sample->size, data, size);
    sample->size += size;
}

static inline void sample_free(struct sample *sample)
{
    free(sample->data);
    *sample = (struct sample){0};
}

static inline int sample_sink(void *owner, const void *data, size_t size, struct reason *why)
{
    (void)why;
    sample_add(owner, data, size);
    return 0;
}

/* Smallest thing that kernel_read() takes: a setup header, and a version's text. */
#define SAMPLE_KERNEL_SIZE 2048
static inline void sample_kernel(uint8_t kernel[static SAMPLE_KERNEL_SIZE])
{
    memset(kernel, 0, SAMPLE_KERNEL_SIZE);
    kernel[0x1fe] = 0x55;
    kernel[0x1ff] = 0xaa;
    memcpy(kernel + 0x202, "HdrS", 4);
    kernel[0x206] = 0x0f;
    kernel[0x207] = 0x02;
    kernel[0x20e] = 0x00;
    kernel[0x20f] = 0x04;
    kernel[0x211] = 1;
    kernel[0x262] = 0x80; /* init_size 8 MiB */
    memcpy(kernel + 0x600, "6.12.95 (builder@enclave) #1", 28);
}

#define SAMPLE_CMDLINE "reboot=k panic=30 rootfstype=ramfs"
#define SAMPLE_INI "[image]\nname = demo\n[app]\nrun = /server\n"

/* One file of an archive. */
struct sample_file {
    const char *name;
    unsigned mode;
    const char *content; /* or target; NULL for a folder */
};

/* An archive of files in their order; where manifest is set, app/manifest comes last, made from those below app. */
static inline struct sample sample_archive(const struct sample_file *files, size_t count, bool manifest)
{
    struct sample archive = {0};
    struct manifest list = {0};
    struct cpio_writer writer;
    struct reason why;

    cpio_writer_init(&writer, sample_sink, &archive);
    for (size_t i = 0; i < count; i++) {
        size_t size = files[i].content != NULL ? strlen(files[i].content) : 0;
        unsigned type = files[i].mode & CPIO_TYPE_MASK;
        struct manifest_entry entry = {.type = type == CPIO_FOLDER    ? MANIFEST_FOLDER
                                               : type == CPIO_REGULAR ? MANIFEST_REGULAR
                                                                      : MANIFEST_LINK,
            .mode = files[i].mode & 07777,
            .size = size,
            .path = (char *)(uintptr_t)files[i].name};
        struct hash_sha256 hash;
        assert_int_equal(cpio_add(&writer, files[i].name, files[i].mode, size, &why), 0);
        if (size > 0) {
            assert_int_equal(cpio_content(&writer, files[i].content, size, &why), 0);
        }
        if (entry.type != MANIFEST_FOLDER) {
            hash_sha256_init(&hash);
            hash_sha256_update(&hash, files[i].content, size);
            hash_sha256_out(&hash, entry.sha256);
        }
        assert_int_equal(manifest_add(&list, &entry), 0);
    }
    if (manifest) {
        char *text;
        size_t size;
        assert_int_equal(manifest_write(&list, &text, &size), 0);
        assert_int_equal(cpio_add(&writer, "app/manifest", CPIO_REGULAR | 0644, size, &why), 0);
        assert_int_equal(cpio_content(&writer, text, size, &why), 0);
        free(text);
    }
    assert_int_equal(cpio_end(&writer, &why), 0);
    manifest_free(&list);
    return archive;
}

static inline void sample_section(struct eif_writer *writer, enum eif_type type, const void *data, size_t size)
{
    struct reason why = {""};

    if (eif_writer_begin(writer, type, &why) < 0 || eif_writer_put(writer, data, size, &why) < 0 ||
        eif_writer_end(writer, &why) < 0) {
        fail_msg("%s", why.text);
    }
}

/* An image by our writer from its parts; metadata may be NULL. */
static inline struct sample sample_eif(const void *kernel, size_t kernel_size, const char *cmdline,
    const char *metadata, const struct sample *ramdisks, size_t ramdisk_count, struct eif_measurements *measurements)
{
    int fd = memfd_create("sample.eif", MFD_CLOEXEC);
    struct sample image = {0};
    struct eif_writer *writer;
    struct reason why = {""};
    uint64_t size;

    assert_true(fd >= 0);
    assert_int_equal(eif_writer_open(&writer, fd, 64u << 20, 2), 0);
    sample_section(writer, EIF_KERNEL, kernel, kernel_size);
    sample_section(writer, EIF_CMDLINE, cmdline, strlen(cmdline));
    if (metadata != NULL) {
        sample_section(writer, EIF_METADATA, metadata, strlen(metadata));
    }
    for (size_t i = 0; i < ramdisk_count; i++) {
        sample_section(writer, EIF_RAMDISK, ramdisks[i].data, ramdisks[i].size);
    }
    if (eif_writer_finish(writer, measurements, &size, &why) < 0) {
        fail_msg("%s", why.text);
    }
    eif_writer_close(writer);
    image.data = malloc((size_t)size);
    image.size = (size_t)size;
    assert_int_equal(pread(fd, image.data, image.size, 0), (ssize_t)size);
    close(fd);
    return image;
}

/* A right image of ours, with `files` (below app, sorted) as its application. */
static inline struct sample sample_image(const struct sample_file *files, size_t count)
{
    static const struct sample_file init[] = {{"init", CPIO_REGULAR | 0755, "runtime"}};
    uint8_t kernel[SAMPLE_KERNEL_SIZE];
    struct eif_measurements measurements;
    struct sample ramdisks[2] = {sample_archive(init, 1, false), sample_archive(files, count, true)};
    struct sample image;

    sample_kernel(kernel);
    image = sample_eif(kernel, sizeof kernel, SAMPLE_CMDLINE, "{}", ramdisks, 2, &measurements);
    sample_free(&ramdisks[0]);
    sample_free(&ramdisks[1]);
    return image;
}

static inline void sample_set_crc(struct sample *image)
{
    uint32_t crc = hash_crc32(0, image->data, 544);

    bytes_put_be32(image->data + 544, hash_crc32(crc, image->data + 548, image->size - 548));
}

#endif
