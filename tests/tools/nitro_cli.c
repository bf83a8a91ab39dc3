/* nitro_cli: tests tools/nitro_cli: the answer as nitro-cli gives it, whatever else may come, and the program's run. */
#include "tools/nitro_cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
    struct nitro_enclave enclaves[NITRO_CLI_ENCLAVES_MAX];
    struct reason why;
    size_t count = 7;
    (void)state;

    assert_int_equal(nitro_cli_read(two, strlen(two), enclaves, &count, &why), 0);
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
    assert_int_equal(nitro_cli_read("[]", 2, enclaves, &count, &why), 0);
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
    struct nitro_enclave enclaves[NITRO_CLI_ENCLAVES_MAX];
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct reason why = {""};
        size_t count = 7;
        assert_int_equal(nitro_cli_read(cases[i].text, strlen(cases[i].text), enclaves, &count, &why), -EINVAL);
        if (strstr(why.text, cases[i].sentence) == NULL) {
            fail_msg("%s: %s", cases[i].text, why.text);
        }
        assert_int_equal(count, 7);
    }
}

static void a_cut_answer_is_never_believed(void **state)
{
    struct nitro_enclave enclaves[NITRO_CLI_ENCLAVES_MAX];
    size_t count;
    (void)state;

    for (size_t size = 0; size < strlen(two) - 2; size++) {
        assert_int_equal(nitro_cli_read(two, size, enclaves, &count, NULL), -EINVAL);
    }
}

static void a_list_over_the_bound_is_refused(void **state)
{
    struct nitro_enclave enclaves[NITRO_CLI_ENCLAVES_MAX];
    char text[32 * 1024];
    size_t count;
    (void)state;

    for (int wanted = NITRO_CLI_ENCLAVES_MAX; wanted <= NITRO_CLI_ENCLAVES_MAX + 1; wanted++) {
        size_t used = 0;
        for (int i = 0; i < wanted; i++) {
            used += (size_t)snprintf(
                text + used, sizeof text - used, "%s{" ID ", \"EnclaveCID\": %d, " REST "}", i > 0 ? "," : "[", 16 + i);
        }
        used += (size_t)snprintf(text + used, sizeof text - used, "]");
        assert_int_equal(
            nitro_cli_read(text, used, enclaves, &count, NULL), wanted > NITRO_CLI_ENCLAVES_MAX ? -EINVAL : 0);
    }
}

/* ---- the program, a script in its place ---- */

struct fixture {
    struct loop *loop;
    size_t count;
    uint32_t cid;
    struct reason why;
};

static void done(void *arg, const struct nitro_enclave *enclaves, size_t count, const struct reason *why)
{
    struct fixture *f = arg;

    f->count = count;
    f->cid = count > 0 ? enclaves[0].cid : 0;
    if (why != NULL) {
        f->why = *why;
    }
    loop_stop(f->loop);
}

static struct fixture ask(const char *script)
{
    char path[] = "/tmp/ingot-nitro-cli-XXXXXX";
    struct fixture f = {.count = 0};
    struct nitro_cli *cli;
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    dprintf(fd, "#!/bin/sh\n%s\n", script);
    assert_int_equal(fchmod(fd, 0700), 0);
    close(fd);
    setenv("INGOT_NITRO_CLI", path, 1);
    assert_int_equal(loop_open(&f.loop), 0);
    assert_int_equal(nitro_cli_enclaves_start(&cli, f.loop, done, &f, &f.why), 0);
    assert_int_equal(loop_run(f.loop), 0);
    loop_close(f.loop);
    unlink(path);
    return f;
}

static void the_program_is_asked(void **state)
{
    (void)state;
    struct fixture f = ask("[ \"$*\" = describe-enclaves ] && echo '[{" ID ", \"EnclaveCID\": 16, " REST "}]'");

    assert_string_equal(f.why.text, "");
    assert_int_equal(f.count, 1);
    assert_int_equal(f.cid, 16);
}

static void its_failure_and_its_nonsense_are_told(void **state)
{
    (void)state;
    struct fixture f = ask("echo '[ E19 ] File operation failure' >&2; exit 1");

    assert_int_equal(f.count, 0);
    assert_non_null(strstr(f.why.text, "[ E19 ] File operation failure"));
    f = ask("echo Segmentation fault");
    assert_non_null(strstr(f.why.text, "is not understood: it is not JSON: \"Segmentation fault\\x0a\""));
}

static void cancel_ends_the_question(void **state)
{
    struct loop *loop;
    struct nitro_cli *cli;
    struct reason why;
    (void)state;

    setenv("INGOT_NITRO_CLI", "cat", 1); /* there is no such file as describe-enclaves; it is not waited for */
    assert_int_equal(loop_open(&loop), 0);
    assert_int_equal(nitro_cli_enclaves_start(&cli, loop, done, NULL, &why), 0);
    nitro_cli_cancel(cli);
    nitro_cli_cancel(NULL);
    setenv("INGOT_NITRO_CLI", "/nonexistent/nitro-cli", 1);
    assert_int_equal(nitro_cli_enclaves_start(&cli, loop, done, NULL, &why), -ENOENT);
    loop_close(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_of_enclaves_is_read),
        cmocka_unit_test(what_is_no_such_list_is_refused),
        cmocka_unit_test(a_cut_answer_is_never_believed),
        cmocka_unit_test(a_list_over_the_bound_is_refused),
        cmocka_unit_test(the_program_is_asked),
        cmocka_unit_test(its_failure_and_its_nonsense_are_told),
        cmocka_unit_test(cancel_ends_the_question),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
