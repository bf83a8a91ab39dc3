/* http_stream: bodies and answers that go through in pieces, larger than any memory, at the pace of the slower side. */
#include "tests/net/http_streams.h"

/* ---- bodies and answers ---- */

static void what_is_not_taken_is_read_whole_as_before(void **state)
{
    struct fixture *f = *state;
    int fd = client(f);

    say(f, fd, "POST /buffered HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
    assert_heard(f, fd, 200, "whole");
    assert_int_equal(f->began, 1);
    assert_int_equal(f->handled, 1);
    say(f, fd, "POST /buffered HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n");
    assert_int_equal(hear(f, fd, false), 0);
    assert_int_equal(f->got.head.status, 413);
    assert_closed(f, fd);
}

static size_t resident(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long pages[2] = {0};

    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lu %lu", &pages[0], &pages[1]), 2);
    fclose(file);
    return pages[1] * (size_t)sysconf(_SC_PAGESIZE);
}

/* Many times the same chunk, sent as far as the socket takes it. */
struct flood {
    char frame[6 + 15000 + 2];
    uint64_t sent;
    uint64_t all;
};

static void flood_send(struct flood *flood, int fd)
{
    size_t at = (size_t)(flood->sent % sizeof flood->frame);

    if (flood->sent == flood->all) {
        return;
    }
    ssize_t size = send(fd, flood->frame + at, sizeof flood->frame - at, MSG_NOSIGNAL);
    assert_true(size > 0 || errno == EAGAIN);
    flood->sent += size > 0 ? (uint64_t)size : 0;
    if (flood->sent == flood->all) {
        assert_int_equal(send(fd, "0\r\n\r\n", 5, MSG_NOSIGNAL), 5);
    }
}

static void flood_check(struct http_reader *reader, uint64_t *received, const char *data, size_t size)
{
    while (size > 0) {
        struct http_text part;
        size_t used;
        assert_int_equal(http_reader_part(reader, data, size, &used, &part, NULL), 0);
        for (size_t i = 0; i < part.size; i++, ++*received) {
            if (part.data[i] != (char)(*received % 15000 % 251)) {
                fail_msg("byte %llu", (unsigned long long)*received);
            }
        }
        data += used;
        size -= used;
    }
}

static void bodies_far_larger_than_memory_go_through_both_ways(void **state)
{
    static struct flood flood = {.all = 4096 * sizeof flood.frame};
    static char came[65536];
    struct fixture *f = *state;
    struct http_reader reader = {.max = UINT64_MAX};
    int64_t end = sockets_now() + 12 * SOCKETS_PATIENCE;
    uint64_t received = 0;
    int fd = client(f);

    (void)snprintf(flood.frame, sizeof flood.frame, "%04x\r\n", 15000);
    for (int i = 0; i < 15000; i++) {
        flood.frame[6 + i] = (char)(i % 251);
    }
    memcpy(flood.frame + 6 + 15000, "\r\n", 2);
    say(f, fd, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    size_t before = resident();
    while (!http_reader_done(&reader)) {
        flood_send(&flood, fd);
        assert_int_equal(loop_turn(f->loop, 0), 0);
        ssize_t size = recv(fd, came, sizeof came, 0);
        assert_true(size > 0 || (size < 0 && errno == EAGAIN));
        flood_check(&reader, &received, came, size > 0 ? (size_t)size : 0);
        assert_true(sockets_now() < end);
    }
    assert_int_equal(received, 4096 * 15000);
    assert_true(resident() < before + 4 * 1024 * 1024);
    assert_false(http_reader_kept(&reader)); /* the answer began before the body was whole */
    http_reader_free(&reader);
    assert_closed(f, fd);
}

static void a_client_that_stops_reading_stops_the_writer(void **state)
{
    struct fixture *f = *state;
    struct http_reader reader = {.max = UINT64_MAX};
    int64_t end = sockets_now() + SOCKETS_PATIENCE;
    char came[4096];
    int fd = client(f);

    say(f, fd, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(start_answer(f, 200, HTTP_FRAMING_CHUNKED, 0), 0);
    size_t all = write_until_full(f);
    ssize_t last = write_answer(f, "last", 4);
    all += last > 0 ? (size_t)last : 0;
    f->writable = last == 4; /* or else it is owed */
    while (!http_reader_done(&reader)) {
        ssize_t size = recv(fd, came, sizeof came, 0);
        assert_true(size > 0 || errno == EAGAIN);
        assert_int_equal(http_reader_take(&reader, came, size > 0 ? (size_t)size : 0, NULL), 0);
        turns(f, 1);
        assert_true(sockets_now() < end);
        if (f->writable && f->exchange != NULL) {
            finish(f);
        }
    }
    assert_int_equal(reader.content.size, all);
    assert_true(http_reader_kept(&reader));
    assert_false(f->cancelled);
    http_reader_free(&reader);
    close(fd);
}

static void a_reader_that_stops_stops_the_client(void **state)
{
    struct fixture *f = *state;
    struct http_text part;
    uint64_t got = 0;
    int fd = client(f);

    say(f, fd, "POST /later HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n");
    size_t all = sockets_fill(f->loop, fd);
    assert_true(all < UNDER_WAY);
    assert_false(f->readable); /* nobody has asked */
    int64_t end = sockets_now() + SOCKETS_PATIENCE;
    while (got < all) {
        ssize_t size = read_body(f, &part);
        assert_true(size > 0 || size == -EAGAIN);
        got += size > 0 ? (uint64_t)size : 0;
        turns(f, size > 0 ? 0 : 1);
        assert_true(sockets_now() < end);
    }
    assert_int_equal(read_body(f, &part), -EAGAIN);
    f->readable = false;
    turns(f, 5);
    assert_false(f->readable);
    say(f, fd, "more");
    sockets_turn_until(f->loop, &f->readable);
    assert_int_equal(read_body(f, &part), 4);
    assert_memory_equal(part.data, "more", 4);
    close(fd);
    turns(f, 5);
    assert_false(f->cancelled); /* nobody has asked for more */
    assert_int_equal(read_body(f, &part), -EAGAIN);
    sockets_turn_until(f->loop, &f->cancelled);
}

static void bytes_may_be_cut_anywhere(void **state)
{
    static const char *const texts[] = {
        "POST /later HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nab\r\n1\r\nc\r\n0\r\nX: "
        "y\r\n\r\n",
        "POST /later HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
    };
    struct fixture *f = *state;
    char body[16];
    int fd = client(f);

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        for (size_t cut = 1; cut < strlen(texts[i]); cut++) {
            char first[256];
            (void)snprintf(first, sizeof first, "%.*s", (int)cut, texts[i]);
            assert_int_equal(send(fd, first, cut, MSG_NOSIGNAL), cut);
            assert_int_equal(loop_turn(f->loop, 50), 0);
            assert_int_equal(loop_turn(f->loop, 0), 0);
            say(f, fd, texts[i] + cut);
            assert_non_null(f->exchange);
            take_body(f, body, sizeof body);
            assert_string_equal(body, "abc");
            assert_int_equal(start_answer(f, 200, i == 0 ? HTTP_FRAMING_CHUNKED : HTTP_FRAMING_LENGTH, cut), 0);
            for (size_t written = 0; written < cut; written++) {
                assert_int_equal(write_answer(f, texts[i] + written, 1), 1);
                assert_int_equal(loop_turn(f->loop, 0), 0);
            }
            finish(f);
            assert_heard(f, fd, 200, first);
        }
    }
    close(fd);
}

static void what_is_written_goes_out_without_more(void **state)
{
    struct fixture *f = *state;
    char came[512] = "";
    int fd = client(f);

    say(f, fd, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(start_answer(f, 200, HTTP_FRAMING_CHUNKED, 0), 0);
    assert_int_equal(write_answer(f, "event", 5), 5);
    turns(f, 2);
    assert_true(recv(fd, came, sizeof came - 1, 0) > 0);
    assert_string_equal(came, "HTTP/1.1 200 OK\r\nX-Kind: test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nevent\r\n");
    finish(f);
    close(fd);
}

static void continue_is_said_when_the_body_is_awaited(void **state)
{
    struct fixture *f = *state;
    struct http_text part;
    char came[64] = "";
    int fd = client(f);

    say(f, fd, "POST /later HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    assert_int_equal(recv(fd, came, sizeof came, 0), -1);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(read_body(f, &part), -EAGAIN);
    }
    turns(f, 2);
    assert_int_equal(recv(fd, came, sizeof came, 0), 25);
    assert_string_equal(came, "HTTP/1.1 100 Continue\r\n\r\n");
    say(f, fd, "abc");
    assert_true(f->readable);
    assert_int_equal(read_body(f, &part), 3);
    assert_int_equal(read_body(f, &part), 0);
    http_exchange_error(f->exchange, 422, NULL, "no");
    assert_int_equal(hear(f, fd, false), 0);
    assert_true(http_reader_kept(&f->got));
    say(f, fd, "POST /later HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    http_exchange_error(f->exchange, 429, NULL, "no");
    assert_int_equal(hear(f, fd, false), 0); /* no 100 before it */
    assert_int_equal(f->got.interim, 0);
    assert_int_equal(f->got.head.status, 429);
    assert_false(http_reader_kept(&f->got));
    assert_closed(f, fd);
}

static void an_answer_may_come_before_the_body_is_whole(void **state)
{
    static char rest[500000];
    struct fixture *f = *state;
    struct http_text part;
    int fd = client(f);

    say(f, fd, "POST /later HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\nabc");
    assert_int_equal(read_body(f, &part), 3);
    assert_int_equal(start_answer(f, 200, HTTP_FRAMING_LENGTH, 5), 0);
    assert_int_equal(write_answer(f, "early", 5), 5);
    say(f, fd, "def");
    assert_int_equal(read_body(f, &part), 3); /* the body can still be read */
    finish(f);
    memset(rest, 'x', sizeof rest - 1);
    say(f, fd, rest); /* and is passed over afterwards */
    assert_heard(f, fd, 200, "early");
    assert_false(http_reader_kept(&f->got));
    close(fd);
}

static void an_answer_at_once_keeps_the_connection_where_the_body_is_there(void **state)
{
    struct fixture *f = *state;
    int fd = client(f);

    say(f, fd, "POST /no HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
    assert_heard(f, fd, 404, "{\"error\":\"not here\"}\n");
    assert_true(http_reader_kept(&f->got));
    say(f, fd, "POST /no HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    assert_heard(f, fd, 404, "{\"error\":\"not here\"}\n");
    assert_true(http_reader_kept(&f->got));
    say(f, fd, "POST /no HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabc");
    assert_heard(f, fd, 404, "{\"error\":\"not here\"}\n");
    assert_closed(f, fd);
    assert_int_equal(f->began, 3);
}

static void a_body_that_is_dropped_does_not_end_the_connection_where_it_is_there(void **state)
{
    struct fixture *f = *state;
    int fd = client(f);

    f->max = 1; /* no bound for what is not kept */
    for (int whole = 1; whole >= 0; whole--) {
        say(f, fd,
            whole ? "POST /later HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
                  : "POST /later HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r");
        http_exchange_drop_body(f->exchange);
        assert_int_equal(start_answer(f, 429, HTTP_FRAMING_NONE, 0), 0);
        finish(f);
        assert_heard(f, fd, 429, "");
        assert_int_equal(http_reader_kept(&f->got), whole);
    }
    assert_closed(f, fd);
}

static void requests_behind_a_stream_wait_for_it(void **state)
{
    struct fixture *f = *state;
    char body[16];
    int fd = client(f);

    say(f, fd,
        "POST /later HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcPOST /later HTTP/1.1\r\nHost: a\r\n"
        "Transfer-Encoding: chunked\r\n\r\n2\r\nde\r\n0\r\n\r\nGET /buffered HTTP/1.1\r\nHost: a\r\n\r\n");
    for (int i = 0; i < 2; i++) {
        turns(f, 3);
        assert_int_equal(f->began, i + 1);
        take_body(f, body, sizeof body);
        assert_string_equal(body, i == 0 ? "abc" : "de");
        turns(f, 3);
        assert_int_equal(start_answer(f, 200, HTTP_FRAMING_CHUNKED, 0), 0);
        assert_int_equal(write_answer(f, body, strlen(body)), strlen(body));
        finish(f);
        assert_heard(f, fd, 200, body);
    }
    assert_heard(f, fd, 200, "whole");
    close(fd);
}

/* ---- framing ---- */

static void each_answer_is_framed_as_its_request_and_status_want(void **state)
{
    static const struct {
        const char *request;
        unsigned status;
        enum http_framing framing;
        const char *fields; /* behind X-Kind */
        const char *body;   /* as it comes, of "abc" */
        bool closed;
    } rows[] = {
        {"GET /later HTTP/1.1\r\nHost: a\r\n\r\n", 200, HTTP_FRAMING_LENGTH, "Content-Length: 3\r\n", "abc", false},
        {"GET /later HTTP/1.1\r\nHost: a\r\n\r\n", 200, HTTP_FRAMING_CHUNKED, "Transfer-Encoding: chunked\r\n",
            "3\r\nabc\r\n0\r\n\r\n", false},
        {"GET /later HTTP/1.1\r\nHost: a\r\n\r\n", 200, HTTP_FRAMING_CLOSE, "Transfer-Encoding: chunked\r\n",
            "3\r\nabc\r\n0\r\n\r\n", false},
        {"GET /later HTTP/1.1\r\nHost: a\r\n\r\n", 200, HTTP_FRAMING_NONE, "Content-Length: 0\r\n", "", false},
        {"GET /later HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 200, HTTP_FRAMING_LENGTH,
            "Content-Length: 3\r\nConnection: close\r\n", "abc", true},
        {"GET /later HTTP/1.0\r\n\r\n", 200, HTTP_FRAMING_CHUNKED, "Connection: close\r\n", "abc", true},
        {"GET /later HTTP/1.0\r\n\r\n", 200, HTTP_FRAMING_LENGTH, "Content-Length: 3\r\nConnection: close\r\n", "abc",
            true},
        {"HEAD /later HTTP/1.1\r\nHost: a\r\n\r\n", 200, HTTP_FRAMING_LENGTH, "Content-Length: 3\r\n", "", false},
        {"HEAD /later HTTP/1.1\r\nHost: a\r\n\r\n", 200, HTTP_FRAMING_CHUNKED, "Transfer-Encoding: chunked\r\n", "",
            false},
        {"HEAD /later HTTP/1.1\r\nHost: a\r\n\r\n", 200, HTTP_FRAMING_NONE, "", "", false},
        {"HEAD /later HTTP/1.0\r\n\r\n", 200, HTTP_FRAMING_CLOSE, "Connection: close\r\n", "", true},
        {"GET /later HTTP/1.1\r\nHost: a\r\n\r\n", 204, HTTP_FRAMING_LENGTH, "", "", false},
        {"GET /later HTTP/1.1\r\nHost: a\r\n\r\n", 204, HTTP_FRAMING_CHUNKED, "", "", false},
        {"GET /later HTTP/1.1\r\nHost: a\r\n\r\n", 304, HTTP_FRAMING_LENGTH, "Content-Length: 3\r\n", "", false},
        {"GET /later HTTP/1.1\r\nHost: a\r\n\r\n", 304, HTTP_FRAMING_CHUNKED, "", "", false},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char expected[256];
        char came[256] = "";
        int fd = client(f);
        say(f, fd, rows[i].request);
        assert_int_equal(start_answer(f, rows[i].status, rows[i].framing, 3), 0);
        if (rows[i].framing != HTTP_FRAMING_NONE) {
            assert_int_equal(write_answer(f, "abc", 3), 3);
        }
        finish(f);
        int size = snprintf(expected, sizeof expected, "HTTP/1.1 %u %s\r\nX-Kind: test\r\n%s\r\n%s", rows[i].status,
            http_status_phrase(rows[i].status), rows[i].fields, rows[i].body);
        sockets_read(f->loop, fd, came, (size_t)size);
        assert_string_equal(came, expected);
        if (rows[i].closed) {
            assert_int_equal(sockets_read_end(f->loop, fd), 0);
        } else {
            say(f, fd, "GET /buffered HTTP/1.1\r\nHost: a\r\n\r\n");
            assert_heard(f, fd, 200, "whole"); /* and no byte before it */
        }
        close(fd);
    }
}

static void heads_that_would_be_read_otherwise_are_not_started(void **state)
{
    static const struct http_field rows[] = {
        {{"X Y", 3}, {"a", 1}},
        {{"", 0}, {"a", 1}},
        {{"X", 1}, {"a\r\nY: b", 7}},
        {{"X", 1}, {"a\0", 2}},
        {{"content-length", 14}, {"3", 1}},
        {{"Transfer-Encoding", 17}, {"chunked", 7}},
        {{"connection", 10}, {"close", 5}},
    };
    struct fixture *f = *state;
    struct http_field large = {{"X", 1}, {NULL, HTTP_SERVER_ANSWER_HEAD_MAX}};
    int fd = client(f);

    say(f, fd, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(http_exchange_start(f->exchange, 200, &rows[i], 1, HTTP_FRAMING_NONE, 0), -EINVAL);
    }
    assert_int_equal(start_answer(f, 199, HTTP_FRAMING_NONE, 0), -EINVAL);
    assert_int_equal(start_answer(f, 600, HTTP_FRAMING_NONE, 0), -EINVAL);
    char *value = malloc(large.value.size);
    memset(value, 'x', large.value.size);
    large.value.data = value;
    assert_int_equal(http_exchange_start(f->exchange, 200, &large, 1, HTTP_FRAMING_NONE, 0), -EMSGSIZE);
    large.value.size -= 128;
    assert_int_equal(http_exchange_start(f->exchange, 200, &large, 1, HTTP_FRAMING_LENGTH, 20000), 0);
    for (size_t taken = 0; taken < 20000; turns(f, 1)) {
        ssize_t size = write_answer(f, value, 10000 < 20000 - taken ? 10000 : 20000 - taken);
        taken += size > 0 ? (size_t)size : 0;
    }
    finish(f);
    char *came = malloc(large.value.size + 20000);
    sockets_read(f->loop, fd, came, large.value.size + 20000);
    free(came);
    free(value);
    close(fd);
}

static void an_answer_keeps_to_its_length(void **state)
{
    struct fixture *f = *state;
    int fd = client(f);

    say(f, fd, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(start_answer(f, 200, HTTP_FRAMING_LENGTH, 3), 0);
    assert_int_equal(write_answer(f, "abcd", 4), -EMSGSIZE);
    assert_int_equal(write_answer(f, "ab", 2), 2);
    assert_int_equal(write_answer(f, "cd", 2), -EMSGSIZE);
    finish(f); /* one byte short: it must not look whole */
    assert_int_equal(hear(f, fd, false), 1);
    assert_int_equal(f->got.content.size, 2);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_not_taken_is_read_whole_as_before, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bodies_far_larger_than_memory_go_through_both_ways, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_client_that_stops_reading_stops_the_writer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_reader_that_stops_stops_the_client, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bytes_may_be_cut_anywhere, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_written_goes_out_without_more, set_up, tear_down),
        cmocka_unit_test_setup_teardown(continue_is_said_when_the_body_is_awaited, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_answer_may_come_before_the_body_is_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            an_answer_at_once_keeps_the_connection_where_the_body_is_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_body_that_is_dropped_does_not_end_the_connection_where_it_is_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(requests_behind_a_stream_wait_for_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_answer_is_framed_as_its_request_and_status_want, set_up, tear_down),
        cmocka_unit_test_setup_teardown(heads_that_would_be_read_otherwise_are_not_started, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_answer_keeps_to_its_length, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
