/* text: tests base/text: quoting, numbers, base64, hexadecimal, distance. */
#include "base/text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void quote_shows_only_printable_ascii(void **state)
{
    (void)state;
    assert_string_equal(text_quote("a\"b\\\n\x1b[31m\xff", 10).text, "\"a\\\"b\\\\\\x0a\\x1b[31m\"");
    assert_string_equal(text_quote("\xff\x00z", 3).text, "\"\\xff\\x00z\"");
    assert_string_equal(text_quote("", 0).text, "\"\"");
}

static void quote_of_any_input_fits(void **state)
{
    uint8_t worst[1000];

    (void)state;
    memset(worst, 0xff, sizeof worst);
    for (size_t size = 0; size <= sizeof worst; size++) {
        struct text_quoted quoted = text_quote(worst, size);
        assert_true(strnlen(quoted.text, sizeof quoted.text) < sizeof quoted.text);
    }
    assert_non_null(strstr(text_quote(worst, TEXT_QUOTE_INPUT + 1).text, "\"…"));
    assert_null(strstr(text_quote(worst, TEXT_QUOTE_INPUT).text, "…"));
}

static void number_takes_digits_within_bounds_only(void **state)
{
    static const char *const bad[] = {"", "-1", "+1", " 1", "1 ", "01", "0x10", "1e3", "65536", "0",
        "18446744073709551616", "99999999999999999999999"};
    uint64_t value = 7;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(text_number(bad[i], 1, 65535, &value));
        assert_int_equal(value, 7);
    }
    assert_true(text_number("65535", 1, 65535, &value));
    assert_int_equal(value, 65535);
    assert_true(text_number("18446744073709551615", 0, UINT64_MAX, &value));
    assert_true(value == UINT64_MAX);
}

static void base64_gives_back_what_went_in(void **state)
{
    uint8_t in[64];
    uint8_t out[64];
    char text[100];

    (void)state;
    for (size_t size = 0; size < sizeof in; size++) {
        for (size_t i = 0; i < size; i++) {
            in[i] = (uint8_t)(i * 37 + size);
        }
        text_base64_encode(in, size, text);
        assert_int_equal(strlen(text), 4 * ((size + 2) / 3));
        assert_int_equal(text_base64_decode(text, strlen(text), out, sizeof out), size);
        assert_memory_equal(in, out, size);
    }
    assert_int_equal(text_base64_decode("Zm9v\nYmFy\r\n", 10, out, sizeof out), 6);
    assert_memory_equal(out, "foobar", 6);
}

static void base64_refuses_what_is_not_base64(void **state)
{
    static const char *const bad[] = {
        "Z", "Zm", "Zm9", "Zg=", "Z===", "====", "Zm9v=", "Zg==Zg==", "Zm-v", "Zh==", "Zm9=", "=Zm9", "Zm9v!", "Zg==x"};
    uint8_t out[16];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(text_base64_decode(bad[i], strlen(bad[i]), out, sizeof out), -EINVAL);
    }
    assert_int_equal(text_base64_decode("Zm9vYmFy", 8, out, 5), -ENOSPC);
    assert_int_equal(text_base64_decode("Zg\0=", 4, out, 5), -EINVAL);
}

static void hex_is_exact(void **state)
{
    uint8_t out[2];
    char text[5];

    (void)state;
    assert_true(text_hex_decode("00fF", out, 2));
    text_hex(out, 2, text);
    assert_string_equal(text, "00ff");
    assert_false(text_hex_decode("00f", out, 2));
    assert_false(text_hex_decode("00ff0", out, 2));
    assert_false(text_hex_decode("0g00", out, 2));
    assert_false(text_hex_decode("", out, 2));
}

static void distance_counts_edits(void **state)
{
    char longer[100];

    (void)state;
    memset(longer, 'a', sizeof longer - 1);
    longer[99] = '\0';
    assert_int_equal(text_distance("port", "port"), 0);
    assert_int_equal(text_distance("prot", "port"), 2);
    assert_int_equal(text_distance("potr", "port"), 2);
    assert_int_equal(text_distance("por", "port"), 1);
    assert_int_equal(text_distance("memory", "cpus"), 3);
    assert_int_equal(text_distance(longer, longer), 3);
}

static void characters_are_well_formed_utf8(void **state)
{
    static const struct {
        const char *bytes;
        size_t size, length;
    } rows[] = {{"a", 1, 1}, {"\xc3\xa9", 2, 2}, {"\xe2\x82\xac", 3, 3}, {"\xf0\x9f\x98\x80", 4, 4}, {"\xc3", 1, 0},
        {"\xe2\x82", 2, 0}, {"\x9b", 1, 0}, {"\xc0\x80", 2, 0}, {"\xe0\x80\x80", 3, 0}, {"\xed\xa0\x80", 3, 0},
        {"\xf4\x90\x80\x80", 4, 0}, {"\xff", 1, 0}, {"\xc3(", 2, 0}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(text_character((const unsigned char *)rows[i].bytes, rows[i].size), rows[i].length);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quote_shows_only_printable_ascii),
        cmocka_unit_test(quote_of_any_input_fits),
        cmocka_unit_test(number_takes_digits_within_bounds_only),
        cmocka_unit_test(base64_gives_back_what_went_in),
        cmocka_unit_test(base64_refuses_what_is_not_base64),
        cmocka_unit_test(hex_is_exact),
        cmocka_unit_test(distance_counts_edits),
        cmocka_unit_test(characters_are_well_formed_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
