/* upstream_call: one call on a connection to a service: the request out, the answer in, each as fast as it is taken. */
#include "app/upstream_call.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "app/say.h"
#include "tls/explain.h"
#include "tls/stream.h"

static bool is_tls(const struct upstream_call *call)
{
    return call->endpoint->tls != CONFIG_TLS_NONE;
}

/* The first reason stays. */
static void fail(struct upstream_call *call, enum upstream_outcome outcome)
{
    call->work->outcome = outcome;
    call->state = UPSTREAM_FAILED;
    loop_unwatch(call->upstream->loop, &call->watch);
    loop_cancel(call->upstream->loop, &call->timer);
}

static bool request_is_out(const struct upstream_call *call)
{
    const struct upstream_work *work = call->work;

    return call->ended && work->head.size == 0 && work->frame_size == 0 && !call->blocked && !call->deaf;
}

bool upstream_call_whole(const struct upstream_call *call)
{
    const struct upstream_work *work = call->work;

    return call->state == UPSTREAM_OPEN && request_is_out(call) && !call->hung && http_reader_kept(&work->reader) &&
           work->input_at == work->input_size && !stream_waiting(call->stream);
}

/* What is waited for, and for how long; after everything that may have changed it. */
static void settle(struct upstream_call *call)
{
    struct loop *loop = call->upstream->loop;
    bool reading = call->state == UPSTREAM_STARTING || !call->work->reader.in_body || call->starved;
    bool starting = call->state == UPSTREAM_CONNECTING || call->state == UPSTREAM_STARTING;
    bool unanswered = request_is_out(call) && !call->work->reader.in_body;

    if (call->state == UPSTREAM_FAILED) {
        return;
    }
    if (call->watch.active && call->state != UPSTREAM_CONNECTING) {
        unsigned wanted = (reading ? LOOP_READ : 0) | (call->blocked ? LOOP_WRITE : 0);
        loop_change(loop, &call->watch, stream_events(call->stream, wanted));
    }
    if (!starting && !call->blocked && !unanswered && !call->starved) {
        loop_cancel(loop, &call->timer);
    } else if ((call->timer.place == 0 || call->moving) && loop_after(loop, &call->timer, call->milliseconds) < 0) {
        reason_set(&call->work->why, 0, "no memory is left for a timer");
        fail(call, UPSTREAM_NO_MEMORY);
    }
    call->moving = false;
}

/* ---- the request ---- */

/* How many bytes went; -EAGAIN; -EPIPE. */
static ssize_t put(struct upstream_call *call, const char *data, size_t size)
{
    const struct iovec part = {(void *)(uintptr_t)data, size};
    ssize_t sent = call->deaf ? -EPIPE : call->blocked ? -EAGAIN : stream_write(call->stream, &part, 1);

    if (sent > 0) {
        call->trace.sent = true;
        call->moving = true;
    } else if (sent == -EAGAIN) {
        call->blocked = true;
    } else {
        call->deaf = true; /* a service that refuses a request early answers, then closes */
        return -EPIPE;
    }
    return sent;
}

/* The head, and what the chunked coding has around the bytes. 0, -EAGAIN or -EPIPE. */
static int put_own(struct upstream_call *call)
{
    struct upstream_work *work = call->work;
    ssize_t sent = 0;

    while (work->head.size > 0 && sent >= 0) {
        sent = put(call, work->head.data + work->head_written, work->head.size - work->head_written);
        work->head_written += sent > 0 ? (size_t)sent : 0;
        if (work->head_written == work->head.size) {
            http_buffer_free(&work->head);
        }
    }
    while (work->frame_size > 0 && sent >= 0) {
        sent = put(call, work->frame + work->frame_written, work->frame_size - work->frame_written);
        work->frame_written += sent > 0 ? (size_t)sent : 0;
        if (work->frame_written == work->frame_size) {
            work->frame_size = 0;
        }
    }
    return sent < 0 ? (int)sent : 0;
}

static void flush(struct upstream_call *call)
{
    int error = call->deaf ? -EPIPE : stream_flush(call->stream);

    call->blocked = call->blocked || error == -EAGAIN;
    call->deaf = error < 0 && error != -EAGAIN;
}

/* A chunk begins, or with size 0 the last one. */
static void frame_chunk(struct upstream_work *work, size_t size)
{
    int length = snprintf(
        work->frame, sizeof work->frame, "%s%zx\r\n%s", work->chunked ? "\r\n" : "", size, size == 0 ? "\r\n" : "");

    work->frame_size = (size_t)length;
    work->frame_written = 0;
    work->chunk_left = size;
    work->chunked = true;
}

bool upstream_writable(const struct upstream_call *call)
{
    const struct upstream_work *work = call->work;

    return call->state == UPSTREAM_OPEN && !call->blocked && !call->deaf && work->head.size == 0 &&
           work->frame_size == 0;
}

ssize_t upstream_write(struct upstream_call *call, const void *data, size_t size)
{
    struct upstream_work *work = call->work;
    ssize_t sent = -EAGAIN;

    if (call->state != UPSTREAM_OPEN) {
        return call->state == UPSTREAM_FAILED ? -EPIPE : -EAGAIN;
    }
    if (call->framing == HTTP_FRAMING_CHUNKED && work->chunk_left == 0 && work->frame_size == 0) {
        frame_chunk(work, size);
    }
    sent = put_own(call);
    if (sent == 0) {
        bool chunked = call->framing == HTTP_FRAMING_CHUNKED;
        sent = put(call, data, chunked && work->chunk_left < size ? work->chunk_left : size);
    }
    if (sent > 0 && call->framing == HTTP_FRAMING_CHUNKED) {
        work->chunk_left -= (size_t)sent;
    }
    flush(call);
    settle(call);
    return sent;
}

void upstream_end(struct upstream_call *call)
{
    if (call->ended || call->state == UPSTREAM_FAILED) {
        return;
    }
    call->ended = true;
    if (call->framing == HTTP_FRAMING_CHUNKED) {
        frame_chunk(call->work, 0);
    }
    if (call->state == UPSTREAM_OPEN) {
        (void)put_own(call);
        flush(call);
    }
    settle(call);
}

/* ---- the answer ---- */

/* The service has ended, well or not, before its answer was whole. */
static void fail_at_end(struct upstream_call *call, int error)
{
    struct reason *why = &call->work->why;
    int code = is_tls(call) ? tls_session_error(tls_stream_session(call->stream), why) : 0;

    if (!call->trace.heard && (code == 0 || code == TLS_FAULT_TRUNCATED)) {
        reason_set(why, 0, "the connection was closed before a byte of the answer had come");
    } else if (code == 0 && error < 0) {
        reason_system(why, error, "the connection has failed");
    } else if (code == 0) {
        reason_set(why, 0, "the connection was closed before the answer was whole");
    }
    fail(call, call->trace.heard || call->trace.reused || is_tls(call) ? UPSTREAM_BROKEN : UPSTREAM_UNREACHED);
}

/* 1: there is some; 0: none will come, and the answer is whole or the call has failed; -EAGAIN. */
static int fill(struct upstream_call *call)
{
    struct upstream_work *work = call->work;
    ssize_t size = stream_read(call->stream, work->input, sizeof work->input);

    if (size == -EAGAIN) {
        return -EAGAIN;
    }
    work->input_at = 0;
    work->input_size = size > 0 ? (size_t)size : 0;
    if (size > 0) {
        call->trace.heard = true;
        call->moving = call->moving || work->reader.in_body;
        return 1;
    }
    work->closed = size == 0 && http_reader_end(&work->reader);
    if (!work->closed) {
        fail_at_end(call, (int)size);
    }
    return 0;
}

/* Takes some of what was read; *part is a run of the body. False: the call has failed. */
static bool take(struct upstream_call *call, struct http_text *part)
{
    struct upstream_work *work = call->work;
    size_t used = 0;
    int error = http_reader_part(
        &work->reader, work->input + work->input_at, work->input_size - work->input_at, &used, part, &work->why);

    work->input_at += used;
    if (error < 0) {
        fail(call, error == -EBADMSG ? UPSTREAM_BROKEN : UPSTREAM_NO_MEMORY);
    }
    return error == 0;
}

static void read_head(struct upstream_call *call)
{
    struct upstream_work *work = call->work;
    struct http_text part;

    while (call->state == UPSTREAM_OPEN && !work->reader.in_body) {
        if (work->input_at == work->input_size && fill(call) <= 0) {
            return;
        }
        (void)take(call, &part);
    }
}

const struct http_head *upstream_head(const struct upstream_call *call)
{
    return call->work->reader.in_body ? &call->work->reader.head : NULL;
}

ssize_t upstream_read(struct upstream_call *call, struct http_text *part)
{
    struct upstream_work *work = call->work;
    ssize_t result = -EAGAIN;

    *part = (struct http_text){"", 0};
    call->starved = false;
    while (result == -EAGAIN && call->state == UPSTREAM_OPEN) {
        if (work->closed || http_reader_done(&work->reader)) {
            result = 0;
        } else if (work->input_at < work->input_size) {
            result = take(call, part) && part->size > 0 ? (ssize_t)part->size : -EAGAIN;
        } else if (fill(call) == -EAGAIN) {
            call->starved = true;
            break;
        }
    }
    settle(call);
    return call->state == UPSTREAM_FAILED ? -EIO : result;
}

enum upstream_outcome upstream_outcome(const struct upstream_call *call, struct reason *why)
{
    if (why != NULL) {
        *why = call->work->why;
    }
    return call->work->outcome;
}

struct upstream_trace upstream_trace(const struct upstream_call *call)
{
    return call->trace;
}

/* ---- the connection ---- */

static void count(struct upstream_call *call)
{
    struct upstream_counts *counts = &call->upstream->counts[call->endpoint - call->upstream->config->endpoints];
    struct tls_summary summary;

    if (!is_tls(call)) {
        counts->opened++;
        return;
    }
    (void)tls_session_summary(tls_stream_session(call->stream), &summary);
    *(summary.resumed ? &counts->resumed : &counts->opened) += 1;
    say("TLS session with %s:%u: %s, %s, %s, %ld days left%s", call->endpoint->host, call->endpoint->port,
        summary.peer.text, summary.version, summary.suite, summary.days_left, summary.resumed ? ", resumed" : "");
}

static void fail_handshake(struct upstream_call *call)
{
    struct reason *why = &call->work->why;

    (void)tls_session_error(tls_stream_session(call->stream), why);
    if (tls_stream_heard(call->stream)) {
        fail(call, UPSTREAM_UNTRUSTED);
        return;
    }
    reason_set(why, 0, "the connection was accepted and ended before the other side had said a byte");
    fail(call, UPSTREAM_UNREACHED);
}

static void check_connected(struct upstream_call *call)
{
    int error = 0;
    socklen_t size = sizeof error;

    if (getsockopt(call->stream->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0) {
        error = errno;
    }
    if (error != 0) {
        reason_system(&call->work->why, -error, "cannot connect");
        fail(call, UPSTREAM_UNREACHED);
        return;
    }
    call->state = UPSTREAM_STARTING;
}

static void start(struct upstream_call *call)
{
    int error = stream_start(call->stream);

    if (error == 0) {
        call->state = UPSTREAM_OPEN;
        count(call);
    } else if (error != -EAGAIN) {
        fail_handshake(call);
    }
}

static void call_ready(struct loop_watch *watch, unsigned events)
{
    struct upstream_call *call = watch->owner;

    if (call->state == UPSTREAM_CONNECTING) {
        check_connected(call);
    } else if (call->state == UPSTREAM_OPEN && (events & LOOP_HANGUP)) {
        call->hung = true;
        loop_unwatch(call->upstream->loop, watch);
    }
    if (call->state == UPSTREAM_STARTING) {
        start(call);
    }
    if (events & (LOOP_WRITE | LOOP_HANGUP)) {
        call->blocked = false;
    }
    if (call->state == UPSTREAM_OPEN && !call->blocked) {
        (void)put_own(call);
        flush(call);
    }
    if (call->state == UPSTREAM_OPEN) {
        read_head(call);
    }
    settle(call);
    call->moved(call->arg);
}

static void call_late(struct loop_timer *timer)
{
    struct upstream_call *call = timer->owner;
    const char *what = call->state != UPSTREAM_OPEN ? "no connection"
                       : call->blocked              ? "no byte of the request was taken"
                       : call->work->reader.in_body ? "the answer did not go on"
                                                    : "no answer";

    reason_set(&call->work->why, 0, "%s within %" PRId64 " s", what, call->milliseconds / 1000);
    fail(call, UPSTREAM_LATE);
    call->moved(call->arg);
}

/* What failed inside upstream_start() is told in the next turn. */
static void call_failed(struct loop_timer *timer)
{
    struct upstream_call *call = timer->owner;

    call->moved(call->arg);
}

int upstream_call_send(struct upstream_call *call)
{
    call->watch.ready = call_ready;
    call->timer.fired = call_late;
    (void)put_own(call);
    flush(call);
    settle(call);
    return call->state == UPSTREAM_FAILED ? -ENOMEM : 0;
}

static int connect_to(struct upstream_call *call, struct reason *why)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
        .sin_addr.s_addr = htonl(call->endpoint->address),
        .sin_port = htons(call->endpoint->port)};
    int fd = call->stream->fd;

    if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS) {
        return reason_system(why, -errno, "cannot connect");
    }
    int error = loop_watch(call->upstream->loop, &call->watch, fd, LOOP_WRITE);
    return error < 0 ? reason_system(why, error, "cannot wait for the connection") : 0;
}

int upstream_call_connect(struct upstream_call *call)
{
    static const int on = 1;

    setsockopt(call->stream->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    call->watch.ready = call_ready;
    call->timer.fired = call_late;
    if (connect_to(call, &call->work->why) < 0) {
        fail(call, UPSTREAM_UNREACHED);
        call->timer.fired = call_failed;
        return loop_after(call->upstream->loop, &call->timer, 0);
    }
    return loop_after(call->upstream->loop, &call->timer, call->milliseconds);
}
