/* nitro_answer: tests tools/nitro_answer: the answer as nitro-cli gives it, and whatever else may come. */
#include "tools/nitro_answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* In the form that nitro-cli 1.2 and later prints, one member a line. */
#define ID "\"EnclaveID\": \"i-0abcdef0123456789-enc0123456789abcdef\""
#define REST "\"NumberOfCPUs\": 2, \"MemoryMiB\": 512, \"State\": \"RUNNING\", \"Flags\": \"NONE\""

static const char two[] =
    "[\n  {\n    \"EnclaveName\": \"watermark\",\n    " ID ",\n    \"ProcessID\": 4711,\n    \"EnclaveCID\": 16,\n"
    "    \"NumberOfCPUs\": 2,\n    \"CPUIDs\": [\n      1,\n      3\n    ],\n    \"MemoryMiB\": 512,\n"
    "    \"State\": \"RUNNING\",\n    \"Flags\": \"NONE\",\n    \"Measurements\": {\n"
    "      \"HashAlgorithm\": \"Sha384 { ... }\",\n      \"PCR0\": \"00\"\n    }\n  },\n"
    "  {\"EnclaveID\": \"i-2\", \"EnclaveCID\": 4294967294, \"NumberOfCPUs\": 4, \"MemoryMiB\": 1024,"
    " \"State\": \"TERMINATING\", \"Flags\": \"DEBUG_MODE\"}\n]\n";

static void a_list_of_enclaves_is_read(void **state)
{
    struct nitro_enclave enclaves[NITRO_ENCLAVES_MAX];
    struct reason why;
    size_t count = 7;
    (void)state;

    assert_int_equal(nitro_answer_read(two, strlen(two), enclaves, &count, &why), 0);
    assert_int_equal(count, 2);
    assert_string_equal(enclaves[0].name, "watermark");
    assert_string_equal(enclaves[0].id, "i-0abcdef0123456789-enc0123456789abcdef");
    assert_int_equal(enclaves[0].cid, 16);
    assert_int_equal(enclaves[0].cpu_count, 2);
    assert_int_equal(enclaves[0].memory_mib, 512);
    assert_true(enclaves[0].running && !enclaves[0].debug);
    assert_string_equal(enclaves[1].name, ""); /* old ones have no name */
    assert_int_equal(enclaves[1].cid, 4294967294u);
    assert_true(!enclaves[1].running && enclaves[1].debug);
    assert_int_equal(nitro_answer_read("[]", 2, enclaves, &count, &why), 0);
    assert_int_equal(count, 0);
}

static void what_is_no_such_list_is_refused(void **state)
{
    static const struct {
        const char *text;
        const char *sentence;
    } cases[] = {
        {"", "not JSON"},
        {"Start allocating memory...\n[]", "not JSON"},
        {"[] []", "not JSON"},
        {"[[[[[[[[[[]]]]]]]]]]", "not JSON"},
        {"[{" ID ", \"EnclaveCID\": 16, \"EnclaveCID\": 17, " REST "}]", "not JSON"},
        {"{}", "no list"},
        {"[7]", "no EnclaveID"},
        {"[{}]", "no EnclaveID"},
        {"[{\"EnclaveID\": \"--all\", \"EnclaveCID\": 16, " REST "}]", "no EnclaveID"},
        {"[{\"EnclaveID\": \"i\\u001b[1m\", \"EnclaveCID\": 16, " REST "}]", "no EnclaveID"},
        {"[{\"EnclaveName\": \"\", " ID ", \"EnclaveCID\": 16, " REST "}]", "no EnclaveName"},
        {"[{\"EnclaveName\": null, " ID ", \"EnclaveCID\": 16, " REST "}]", "no EnclaveName"},
        {"[{" ID ", " REST "}]", "no EnclaveCID"},
        {"[{" ID ", \"EnclaveCID\": 3, " REST "}]", "no EnclaveCID"},
        {"[{" ID ", \"EnclaveCID\": -16, " REST "}]", "no EnclaveCID"},
        {"[{" ID ", \"EnclaveCID\": 4294967295, " REST "}]", "no EnclaveCID"},
        {"[{" ID ", \"EnclaveCID\": \"16\", " REST "}]", "no EnclaveCID"},
        {"[{" ID ", \"EnclaveCID\": 16.0, " REST "}]", "no EnclaveCID"},
        {"[{" ID ", \"EnclaveCID\": 16, \"NumberOfCPUs\": 1e3}]", "no NumberOfCPUs"},
        {"[{" ID ", \"EnclaveCID\": 16, \"NumberOfCPUs\": 2, \"MemoryMiB\": -1}]", "no MemoryMiB"},
        {"[{" ID ", \"EnclaveCID\": 16, \"NumberOfCPUs\": 2, \"MemoryMiB\": 1, \"State\": 1}]", "no State"},
        {"[{" ID ", \"EnclaveCID\": 16, \"NumberOfCPUs\": 2, \"MemoryMiB\": 1, \"State\": \"RUNNING\"}]", "no Flags"},
        {"[{" ID ", \"EnclaveCID\": 16, " REST "}, {" ID ", \"EnclaveCID\": 16, " REST "}]", "the CID 16"},
    };
    struct nitro_enclave enclaves[NITRO_ENCLAVES_MAX];
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct reason why = {""};
        size_t count = 7;
        assert_int_equal(nitro_answer_read(cases[i].text, strlen(cases[i].text), enclaves, &count, &why), -EINVAL);
        if (strstr(why.text, cases[i].sentence) == NULL) {
            fail_msg("%s: %s", cases[i].text, why.text);
        }
        assert_int_equal(count, 7);
    }
}

static void a_cut_answer_is_never_believed(void **state)
{
    struct nitro_enclave enclaves[NITRO_ENCLAVES_MAX];
    size_t count;
    (void)state;

    for (size_t size = 0; size < strlen(two) - 2; size++) {
        assert_int_equal(nitro_answer_read(two, size, enclaves, &count, NULL), -EINVAL);
    }
}

static void a_list_over_the_bound_is_refused(void **state)
{
    struct nitro_enclave enclaves[NITRO_ENCLAVES_MAX];
    char text[32 * 1024];
    size_t count;
    (void)state;

    for (int wanted = NITRO_ENCLAVES_MAX; wanted <= NITRO_ENCLAVES_MAX + 1; wanted++) {
        size_t used = 0;
        for (int i = 0; i < wanted; i++) {
            used += (size_t)snprintf(
                text + used, sizeof text - used, "%s{" ID ", \"EnclaveCID\": %d, " REST "}", i > 0 ? "," : "[", 16 + i);
        }
        used += (size_t)snprintf(text + used, sizeof text - used, "]");
        assert_int_equal(
            nitro_answer_read(text, used, enclaves, &count, NULL), wanted > NITRO_ENCLAVES_MAX ? -EINVAL : 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_of_enclaves_is_read),
        cmocka_unit_test(what_is_no_such_list_is_refused),
        cmocka_unit_test(a_cut_answer_is_never_believed),
        cmocka_unit_test(a_list_over_the_bound_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
