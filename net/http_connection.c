/* http_connection: one client's connection, from state to state. */
#include "net/http_connection.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void input_free(struct http_connection *connection)
{
    free(connection->input);
    connection->input = NULL;
    connection->input_at = 0;
    connection->input_size = 0;
    connection->scanned = 0;
}

/* An answer whose end is the connection's must not look whole: a reset instead. */
static void cut_answer(struct http_connection *connection)
{
    static const struct linger reset = {.l_onoff = 1};

    if (connection->ends_answer) {
        setsockopt(connection->watch.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    }
}

void http_connection_destroy(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    bool in_hand = connection->state == HTTP_HANDLING || connection->state == HTTP_STREAM;
    http_cancelled *cancelled = in_hand ? connection->exchange.cancelled : NULL;
    void *arg = connection->exchange.cancelled_arg;

    *connection->self = connection->next;
    if (connection->next != NULL) {
        connection->next->self = connection->self;
    }
    server->connection_count--;
    http_server_accept(server, true);
    loop_cancel(server->loop, &connection->timer);
    loop_unwatch(server->loop, &connection->watch);
    cut_answer(connection);
    stream_close(connection->stream);
    http_exchange_clear(&connection->exchange);
    http_buffer_free(&connection->answer);
    input_free(connection);
    free(connection);
    if (cancelled != NULL) {
        cancelled(arg);
    }
}

struct http_text http_connection_input(const struct http_connection *connection)
{
    bool some = connection->input_size > 0;

    return (struct http_text){some ? connection->input + connection->input_at : "", connection->input_size};
}

void http_connection_consume(struct http_connection *connection, size_t size)
{
    connection->scanned = 0;
    connection->input_size -= size;
    connection->input_at = connection->input_size > 0 ? connection->input_at + size : 0;
}

void http_connection_watch(struct http_connection *connection)
{
    unsigned wanted = connection->state == HTTP_WRITING ? LOOP_WRITE : LOOP_READ;

    if (connection->state == HTTP_STREAM) {
        wanted = http_stream_wanted(connection);
    } else if (connection->state == HTTP_HANDLING && connection->more_waits) {
        wanted = 0;
    }
    loop_change(connection->server->loop, &connection->watch, stream_events(connection->stream, wanted));
}

/* How long each state may last from now on. False: no memory for the timer. */
bool http_connection_enter(struct http_connection *connection, enum http_state state)
{
    struct http_server *server = connection->server;
    const int64_t milliseconds[] = {
        [HTTP_STARTING] = HTTP_SERVER_HEAD_MS,
        [HTTP_IDLE] = server->options.idle_ms,
        [HTTP_HEAD] = HTTP_SERVER_HEAD_MS,
        [HTTP_BODY] = server->options.whole_ms,
        [HTTP_HANDLING] = 0,                     /* for ever */
        [HTTP_STREAM] = server->options.idle_ms, /* http_stream.c moves it on */
        [HTTP_WRITING] = server->options.whole_ms,
        [HTTP_LINGER] = HTTP_SERVER_LINGER_MS,
        [HTTP_CUT] = 0,
    };

    connection->state = state;
    connection->more_waits = false;
    http_connection_watch(connection);
    if (state == HTTP_IDLE || state == HTTP_LINGER) {
        http_server_accept(server, true); /* this one can make room for one that waits */
    }
    if (milliseconds[state] == 0) {
        loop_cancel(server->loop, &connection->timer);
        return true;
    }
    return loop_after(server->loop, &connection->timer, milliseconds[state]) == 0;
}

/* ---- from state to state ---- */

/* How the stream's beginning went, once. */
static void tell_started(struct http_connection *connection, int error)
{
    const struct http_server_options *options = &connection->server->options;

    if (options->started != NULL) {
        options->started(options->arg, connection->stream, error);
    }
}

static bool step_start(struct http_connection *connection, bool *gone)
{
    int error = stream_start(connection->stream);

    if (error == -EAGAIN) {
        return false;
    }
    tell_started(connection, error);
    *gone = error < 0 || !http_connection_enter(connection, HTTP_IDLE);
    return !*gone;
}

bool http_connection_continue(struct http_connection *connection)
{
    static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";

    const struct iovec part = {(void *)(uintptr_t)line, sizeof line - 1};

    /* All answers before this one have gone out, so there is room for a line; if not, the client has stopped reading.
     */
    return stream_write(connection->stream, &part, 1) == (ssize_t)part.iov_len && stream_flush(connection->stream) == 0;
}

/* The body is read whole. False: the connection has failed. */
static bool start_body(struct http_connection *connection)
{
    struct http_exchange *exchange = &connection->exchange;
    struct reason why;
    unsigned status = http_body_start(&exchange->body, &exchange->head, HTTP_BODY_MAX, &why);

    if (status != 0) {
        http_connection_refuse(connection, status, why.text);
        return true;
    }
    if (exchange->head.expect_continue && connection->input_size == 0 && !http_body_done(&exchange->body) &&
        !http_connection_continue(connection)) {
        return false;
    }
    return http_connection_enter(connection, HTTP_BODY);
}

/* A whole head stands at the start of the input. False: the connection has failed. */
static bool start_request(struct http_connection *connection, size_t head_size)
{
    const struct http_server_options *options = &connection->server->options;
    struct http_exchange *exchange = &connection->exchange;
    struct reason why;
    unsigned status;

    exchange->head_bytes = malloc(head_size);
    if (exchange->head_bytes == NULL) {
        return false;
    }
    memcpy(exchange->head_bytes, http_connection_input(connection).data, head_size);
    http_connection_consume(connection, head_size);
    status = http_request_parse(&exchange->head, exchange->head_bytes, head_size, &why);
    connection->close_after = !exchange->head.keep_alive;
    if (status != 0) {
        http_connection_refuse(connection, status, why.text);
        return true;
    }
    if (options->begin != NULL) {
        (void)http_body_start(&exchange->body, &exchange->head, UINT64_MAX, NULL);
        options->begin(options->arg, exchange);
    }
    return connection->state != HTTP_HEAD || start_body(connection);
}

/* The steps of http_connection_advance(): true to go on to the next state, false to wait or, with *gone, to end. */
static bool step_head(struct http_connection *connection, bool *gone)
{
    struct reason why;
    size_t head_size;
    unsigned status;

    if (connection->input_size == 0) {
        input_free(connection);
        return false;
    }
    if (connection->state == HTTP_IDLE && !http_connection_enter(connection, HTTP_HEAD)) {
        *gone = true;
        return false;
    }
    struct http_text input = http_connection_input(connection);
    status = http_head_find(input.data, input.size, &connection->scanned, &head_size, &why);
    if (status != 0) {
        http_connection_refuse(connection, status, why.text);
        return true;
    }
    if (head_size == 0) {
        return false;
    }
    *gone = !start_request(connection, head_size);
    return !*gone;
}

/* Decodes what has arrived of a body. 0 or the status that refuses it. */
static unsigned take_body(struct http_connection *connection, struct reason *why)
{
    struct http_exchange *exchange = &connection->exchange;
    unsigned status = 0;

    while (status == 0 && !http_body_done(&exchange->body) && connection->input_size > 0) {
        struct http_text input = http_connection_input(connection);
        struct http_text part;
        size_t used;
        status = http_body_take(&exchange->body, input.data, input.size, &used, &part, why);
        if (status == 0 && http_buffer_append(&exchange->content, part.data, part.size) < 0) {
            reason_set(why, 0, "no memory is left for another body: send it again when others are done");
            status = 503;
        }
        http_connection_consume(connection, used);
    }
    return status;
}

static bool step_body(struct http_connection *connection, bool *gone)
{
    struct http_exchange *exchange = &connection->exchange;
    struct reason why;
    unsigned status;

    status = take_body(connection, &why);
    if (status != 0) {
        http_connection_refuse(connection, status, why.text);
        return true;
    }
    if (!http_body_done(&exchange->body)) {
        return false;
    }
    if (connection->input_size == 0) {
        input_free(connection);
    }
    *gone = !http_connection_enter(connection, HTTP_HANDLING);
    if (!*gone) {
        connection->server->options.handler(connection->server->options.arg, exchange);
    }
    return connection->state == HTTP_WRITING;
}

bool http_connection_write(struct http_connection *connection, bool *gone)
{
    size_t body_size = connection->without_body ? 0 : connection->answer.size;
    size_t all = connection->answer_head_size + body_size;

    while (connection->written < all) {
        size_t head_size = connection->answer_head_size;
        size_t head_left = connection->written < head_size ? head_size - connection->written : 0;
        size_t body_left = head_left > 0 ? body_size : all - connection->written;
        struct iovec parts[2] = {
            {connection->answer_head + head_size - head_left, head_left},
            {body_left > 0 ? connection->answer.data + body_size - body_left : NULL, body_left},
        };
        ssize_t sent = stream_write(connection->stream, parts, 2);
        if (sent < 0) {
            *gone = sent != -EAGAIN;
            return false;
        }
        connection->written += (size_t)sent;
    }
    return true;
}

bool http_connection_flush(struct http_connection *connection, bool *gone)
{
    int error = stream_flush(connection->stream);

    *gone = error < 0 && error != -EAGAIN;
    return error == 0;
}

static bool step_write(struct http_connection *connection, bool *gone)
{
    if (!http_connection_write(connection, gone) || !http_connection_flush(connection, gone)) {
        *gone = *gone || (!connection->blocked && !http_connection_enter(connection, HTTP_WRITING));
        connection->blocked = true;
        return false;
    }
    http_buffer_free(&connection->answer);
    connection->ends_answer = false;
    if (connection->close_after) {
        stream_shutdown(connection->stream);
        input_free(connection);
        *gone = !http_connection_enter(connection, HTTP_LINGER);
        return false;
    }
    *gone = !http_connection_enter(connection, HTTP_IDLE);
    return !*gone;
}

ssize_t http_connection_fill(struct http_connection *connection)
{
    if (connection->input == NULL) {
        connection->input = malloc(HTTP_HEAD_MAX);
        if (connection->input == NULL) {
            return -ENOMEM;
        }
    }
    if (connection->input_at > 0) {
        memmove(connection->input, connection->input + connection->input_at, connection->input_size);
        connection->input_at = 0;
    }
    ssize_t size = stream_read(
        connection->stream, connection->input + connection->input_size, HTTP_HEAD_MAX - connection->input_size);
    connection->input_size += size > 0 ? (size_t)size : 0;
    return size;
}

/* Reads what has come. False: the client has ended or the connection has failed. */
static bool fill_input(struct http_connection *connection)
{
    ssize_t size = http_connection_fill(connection);

    return size > 0 || size == -EAGAIN;
}

/* One step. True to go on, false to wait or, with *gone, to end. */
static bool step(struct http_connection *connection, bool *gone)
{
    bool more = false;

    switch (connection->state) {
    case HTTP_STARTING:
        return step_start(connection, gone);
    case HTTP_IDLE:
    case HTTP_HEAD:
        more = step_head(connection, gone);
        break;
    case HTTP_BODY:
        more = step_body(connection, gone);
        break;
    case HTTP_WRITING:
        return step_write(connection, gone);
    case HTTP_HANDLING:
    case HTTP_STREAM:
    case HTTP_LINGER:
        return false;
    case HTTP_CUT:
        *gone = true;
        return false;
    }
    bool reading = connection->state == HTTP_IDLE || connection->state == HTTP_HEAD || connection->state == HTTP_BODY;
    if (!more && !*gone && reading && stream_waiting(connection->stream)) {
        *gone = !fill_input(connection);
        more = !*gone;
    }
    return more;
}

void http_connection_advance(struct http_connection *connection)
{
    bool more = true;
    bool gone = false;

    connection->advancing = true;
    while (more && !gone) {
        more = step(connection, &gone);
    }
    connection->advancing = false;
    if (gone) {
        http_connection_destroy(connection);
    } else {
        http_connection_watch(connection);
    }
}

/* ---- events ---- */

bool http_connection_there(struct http_connection *connection)
{
    int there = stream_peek(connection->stream);

    connection->more_waits = there > 0;
    return there > 0 || there == -EAGAIN;
}

static bool drain(struct http_connection *connection)
{
    char thrown_away[4096];
    ssize_t size = recv(connection->watch.fd, thrown_away, sizeof thrown_away, MSG_DONTWAIT);

    return size > 0 || (size < 0 && (errno == EAGAIN || errno == EINTR));
}

static void connection_ready(struct loop_watch *watch, unsigned events)
{
    struct http_connection *connection = watch->owner;
    bool there = !(events & LOOP_HANGUP);

    if (connection->state == HTTP_STREAM && there) {
        http_stream_ready(connection, events);
        return;
    }
    switch (connection->state) {
    case HTTP_STARTING:
        there = true; /* its start says why it failed */
        break;
    case HTTP_IDLE:
    case HTTP_HEAD:
    case HTTP_BODY:
        there = fill_input(connection);
        break;
    case HTTP_HANDLING:
        there = there && http_connection_there(connection);
        break;
    case HTTP_STREAM:
    case HTTP_WRITING:
    case HTTP_CUT:
        break;
    case HTTP_LINGER:
        there = there && drain(connection);
        break;
    }
    if (there) {
        http_connection_advance(connection);
    } else {
        http_connection_destroy(connection);
    }
}

void http_connection_expire(struct http_connection *connection)
{
    if (connection->state == HTTP_STREAM) {
        http_stream_ready(connection, 0);
        return;
    }
    if (connection->state == HTTP_HEAD || connection->state == HTTP_BODY) {
        http_connection_refuse(connection, 408,
            connection->state == HTTP_HEAD ? "the request's head did not come in time"
                                           : "the request's body did not come in time");
        return;
    }
    if (connection->state == HTTP_STARTING) {
        tell_started(connection, -ETIMEDOUT);
    }
    http_connection_destroy(connection);
}

static void connection_late(struct loop_timer *timer)
{
    http_connection_expire(timer->owner);
}

int http_connection_create(struct http_server *server, struct stream *stream)
{
    static const int on = 1;
    struct http_connection *connection = calloc(1, sizeof *connection);

    if (connection == NULL) {
        return -ENOMEM;
    }
    connection->server = server;
    connection->watch = (struct loop_watch){.ready = connection_ready, .owner = connection};
    connection->timer = (struct loop_timer){.fired = connection_late, .owner = connection};
    connection->exchange.content.budget = server->options.budget;
    connection->stream = stream;
    int error = loop_watch(server->loop, &connection->watch, stream->fd, LOOP_READ);
    if (error < 0) {
        free(connection);
        return error;
    }
    setsockopt(stream->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connection->next = server->connections;
    connection->self = &server->connections;
    if (connection->next != NULL) {
        connection->next->self = &connection->next;
    }
    server->connections = connection;
    server->connection_count++;
    if (http_connection_enter(connection, HTTP_STARTING)) {
        http_connection_advance(connection);
    } else {
        http_connection_destroy(connection);
    }
    return 0;
}
