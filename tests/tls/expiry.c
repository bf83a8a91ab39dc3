/* expiry: tests tls/expiry: the end of a certificate is told in its last three weeks, and behind them. */
#include "tls/expiry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define NOW 1795305600 /* 2026-11-22 00:00:00 UTC */
#define DAY 86400

static const char *said(int64_t until)
{
    static struct reason text;
    return expiry_text(until, NOW, &text) ? text.text : NULL;
}

static void nothing_is_said_while_there_is_time(void **state)
{
    (void)state;
    assert_null(said(NOW + 365 * DAY));
    assert_null(said(NOW + EXPIRY_DAYS * DAY));
    assert_non_null(said(NOW + EXPIRY_DAYS * DAY - 1));
}

static void the_end_and_the_days_left_are_said(void **state)
{
    (void)state;
    assert_string_equal(said(NOW + 3 * DAY + 60), "ends on 2026-11-25 00:01:00 UTC, days left: 3");
    assert_string_equal(said(NOW), "ends on 2026-11-22 00:00:00 UTC, days left: 0");
    assert_string_equal(said(NOW - 1), "has ended on 2026-11-21 23:59:59 UTC");
    assert_string_equal(said(1), "has ended on 1970-01-01 00:00:01 UTC");
}

static void what_is_no_date_is_passed_over(void **state)
{
    (void)state;
    assert_null(said(0));
    assert_null(said(-1));
    assert_null(said(INT64_MIN));
    assert_null(said(INT64_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_said_while_there_is_time),
        cmocka_unit_test(the_end_and_the_days_left_are_said),
        cmocka_unit_test(what_is_no_date_is_passed_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
