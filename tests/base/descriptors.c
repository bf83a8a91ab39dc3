/* descriptors: tests base/descriptors: the soft limit goes up to the need, never down, never over the hard limit. */
#include "base/descriptors.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

static rlim_t soft(void)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    return limit.rlim_cur;
}

static void soft_limit_goes_up_to_the_need_and_no_further_than_allowed(void **state)
{
    struct rlimit limit = {.rlim_cur = 64, .rlim_max = 256};
    struct reason why = {""};

    (void)state;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(descriptors_raise(128, &why), 0);
    assert_int_equal(soft(), 128);
    assert_int_equal(descriptors_raise(100, &why), 0);
    assert_int_equal(soft(), 128);
    assert_int_equal(descriptors_raise(257, &why), -EMFILE);
    assert_non_null(strstr(why.text, "the hard limit is 256"));
    assert_int_equal(soft(), 256);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(soft_limit_goes_up_to_the_need_and_no_further_than_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
