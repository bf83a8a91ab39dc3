/* cgroup: tests init/cgroup: what a program may take, however little is free. */
#include "init/cgroup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MIB (UINT64_C(1) << 20)

static void a_program_leaves_room_for_the_relay(void **state)
{
    (void)state;
    assert_true(cgroup_memory(38 * MIB) == 30 * MIB);
    assert_true(cgroup_memory(1024 * MIB) == 1016 * MIB);
}

static void a_program_has_the_least_of_little(void **state)
{
    (void)state;
    assert_true(cgroup_memory(12 * MIB) == CGROUP_LEAST);
    assert_true(cgroup_memory(0) == CGROUP_LEAST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_program_leaves_room_for_the_relay),
        cmocka_unit_test(a_program_has_the_least_of_little),
    };
    return cmocka_run_group_tests_name("cgroup", tests, NULL, NULL);
}
