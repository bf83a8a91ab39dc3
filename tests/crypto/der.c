/* tests of der: only the one strict form of each element is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/der.h"

#define BYTES(text) ((struct bytes){(const uint8_t *)(text), sizeof(text) - 1})

static void elements_follow_one_another(void **state)
{
    struct bytes in = BYTES("\x02\x01\x05\x04\x00\x30\x02\x05\x00");
    struct bytes body;
    struct der element;

    (void)state;
    assert_true(der_next(&in, &element));
    assert_int_equal(element.tag, DER_INTEGER);
    assert_int_equal(element.body.size, 1);
    assert_int_equal(element.whole.size, 3);
    assert_false(der_take(&in, DER_INTEGER, &body));
    assert_true(der_take(&in, DER_OCTET_STRING, &body));
    assert_int_equal(body.size, 0);
    assert_true(der_take(&in, DER_SEQUENCE, &body));
    assert_true(der_take(&body, DER_NULL, &body));
    assert_int_equal(in.size, 0);
    assert_false(der_next(&in, &element));
}

static void lengths_are_in_their_shortest_form_and_within_the_bytes(void **state)
{
    static uint8_t large[4 + 0x10000] = {0x04, 0x83, 0x01, 0x00, 0x00};
    static const struct {
        const char *text;
        size_t size;
    } refused[] = {
        {"", 0},
        {"\x04", 1},
        {"\x04\x01", 2},
        {"\x04\x80\x00\x00", 4},
        {"\x04\x81\x01\x00", 4},
        {"\x04\x81", 2},
        {"\x04\x82\x00\x81", 4},
        {"\x04\x84\x00\x00\x00\x01\x00", 7},
        {"\x04\x84\xff\xff\xff\xff", 6},
        {"\x04\x83\xff\xff\xff\x00", 6},
        {"\x1f\x01\x00", 3},
    };
    struct der element;
    struct bytes in;

    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        in = (struct bytes){(const uint8_t *)refused[i].text, refused[i].size};
        assert_false(der_next(&in, &element));
        assert_int_equal(in.size, refused[i].size);
    }
    in = (struct bytes){large, sizeof large};
    assert_false(der_next(&in, &element)); /* one byte short */
    large[2] = 0x00;
    assert_false(der_next(&in, &element)); /* a leading zero */
    memcpy(large, "\x04\x82\xff\xff", 4);
    assert_true(der_next(&in, &element));
    assert_int_equal(element.body.size, 0xffff);
}

static void numbers_are_positive_and_without_leading_zeros(void **state)
{
    struct bytes in = BYTES("\x02\x02\x00\x80");
    struct bytes number;

    (void)state;
    assert_true(der_take_unsigned(&in, &number));
    assert_int_equal(number.size, 1);
    assert_int_equal(number.data[0], 0x80);
    in = BYTES("\x02\x01\x00");
    assert_true(der_take_unsigned(&in, &number));
    assert_int_equal(number.size, 1);
    in = BYTES("\x02\x01\x80");
    assert_false(der_take_unsigned(&in, &number));
    in = BYTES("\x02\x02\x00\x7f");
    assert_false(der_take_unsigned(&in, &number));
    in = BYTES("\x02\x00");
    assert_false(der_take_unsigned(&in, &number));
    in = BYTES("\x04\x01\x01");
    assert_false(der_take_unsigned(&in, &number));
    assert_int_equal(in.size, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_follow_one_another),
        cmocka_unit_test(lengths_are_in_their_shortest_form_and_within_the_bytes),
        cmocka_unit_test(numbers_are_positive_and_without_leading_zeros),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
