/* contents: tests: gzip ramdisks are read in bounds, and each fault of content is named, with its ramdisk and path. */
#include "tests/image/samples.h"

#include "image/contents.h"
#include "image/ramdisk.h"

#define FOLDER (CPIO_FOLDER | 0755)
#define FILE_MODE (CPIO_REGULAR | 0644)
#define LINK (CPIO_LINK | 0777)

/* RFC 1952 §2.3: magic, deflate, no flags, no time, slowest, Unix. */
static const uint8_t gzip_header[] = {0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0, 0x02, 0x03};

/* A gzip member of stored blocks (RFC 1951 §3.2.4) around any bytes: no compressor is needed. */
static struct sample gzip_of(const struct sample *content)
{
    struct sample member = {0};
    uint32_t crc = hash_crc32(0, content->data, content->size);
    uint8_t end[8];
    size_t done = 0;

    sample_add(&member, gzip_header, sizeof gzip_header);
    do {
        size_t size = content->size - done < 65535 ? content->size - done : 65535;
        uint8_t block[5] = {
            done + size == content->size, (uint8_t)size, (uint8_t)(size >> 8), (uint8_t)~size, (uint8_t)(~size >> 8)};
        sample_add(&member, block, sizeof block);
        sample_add(&member, content->data + done, size);
        done += size;
    } while (done < content->size);
    for (unsigned i = 0; i < 4; i++) {
        end[i] = (uint8_t)(crc >> (8 * i));
        end[4 + i] = (uint8_t)(content->size >> (8 * i));
    }
    sample_add(&member, end, sizeof end);
    return member;
}

static struct sample pattern(size_t size)
{
    struct sample content = {malloc(size), size};

    for (size_t i = 0; i < size; i++) {
        content.data[i] = (uint8_t)(i * 31 >> 7);
    }
    return content;
}

static void gzip_is_read_at_any_place(void **state)
{
    static const size_t places[] = {0, 1, 65535, 65530, 500000, 499000, 400000, 999990, 3, 130000};
    struct sample content = pattern(1000000);
    struct sample member = gzip_of(&content);
    const struct source source = source_memory(member.data, member.size);
    struct reason why = {""};
    struct source inflated;
    struct gzip *gzip;
    uint8_t bytes[10];

    (void)state;
    assert_int_equal(gzip_open(&gzip, &source, content.size, &inflated, &why), 0);
    assert_int_equal(inflated.size, content.size);
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) { /* back and forth */
        assert_int_equal(source_read(&inflated, places[i], bytes, sizeof bytes, &why), 0);
        assert_memory_equal(bytes, content.data + places[i], sizeof bytes);
    }
    assert_int_equal(source_read(&inflated, content.size - 9, bytes, sizeof bytes, &why), -22);
    gzip_close(gzip);
    assert_int_equal(gzip_open(&gzip, &source, content.size - 1, &inflated, &why), -22);
    assert_string_equal(why.text, "the gzip data inflates to more than 999999 bytes");
    sample_free(&content);
    sample_free(&member);
}

static void damaged_gzip_is_refused(void **state)
{
    struct sample content = pattern(1000);
    struct sample right = gzip_of(&content);
    struct source inflated;
    struct gzip *gzip;

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        static const char *const sentences[] = {"cut: it has no end at byte 1022", "damaged before byte",
            "damaged before byte", "something stands behind the end of the gzip data, at byte 1024", "damaged before",
            "cut: it has no end at byte 5"};
        struct reason why = {""};
        struct sample member = {0};
        sample_add(&member, right.data, right.size);
        member.size -= i == 0 ? 1 : i == 5 ? right.size - 5 : 0;
        member.data[500] ^= i == 1; /* seen by the CRC at the end */
        member.data[11] ^= i == 2;  /* the length of a stored block */
        member.data[member.size - 1] ^= i == 4;
        if (i == 3) {
            sample_add(&member, "\0x", 2);
        }
        const struct source source = source_memory(member.data, member.size);
        int error = gzip_open(&gzip, &source, 4096, &inflated, &why);
        if (error != -22 || strstr(why.text, sentences[i]) == NULL) {
            fail_msg("%zu: %d, \"%s\"", i, error, why.text);
        }
        sample_free(&member);
    }
    sample_add(&right, "\0\0\0", 3); /* as archives are filled up */
    const struct source source = source_memory(right.data, right.size);
    assert_int_equal(gzip_open(&gzip, &source, 4096, &inflated, NULL), 0);
    gzip_close(gzip);
    sample_free(&right);
    sample_free(&content);
}

static void forms_are_known_by_their_first_bytes(void **state)
{
    static const struct {
        const char *start;
        enum ramdisk_form form;
        const char *name;
    } rows[] = {{"070701", RAMDISK_CPIO, "cpio"}, {"\xfd\x37zXZ", RAMDISK_XZ, "xz"},
        {"\x28\xb5\x2f\xfd", RAMDISK_ZSTD, "zstd"}, {"\x02\x21LL", RAMDISK_LZ4, "lz4"},
        {"BZh9", RAMDISK_BZIP2, "bzip2"}, {"\x5d\0", RAMDISK_LZMA, "lzma"}, {"\x89LZO", RAMDISK_LZO, "lzo"},
        {"", RAMDISK_EMPTY, "empty"}, {"RAM", RAMDISK_UNKNOWN, "unknown"}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t size = rows[i].form == RAMDISK_LZMA ? 2 : strlen(rows[i].start);
        const struct source source = source_memory(rows[i].start, size);
        struct ramdisk ramdisk;
        assert_int_equal(ramdisk_open(&ramdisk, &source, NULL), 0);
        assert_int_equal(ramdisk.form, rows[i].form);
        assert_string_equal(ramdisk_form_name(ramdisk.form), rows[i].name);
        assert_int_equal(ramdisk.opened, rows[i].form == RAMDISK_CPIO);
        ramdisk_close(&ramdisk);
    }
}

/* ---- Faults ---- */

#define FILES_MAX 3
static const struct pair {
    struct sample_file first[FILES_MAX];
    struct sample_file second[FILES_MAX];
    const char *fault; /* the only one; NULL: none */
} pairs[] = {
    {{{"init", FILE_MODE, "x"}}, {{"app", FOLDER, NULL}}, NULL},
    {{{"etc", FOLDER, NULL}}, {{"etc", FOLDER, NULL}, {"etc/x", FILE_MODE, "x"}}, NULL},
    {{{".", FOLDER, NULL}, {"./a", FILE_MODE, "x"}}, {{".", FOLDER, NULL}, {"./b", FILE_MODE, "x"}}, NULL},
    {{{"init", FILE_MODE, "x"}}, {{"init", FILE_MODE, "y"}}, "ramdisk 2: \"init\" shadows the one of ramdisk 1"},
    {{{"init", FILE_MODE, "x"}}, {{"./init", FILE_MODE, "y"}}, "ramdisk 2: \"./init\" shadows the one of ramdisk 1"},
    {{{"a/b", FILE_MODE, "x"}}, {{"a//b", FILE_MODE, "y"}}, "ramdisk 2: \"a//b\" shadows the one of ramdisk 1"},
    {{{"a", FOLDER, NULL}}, {{"a", FILE_MODE, "y"}}, "ramdisk 2: \"a\" shadows the one of ramdisk 1"},
    {{{"a", FILE_MODE, "x"}}, {{"a", FOLDER, NULL}}, "ramdisk 2: \"a\" shadows the one of ramdisk 1"},
    {{{"a", LINK, "b"}}, {{"a", LINK, "b"}}, "ramdisk 2: \"a\" shadows the one of ramdisk 1"},
    {{{"lib", LINK, "usr"}}, {{"lib/x", FILE_MODE, "y"}},
        "ramdisk 2: \"lib/x\" lies behind \"lib\", which is a symbolic link in ramdisk 1"},
    {{{"lib", LINK, "usr"}}, {{"x/../lib/x", FILE_MODE, "y"}}, "ramdisk 2: \"x/../lib/x\" has \"..\" in it"},
    {{{"lib", FILE_MODE, "x"}}, {{"lib/x/y", FILE_MODE, "y"}},
        "ramdisk 2: \"lib/x/y\" lies behind \"lib\", which is a file in ramdisk 1"},
    {{{"a", FILE_MODE, "x"}, {"a", FILE_MODE, "y"}}, {{"b", FOLDER, NULL}}, "ramdisk 1: \"a\" stands there twice"},
    {{{"a", LINK, "/etc"}, {"a/b", FILE_MODE, "y"}}, {{"b", FOLDER, NULL}},
        "ramdisk 1: \"a/b\" lies behind \"a\", which is a symbolic link in ramdisk 1"},
    {{{"/init", FILE_MODE, "x"}}, {{"b", FOLDER, NULL}}, "ramdisk 1: \"/init\" is an absolute path"},
    {{{"../init", FILE_MODE, "x"}}, {{"b", FOLDER, NULL}}, "ramdisk 1: \"../init\" has \"..\" in it"},
    {{{"a/..", FILE_MODE, "x"}}, {{"b", FOLDER, NULL}}, "ramdisk 1: \"a/..\" has \"..\" in it"},
    {{{"...", FILE_MODE, "x"}}, {{"..a", FILE_MODE, "y"}}, NULL},
};

static struct sample archive_of(const struct sample_file files[static FILES_MAX])
{
    size_t count = 0;

    while (count < FILES_MAX && files[count].name != NULL) {
        count++;
    }
    return sample_archive(files, count, false);
}

/* The faults of an image with these two ramdisks, as one text. */
static int faults_of(
    struct sample ramdisks[static 2], const char *kernel, uint16_t flags, char text[static 4096], struct reason *why)
{
    uint8_t bytes[SAMPLE_KERNEL_SIZE];
    struct eif_measurements measurements;
    struct contents_faults faults;
    struct eif eif;

    sample_kernel(bytes);
    struct sample image = sample_eif(kernel != NULL ? (const void *)kernel : bytes,
        kernel != NULL ? strlen(kernel) : sizeof bytes, SAMPLE_CMDLINE, NULL, ramdisks, 2, &measurements);
    const struct source source = source_memory(image.data, image.size);
    assert_int_equal(eif_read(&eif, &source, why), 0);
    eif.flags = flags;
    int error = contents_check(&eif, &faults, why);
    text[0] = '\0';
    for (size_t i = 0; i < faults.count; i++) {
        strcat(strcat(text, i > 0 ? "; " : ""), faults.sentences[i]);
    }
    contents_free(&faults);
    sample_free(&image);
    return error;
}

static void shadows_and_odd_paths_are_named(void **state)
{
    char text[4096];
    struct reason why = {""};

    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        for (unsigned zipped = 0; zipped < 2; zipped++) {
            struct sample ramdisks[2] = {archive_of(pairs[i].first), archive_of(pairs[i].second)};
            if (zipped) {
                struct sample member = gzip_of(&ramdisks[1]);
                sample_free(&ramdisks[1]);
                ramdisks[1] = member;
            }
            assert_int_equal(faults_of(ramdisks, NULL, 0, text, &why), 0);
            assert_string_equal(text, pairs[i].fault != NULL ? pairs[i].fault : "");
            sample_free(&ramdisks[0]);
            sample_free(&ramdisks[1]);
        }
    }
}

static void kernels_and_ramdisks_that_are_none_are_named(void **state)
{
    static const struct sample_file files[] = {{"a", FILE_MODE, "x"}};
    struct sample archive = sample_archive(files, 1, false);
    struct sample ramdisks[2] = {archive, {(uint8_t *)(uintptr_t) "RAM", 3}};
    struct reason why = {""};
    char text[4096];
    char image[65] = "";

    (void)state;
    assert_int_equal(faults_of(ramdisks, NULL, 0, text, &why), 0);
    assert_string_equal(text, "ramdisk 2 is neither a newc archive nor compressed data");
    ramdisks[1].size = 0;
    assert_int_equal(faults_of(ramdisks, "K", 0, text, &why), 0);
    assert_string_equal(text, "the kernel is no bzImage: 1 bytes are too few; ramdisk 2 is empty");
    ramdisks[1] = (struct sample){(uint8_t *)(uintptr_t) "\xfd\x37zXZ", 5};
    assert_int_equal(faults_of(ramdisks, NULL, EIF_FLAG_AARCH64, text, &why), 0);
    assert_string_equal(text, "the kernel is no arm64 Image, which the header's flag 0x0001 promises");
    memset(image, 'i', 64);
    memcpy(image + 56, "ARM\x64", 4);
    assert_int_equal(faults_of(ramdisks, image, EIF_FLAG_AARCH64, text, &why), 0);
    assert_string_equal(text, "");
    sample_free(&archive);
}

static void archives_that_can_not_be_parsed_are_no_content(void **state)
{
    static const struct sample_file files[] = {{"a", FILE_MODE, "x"}};
    struct sample right = sample_archive(files, 1, false);
    struct sample cut = {right.data, right.size - 4};
    struct sample zipped = gzip_of(&cut);
    struct sample ramdisks[2] = {right, cut};
    struct reason why = {""};
    char text[4096];

    (void)state;
    assert_int_equal(faults_of(ramdisks, NULL, 0, text, &why), -22);
    assert_non_null(strstr(why.text, "ramdisk 2: it ends at byte"));
    ramdisks[1] = zipped;
    assert_int_equal(faults_of(ramdisks, NULL, 0, text, &why), -22);
    assert_non_null(strstr(why.text, "ramdisk 2: it ends at byte"));
    ramdisks[1].size--;
    assert_int_equal(faults_of(ramdisks, NULL, 0, text, &why), -22);
    assert_non_null(strstr(why.text, "ramdisk 2: the gzip data is cut"));
    sample_free(&zipped);
    sample_free(&right);
}

static void many_paths_and_many_faults_stay_bounded(void **state)
{
    enum { COUNT = 5000 };
    struct sample archive = {0};
    struct cpio_writer writer;
    struct reason why = {""};
    struct contents_faults faults;
    struct eif_measurements measurements;
    uint8_t kernel[SAMPLE_KERNEL_SIZE];
    struct eif eif;

    (void)state;
    cpio_writer_init(&writer, sample_sink, &archive);
    for (unsigned i = 0; i < COUNT; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "file%u", i);
        assert_int_equal(cpio_add(&writer, name, FILE_MODE, 0, &why), 0);
    }
    assert_int_equal(cpio_end(&writer, &why), 0);
    struct sample ramdisks[2] = {archive, archive};
    sample_kernel(kernel);
    struct sample image = sample_eif(kernel, sizeof kernel, SAMPLE_CMDLINE, NULL, ramdisks, 2, &measurements);
    const struct source source = source_memory(image.data, image.size);
    assert_int_equal(eif_read(&eif, &source, &why), 0);
    assert_int_equal(contents_check(&eif, &faults, &why), 0);
    assert_int_equal(faults.count, CONTENTS_FAULTS_MAX);
    assert_int_equal(faults.lost, COUNT - CONTENTS_FAULTS_MAX);
    contents_free(&faults);
    sample_free(&image);
    sample_free(&archive);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gzip_is_read_at_any_place),
        cmocka_unit_test(damaged_gzip_is_refused),
        cmocka_unit_test(forms_are_known_by_their_first_bytes),
        cmocka_unit_test(shadows_and_odd_paths_are_named),
        cmocka_unit_test(kernels_and_ramdisks_that_are_none_are_named),
        cmocka_unit_test(archives_that_can_not_be_parsed_are_no_content),
        cmocka_unit_test(many_paths_and_many_faults_stay_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
