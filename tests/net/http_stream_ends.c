/* http_stream_ends: how streamed exchanges end: cut, broken, too large, too slow, and when a client goes. */
#include "tests/net/http_streams.h"

static void what_is_aborted_is_seen_to_be_cut(void **state)
{
    static const struct {
        const char *request;
        enum http_framing framing;
        int end; /* of hear() */
    } rows[] = {
        {"GET /later HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_FRAMING_LENGTH, 1},
        {"GET /later HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_FRAMING_CHUNKED, 1},
        {"GET /later HTTP/1.0\r\n\r\n", HTTP_FRAMING_CHUNKED, -ECONNRESET},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (int before = 0; before < 2; before++) {
            int fd = client(f);
            say(f, fd, rows[i].request);
            assert_int_equal(start_answer(f, 200, rows[i].framing, 100), 0);
            assert_int_equal(write_answer(f, "abc", 3), 3);
            turns(f, before * 3);
            http_exchange_abort(f->exchange);
            assert_int_equal(hear(f, fd, false), rows[i].end);
            close(fd);
        }
    }
    int fd = client(f);
    say(f, fd, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    http_exchange_abort(f->exchange);
    assert_closed(f, fd); /* without an answer */
    assert_false(f->cancelled);
}

static void a_client_that_goes_ends_the_exchange(void **state)
{
    struct fixture *f = *state;
    struct http_text part;

    for (int i = 0; i < 5; i++) {
        int fd = client(f);
        say(f, fd,
            i < 3 ? "POST /later HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"
                  : "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_int_equal(read_body(f, &part), i < 3 ? 3 : 0);
        if (i == 1 || i == 3) {
            assert_int_equal(start_answer(f, 200, HTTP_FRAMING_CHUNKED, 0), 0);
        } else if (i == 2 || i == 4) { /* neither is read from any more */
            assert_int_equal(start_answer(f, 200, HTTP_FRAMING_CHUNKED, 0), 0);
            (void)write_until_full(f);
        }
        if (i < 2) {
            assert_int_equal(read_body(f, &part), -EAGAIN);
        }
        close(fd);
        f->cancelled = false;
        int64_t end = sockets_now() + SOCKETS_PATIENCE;
        while (!f->cancelled) {
            turns(f, 1);
            assert_true(sockets_now() < end);
            if (f->readable && f->exchange != NULL && i < 2) {
                assert_int_equal(read_body(f, &part), -EAGAIN);
            }
        }
        assert_null(f->exchange);
    }
}

static void a_body_that_breaks_its_framing_is_refused_or_cuts_the_answer(void **state)
{
    struct fixture *f = *state;
    struct http_text part;

    for (int started = 0; started < 2; started++) {
        int fd = client(f);
        say(f, fd, "POST /later HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nx\r\n");
        if (started) {
            assert_int_equal(start_answer(f, 200, HTTP_FRAMING_CHUNKED, 0), 0);
        }
        assert_int_equal(read_body(f, &part), 3);
        assert_int_equal(read_body(f, &part), -EAGAIN);
        assert_int_equal(read_body(f, &part), -EAGAIN);
        f->cancelled = false;
        f->refused = 0;
        sockets_turn_until(f->loop, &f->cancelled);
        assert_int_equal(f->refused, started ? 0 : 400);
        assert_int_equal(hear(f, fd, false), started);
        assert_int_equal(f->got.head.status, started ? 200 : 400);
        assert_closed(f, fd);
    }
}

static void a_body_over_its_bound_is_the_owners_to_answer(void **state)
{
    struct fixture *f = *state;
    struct http_text part;

    f->max = 5;
    for (int chunked = 0; chunked < 2; chunked++) {
        int fd = client(f);
        say(f, fd,
            chunked ? "POST /later HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n"
                    : "POST /later HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabcdef");
        assert_int_equal(f->taken, chunked ? 0 : -EMSGSIZE);
        if (chunked) {
            assert_int_equal(read_body(f, &part), 3);
            assert_int_equal(http_exchange_read(f->exchange, &part), -EMSGSIZE);
            turns(f, 3);
            assert_int_equal(http_exchange_read(f->exchange, &part), -EMSGSIZE);
        }
        http_exchange_error(f->exchange, 413, NULL, "too much");
        assert_heard(f, fd, 413, "{\"error\":\"too much\"}\n");
        assert_false(f->cancelled);
        close(fd);
    }
}

static void a_client_that_stops_sending_is_refused_in_time(void **state)
{
    struct fixture *f = *state;
    struct http_text part;
    int fd = client(f);

    say(f, fd, "POST /later HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
    assert_int_equal(read_body(f, &part), 3);
    int64_t start = sockets_now();
    (void)sockets_turn_for(f->loop, IDLE_MS + IDLE_MS / 4);
    assert_false(f->cancelled); /* nobody waits for it */
    assert_int_equal(read_body(f, &part), -EAGAIN);
    sockets_turn_until(f->loop, &f->cancelled);
    assert_true(sockets_now() - start >= 2 * IDLE_MS);
    assert_int_equal(hear(f, fd, false), 0);
    assert_int_equal(f->got.head.status, 408);
    assert_closed(f, fd);
}

static void a_client_that_takes_nothing_is_given_up_in_time(void **state)
{
    static const char data[10000];
    struct fixture *f = *state;
    int fd = client(f);

    say(f, fd, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(start_answer(f, 200, HTTP_FRAMING_CHUNKED, 0), 0);
    int64_t end = sockets_now() + SOCKETS_PATIENCE;
    while (!f->cancelled) {
        (void)write_answer(f, data, sizeof data); /* a kernel may find room for a little now and then */
        turns(f, 10);
        assert_true(sockets_now() < end);
    }
    assert_int_equal(hear(f, fd, false), 1);
    close(fd);
}

static void closing_the_server_ends_what_is_in_hand(void **state)
{
    struct fixture *f = *state;
    int fd = client(f);

    say(f, fd, "GET /later HTTP/1.0\r\n\r\n");
    assert_int_equal(start_answer(f, 200, HTTP_FRAMING_CLOSE, 0), 0);
    assert_int_equal(write_answer(f, "abc", 3), 3);
    turns(f, 2);
    http_server_close(f->server);
    f->server = NULL;
    assert_true(f->cancelled);
    assert_int_equal(hear(f, fd, false), -ECONNRESET);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_aborted_is_seen_to_be_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_client_that_goes_ends_the_exchange, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_body_that_breaks_its_framing_is_refused_or_cuts_the_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_body_over_its_bound_is_the_owners_to_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_client_that_stops_sending_is_refused_in_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_client_that_takes_nothing_is_given_up_in_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(closing_the_server_ends_what_is_in_hand, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
