/* http_body: bodies in pieces of any size, and everything malformed in a chunked one with its status. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/http.h"

/* Decodes text in steps of the given size into out; *rest is what the body did not consume. */
static unsigned decode(struct http_head *head, uint64_t max, const char *text, size_t size, size_t step, char *out,
    size_t *out_size, size_t *rest, bool *done)
{
    struct http_body body;
    unsigned status = http_body_start(&body, head, max, NULL);
    size_t at = 0;

    *out_size = 0;
    while (status == 0 && at < size && !http_body_done(&body)) {
        struct http_text part;
        size_t used;
        size_t given = size - at < step ? size - at : step;
        char *copy = malloc(given);
        memcpy(copy, text + at, given);
        status = http_body_take(&body, copy, given, &used, &part, NULL);
        assert_true(status != 0 || used > 0);
        if (status == 0) {
            memcpy(out + *out_size, part.data, part.size);
            *out_size += part.size;
        }
        free(copy);
        at += used;
    }
    *rest = size - at;
    *done = http_body_done(&body);
    assert_true(*done || http_body_end(&body) == (head->framing == HTTP_FRAMING_CLOSE));
    return status;
}

static void chunked_bodies_are_taken_or_refused(void **state)
{
    static const struct {
        unsigned status;
        bool done;
        const char *text;
        const char *decoded;
    } rows[] = {
        {0, true, "0\r\n\r\n", ""},
        {0, true, "3\r\nabc\r\n0\r\n\r\n", "abc"},
        {0, true, "3\r\nabc\r\n00000A\r\n0123456789\r\n0\r\n\r\n", "abc0123456789"},
        {0, true, "3;x=y\r\nabc\r\n0 ; last=\"a;b\"\r\n\r\n", "abc"},
        {0, true, "1\r\na\r\n0\r\nX: y\r\nZ:\r\n\r\n", "a"},
        {0, true, "1\r\na\r\n0\r\nContent-Length: 9\r\nTransfer-Encoding: x\r\nHost: b\r\n\r\n", "a"},
        {0, true, "1\r\na\r\n000\r\n\r\n", "a"},
        {0, false, "3\r\nab", "ab"},
        {0, false, "0\r\n", ""},
        {0, false, "3\r\nabc\r\n0\r\n\r", "abc"},
        {400, false, "\r\n", ""},
        {400, false, "g\r\n", ""},
        {400, false, "-1\r\n", ""},
        {400, false, " 3\r\nabc\r\n", ""},
        {400, false, "0x3\r\nabc\r\n", ""},
        {400, false, ";x\r\n", ""},
        {400, false, "3\nabc\r\n", ""},
        {400, false, "3\rabc", ""},
        {400, false, "3 x\r\nabc", ""},
        {400, false, "3 \r\nabc", ""},
        {400, false, "3\tx\r\nabc", ""},
        {400, false, "+3\r\nabc\r\n", ""},
        {400, false, "0X3\r\nabc\r\n", ""},
        {400, false, "3_0\r\nabc\r\n", ""},
        {400, false, "3,3\r\nabc\r\n", ""},
        {400, false, "3\x0b\r\nabc\r\n", ""},
        {400, false, "\t3\r\nabc\r\n", ""},
        {400, false, "3;a\n0\r\n\r\n", ""},
        {400, false, "3;a=\"\n\"\r\nabc\r\n", ""},
        {400, false, "3\r\nabc\r\n0\n\r\n", "abc"},
        {400, false, "3\r\nabc\r\n0\r\n\n", "abc"},
        {400, false, "3\r\nabc\n\r\n0\r\n\r\n", "abc"},
        {400, false, "3\r\nabc0\r\n\r\n", "abc"},
        {400, false, "2\r\nabc\r\n0\r\n\r\n", "ab"},
        {400, false, "3;a\nb\r\nabc", ""},
        {400, false, "3;a\rb\r\nabc", ""},
        {400, false, "3;\x01\r\nabc", ""},
        {400, false, "3\r\nabcd\r\n", "abc"},
        {400, false, "3\r\nabc\n0\r\n\r\n", "abc"},
        {400, false, "3\r\nabc\rx", "abc"},
        {400, false, "00000000000000003\r\nabc\r\n", ""},
        {413, false, "fffffffffffffffe\r\nabc\r\n", ""},
        {413, false, "21\r\nabc\r\n", ""},
        {413, false, "3\r\nabc\r\n1e\r\nabc\r\n", "abc"},
        {400, false, "0\r\n X: y\r\n\r\n", ""},
        {400, false, "0\r\nX : y\r\n\r\n", ""},
        {400, false, "0\r\nX: y\n\r\n", ""},
        {400, false, "0\r\nX\r\n\r\n", ""},
        {400, false, "0\r\nX: \x02\r\n\r\n", ""},
        {400, false, "0\r\n\rx", ""},
    };
    struct http_head head = {.framing = HTTP_FRAMING_CHUNKED};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t step = 1; step <= 64; step *= 4) {
            char out[64];
            size_t out_size;
            size_t rest;
            bool done;
            unsigned status = decode(&head, 32, rows[i].text, strlen(rows[i].text), step, out, &out_size, &rest, &done);
            if (status != rows[i].status || done != rows[i].done || out_size != strlen(rows[i].decoded) ||
                memcmp(out, rows[i].decoded, out_size) != 0) {
                fail_msg(
                    "steps of %zu: %u, done %d, \"%.*s\": %s", step, status, done, (int)out_size, out, rows[i].text);
            }
        }
    }
}

static void a_body_ends_where_its_head_says(void **state)
{
    struct http_head head = {.framing = HTTP_FRAMING_LENGTH, .length = 3};
    char out[16];
    size_t out_size;
    size_t rest;
    bool done;

    (void)state;
    assert_int_equal(decode(&head, 3, "abcGET /", 8, 8, out, &out_size, &rest, &done), 0);
    assert_true(done);
    assert_int_equal(out_size, 3);
    assert_int_equal(rest, 5);
    head.framing = HTTP_FRAMING_CHUNKED;
    assert_int_equal(decode(&head, 3, "0\r\n\r\nGET", 8, 8, out, &out_size, &rest, &done), 0);
    assert_int_equal(rest, 3);
    head.framing = HTTP_FRAMING_NONE;
    assert_int_equal(decode(&head, 3, "GET", 3, 3, out, &out_size, &rest, &done), 0);
    assert_true(done);
    assert_int_equal(rest, 3);
}

static void a_body_of_exactly_the_bound_passes_and_one_byte_more_does_not(void **state)
{
    struct http_head head = {.framing = HTTP_FRAMING_LENGTH, .length = 4};
    char out[16];
    size_t out_size;
    size_t rest;
    bool done;

    (void)state;
    assert_int_equal(decode(&head, 4, "abcd", 4, 4, out, &out_size, &rest, &done), 0);
    assert_int_equal(decode(&head, 3, "", 0, 1, out, &out_size, &rest, &done), 413);
    head.framing = HTTP_FRAMING_CLOSE;
    assert_int_equal(decode(&head, 4, "abcd", 4, 4, out, &out_size, &rest, &done), 0);
    assert_int_equal(out_size, 4);
    assert_false(done);
    assert_int_equal(decode(&head, 3, "abcd", 4, 4, out, &out_size, &rest, &done), 413);
    assert_int_equal(decode(&head, 3, "abcd", 4, 1, out, &out_size, &rest, &done), 413);
    head.framing = HTTP_FRAMING_CHUNKED;
    assert_int_equal(decode(&head, 4, "2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n", 19, 19, out, &out_size, &rest, &done), 0);
    assert_int_equal(decode(&head, 3, "2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n", 19, 19, out, &out_size, &rest, &done), 413);
}

/* Bytes behind a first part, repeated up to one over a bound. */
static unsigned status_of_long(const char *start, size_t size)
{
    struct http_head head = {.framing = HTTP_FRAMING_CHUNKED};
    size_t start_size = strlen(start);
    char *text = malloc(start_size + size);
    char out[1];
    size_t out_size;
    size_t rest;
    bool done;

    memcpy(text, start, start_size);
    memset(text + start_size, 'x', size);
    unsigned status = decode(&head, 1, text, start_size + size, start_size + size, out, &out_size, &rest, &done);
    free(text);
    return status;
}

static void extensions_and_trailers_are_bounded(void **state)
{
    (void)state;
    assert_int_equal(status_of_long("0;", HTTP_CHUNK_EXTENSIONS_MAX - 1), 0);
    assert_int_equal(status_of_long("0;", HTTP_CHUNK_EXTENSIONS_MAX), 400);
    assert_int_equal(status_of_long("0\r\nX:", HTTP_TRAILERS_MAX - 2), 0);
    assert_int_equal(status_of_long("0\r\nX:", HTTP_TRAILERS_MAX - 1), 431);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunked_bodies_are_taken_or_refused),
        cmocka_unit_test(a_body_ends_where_its_head_says),
        cmocka_unit_test(a_body_of_exactly_the_bound_passes_and_one_byte_more_does_not),
        cmocka_unit_test(extensions_and_trailers_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
