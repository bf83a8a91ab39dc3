/* gateway: the built-in application that passes requests on, from mutual TLS to mutual TLS, along measured routes. */
#ifndef INGOT_APP_GATEWAY_H
#define INGOT_APP_GATEWAY_H

#include "app/application.h"
#include "app/upstream.h"

/*
 *   GET /health     ok: the gateway serves; nothing behind it is asked
 *   GET /metrics    counters; where a port has tls = mutual, only through one       gateway_report.c
 *   all else        along the [route METHOD PATH] that it matches                   passage.c
 *
 * A request on its way is a passage: at most upstream_most() of them, each with one connection to a service, and
 * of either body never more than a buffer. The worst case, which must fit beside everything else in an enclave of
 * 64 MiB, is added up in gateway.c.
 */
#define GATEWAY_PASSAGES_MAX                                                                                           \
    UPSTREAM_CALLS_MAX                      /* requests on their way; beyond: 503, while there are connections left */
#define GATEWAY_HEADS_MAX (2 * 1024 * 1024) /* bytes of heads that go to and come from services; beyond: 503 */
#define GATEWAY_ROUTE_STATUSES 16           /* of a route, each counted; others together */

/* What there is to a route beside the configuration. */
struct gateway_route {
    uint64_t tokens;  /* thousandths of a request that may pass now */
    int64_t refilled; /* loop_now() of that */
    uint64_t limited; /* requests over the rate */
    uint64_t retried; /* further attempts */
    struct {
        unsigned status;
        uint64_t count;
    } answers[GATEWAY_ROUTE_STATUSES];
    uint64_t other_answers;
};

struct gateway {
    struct application application;
    struct upstream *upstream;
    struct gateway_route *routes; /* as many as the configuration has */
    unsigned passages;            /* under way */
};

/* struct app's run(). */
int gateway_run(const struct app_start *start, struct reason *why);

/* Takes the request from there on. */
void passage_start(struct gateway *gateway, struct http_exchange *exchange);

/* Answers GET /metrics. 0, or the status that refuses it, with a sentence; out is empty then. */
unsigned gateway_report(
    const struct gateway *gateway, const struct stream *stream, struct http_buffer *out, struct reason *why);

/* Whether the route's rate lets one more request pass now, which is counted. */
bool gateway_admit(struct gateway *gateway, const struct config_route *route);
/* Counts an answer to a request of that route (NULL: of none). */
void gateway_count(struct gateway *gateway, const struct config_route *route, unsigned status);

#endif
