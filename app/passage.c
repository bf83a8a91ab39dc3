/* passage: one request on its way through the gateway: let in, sent, sent again where that is safe, answered. */
#include "app/passage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "app/metrics.h"
#include "app/say.h"
#include "tls/stream.h"

#define PARTS_PER_TURN 16      /* buffers each way; then others have their turn */
#define PAUSE_MS 50            /* before the second attempt; twice as long before each further one */
#define STATUS_CLIENT_GONE 499 /* in the log and the counters alone, as other servers have it */
#define VERIFY "certificate verify failed"

static void attempt(struct passage *passage);
static void advance(struct passage *passage);

static struct loop *loop_of(const struct passage *passage)
{
    return passage->gateway->application.loop;
}

static const struct config_endpoint *endpoint_of(const struct passage *passage)
{
    return &passage->gateway->application.config->endpoints[passage->route->endpoint];
}

/* ---- failures ---- */

/* Which status a failure has, and what to do about it. */
static unsigned explain(const struct passage *passage, struct reason *why)
{
    const struct config_endpoint *endpoint = endpoint_of(passage);
    struct reason said;
    enum upstream_outcome outcome = upstream_outcome(passage->call, &said);

    *why = said;
    switch (outcome) {
    case UPSTREAM_UNREACHED:
        reason_set(why, 0,
            "cannot reach %s:%u: %s: is `ingot proxy` running on the parent instance, and does it reach the service?",
            endpoint->host, endpoint->port, said.text);
        return 502;
    case UPSTREAM_UNTRUSTED:
        if (strncmp(why->text, VERIFY, sizeof VERIFY - 1) != 0) {
            reason_prefix(why, "TLS with %s:%u", endpoint->host, endpoint->port);
        }
        return 502;
    case UPSTREAM_NO_MEMORY:
        return 503;
    case UPSTREAM_LATE:
        reason_prefix(why, "%s:%u", endpoint->host, endpoint->port);
        return 504;
    case UPSTREAM_BROKEN:
    case UPSTREAM_WELL:
        break;
    }
    reason_prefix(why, "%s:%u has failed", endpoint->host, endpoint->port);
    return 502;
}

static void pause_over(struct loop_timer *timer)
{
    attempt(timer->owner);
}

/* From half of it to all, so that those that failed together don't come together again. */
static int64_t pause_ms(unsigned attempts)
{
    int64_t whole = (int64_t)PAUSE_MS << (attempts - 1);
    uint16_t random = 0;

    (void)!getrandom(&random, sizeof random, 0);
    return whole / 2 + whole / 2 * random / UINT16_MAX;
}

/*
 * Sends the request again where nobody can have acted on it, or where acting twice is the same as once (the
 * configuration allows retries to no other method): after no connection, or one that ended before a byte of an answer.
 * A kept connection may have ended while it waited: that costs no attempt, and the next one is new. False: no.
 */
static bool send_again(struct passage *passage)
{
    enum upstream_outcome outcome = upstream_outcome(passage->call, NULL);
    struct upstream_trace trace = upstream_trace(passage->call);
    bool again = (outcome == UPSTREAM_UNREACHED || outcome == UPSTREAM_BROKEN) && !trace.heard && !passage->body_read;

    if (!again || (trace.reused && trace.sent && passage->route->retries == 0) ||
        (!trace.reused && passage->attempts == passage->route->retries)) {
        return false;
    }
    passage->fresh = true;
    passage->attempts += !trace.reused;
    passage->timer.fired = pause_over;
    if (loop_after(loop_of(passage), &passage->timer, trace.reused ? 0 : pause_ms(passage->attempts)) < 0) {
        return false;
    }
    passage->gateway->routes[passage->route - passage->gateway->application.config->routes].retried++;
    upstream_drop(passage->call);
    passage->call = NULL;
    return true;
}

/* The answer can't be whole any more. */
static void cut(struct passage *passage, const char *sentence)
{
    http_exchange_abort(passage->exchange);
    passage_end(passage, sentence);
}

static void failed(struct passage *passage)
{
    struct reason why;

    if (!passage->answering && send_again(passage)) {
        return;
    }
    unsigned status = explain(passage, &why);
    if (passage->answering) {
        cut(passage, why.text);
    } else {
        passage_refuse(passage, status, NULL, why.text);
    }
}

/* ---- the request's body ---- */

/* Why a body is refused with 413. */
static void explain_size(const struct config_route *route, struct reason *why)
{
    if (route->body == 0) {
        reason_set(why, 0, "no body is taken here");
    } else {
        reason_set(why, 0, "the body is over the %llu bytes that are taken here", (unsigned long long)route->body);
    }
}

/* One part of it. False: the passage is gone. */
static bool pass_request(struct passage *passage, bool *moved)
{
    struct http_text *body = &passage->body;
    ssize_t size;

    /* Nothing of it is read as long as there is nobody to send it to: till then the request can be sent again. */
    if (passage->body_whole || !upstream_writable(passage->call)) {
        return true;
    }
    if (body->size == 0) {
        size = http_exchange_read(passage->exchange, body);
        if (size == -EMSGSIZE && !passage->answering) {
            struct reason why;
            explain_size(passage->route, &why);
            passage_refuse(passage, 413, NULL, why.text);
            return false;
        }
        if (size == -EMSGSIZE) {
            cut(passage, "the body is longer than is taken here, which was seen when the answer had begun");
            return false;
        }
        passage->body_whole = size == 0;
        passage->body_read = passage->body_read || size > 0;
        passage->in += size > 0 ? (uint64_t)size : 0;
        if (size == 0) {
            upstream_end(passage->call);
        }
    }
    if (body->size > 0) {
        size = upstream_write(passage->call, body->data, body->size);
        *moved = *moved || size > 0;
        if (size > 0) {
            *body = (struct http_text){body->data + size, body->size - (size_t)size};
        }
    }
    return true;
}

/* ---- the answer ---- */

/* False: the passage is gone. */
static bool start_answer(struct passage *passage, const struct http_head *head)
{
    struct http_field fields[FIELDS_MAX];
    size_t count = fields_of_answer(head, passage->id, fields);
    bool has_length = http_head_field(head, "Content-Length") != NULL;
    bool to_head = strcmp(passage->method, "HEAD") == 0;
    enum http_framing framing = head->framing;

    if (framing == HTTP_FRAMING_NONE && has_length && head->status != 204) { /* to HEAD, or 304: of the real answer */
        framing = HTTP_FRAMING_LENGTH;
    } else if (framing == HTTP_FRAMING_NONE && to_head && head->status != 204 && head->status != 304) {
        framing = HTTP_FRAMING_CHUNKED;
    }
    int error = http_exchange_start(passage->exchange, head->status, fields, count, framing, head->length);
    if (error < 0) {
        passage_refuse(passage, error == -ENOMEM ? 503 : 502, NULL,
            error == -ENOMEM ? "no memory is left for the answer: send the request again later"
                             : "the service's answer has a head that can't be passed on");
        return false;
    }
    passage->answering = true;
    passage->status = head->status;
    gateway_count(passage->gateway, passage->route, head->status);
    return true;
}

/* One part of it. False: the passage is gone. */
static bool pass_answer(struct passage *passage, bool *moved)
{
    struct http_text *answer = &passage->answer;
    ssize_t size;

    if (!passage->answering) {
        const struct http_head *head = upstream_head(passage->call);
        if (head == NULL) {
            return true;
        }
        if (!start_answer(passage, head)) {
            return false;
        }
    }
    if (answer->size == 0) {
        size = upstream_read(passage->call, answer);
        if (size == 0) {
            http_exchange_finish(passage->exchange);
            passage_end(passage, NULL);
            return false;
        }
    }
    if (answer->size > 0) {
        size = http_exchange_write(passage->exchange, answer->data, answer->size);
        if (size < 0 && size != -EAGAIN) {
            cut(passage, "the service's answer is longer than it said");
            return false;
        }
        if (size > 0) {
            *answer = (struct http_text){answer->data + size, answer->size - (size_t)size};
            passage->out += (uint64_t)size;
            *moved = true;
        }
    }
    return true;
}

static void turn_over(struct loop_timer *timer)
{
    advance(timer->owner);
}

/* Both ways, as far as it goes now. */
static void advance(struct passage *passage)
{
    bool moved = true;

    for (unsigned parts = 0; moved; parts++) {
        if (parts == PARTS_PER_TURN) {
            passage->timer.fired = turn_over;
            if (loop_next(loop_of(passage), &passage->timer) == 0) {
                return;
            }
        }
        moved = false;
        if (!pass_request(passage, &moved) || !pass_answer(passage, &moved)) {
            return;
        }
        if (upstream_outcome(passage->call, NULL) != UPSTREAM_WELL) {
            failed(passage);
            return;
        }
    }
}

/* ---- events ---- */

static void call_moved(void *arg)
{
    advance(arg);
}

static void client_moved(void *arg)
{
    struct passage *passage = arg;

    if (passage->call != NULL) {
        advance(passage);
    }
}

static void client_gone(void *arg)
{
    struct passage *passage = arg;

    if (!passage->answering) {
        passage->status = STATUS_CLIENT_GONE;
        gateway_count(passage->gateway, passage->route, STATUS_CLIENT_GONE);
    }
    passage_end(passage, "the client has gone");
}

static const struct http_events events = {client_moved, client_moved, client_gone};

/* ---- an attempt ---- */

static int start_call(struct passage *passage, struct reason *why)
{
    struct gateway *gateway = passage->gateway;
    struct credentials *credentials = gateway->application.credentials;
    const struct config_endpoint *endpoint = endpoint_of(passage);
    struct tls_client tls;
    struct upstream_request request = {
        .endpoint = endpoint,
        .credentials = credentials,
        .tls = endpoint->tls != CONFIG_TLS_NONE ? &tls : NULL,
        .head.budget = &gateway->application.budget,
        .to_head = strcmp(passage->method, "HEAD") == 0,
        .fresh = passage->fresh,
        .milliseconds = (int64_t)passage->route->timeout * 1000,
    };
    int error = request.tls != NULL ? application_tls(&gateway->application, credentials, endpoint, &tls, why) : 0;

    tls.store = credentials->client.sessions;
    if (error == 0) {
        error = passage_write_request(passage, &request.head, &request.framing, why);
    }
    if (error == 0) {
        error = upstream_start(&passage->call, gateway->upstream, &request, call_moved, passage, why);
    }
    if (error == 0 && passage->body_whole) { /* an empty one, which an attempt before this has read */
        upstream_end(passage->call);
    }
    return error;
}

static void attempt(struct passage *passage)
{
    struct reason why;

    if (start_call(passage, &why) < 0) {
        passage_refuse(passage, 503, NULL, why.text);
    } else {
        advance(passage); /* a kept connection takes the body at once */
    }
}

/* ---- the beginning ---- */

/* GET /health and GET /metrics. */
static void answer_here(struct gateway *gateway, struct http_exchange *exchange, struct http_text path)
{
    struct http_buffer body = {.budget = &gateway->application.budget};
    struct reason why;
    unsigned status = 0;

    if (http_text_is(path, CONFIG_PATH_HEALTH)) {
        status = http_buffer_append(&body, "ok", 2) < 0 ? 503 : 0;
        reason_set(&why, 0, "no memory is left for an answer");
    } else {
        status = gateway_report(gateway, http_exchange_stream(exchange), &body, &why);
    }
    if (status != 0) {
        http_exchange_error(exchange, status, NULL, why.text);
    } else {
        http_exchange_answer(
            exchange, 200, http_text_is(path, CONFIG_PATH_HEALTH) ? "text/plain" : METRICS_TYPE, NULL, &body);
    }
}

/* Of a quoted text, up to its last quote: others stand behind a backslash. */
static size_t quoted_size(const char *text)
{
    size_t size = 1;

    while (text[size] != '"' && text[size] != '\0') {
        size += text[size] == '\\' && text[size + 1] != '\0' ? 2 : 1;
    }
    return size + (text[size] == '"');
}

/* The first of the names that the session shows: the subject. */
static void name_client(struct passage *passage)
{
    const struct stream *stream = http_exchange_stream(passage->exchange);
    struct tls_summary summary;

    (void)snprintf(passage->client, sizeof passage->client, "-");
    if (inbound_private(stream) && tls_session_summary(tls_stream_session(stream), &summary)) {
        (void)snprintf(
            passage->client, sizeof passage->client, "%.*s", (int)quoted_size(summary.peer.text), summary.peer.text);
    }
}

/* NULL: no memory, or no random bytes. */
static struct passage *create(struct gateway *gateway, struct http_exchange *exchange)
{
    const struct http_head *head = http_exchange_head(exchange);
    struct http_text path = http_head_path(head);
    struct passage *passage = calloc(1, sizeof *passage);

    if (passage == NULL || fields_id(head, passage->id) < 0) {
        free(passage);
        return NULL;
    }
    passage->gateway = gateway;
    passage->exchange = exchange;
    passage->timer.owner = passage;
    passage->started = loop_now(gateway->application.loop);
    passage->path = text_quote(path.data, path.size);
    passage->body_whole = head->framing == HTTP_FRAMING_NONE;
    (void)snprintf(passage->method, sizeof passage->method, "%.*s", (int)head->method.size, head->method.data);
    name_client(passage);
    gateway->passages++;
    return passage;
}

/* Which methods have a route to that path: the value of Allow. */
static void list_methods(const struct config *config, struct http_text path, char *list, size_t size)
{
    size_t used = 0;

    for (size_t i = 0; i < config->route_count; i++) {
        const char *method = config->routes[i].method;
        bool first = used == 0;
        bool listed = false;
        for (size_t k = 0; k < i && !listed; k++) {
            listed = strcmp(config->routes[k].method, method) == 0 &&
                     config_route_covers(&config->routes[k], path.data, path.size);
        }
        if (listed || !config_route_covers(&config->routes[i], path.data, path.size)) {
            continue;
        }
        int more = snprintf(
            list + used, size - used, "%s%s%s", first ? "" : ", ", method, strcmp(method, "GET") == 0 ? ", HEAD" : "");
        if (more < 0 || (size_t)more >= size - used) {
            list[used] = '\0';
            return;
        }
        used += (size_t)more;
    }
}

/* Nothing is served at this path, or not by this method. */
static void refuse_path(struct passage *passage, struct http_text path, bool path_known)
{
    char allow[HTTP_SERVER_TYPE_MAX] = "GET, HEAD";
    struct reason why;

    if (!path_known) {
        reason_set(&why, 0, "no [route] leads from %s%s", passage->path.text,
            config_path_is_plain(path.data, path.size) ? ""
                                                       : ": a path with empty, '.' or '..' parts, or with slashes, "
                                                         "controls or letters behind percent signs, goes nowhere");
        passage_refuse(passage, 404, NULL, why.text);
        return;
    }
    list_methods(passage->gateway->application.config, path, allow, sizeof allow);
    reason_set(&why, 0, "%s takes %s, not %s", passage->path.text, allow, passage->method);
    passage_refuse(passage, 405, allow, why.text);
}

/* What keeps a request from going on; the answer's status, 0: nothing. */
static unsigned hinder(struct passage *passage, int body_error, struct reason *why)
{
    const struct config_route *route = passage->route;

    if (body_error == -EMSGSIZE) {
        explain_size(route, why);
        return 413;
    }
    if (!gateway_admit(passage->gateway, route)) {
        reason_set(why, 0, "over %u requests a second: send it again later", route->rate);
        return 429;
    }
    if (passage->gateway->passages > upstream_most(passage->gateway->upstream)) {
        reason_set(
            why, 0, "%u requests are on their way: send it again later", upstream_most(passage->gateway->upstream));
        return 503;
    }
    return 0;
}

static void go(struct passage *passage, struct http_text path)
{
    const struct http_head *head = http_exchange_head(passage->exchange);
    const struct config *config = passage->gateway->application.config;
    bool local = http_text_is(path, CONFIG_PATH_HEALTH) || http_text_is(path, CONFIG_PATH_METRICS);
    bool path_known = local;
    struct reason why;

    if (!local) {
        passage->route =
            config_route_find(config, head->method.data, head->method.size, path.data, path.size, &path_known);
    }
    uint64_t max = passage->route != NULL ? passage->route->body : 0;
    int error = http_exchange_stream_to(passage->exchange, max, &events, passage);
    if (passage->route == NULL) {
        refuse_path(passage, path, path_known);
        return;
    }
    unsigned status = hinder(passage, error, &why);
    if (status != 0) {
        passage_refuse(passage, status, NULL, why.text);
    } else {
        attempt(passage);
    }
}

void passage_start(struct gateway *gateway, struct http_exchange *exchange)
{
    const struct http_head *head = http_exchange_head(exchange);
    struct http_text path = http_head_path(head);
    bool get = http_text_is(head->method, "GET") || http_text_is(head->method, "HEAD");
    bool local = http_text_is(path, CONFIG_PATH_HEALTH) || http_text_is(path, CONFIG_PATH_METRICS);

    if (local && get) {
        answer_here(gateway, exchange, path);
        return;
    }
    struct passage *passage = create(gateway, exchange);
    if (passage == NULL) {
        say("a request was refused with 503: no memory is left for another one");
        http_exchange_error(exchange, 503, NULL, "no memory is left for another request: send it again later");
        return;
    }
    go(passage, path);
}
