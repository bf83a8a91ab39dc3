/* watch: tests tools/watch: which enclave is meant, and how often a program in the place of nitro-cli is asked. */
#include "tools/watch.h"

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

#include "tests/net/sockets.h"

static void the_one_that_runs_and_is_meant_is_chosen(void **state)
{
    static const struct {
        const char *name;
        struct nitro_enclave enclaves[3];
        size_t count;
        int error;
        uint32_t cid;
        const char *sentence;
    } cases[] = {
        {NULL, {{.name = ""}}, 0, -ENOENT, 0, "no enclave runs"},
        {"a", {{.name = ""}}, 0, -ENOENT, 0, "no enclave \"a\" runs"},
        {NULL, {{.name = "a", .cid = 16, .running = true}}, 1, 0, 16, "the enclave \"a\" runs with CID 16"},
        {NULL, {{.name = "", .cid = 16, .running = true}}, 1, 0, 16, "CID 16"}, /* nitro-cli before 1.2 */
        {"a", {{.name = "ab", .cid = 16, .running = true}}, 1, -ENOENT, 0, "no enclave \"a\" runs"},
        {"a", {{.name = "a", .cid = 16}, {.name = "a", .cid = 17, .running = true}}, 2, 0, 17, "CID 17"},
        {NULL, {{.name = "a", .cid = 16}, {.name = "b", .cid = 17, .running = true}}, 2, 0, 17, "\"b\""},
        {NULL, {{.name = "a", .cid = 16}}, 1, -ENOENT, 0, "no enclave runs"},
        {NULL, {{.name = "a", .cid = 16, .running = true}, {.name = "b", .cid = 17, .running = true}}, 2, -EEXIST, 0,
            "2 enclaves could be meant: \"a\" with CID 16, \"b\" with CID 17; choose one: --enclave NAME"},
        {"a", {{.name = "a", .cid = 16, .running = true}, {.name = "a", .cid = 17, .running = true}}, 2, -EEXIST, 0,
            "--enclave CID"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct reason why;
        uint32_t cid = 0;
        assert_int_equal(watch_choose(cases[i].name, cases[i].enclaves, cases[i].count, &cid, &why), cases[i].error);
        assert_int_equal(cid, cases[i].cid);
        if (strstr(why.text, cases[i].sentence) == NULL) {
            fail_msg("%zu: %s", i, why.text);
        }
    }
}

static void a_list_too_long_for_a_sentence_is_cut(void **state)
{
    struct nitro_enclave enclaves[NITRO_ENCLAVES_MAX];
    struct reason why;
    uint32_t cid;
    (void)state;

    for (uint32_t i = 0; i < NITRO_ENCLAVES_MAX; i++) {
        enclaves[i] = (struct nitro_enclave){.cid = 16 + i, .running = true};
        memset(enclaves[i].name, 'n', NITRO_TEXT_MAX);
    }
    assert_int_equal(watch_choose(NULL, enclaves, NITRO_ENCLAVES_MAX, &cid, &why), -EEXIST);
    assert_non_null(strstr(why.text, "64 enclaves could be meant"));
}

struct answers {
    unsigned count;
    size_t enclaves;
    bool failed;
};

static void told(void *arg, const struct nitro_enclave *enclaves, size_t count, const struct reason *why)
{
    struct answers *answers = arg;

    (void)enclaves;
    answers->count++;
    answers->enclaves = count;
    answers->failed = why != NULL;
}

static void wait_for(struct loop *loop, const struct answers *answers, unsigned count)
{
    int64_t limit = sockets_now() + SOCKETS_PATIENCE;

    while (answers->count < count) {
        loop_turn(loop, 20);
        assert_true(sockets_now() < limit);
    }
}

/* A program that prints an empty list, or one that does not exist. */
static void answer_by(const char *text)
{
    static char path[64];

    snprintf(path, sizeof path, "/tmp/ingot-watch-%d", (int)getpid());
    unlink(path);
    if (text != NULL) {
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fputs(text, file);
        assert_int_equal(fclose(file), 0);
        assert_int_equal(chmod(path, 0700), 0);
    }
    setenv("INGOT_NITRO_CLI", path, 1);
}

static void it_asks_again_after_each_answer_whatever_that_was(void **state)
{
    struct answers answers = {0};
    struct watch *watch;
    struct loop *loop;
    (void)state;

    assert_int_equal(loop_open(&loop), 0);
    answer_by("#!/bin/sh\necho '[]'\n");
    assert_int_equal(watch_open(&watch, loop, 20, told, &answers), 0);
    wait_for(loop, &answers, 3);
    assert_false(answers.failed);
    answer_by(NULL);
    while (!answers.failed) {
        wait_for(loop, &answers, answers.count + 1);
    }
    wait_for(loop, &answers, answers.count + 2);
    watch_close(watch);
    loop_close(loop);
}

static void asked_for_sooner_it_comes_sooner_but_not_at_once(void **state)
{
    struct answers answers = {0};
    struct watch *watch;
    struct loop *loop;
    (void)state;

    assert_int_equal(loop_open(&loop), 0);
    answer_by("#!/bin/sh\necho '[]'\n");
    assert_int_equal(watch_open(&watch, loop, 3600 * 1000, told, &answers), 0);
    wait_for(loop, &answers, 1);
    int64_t first = sockets_now();
    for (int i = 0; i < 100; i++) {
        watch_soon(watch); /* many refusals are one question */
    }
    wait_for(loop, &answers, 2);
    assert_true(sockets_now() - first >= WATCH_SOON_MS - 50);
    sockets_turn_for(loop, 100);
    assert_int_equal(answers.count, 2);
    watch_close(watch);
    loop_close(loop);
    answer_by(NULL);
}

static void closed_while_it_asks_it_tells_nothing(void **state)
{
    struct answers answers = {0};
    struct watch *watch;
    struct loop *loop;
    (void)state;

    assert_int_equal(loop_open(&loop), 0);
    answer_by("#!/bin/sh\nexec sleep 30\n");
    assert_int_equal(watch_open(&watch, loop, 1000, told, &answers), 0);
    sockets_turn_for(loop, 100);
    watch_close(watch);
    sockets_turn_for(loop, 100);
    assert_int_equal(answers.count, 0);
    loop_close(loop);
    answer_by(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_one_that_runs_and_is_meant_is_chosen),
        cmocka_unit_test(a_list_too_long_for_a_sentence_is_cut),
        cmocka_unit_test(it_asks_again_after_each_answer_whatever_that_was),
        cmocka_unit_test(asked_for_sooner_it_comes_sooner_but_not_at_once),
        cmocka_unit_test(closed_while_it_asks_it_tells_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
