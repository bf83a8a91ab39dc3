/* health: GET /health_check: asks every endpoint at the same time whether its far side answers. */
#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/say.h"
#include "app/watermark.h"

/*
 * An endpoint with tls = mutual is well where `GET /health` is answered with 2xx; any other where a connection through
 * the relay is still open after HEALTH_OPEN_MS, or the far side has said something: the relay closes those that the
 * parent does not carry on. Whoever asks while a check is under way gets its result.
 */
#define HEALTH_OPEN_MS 1000
#define HEALTH_ALL_MS 1900 /* for the whole check: what has not answered by then is not well */

enum verdict { UNKNOWN, WELL, UNWELL };

struct probe {
    struct health *health;
    const struct config_endpoint *endpoint;
    enum verdict verdict;
    struct call *call; /* tls = mutual */
    bool called;
    struct loop_watch watch; /* others */
    struct loop_timer open_long_enough;
    int fd; /* -1: none */
    char name[CONFIG_HOST_MAX + sizeof ":65535"];
};

struct waiter {
    struct health *health;
    struct waiter *next;
    struct http_exchange *exchange;
};

struct health {
    struct watermark *w;
    struct credentials *credentials;
    struct waiter *waiters;
    struct loop_timer deadline;
    size_t left;    /* probes without a verdict */
    size_t calling; /* TLS sessions under way */
    size_t count;
    struct probe probes[];
};

/* ---- the end of a check ---- */

static void probe_stop(struct probe *probe)
{
    struct loop *loop = probe->health->w->application.loop;

    call_cancel(probe->call);
    probe->call = NULL;
    loop_cancel(loop, &probe->open_long_enough);
    if (probe->fd >= 0) {
        loop_unwatch(loop, &probe->watch);
        close(probe->fd);
        probe->fd = -1;
    }
}

static void release(struct health *health)
{
    for (size_t i = 0; i < health->count; i++) {
        probe_stop(&health->probes[i]);
    }
    loop_cancel(health->w->application.loop, &health->deadline);
    credentials_drop(health->credentials);
    health->w->health = NULL;
    free(health);
}

static int append_json(const char *text, size_t size, void *out)
{
    return http_buffer_append(out, text, size);
}

/* A host is well where all of its endpoints are. NULL: no memory. */
static json_t *summarize(const struct health *health)
{
    json_t *hosts = json_object();

    for (size_t i = 0; i < health->count; i++) {
        const char *host = health->probes[i].endpoint->host;
        const json_t *before = json_object_get(hosts, host);
        bool well = health->probes[i].verdict == WELL && !json_is_false(before);
        if (json_object_set_new(hosts, host, json_boolean(well)) < 0) {
            json_decref(hosts);
            return NULL;
        }
    }
    json_t *summary = json_object();
    if (json_object_set_new(summary, "endpoints_status", hosts) < 0) { /* hosts is given up then too */
        json_decref(summary);
        return NULL;
    }
    return summary;
}

static void answer(struct http_exchange *exchange, const json_t *summary)
{
    struct http_buffer body = {0};

    if (summary == NULL || json_dump_callback(summary, append_json, &body, JSON_COMPACT) < 0) {
        http_buffer_free(&body);
        watermark_error(exchange, 503, "no memory is left for the answer: ask again later");
        return;
    }
    http_exchange_answer(exchange, 200, "application/json", NULL, &body);
}

static void conclude(struct health *health)
{
    struct waiter *waiter = health->waiters;
    json_t *summary = summarize(health);

    release(health);
    while (waiter != NULL) {
        struct waiter *next = waiter->next;
        answer(waiter->exchange, summary);
        free(waiter);
        waiter = next;
    }
    json_decref(summary);
}

static void too_late(struct loop_timer *timer)
{
    conclude(timer->owner);
}

/* ---- one endpoint ---- */

static void start_waiting_calls(struct health *health);

static void settle(struct probe *probe, bool well)
{
    struct health *health = probe->health;

    probe->verdict = well ? WELL : UNWELL;
    probe_stop(probe);
    health->left--;
    /* The verdict of the last one ends the check, in the next turn: nobody up the stack must find it gone. */
    if (health->left == 0) {
        loop_after(health->w->application.loop, &health->deadline, 0);
    }
}

static void call_answered(void *arg, struct call_result *result)
{
    struct probe *probe = arg;
    bool well = result->outcome == CALL_ANSWERED && result->reader->head.status / 100 == 2;

    probe->call = NULL;
    probe->health->calling--;
    if (result->outcome != CALL_ANSWERED) {
        say("health of %s: %s", probe->name, result->why.text);
    } else if (!well) {
        say("health of %s: GET /health was answered with %u", probe->name, result->reader->head.status);
    }
    settle(probe, well);
    start_waiting_calls(probe->health);
}

static void start_call(struct probe *probe)
{
    struct watermark *w = probe->health->w;
    struct call_options options = {
        .address = probe->endpoint->address,
        .port = probe->endpoint->port,
        .request.budget = &w->application.budget,
        .budget = &w->application.budget,
        .milliseconds = HEALTH_ALL_MS,
        .name = probe->name,
    };
    struct reason why;
    const char *authority = probe->endpoint->port == 443 ? probe->endpoint->host : probe->name;
    int error = application_tls(&w->application, probe->health->credentials, probe->endpoint, &options.tls, &why);

    if (error == 0 && http_request_write(&options.request, "GET", authority, "/health", NULL, 0) < 0) {
        error = reason_set(&why, -ENOBUFS, "no memory is left for the request");
        http_buffer_free(&options.request);
    }
    if (error == 0) {
        error = call_start(&probe->call, w->application.loop, &options, call_answered, probe, &why);
    }
    if (error < 0) {
        say("health of %s: %s", probe->name, why.text);
        settle(probe, false);
        return;
    }
    probe->health->calling++;
}

static void start_waiting_calls(struct health *health)
{
    for (size_t i = 0; i < health->count && health->calling < WATERMARK_PROBES_MAX; i++) {
        struct probe *probe = &health->probes[i];
        if (probe->endpoint->tls == CONFIG_TLS_MUTUAL && !probe->called) {
            probe->called = true;
            start_call(probe);
        }
    }
}

static void still_open(struct loop_timer *timer)
{
    settle(timer->owner, true);
}

static void connection_ready(struct loop_watch *watch, unsigned events)
{
    struct probe *probe = watch->owner;
    char byte;
    ssize_t size = recv(probe->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

    if (size > 0) {
        settle(probe, true);
    } else if (size == 0 || errno != EAGAIN) {
        settle(probe, false);
    } else if ((events & LOOP_WRITE) &&
               loop_after(probe->health->w->application.loop, &probe->open_long_enough, HEALTH_OPEN_MS) == 0) {
        loop_change(probe->health->w->application.loop, watch, LOOP_READ);
    }
}

static void start_connection(struct probe *probe)
{
    const struct config_endpoint *endpoint = probe->endpoint;
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(endpoint->address), .sin_port = htons(endpoint->port)};

    probe->watch = (struct loop_watch){.ready = connection_ready, .owner = probe};
    probe->open_long_enough = (struct loop_timer){.fired = still_open, .owner = probe};
    probe->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (probe->fd < 0 || (connect(probe->fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS) ||
        loop_watch(probe->health->w->application.loop, &probe->watch, probe->fd, LOOP_READ | LOOP_WRITE) < 0) {
        settle(probe, false);
    }
}

/* ---- a check ---- */

static void cancelled(void *arg)
{
    struct waiter *waiter = arg;
    struct waiter **link = &waiter->health->waiters;

    while (*link != waiter) {
        link = &(*link)->next;
    }
    *link = waiter->next;
    free(waiter);
}

/* NULL: no memory. */
static struct health *check_create(struct watermark *w)
{
    size_t count = w->application.config->endpoint_count;
    struct health *health = calloc(1, sizeof *health + count * sizeof *health->probes);

    if (health == NULL) {
        return NULL;
    }
    health->w = w;
    health->count = count;
    health->left = count;
    health->credentials = credentials_keep(w->application.credentials);
    health->deadline = (struct loop_timer){.fired = too_late, .owner = health};
    for (size_t i = 0; i < count; i++) {
        struct probe *probe = &health->probes[i];
        probe->health = health;
        probe->endpoint = &w->application.config->endpoints[i];
        probe->fd = -1;
        (void)snprintf(probe->name, sizeof probe->name, "%s:%u", probe->endpoint->host, probe->endpoint->port);
    }
    w->health = health;
    if (loop_after(w->application.loop, &health->deadline, count > 0 ? HEALTH_ALL_MS : 0) < 0) {
        release(health);
        return NULL;
    }
    return health;
}

static bool join(struct health *health, struct http_exchange *exchange)
{
    struct waiter *waiter = calloc(1, sizeof *waiter);

    if (waiter == NULL) {
        return false;
    }
    *waiter = (struct waiter){.health = health, .next = health->waiters, .exchange = exchange};
    health->waiters = waiter;
    http_exchange_on_cancel(exchange, cancelled, waiter);
    return true;
}

void health_start(struct watermark *w, struct http_exchange *exchange)
{
    bool under_way = w->health != NULL;

    if (!under_way && check_create(w) == NULL) {
        watermark_error(exchange, 503, "no memory is left for a health check: ask again later");
        return;
    }
    if (!join(w->health, exchange)) {
        watermark_error(exchange, 503, "no memory is left for another answer: ask again later");
    }
    if (under_way) {
        return;
    }
    start_waiting_calls(w->health);
    for (size_t i = 0; i < w->health->count; i++) {
        if (w->health->probes[i].endpoint->tls != CONFIG_TLS_MUTUAL) {
            start_connection(&w->health->probes[i]);
        }
    }
}

void health_stop(struct watermark *w)
{
    if (w->health != NULL) {
        release(w->health);
    }
}
