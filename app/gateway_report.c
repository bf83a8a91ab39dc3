/* gateway_report: GET /metrics of the gateway: its routes, and its connections to services. */
#include <stdio.h>

#include "app/gateway.h"
#include "app/metrics.h"

/* One family with a value of each route. */
static int put_routes(const struct gateway *gateway, struct http_buffer *out, const char *name, const char *help,
    int (*put)(const struct gateway_route *state, const char *name, const char *label, struct http_buffer *out))
{
    const struct config *config = gateway->application.config;
    int error = metrics_family(out, name, METRICS_COUNTER, help);

    for (size_t i = 0; i < config->route_count && error == 0; i++) {
        error = put(&gateway->routes[i], name, config->routes[i].label, out);
    }
    return error;
}

static int put_answers(const struct gateway_route *state, const char *name, const char *label, struct http_buffer *out)
{
    int error = 0;

    for (size_t i = 0; i < GATEWAY_ROUTE_STATUSES && error == 0 && state->answers[i].status != 0; i++) {
        char status[16];
        (void)snprintf(status, sizeof status, "%u", state->answers[i].status);
        error = metrics_put(out, name, (int64_t)state->answers[i].count, "route", label, "status", status, NULL);
    }
    if (error == 0 && state->other_answers > 0) {
        error = metrics_put(out, name, (int64_t)state->other_answers, "route", label, "status", "other", NULL);
    }
    return error;
}

static int put_retried(const struct gateway_route *state, const char *name, const char *label, struct http_buffer *out)
{
    return metrics_put(out, name, (int64_t)state->retried, "route", label, NULL);
}

static int put_limited(const struct gateway_route *state, const char *name, const char *label, struct http_buffer *out)
{
    return metrics_put(out, name, (int64_t)state->limited, "route", label, NULL);
}

static int put_connections(const struct gateway *gateway, struct http_buffer *out)
{
    static const char name[] = "upstream_connections_total";
    const struct config *config = gateway->application.config;
    int error = metrics_family(out, name, METRICS_COUNTER,
        "Requests to services, by the connection they went on: a new one, one with a resumed TLS session, a kept one.");

    for (size_t i = 0; i < config->endpoint_count && error == 0; i++) {
        const struct upstream_counts *counts = upstream_counts(gateway->upstream, i);
        const char *label = config->endpoints[i].label;
        error = metrics_put(out, name, (int64_t)counts->opened, "endpoint", label, "how", "new", NULL);
        if (error == 0) {
            error = metrics_put(out, name, (int64_t)counts->resumed, "endpoint", label, "how", "resumed", NULL);
        }
        if (error == 0) {
            error = metrics_put(out, name, (int64_t)counts->reused, "endpoint", label, "how", "reused", NULL);
        }
    }
    return error;
}

static int put_gauge(struct http_buffer *out, const char *name, const char *help, unsigned value)
{
    int error = metrics_family(out, name, METRICS_GAUGE, help);

    return error == 0 ? metrics_put(out, name, value, NULL) : error;
}

unsigned gateway_report(
    const struct gateway *gateway, const struct stream *stream, struct http_buffer *out, struct reason *why)
{
    unsigned status = application_report(&gateway->application, stream, out, why);

    if (status == 0 &&
        (put_routes(gateway, out, "route_answers_total", "Requests of each route, by the status of the answer.",
             put_answers) < 0 ||
            put_routes(gateway, out, "route_retries_total", "Requests that were sent again.", put_retried) < 0 ||
            put_routes(gateway, out, "route_limited_total", "Requests over the route's rate.", put_limited) < 0 ||
            put_connections(gateway, out) < 0 ||
            put_gauge(
                out, "upstream_kept", "Connections kept for the next request.", upstream_kept(gateway->upstream)) < 0 ||
            put_gauge(out, "passages", "Requests on their way.", gateway->passages) < 0)) {
        reason_set(why, 0, "no memory is left for the counters: ask again later");
        status = 503;
    }
    if (status != 0) {
        http_buffer_free(out);
    }
    return status;
}
