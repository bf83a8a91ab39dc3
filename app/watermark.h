/* watermark: the built-in application's state, shared by the files that make it up. */
#ifndef INGOT_APP_WATERMARK_H
#define INGOT_APP_WATERMARK_H

#include "app/app.h"
#include "app/call.h"
#include "app/credentials.h"
#include "app/inbound.h"
#include "image/config.h"
#include "net/http_server.h"
#include "net/loop.h"

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
#define WATERMARK_STATUSES 600                 /* of HTTP; each is counted */

/* struct app's run(). */
int watermark_run(const struct app_start *start, struct reason *why);
/* The same with another time for the service's answer, for tests. */
int watermark_serve(const struct app_start *start, int64_t call_ms, struct reason *why);

struct health;

struct watermark {
    struct loop *loop;
    const struct config *config;
    struct http_server *server;
    struct inbound *inbound;
    struct http_budget budget;
    struct loop_watch control;
    struct tls_trust **trusts;       /* of each endpoint with ca = FILE; NULL for the others */
    struct credentials *credentials; /* never NULL while the loop runs */
    int64_t call_ms;                 /* WATERMARK_CALL_MS */
    unsigned calls;                  /* under way in process.c */
    uint64_t answers[WATERMARK_STATUSES];
    struct health *health; /* the check under way; NULL: none */
    int ended;             /* why the loop was stopped: 0, or -errno with a sentence */
    struct reason why;
};

#define WATERMARK_NO_IDENTITY "mTLS certificates not found. Checked: " CONFIG_CERTS_FOLDER "/client.crt"

/*
 * What a session with endpoint needs, borrowed from w and credentials. 0; -ENOKEY with a sentence: it needs an identity
 * or a CA that has not been pushed yet.
 */
int watermark_tls(const struct watermark *w, const struct credentials *credentials,
    const struct config_endpoint *endpoint, struct tls_client *client, struct reason *why);

/* Answers {"error": sentence} and writes the same to the console. */
void watermark_error(struct http_exchange *exchange, unsigned status, const char *sentence);

void report_start(struct watermark *w, struct http_exchange *exchange);
/* The two requests that take time; each answers, now or later. */
void process_start(struct watermark *w, struct http_exchange *exchange);
void health_start(struct watermark *w, struct http_exchange *exchange);
/* Ends the check under way; nobody may wait for it any more. */
void health_stop(struct watermark *w);

#endif
