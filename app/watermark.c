/* watermark: the built-in application that hands data to the watermark service through mutual TLS. */
#include "app/watermark.h"

#include <string.h>

#include "app/json_memory.h"
#include "app/metrics.h"
#include "app/say.h"
#include "base/text.h"
#include "image/budget.h"
#include "tls/store.h"

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

static void report(struct watermark *w, struct http_exchange *exchange)
{
    struct http_buffer out = {.budget = &w->application.budget};
    struct reason why;
    unsigned status = application_report(&w->application, http_exchange_stream(exchange), &out, &why);

    if (status != 0) {
        http_buffer_free(&out);
        watermark_error(exchange, status, why.text);
        return;
    }
    http_exchange_answer(exchange, 200, METRICS_TYPE, NULL, &out);
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
    {"/metrics", "GET", "GET, HEAD", report},
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

/* ---- life ---- */

static void renewed(void *arg)
{
    const struct credentials *credentials = ((struct watermark *)arg)->application.credentials;

    if (credentials->service_error < 0) {
        say("%s", credentials->service_why.text);
    } else {
        say("service: https://%s%s", credentials->service.authority, credentials->service.prefix);
    }
}

/* Calls are cancelled, and nobody waits for a health check any more. */
static void closing(void *arg)
{
    health_stop(arg);
}

int watermark_serve(const struct app_start *start, int64_t call_ms, struct reason *why)
{
    struct watermark w = {.application.budget.max = WATERMARK_BODIES_MAX, .call_ms = call_ms};
    const struct application_hooks hooks = {.handler = handle, .renewed = renewed, .closing = closing, .arg = &w};
    int error;

    json_memory_limit(WATERMARK_JSON_MAX);
    error = application_open(&w.application, start, &hooks, why);
    if (error == 0) {
        error = application_run(&w.application, why);
    }
    application_close(&w.application);
    return error;
}

int watermark_run(const struct app_start *start, struct reason *why)
{
    return watermark_serve(start, WATERMARK_CALL_MS, why);
}
