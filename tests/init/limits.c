/* limits: tests init/limits: the budget of connections, and the reading of /proc/meminfo. */
#include "init/limits.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct reason why;

static struct config config_of(unsigned connections)
{
    return (struct config){.connections = connections};
}

static void the_promised_connections_must_fit(void **state)
{
    const struct config usual = config_of(100);
    const struct config most = config_of(65535);
    const struct config one = config_of(1);

    (void)state;
    assert_int_equal(limits_check(limits_need(&usual), &usual, &why), 0);
    assert_int_equal(limits_check(limits_need(&usual) - 1, &usual, &why), -ENOMEM);
    assert_int_equal(limits_check(UINT64_MAX, &most, &why), 0);
    assert_int_equal(limits_check(0, &one, &why), -ENOMEM);
}

static void looking_in_has_its_price(void **state)
{
    struct config config = config_of(10);
    uint64_t dark = limits_need(&config);

    (void)state;
    config.log_port = 7901;
    assert_int_equal(limits_need(&config), dark + BUDGET_LOG);
    config.status.vsock = 7900;
    config.endpoint_count = 3;
    assert_int_equal(limits_need(&config), dark + BUDGET_LOG + BUDGET_STATUS + 2 * (8192 + 6 * 1024));
}

static void the_refusal_names_both_numbers(void **state)
{
    const struct config config = config_of(100);
    char need[32];

    (void)state;
    assert_int_equal(limits_check(10 << 20, &config, &why), -ENOMEM);
    (void)snprintf(need, sizeof need, "%llu KiB", (unsigned long long)(limits_need(&config) / 1024));
    assert_non_null(strstr(why.text, "10240 KiB"));
    assert_non_null(strstr(why.text, need));
    assert_non_null(strstr(why.text, "connections = 100"));
}

static void a_value_of_meminfo_is_found_by_its_whole_name(void **state)
{
    static const char text[] =
        "MemTotal:          57344 kB\nMemFree:           40000 kB\nMemAvailable:      38012 kB\n";
    uint64_t bytes = 0;

    (void)state;
    assert_int_equal(limits_memory(text, "MemAvailable", &bytes), 0);
    assert_true(bytes == 38012u * 1024);
    assert_int_equal(limits_memory(text, "MemTotal", &bytes), 0);
    assert_true(bytes == 57344u * 1024);
    assert_int_equal(limits_memory(text, "Mem", &bytes), -ENOENT);
    assert_int_equal(limits_memory("", "MemTotal", &bytes), -ENOENT);
}

static void what_is_no_size_is_refused(void **state)
{
    uint64_t bytes;

    (void)state;
    assert_int_equal(limits_memory("MemTotal:\n", "MemTotal", &bytes), -EINVAL);
    assert_int_equal(limits_memory("MemTotal: 5", "MemTotal", &bytes), -EINVAL);
    assert_int_equal(limits_memory("MemTotal: 5 MB\n", "MemTotal", &bytes), -EINVAL);
    assert_int_equal(limits_memory("MemTotal: 99999999999999999999999999 kB\n", "MemTotal", &bytes), -EINVAL);
    assert_int_equal(limits_memory("MemTotal: 18446744073709551615 kB\n", "MemTotal", &bytes), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_promised_connections_must_fit),
        cmocka_unit_test(looking_in_has_its_price),
        cmocka_unit_test(the_refusal_names_both_numbers),
        cmocka_unit_test(a_value_of_meminfo_is_found_by_its_whole_name),
        cmocka_unit_test(what_is_no_size_is_refused),
    };
    return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
