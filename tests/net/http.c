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
        {400, "GET / HTTP/1.10\r\nHost: a\r\n\r\n"},
        {400, "GET / HTTP/01.1\r\nHost: a\r\n\r\n"},
        {400, "GET / HTTP/1.1\x0b\r\nHost: a\r\n\r\n"},
        {400, "GET\x0b/ HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "GET /\tHTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "GET / x HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "GET / HTTP/1.1 HTTP/1.1\r\nHost: a\r\n\r\n"},
        {505, "PRI * HTTP/2.0\r\n\r\n"},
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
        {400, "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "GET http://a:80/ HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "GET http://a HTTP/1.1\r\nHost: b\r\n\r\n"},
        /* lines */
        {400, "GET / HTTP/1.1\nHost: a\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\n\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\nX: y\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\n\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\n\r\r\n"},
        /* fields */
        {400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n: a\r\nHost: a\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n Host: a\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\n\tX: y\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\n \r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\nX\t: y\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\nX\x0b: y\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\nX Y: z\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\n\"X\": z\r\n\r\n"},
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
        {400, "GET / HTTP/1.1\r\nHost: []\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a:80:80\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a%20b\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\\b\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a?b\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost : a\r\nHost: a\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\nHost:\r\n\r\n"},
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
        {0, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551615\r\n\r\n"},
        {0, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551616\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 00\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5 5\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5,\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5;x\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5.0\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5e0\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \"5\"\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \x0b"
              "5\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \xd9\xa5\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nX: y\r\ncontent-length: 5\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n Content-Length: 6\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n 5\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x\r\nContent-Length: 5\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\nContent-Length: 5\r\n\r\n"},
        {400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding\t: chunked\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0b"
              "chunked\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\x0c\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x\r\ntransfer-encoding: chunked\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nX: y\rTransfer-Encoding: chunked\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nX: y\nTransfer-Encoding: chunked\r\n\r\n"},
        {501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n"},
        {501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity, chunked\r\n\r\n"},
        {501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: ,chunked\r\n\r\n"},
        {501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked,\r\n\r\n"},
        {501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n"},
        {501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunke\xc3\xa4\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"},
        {501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n"},
        {501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n"},
        {501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n"},
        {501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n"},
        {501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked;x=y\r\n\r\n"},
        {417, "POST / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n"},
        {417, "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue, 100-continue\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nExpect: x\r\n\r\n"},
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
        {0, HTTP_FRAMING_NONE, "HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n"},
        {400, 0, "HTTP/1.1 103 Early Hints\r\nContent-Length: 3\r\n\r\n"},
        {400, 0, "HTTP/1.1 100 Continue\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {0, HTTP_FRAMING_NONE, "HTTP/1.1 204 No Content\r\n\r\n"},
        {0, HTTP_FRAMING_NONE, "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n"},
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

/* What may stand behind a body that must not be there is no next response. */
static void a_204_that_announces_a_body_ends_its_connection(void **state)
{
    static const struct {
        const char *text;
        bool kept;
    } rows[] = {
        {"HTTP/1.1 204 No Content\r\n\r\n", true},
        {"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", true},
        {"HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n", false},
        {"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", false},
        {"HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", true},
        {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", true},
        {"HTTP/1.1 200 OK\r\n\r\n", false},
        {"HTTP/1.0 200 OK\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\n", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct http_head head;
        assert_int_equal(http_response_parse(&head, rows[i].text, strlen(rows[i].text), false, NULL), 0);
        assert_int_equal(head.keep_alive, rows[i].kept);
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
        cmocka_unit_test(a_204_that_announces_a_body_ends_its_connection),
        cmocka_unit_test(a_response_to_head_has_no_body),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
