/* passage_ends: how passages begin and end: the request that goes to the service, refusals, the line in the log. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/passage.h"
#include "app/say.h"
#include "tls/stream.h"

/* ---- the request ---- */

/* HOST, or HOST:PORT where the port is not the usual one. */
static void write_authority(const struct config_endpoint *endpoint, char text[static CONFIG_HOST_MAX + sizeof ":65535"])
{
    bool usual = endpoint->port == (endpoint->tls == CONFIG_TLS_NONE ? 80 : 443);

    (void)snprintf(text, CONFIG_HOST_MAX + sizeof ":65535", usual ? "%s" : "%s:%u", endpoint->host, endpoint->port);
}

/* The service's path, and the query as it came. NULL: no memory. */
static char *make_target(const struct passage *passage, const struct http_head *head)
{
    size_t passed = strlen(passage->route->path);
    size_t target_size = strlen(passage->route->target);
    size_t rest = head->target.size - passed; /* the route covers the path, so its length is there */
    char *target = malloc(target_size + rest + 1);

    if (target != NULL) {
        memcpy(target, passage->route->target, target_size);
        memcpy(target + target_size, head->target.data + passed, rest);
        target[target_size + rest] = '\0';
    }
    return target;
}

/* The client's certificate as a field's value; *text stays NULL where the client came in clear. 0 or -ENOMEM. */
static int make_certificate(const struct passage *passage, char **text)
{
    const struct stream *stream = http_exchange_stream(passage->exchange);

    *text = NULL;
    if (!inbound_private(stream)) {
        return 0;
    }
    struct bytes leaf = tls_session_leaf(tls_stream_session(stream));
    *text = malloc(FIELDS_CERTIFICATE_SIZE(leaf.size));
    if (*text == NULL) {
        return -ENOMEM;
    }
    fields_certificate(leaf, *text);
    return 0;
}

/* Services want a length of these even where there is no body (RFC 9110 §8.6). */
static bool wants_length(struct http_text method)
{
    return http_text_is(method, "POST") || http_text_is(method, "PUT") || http_text_is(method, "PATCH");
}

int passage_write_request(
    const struct passage *passage, struct http_buffer *out, enum http_framing *framing, struct reason *why)
{
    const struct http_head *head = http_exchange_head(passage->exchange);
    bool empty = head->framing == HTTP_FRAMING_NONE;
    struct http_field fields[FIELDS_MAX];
    char authority[CONFIG_HOST_MAX + sizeof ":65535"];
    char *target = make_target(passage, head);
    char *certificate = NULL;
    int error = target != NULL ? make_certificate(passage, &certificate) : -ENOMEM;

    write_authority(&passage->gateway->application.config->endpoints[passage->route->endpoint], authority);
    *framing = empty || (head->framing == HTTP_FRAMING_LENGTH && head->length == 0) ? HTTP_FRAMING_NONE : head->framing;
    if (error == 0) {
        size_t count = fields_of_request(head, passage->route, passage->id, certificate, fields);
        error = http_request_start(out, head->method, authority, (struct http_text){target, strlen(target)}, fields,
            count, empty && wants_length(head->method) ? HTTP_FRAMING_LENGTH : head->framing, head->length);
    }
    free(certificate);
    free(target);
    if (error < 0) {
        http_buffer_free(out);
        reason_set(why, error, "no memory is left for the request to the service: send it again later");
    }
    return error;
}

/* ---- refusals ---- */

static int append_json(const char *text, size_t size, void *body)
{
    return http_buffer_append(body, text, size);
}

/* {"error": …, "request_id": …}; empty where there is no memory even for that. */
static void write_error(struct http_buffer *body, const char *sentence, const char *id)
{
    /* Not UTF-8 (a sentence cut inside a character): quoted whole. */
    json_t *text = json_string(sentence);
    json_t *error = json_object();

    (void)json_object_set_new(error, "error", text != NULL ? text : json_string(text_quote_string(sentence).text));
    (void)json_object_set_new(error, "request_id", json_string(id));
    if (json_dump_callback(error, append_json, body, JSON_COMPACT) < 0 || http_buffer_append(body, "\n", 1) < 0) {
        http_buffer_free(body);
    }
    json_decref(error);
}

void passage_refuse(struct passage *passage, unsigned status, const char *allow, const char *sentence)
{
    struct http_buffer body = {0};
    struct http_field fields[4] = {
        {{"Content-Type", 12}, {"application/json", 16}},
        {{"X-Request-Id", 12}, {passage->id, strlen(passage->id)}},
    };
    size_t count = 2;

    if (allow != NULL) {
        fields[count++] = (struct http_field){{"Allow", 5}, {allow, strlen(allow)}};
    }
    if (status == 429 || status == 503) {
        fields[count++] = (struct http_field){{"Retry-After", 11}, {"1", 1}};
    }
    write_error(&body, sentence, passage->id);
    passage->status = status;
    gateway_count(passage->gateway, passage->route, status);
    http_exchange_drop_body(passage->exchange);
    if (http_exchange_start(passage->exchange, status, fields, count, HTTP_FRAMING_LENGTH, body.size) < 0) {
        http_exchange_error(passage->exchange, 503, NULL, "no memory is left for an answer");
    } else if (http_exchange_write(passage->exchange, body.data, body.size) != (ssize_t)body.size) {
        http_exchange_abort(passage->exchange);
    } else {
        passage->out = body.size;
        http_exchange_finish(passage->exchange);
    }
    http_buffer_free(&body);
    passage_end(passage, sentence);
}

void passage_end(struct passage *passage, const char *sentence)
{
    struct gateway *gateway = passage->gateway;

    say("request id=%s method=%s path=%s route=\"%s\" status=%u in=%" PRIu64 " out=%" PRIu64 " ms=%" PRId64
        " client=%s%s%s",
        passage->id, passage->method, passage->path.text, passage->route != NULL ? passage->route->label : "",
        passage->status, passage->in, passage->out, loop_now(gateway->application.loop) - passage->started,
        passage->client, sentence != NULL ? ": " : "", sentence != NULL ? sentence : "");
    loop_cancel(gateway->application.loop, &passage->timer);
    upstream_drop(passage->call);
    gateway->passages--;
    free(passage);
}
