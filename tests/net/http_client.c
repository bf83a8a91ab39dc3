/* http_client: requests as they are written, responses as they are read, in pieces and cut short. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/http_client.h"

static void a_request_is_written(void **state)
{
    static const char expected[] = "POST /p/api HTTP/1.1\r\nHost: a:8080\r\nAccept: application/json\r\n"
                                   "Connection: close\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n";
    struct http_buffer out = {0};
    struct http_head head;

    (void)state;
    assert_int_equal(http_request_write(&out, "POST", "a:8080", "/p/api", "application/json", 12), 0);
    assert_int_equal(out.size, sizeof expected - 1);
    assert_memory_equal(out.data, expected, out.size);
    assert_int_equal(http_request_parse(&head, out.data, out.size, NULL), 0);
    out.size = 0;
    assert_int_equal(http_request_write(&out, "GET", "a", "/", NULL, 0), 0);
    assert_int_equal(http_request_parse(&head, out.data, out.size, NULL), 0);
    assert_int_equal(head.framing, HTTP_FRAMING_NONE);
    http_buffer_free(&out);
}

static void a_request_with_fields_is_written_or_refused(void **state)
{
    static const struct {
        const char *method;
        const char *authority;
        const char *target;
        struct http_field field;
        int error;
    } rows[] = {
        {"PUT", "a:1", "/x?y", {{"X-A", 3}, {"b c", 3}}, 0},
        {"P T", "a:1", "/x", {{"X-A", 3}, {"b", 1}}, -EINVAL},
        {"", "a:1", "/x", {{"X-A", 3}, {"b", 1}}, -EINVAL},
        {"PUT", "a\r\nX: y", "/x", {{"X-A", 3}, {"b", 1}}, -EINVAL},
        {"PUT", "a:1", "/x HTTP/1.1", {{"X-A", 3}, {"b", 1}}, -EINVAL},
        {"PUT", "a:1", "/x", {{"X A", 3}, {"b", 1}}, -EINVAL},
        {"PUT", "a:1", "/x", {{"X-A", 3}, {"b\nc", 3}}, -EINVAL},
        {"PUT", "a:1", "/x", {{"hOST", 4}, {"b", 1}}, -EINVAL},
        {"PUT", "a:1", "/x", {{"content-length", 14}, {"3", 1}}, -EINVAL},
        {"PUT", "a:1", "/x", {{"transfer-encoding", 17}, {"chunked", 7}}, -EINVAL},
    };
    static const char expected[] = "PUT /x?y HTTP/1.1\r\nHost: a:1\r\nX-A: b c\r\nContent-Length: 7\r\n\r\n";

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct http_buffer out = {0};
        struct http_text method = {rows[i].method, strlen(rows[i].method)};
        struct http_text target = {rows[i].target, strlen(rows[i].target)};
        assert_int_equal(
            http_request_start(&out, method, rows[i].authority, target, &rows[i].field, 1, HTTP_FRAMING_LENGTH, 7),
            rows[i].error);
        if (rows[i].error == 0) {
            assert_int_equal(out.size, sizeof expected - 1);
            assert_memory_equal(out.data, expected, out.size);
        }
        http_buffer_free(&out);
    }
}

/* Two responses on one connection: the second begins where the first has ended. */
static void responses_are_given_in_parts_and_say_where_they_end(void **state)
{
    static const char text[] = "HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                               "3;x\r\nabc\r\n2\r\nde\r\n0\r\nT: u\r\n\r\n"
                               "HTTP/1.1 404 N\r\nContent-Length: 2\r\nConnection: close\r\n\r\nfg";
    static const char *const bodies[] = {"abcde", "fg"};

    (void)state;
    for (size_t step = 1; step <= sizeof text; step++) {
        size_t at = 0;
        for (size_t i = 0; i < 2; i++) {
            struct http_reader reader = {.max = 5};
            char body[8] = "";
            bool headed = false;
            while (!http_reader_done(&reader)) {
                size_t left = sizeof text - 1 - at;
                struct http_text part;
                size_t used;
                assert_true(left > 0);
                assert_int_equal(
                    http_reader_part(&reader, text + at, left < step ? left : step, &used, &part, NULL), 0);
                assert_true(used > 0);
                assert_true(part.size == 0 || (headed && strlen(body) + part.size < sizeof body));
                strncat(body, part.data, part.size);
                headed = reader.in_body;
                at += used;
            }
            assert_string_equal(body, bodies[i]);
            assert_int_equal(reader.head.status, i == 0 ? 200 : 404);
            assert_int_equal(http_reader_kept(&reader), i == 0);
            assert_int_equal(reader.content.size, 0);
            http_reader_free(&reader);
        }
        assert_int_equal(at, sizeof text - 1);
    }
}

static void a_body_over_the_readers_bound_is_no_response(void **state)
{
    static const char *const rows[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabcdef",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\nabcdef",
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (uint64_t max = 5; max <= 6; max++) {
            struct http_reader reader = {.max = max};
            size_t at = 0;
            int error = 0;
            while (error == 0 && at < strlen(rows[i]) && !http_reader_done(&reader)) {
                struct http_text part;
                size_t used;
                error = http_reader_part(&reader, rows[i] + at, strlen(rows[i]) - at, &used, &part, NULL);
                at += used;
            }
            assert_int_equal(error, max == 5 ? -EBADMSG : 0);
            assert_true(max == 5 || http_reader_end(&reader));
            http_reader_free(&reader);
        }
    }
}

static int take_in_steps(struct http_reader *reader, const char *text, size_t size, size_t step)
{
    int error = 0;

    for (size_t at = 0; at < size && error == 0; at += step) {
        size_t given = size - at < step ? size - at : step;
        char *copy = malloc(given);
        memcpy(copy, text + at, given);
        error = http_reader_take(reader, copy, given, NULL);
        free(copy);
    }
    return error;
}

static void responses_are_read_whole_or_known_to_be_cut(void **state)
{
    static const struct {
        const char *text;
        unsigned status;
        const char *content;
        bool done;
        bool whole_at_end;
    } rows[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", 200, "abc", true, true},
        {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef", 200, "abc", true, true},
        {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", 200, "ab", false, false},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 200, "abc", true, true},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", 200, "abc", false, false},
        {"HTTP/1.1 200 OK\r\n\r\nabc", 200, "abc", false, true},
        {"HTTP/1.1 204 No Content\r\n\r\n", 204, "", true, true},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nX: y\r\n\r\nHTTP/1.1 404 N\r\nContent-Length: 0\r\n\r\n",
            404, "", true, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t step = 1; step <= 256; step *= 4) {
            struct http_reader reader = {0};
            assert_int_equal(take_in_steps(&reader, rows[i].text, strlen(rows[i].text), step), 0);
            assert_true(reader.in_body);
            assert_int_equal(reader.head.status, rows[i].status);
            assert_int_equal(reader.content.size, strlen(rows[i].content));
            assert_true(
                reader.content.size == 0 || memcmp(reader.content.data, rows[i].content, reader.content.size) == 0);
            assert_int_equal(http_reader_done(&reader), rows[i].done);
            assert_int_equal(http_reader_end(&reader), rows[i].whole_at_end);
            http_reader_free(&reader);
        }
    }
}

static void a_head_cut_short_is_no_response(void **state)
{
    struct http_reader reader = {0};

    (void)state;
    assert_int_equal(http_reader_take(&reader, "HTTP/1.1 200 OK\r\n", 17, NULL), 0);
    assert_false(http_reader_done(&reader));
    assert_false(http_reader_end(&reader));
    http_reader_free(&reader);
}

#define INTERIM "HTTP/1.1 100 C\r\n\r\n"

static void what_is_no_response_is_refused(void **state)
{
    static const char *const rows[] = {
        "SSH-2.0-OpenSSH_9.2\r\n\r\n",
        "HTTP/1.1 200 OK\n\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz",
        INTERIM INTERIM INTERIM INTERIM INTERIM INTERIM INTERIM INTERIM INTERIM,
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct http_reader reader = {0};
        assert_int_equal(take_in_steps(&reader, rows[i], strlen(rows[i]), 5), -EBADMSG);
        http_reader_free(&reader);
    }
}

static void heads_and_bodies_are_bounded(void **state)
{
    char *text = malloc(HTTP_HEAD_MAX + 1);
    struct http_budget budget = {.max = 2048};
    struct http_reader reader = {.content.budget = &budget};

    (void)state;
    assert_int_equal(http_reader_take(&reader, "HTTP/1.1 200 OK\r\n\r\n", 19, NULL), 0);
    memset(text, 'x', HTTP_HEAD_MAX + 1);
    assert_int_equal(http_reader_take(&reader, text, 2048, NULL), 0);
    assert_int_equal(http_reader_take(&reader, text, 1, NULL), -ENOBUFS);
    http_reader_free(&reader);
    assert_int_equal(budget.used, 0);

    reader = (struct http_reader){0};
    memcpy(text, "HTTP/1.1 200 OK\r\nX: ", 20);
    assert_int_equal(http_reader_take(&reader, text, HTTP_HEAD_MAX - 1, NULL), 0);
    assert_int_equal(http_reader_take(&reader, "x", 1, NULL), -EBADMSG);
    http_reader_free(&reader);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_written),
        cmocka_unit_test(a_request_with_fields_is_written_or_refused),
        cmocka_unit_test(responses_are_given_in_parts_and_say_where_they_end),
        cmocka_unit_test(a_body_over_the_readers_bound_is_no_response),
        cmocka_unit_test(responses_are_read_whole_or_known_to_be_cut),
        cmocka_unit_test(a_head_cut_short_is_no_response),
        cmocka_unit_test(what_is_no_response_is_refused),
        cmocka_unit_test(heads_and_bodies_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
