/* checks: tests: each check answers for itself: right images pass all, and each fault fails the one that is about it.
 */
#include "tests/image/samples.h"

#include <errno.h>

#include "base/file.h"
#include "tools/checks.h"
#include "tools/moment.h"

static const struct sample_file runtime[] = {{"init", CPIO_REGULAR | 0755, "\177ELF program"}};
static const struct sample_file files[] = {
    {"app", CPIO_FOLDER | 0755, NULL},
    {"app/enclave.ini", CPIO_REGULAR | 0644, SAMPLE_INI},
    {"app/rootfs", CPIO_FOLDER | 0755, NULL},
    {"app/rootfs/server", CPIO_REGULAR | 0755, "program"},
};

static struct sample make_ours(void)
{
    uint8_t kernel[SAMPLE_KERNEL_SIZE];
    struct eif_measurements measurements;
    struct sample ramdisks[2] = {sample_archive(runtime, 1, false), sample_archive(files, 4, true)};
    struct sample image;

    sample_kernel(kernel);
    image = sample_eif(kernel, sizeof kernel, SAMPLE_CMDLINE, NULL, ramdisks, 2, &measurements);
    sample_free(&ramdisks[0]);
    sample_free(&ramdisks[1]);
    return image;
}

static void check_all(struct checks *checks, const struct sample *image, int64_t at)
{
    const struct source source = source_memory(image->data, image->size);
    struct reason why = {""};

    if (checks_start(checks, &source, &why) < 0 || checks_content(checks, &why) < 0 ||
        checks_signature(checks, true, at, &why) < 0) {
        fail_msg("%s", why.text);
    }
}

/* The first answer of this name. */
static const struct check *answer(const struct checks *checks, const char *name)
{
    for (size_t i = 0; i < checks->count; i++) {
        if (strcmp(checks->items[i].name, name) == 0) {
            return &checks->items[i];
        }
    }
    fail_msg("no check %s", name);
    return NULL;
}

static void answers(const struct checks *checks, const char *name, enum check_state state, const char *part)
{
    const struct check *check = answer(checks, name);

    if (check->state != state || strstr(check->text, part) == NULL) {
        fail_msg("%s: state %d, %s; expected %s", name, (int)check->state, check->text, part);
    }
}

static struct sample load(const char *path)
{
    struct sample image = {0};
    struct reason why = {""};
    char *data;

    if (file_read(path, 1u << 20, &data, &image.size, &why) < 0) {
        fail_msg("%s", why.text);
    }
    image.data = (uint8_t *)data;
    return image;
}

#define SIGNED "tests/vectors/describe/signed-p384.eif"
#define DAY 86400

static int64_t moment(const char *text)
{
    int64_t seconds;

    assert_true(moment_parse(text, &seconds));
    return seconds;
}

static void an_image_of_ours_passes_all(void **state)
{
    struct sample image = make_ours();
    struct checks checks;

    (void)state;
    check_all(&checks, &image, 0);
    assert_int_equal(checks.failed, 0);
    assert_null(checks_first_failed(&checks));
    answers(&checks, "build", CHECK_OK, "4 paths");
    answers(&checks, "signature", CHECK_SKIPPED, "not signed");
    checks_free(&checks);
    sample_free(&image);
}

static void a_signed_image_of_aws_passes_all(void **state)
{
    struct sample image = load(SIGNED);
    struct checks checks;

    (void)state;
    check_all(&checks, &image, moment("2030-01-01"));
    assert_int_equal(checks.failed, 0);
    answers(&checks, "build", CHECK_SKIPPED, "not made by ingot");
    answers(&checks, "signature", CHECK_OK, "signed this image's PCR0");
    answers(&checks, "certificate", CHECK_OK, "good from 2026-11-20 21:02:29 UTC");
    checks_free(&checks);
    sample_free(&image);
}

static void dates_are_judged_at_the_moment_asked_for(void **state)
{
    struct sample image = load(SIGNED);
    int64_t first = moment("2026-11-20T21:02:29Z");
    int64_t last = moment("2036-11-17T21:02:29Z");
    const struct {
        int64_t at;
        enum check_state state;
        const char *part;
    } rows[] = {{first - 1, CHECK_FAILED, "not valid yet"}, {first, CHECK_OK, "good"}, {last, CHECK_OK, "good"},
        {last + 1, CHECK_FAILED, "has expired"}};
    struct checks checks;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        check_all(&checks, &image, rows[i].at);
        answers(&checks, "certificate", rows[i].state, rows[i].part);
        assert_int_equal(checks.failed, rows[i].state == CHECK_FAILED);
        checks_free(&checks);
    }
    sample_free(&image);
}

static void each_fault_fails_its_own_check(void **state)
{
    struct sample image = load(SIGNED);
    struct checks checks;

    (void)state;
    image.data[600] ^= 1; /* in the kernel, behind nothing that is looked at */
    check_all(&checks, &image, moment("2030-01-01"));
    assert_int_equal(checks.failed, 2);
    answers(&checks, "crc", CHECK_FAILED, "damaged or changed");
    answers(&checks, "signature", CHECK_FAILED, "another image is signed");
    checks_free(&checks);
    image.data[600] ^= 1;

    image.data[7] = 2;
    check_all(&checks, &image, moment("2030-01-01"));
    answers(&checks, "flags", CHECK_FAILED, "unknown flags (0x0002)");
    checks_free(&checks);
    image.data[7] = 0;

    image.data[560 + 0x202] ^= 1;
    check_all(&checks, &image, moment("2030-01-01"));
    answers(&checks, "content", CHECK_FAILED, "no bzImage");
    checks_free(&checks);
    image.data[560 + 0x202] ^= 1;

    image.size--;
    check_all(&checks, &image, moment("2030-01-01"));
    assert_int_equal(checks.count, 1);
    assert_false(checks.whole);
    answers(&checks, "structure", CHECK_FAILED, "only");
    checks_free(&checks);
    sample_free(&image);
}

static void a_path_of_ours_that_is_not_the_manifests_fails_build(void **state)
{
    struct sample image = make_ours();
    uint8_t *program = memmem(image.data, image.size, "program", 7);
    struct checks checks;

    (void)state;
    program = memmem(program + 1, image.size - (size_t)(program + 1 - image.data), "program", 7);
    program[0] = 'P';
    check_all(&checks, &image, 0);
    answers(&checks, "build", CHECK_FAILED, "CRC"); /* image_open() looks at that first */
    checks_free(&checks);
    sample_free(&image);
}

static void expected_pcrs_are_compared_one_by_one(void **state)
{
    struct sample image = make_ours();
    struct pcrs expected;
    struct reason why = {""};
    struct checks checks;

    (void)state;
    check_all(&checks, &image, 0);
    measurements_pcrs(&checks.measurements, NULL, &expected);
    assert_int_equal(checks_pcrs(&checks, &expected, &why), 0);
    assert_int_equal(checks.failed, 0);
    expected.value[2][47] ^= 1;
    memset(expected.value[0], 0, EIF_PCR_SIZE);
    expected.has[1] = false;
    expected.has[8] = true;
    assert_int_equal(checks_pcrs(&checks, &expected, &why), 0);
    assert_int_equal(checks.failed, 3);
    assert_non_null(strstr(checks_first_failed(&checks)->text, "debug mode"));
    assert_int_equal(checks_demand_signature(&checks, &why), 0);
    assert_int_equal(checks.failed, 4);
    checks_free(&checks);
    sample_free(&image);
}

static void moments_are_strict(void **state)
{
    static const char *const wrong[] = {"", "yesterday", "2026-2-3", "2026-02-30", "2026-11-20T21:02:29", "-1",
        "2026-11-20T21:02:61Z", " 2026-11-20", "2026-11-20 ", "2026-11-20T25:00:00Z", "253402300800", "1e9"};
    int64_t seconds;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        if (moment_parse(wrong[i], &seconds)) {
            fail_msg("%s was taken", wrong[i]);
        }
    }
    assert_int_equal(moment("0"), 0);
    assert_int_equal(moment("1970-01-02"), DAY);
    assert_int_equal(moment("2026-11-20T21:02:29Z"), 1795208549);
    assert_int_equal(moment("2024-02-29T23:59:59Z"), 1709251199);
}

static int read_pcrs(const char *text, struct pcrs *pcrs, struct reason *why)
{
    char path[] = "/tmp/checks.XXXXXX";
    int fd = mkstemp(path);
    int error;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    error = measurements_read(path, pcrs, why);
    (void)unlink(path);
    return error;
}

#define HEX24 "0123456789abcdefABCDEF00"
#define HEX HEX24 HEX24 HEX24 HEX24

static void files_of_pcrs_are_read_strictly(void **state)
{
    static const struct {
        const char *text;
        const char *part;
    } wrong[] = {
        {"", "line 1"},
        {"[]", "no JSON object"},
        {"{}", "no PCR in it"},
        {"{\"Measurements\": []}", "no JSON object"},
        {"{\"Measurements\": {\"HashAlgorithm\": \"x\"}}", "no PCR in it"},
        {"{\"PCR3\": \"" HEX "\"}", "\"PCR3\": no PCR of an image"},
        {"{\"PCRO\": \"" HEX "\"}", "no PCR of an image"},
        {"{\"PCR0\": \"" HEX24 "\"}", "PCR0 is not 96 hexadecimal digits"},
        {"{\"PCR0\": \"" HEX "0\"}", "not 96"},
        {"{\"PCR0\": 1}", "not 96"},
        {"{\"PCR0\": \"" HEX "\", \"PCR0\": \"" HEX "\"}", "duplicate"},
    };
    struct reason why = {""};
    struct pcrs pcrs;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        if (read_pcrs(wrong[i].text, &pcrs, &why) != -EINVAL || strstr(why.text, wrong[i].part) == NULL) {
            fail_msg("%s: %s; expected %s", wrong[i].text, why.text, wrong[i].part);
        }
    }
    assert_int_equal(
        read_pcrs("{\"IsSigned\": true, \"Measurements\": {\"HashAlgorithm\": 1, \"PCR8\": \"" HEX "\"}}", &pcrs, &why),
        0);
    assert_true(pcrs.has[8] && !pcrs.has[0] && pcrs.value[8][1] == 0x23);
    assert_int_equal(read_pcrs("{\"PCR1\": \"" HEX "\"}", &pcrs, &why), 0);
    assert_true(pcrs.has[1] && !pcrs.has[8]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_image_of_ours_passes_all),
        cmocka_unit_test(a_signed_image_of_aws_passes_all),
        cmocka_unit_test(dates_are_judged_at_the_moment_asked_for),
        cmocka_unit_test(each_fault_fails_its_own_check),
        cmocka_unit_test(a_path_of_ours_that_is_not_the_manifests_fails_build),
        cmocka_unit_test(expected_pcrs_are_compared_one_by_one),
        cmocka_unit_test(moments_are_strict),
        cmocka_unit_test(files_of_pcrs_are_read_strictly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
