/* http_streams: a server of streamed exchanges and its clients, for the tests of net/http_stream.c. */
#ifndef INGOT_TESTS_NET_HTTP_STREAMS_H
#define INGOT_TESTS_NET_HTTP_STREAMS_H

#include <netinet/tcp.h>
#include <stddef.h>

#include "net/http_client.h"
#include "net/http_server.h"
#include "tests/net/sockets.h"

#define IDLE_MS 400 /* instead of HTTP_SERVER_IDLE_MS */
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

static inline ssize_t read_body(struct fixture *f, struct http_text *part)
{
    f->inside = true;
    ssize_t size = http_exchange_read(f->exchange, part);
    f->inside = false;
    assert_int_equal(part->size, size > 0 ? size : 0);
    return size;
}

static inline ssize_t write_answer(struct fixture *f, const void *data, size_t size)
{
    f->inside = true;
    ssize_t taken = http_exchange_write(f->exchange, data, size);
    f->inside = false;
    return taken;
}

static inline int start_answer(struct fixture *f, unsigned status, enum http_framing framing, uint64_t length)
{
    static const struct http_field field = {{"X-Kind", 6}, {"test", 4}};

    return http_exchange_start(f->exchange, status, &field, 1, framing, length);
}

static inline void finish(struct fixture *f)
{
    struct http_exchange *exchange = f->exchange;

    f->exchange = NULL;
    http_exchange_finish(exchange);
}

/* Reads no more than it can write, and writes no more than is taken. */
static inline void echo(struct fixture *f)
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

static inline void on_readable(void *arg)
{
    struct fixture *f = arg;

    assert_false(f->inside);
    assert_non_null(f->exchange);
    f->readable = true;
    if (f->started) {
        echo(f);
    }
}

static inline void on_writable(void *arg)
{
    struct fixture *f = arg;

    assert_false(f->inside);
    assert_non_null(f->exchange);
    f->writable = true;
    if (f->started) {
        echo(f);
    }
}

static inline void on_cancelled(void *arg)
{
    struct fixture *f = arg;

    assert_false(f->inside);
    assert_non_null(f->exchange);
    f->exchange = NULL;
    f->cancelled = true;
}

static inline void begin(void *arg, struct http_exchange *exchange)
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

static inline void handle(void *arg, struct http_exchange *exchange)
{
    struct fixture *f = arg;
    struct http_buffer body = {0};

    f->handled++;
    assert_int_equal(http_buffer_append(&body, "whole", 5), 0);
    http_exchange_answer(exchange, 200, "text/plain", NULL, &body);
}

static inline void refused(void *arg, unsigned status, const char *sentence)
{
    struct fixture *f = arg;

    assert_true(strlen(sentence) > 0);
    f->refused = status;
}

static inline int set_up(void **state)
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

static inline int tear_down(void **state)
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

static inline int client(const struct fixture *f)
{
    static const int on = 1;
    int fd = sockets_connect_tcp(&f->address);
    int bytes = SOCKET_BYTES;

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes), 0);
    assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
    return fd;
}

static inline void turns(struct fixture *f, int count)
{
    for (int i = 0; i < count; i++) {
        assert_int_equal(loop_turn(f->loop, 2), 0);
    }
}

static inline void say(struct fixture *f, int fd, const char *text)
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
    turns(f, 2);
}

/* Reads the next response whole, its bytes in f->got. Returns 0, or -errno where it is cut; 1: cut by a mere end. */
static inline int hear(struct fixture *f, int fd, bool to_head)
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

static inline void assert_heard(struct fixture *f, int fd, unsigned status, const char *content)
{
    assert_int_equal(hear(f, fd, false), 0);
    assert_int_equal(f->got.head.status, status);
    assert_int_equal(f->got.content.size, strlen(content));
    assert_memory_equal(f->got.content.data != NULL ? f->got.content.data : "", content, strlen(content));
}

static inline void assert_closed(struct fixture *f, int fd)
{
    assert_int_equal(sockets_read_end(f->loop, fd), 0);
    close(fd);
}

/* Reads the whole body of the exchange in hand as text. */
static inline void take_body(struct fixture *f, char *to, size_t room)
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

/* Writes until no more is taken for a while. */
static inline size_t write_until_full(struct fixture *f)
{
    static const char data[10000];
    size_t all = 0;

    for (int quiet = 0; quiet < 20; quiet++) {
        f->writable = false;
        ssize_t size = write_answer(f, data, sizeof data);
        assert_true(size > 0 || size == -EAGAIN);
        all += size > 0 ? (size_t)size : 0;
        quiet = size > 0 ? 0 : quiet;
        turns(f, 1);
        quiet = f->writable ? 0 : quiet; /* told late, as a delayed acknowledgement came: it was not full */
        assert_true(all < UNDER_WAY);
    }
    return all;
}

#endif
