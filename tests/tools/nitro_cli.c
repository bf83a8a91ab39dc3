/* nitro_cli: tests tools/nitro_cli: the run of the program. */
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

/* A script stands in the program's place. */

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
    struct fixture f =
        ask("[ \"$*\" = describe-enclaves ] && "
            "echo '[{\"EnclaveID\": \"i-1\", \"EnclaveCID\": 16, \"NumberOfCPUs\": 2, \"MemoryMiB\": 512,"
            " \"State\": \"RUNNING\", \"Flags\": \"NONE\"}]'");

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
        cmocka_unit_test(the_program_is_asked),
        cmocka_unit_test(its_failure_and_its_nonsense_are_told),
        cmocka_unit_test(cancel_ends_the_question),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
