/* upstream: tests: calls on one loop with a service that is a socket of the test's: what goes over the wire, and when.
 */
#include "app/upstream.h"

#include "app/upstream_call.h"
#include "tests/net/sockets.h"

#define PATIENCE 60000 /* ms of a call that is not meant to be late */

static struct {
    struct loop *loop;
    struct config config;
    struct credentials *credentials;
    struct upstream *upstream;
    int listener;
    bool moved;
} t;

static const char request[] = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
#define OK(body, length) "HTTP/1.1 200 OK\r\nContent-Length: " length "\r\n\r\n" body

/* ---- the world around ---- */

static int listen_there(uint16_t *port)
{
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(CONFIG_FIRST_ADDRESS), .sin_port = htons(*port)};
    socklen_t size = sizeof at;
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 128), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

static int start_all(void **state)
{
    struct config_report report;
    char text[512];
    uint16_t port = 0;

    (void)state;
    t.listener = listen_there(&port);
    int size = snprintf(text, sizeof text,
        "[image]\nname = t\n[app]\nrun = gateway\n[endpoint a.test]\nport = %u\ntls = none\n"
        "[inbound api]\nvsock = 1\nto = 127.0.0.1:1\n[route GET /]\nto = a.test\n[limits]\nconnections = 128\n",
        port);
    assert_int_equal(config_parse(&t.config, "test", text, (size_t)size, &report), 0);
    config_report_free(&report);
    assert_int_equal(loop_open(&t.loop), 0);
    assert_int_equal(credentials_create(&t.credentials, &t.config, -1, NULL), 0);
    assert_int_equal(upstream_open(&t.upstream, t.loop, &t.config), 0);
    upstream_renew(t.upstream, t.credentials);
    return 0;
}

static int stop_all(void **state)
{
    (void)state;
    upstream_close(t.upstream);
    credentials_drop(t.credentials);
    loop_close(t.loop);
    config_free(&t.config);
    close(t.listener);
    return 0;
}

static void moved(void *arg)
{
    *(bool *)arg = true;
}

/* What a call does next, or what the loop brings it. */
static void turn(void)
{
    t.moved = false;
    sockets_turn_until(t.loop, &t.moved);
}

static struct upstream_call *start(enum http_framing framing, int64_t milliseconds)
{
    struct upstream_request with = {.endpoint = &t.config.endpoints[0],
        .credentials = t.credentials,
        .framing = framing,
        .milliseconds = milliseconds};
    struct upstream_call *call;

    assert_int_equal(http_buffer_append(&with.head, request, sizeof request - 1), 0);
    assert_int_equal(upstream_start(&call, t.upstream, &with, moved, &t.moved, NULL), 0);
    return call;
}

static int accept_one(void)
{
    int fd = -1;

    for (int i = 0; i < 500 && fd < 0; i++) {
        fd = accept4(t.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        assert_int_equal(loop_turn(t.loop, fd < 0 ? 10 : 0), 0);
    }
    assert_true(fd >= 0);
    return fd;
}

/* The service reads exactly this. */
static void reads(int fd, const char *wanted)
{
    char got[4096] = "";

    sockets_read(t.loop, fd, got, strlen(wanted));
    assert_string_equal(got, wanted);
}

static void says(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void wait_for_head(struct upstream_call *call)
{
    while (upstream_head(call) == NULL) {
        assert_int_equal(upstream_outcome(call, NULL), UPSTREAM_WELL);
        turn();
    }
}

/* The rest of the answer's body. */
static void gives(struct upstream_call *call, const char *wanted)
{
    char got[4096] = "";
    size_t size = 0;
    struct http_text part;

    wait_for_head(call);
    for (;;) {
        ssize_t n = upstream_read(call, &part);
        if (n == 0) {
            break;
        }
        assert_true(n > 0 || n == -EAGAIN);
        memcpy(got + size, part.data, part.size);
        size += part.size;
        if (n == -EAGAIN) {
            turn();
        }
    }
    assert_string_equal(got, wanted);
}

static enum upstream_outcome fails(struct upstream_call *call)
{
    while (upstream_outcome(call, NULL) == UPSTREAM_WELL) {
        turn();
    }
    return upstream_outcome(call, NULL);
}

/* A whole call on a new connection, which is kept; the service's end of it. */
static int keep_one(void)
{
    struct upstream_call *call = start(HTTP_FRAMING_NONE, PATIENCE);
    int fd = accept_one();

    reads(fd, request);
    says(fd, OK("first", "5"));
    gives(call, "first");
    upstream_drop(call);
    assert_int_equal(upstream_kept(t.upstream), 1);
    return fd;
}

static void drop_all(int fd)
{
    upstream_renew(t.upstream, t.credentials);
    assert_int_equal(upstream_kept(t.upstream), 0);
    close(fd);
}

/* ---- tests ---- */

static void a_connection_serves_one_call_after_the_other(void **state)
{
    int fd = keep_one();

    (void)state;
    for (int i = 0; i < 3; i++) {
        uint64_t reused = upstream_counts(t.upstream, 0)->reused;
        struct upstream_call *call = start(HTTP_FRAMING_NONE, PATIENCE);
        assert_int_equal(upstream_kept(t.upstream), 0);
        reads(fd, request);
        says(fd, OK("again", "5"));
        gives(call, "again");
        assert_true(upstream_trace(call).reused);
        upstream_drop(call);
        assert_int_equal(upstream_counts(t.upstream, 0)->reused, reused + 1);
    }
    drop_all(fd);
}

static void two_calls_at_a_time_have_two_connections(void **state)
{
    struct upstream_call *one = start(HTTP_FRAMING_NONE, PATIENCE);
    struct upstream_call *two = start(HTTP_FRAMING_NONE, PATIENCE);
    int first = accept_one();
    int second = accept_one();

    (void)state;
    reads(first, request);
    reads(second, request);
    says(second, OK("x", "1"));
    says(first, OK("x", "1"));
    gives(one, "x");
    gives(two, "x");
    upstream_drop(one);
    upstream_drop(two);
    assert_int_equal(upstream_kept(t.upstream), 2);
    drop_all(first);
    close(second);
}

static void a_kept_connection_that_ends_or_speaks_is_closed_at_once(void **state)
{
    int fd = keep_one();

    (void)state;
    shutdown(fd, SHUT_WR);
    assert_int_equal(sockets_read_end(t.loop, fd), 0);
    assert_int_equal(upstream_kept(t.upstream), 0);
    close(fd);
    fd = keep_one();
    says(fd, OK("unasked", "7"));
    (void)sockets_read_end(t.loop, fd);
    assert_int_equal(upstream_kept(t.upstream), 0);
    close(fd);
}

/* The end has come, and the loop has not told of it yet. */
static void a_call_does_not_take_a_kept_connection_that_has_ended(void **state)
{
    int old = keep_one();

    (void)state;
    close(old);
    usleep(20000);
    struct upstream_call *call = start(HTTP_FRAMING_NONE, PATIENCE);
    assert_false(upstream_trace(call).reused);
    int fd = accept_one();
    reads(fd, request);
    says(fd, OK("x", "1"));
    gives(call, "x");
    upstream_drop(call);
    drop_all(fd);
}

static void an_answer_decides_whether_the_connection_is_kept(void **state)
{
    static const struct {
        const char *answer;
        unsigned kept;
    } rows[] = {
        {OK("x", "1"), 1},
        {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx", 0},
        {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", 0},
        {OK("x", "1") "more", 0},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", 1},
        {"HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5, max=100\r\nContent-Length: 1\r\n\r\nx", 1},
        {"HTTP/1.1 200 OK\r\nKeep-Alive: max=100, timeout=1\r\nContent-Length: 1\r\n\r\nx", 0},
        {"HTTP/1.1 200 OK\r\nKeep-Alive: timeout=86400\r\nContent-Length: 1\r\n\r\nx", 1},
        {"HTTP/1.1 200 OK\r\nKeep-Alive: timeout=\r\nContent-Length: 1\r\n\r\nx", 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct upstream_call *call = start(HTTP_FRAMING_NONE, PATIENCE);
        int fd = accept_one();
        reads(fd, request);
        says(fd, rows[i].answer);
        gives(call, "x");
        upstream_drop(call);
        if (upstream_kept(t.upstream) != rows[i].kept) {
            fail_msg("%u kept after %s", upstream_kept(t.upstream), rows[i].answer);
        }
        drop_all(fd);
    }
}

static void a_service_keeps_a_connection_no_longer_than_it_says(void **state)
{
    struct upstream_call *call = start(HTTP_FRAMING_NONE, PATIENCE);
    int fd = accept_one();

    (void)state;
    reads(fd, request);
    says(fd, "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=2\r\nContent-Length: 1\r\n\r\nx");
    gives(call, "x");
    upstream_drop(call);
    assert_int_equal(upstream_kept(t.upstream), 1);
    assert_int_equal(sockets_read_end(t.loop, fd), 0); /* after a second */
    assert_int_equal(upstream_kept(t.upstream), 0);
    close(fd);
}

static void a_call_that_is_dropped_in_its_middle_ends_its_connection(void **state)
{
    struct upstream_call *call = start(HTTP_FRAMING_NONE, PATIENCE);
    int fd = accept_one();

    (void)state;
    reads(fd, request);
    says(fd, OK("ha", "4"));
    wait_for_head(call);
    upstream_drop(call);
    assert_int_equal(upstream_kept(t.upstream), 0);
    assert_int_equal(sockets_read_end(t.loop, fd), -ECONNRESET); /* both ways: the relay is rid of it too */
    close(fd);
    upstream_drop(start(HTTP_FRAMING_NONE, PATIENCE)); /* before it is connected */
    close(accept_one());
}

static void new_credentials_let_no_older_connection_be_kept(void **state)
{
    struct credentials *old = t.credentials;
    struct upstream_call *call = start(HTTP_FRAMING_NONE, PATIENCE);
    int fd = accept_one();

    (void)state;
    assert_int_equal(credentials_create(&t.credentials, &t.config, -1, NULL), 0);
    upstream_renew(t.upstream, t.credentials);
    credentials_drop(old);
    reads(fd, request);
    says(fd, OK("x", "1"));
    gives(call, "x");
    upstream_drop(call);
    assert_int_equal(upstream_kept(t.upstream), 0);
    assert_int_equal(sockets_read_end(t.loop, fd), 0);
    close(fd);
}

static void a_body_goes_in_chunks_as_it_comes(void **state)
{
    struct upstream_call *call = start(HTTP_FRAMING_CHUNKED, PATIENCE);
    int fd = accept_one();

    (void)state;
    while (!upstream_writable(call)) {
        turn();
    }
    assert_int_equal(upstream_write(call, "hello", 5), 5);
    assert_int_equal(upstream_write(call, "0123456789abcdef", 16), 16);
    upstream_end(call);
    reads(fd, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n5\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n");
    says(fd, OK("x", "1"));
    gives(call, "x");
    upstream_drop(call);
    assert_int_equal(upstream_kept(t.upstream), 1);
    drop_all(fd);
}

static void an_empty_body_in_chunks_is_the_last_one(void **state)
{
    struct upstream_call *call = start(HTTP_FRAMING_CHUNKED, PATIENCE);
    int fd = accept_one();

    (void)state;
    upstream_end(call); /* before there is a connection */
    reads(fd, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n0\r\n\r\n");
    upstream_drop(call);
    close(fd);
}

/* Until it is full; then, when the service reads, all of it arrives once, in order. */
static void a_service_that_does_not_read_makes_the_writer_wait(void **state)
{
    static char block[16000];
    struct upstream_call *call = start(HTTP_FRAMING_CHUNKED, PATIENCE);
    int fd = accept_one();
    size_t written = 0;
    ssize_t n = 0;

    (void)state;
    while (!upstream_writable(call)) {
        turn();
    }
    memset(block, 'x', sizeof block);
    while ((n = upstream_write(call, block, sizeof block)) == (ssize_t)sizeof block) {
        written += sizeof block;
        assert_true(written < 64 * 1024 * 1024);
    }
    size_t left = n > 0 ? sizeof block - (size_t)n : sizeof block;
    while (left > 0 && (n = upstream_write(call, block + sizeof block - left, left)) > 0) {
        left -= (size_t)n;
    }
    assert_int_equal(n, -EAGAIN);
    assert_false(upstream_writable(call));
    assert_true(sockets_turn_for(t.loop, 100) < 10); /* nor does it turn in vain */
    size_t body = 0;
    char got[65536];
    while (left > 0) {
        ssize_t size = recv(fd, got, sizeof got, 0);
        assert_true(size > 0 || errno == EAGAIN);
        for (ssize_t i = 0; i < size; i++) {
            body += got[i] == 'x';
        }
        assert_int_equal(loop_turn(t.loop, 1), 0);
        if (upstream_writable(call)) {
            n = upstream_write(call, block + sizeof block - left, left);
            left -= n > 0 ? (size_t)n : 0;
        }
    }
    upstream_end(call);
    bool ended = false;
    while (!ended) {
        ssize_t size = recv(fd, got, sizeof got, 0);
        for (ssize_t i = 0; i < size; i++) {
            body += got[i] == 'x';
        }
        ended = size >= 5 && memcmp(got + size - 5, "0\r\n\r\n", 5) == 0;
        assert_int_equal(loop_turn(t.loop, 1), 0);
    }
    assert_int_equal(body, written + sizeof block);
    says(fd, OK("x", "1"));
    gives(call, "x");
    upstream_drop(call);
    assert_int_equal(upstream_kept(t.upstream), 1);
    drop_all(fd);
}

/* The service's bytes stay where they are; the loop rests. */
static void an_answer_that_is_not_read_makes_the_service_wait(void **state)
{
    struct upstream_call *call = start(HTTP_FRAMING_NONE, 100);
    int fd = accept_one();

    (void)state;
    reads(fd, request);
    says(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
    wait_for_head(call);
    assert_true(sockets_fill(t.loop, fd) < 32 * 1024 * 1024);
    assert_true(sockets_turn_for(t.loop, 300) < 10);
    assert_int_equal(upstream_outcome(call, NULL), UPSTREAM_WELL); /* it is not the service that is late */
    upstream_drop(call);
    close(fd);
}

/* A reset beside bytes that are still there: those are read first, and the loop does not spin meanwhile. */
static void what_came_before_a_reset_is_read(void **state)
{
    struct upstream_call *call = start(HTTP_FRAMING_NONE, PATIENCE);
    struct linger none = {.l_onoff = 1};
    struct http_text part;
    int fd = accept_one();

    (void)state;
    reads(fd, request);
    says(fd, OK("half", "8"));
    wait_for_head(call);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    close(fd);
    assert_true(sockets_turn_for(t.loop, 100) < 10);
    assert_int_equal(upstream_read(call, &part), 4);
    assert_memory_equal(part.data, "half", 4);
    assert_int_equal(upstream_read(call, &part), -EIO);
    assert_int_equal(upstream_outcome(call, NULL), UPSTREAM_BROKEN);
    upstream_drop(call);
}

static void lateness_is_the_service_s_alone(void **state)
{
    struct upstream_call *call = start(HTTP_FRAMING_LENGTH, 500);
    struct reason why;
    struct http_text part;
    int fd = accept_one();

    (void)state;
    while (!upstream_writable(call)) {
        turn();
    }
    sockets_turn_for(t.loop, 700); /* the request's body is not there: that is not the service's fault */
    assert_int_equal(upstream_outcome(call, NULL), UPSTREAM_WELL);
    assert_int_equal(upstream_write(call, "x", 1), 1);
    upstream_end(call);
    assert_int_equal(fails(call), UPSTREAM_LATE);
    (void)upstream_outcome(call, &why);
    assert_non_null(strstr(why.text, "no answer within "));
    upstream_drop(call);
    close(fd);

    call = start(HTTP_FRAMING_NONE, 500);
    fd = accept_one();
    reads(fd, request);
    for (int i = 0; i < 4; i++) { /* half a head, byte by byte: it must be whole in time */
        says(fd, i == 0 ? "HTTP/1.1 200 OK\r\nA: " : "a");
        sockets_turn_for(t.loop, 180);
    }
    assert_int_equal(fails(call), UPSTREAM_LATE);
    upstream_drop(call);
    close(fd);

    call = start(HTTP_FRAMING_NONE, 500);
    fd = accept_one();
    reads(fd, request);
    says(fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    wait_for_head(call);
    for (int i = 0; i < 4; i++) { /* a body may take its time, byte by byte */
        assert_int_equal(upstream_read(call, &part), -EAGAIN);
        sockets_turn_for(t.loop, 180);
        says(fd, "b");
        turn();
        assert_int_equal(upstream_read(call, &part), 1);
    }
    assert_int_equal(upstream_read(call, &part), -EAGAIN);
    assert_int_equal(fails(call), UPSTREAM_LATE);
    (void)upstream_outcome(call, &why);
    assert_non_null(strstr(why.text, "the answer did not go on"));
    upstream_drop(call);
    close(fd);
}

static void what_a_second_attempt_depends_on_is_told(void **state)
{
    struct upstream_call *call = start(HTTP_FRAMING_NONE, PATIENCE);
    int fd = accept_one();

    (void)state;
    reads(fd, request);
    close(fd);
    assert_int_equal(fails(call), UPSTREAM_UNREACHED);
    assert_true(upstream_trace(call).sent);
    assert_false(upstream_trace(call).heard);
    upstream_drop(call);

    fd = keep_one();
    call = start(HTTP_FRAMING_NONE, PATIENCE);
    reads(fd, request);
    close(fd);
    assert_int_equal(fails(call), UPSTREAM_BROKEN);
    assert_true(upstream_trace(call).reused && upstream_trace(call).sent && !upstream_trace(call).heard);
    upstream_drop(call);

    call = start(HTTP_FRAMING_NONE, PATIENCE);
    fd = accept_one();
    reads(fd, request);
    says(fd, "H");
    close(fd);
    assert_int_equal(fails(call), UPSTREAM_BROKEN);
    assert_true(upstream_trace(call).heard);
    upstream_drop(call);
}

static void at_the_bound_a_kept_one_makes_room_and_then_none_is_left(void **state)
{
    static struct upstream_call *calls[UPSTREAM_CALLS_MAX];
    struct upstream_request with = {
        .endpoint = &t.config.endpoints[0], .credentials = t.credentials, .fresh = true, .milliseconds = PATIENCE};
    struct upstream_call *one_more;
    int fd = keep_one();

    (void)state;
    for (size_t i = 0; i < UPSTREAM_CALLS_MAX; i++) {
        assert_int_equal(http_buffer_append(&with.head, request, sizeof request - 1), 0);
        assert_int_equal(upstream_start(&calls[i], t.upstream, &with, moved, &t.moved, NULL), 0);
        with.head = (struct http_buffer){0};
    }
    assert_int_equal(upstream_kept(t.upstream), 0);
    assert_int_equal(sockets_read_end(t.loop, fd), 0);
    close(fd);
    assert_int_equal(http_buffer_append(&with.head, request, sizeof request - 1), 0);
    assert_int_equal(upstream_start(&one_more, t.upstream, &with, moved, &t.moved, NULL), -EBUSY);
    for (size_t i = 0; i < UPSTREAM_CALLS_MAX; i++) {
        close(accept_one());
        upstream_drop(calls[i]);
    }
}

static void nobody_there_is_told_in_a_later_turn(void **state)
{
    uint16_t port = t.config.endpoints[0].port;

    (void)state;
    close(t.listener);
    struct upstream_call *call = start(HTTP_FRAMING_NONE, PATIENCE);
    struct reason why;
    assert_int_equal(upstream_outcome(call, NULL), UPSTREAM_WELL);
    assert_int_equal(fails(call), UPSTREAM_UNREACHED);
    (void)upstream_outcome(call, &why);
    assert_non_null(strstr(why.text, "Connection refused"));
    assert_false(upstream_trace(call).sent);
    upstream_drop(call);
    t.listener = listen_there(&port);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_serves_one_call_after_the_other),
        cmocka_unit_test(two_calls_at_a_time_have_two_connections),
        cmocka_unit_test(a_kept_connection_that_ends_or_speaks_is_closed_at_once),
        cmocka_unit_test(a_call_does_not_take_a_kept_connection_that_has_ended),
        cmocka_unit_test(an_answer_decides_whether_the_connection_is_kept),
        cmocka_unit_test(a_service_keeps_a_connection_no_longer_than_it_says),
        cmocka_unit_test(a_call_that_is_dropped_in_its_middle_ends_its_connection),
        cmocka_unit_test(new_credentials_let_no_older_connection_be_kept),
        cmocka_unit_test(a_body_goes_in_chunks_as_it_comes),
        cmocka_unit_test(an_empty_body_in_chunks_is_the_last_one),
        cmocka_unit_test(a_service_that_does_not_read_makes_the_writer_wait),
        cmocka_unit_test(an_answer_that_is_not_read_makes_the_service_wait),
        cmocka_unit_test(what_came_before_a_reset_is_read),
        cmocka_unit_test(lateness_is_the_service_s_alone),
        cmocka_unit_test(what_a_second_attempt_depends_on_is_told),
        cmocka_unit_test(at_the_bound_a_kept_one_makes_room_and_then_none_is_left),
        cmocka_unit_test(nobody_there_is_told_in_a_later_turn),
    };

    return cmocka_run_group_tests(tests, start_all, stop_all);
}
