/* watermark: the built-in application's state, shared by the files that make it up. */
#ifndef INGOT_APP_WATERMARK_H
#define INGOT_APP_WATERMARK_H

#include "app/application.h"
#include "app/call.h"

/*
 *   GET /                Pong!
 *   GET /health          ok: the application serves; nothing behind it is asked
 *   GET /health_check    {"endpoints_status": {host: bool}}                          health.c
 *   GET /metrics         counters; where a port has tls = mutual, only through one   report.c
 *   POST /process_data   {"payload": {"data": …, "user_id": …}} → the service's answer    process.c
 *
 * The worst case, which must fit beside everything else in an enclave of 64 MiB: all bodies, all sessions, all JSON
 * (watermark.c adds them up). A body of 1 MiB takes 1 MiB, its values 2 MiB, and the request made from it 1 MiB.
 */
#define WATERMARK_BODIES_MAX (4 * 1024 * 1024) /* bytes of requests and responses in memory together; beyond: 503 */
#define WATERMARK_JSON_MAX (3 * 1024 * 1024)   /* bytes of JSON values; one request is parsed at a time */
#define WATERMARK_CALLS_MAX 24                 /* calls to the service under way, TLS_SESSION_SIZE each; beyond: 503 */
#define WATERMARK_PROBES_MAX 16                /* TLS sessions of one health check at a time; the next ones wait */
#define WATERMARK_CALL_MS 30000                /* for the service's whole answer; beyond: 504 */

/* struct app's run(). */
int watermark_run(const struct app_start *start, struct reason *why);
/* The same with another time for the service's answer, for tests. */
int watermark_serve(const struct app_start *start, int64_t call_ms, struct reason *why);

struct health;

struct watermark {
    struct application application;
    int64_t call_ms;       /* WATERMARK_CALL_MS */
    unsigned calls;        /* under way in process.c */
    struct health *health; /* the check under way; NULL: none */
};

/* Answers {"error": sentence} and writes the same to the console. */
void watermark_error(struct http_exchange *exchange, unsigned status, const char *sentence);

/* The two requests that take time; each answers, now or later. */
void process_start(struct watermark *w, struct http_exchange *exchange);
void health_start(struct watermark *w, struct http_exchange *exchange);
/* Ends the check under way; nobody may wait for it any more. */
void health_stop(struct watermark *w);

#endif
