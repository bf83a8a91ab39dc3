/* application: what every built-in application has that serves: identities, pushes, inbound ports, counters. */
#ifndef INGOT_APP_APPLICATION_H
#define INGOT_APP_APPLICATION_H

#include "app/app.h"
#include "app/credentials.h"
#include "app/inbound.h"
#include "image/config.h"
#include "net/http_server.h"
#include "net/loop.h"
#include "tls/session.h"

/*
 *   application_open ── application_run, until PID 1 ends it ── application_close
 *
 * A push replaces credentials as a whole; one that is no good is said so, and what was there stays.
 */
#define APPLICATION_STATUSES 600 /* of HTTP; each is counted */

/* Each gets arg; NULL where nobody asks. */
struct application_hooks {
    http_handler *handler;      /* never NULL */
    http_begin *begin;          /* NULL: nothing is streamed */
    void (*renewed)(void *arg); /* credentials are new; the first time inside application_open() */
    void (*closing)(void *arg); /* no connection is there any more, the loop still is */
    void *arg;
};

struct application {
    struct loop *loop;
    const struct config *config;
    struct http_server *server;
    struct inbound *inbound;
    struct http_budget budget; /* .max is set by whoever opens it */
    struct loop_watch control;
    struct tls_trust **trusts;       /* of each endpoint with ca = FILE; NULL for the others */
    struct credentials *credentials; /* never NULL while the loop runs */
    struct application_hooks hooks;
    uint64_t answers[APPLICATION_STATUSES];
    int ended; /* why the loop was stopped: 0, or -errno with a sentence */
    struct reason why;
};

/* Zeroed but for budget.max. 0, or -errno with a sentence; application_close() in either case. */
int application_open(struct application *application, const struct app_start *start,
    const struct application_hooks *hooks, struct reason *why);
/* 0, or -errno with a sentence. */
int application_run(struct application *application, struct reason *why);
void application_close(struct application *application);

#define APPLICATION_NO_IDENTITY "mTLS certificates not found. Checked: " CONFIG_CERTS_FOLDER "/client.crt"

/*
 * What a session with endpoint needs, borrowed from application and credentials. 0; -ENOKEY with a sentence: it needs
 * an identity or a CA that has not been pushed yet.
 */
int application_tls(const struct application *application, const struct credentials *credentials,
    const struct config_endpoint *endpoint, struct tls_client *client, struct reason *why);

/*
 * GET /metrics for whoever asks through stream: what was counted, and the days that certificates have left, appended
 * to out. 0, or the status that refuses it, with a sentence.
 */
unsigned application_report(
    const struct application *application, const struct stream *stream, struct http_buffer *out, struct reason *why);

#endif
