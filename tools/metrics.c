/* metrics: a pool's counters as Prometheus text, and over HTTP with /health. */
#include "tools/metrics.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/http_server.h"

#define CONNECTIONS 16
#define BACKLOG 16
#define TYPE "text/plain; version=0.0.4; charset=utf-8"

struct metrics {
    const struct relay_pool *pool;
    struct http_server *server;
    struct http_budget budget;
    struct address address;
    int listener;
};

/* Label values escape backslash, quote and line feed (the exposition format). */
static void print_route(FILE *out, const struct relay_listener *listener)
{
    fputs("{route=\"", out);
    for (const char *c = relay_listener_label(listener); *c != '\0'; c++) {
        if (*c == '\n') {
            fputs("\\n", out);
        } else {
            fprintf(out, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
        }
    }
    fputc('"', out);
}

/* One family: how its sample is read from the counters. */
struct family {
    const char *name;
    const char *type;
    const char *help;
    uint64_t (*value)(const struct relay_counters *counters);
};

static uint64_t value_open(const struct relay_counters *c)
{
    return c->open;
}
static uint64_t value_accepted(const struct relay_counters *c)
{
    return c->accepted;
}
static uint64_t value_refused(const struct relay_counters *c)
{
    return c->refused;
}
static uint64_t value_failed(const struct relay_counters *c)
{
    return c->failed;
}
static uint64_t value_unresolved(const struct relay_counters *c)
{
    return c->unresolved;
}
static uint64_t value_ended(const struct relay_counters *c)
{
    return c->ended;
}
static uint64_t value_broken(const struct relay_counters *c)
{
    return c->broken;
}
static uint64_t value_to_target(const struct relay_counters *c)
{
    return c->traffic.a_to_b;
}
static uint64_t value_from_target(const struct relay_counters *c)
{
    return c->traffic.b_to_a;
}

static const struct family families[] = {
    {"ingot_connections_open", "gauge", "Connections that are open now.", value_open},
    {"ingot_connections_total", "counter", "Connections that were accepted, refused ones included.", value_accepted},
    {"ingot_connections_refused_total", "counter", "Refused at a bound, or from another CID.", value_refused},
    {"ingot_connect_errors_total", "counter", "The far side was not reached.", value_failed},
    {"ingot_resolve_errors_total", "counter", "Of these: its name did not resolve.", value_unresolved},
    {"ingot_connections_ended_total", "counter", "Relayed to an orderly end of both directions.", value_ended},
    {"ingot_connections_broken_total", "counter", "Ended by a reset or a limit.", value_broken},
    {"ingot_bytes_to_target_total", "counter", "Bytes from the accepted side to the far side.", value_to_target},
    {"ingot_bytes_from_target_total", "counter", "Bytes from the far side to the accepted side.", value_from_target},
};

static void print_connect_times(FILE *out, const struct relay_pool *pool)
{
    static const char name[] = "ingot_connect_milliseconds";
    struct relay_counters counters;

    fprintf(out, "# HELP %s Time until the far side was reached.\n# TYPE %s histogram\n", name, name);
    for (const struct relay_listener *at = relay_pool_next(pool, NULL); at != NULL; at = relay_pool_next(pool, at)) {
        uint64_t sum = 0;
        relay_listener_counters(at, &counters);
        for (size_t i = 0; i <= RELAY_CONNECT_CLASSES; i++) {
            sum += counters.connect_count[i];
            fprintf(out, "%s_bucket", name);
            print_route(out, at);
            if (i < RELAY_CONNECT_CLASSES) {
                fprintf(out, ",le=\"%u\"} %" PRIu64 "\n", relay_connect_bounds[i], sum);
            } else {
                fprintf(out, ",le=\"+Inf\"} %" PRIu64 "\n", sum);
            }
        }
        fprintf(out, "%s_sum", name);
        print_route(out, at);
        fprintf(out, "} %" PRIu64 "\n%s_count", counters.connect_ms, name);
        print_route(out, at);
        fprintf(out, "} %" PRIu64 "\n", sum);
    }
}

void metrics_print(FILE *out, const struct relay_pool *pool)
{
    struct relay_counters counters;

    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        const struct family *family = &families[i];
        fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help, family->name, family->type);
        for (const struct relay_listener *at = relay_pool_next(pool, NULL); at != NULL;
             at = relay_pool_next(pool, at)) {
            relay_listener_counters(at, &counters);
            fputs(family->name, out);
            print_route(out, at);
            fprintf(out, "} %" PRIu64 "\n", family->value(&counters));
        }
    }
    print_connect_times(out, pool);
}

static void answer_metrics(const struct metrics *metrics, struct http_exchange *exchange)
{
    struct http_buffer body = {0};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (out != NULL) {
        metrics_print(out, metrics->pool);
    }
    if (out == NULL || fclose(out) != 0 || http_buffer_append(&body, text, size) < 0) {
        http_exchange_error(exchange, 503, NULL, "no memory is left for an answer");
    } else {
        http_exchange_answer(exchange, 200, TYPE, NULL, &body);
    }
    free(text);
}

static void answer_health(struct http_exchange *exchange)
{
    static const char text[] = "{\"status\": \"ok\"}\n";
    struct http_buffer body = {0};

    if (http_buffer_append(&body, text, sizeof text - 1) < 0) {
        http_exchange_error(exchange, 503, NULL, "no memory is left for an answer");
    } else {
        http_exchange_answer(exchange, 200, "application/json", NULL, &body);
    }
}

static void handle(void *arg, struct http_exchange *exchange)
{
    const struct http_head *head = http_exchange_head(exchange);
    struct http_text path = http_head_path(head);

    if (!http_text_is(path, "/metrics") && !http_text_is(path, "/health")) {
        http_exchange_error(exchange, 404, NULL, "there are /metrics and /health");
    } else if (!http_text_is(head->method, "GET")) {
        http_exchange_error(exchange, 405, "GET", "only GET is answered");
    } else if (http_text_is(path, "/metrics")) {
        answer_metrics(arg, exchange);
    } else {
        answer_health(exchange);
    }
}

int metrics_open(struct metrics **out, struct loop *loop, const struct address *address, const struct relay_pool *pool,
    struct reason *why)
{
    struct metrics *metrics = calloc(1, sizeof *metrics);
    int error;

    if (metrics == NULL) {
        return reason_system(why, -ENOMEM, "can't serve metrics");
    }
    metrics->pool = pool;
    metrics->address = *address;
    metrics->budget.max = 1 << 20; /* answers and request bodies, of all its connections together */
    metrics->listener = address_listen(address, BACKLOG, why);
    if (metrics->listener < 0) {
        error = metrics->listener;
        free(metrics);
        reason_prefix(why, "--metrics");
        return error;
    }
    const struct http_server_options options = {
        .connections = CONNECTIONS, .budget = &metrics->budget, .handler = handle, .arg = metrics};
    error = http_server_open(&metrics->server, loop, &options);
    if (error == 0) {
        error = http_server_listen(metrics->server, metrics->listener, stream_open_plain, NULL);
    }
    if (error < 0) {
        metrics_close(metrics);
        return reason_system(why, error, "can't serve metrics");
    }
    *out = metrics;
    return 0;
}

void metrics_close(struct metrics *metrics)
{
    if (metrics != NULL) {
        http_server_close(metrics->server);
        close(metrics->listener);
        address_remove(&metrics->address);
        free(metrics);
    }
}
