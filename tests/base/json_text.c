/* json_text: tests base/json_text: what is written is JSON, whatever the bytes and however little room there is. */
#include "base/json_text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

static long write_all(char *data, size_t size)
{
    struct json_text json;

    json_text_start(&json, data, size);
    json_text_open(&json, NULL, '{');
    json_text_string(&json, "a\"", "q\"\\\n\x7f");
    json_text_open(&json, "list", '[');
    json_text_number(&json, NULL, INT64_MIN);
    json_text_unsigned(&json, NULL, UINT64_MAX);
    json_text_boolean(&json, NULL, true);
    json_text_boolean(&json, NULL, false);
    json_text_open(&json, NULL, '{');
    json_text_close(&json, '}');
    json_text_close(&json, ']');
    json_text_number(&json, "z", 0);
    json_text_close(&json, '}');
    return json_text_finish(&json);
}

static void values_keys_and_commas_stand_where_json_wants_them(void **state)
{
    char data[256];

    (void)state;
    long size = write_all(data, sizeof data);
    assert_int_equal(size, strlen(data));
    assert_string_equal(data, "{\"a\\\"\":\"q\\\"\\\\\\u000a\\u007f\","
                              "\"list\":[-9223372036854775808,18446744073709551615,true,false,{}],\"z\":0}");
}

static void what_does_not_fit_is_said_and_nothing_is_overrun(void **state)
{
    char whole[256];
    long needed = write_all(whole, sizeof whole);

    (void)state;
    for (size_t size = 0; size <= (size_t)needed; size++) {
        char *data = malloc(size + 1); /* the sanitizers see a byte too many */
        assert_non_null(data);
        data[size] = 'x';
        assert_int_equal(write_all(data, size), -ENOSPC);
        assert_int_equal(data[size], 'x');
        free(data);
    }
    assert_int_equal(write_all(whole, (size_t)needed + 1), needed);
}

/* Every byte, alone and behind every possible first byte of a character, must come out as JSON that others read. */
static void any_bytes_become_valid_utf8(void **state)
{
    (void)state;
    for (unsigned first = 0; first < 256; first++) {
        for (unsigned second = 0; second < 256; second++) {
            const unsigned char bytes[] = {(unsigned char)first, (unsigned char)second, 0x80, 0xbf, 'x'};
            char data[128];
            struct json_text json;
            json_text_start(&json, data, sizeof data);
            json_text_open(&json, NULL, '[');
            json_text_bytes(&json, NULL, bytes, sizeof bytes);
            json_text_close(&json, ']');
            long size = json_text_finish(&json);
            assert_true(size > 0);
            json_t *read = json_loadb(data, (size_t)size, JSON_ALLOW_NUL, NULL);
            assert_non_null(read);
            json_decref(read);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_keys_and_commas_stand_where_json_wants_them),
        cmocka_unit_test(what_does_not_fit_is_said_and_nothing_is_overrun),
        cmocka_unit_test(any_bytes_become_valid_utf8),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
