/* eif: tests: what is written is read and measured the same; every malformed file is refused, with its field named.
 */
#include "tests/image/samples.h"

#include <fcntl.h>

#include "base/file.h"
#include "base/text.h"

#define METADATA "{\"ImageName\":\"a\"}"

/* Places of the sample's sections: headers, then payloads. */
enum {
    KERNEL = 548,
    CMDLINE = KERNEL + 12 + 16,
    METADATA_AT = CMDLINE + 12 + 8,
    RAMDISK = METADATA_AT + 12 + 17,
    RAMDISK2 = RAMDISK + 12 + 8,
    END = RAMDISK2 + 12 + 4
};

static struct sample make(struct eif_measurements *measurements)
{
    struct sample ramdisks[2] = {{(uint8_t *)(uintptr_t) "RAMDISK1", 8}, {(uint8_t *)(uintptr_t) "RAM2", 4}};
    struct sample image = sample_eif("KKKKKKKKKKKKKKKK", 16, "cmd line", METADATA, ramdisks, 2, measurements);

    assert_int_equal(image.size, END);
    return image;
}

static int read_sample(const struct sample *image, struct eif *eif, struct reason *why)
{
    const struct source source = source_memory(image->data, image->size);

    return eif_read(eif, &source, why);
}

static void what_is_written_is_read(void **state)
{
    struct eif_measurements written;
    struct eif_measurements read;
    struct sample image = make(&written);
    struct reason why = {""};
    struct eif eif;

    (void)state;
    assert_int_equal(read_sample(&image, &eif, &why), 0);
    assert_int_equal(eif.section_count, 5);
    assert_int_equal(eif.memory, 64u << 20);
    assert_int_equal(eif.cpus, 2);
    assert_int_equal(eif.flags, 0);
    assert_int_equal(eif_find(&eif, EIF_RAMDISK)->offset, RAMDISK + 12);
    assert_int_equal(eif_find(&eif, EIF_RAMDISK)->size, 8);
    assert_null(eif_find(&eif, EIF_SIGNATURE));
    assert_int_equal(eif_measure(&eif, &read, &why), 0);
    assert_true(read.crc_matches);
    assert_memory_equal(read.pcr0, written.pcr0, EIF_PCR_SIZE);
    assert_memory_equal(read.pcr1, written.pcr1, EIF_PCR_SIZE);
    assert_memory_equal(read.pcr2, written.pcr2, EIF_PCR_SIZE);
    sample_free(&image);
}

/* PCR = SHA-384(48 zeros ‖ SHA-384(content)), computed here from the contents themselves. */
static void expect_pcr(const uint8_t *pcr, const char *content)
{
    uint8_t expected[EIF_PCR_SIZE];
    uint8_t digest[HASH_SHA384_SIZE];
    uint8_t extend[2 * HASH_SHA384_SIZE] = {0};
    struct hash_sha384 hash;

    hash_sha384_init(&hash);
    hash_sha384_update(&hash, content, strlen(content));
    hash_sha384_out(&hash, digest);
    memcpy(extend + HASH_SHA384_SIZE, digest, sizeof digest);
    hash_sha384_init(&hash);
    hash_sha384_update(&hash, extend, sizeof extend);
    hash_sha384_out(&hash, expected);
    assert_memory_equal(pcr, expected, sizeof expected);
}

static void pcrs_cover_their_sections(void **state)
{
    struct eif_measurements measurements;
    struct sample image = make(&measurements);

    (void)state;
    expect_pcr(measurements.pcr0, "KKKKKKKKKKKKKKKKcmd lineRAMDISK1RAM2");
    expect_pcr(measurements.pcr1, "KKKKKKKKKKKKKKKKcmd lineRAMDISK1");
    expect_pcr(measurements.pcr2, "RAM2");
    sample_free(&image);
}

static void large_sections_are_streamed(void **state)
{
    struct eif_measurements written;
    struct eif_measurements read;
    struct sample ramdisk = {malloc(1000003), 1000003};
    struct reason why = {""};
    struct eif eif;

    (void)state;
    for (size_t i = 0; i < ramdisk.size; i++) {
        ramdisk.data[i] = (uint8_t)(i * 31 >> 3);
    }
    struct sample image = sample_eif(ramdisk.data, 200001, "c", NULL, &ramdisk, 1, &written);
    assert_int_equal(read_sample(&image, &eif, &why), 0);
    assert_int_equal(eif_measure(&eif, &read, &why), 0);
    assert_true(read.crc_matches);
    assert_memory_equal(read.pcr0, written.pcr0, EIF_PCR_SIZE);
    assert_memory_equal(read.pcr0, read.pcr1, EIF_PCR_SIZE);
    expect_pcr(read.pcr2, "");
    sample_free(&image);
    sample_free(&ramdisk);
}

static void a_changed_byte_anywhere_breaks_the_crc(void **state)
{
    struct eif_measurements measurements;
    struct sample image = make(&measurements);
    static const size_t places[] = {9, 23, KERNEL + 12, CMDLINE + 13, RAMDISK + 12, END - 1};
    struct reason why = {""};
    struct eif eif;

    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        image.data[places[i]] ^= 1;
        assert_int_equal(read_sample(&image, &eif, &why), 0);
        assert_int_equal(eif_measure(&eif, &measurements, &why), 0);
        assert_false(measurements.crc_matches);
        image.data[places[i]] ^= 1;
    }
    sample_free(&image);
}

/* AWS's writer made these; nitro-cli said these PCRs of them. */
static void files_by_aws_are_measured_as_nitro_cli_does(void **state)
{
    static const char *const names[] = {
        "one-ramdisk", "two-ramdisks", "named-custom-metadata", "arm64", "signed-p256", "signed-p384", "signed-p521"};
    struct eif_measurements measurements;
    struct reason why = {""};
    struct source source;
    struct eif eif;
    char path[128];
    char hex[2 * EIF_PCR_SIZE + 1];
    char *json;
    size_t size;

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const uint8_t *pcrs[] = {measurements.pcr0, measurements.pcr1, measurements.pcr2};
        (void)snprintf(path, sizeof path, "tests/vectors/describe/%s.json", names[i]);
        assert_int_equal(file_read(path, 65536, &json, &size, &why), 0);
        (void)snprintf(path, sizeof path, "tests/vectors/describe/%s.eif", names[i]);
        int fd = open(path, O_RDONLY);
        assert_true(fd >= 0);
        assert_int_equal(source_file(&source, fd, &why), 0);
        assert_int_equal(eif_read(&eif, &source, &why), 0);
        assert_int_equal(eif.flags, strcmp(names[i], "arm64") == 0 ? EIF_FLAG_AARCH64 : 0);
        assert_int_equal(eif_measure(&eif, &measurements, &why), 0);
        assert_true(measurements.crc_matches);
        for (size_t k = 0; k < 3; k++) {
            char expected[160];
            text_hex(pcrs[k], EIF_PCR_SIZE, hex);
            (void)snprintf(expected, sizeof expected, "\"PCR%zu\": \"%s\"", k, hex);
            assert_non_null(strstr(json, expected));
        }
        close(fd);
        free(json);
    }
}

/* ---- Malformed files; the last column: what AWS's reader (0.3.0) does with such a file, where that was seen ---- */

enum { U16 = 2, U64 = 8 };
#define OFFSET(index) (28 + 8 * (index))
#define SIZE(index) (284 + 8 * (index))

static const struct malformed {
    const char *what;
    size_t place;
    unsigned width; /* 0: cut the file at place; 1: put place bytes behind it */
    uint64_t value;
    const char *sentence;
    const char *aws; /* for the reader of this table */
} malformed[] = {
    {"empty", 0, 0, 0, "0 bytes are too few for its header", NULL},
    {"cut in the header", 547, 0, 0, "547 bytes are too few", NULL},
    {"header only", 548, 0, 0, "section 0: it ends at byte 548", NULL},
    {"cut in a section header", KERNEL + 11, 0, 0, "section 0: it ends at byte 559", NULL},
    {"cut behind a section header", KERNEL + 12, 0, 0, "section 0 (kernel) has 16 bytes, but only 0 are left", NULL},
    {"cut in the kernel", CMDLINE - 1, 0, 0, "section 0 (kernel) has 16 bytes, but only 15", NULL},
    {"cut behind the kernel", CMDLINE, 0, 0, "section 1: it ends at byte 576", NULL},
    {"cut behind the cmdline", METADATA_AT, 0, 0, "section 2: it ends", NULL},
    {"cut behind the metadata", RAMDISK, 0, 0, "section 3: it ends", NULL},
    {"cut behind a ramdisk", RAMDISK2, 0, 0, "section 4: it ends", NULL},
    {"cut by one byte", END - 1, 0, 0, "section 4 (ramdisk) has 4 bytes, but only 3 are left", NULL},
    {"one byte more", 1, 1, 0, "1 bytes stand behind the last section", "accepts, outside of the CRC"},
    {"a section more than the header counts", 12, 1, 0, "12 bytes stand behind the last section", NULL},
    {"wrong magic", 0, U16, 0x2e46, "this is no EIF", "accepts"},
    {"version 3", 4, U16, 3, "EIF version 3", "accepts"},
    {"version 5", 4, U16, 5, "EIF version 5", "accepts"},
    {"reserved field", 24, U16, 1, "reserved field", NULL},
    {"unused field", 540, U16, 1, "reserved field", NULL},
    {"no section", 26, U16, 0, "counts 0 sections", "accepts"},
    {"too few sections", 26, U16, 2, "counts 2 sections", "accepts"},
    {"a section less", 26, U16, 4, "the section table goes on behind its 4 sections", NULL},
    {"a section more", 26, U16, 6, "section 5: the table puts it at byte 0", NULL},
    {"33 sections", 26, U16, 33, "counts 33 sections", "accepts"},
    {"65535 sections", 26, U16, 0xffff, "counts 65535 sections", "accepts"},
    {"table: offset 0", OFFSET(0), U64, 0, "section 0: the table puts it at byte 0", "accepts"},
    {"table: offset too low", OFFSET(1), U64, CMDLINE - 1, "section 1: the table puts it at byte 575", "accepts"},
    {"table: a gap", OFFSET(1), U64, CMDLINE + 1, "section 1: the table puts it at byte 577", "accepts"},
    {"table: offset 2^40", OFFSET(3), U64, UINT64_C(1) << 40, "section 3: the table puts it at byte 1099511627776",
        "accepts"},
    {"table: offset 2^64 - 1", OFFSET(4), U64, UINT64_MAX, "section 4: the table puts it at byte 18446744073709551615",
        "accepts"},
    {"table: ramdisks in the other order", OFFSET(3), U64, RAMDISK2, "section 3: the table puts it at byte", "accepts"},
    {"table: size too small", SIZE(0), U64, 15, "section 0 (kernel): the table says 15 bytes, the section itself 16",
        "accepts"},
    {"table: size too large", SIZE(4), U64, 5, "section 4 (ramdisk): the table says 5 bytes", "accepts"},
    {"table: size 2^64 - 1", SIZE(4), U64, UINT64_MAX, "the table says 18446744073709551615 bytes", "accepts"},
    {"table: an offset behind the end", OFFSET(5), U64, 1, "the section table goes on", "accepts"},
    {"table: a size behind the end", SIZE(31), U64, 1, "the section table goes on", "accepts"},
    {"section: size 2^40", KERNEL + 4, U64, UINT64_C(1) << 40, "the section itself 1099511627776", "aborts"},
    {"section: size 2^63", KERNEL + 4, U64, UINT64_C(1) << 63, "the section itself 9223372036854775808", "panics"},
    {"section: size 2^64 - 1", RAMDISK2 + 4, U64, UINT64_MAX, "the section itself 18446744073709551615", "panics"},
    {"section: size 0", KERNEL + 4, U64, 0, "the section itself 0", NULL},
    {"section: flags", KERNEL + 2, U16, 1, "section 0 (kernel) has unknown flags 0x0001", NULL},
    {"section: type 0", KERNEL, U16, 0, "section 0 has the unknown type 0", NULL},
    {"section: type 6", RAMDISK, U16, 6, "section 3 has the unknown type 6", NULL},
    {"no kernel", KERNEL, U16, EIF_RAMDISK, "section 0 is a ramdisk; the order is", "accepts"},
    {"no cmdline", CMDLINE, U16, EIF_METADATA, "section 1 is a metadata; the order is", "accepts"},
    {"two kernels", CMDLINE, U16, EIF_KERNEL, "section 1 is a kernel; the order is", "accepts"},
    {"a gap as a second cmdline", METADATA_AT, U16, EIF_CMDLINE, "section 2 is a second cmdline", "accepts"},
    {"metadata behind a ramdisk", RAMDISK2, U16, EIF_METADATA, "section 4 is a metadata; the order is", NULL},
    {"a signature before a ramdisk", RAMDISK, U16, EIF_SIGNATURE, "section 4 is a ramdisk; the order is", NULL},
};

static void malformed_files_are_refused_with_their_field(void **state)
{
    struct eif_measurements measurements;
    uint8_t zeros[16] = {0};
    struct reason why;
    struct eif eif;

    (void)state;
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        const struct malformed *row = &malformed[i];
        struct sample image = make(&measurements);
        switch (row->width) {
        case 0:
            image.size = row->place;
            break;
        case 1:
            sample_add(&image, zeros, row->place);
            break;
        case U16:
            bytes_put_be16(image.data + row->place, (uint16_t)row->value);
            break;
        default:
            bytes_put_be64(image.data + row->place, row->value);
        }
        if (image.size > 548) {
            sample_set_crc(&image); /* the fault is the only one */
        }
        why.text[0] = '\0';
        int error = read_sample(&image, &eif, &why);
        if (error != -22 || strstr(why.text, row->sentence) == NULL) {
            fail_msg("%s: %d, \"%s\"", row->what, error, why.text);
        }
        sample_free(&image);
    }
}

/* Both the table and the section say it, so only the bound is left to refuse it. */
static void sections_that_are_too_large_are_refused(void **state)
{
    struct eif_measurements measurements;
    struct sample ramdisk = {(uint8_t *)(uintptr_t) "R", 1};
    char *metadata = malloc(EIF_METADATA_MAX + 2);
    struct reason why = {""};
    struct eif eif;

    (void)state;
    memset(metadata, 'm', EIF_METADATA_MAX);
    metadata[EIF_METADATA_MAX] = '\0';
    struct sample image = sample_eif("K", 1, "c", metadata, &ramdisk, 1, &measurements);
    assert_int_equal(read_sample(&image, &eif, &why), 0);
    size_t at = 548 + 13 + 13;
    sample_add(&image, "x", 1); /* one byte more of metadata: the ramdisk moves behind it */
    memmove(image.data + at + 12 + EIF_METADATA_MAX + 1, image.data + at + 12 + EIF_METADATA_MAX, 13);
    bytes_put_be64(image.data + at + 4, EIF_METADATA_MAX + 1);
    bytes_put_be64(image.data + SIZE(2), EIF_METADATA_MAX + 1);
    bytes_put_be64(image.data + OFFSET(3), at + 12 + EIF_METADATA_MAX + 1);
    assert_int_equal(read_sample(&image, &eif, &why), -22);
    assert_string_equal(why.text, "section 2 (metadata) has 4097 bytes; 4096 are possible");
    sample_free(&image);
    free(metadata);
}

static void two_signatures_are_refused(void **state)
{
    struct eif_measurements measurements;
    struct sample image = make(&measurements);
    struct reason why = {""};
    struct eif eif;

    (void)state;
    bytes_put_be16(image.data + RAMDISK, EIF_SIGNATURE);
    bytes_put_be16(image.data + RAMDISK2, EIF_SIGNATURE);
    assert_int_equal(read_sample(&image, &eif, &why), -22);
    assert_string_equal(why.text, "section 4 is a second signature");
    bytes_put_be16(image.data + METADATA_AT, EIF_RAMDISK);
    bytes_put_be16(image.data + RAMDISK, EIF_RAMDISK);
    assert_int_equal(read_sample(&image, &eif, &why), 0); /* one, at the end, may be there */
    sample_free(&image);
}

static void an_image_without_a_ramdisk_is_refused(void **state)
{
    struct eif_measurements measurements;
    struct sample image = make(&measurements);
    struct reason why = {""};
    struct eif eif;

    (void)state;
    image.size = RAMDISK;
    bytes_put_be16(image.data + 26, 3);
    memset(image.data + OFFSET(3), 0, 16);
    memset(image.data + SIZE(3), 0, 16);
    assert_int_equal(read_sample(&image, &eif, &why), -22);
    assert_string_equal(why.text, "there is no ramdisk");
    sample_free(&image);
}

static void the_writer_keeps_the_order(void **state)
{
    static const enum eif_type wrong[][3] = {{EIF_CMDLINE}, {EIF_RAMDISK}, {EIF_KERNEL, EIF_RAMDISK},
        {EIF_KERNEL, EIF_KERNEL}, {EIF_KERNEL, EIF_CMDLINE, EIF_CMDLINE}, {EIF_KERNEL, EIF_CMDLINE, EIF_KERNEL}};
    struct eif_measurements measurements;
    struct eif_writer *writer;
    struct reason why = {""};
    uint64_t size;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        int fd = memfd_create("eif", MFD_CLOEXEC);
        int error = 0;
        assert_int_equal(eif_writer_open(&writer, fd, 1, 1), 0);
        for (size_t k = 0; k < 3 && wrong[i][k] != 0; k++) {
            error = eif_writer_begin(writer, wrong[i][k], &why);
            if (error == 0) {
                error = eif_writer_end(writer, &why);
            }
        }
        assert_int_equal(error, -22);
        assert_int_equal(eif_writer_finish(writer, &measurements, &size, &why), -22); /* the first error stays */
        eif_writer_close(writer);
        close(fd);
    }
}

static void a_full_disk_is_an_error(void **state)
{
    int fd = open("/dev/full", O_RDWR);
    char *data = calloc(1, 1 << 20);
    struct eif_writer *writer;
    struct reason why = {""};

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(eif_writer_open(&writer, fd, 1, 1), 0);
    assert_int_equal(eif_writer_begin(writer, EIF_KERNEL, &why), 0);
    assert_int_equal(eif_writer_put(writer, data, 1 << 20, &why), -28);
    assert_int_equal(eif_writer_end(writer, &why), -28);
    eif_writer_close(writer);
    close(fd);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(pcrs_cover_their_sections),
        cmocka_unit_test(large_sections_are_streamed),
        cmocka_unit_test(a_changed_byte_anywhere_breaks_the_crc),
        cmocka_unit_test(files_by_aws_are_measured_as_nitro_cli_does),
        cmocka_unit_test(malformed_files_are_refused_with_their_field),
        cmocka_unit_test(sections_that_are_too_large_are_refused),
        cmocka_unit_test(two_signatures_are_refused),
        cmocka_unit_test(an_image_without_a_ramdisk_is_refused),
        cmocka_unit_test(the_writer_keeps_the_order),
        cmocka_unit_test(a_full_disk_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
