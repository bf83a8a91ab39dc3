/* http_stream: any bytes to the server of streamed exchanges, at once and in pieces, on a wire that blocks now and
 * then: the same exchanges, each with one end.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "net/http_connection.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool true_always)
{
    if (!true_always) {
        abort();
    }
}

/* The loop's own clock, in place of the C library's: each turn is a millisecond, and nobody waits for it. */
int clock_gettime(clockid_t clock, struct timespec *now)
{
    static long milliseconds;

    if (clock != CLOCK_MONOTONIC) {
        return (int)syscall(SYS_clock_gettime, clock, now);
    }
    milliseconds++;
    *now = (struct timespec){milliseconds / 1000, milliseconds % 1000 * 1000000};
    return 0;
}

/* What the server did, as far as it does not depend on how the bytes came. */
struct story {
    uint64_t hash;
    bool open; /* from here on it may differ */
};

static struct world {
    struct stream stream;
    const uint8_t *input;
    size_t size;
    size_t at;
    uint32_t random; /* 0: everything at once */
    bool ended;
    bool closed;
    uint64_t moves; /* bytes read and written */
    struct http_exchange *exchange;
    bool inside;
    bool to_head;
    char kind;
    struct http_text part;
    struct story story;
} w;

static void tell(const void *data, size_t size)
{
    for (size_t i = 0; i < size && !w.story.open; i++) {
        w.story.hash = (w.story.hash ^ ((const uint8_t *)data)[i]) * 0x100000001b3;
    }
}

/* ---- the wire ---- */

static uint32_t chance(uint32_t bound)
{
    w.random = w.random * 1664525 + 1013904223;
    return w.random >> 16 & (bound - 1);
}

static size_t some_of(size_t size)
{
    size_t piece = w.random != 0 ? (size_t)1 << chance(16) : size;

    return piece < size ? piece : size;
}

static int wire_start(struct stream *stream)
{
    (void)stream;
    return 0;
}

static ssize_t wire_read(struct stream *stream, void *to, size_t size)
{
    size_t left = w.size - w.at;

    (void)stream;
    require(size > 0);
    if (left == 0 || (w.random != 0 && chance(4) == 0)) {
        return left == 0 && w.ended ? 0 : -EAGAIN;
    }
    size = some_of(size < left ? size : left);
    memcpy(to, w.input + w.at, size);
    w.at += size;
    w.moves += size;
    return (ssize_t)size;
}

static ssize_t wire_write(struct stream *stream, const struct iovec *parts, int count)
{
    size_t size = 0;

    (void)stream;
    for (int i = 0; i < count; i++) {
        size += parts[i].iov_len;
    }
    if (w.random != 0 && chance(4) == 0) {
        return -EAGAIN;
    }
    size = some_of(size);
    w.moves += size;
    return (ssize_t)size;
}

static int wire_flush(struct stream *stream)
{
    (void)stream;
    return w.random != 0 && chance(4) == 0 ? -EAGAIN : 0;
}

static int wire_peek(struct stream *stream)
{
    (void)stream;
    return w.at < w.size ? 1 : w.ended ? 0 : -EAGAIN;
}

static bool wire_waiting(const struct stream *stream)
{
    (void)stream;
    return w.at < w.size && (w.random & 1 << 24);
}

static unsigned wire_events(const struct stream *stream, unsigned wanted)
{
    (void)stream;
    return wanted;
}

static void wire_shutdown(struct stream *stream)
{
    (void)stream;
}

static void wire_close(struct stream *stream)
{
    (void)stream;
    w.closed = true;
}

static const struct stream_class wire = {
    .start = wire_start,
    .read = wire_read,
    .write = wire_write,
    .flush = wire_flush,
    .peek = wire_peek,
    .waiting = wire_waiting,
    .events = wire_events,
    .shutdown = wire_shutdown,
    .close = wire_close,
};

/* ---- the owner ---- */

static void end(const char *how)
{
    tell(how, 1);
    w.exchange = NULL;
}

/* The body is whole. */
static void answer(struct http_exchange *exchange)
{
    struct http_buffer body = {0};

    switch (w.kind) {
    case 'a':
        http_exchange_abort(exchange);
        break;
    case 'e':
        http_exchange_finish(exchange);
        break;
    case 'l':
        require(http_exchange_start(exchange, 200, NULL, 0, HTTP_FRAMING_LENGTH, 3) == 0);
        require(http_exchange_write(exchange, "abcd", 4) == (w.to_head ? 4 : -EMSGSIZE));
        require(http_exchange_write(exchange, "abc", 3) == 3);
        http_exchange_finish(exchange);
        break;
    default:
        http_exchange_answer(exchange, 200, "text/plain", NULL, &body);
    }
}

/* Takes what there is; echoes it where the answer has started. */
static void go_on(void)
{
    ssize_t size = 1;

    w.inside = true;
    while (size > 0) {
        if (w.part.size == 0 || w.kind != 'e') {
            size = http_exchange_read(w.exchange, &w.part);
            tell(w.part.data, size > 0 ? w.part.size : 0);
        } else {
            size = http_exchange_write(w.exchange, w.part.data, w.part.size);
            w.part.data += size > 0 ? size : 0;
            w.part.size -= size > 0 ? (size_t)size : 0;
        }
    }
    w.inside = false;
    require(size == 0 || size == -EAGAIN || size == -EMSGSIZE);
    if (size == -EAGAIN) {
        return;
    }
    struct http_exchange *exchange = w.exchange;
    end(size == 0 ? "." : "!");
    w.kind = size == -EMSGSIZE && w.kind == 'e' ? 'a' : w.kind;
    answer(exchange);
}

static void moved(void *arg)
{
    require(arg == &w && w.exchange != NULL && !w.inside);
    go_on();
}

static void gone(void *arg)
{
    require(arg == &w && w.exchange != NULL && !w.inside);
    end("-");
}

static void begin(void *arg, struct http_exchange *exchange)
{
    static const struct http_events events = {moved, moved, gone};
    const struct http_head *head = http_exchange_head(exchange);
    uint64_t max = UINT64_MAX;

    require(arg == &w && w.exchange == NULL && http_text_is(head->method, "") == 0);
    tell(head->method.data, head->method.size);
    tell(head->target.data, head->target.size);
    w.kind = head->target.size > 1 ? head->target.data[1] : 'r';
    w.to_head = http_text_is(head->method, "HEAD");
    if (w.kind == 'b') {
        return; /* as a whole */
    }
    if (w.kind == 'n') {
        w.story.open = true; /* whether the connection is kept depends on what has come */
        http_exchange_error(exchange, 404, NULL, "no");
        return;
    }
    w.exchange = exchange;
    w.part = (struct http_text){"", 0};
    if (w.kind == 'm') {
        max = 5;
        w.story.open = true; /* how much of a body over the bound was read depends on how it came */
    }
    (void)http_exchange_stream_to(exchange, max, &events, &w);
    if (w.kind == 'e') {
        require(http_exchange_start(exchange, 200, NULL, 0, HTTP_FRAMING_CHUNKED, 0) == 0);
    }
    go_on();
}

static void handle(void *arg, struct http_exchange *exchange)
{
    struct http_text body = http_exchange_body(exchange);
    struct http_buffer none = {0};

    require(arg == &w && w.exchange == NULL);
    tell(body.data, body.size);
    http_exchange_answer(exchange, 200, "text/plain", NULL, &none);
}

static void refused(void *arg, unsigned status, const char *sentence)
{
    require(arg == &w && sentence[0] != '\0');
    tell(&status, sizeof status);
}

/* ---- both ways ---- */

static struct story run(const uint8_t *data, size_t size, uint32_t random)
{
    struct http_budget budget = {.max = 4 * HTTP_BODY_MAX};
    struct http_server_options options = {
        .connections = 1, .budget = &budget, .handler = handle, .begin = begin, .refused = refused, .arg = &w};
    struct http_server *server = NULL;
    struct loop *loop = NULL;

    w = (struct world){.input = data, .size = size, .random = random, .stream = {&wire, eventfd(1, EFD_CLOEXEC)}};
    require(w.stream.fd >= 0);
    require(loop_open(&loop) == 0);
    require(http_server_open(&server, loop, &options) == 0);
    int fd = w.stream.fd; /* always readable, always writable */
    require(http_connection_create(server, &w.stream) == 0);
    for (unsigned quiet = 0; !w.closed && quiet < 32; quiet++) {
        uint64_t before = w.moves;
        require(loop_turn(loop, 0) == 0);
        quiet = w.moves > before ? 0 : quiet;
    }
    w.ended = true;
    for (unsigned turns = 0; !w.closed && turns < 32; turns++) {
        require(loop_turn(loop, 0) == 0);
    }
    http_server_close(server);
    require(w.closed && w.exchange == NULL && budget.used == 0);
    loop_close(loop);
    close(fd);
    return w.story;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct story whole = run(data + 1, size - 1, 0);
    struct story pieces = run(data + 1, size - 1, data[0] * 2654435761u + 1);
    require(whole.hash == pieces.hash);
    return 0;
}
