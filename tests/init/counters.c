/* counters: tests init/counters: the relay's numbers arrive whole, and nothing else is taken for them. */
#include "init/counters.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define ROWS 70 /* three messages */

static struct counters_row taken[ROWS];
static struct counters counters;
static int ends[2]; /* PID 1's, the relay's */

static int setup(void **state)
{
    (void)state;
    memset(taken, 0, sizeof taken);
    counters = (struct counters){.rows = taken, .row_count = ROWS};
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends);
}

static int teardown(void **state)
{
    (void)state;
    close(ends[0]);
    close(ends[1]);
    return 0;
}

/* The relay reads a question; its number. */
static uint32_t question(void)
{
    char message[64];
    uint32_t number = 0;
    ssize_t size = recv(ends[1], message, sizeof message, 0);

    assert_true(size > 0);
    assert_true(counters_asked(message, (size_t)size, &number));
    return number;
}

static bool take(int *error)
{
    struct counters_message message;
    ssize_t size = recv(ends[0], &message, sizeof message, 0);

    assert_true(size > 0);
    return counters_take(&counters, &message, (size_t)size, error);
}

static void answer(uint32_t number)
{
    struct counters_row rows[ROWS] = {0};

    for (size_t i = 0; i < ROWS; i++) {
        rows[i].accepted = 1000 + i;
        rows[i].open = i;
    }
    assert_int_equal(counters_answer(ends[1], number, rows, ROWS), 0);
}

static void an_answer_of_several_messages_arrives_whole(void **state)
{
    int error;

    (void)state;
    assert_int_equal(counters_ask(&counters, ends[0]), 0);
    answer(question());
    assert_false(take(&error));
    assert_false(take(&error));
    assert_true(take(&error));
    assert_int_equal(error, 0);
    for (size_t i = 0; i < ROWS; i++) {
        assert_int_equal(taken[i].accepted, 1000 + i);
        assert_int_equal(taken[i].open, i);
    }
}

static void a_late_answer_is_passed_over(void **state)
{
    int error = -1;
    uint32_t old;

    (void)state;
    assert_int_equal(counters_ask(&counters, ends[0]), 0);
    old = question();
    assert_int_equal(counters_ask(&counters, ends[0]), 0);
    answer(old);
    answer(question());
    for (int i = 0; i < 5; i++) {
        assert_false(take(&error));
        assert_int_equal(error, 0);
    }
    assert_true(take(&error));
    assert_int_equal(counters.due, 0);
}

static void what_was_not_asked_for_is_refused(void **state)
{
    int error = 0;

    (void)state;
    answer(0);
    assert_false(take(&error));
    assert_int_equal(error, -EPROTO);
}

static void malformed_messages_are_refused(void **state)
{
    const struct {
        uint32_t magic, number, first, count;
    } bad[] = {
        {COUNTERS_MAGIC + 1, 1, 0, COUNTERS_EACH},
        {COUNTERS_MAGIC, 1, 1, COUNTERS_EACH},
        {COUNTERS_MAGIC, 1, UINT32_MAX, COUNTERS_EACH},
        {COUNTERS_MAGIC, 1, 0, COUNTERS_EACH - 1},
        {COUNTERS_MAGIC, 1, 0, COUNTERS_EACH + 1},
        {COUNTERS_MAGIC, 1, 0, UINT32_MAX},
        {COUNTERS_MAGIC, 1, 0, 0},
    };
    struct counters_message message = {COUNTERS_MAGIC, 1, 0, COUNTERS_EACH, {{0}}};
    int error;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct counters_message broken = {bad[i].magic, bad[i].number, bad[i].first, bad[i].count, {{0}}};
        counters.number = 0;
        counters.due = 0;
        assert_int_equal(counters_ask(&counters, ends[0]), 0);
        error = 0;
        assert_false(counters_take(&counters, &broken, sizeof broken, &error));
        assert_int_equal(error, -EPROTO);
        assert_int_equal(counters.got, 0);
    }
    for (size_t size = 0; size < sizeof message; size += 7) {
        assert_false(counters_take(&counters, &message, size, &error));
        assert_int_equal(error, -EPROTO);
    }
    assert_false(counters_take(&counters, &message, sizeof message + 1, &error));
    assert_int_equal(error, -EPROTO);
}

static void only_a_question_is_a_question(void **state)
{
    struct counters_question asked = {COUNTERS_MAGIC, 7};
    uint32_t number = 0;

    (void)state;
    assert_true(counters_asked(&asked, sizeof asked, &number));
    assert_int_equal(number, 7);
    assert_false(counters_asked(&asked, sizeof asked - 1, &number));
    asked.magic++;
    assert_false(counters_asked(&asked, sizeof asked, &number));
}

static void neither_side_waits_for_one_that_does_not_read(void **state)
{
    const struct counters_row rows[ROWS] = {{0}};
    int error = 0;

    (void)state;
    for (int i = 0; i < 1000000 && error == 0; i++) {
        error = counters_answer(ends[1], 1, rows, ROWS);
    }
    assert_int_equal(error, -EAGAIN);
    error = 0;
    for (int i = 0; i < 1000000 && error == 0; i++) {
        error = counters_ask(&counters, ends[0]);
    }
    assert_int_equal(error, -EAGAIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_answer_of_several_messages_arrives_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(a_late_answer_is_passed_over, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_not_asked_for_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(malformed_messages_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(only_a_question_is_a_question, setup, teardown),
        cmocka_unit_test_setup_teardown(neither_side_waits_for_one_that_does_not_read, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
