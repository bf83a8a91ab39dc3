/* runtime: tests: the first ramdisk holds init and, in one spelling only, the digests of its bills of materials. */
#include "tests/image/samples.h"

#include "image/runtime.h"

#define ONE "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n"
#define TWO "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210\n"
#define COUNT(list) (sizeof(list) / sizeof(list)[0])
#define INIT                                                                                                           \
    {                                                                                                                  \
        "init", CPIO_REGULAR | 0755, "\177ELF program"                                                                 \
    }
#define SBOMS(text)                                                                                                    \
    {                                                                                                                  \
        RUNTIME_SBOMS, CPIO_REGULAR | 0644, text                                                                       \
    }

static int read_runtime(const struct sample_file *files, size_t count, struct runtime *runtime, struct reason *why)
{
    struct sample archive = sample_archive(files, count, false);
    const struct source source = source_memory(archive.data, archive.size);
    int error = runtime_read(&source, runtime, why);

    sample_free(&archive);
    return error;
}

static void init_alone_has_no_digests(void **state)
{
    static const struct sample_file files[] = {INIT};
    struct runtime runtime;
    struct reason why = {""};

    (void)state;
    assert_int_equal(read_runtime(files, 1, &runtime, &why), 0);
    assert_int_equal(runtime.sbom_count, 0);
}

static void digests_are_read_and_written_alike(void **state)
{
    static const char *const texts[] = {ONE, ONE TWO, ONE TWO ONE TWO};
    char again[RUNTIME_SBOMS_MAX * RUNTIME_SBOM_LINE + 1];
    struct runtime runtime;
    struct reason why = {""};

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        const struct sample_file files[] = {INIT, SBOMS(texts[i])};
        assert_int_equal(read_runtime(files, 2, &runtime, &why), 0);
        assert_int_equal(runtime.sbom_count, strlen(texts[i]) / RUNTIME_SBOM_LINE);
        assert_int_equal(runtime_sboms_text(&runtime, again), strlen(texts[i]));
        assert_string_equal(again, texts[i]);
    }
    assert_int_equal(runtime.sboms[0][1], 0x23);
    assert_int_equal(runtime.sboms[3][0], 0xfe);
}

static void any_other_text_is_refused(void **state)
{
    static const char *const texts[] = {"", "\n", ONE "\n", ONE ONE ONE ONE ONE,
        "0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef\n",
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\n\n",
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef ",
        "g123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n",
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"};

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        const struct sample_file files[] = {INIT, SBOMS(texts[i])};
        struct runtime runtime;
        struct reason why = {""};
        assert_int_equal(read_runtime(files, 2, &runtime, &why), -22);
        assert_non_null(strstr(why.text, "\"sbom.sha256\" is not one to four SHA-256 digests"));
    }
}

static void nothing_else_lies_beside_init(void **state)
{
    static const struct sample_file bad[][3] = {
        {SBOMS(ONE), INIT, {0}},
        {INIT, INIT, {0}},
        {INIT, {RUNTIME_SBOMS, CPIO_REGULAR | 0755, ONE}, {0}},
        {INIT, {RUNTIME_SBOMS, CPIO_LINK | 0777, ONE}, {0}},
        {INIT, {"sbom.sha512", CPIO_REGULAR | 0644, ONE}, {0}},
        {INIT, SBOMS(ONE), SBOMS(ONE)},
        {INIT, SBOMS(ONE), {"lib", CPIO_FOLDER | 0755, NULL}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct runtime runtime;
        struct reason why = {""};
        assert_int_equal(read_runtime(bad[i], bad[i][2].name != NULL ? 3 : 2, &runtime, &why), -22);
        assert_non_null(strstr(why.text, "\" stands "));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(init_alone_has_no_digests),
        cmocka_unit_test(digests_are_read_and_written_alike),
        cmocka_unit_test(any_other_text_is_refused),
        cmocka_unit_test(nothing_else_lies_beside_init),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
