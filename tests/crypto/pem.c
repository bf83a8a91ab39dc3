/* tests of pem: blocks are found whole, and what is cut, joined or encrypted is refused with its reason. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/pem.h"

#define BLOCK(label, body) "-----BEGIN " label "-----\n" body "-----END " label "-----\n"

static struct pem_block block;
static struct reason why;

static int next_of(const char *text)
{
    struct bytes in = {(const uint8_t *)text, strlen(text)};
    return pem_next(&in, &block, &why);
}

static void blocks_come_in_order_and_text_around_them_is_passed_over(void **state)
{
    static const char text[] = "Certificate:\n    Data:\n" BLOCK("CERTIFICATE", "AQID\n") "\nbetween\n" BLOCK(
        "RSA PRIVATE KEY", "BAUG\nBwg=\n") "after";
    struct bytes in = {(const uint8_t *)text, sizeof text - 1};
    uint8_t out[64];

    (void)state;
    assert_int_equal(pem_next(&in, &block, &why), 1);
    assert_string_equal(block.label, "CERTIFICATE");
    assert_true(pem_decoded_max(&block) <= sizeof out);
    assert_int_equal(pem_decode(&block, out, &why), 3);
    assert_memory_equal(out, "\1\2\3", 3);
    assert_int_equal(pem_next(&in, &block, &why), 1);
    assert_string_equal(block.label, "RSA PRIVATE KEY");
    assert_int_equal(pem_decode(&block, out, &why), 5);
    assert_memory_equal(out, "\4\5\6\7\10", 5);
    assert_int_equal(pem_next(&in, &block, &why), 0);
}

static void line_ends_may_be_crlf_and_the_last_may_lack(void **state)
{
    uint8_t out[64];

    (void)state;
    assert_int_equal(next_of("-----BEGIN X-----\r\nAQ\r\nID\r\n-----END X-----"), 1);
    assert_int_equal(pem_decode(&block, out, &why), 3);
}

static void cut_blocks_are_refused(void **state)
{
    static const char whole[] = BLOCK("CERTIFICATE", "AQIDBAUGBwgJCgsMDQ4P\nAQIDBAUGBwgJCgsMDQ4P\n");
    size_t least = sizeof "-----BEGIN CERTIFICATE-----" - 1;

    (void)state;
    for (size_t size = least; size < sizeof whole - 2; size++) {
        struct bytes in = {(const uint8_t *)whole, size};
        assert_int_equal(pem_next(&in, &block, &why), -EINVAL);
        assert_non_null(strstr(why.text, "cut short"));
    }
    assert_int_equal(next_of(whole), 1);
    assert_int_equal(next_of(BLOCK("A", "AQID\n-----BEGIN B-----\n")), -EINVAL);
    assert_int_equal(next_of("-----BEGIN A-----\nAQID\n-----END B-----\n"), -EINVAL);
}

static void lost_line_ends_are_named(void **state)
{
    (void)state;
    assert_int_equal(next_of("-----BEGIN X-----\\nAQID\\n-----END X-----\\n"), -EINVAL);
    assert_non_null(strstr(why.text, "escaped twice"));
    assert_int_equal(next_of("-----BEGIN X----- AQID -----END X-----"), -EINVAL);
    assert_non_null(strstr(why.text, "line ends were lost"));
    assert_int_equal(next_of("  -----BEGIN X-----\nAQID\n-----END X-----"), -EINVAL);
}

static void encrypted_blocks_are_named(void **state)
{
    (void)state;
    assert_int_equal(next_of(BLOCK("RSA PRIVATE KEY", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES\n\nAQID\n")), -EINVAL);
    assert_non_null(strstr(why.text, "encrypted"));
}

static void what_is_not_base64_is_refused_without_being_shown(void **state)
{
    static const char *const bodies[] = {"", "A\n", "AQI\n", "AQ!D\n", "AQID=\n", "AQ==AQID\n", "AR==\n"};
    char text[128];
    uint8_t out[64];

    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        (void)snprintf(text, sizeof text, "-----BEGIN X-----\n%s-----END X-----\n", bodies[i]);
        assert_int_equal(next_of(text), 1);
        assert_int_equal(pem_decode(&block, out, &why), -EINVAL);
        assert_null(strstr(why.text, "AQ"));
    }
}

static void labels_are_bounded_and_printable(void **state)
{
    (void)state;
    assert_int_equal(next_of(BLOCK("0123456789012345678901234567890123456789", "AQID\n")), 1);
    assert_int_equal(next_of(BLOCK("01234567890123456789012345678901234567890", "AQID\n")), -EINVAL);
    assert_int_equal(next_of(BLOCK("A\tB", "AQID\n")), -EINVAL);
    assert_int_equal(next_of(BLOCK("A-B", "AQID\n")), -EINVAL);
    assert_int_equal(next_of("nothing here"), 0);
    assert_int_equal(next_of(""), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_come_in_order_and_text_around_them_is_passed_over),
        cmocka_unit_test(line_ends_may_be_crlf_and_the_last_may_lack),
        cmocka_unit_test(cut_blocks_are_refused),
        cmocka_unit_test(lost_line_ends_are_named),
        cmocka_unit_test(encrypted_blocks_are_named),
        cmocka_unit_test(what_is_not_base64_is_refused_without_being_shown),
        cmocka_unit_test(labels_are_bounded_and_printable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
