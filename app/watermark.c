/* watermark: the built-in application that hands data to the watermark service through mutual TLS. */
#include "app/watermark.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app/app.h"
#include "app/json_memory.h"
#include "app/say.h"
#include "base/pass.h"
#include "base/text.h"
#include "image/budget.h"
#include "tls/store.h"

#define CREATE "Failed to create mTLS client"
#define DAY 86400

/* A session, the response's head (its fields are pointers: a quarter more), and what else a call holds. */
#define CALL_MEMORY (TLS_SESSION_SIZE + HTTP_HEAD_MAX * 5 / 4 + 2048)
#define CALLS_MEMORY ((WATERMARK_CALLS_MAX + WATERMARK_PROBES_MAX) * CALL_MEMORY)
#define SESSIONS_MEMORY (TLS_STORE_SESSIONS * (TLS_STORE_LEAF_MAX + 256)) /* that can be resumed */
#define REST_MEMORY (512 * 1024) /* configuration, credentials, the binary's own */
/* What malloc adds to small JSON values: a quarter. */
_Static_assert(WATERMARK_BODIES_MAX + WATERMARK_JSON_MAX * 5 / 4 + CALLS_MEMORY + SESSIONS_MEMORY + REST_MEMORY <=
                   BUDGET_APPLICATION,
    "the worst case fits");
_Static_assert(
    WATERMARK_BODIES_MAX + REST_MEMORY <= BUDGET_APPLICATION * 3 / 8, "without an identity too (init/limits.c)");
/* Beside them, where a port speaks TLS: a session for each connection, and those that are kept for resumption. */
_Static_assert(TLS_SESSION_SIZE + 1024 <= BUDGET_SESSION, "one inbound session");
_Static_assert(TLS_STORE_SESSIONS *(TLS_STORE_LEAF_MAX + 512) <= BUDGET_STORE, "all that can be resumed");

/* ---- requests ---- */

void watermark_error(struct http_exchange *exchange, unsigned status, const char *sentence)
{
    say("%s", sentence);
    http_exchange_error(exchange, status, NULL, sentence);
}

static void answer_text(struct http_exchange *exchange, const char *text)
{
    struct http_buffer body = {0};

    if (http_buffer_append(&body, text, strlen(text)) < 0) {
        watermark_error(exchange, 503, "no memory is left for an answer");
        return;
    }
    http_exchange_answer(exchange, 200, "text/plain", NULL, &body);
}

static void pong(struct watermark *w, struct http_exchange *exchange)
{
    (void)w;
    answer_text(exchange, "Pong!");
}

static void alive(struct watermark *w, struct http_exchange *exchange)
{
    (void)w;
    answer_text(exchange, "ok");
}

static const struct {
    const char *path;
    const char *method;
    const char *allow; /* what a request with another method is told */
    void (*start)(struct watermark *w, struct http_exchange *exchange);
} routes[] = {
    {"/", "GET", "GET, HEAD", pong},
    {"/health", "GET", "GET, HEAD", alive},
    {"/health_check", "GET", "GET, HEAD", health_start},
    {"/metrics", "GET", "GET, HEAD", report_start},
    {"/process_data", "POST", "POST", process_start},
};

static void handle(void *arg, struct http_exchange *exchange)
{
    const struct http_head *head = http_exchange_head(exchange);
    struct http_text path = http_head_path(head);
    struct reason why;

    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        if (!http_text_is(path, routes[i].path)) {
            continue;
        }
        bool head_for_get = http_text_is(head->method, "HEAD") && strcmp(routes[i].method, "GET") == 0;
        if (http_text_is(head->method, routes[i].method) || head_for_get) {
            routes[i].start(arg, exchange);
            return;
        }
        reason_set(&why, 0, "%s takes %s, not %s", routes[i].path, routes[i].allow,
            text_quote(head->method.data, head->method.size).text);
        say("%s", why.text);
        http_exchange_error(exchange, 405, routes[i].allow, why.text);
        return;
    }
    reason_set(&why, 0,
        "nothing is served at %s: there are GET /, GET /health, GET /health_check, GET /metrics and POST /process_data",
        text_quote(path.data, path.size).text);
    watermark_error(exchange, 404, why.text);
}

static void refused(void *arg, unsigned status, const char *sentence)
{
    (void)arg;
    say("a request was refused with %u: %s", status, sentence);
}

static void answered(void *arg, unsigned status)
{
    struct watermark *w = arg;

    w->answers[status < WATERMARK_STATUSES ? status : 0]++;
}

static void started(void *arg, const struct stream *stream, int error)
{
    (void)arg;
    inbound_started(stream, error);
}

/* ---- what sessions are made from ---- */

static int not_pushed(const struct watermark *w, struct reason *why)
{
    if (w->config->secrets.mode == CONFIG_SECRETS_NONE) {
        return reason_set(why, -ENOKEY,
            WATERMARK_NO_IDENTITY ": the image has no [secrets] through which one could come: add it, or pack an "
                                  "[identity]");
    }
    return reason_set(why, -ENOKEY,
        WATERMARK_NO_IDENTITY ": no identity has been pushed yet: push MTLS_CLIENT_CERT_JSON to vsock port %u",
        w->config->secrets.port);
}

int watermark_tls(const struct watermark *w, const struct credentials *credentials,
    const struct config_endpoint *endpoint, struct tls_client *client, struct reason *why)
{
    const struct tls_trust *measured = w->trusts[endpoint - w->config->endpoints];

    *client = (struct tls_client){
        .server_name = endpoint->server_name != NULL ? endpoint->server_name : endpoint->host,
        .trust = measured != NULL ? measured : credentials->client.ca,
        .identity = endpoint->tls == CONFIG_TLS_MUTUAL ? credentials->client.identity : NULL,
        .pin = endpoint->has_pin ? endpoint->pin : NULL,
        .cn_allowed = endpoint->cn_allowed,
        .eku_required = endpoint->eku_required,
    };
    if (client->trust == NULL || (endpoint->tls == CONFIG_TLS_MUTUAL && client->identity == NULL)) {
        return not_pushed(w, why);
    }
    return 0;
}

static int load_trusts(struct watermark *w, struct reason *why)
{
    const struct config *config = w->config;
    int error = 0;

    w->trusts = calloc(config->endpoint_count + 1, sizeof(struct tls_trust *));
    if (w->trusts == NULL) {
        return reason_set(why, -ENOMEM, "no memory is left for the certificate authorities");
    }
    for (size_t i = 0; i < config->endpoint_count && error == 0; i++) {
        const struct config_endpoint *endpoint = &config->endpoints[i];
        if (endpoint->ca_file != NULL) {
            error = credentials_read_trust(endpoint->ca_file, &w->trusts[i], why);
        }
    }
    if (error < 0) {
        reason_prefix(why, CREATE);
    }
    return error;
}

static void tell_identity(const char *what, const struct tls_identity *identity)
{
    if (identity != NULL) {
        say("%s: %s, %lld days left", what, tls_identity_subject(identity),
            (long long)(tls_identity_not_after(identity) - time(NULL)) / DAY);
    }
}

static void tell(const struct credentials *credentials)
{
    tell_identity("identity", credentials->client.identity);
    tell_identity("identity for clients", credentials->server.identity);
    if (credentials->service_error < 0) {
        say("%s", credentials->service_why.text);
    } else {
        say("service: https://%s%s", credentials->service.authority, credentials->service.prefix);
    }
}

/* ---- pushes ---- */

/* fd: a push's memory file, -1: what the image holds. What was there before stays where the new ones are no good. */
static int take_credentials(struct watermark *w, int fd, struct reason *why)
{
    struct credentials *fresh;
    int error = credentials_create(&fresh, w->config, fd, why);

    if (error < 0) {
        reason_prefix(why, CREATE);
        return error;
    }
    credentials_drop(w->credentials);
    w->credentials = fresh;
    inbound_renew(w->inbound, fresh);
    tell(fresh);
    return 0;
}

/*
 * What PID 1 passes was accepted, and is not sent a second time to a process that goes on. So where it is lost for want
 * of memory or descriptors (a message whose descriptor had no room is -EPROTO) this process ends: the next one is
 * handed everything again.
 */
static int take_push(struct watermark *w, uint8_t byte, int fd, struct reason *why)
{
    int error = byte == APP_SECRETS && fd >= 0 ? take_credentials(w, fd, why) : -EPROTO;

    if (error == -EINVAL) {
        say("%s", why->text);
        return 0;
    }
    return error == -EPROTO ? reason_set(why, error, "PID 1 says something that is no push") : error;
}

/* PID 1 has something, or has ended us. */
static void control_ready(struct loop_watch *watch, unsigned events)
{
    struct watermark *w = watch->owner;
    uint8_t byte = 0;
    int fd = -1;
    int got = pass_receive(watch->fd, &byte, &fd);

    (void)events;
    if (got == -EAGAIN || got == -EINTR) {
        return;
    }
    if (got == 1) {
        w->ended = take_push(w, byte, fd, &w->why);
    } else if (got < 0) {
        w->ended = reason_system(&w->why, got, "what PID 1 has passed is lost: more descriptors or memory are needed");
    }
    if (fd >= 0) {
        close(fd);
    }
    if (got != 1 || w->ended < 0) {
        loop_stop(w->loop);
    }
}

/* ---- life ---- */

static int open_server(struct watermark *w, const struct app_start *start, struct reason *why)
{
    struct http_server_options options = {
        .connections = config_serves_tls(w->config) ? budget_sessions(w->config) : w->config->connections,
        .budget = &w->budget,
        .handler = handle,
        .refused = refused,
        .started = started,
        .answered = answered,
        .arg = w,
    };
    int error = http_server_open(&w->server, w->loop, &options);

    if (error == 0) {
        error = inbound_listen(w->inbound, w->server, start->listeners);
    }
    w->control = (struct loop_watch){.ready = control_ready, .owner = w};
    if (error == 0) {
        error = loop_watch(w->loop, &w->control, start->control, LOOP_READ);
    }
    return error < 0 ? reason_system(why, error, "cannot wait for requests") : 0;
}

static void close_all(struct watermark *w)
{
    http_server_close(w->server); /* cancels calls, and takes those away who wait for a health check */
    health_stop(w);
    if (w->loop != NULL) {
        loop_unwatch(w->loop, &w->control);
    }
    loop_close(w->loop);
    inbound_close(w->inbound);
    credentials_drop(w->credentials);
    for (size_t i = 0; w->trusts != NULL && i < w->config->endpoint_count; i++) {
        tls_trust_free(w->trusts[i]);
    }
    free(w->trusts);
}

int watermark_serve(const struct app_start *start, int64_t call_ms, struct reason *why)
{
    struct watermark w = {.config = start->config, .budget.max = WATERMARK_BODIES_MAX, .call_ms = call_ms};
    int error;

    json_memory_limit(WATERMARK_JSON_MAX);
    error = load_trusts(&w, why);
    if (error == 0) {
        error = inbound_open(&w.inbound, start->config, why);
    }
    if (error == 0) {
        error = take_credentials(&w, -1, why);
    }
    if (error == 0) {
        error = loop_open(&w.loop);
        error = error < 0 ? reason_system(why, error, "cannot make an event loop") : open_server(&w, start, why);
    }
    if (error == 0) {
        error = loop_run(w.loop);
        error = error < 0 ? reason_system(why, error, "cannot wait for events") : 0;
    }
    if (error == 0 && w.ended < 0) {
        *why = w.why;
        error = w.ended;
    }
    close_all(&w);
    return error;
}

int watermark_run(const struct app_start *start, struct reason *why)
{
    return watermark_serve(start, WATERMARK_CALL_MS, why);
}
