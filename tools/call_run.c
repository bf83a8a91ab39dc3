/* call_run: one HTTPS exchange on a loop of its own: connects, sends a request, prints what comes. */
#include "tools/call_run.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "net/connect.h"
#include "net/http.h"
#include "tls/stream.h"
#include "tools/verbs.h"

struct exchange {
    const struct call_options *options;
    struct loop *loop;
    struct names *names;
    struct loop_watch watch;
    struct loop_timer timer;
    struct connect *connect;
    struct stream *stream;
    bool started;
    size_t written;
    char head_bytes[HTTP_HEAD_MAX];
    size_t head_size; /* bytes there */
    size_t scanned;
    struct http_head head;
    struct http_body body;
    bool in_body;
    int code;
    struct reason *why;
};

static void end(struct exchange *exchange, int code)
{
    exchange->code = code;
    loop_stop(exchange->loop);
}

static void fail(struct exchange *exchange, int code, const char *sentence)
{
    reason_set(exchange->why, 0, "%s: %s", text_quote_string(exchange->options->url).text, sentence);
    end(exchange, code);
}

/* ---- The answer ---- */

/* What is behind the head. 0, or a status of the parser's: it is no answer. */
static unsigned take_body(struct exchange *exchange, const char *data, size_t size, struct reason *why)
{
    unsigned status = 0;

    for (size_t at = 0; status == 0 && at < size && !http_body_done(&exchange->body);) {
        struct http_text part;
        size_t used;
        status = http_body_take(&exchange->body, data + at, size - at, &used, &part, why);
        at += used;
        if (status == 0) {
            (void)fwrite(part.data, 1, part.size, stdout); /* main() sees whether it took it */
        }
    }
    return status;
}

static unsigned take_head(struct exchange *exchange, size_t size, struct reason *why)
{
    struct http_head *head = &exchange->head;
    unsigned status = http_response_parse(head, exchange->head_bytes, size, exchange->options->to_head, why);

    if (status == 0 && exchange->options->include) {
        (void)fwrite(exchange->head_bytes, 1, size, stdout);
    }
    if (status == 0 && head->status == 101) {
        reason_set(why, 0, "the service switches to another protocol, which was not asked for");
        status = 400;
    }
    if (status == 0 && head->status >= 200) {
        exchange->in_body = true;
        status = http_body_start(&exchange->body, head, INT64_MAX, why);
    }
    return status;
}

/* Bytes of the answer. 0 or a status. */
static unsigned take(struct exchange *exchange, const char *data, size_t size, struct reason *why)
{
    while (!exchange->in_body && size > 0) {
        size_t room = sizeof exchange->head_bytes - exchange->head_size;
        size_t before = exchange->head_size;
        size_t add = size < room ? size : room;
        size_t whole;
        memcpy(exchange->head_bytes + before, data, add);
        exchange->head_size += add;
        unsigned status = http_head_find(exchange->head_bytes, exchange->head_size, &exchange->scanned, &whole, why);
        if (status == 0 && whole > 0) {
            status = take_head(exchange, whole, why);
            add = whole - before;
            exchange->head_size = 0; /* an interim one is followed by another */
            exchange->scanned = 0;
        }
        if (status != 0) {
            return status;
        }
        data += add;
        size -= add;
    }
    return take_body(exchange, data, size, why);
}

static void answered(struct exchange *exchange)
{
    const struct http_head *head = &exchange->head;

    if (head->status >= 400 && tls_session_asked_in_vain(tls_stream_session(exchange->stream))) {
        char sentence[REASON_SIZE];
        snprintf(sentence, sizeof sentence,
            "the service answered %u; it asked for a client certificate, and there was none to show: give --cert and "
            "--key",
            head->status);
        fail(exchange, EXIT_NO, sentence);
        return;
    }
    end(exchange, head->status < 400 ? EXIT_DONE : EXIT_NO);
}

/* ---- The connection ---- */

/* The session, or the connection, has failed. */
static void broken(struct exchange *exchange, int error)
{
    struct reason why = {""};
    const struct tls_session *session = tls_stream_session(exchange->stream);
    int fault = tls_session_error(session, &why);

    if (fault != 0 && !exchange->started && strncmp(why.text, "certificate verify failed", 25) == 0) {
        fail(exchange, EXIT_NO, why.text);
    } else if (fault != 0) {
        fail(exchange, EXIT_SYSTEM, why.text);
    } else {
        reason_system(&why, error, "the connection broke");
        fail(exchange, EXIT_SYSTEM, why.text);
    }
}

static void report(const struct exchange *exchange)
{
    struct tls_summary summary;

    if (exchange->options->verbose && tls_session_summary(tls_stream_session(exchange->stream), &summary)) {
        fprintf(stderr, "ingot call: %s, %s, %s, %ld days left\n", summary.peer.text, summary.version, summary.suite,
            summary.days_left);
    }
}

/* 0: go on; -EAGAIN: wait; another: it is over. */
static int write_some(struct exchange *exchange)
{
    const struct call_options *options = exchange->options;

    while (exchange->written < options->request_size) {
        const struct iovec part = {
            (void *)(uintptr_t)(options->request + exchange->written), options->request_size - exchange->written};
        ssize_t taken = stream_write(exchange->stream, &part, 1);
        if (taken < 0) {
            return (int)taken;
        }
        exchange->written += (size_t)taken;
    }
    return stream_flush(exchange->stream);
}

/* False: it is over. */
static bool read_some(struct exchange *exchange)
{
    char data[16384];
    struct reason why;
    ssize_t size = stream_read(exchange->stream, data, sizeof data);

    if (size == -EAGAIN) {
        return true;
    }
    if (size < 0) {
        broken(exchange, (int)size);
        return false;
    }
    if (size == 0) {
        if (exchange->in_body && http_body_end(&exchange->body)) {
            answered(exchange);
        } else {
            fail(exchange, EXIT_SYSTEM, "the service has closed the session before its answer was whole");
        }
        return false;
    }
    if (take(exchange, data, (size_t)size, &why) != 0) {
        fail(exchange, EXIT_SYSTEM, why.text);
        return false;
    }
    if (exchange->in_body && http_body_done(&exchange->body)) {
        answered(exchange);
        return false;
    }
    return true;
}

static void ready(struct loop_watch *watch, unsigned events)
{
    struct exchange *exchange = watch->owner;
    int error = exchange->started ? 0 : stream_start(exchange->stream);

    (void)events;
    if (error == 0 && !exchange->started) {
        exchange->started = true;
        report(exchange);
    }
    if (error == 0) {
        error = write_some(exchange);
        error = error == -EPIPE ? 0 : error; /* what it has said before is still read */
    }
    if (error < 0 && error != -EAGAIN) {
        broken(exchange, error);
        return;
    }
    do {
        if (exchange->started && !read_some(exchange)) {
            return;
        }
    } while (exchange->started && stream_waiting(exchange->stream));
    unsigned wanted = LOOP_READ | (error == -EAGAIN && exchange->started ? LOOP_WRITE : 0);
    loop_change(exchange->loop, watch, stream_events(exchange->stream, wanted));
}

static void connected(void *arg, int fd, const struct reason *why)
{
    struct exchange *exchange = arg;
    struct tls_client client = exchange->options->tls;
    struct reason own;

    exchange->connect = NULL;
    if (fd < 0) {
        fail(exchange, EXIT_SYSTEM, why->text);
        return;
    }
    client.now = time(NULL);
    client.clock = "this machine's clock";
    int error = tls_stream_connect(&exchange->stream, fd, &client, &own);
    if (error < 0) {
        close(fd);
        fail(exchange, EXIT_SYSTEM, own.text);
        return;
    }
    exchange->watch = (struct loop_watch){.ready = ready, .owner = exchange};
    error = loop_watch(exchange->loop, &exchange->watch, fd, LOOP_WRITE);
    if (error < 0) {
        reason_system(&own, error, "can't wait for the service");
        fail(exchange, EXIT_SYSTEM, own.text);
    }
}

static void late(struct loop_timer *timer)
{
    struct exchange *exchange = timer->owner;
    struct reason why;

    reason_set(&why, 0, "no whole answer within %lld s", (long long)exchange->options->milliseconds / 1000);
    fail(exchange, EXIT_SYSTEM, why.text);
}

int call_run(const struct call_options *options, struct reason *why)
{
    static struct exchange exchange; /* one in a process: too large for a stack */
    int error = loop_open(&exchange.loop);

    why->text[0] = '\0';
    exchange.options = options;
    exchange.why = why;
    exchange.code = EXIT_SYSTEM;
    exchange.timer = (struct loop_timer){.fired = late, .owner = &exchange};
    if (error == 0) {
        error = loop_after(exchange.loop, &exchange.timer, options->milliseconds);
    }
    if (error == 0) {
        error = names_open(&exchange.names, exchange.loop);
    }
    if (error == 0) {
        error = connect_start(&exchange.connect, exchange.loop, &options->to, options->milliseconds,
            &(struct connect_options){.names = exchange.names}, connected, &exchange);
    }
    if (error == 0) {
        error = loop_run(exchange.loop);
    }
    if (error < 0) {
        reason_system(why, error, "can't start");
    }
    connect_cancel(exchange.connect);
    names_close(exchange.names);
    if (exchange.stream != NULL) {
        loop_unwatch(exchange.loop, &exchange.watch);
        stream_shutdown(exchange.stream);
        stream_close(exchange.stream);
    }
    loop_close(exchange.loop);
    return exchange.code;
}
