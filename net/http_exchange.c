/* http_exchange: what a handler sees of a request, and the answers that it gives. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "net/http_connection.h"

struct http_connection *http_connection_of(struct http_exchange *exchange)
{
    return (struct http_connection *)((char *)exchange - offsetof(struct http_connection, exchange));
}

void http_exchange_clear(struct http_exchange *exchange)
{
    http_buffer_free(&exchange->content);
    free(exchange->head_bytes);
    exchange->head_bytes = NULL;
    exchange->cancelled = NULL;
    exchange->streaming = (struct http_streaming){0};
}

static void write_answer_head(struct http_connection *connection, unsigned status, const char *type, const char *allow)
{
    bool fits = strlen(type) + (allow != NULL ? strlen(allow) : 0) <= HTTP_SERVER_TYPE_MAX;
    int size = snprintf(connection->answer_head, HTTP_ANSWER_HEAD_ROOM,
        "HTTP/1.1 %u %s\r\n"
        "Content-Type: %s\r\n"
        "Content-Length: %zu\r\n"
        "%s%s%s%s\r\n",
        status, http_status_phrase(status), fits ? type : "application/octet-stream", connection->answer.size,
        fits && allow != NULL ? "Allow: " : "", fits && allow != NULL ? allow : "", fits && allow != NULL ? "\r\n" : "",
        connection->close_after ? "Connection: close\r\n" : "");

    connection->answer_head_size = (size_t)size; /* far from HTTP_ANSWER_HEAD_ROOM, by what fits */
}

void http_exchange_answer(
    struct http_exchange *exchange, unsigned status, const char *type, const char *allow, struct http_buffer *body)
{
    struct http_connection *connection = http_connection_of(exchange);
    const struct http_server_options *options = &connection->server->options;

    if (options->answered != NULL) {
        options->answered(options->arg, status);
    }
    connection->without_body = exchange->head_bytes != NULL && http_text_is(exchange->head.method, "HEAD");
    if (!connection->close_after) {
        http_stream_pass_body(connection);
        connection->close_after = !http_body_done(&exchange->body);
    }
    connection->answer = *body;
    *body = (struct http_buffer){.budget = body->budget};
    connection->written = 0;
    connection->blocked = false;
    write_answer_head(connection, status, type, allow);
    http_exchange_clear(exchange);
    connection->state = HTTP_WRITING;
    if (!connection->advancing) {
        http_connection_advance(connection);
    }
}

static int append_json(const char *text, size_t size, void *body)
{
    return http_buffer_append(body, text, size);
}

void http_exchange_error(struct http_exchange *exchange, unsigned status, const char *allow, const char *sentence)
{
    struct http_buffer body = {0};
    /* Not UTF-8 (a sentence cut inside a character): quoted whole. */
    json_t *text = json_string(sentence);
    json_t *error = json_object();

    (void)json_object_set_new(error, "error", text != NULL ? text : json_string(text_quote_string(sentence).text));
    http_exchange_drop_body(exchange);
    if (json_dump_callback(error, append_json, &body, JSON_COMPACT) < 0 || http_buffer_append(&body, "\n", 1) < 0) {
        http_buffer_free(&body); /* no memory even for this: the status alone */
    }
    json_decref(error);
    http_exchange_answer(exchange, status, "application/json", allow, &body);
}

void http_connection_refuse(struct http_connection *connection, unsigned status, const char *sentence)
{
    connection->close_after = true;
    if (connection->server->options.refused != NULL) {
        connection->server->options.refused(connection->server->options.arg, status, sentence);
    }
    http_exchange_error(&connection->exchange, status, NULL, sentence);
}

const struct http_head *http_exchange_head(const struct http_exchange *exchange)
{
    return &exchange->head;
}

const struct stream *http_exchange_stream(const struct http_exchange *exchange)
{
    return http_connection_of((struct http_exchange *)(uintptr_t)exchange)->stream;
}

struct http_text http_exchange_body(const struct http_exchange *exchange)
{
    return (struct http_text){exchange->content.data != NULL ? exchange->content.data : "", exchange->content.size};
}

void http_exchange_drop_body(struct http_exchange *exchange)
{
    http_buffer_free(&exchange->content);
    if (exchange->streaming.events != NULL) {
        http_stream_pass_body(http_connection_of(exchange));
    }
}

void http_exchange_on_cancel(struct http_exchange *exchange, http_cancelled *cancelled, void *arg)
{
    exchange->cancelled = cancelled;
    exchange->cancelled_arg = arg;
}
