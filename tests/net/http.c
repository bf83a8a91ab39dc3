/* http: what is read as a message, and every malformed one with the status that answers it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/http.h"

/* A whole text as the parsers see it, in memory of its exact size so that a read beyond it is found. */
static unsigned parse(struct http_head *head, const char *text, size_t size, bool response, char **copy)
{
    size_t scanned = 0;
    size_t head_size = 0;
    unsigned status = 0;

    *copy = malloc(size > 0 ? size : 1);
    memcpy(*copy, text, size);
    for (size_t arrived = 1; arrived <= size && status == 0 && head_size == 0; arrived++) {
        status = http_head_find(*copy, arrived, &scanned, &head_size, NULL);
    }
    if (status != 0 || head_size == 0) {
        return status;
    }
    assert_int_equal(head_size, size);
    return response ? http_response_parse(head, *copy, head_size, false, NULL)
                    : http_request_parse(head, *copy, head_size, NULL);
}

static unsigned request_status(const char *text, size_t size)
{
    struct http_head head;
    char *copy;
    unsigned status = parse(&head, text, size, false, &copy);

    free(copy);
    return status;
}

static void a_request_is_read(void **state)
{
    static const char text[] = "POST /process_data?x=1 HTTP/1.1\r\nHost: localhost:3000\r\nContent-Length:\t 12 \r\n"
                               "eXpect: 100-Continue\r\nX-Empty:\r\n\r\n";
    struct http_head head;
    char *copy;

    (void)state;
    assert_int_equal(parse(&head, text, sizeof text - 1, false, &copy), 0);
    assert_true(http_text_is(head.method, "POST"));
    assert_true(http_text_is(head.target, "/process_data?x=1"));
    assert_true(http_text_is(http_head_path(&head), "/process_data"));
    assert_true(http_text_is(head.host, "localhost:3000"));
    assert_int_equal(head.framing, HTTP_FRAMING_LENGTH);
    assert_int_equal(head.length, 12);
    assert_int_equal(head.minor, 1);
    assert_int_equal(head.field_count, 4);
    assert_true(head.expect_continue);
    assert_true(head.keep_alive);
    assert_true(http_text_is(*http_head_field(&head, "x-EMPTY"), ""));
    assert_null(http_head_field(&head, "x-other"));
    free(copy);
}

static void requests_are_taken_or_refused(void **state)
{
    static const struct {
        unsigned status;
        const char *text;
    } rows[] = {
        {0, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
        {0, "GET / HTTP/1.0\r\n\r\n"},
        {0, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"},
        {0, "GET http://a:3000/x HTTP/1.1\r\nHost: A:3000\r\n\r\n"},
        {0, "GET / HTTP/1.1\r\nHost: [::1]:3000\r\n\r\n"},
        {0, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"},
        /* the first line */
        {400, "\r\n\r\n"},
        {400, "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "GET /\r\n\r\n"},
        {400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "GET /  HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"},
        {400, " GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "G(T / HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "GET / http/1.1\r\nHost: a\r\n\r\n"},
        {400, "GET / HTTP/11\r\nHost: a\r\n\r\n"},
        {505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"},
        {505, "GET / HTTP/1.2\r\nHost: a\r\n\r\n"},
        {501, "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n"},
        {501, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA / HTTP/1.1\r\nHost: a\r\n\r\n"},
        /* the target */
        {400, "GET index.html HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "GET * HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "GET /#x HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "GET http://a?x HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "GET http://a/ HTTP/1.0\r\n\r\n"},
        /* lines */
        {400, "GET / HTTP/1.1\nHost: a\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\n\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n"},
        /* fields */
        {400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n: a\r\nHost: a\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n Host: a\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\nX: \x0b\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\nX\xc3: a\r\n\r\n"},
        /* Host */
        {400, "GET / HTTP/1.1\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n"},
        {400, "GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost:\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a:\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a:123456\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a:8x\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"},
        /* the length */
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 05\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551616\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"},
        {501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n"},
        {501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n"},
        {501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n"},
        {501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n"},
        {501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked;x=y\r\n\r\n"},
        {417, "POST / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unsigned status = request_status(rows[i].text, strlen(rows[i].text));
        if (status != rows[i].status) {
            fail_msg("%u instead of %u: %s", status, rows[i].status, rows[i].text);
        }
    }
}

static void a_nul_is_refused_wherever_it_stands(void **state)
{
    static const char text[] = "GET /x HTTP/1.1\r\nHost: a\r\nX: yz\r\n\r\n";
    char bad[sizeof text];

    (void)state;
    for (size_t i = 0; i < sizeof text - 1; i++) {
        memcpy(bad, text, sizeof text);
        bad[i] = '\0';
        assert_int_equal(request_status(bad, sizeof text - 1), 400);
    }
}

static void a_head_that_is_not_whole_is_waited_for(void **state)
{
    static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    size_t scanned = 0;
    size_t head_size;

    (void)state;
    for (size_t size = 0; size < sizeof text - 1; size++) {
        assert_int_equal(http_head_find(text, size, &scanned, &head_size, NULL), 0);
        assert_int_equal(head_size, 0);
    }
}

static void what_follows_a_head_is_left_alone(void **state)
{
    static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /\n";
    size_t scanned = 0;
    size_t head_size;

    (void)state;
    assert_int_equal(http_head_find(text, sizeof text - 1, &scanned, &head_size, NULL), 0);
    assert_int_equal(head_size, 27);
}

static void a_head_of_exactly_the_bound_passes_and_one_byte_more_does_not(void **state)
{
    static const char start[] = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
    char *text = malloc(HTTP_HEAD_MAX + 1);

    (void)state;
    for (size_t size = HTTP_HEAD_MAX; size <= HTTP_HEAD_MAX + 1; size++) {
        memset(text, 'x', size);
        memcpy(text, start, sizeof start - 1);
        memcpy(text + size - 4, "\r\n\r\n", 4);
        assert_int_equal(request_status(text, size), size == HTTP_HEAD_MAX ? 0 : 431);
    }
    free(text);
}

static void a_hundred_fields_pass_and_one_more_does_not(void **state)
{
    char text[2048];

    (void)state;
    for (int count = HTTP_FIELDS_MAX; count <= HTTP_FIELDS_MAX + 1; count++) {
        int used = snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: a\r\n");
        for (int i = 1; i < count; i++) {
            used += snprintf(text + used, sizeof text - (size_t)used, "X-%d: y\r\n", i);
        }
        used += snprintf(text + used, sizeof text - (size_t)used, "\r\n");
        assert_int_equal(request_status(text, (size_t)used), count == HTTP_FIELDS_MAX ? 0 : 431);
    }
}

static void a_connection_is_kept_only_by_http_1_1_without_close(void **state)
{
    static const struct {
        bool kept;
        const char *text;
    } rows[] = {
        {true, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
        {true, "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, closed\r\n\r\n"},
        {false, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Close\r\n\r\n"},
        {false, "GET / HTTP/1.1\r\nHost: a\r\nConnection: x,\tclose ,y\r\n\r\n"},
        {false, "GET / HTTP/1.1\r\nHost: a\r\nConnection: x\r\nConnection: close\r\n\r\n"},
        {false, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct http_head head;
        char *copy;
        assert_int_equal(parse(&head, rows[i].text, strlen(rows[i].text), false, &copy), 0);
        assert_int_equal(head.keep_alive, rows[i].kept);
        free(copy);
    }
}

static void responses_are_taken_or_refused(void **state)
{
    static const struct {
        unsigned status;
        enum http_framing framing;
        const char *text;
    } rows[] = {
        {0, HTTP_FRAMING_LENGTH, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"},
        {0, HTTP_FRAMING_CHUNKED, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {0, HTTP_FRAMING_CLOSE, "HTTP/1.0 200 OK\r\n\r\n"},
        {0, HTTP_FRAMING_CLOSE, "HTTP/1.1 599 \r\n\r\n"},
        {0, HTTP_FRAMING_NONE, "HTTP/1.1 100 Continue\r\n\r\n"},
        {0, HTTP_FRAMING_NONE, "HTTP/1.1 204 No Content\r\n\r\n"},
        {0, HTTP_FRAMING_NONE, "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"},
        {400, 0, "HTTP/1.1 200\r\n\r\n"},
        {400, 0, "HTTP/1.1 2000 OK\r\n\r\n"},
        {400, 0, "HTTP/1.1 20 OK\r\n\r\n"},
        {400, 0, "HTTP/1.1 700 OK\r\n\r\n"},
        {400, 0, "HTTP/1.1 2x0 OK\r\n\r\n"},
        {400, 0, "HTTP/1.1  200 OK\r\n\r\n"},
        {400, 0, "HTTP/1.1 200 O\x01K\r\n\r\n"},
        {400, 0, "ICY 200 OK\r\n\r\n"},
        {505, 0, "HTTP/2.0 200 OK\r\n\r\n"},
        {400, 0, "HTTP/1.1 200 OK\r\nX : y\r\n\r\n"},
        {400, 0, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n"},
        {400, 0, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {400, 0, "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {400, 0, "HTTP/1.1 200 OK\nContent-Length: 3\n\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct http_head head;
        char *copy;
        unsigned status = parse(&head, rows[i].text, strlen(rows[i].text), true, &copy);
        free(copy);
        if (status != rows[i].status || (status == 0 && head.framing != rows[i].framing)) {
            fail_msg("%u instead of %u: %s", status, rows[i].status, rows[i].text);
        }
    }
}

static void a_response_to_head_has_no_body(void **state)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n";
    struct http_head head;

    (void)state;
    assert_int_equal(http_response_parse(&head, text, sizeof text - 1, true, NULL), 0);
    assert_int_equal(head.framing, HTTP_FRAMING_NONE);
}

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
        cmocka_unit_test(a_request_is_read),
        cmocka_unit_test(requests_are_taken_or_refused),
        cmocka_unit_test(a_nul_is_refused_wherever_it_stands),
        cmocka_unit_test(a_head_that_is_not_whole_is_waited_for),
        cmocka_unit_test(what_follows_a_head_is_left_alone),
        cmocka_unit_test(a_head_of_exactly_the_bound_passes_and_one_byte_more_does_not),
        cmocka_unit_test(a_hundred_fields_pass_and_one_more_does_not),
        cmocka_unit_test(a_connection_is_kept_only_by_http_1_1_without_close),
        cmocka_unit_test(responses_are_taken_or_refused),
        cmocka_unit_test(a_response_to_head_has_no_body),
        cmocka_unit_test(chunked_bodies_are_taken_or_refused),
        cmocka_unit_test(a_body_ends_where_its_head_says),
        cmocka_unit_test(a_body_of_exactly_the_bound_passes_and_one_byte_more_does_not),
        cmocka_unit_test(extensions_and_trailers_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
