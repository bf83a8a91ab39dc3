/* signature: tests: what AWS's writer made is read and made again byte for byte; every malformed section is refused. */
#include "tests/image/samples.h"

#include <errno.h>

#include "base/file.h"
#include "base/text.h"
#include "image/eif_sign.h"
#include "image/signature.h"

static const char *const vectors[] = {"tests/vectors/describe/signed-p256.eif",
    "tests/vectors/describe/signed-p384.eif", "tests/vectors/describe/signed-p521.eif"};
static const char *const hashes[] = {"SHA-256", "SHA-384", "SHA-512"};
#define VECTORS (sizeof vectors / sizeof vectors[0])

/* A file, and its signature section. */
struct vector {
    char *data;
    size_t size;
    struct eif eif;
    struct eif_measurements measurements;
    struct bytes section;
};

static struct vector load(const char *path)
{
    struct vector vector;
    struct reason why = {""};

    if (file_read(path, 1u << 20, &vector.data, &vector.size, &why) < 0) {
        fail_msg("%s", why.text);
    }
    const struct source source = source_memory(vector.data, vector.size);
    assert_int_equal(eif_read(&vector.eif, &source, &why), 0);
    assert_int_equal(eif_measure(&vector.eif, &vector.measurements, &why), 0);
    const struct eif_section *section = eif_find(&vector.eif, EIF_SIGNATURE);
    vector.section = (struct bytes){(uint8_t *)vector.data + section->offset, (size_t)section->size};
    return vector;
}

static void sections_of_aws_are_read_and_hold(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTORS; i++) {
        struct vector vector = load(vectors[i]);
        struct reason why = {""};
        struct signature signature;
        assert_int_equal(signature_read(&signature, vector.section, &why), 0);
        assert_true(signature_holds(&signature, vector.measurements.pcr0, &why));
        assert_string_equal(signature_hash(&signature), hashes[i]);
        vector.measurements.pcr0[47] ^= 1;
        assert_false(signature_holds(&signature, vector.measurements.pcr0, &why));
        assert_non_null(strstr(why.text, "another image is signed"));
        signature_free(&signature);
        free(vector.data);
    }
}

static void a_section_is_made_as_aws_makes_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTORS; i++) {
        struct vector vector = load(vectors[i]);
        struct signature theirs;
        struct signature ours;
        struct reason why = {""};
        uint8_t *section;
        size_t size;
        assert_int_equal(signature_read(&theirs, vector.section, &why), 0);
        assert_int_equal(signature_prepare(&ours, theirs.certificate, vector.measurements.pcr0, &why), 0);
        assert_int_equal(ours.protected_header.size, theirs.protected_header.size);
        assert_memory_equal(ours.protected_header.data, theirs.protected_header.data, theirs.protected_header.size);
        assert_int_equal(ours.payload.size, theirs.payload.size);
        assert_memory_equal(ours.payload.data, theirs.payload.data, theirs.payload.size);
        assert_int_equal(signature_attach(&ours, theirs.value, &why), 0);
        assert_int_equal(signature_write(&ours, &section, &size, &why), 0);
        assert_int_equal(size, vector.section.size);
        assert_memory_equal(section, vector.section.data, size);
        free(section);
        signature_free(&ours);
        signature_free(&theirs);
        free(vector.data);
    }
}

static void a_value_that_is_not_the_certificates_is_not_attached(void **state)
{
    struct vector vector = load(vectors[1]);
    struct signature theirs;
    struct signature ours;
    struct reason why = {""};
    uint8_t value[97];

    (void)state;
    assert_int_equal(signature_read(&theirs, vector.section, &why), 0);
    assert_int_equal(signature_prepare(&ours, theirs.certificate, vector.measurements.pcr0, &why), 0);
    memcpy(value, theirs.value.data, 96);
    value[95] ^= 1;
    assert_int_equal(signature_attach(&ours, (struct bytes){value, 96}, &why), -EINVAL);
    assert_non_null(strstr(why.text, "by this certificate's key"));
    assert_int_equal(signature_attach(&ours, (struct bytes){value, 97}, &why), -EINVAL);
    assert_non_null(strstr(why.text, "neither DER nor 96 raw bytes"));
    assert_int_equal(signature_attach(&ours, (struct bytes){value, 0}, &why), -EINVAL);
    signature_free(&ours);
    /* the same value over another PCR0 */
    vector.measurements.pcr0[0] ^= 1;
    assert_int_equal(signature_prepare(&ours, theirs.certificate, vector.measurements.pcr0, &why), 0);
    assert_int_equal(signature_attach(&ours, theirs.value, &why), -EINVAL);
    signature_free(&ours);
    signature_free(&theirs);
    free(vector.data);
}

/* ---- Malformed sections ---- */

static void refused(const void *data, size_t size, const char *part)
{
    struct reason why = {""};
    struct signature signature;
    int error = signature_read(&signature, (struct bytes){data, size}, &why);

    if (error != -EINVAL || strstr(why.text, part) == NULL) {
        fail_msg("%d %s; expected %s", error, why.text, part);
    }
    assert_null(signature.memory);
}
#define REFUSED(literal, part) refused((literal), sizeof(literal) - 1, (part))

/* Heads: 81 array of one, a2 map of two, 73 and 69 texts of 19 and 9. */
#define CERTIFICATE "\x73signing_certificate"
#define SIGNATURE "\x69signature"

static void malformed_tables_are_refused(void **state)
{
    static const char table[] = "not an array of one map";
    static const char integers[] = "not arrays of bytes";

    (void)state;
    REFUSED("", table);
    REFUSED("\x80", table);
    REFUSED("\x82\xa0\xa0", table);
    REFUSED("\xa0", table);
    REFUSED("\x81\x00", table);
    REFUSED("\x81\xa2", table);
    REFUSED("\x81\xa0", table);
    REFUSED("\x81\xa1" CERTIFICATE "\x80", table);
    REFUSED("\x81\xa2" CERTIFICATE "\x80" CERTIFICATE "\x80", table);
    REFUSED("\x81\xa2" SIGNATURE "\x80" SIGNATURE "\x80", table);
    REFUSED("\x81\xa2" SIGNATURE "\x80"
            "\x62no\x80",
        table);
    REFUSED("\x81\xa3" CERTIFICATE "\x80" SIGNATURE "\x80"
            "\x61x\x00",
        table);
    REFUSED("\x81\xa2" CERTIFICATE "\x80" SIGNATURE, table);
    REFUSED("\x81\xa2" CERTIFICATE "\x80"
            "\x01\x80",
        table);
    /* indefinite: the array, the map, a key, a value */
    REFUSED("\x9f\xa2" CERTIFICATE "\x80" SIGNATURE "\x80\xff", table);
    REFUSED("\x81\xbf" CERTIFICATE "\x80" SIGNATURE "\x80\xff", table);
    REFUSED("\x81\xa2\x7f" CERTIFICATE "\xff\x80" SIGNATURE "\x80", table);
    REFUSED("\x81\xa2" CERTIFICATE "\x9f\x01\xff" SIGNATURE "\x80", integers);
    /* byte strings, numbers over 255, negative numbers, texts */
    REFUSED("\x81\xa2" CERTIFICATE "\x41"
            "a" SIGNATURE "\x80",
        integers);
    REFUSED("\x81\xa2" CERTIFICATE "\x81\x19\x01\x00" SIGNATURE "\x80", integers);
    REFUSED("\x81\xa2" CERTIFICATE "\x81\x20" SIGNATURE "\x80", integers);
    REFUSED("\x81\xa2" CERTIFICATE "\x80" SIGNATURE "\x81\x61x", integers);
    /* a length that the bytes do not hold, and the largest there is */
    REFUSED("\x81\xa2" CERTIFICATE "\x99\x40\x01" SIGNATURE "\x80", table);
    REFUSED("\x81\xa2" CERTIFICATE "\x9b\xff\xff\xff\xff\xff\xff\xff\xff" SIGNATURE "\x80", table);
    REFUSED("\x81\xa2" CERTIFICATE "\x80" SIGNATURE "\x80\x00", "something stands behind");
    REFUSED("\x81\xa2" CERTIFICATE "\x80" SIGNATURE "\x80", "no certificate");
}

/* A section around a PEM text and a COSE message, each byte as two of CBOR. */
static struct sample make_section(const void *pem, size_t pem_size, const void *cose, size_t cose_size)
{
    struct sample section = {0};
    const struct {
        const char *head;
        size_t head_size;
        const uint8_t *data;
        size_t size;
    } parts[] = {{"\x81\xa2" CERTIFICATE, 22, pem, pem_size}, {SIGNATURE, 10, cose, cose_size}};

    for (size_t p = 0; p < 2; p++) {
        const uint8_t count[3] = {0x99, (uint8_t)(parts[p].size >> 8), (uint8_t)parts[p].size};
        sample_add(&section, parts[p].head, parts[p].head_size);
        sample_add(&section, count, 3);
        for (size_t i = 0; i < parts[p].size; i++) {
            const uint8_t integer[2] = {0x18, parts[p].data[i]};
            sample_add(&section, integer, 2);
        }
    }
    return section;
}

static void refused_inside(const char *pem, const void *cose, size_t cose_size, const char *part)
{
    struct sample section = make_section(pem, strlen(pem), cose, cose_size);

    refused(section.data, section.size, part);
    sample_free(&section);
}
#define REFUSED_INSIDE(pem, cose, part) refused_inside((pem), (cose), sizeof(cose) - 1, (part))

#define PEM "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"

static void malformed_parts_are_refused(void **state)
{
    static const char sign1[] = "not [protected, {…}, payload, signature]";
    static const char header[] = "protected header is not {1: algorithm}";
    static const char payload[] = "what is signed is not";

    (void)state;
    REFUSED_INSIDE("text", "", "no certificate");
    REFUSED_INSIDE("-----BEGIN CERTIFICATE-----\nMAA=\n", "", "cut short");
    REFUSED_INSIDE("-----BEGIN X509 CERTIFICATE-----\nMAA=\n-----END X509 CERTIFICATE-----\n" PEM, "",
        "a block \"X509 CERTIFICATE\" stands where");
    REFUSED_INSIDE(PEM, "", "can't be parsed");
    REFUSED_INSIDE(PEM, "\xd1\x84\x40\xa0\x40\x40", "no COSE_Sign1");
    REFUSED_INSIDE(PEM, "\x83\x40\xa0\x40", sign1);
    REFUSED_INSIDE(PEM, "\x85\x40\xa0\x40\x40\x40", sign1);
    REFUSED_INSIDE(PEM, "\x9f\x40\xa0\x40\x40\xff", sign1);
    REFUSED_INSIDE(PEM, "\x84\xa0\xa0\x40\x40", sign1);
    REFUSED_INSIDE(PEM, "\x84\x40\x80\x40\x40", sign1);
    REFUSED_INSIDE(PEM, "\x84\x40\xa0\x60\x40", sign1);
    REFUSED_INSIDE(PEM, "\x84\x40\xa0\x5f\x41\x00\xff\x40", sign1);
    REFUSED_INSIDE(PEM, "\x84\x40\xa0\x40", sign1);
    REFUSED_INSIDE(PEM, "\x84\x40\xa0\x40\x40", header);
    REFUSED_INSIDE(PEM, "\x84\x41\xa0\xa0\x40\x40", header);
    REFUSED_INSIDE(PEM, "\x84\x43\xa1\x02\x26\xa0\x40\x40", header);
    REFUSED_INSIDE(PEM, "\x84\x44\xa1\x01\x41\x00\xa0\x40\x40", header);
    REFUSED_INSIDE(PEM, "\x84\x43\xa1\x01\x26\xa0\x40\x40", payload);
    REFUSED_INSIDE(PEM, "\x84\x43\xa1\x01\x26\xa0\x41\xa0\x40", payload);
    REFUSED_INSIDE(PEM,
        "\x84\x43\xa1\x01\x26\xa0\x58\x21\xa2\x6eregister_index\x01\x6eregister_value\x80"
        "\x40",
        payload);
}

static void a_certificate_too_large_for_the_section_is_refused(void **state)
{
    char *pem = malloc(SIGNATURE_CERTIFICATE_MAX + 1);
    struct sample section;

    (void)state;
    memset(pem, ' ', SIGNATURE_CERTIFICATE_MAX + 1);
    section = make_section(pem, SIGNATURE_CERTIFICATE_MAX + 1, "", 0);
    refused(section.data, section.size, "not an array of one map"); /* more bytes than a section may have */
    sample_free(&section);
    free(pem);
}

/* ---- Putting one into an image ---- */

/* Signs with these bytes into memory. */
static struct sample sign_with(const struct eif *eif, struct bytes section, int expected, struct reason *why)
{
    int fd = memfd_create("signed.eif", MFD_CLOEXEC);
    struct sample image = {0};
    off_t size;

    assert_true(fd >= 0);
    assert_int_equal(eif_sign(eif, section, fd, why), expected);
    size = lseek(fd, 0, SEEK_END);
    if (expected == 0) {
        image.data = malloc((size_t)size);
        image.size = (size_t)size;
        assert_int_equal(pread(fd, image.data, image.size, 0), size);
    }
    close(fd);
    return image;
}

static void a_signature_replaced_by_itself_gives_the_same_file(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTORS; i++) {
        struct vector vector = load(vectors[i]);
        struct reason why = {""};
        struct sample image = sign_with(&vector.eif, vector.section, 0, &why);
        assert_int_equal(image.size, vector.size);
        assert_memory_equal(image.data, vector.data, vector.size);
        sample_free(&image);
        free(vector.data);
    }
}

static void an_image_without_one_gets_one_at_its_end(void **state)
{
    const struct bytes section = {(const uint8_t *)"\x80", 1};
    struct eif_measurements measurements;
    struct eif_measurements before;
    struct sample ramdisks[31];
    struct sample image;
    struct sample made;
    struct reason why = {""};
    struct eif eif;

    (void)state;
    for (size_t i = 0; i < 31; i++) {
        ramdisks[i] = (struct sample){(uint8_t *)(uintptr_t) "disk", 4};
    }
    image = sample_eif("KERNEL", 6, "cmdline", NULL, ramdisks, 29, &before);
    struct source source = source_memory(image.data, image.size);
    assert_int_equal(eif_read(&eif, &source, &why), 0);
    made = sign_with(&eif, section, 0, &why);
    assert_int_equal(made.size, image.size + 13);
    source = source_memory(made.data, made.size);
    assert_int_equal(eif_read(&eif, &source, &why), 0);
    assert_int_equal(eif.section_count, 32);
    assert_int_equal(eif_find(&eif, EIF_SIGNATURE)->size, 1);
    assert_int_equal(eif_measure(&eif, &measurements, &why), 0);
    assert_true(measurements.crc_matches);
    assert_memory_equal(measurements.pcr0, before.pcr0, EIF_PCR_SIZE);
    sample_free(&made);
    sample_free(&image);

    image = sample_eif("KERNEL", 6, "cmdline", NULL, ramdisks, 30, &before);
    source = source_memory(image.data, image.size);
    assert_int_equal(eif_read(&eif, &source, &why), 0);
    (void)sign_with(&eif, section, -EINVAL, &why);
    assert_non_null(strstr(why.text, "no room for a signature"));
    sample_free(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sections_of_aws_are_read_and_hold),
        cmocka_unit_test(a_section_is_made_as_aws_makes_it),
        cmocka_unit_test(a_value_that_is_not_the_certificates_is_not_attached),
        cmocka_unit_test(malformed_tables_are_refused),
        cmocka_unit_test(malformed_parts_are_refused),
        cmocka_unit_test(a_certificate_too_large_for_the_section_is_refused),
        cmocka_unit_test(a_signature_replaced_by_itself_gives_the_same_file),
        cmocka_unit_test(an_image_without_one_gets_one_at_its_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
