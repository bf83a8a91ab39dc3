/* gateway: the built-in application that passes requests on, from mutual TLS to mutual TLS, along measured routes. */
#include "app/gateway.h"

#include <errno.h>
#include <stdlib.h>

#include "app/passage.h"
#include "image/budget.h"
#include "tls/store.h"

/* A session and a buffer towards the service, the server's share, and what else a passage holds. */
#define PASSAGE_MEMORY (TLS_SESSION_SIZE + UPSTREAM_CALL_SIZE + HTTP_SERVER_STREAM_SIZE + PASSAGE_SIZE + 2048)
#define SESSIONS_MEMORY (TLS_STORE_SESSIONS * (TLS_STORE_LEAF_MAX + 256)) /* that can be resumed */
#define REST_MEMORY (512 * 1024) /* configuration, routes, credentials, the binary's own */
_Static_assert(
    GATEWAY_PASSAGES_MAX *PASSAGE_MEMORY + GATEWAY_HEADS_MAX + SESSIONS_MEMORY + REST_MEMORY <= BUDGET_APPLICATION,
    "the worst case fits");

#define TOKEN 1000 /* of one request, so that every millisecond brings a whole number of them */

bool gateway_admit(struct gateway *gateway, const struct config_route *route)
{
    struct gateway_route *state = &gateway->routes[route - gateway->application.config->routes];
    uint64_t most = (uint64_t)route->rate * TOKEN; /* a second's worth */
    int64_t now = loop_now(gateway->application.loop);
    uint64_t passed = (uint64_t)(now - state->refilled);

    if (route->rate == 0) {
        return true;
    }
    state->tokens += passed < TOKEN ? passed * route->rate : most;
    state->tokens = state->tokens < most ? state->tokens : most;
    state->refilled = now;
    if (state->tokens < TOKEN) {
        state->limited++;
        return false;
    }
    state->tokens -= TOKEN;
    return true;
}

void gateway_count(struct gateway *gateway, const struct config_route *route, unsigned status)
{
    struct gateway_route *state;

    if (route == NULL) {
        return;
    }
    state = &gateway->routes[route - gateway->application.config->routes];
    for (size_t i = 0; i < GATEWAY_ROUTE_STATUSES; i++) {
        if (state->answers[i].status == 0 || state->answers[i].status == status) {
            state->answers[i].status = status;
            state->answers[i].count++;
            return;
        }
    }
    state->other_answers++;
}

/* ---- life ---- */

static void begin(void *arg, struct http_exchange *exchange)
{
    passage_start(arg, exchange);
}

static void renewed(void *arg)
{
    struct gateway *gateway = arg;

    if (gateway->upstream != NULL) {
        upstream_renew(gateway->upstream, gateway->application.credentials);
    }
}

static void closing(void *arg)
{
    struct gateway *gateway = arg;

    upstream_close(gateway->upstream);
    gateway->upstream = NULL;
}

static int open_routes(struct gateway *gateway, struct reason *why)
{
    const struct config *config = gateway->application.config;

    gateway->routes = calloc(config->route_count + 1, sizeof *gateway->routes);
    if (gateway->routes == NULL || upstream_open(&gateway->upstream, gateway->application.loop, config) < 0) {
        return reason_set(why, -ENOMEM, "no memory is left for the routes");
    }
    renewed(gateway);
    for (size_t i = 0; i < config->route_count; i++) {
        gateway->routes[i].tokens = (uint64_t)config->routes[i].rate * TOKEN;
    }
    return 0;
}

int gateway_run(const struct app_start *start, struct reason *why)
{
    struct gateway gateway = {.application.budget.max = GATEWAY_HEADS_MAX};
    /* begin() leaves nothing to the handler. */
    const struct application_hooks hooks = {
        .handler = begin, .begin = begin, .renewed = renewed, .closing = closing, .arg = &gateway};
    int error = application_open(&gateway.application, start, &hooks, why);

    if (error == 0) {
        error = open_routes(&gateway, why);
    }
    if (error == 0) {
        error = application_run(&gateway.application, why);
    }
    application_close(&gateway.application);
    free(gateway.routes);
    return error;
}
