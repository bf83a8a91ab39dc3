/* json_memory: JSON values stay within the bound, and what they gave back can be used again. */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "app/json_memory.h"

#define BOUND 65536

static void what_fits_is_read_again_and_again(void **state)
{
    (void)state;
    for (int i = 0; i < 10000; i++) {
        json_t *value = json_loads("{\"a\": [1, 2, {\"b\": \"c\"}]}", 0, NULL);
        assert_non_null(value);
        json_decref(value);
    }
}

static void what_does_not_fit_fails_and_leaves_room(void **state)
{
    static char text[BOUND];
    json_error_t error;

    (void)state;
    memset(text, ',', sizeof text - 1);
    for (size_t i = 1; i < sizeof text - 2; i += 2) {
        text[i] = '1';
    }
    text[0] = '[';
    text[sizeof text - 2] = ']';
    assert_null(json_loads(text, 0, &error));
    assert_string_equal(error.text, ""); /* by this process.c knows it */
    json_t *string = json_string("still there");
    assert_non_null(string);
    json_decref(string);
}

static int limit(void **state)
{
    (void)state;
    json_object_seed(1);
    json_memory_limit(BOUND);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_fits_is_read_again_and_again),
        cmocka_unit_test(what_does_not_fit_fails_and_leaves_room),
    };

    return cmocka_run_group_tests(tests, limit, NULL);
}
