/* command: tests tools/command with real programs: what they say, how they end, and what they leave behind. */
#include "tools/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS 60000

struct result {
    struct loop *loop;
    bool done;
    bool good;
    char output[512];
    size_t size;
    struct reason why;
};

static void done(void *arg, const char *output, size_t size, const struct reason *why)
{
    struct result *result = arg;

    assert_false(result->done);
    result->done = true;
    result->good = why == NULL;
    if (why != NULL) {
        assert_null(output);
        result->why = *why;
    } else {
        assert_int_equal(output[size], '\0');
        assert_true(size < sizeof result->output);
        memcpy(result->output, output, size + 1);
        result->size = size;
    }
    loop_stop(result->loop);
}

static struct result run_for(const char *script, size_t output_max, int64_t milliseconds)
{
    const char *const arguments[] = {"sh", "-c", script, NULL};
    const struct command_options options = {
        .arguments = arguments, .output_max = output_max, .milliseconds = milliseconds};
    struct result result = {.done = false};
    struct command *command;

    assert_int_equal(loop_open(&result.loop), 0);
    assert_int_equal(command_start(&command, result.loop, &options, done, &result, &result.why), 0);
    assert_false(result.done);
    assert_int_equal(loop_run(result.loop), 0);
    loop_close(result.loop);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
    assert_int_equal(errno, ECHILD);
    return result;
}

static struct result run(const char *script)
{
    return run_for(script, 256, PATIENCE_MS);
}

static void output_comes_whole(void **state)
{
    (void)state;
    struct result result = run("printf hello; sleep 0.05; printf ' world'");

    assert_true(result.good);
    assert_string_equal(result.output, "hello world");
    assert_true(run("exit 0").good);
}

static void a_failure_quotes_what_was_said(void **state)
{
    (void)state;
    struct result result = run("echo out; printf 'no \\033[1menclave' >&2; exit 3");

    assert_false(result.good);
    assert_string_equal(result.why.text, "sh: it ended with exit status 3 and said: \"no \\x1b[1menclave\"");
    assert_non_null(strstr(run("exit 1").why.text, "said: nothing"));
    assert_non_null(strstr(run("kill -TERM $$").why.text, "was ended by signal 15"));
}

static void too_much_output_ends_it(void **state)
{
    (void)state;
    assert_true(run_for("printf 12345678", 8, PATIENCE_MS).good);
    struct result result = run_for("printf 123456789", 8, PATIENCE_MS);
    assert_false(result.good);
    assert_non_null(strstr(result.why.text, "more than 8 bytes"));
    assert_non_null(strstr(run("while :; do echo more; done").why.text, "more than 256 bytes"));
}

static void complaints_over_the_bound_are_dropped(void **state)
{
    (void)state;
    assert_true(run("i=0; while [ $i -lt 3000 ]; do echo complaint complaint; i=$((i+1)); done >&2; echo fine").good);
}

static void the_time_limit_ends_it(void **state)
{
    (void)state;
    struct result result = run_for("exec sleep 600", 8, 50);

    assert_false(result.good);
    assert_non_null(strstr(result.why.text, "did not end within 50 ms"));
}

/* As nitro-cli does: its enclave's process goes on and holds the pipes. */
static void an_heir_of_the_pipes_does_not_hold_it_up(void **state)
{
    (void)state;
    struct result result = run("sleep 600 & echo $!");
    pid_t heir = (pid_t)atol(result.output);

    assert_true(result.good);
    assert_true(heir > 1);
    assert_int_equal(kill(heir, 0), 0); /* and is left alone */
    assert_int_equal(kill(heir, SIGKILL), 0);
}

static void standard_input_is_empty_and_signals_are_usual(void **state)
{
    sigset_t blocked, before;
    (void)state;

    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigprocmask(SIG_BLOCK, &blocked, &before);
    signal(SIGPIPE, SIG_IGN);
    struct result result = run("cat; grep -E '^Sig(Blk|Ign)' /proc/self/status | cut -f2 | tr '\\n' ' '");
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &before, NULL);
    assert_true(result.good);
    assert_int_equal(strtoull(result.output, NULL, 16), 0);
    assert_int_equal(strtoull(strchr(result.output, ' '), NULL, 16) & UINT64_C(1) << (SIGPIPE - 1), 0);
}

static void a_program_that_is_not_there_is_named(void **state)
{
    const char *const arguments[] = {"no-such-program-of-ours", NULL};
    const struct command_options options = {.arguments = arguments, .output_max = 8, .milliseconds = PATIENCE_MS};
    struct command *command;
    struct loop *loop;
    struct reason why;
    (void)state;

    assert_int_equal(loop_open(&loop), 0);
    assert_int_equal(command_start(&command, loop, &options, done, NULL, &why), -ENOENT);
    assert_non_null(strstr(why.text, "\"no-such-program-of-ours\" can't be started"));
    loop_close(loop);
}

static void cancel_ends_it(void **state)
{
    const char *const arguments[] = {"sleep", "600", NULL};
    const struct command_options options = {.arguments = arguments, .output_max = 8, .milliseconds = PATIENCE_MS};
    struct command *command;
    struct loop *loop;
    struct reason why;
    (void)state;

    assert_int_equal(loop_open(&loop), 0);
    assert_int_equal(command_start(&command, loop, &options, done, NULL, &why), 0);
    command_cancel(command);
    command_cancel(NULL);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    loop_close(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_comes_whole),
        cmocka_unit_test(a_failure_quotes_what_was_said),
        cmocka_unit_test(too_much_output_ends_it),
        cmocka_unit_test(complaints_over_the_bound_are_dropped),
        cmocka_unit_test(the_time_limit_ends_it),
        cmocka_unit_test(an_heir_of_the_pipes_does_not_hold_it_up),
        cmocka_unit_test(standard_input_is_empty_and_signals_are_usual),
        cmocka_unit_test(a_program_that_is_not_there_is_named),
        cmocka_unit_test(cancel_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
