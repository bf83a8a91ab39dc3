/* clock: tests init/clock: small differences are slewed, a clock that is behind is stepped, one that is ahead never. */
#include "init/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define NOW 1763650800000

static void an_equal_clock_is_left_alone(void **state)
{
    (void)state;
    assert_int_equal(clock_decide(NOW, NOW), CLOCK_KEEP);
}

static void less_than_a_second_is_slewed(void **state)
{
    (void)state;
    assert_int_equal(clock_decide(NOW, NOW + 1), CLOCK_SLEW);
    assert_int_equal(clock_decide(NOW, NOW - 1), CLOCK_SLEW);
    assert_int_equal(clock_decide(NOW, NOW + 999), CLOCK_SLEW);
    assert_int_equal(clock_decide(NOW, NOW - 999), CLOCK_SLEW);
}

static void behind_by_more_is_stepped(void **state)
{
    (void)state;
    assert_int_equal(clock_decide(NOW, NOW + 1000), CLOCK_STEP);
    assert_int_equal(clock_decide(0, NOW), CLOCK_STEP);
}

static void ahead_by_more_never_steps_back(void **state)
{
    (void)state;
    assert_int_equal(clock_decide(NOW, NOW - 1000), CLOCK_SLEW);
    assert_int_equal(clock_decide(NOW, 0), CLOCK_SLEW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_equal_clock_is_left_alone),
        cmocka_unit_test(less_than_a_second_is_slewed),
        cmocka_unit_test(behind_by_more_is_stepped),
        cmocka_unit_test(ahead_by_more_never_steps_back),
    };
    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
