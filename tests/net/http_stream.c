/* http_stream: bodies and answers that go through in pieces, larger than any memory, with clients of every temper. */
#include <netinet/tcp.h>
#include <stddef.h>

#include "net/http_client.h"
#include "net/http_server.h"
#include "tests/net/sockets.h"

#define IDLE_MS 700 /* instead of HTTP_SERVER_IDLE_MS */
#define SOCKET_BYTES 32768
/* What may be under way between two ends that don't take: the kernel's buffers of both, and ours. */
#define UNDER_WAY (1024 * 1024)

/* A server whose exchanges are streams: those of /echo by themselves, those of /later in the hands of the test. */
struct fixture {
    struct loop *loop;
    struct http_server *server;
    struct http_budget budget;
    struct http_exchange *exchange; /* NULL: none is in hand */
    struct address address;
    int listener;
    uint64_t max; /* of a body */
    int taken;    /* what http_exchange_stream_to() has said */
    bool inside;  /* a call on the exchange is under way */
    bool started; /* the echo's answer is */
    bool readable;
    bool writable;
    bool cancelled;
    unsigned began;
    unsigned handled;
    unsigned refused;       /* the last status that the server gave by itself */
    struct http_text part;  /* the echo's, not written yet */
    struct http_reader got; /* what a client has read */
};

/* ---- the server's side ---- */

static ssize_t read_body(struct fixture *f, struct http_text *part)
{
    f->inside = true;
    ssize_t size = http_exchange_read(f->exchange, part);
    f->inside = false;
    assert_int_equal(part->size, size > 0 ? size : 0);
    return size;
}

static ssize_t write_answer(struct fixture *f, const void *data, size_t size)
{
    f->inside = true;
    ssize_t taken = http_exchange_write(f->exchange, data, size);
    f->inside = false;
    return taken;
}

static int start_answer(struct fixture *f, unsigned status, enum http_framing framing, uint64_t length)
{
    static const struct http_field field = {{"X-Kind", 6}, {"test", 4}};

    return http_exchange_start(f->exchange, status, &field, 1, framing, length);
}

static void finish(struct fixture *f)
{
    struct http_exchange *exchange = f->exchange;

    f->exchange = NULL;
    http_exchange_finish(exchange);
}

/* Reads no more than it can write, and writes no more than is taken. */
static void echo(struct fixture *f)
{
    ssize_t size = 1;

    while (size > 0 && f->exchange != NULL) {
        if (f->part.size == 0) {
            size = read_body(f, &f->part);
            if (size == 0) {
                finish(f);
            }
        } else {
            size = write_answer(f, f->part.data, f->part.size);
            f->part.data += size > 0 ? size : 0;
            f->part.size -= size > 0 ? (size_t)size : 0;
        }
    }
    assert_true(size >= 0 || size == -EAGAIN);
}

static void on_readable(void *arg)
{
    struct fixture *f = arg;

    assert_false(f->inside);
    assert_non_null(f->exchange);
    f->readable = true;
    if (f->started) {
        echo(f);
    }
}

static void on_writable(void *arg)
{
    struct fixture *f = arg;

    assert_false(f->inside);
    assert_non_null(f->exchange);
    f->writable = true;
    if (f->started) {
        echo(f);
    }
}

static void on_cancelled(void *arg)
{
    struct fixture *f = arg;

    assert_false(f->inside);
    assert_non_null(f->exchange);
    f->exchange = NULL;
    f->cancelled = true;
}

static void begin(void *arg, struct http_exchange *exchange)
{
    static const struct http_events events = {on_readable, on_writable, on_cancelled};
    struct fixture *f = arg;
    const struct http_head *head = http_exchange_head(exchange);

    f->began++;
    if (http_text_is(head->target, "/buffered")) {
        return;
    }
    if (http_text_is(head->target, "/no")) {
        http_exchange_error(exchange, 404, NULL, "not here");
        return;
    }
    f->exchange = exchange;
    f->readable = f->writable = f->started = false;
    f->part = (struct http_text){"", 0};
    f->taken = http_exchange_stream_to(exchange, f->max, &events, f);
    if (http_text_is(head->target, "/echo")) {
        f->started = true;
        assert_int_equal(start_answer(f, 200, HTTP_FRAMING_CHUNKED, 0), 0);
        echo(f);
    }
}

static void handle(void *arg, struct http_exchange *exchange)
{
    struct fixture *f = arg;
    struct http_buffer body = {0};

    f->handled++;
    assert_int_equal(http_buffer_append(&body, "whole", 5), 0);
    http_exchange_answer(exchange, 200, "text/plain", NULL, &body);
}

static void refused(void *arg, unsigned status, const char *sentence)
{
    struct fixture *f = arg;

    assert_true(strlen(sentence) > 0);
    f->refused = status;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    int bytes = SOCKET_BYTES;

    f->budget.max = HTTP_BODY_MAX;
    f->max = UINT64_MAX;
    f->listener = sockets_listen_tcp(&f->address);
    assert_int_equal(setsockopt(f->listener, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes), 0);
    assert_int_equal(setsockopt(f->listener, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes), 0);
    assert_int_equal(loop_open(&f->loop), 0);
    struct http_server_options options = {.connections = 4,
        .budget = &f->budget,
        .handler = handle,
        .begin = begin,
        .refused = refused,
        .arg = f,
        .idle_ms = IDLE_MS};
    assert_int_equal(http_server_open(&f->server, f->loop, &options), 0);
    assert_int_equal(http_server_listen(f->server, f->listener, stream_open_plain, NULL), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    http_server_close(f->server);
    assert_int_equal(f->budget.used, 0);
    loop_close(f->loop);
    close(f->listener);
    http_reader_free(&f->got);
    free(f);
    return 0;
}

/* ---- the client's side ---- */

static int client(const struct fixture *f)
{
    static const int on = 1;
    int fd = sockets_connect_tcp(&f->address);
    int bytes = SOCKET_BYTES;

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes), 0);
    assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
    return fd;
}

static void turns(struct fixture *f, int count)
{
    for (int i = 0; i < count; i++) {
        assert_int_equal(loop_turn(f->loop, 2), 0);
    }
}

static void say(struct fixture *f, int fd, const char *text)
{
    int64_t end = sockets_now() + SOCKETS_PATIENCE;

    for (size_t size = strlen(text); size > 0;) {
        ssize_t sent = send(fd, text, size, MSG_NOSIGNAL);
        assert_true(sent > 0 || errno == EAGAIN);
        text += sent > 0 ? sent : 0;
        size -= sent > 0 ? (size_t)sent : 0;
        assert_int_equal(loop_turn(f->loop, 0), 0);
        assert_true(sockets_now() < end);
    }
    turns(f, 3);
}

/* Reads the next response whole, its bytes in f->got. Returns 0, or -errno where it is cut; 1: cut by a mere end. */
static int hear(struct fixture *f, int fd, bool to_head)
{
    int64_t end = sockets_now() + SOCKETS_PATIENCE;

    http_reader_free(&f->got);
    f->got = (struct http_reader){.to_head = to_head};
    while (!http_reader_done(&f->got)) {
        char byte;
        ssize_t size = recv(fd, &byte, 1, 0); /* not one byte of the next response */
        if (size == 0) {
            return http_reader_end(&f->got) ? 0 : 1;
        }
        if (size < 0 && errno != EAGAIN) {
            return -errno;
        }
        if (size > 0) {
            assert_int_equal(http_reader_take(&f->got, &byte, 1, NULL), 0);
        } else {
            assert_int_equal(loop_turn(f->loop, 5), 0);
        }
        assert_true(sockets_now() < end);
    }
    return 0;
}

static void assert_heard(struct fixture *f, int fd, unsigned status, const char *content)
{
    assert_int_equal(hear(f, fd, false), 0);
    assert_int_equal(f->got.head.status, status);
    assert_int_equal(f->got.content.size, strlen(content));
    assert_memory_equal(f->got.content.data != NULL ? f->got.content.data : "", content, strlen(content));
}

static void assert_closed(struct fixture *f, int fd)
{
    assert_int_equal(sockets_read_end(f->loop, fd), 0);
    close(fd);
}

/* Reads the whole body of the exchange in hand as text. */
static void take_body(struct fixture *f, char *to, size_t room)
{
    int64_t end = sockets_now() + SOCKETS_PATIENCE;
    struct http_text part;
    size_t used = 0;

    for (ssize_t size = -EAGAIN; size != 0; size = read_body(f, &part)) {
        if (size == -EAGAIN) {
            assert_int_equal(loop_turn(f->loop, 1), 0);
        } else {
            assert_true(size > 0 && (size_t)size < room - used);
            memcpy(to + used, part.data, (size_t)size);
            used += (size_t)size;
        }
        assert_true(sockets_now() < end);
    }
    to[used] = '\0';
}

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

/* Writes until no more is taken for a while. */
static size_t write_until_full(struct fixture *f)
{
    static const char data[10000];
    size_t all = 0;

    for (int quiet = 0; quiet < 20; quiet++) {
        ssize_t size = write_answer(f, data, sizeof data);
        assert_true(size > 0 || size == -EAGAIN);
        all += size > 0 ? (size_t)size : 0;
        quiet = size > 0 ? 0 : quiet;
        turns(f, 1);
        assert_true(all < UNDER_WAY);
    }
    return all;
}

static void a_client_that_stops_reading_stops_the_writer(void **state)
{
    struct fixture *f = *state;
    struct http_reader reader = {.max = UINT64_MAX};
    char came[4096];
    int fd = client(f);

    say(f, fd, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(start_answer(f, 200, HTTP_FRAMING_CHUNKED, 0), 0);
    size_t all = write_until_full(f);
    f->writable = false;
    while (!http_reader_done(&reader)) {
        ssize_t size = recv(fd, came, sizeof came, 0);
        assert_true(size > 0 || errno == EAGAIN);
        assert_int_equal(http_reader_take(&reader, came, size > 0 ? (size_t)size : 0, NULL), 0);
        turns(f, 1);
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
    while (got < all) {
        ssize_t size = read_body(f, &part);
        assert_true(size > 0 || size == -EAGAIN);
        got += size > 0 ? (uint64_t)size : 0;
        turns(f, size > 0 ? 0 : 1);
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
            say(f, fd, first);
            say(f, fd, texts[i] + cut);
            assert_non_null(f->exchange);
            take_body(f, body, sizeof body);
            assert_string_equal(body, "abc");
            assert_int_equal(start_answer(f, 200, i == 0 ? HTTP_FRAMING_CHUNKED : HTTP_FRAMING_LENGTH, cut), 0);
            for (size_t written = 0; written < cut; written++) {
                assert_int_equal(write_answer(f, texts[i] + written, 1), 1);
                turns(f, written % 3 == 0);
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
    (void)sockets_fill(f->loop, fd); /* and is passed over afterwards */
    assert_heard(f, fd, 200, "early");
    assert_false(http_reader_kept(&f->got));
    assert_closed(f, fd);
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
    assert_int_equal(http_exchange_start(f->exchange, 200, &large, 1, HTTP_FRAMING_LENGTH, 40000), 0);
    for (size_t taken = 0; taken < 40000; turns(f, 1)) {
        ssize_t size = write_answer(f, value, 10000 < 40000 - taken ? 10000 : 40000 - taken);
        taken += size > 0 ? (size_t)size : 0;
    }
    finish(f);
    char *came = malloc(large.value.size + 40000);
    sockets_read(f->loop, fd, came, large.value.size + 40000);
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

/* ---- ends ---- */

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
        while (!f->cancelled) {
            turns(f, 1);
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
        cmocka_unit_test_setup_teardown(requests_behind_a_stream_wait_for_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_answer_is_framed_as_its_request_and_status_want, set_up, tear_down),
        cmocka_unit_test_setup_teardown(heads_that_would_be_read_otherwise_are_not_started, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_answer_keeps_to_its_length, set_up, tear_down),
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
