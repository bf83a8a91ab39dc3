/* http_stream: the exchange that goes through in pieces: reads as much as its owner takes, sends as the client takes.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "net/http_connection.h"
#include "net/http_write.h"

#define OUTPUT HTTP_HEAD_MAX /* bytes of an answer that wait for the client: one TLS record */
#define FILLS_PER_TURN 4     /* then others have their turn */

/* ---- waiting ---- */

/* Sets the timer to the first that is awaited. It is always set in this state, so this can't fail but inside it. */
static bool settle(struct http_connection *connection)
{
    const struct http_streaming *streaming = &connection->exchange.streaming;
    int64_t now = loop_now(connection->server->loop);
    int64_t due = now + connection->server->options.idle_ms;

    if (streaming->read_by != 0 && streaming->read_by < due) {
        due = streaming->read_by;
    }
    if (streaming->write_by != 0 && streaming->write_by < due) {
        due = streaming->write_by;
    }
    http_connection_watch(connection);
    return streaming->awake ? loop_next(connection->server->loop, &connection->timer) == 0
                            : loop_after(connection->server->loop, &connection->timer, due - now) == 0;
}

/* What is to be done is done at this turn's end, outside of the owner's call. */
static void wake(struct http_connection *connection)
{
    if (!connection->exchange.streaming.awake) {
        connection->exchange.streaming.awake = true;
        (void)settle(connection);
    }
}

static void fail(struct http_connection *connection)
{
    connection->exchange.streaming.failed = true;
    wake(connection);
}

unsigned http_stream_wanted(const struct http_connection *connection)
{
    const struct http_streaming *streaming = &connection->exchange.streaming;
    bool awaited = http_body_done(&connection->exchange.body) ? !connection->more_waits : streaming->read_owed;

    return (awaited ? LOOP_READ : 0) | (streaming->write_by != 0 ? LOOP_WRITE : 0);
}

/* ---- the body ---- */

int http_exchange_stream_to(struct http_exchange *exchange, uint64_t max, const struct http_events *events, void *arg)
{
    struct http_connection *connection = http_connection_of(exchange);
    unsigned status = http_body_start(&exchange->body, &exchange->head, max, NULL);

    exchange->streaming = (struct http_streaming){.events = events, .arg = arg};
    exchange->cancelled = events->cancelled;
    exchange->cancelled_arg = arg;
    connection->answer = (struct http_buffer){0};
    connection->answer_head_size = 0;
    connection->without_body = false;
    connection->written = 0;
    (void)http_connection_enter(connection, HTTP_STREAM); /* its timer is set already: that can't fail */
    return status == 0 ? 0 : -EMSGSIZE;
}

/* Reads more from the client. False: there is nothing now. */
static bool read_more(struct http_connection *connection)
{
    struct http_streaming *streaming = &connection->exchange.streaming;
    const struct http_exchange *exchange = &connection->exchange;
    bool awaits = exchange->head.expect_continue && exchange->body.size == 0;
    ssize_t size = streaming->fills < FILLS_PER_TURN ? http_connection_fill(connection) : -EAGAIN;

    if (size > 0) {
        streaming->fills++;
        streaming->read_by = 0;
        return true;
    }
    streaming->read_owed = true;
    if (streaming->read_by == 0) {
        streaming->read_by = loop_now(connection->server->loop) + connection->server->options.idle_ms;
    }
    if (size != -EAGAIN) {
        fail(connection);
    } else if (awaits && !streaming->continued && !streaming->started) {
        streaming->continued = true;
        if (!http_connection_continue(connection)) {
            fail(connection);
        }
    }
    if (stream_waiting(connection->stream)) {
        wake(connection); /* no event tells of these */
    }
    return false;
}

ssize_t http_exchange_read(struct http_exchange *exchange, struct http_text *part)
{
    struct http_connection *connection = http_connection_of(exchange);

    while (!http_body_done(&exchange->body) && !exchange->streaming.failed) {
        struct http_body body = exchange->body;
        struct http_text input = http_connection_input(connection);
        size_t used;
        unsigned status = http_body_take(&body, input.data, input.size, &used, part, NULL);
        if (status == 413) {
            return -EMSGSIZE;
        }
        if (status != 0) {
            fail(connection); /* which reads the same bytes again, for the sentence */
            break;
        }
        exchange->body = body;
        http_connection_consume(connection, used);
        if (part->size > 0) {
            return (ssize_t)part->size;
        }
        if (!http_body_done(&body) && !read_more(connection)) {
            break;
        }
    }
    (void)settle(connection);
    *part = (struct http_text){"", 0};
    return http_body_done(&exchange->body) ? 0 : -EAGAIN;
}

void http_stream_pass_body(struct http_connection *connection)
{
    struct http_body *body = &connection->exchange.body;
    unsigned status = 0;

    body->max = UINT64_MAX; /* nothing of it is kept */
    while (status == 0 && !http_body_done(body) && connection->input_size > 0) {
        struct http_text input = http_connection_input(connection);
        struct http_text part;
        size_t used;
        status = http_body_take(body, input.data, input.size, &used, &part, NULL);
        http_connection_consume(connection, used);
    }
}

/* ---- the answer ---- */

/* How the answer is framed for this client; NONE: not at all. */
static enum http_framing choose_framing(
    struct http_streaming *streaming, const struct http_head *request, unsigned status, enum http_framing framing)
{
    bool unframed = status == 204 || (status == 304 && framing != HTTP_FRAMING_LENGTH);
    bool to_head = http_text_is(request->method, "HEAD");

    streaming->bodiless = status == 204 || status == 304 || to_head || framing == HTTP_FRAMING_NONE;
    if (unframed || (to_head && framing == HTTP_FRAMING_NONE)) {
        return HTTP_FRAMING_NONE;
    }
    if (framing == HTTP_FRAMING_LENGTH || framing == HTTP_FRAMING_NONE) {
        streaming->bounded = !streaming->bodiless;
        return HTTP_FRAMING_LENGTH;
    }
    streaming->chunked = request->minor == 1;
    return streaming->chunked ? HTTP_FRAMING_CHUNKED : HTTP_FRAMING_CLOSE;
}

static int write_head(struct http_connection *connection, unsigned status, const struct http_field *fields,
    size_t count, enum http_framing framing, uint64_t length)
{
    struct http_buffer *out = &connection->answer;
    char line[64];
    int error = http_buffer_reserve(out, HTTP_SERVER_ANSWER_HEAD_MAX);

    (void)snprintf(line, sizeof line, "HTTP/1.1 %u %s\r\n", status, http_status_phrase(status));
    if (error == 0) {
        error = http_write_text(out, line);
    }
    if (error == 0) {
        error = http_write_fields(out, fields, count);
    }
    if (error == 0) {
        error = http_write_framing(out, framing, length);
    }
    if (error == 0) {
        error = http_write_text(out, connection->close_after ? "Connection: close\r\n\r\n" : "\r\n");
    }
    return error == 0 && out->size > HTTP_SERVER_ANSWER_HEAD_MAX ? -EMSGSIZE : error;
}

int http_exchange_start(struct http_exchange *exchange, unsigned status, const struct http_field *fields, size_t count,
    enum http_framing framing, uint64_t length)
{
    struct http_connection *connection = http_connection_of(exchange);
    const struct http_server_options *options = &connection->server->options;
    struct http_streaming before = exchange->streaming;
    bool close_before = connection->close_after;

    if (status < 200 || status > 599) {
        return -EINVAL;
    }
    length = framing == HTTP_FRAMING_LENGTH ? length : 0;
    framing = choose_framing(&exchange->streaming, &exchange->head, status, framing);
    connection->close_after = close_before || !http_body_done(&exchange->body);
    int error = write_head(connection, status, fields, count, framing, length);
    if (error < 0) {
        http_buffer_free(&connection->answer);
        exchange->streaming = before;
        connection->close_after = close_before;
        return error;
    }
    exchange->streaming.started = true;
    connection->ends_answer = framing == HTTP_FRAMING_CLOSE;
    exchange->streaming.left = length;
    if (options->answered != NULL) {
        options->answered(options->arg, status);
    }
    wake(connection);
    return 0;
}

/* Sends what waits. True: all of it has gone; without flush the stream may keep some back until this turn's end. */
static bool push(struct http_connection *connection, bool flush)
{
    struct http_streaming *streaming = &connection->exchange.streaming;
    size_t before = connection->written;
    bool gone = false;

    streaming->unflushed = !flush;
    if (http_connection_write(connection, &gone) && (!flush || http_connection_flush(connection, &gone))) {
        connection->answer.size = 0;
        connection->written = 0;
        streaming->write_by = 0;
        return true;
    }
    if (gone) {
        fail(connection);
    } else if (streaming->write_by == 0 || connection->written > before) {
        streaming->write_by = loop_now(connection->server->loop) + connection->server->options.idle_ms;
    }
    return false;
}

/* Puts some of the size bytes behind what waits. How many; 0: there is no room. */
static size_t put(struct http_connection *connection, const char *data, size_t size)
{
    bool chunked = connection->exchange.streaming.chunked;
    struct http_buffer *out = &connection->answer;
    size_t extra = chunked ? HTTP_CHUNK_EXTRA : 0;
    size_t room = out->size + extra < OUTPUT ? OUTPUT - out->size - extra : 0;

    size = size < room ? size : room;
    if (size == 0 || connection->written > 0) {
        return 0;
    }
    /* There is memory for all of it since the answer's start. */
    (void)(chunked ? http_write_chunk(out, data, size) : http_buffer_append(out, data, size));
    return size;
}

ssize_t http_exchange_write(struct http_exchange *exchange, const void *data, size_t size)
{
    struct http_connection *connection = http_connection_of(exchange);
    struct http_streaming *streaming = &exchange->streaming;
    size_t taken = 0;

    if (streaming->bodiless) {
        return (ssize_t)size;
    }
    if (streaming->bounded && size > streaming->left) {
        return -EMSGSIZE;
    }
    while (taken < size && !streaming->failed) {
        size_t more = put(connection, (const char *)data + taken, size - taken);
        taken += more;
        if (more == 0 && (streaming->write_by != 0 || !push(connection, false))) {
            break;
        }
    }
    streaming->left -= streaming->bounded ? taken : 0;
    streaming->write_owed = taken < size;
    if (streaming->write_by == 0) {
        wake(connection);
    } else {
        (void)settle(connection);
    }
    return taken > 0 || size == 0 ? (ssize_t)taken : -EAGAIN;
}

/* ---- the end ---- */

/* The connection goes on by itself. */
static void leave(struct http_connection *connection, enum http_state state)
{
    connection->state = state;
    if (!connection->advancing) {
        http_connection_advance(connection);
    }
}

void http_exchange_finish(struct http_exchange *exchange)
{
    struct http_connection *connection = http_connection_of(exchange);
    struct http_streaming *streaming = &exchange->streaming;
    bool last = streaming->chunked && !streaming->bodiless;

    if (!streaming->started || (streaming->bounded && streaming->left > 0) ||
        (last && http_write_last_chunk(&connection->answer) < 0)) {
        http_exchange_abort(exchange);
        return;
    }
    connection->blocked = false;
    http_exchange_clear(exchange);
    leave(connection, HTTP_WRITING);
}

void http_exchange_abort(struct http_exchange *exchange)
{
    struct http_connection *connection = http_connection_of(exchange);

    if (exchange->streaming.started) {
        (void)push(connection, true);
    }
    leave(connection, HTTP_CUT);
}

/* The client has failed: what its body breaks is answered where no answer has begun. */
static void end(struct http_connection *connection, bool late)
{
    struct http_exchange *exchange = &connection->exchange;
    struct http_text input = http_connection_input(connection);
    struct http_text part;
    struct reason why;
    size_t used;
    unsigned status = http_body_take(&exchange->body, input.data, input.size, &used, &part, &why);

    if (late && status == 0) {
        status = 408;
        reason_set(&why, 0, "the request's body did not come in time");
    }
    if (exchange->streaming.started || status == 0) {
        http_connection_destroy(connection);
        return;
    }
    http_cancelled *cancelled = exchange->cancelled;
    void *arg = exchange->cancelled_arg;
    http_connection_refuse(connection, status, why.text);
    cancelled(arg);
}

/* ---- events ---- */

/* Tells the owner what it waits for. It may end the exchange each time. */
static void tell(struct http_connection *connection, bool readable)
{
    struct http_streaming *streaming = &connection->exchange.streaming;

    if (readable && streaming->read_owed) {
        streaming->read_owed = false;
        streaming->read_by = 0;
        streaming->events->readable(streaming->arg);
    }
    if (connection->state == HTTP_STREAM && streaming->write_owed && connection->answer.size == 0) {
        streaming->write_owed = false;
        streaming->events->writable(streaming->arg);
    }
}

void http_stream_ready(struct http_connection *connection, unsigned events)
{
    struct http_streaming *streaming = &connection->exchange.streaming;
    int64_t now = loop_now(connection->server->loop);
    bool gone = false;

    streaming->fills = 0;
    streaming->awake = false;
    connection->advancing = true;
    if (connection->answer.size > 0 || streaming->unflushed || (events & LOOP_WRITE)) {
        (void)push(connection, true);
    }
    bool late = streaming->read_by != 0 && now >= streaming->read_by && !(events & LOOP_READ);
    bool stuck = streaming->write_by != 0 && now >= streaming->write_by;
    if (http_body_done(&connection->exchange.body)) {
        gone = (events & LOOP_READ) && !http_connection_there(connection);
    }
    if (!streaming->failed && !late && !stuck && !gone) {
        tell(connection, (events & LOOP_READ) || stream_waiting(connection->stream));
    }
    connection->advancing = false;
    if (connection->state != HTTP_STREAM) {
        http_connection_advance(connection);
    } else if (streaming->failed || late) {
        end(connection, late);
    } else if (stuck || gone || !settle(connection)) {
        http_connection_destroy(connection);
    }
}
