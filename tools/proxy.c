/* proxy: the parent's side of one image: every endpoint's way out and every inbound port's way in, in one process. */
#include "tools/proxy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "net/relay_pool.h"
#include "net/vsock.h"

#define NAME_MAX_SHOWN 64
#define LABEL_SIZE (NAME_MAX_SHOWN + 1 + CONFIG_HOST_MAX + sizeof "[endpoint ]")
#define LIST_SIZE 400 /* of names that a message offers; the rest is cut */

/* One listener and where it leads. */
struct route {
    char label[LABEL_SIZE];
    struct address front;
    struct address target;
    bool inbound;
    int fd;                          /* the listening socket; the pool's once there is a listener; -1: none yet */
    struct relay_listener *listener; /* NULL: none yet */
};

struct routes {
    size_t count;
    struct route *list;
};

struct proxy {
    struct proxy *next; /* in its group */
    struct proxy_group *group;
    struct relay_pool *pool;
    struct routes routes;
    bool local; /* a folder in the place of AF_VSOCK: there are no CIDs */
    uint32_t cid;
};

/* Appends ", text" or "text" to a list that may be cut. */
static void list_add(char list[static LIST_SIZE], const char *text)
{
    size_t used = strlen(list);

    snprintf(list + used, LIST_SIZE - used, "%s%s", used > 0 ? ", " : "", text);
}

/* What the user wrote before the "=" of WHAT=ADDRESS; the address goes into *address. */
static int choice_read(
    const char *text, const char *form, char what[static LABEL_SIZE], struct address *address, struct reason *why)
{
    const char *equals = strchr(text, '=');
    size_t size = equals != NULL ? (size_t)(equals - text) : 0;

    if (size == 0 || size >= LABEL_SIZE) {
        return reason_set(why, -EINVAL, "%s: write it as %s", text_quote_string(text).text, form);
    }
    memcpy(what, text, size);
    what[size] = '\0';
    return address_parse_host(address, equals + 1, why);
}

static int connect_to(const struct config *config, const char *text, struct address *targets, struct reason *why)
{
    const struct config_endpoint *endpoint = NULL;
    struct address address;
    char what[LABEL_SIZE];
    char list[LIST_SIZE] = "";
    uint64_t port;
    int error = choice_read(text, "HOST:PORT=ADDRESS", what, &address, why);

    if (error < 0) {
        return error;
    }
    char *colon = strrchr(what, ':');
    if (colon != NULL && text_number(colon + 1, 1, UINT16_MAX, &port)) {
        *colon = '\0';
        endpoint = config_endpoint_find(config, what, (uint16_t)port);
        *colon = ':';
    }
    if (endpoint != NULL) {
        targets[endpoint - config->endpoints] = address;
        return 0;
    }
    for (size_t i = 0; i < config->endpoint_count; i++) {
        char known[LABEL_SIZE + 8];
        snprintf(known, sizeof known, "%s:%u", config->endpoints[i].host, config->endpoints[i].port);
        list_add(list, known);
    }
    return reason_set(why, -EINVAL, "--connect-to %s: the image has no such endpoint; it has %s",
        text_quote_string(what).text, list[0] != '\0' ? list : "none");
}

static int listen_on(const struct config *config, const char *text, struct address *fronts, struct reason *why)
{
    struct address address;
    char what[LABEL_SIZE];
    char list[LIST_SIZE] = "";
    int error = choice_read(text, "LABEL=HOST:PORT", what, &address, why);

    if (error < 0) {
        return error;
    }
    for (size_t i = 0; i < config->inbound_count; i++) {
        if (strcmp(config->inbound[i].label, what) == 0) {
            fronts[i] = address;
            return 0;
        }
        list_add(list, config->inbound[i].label);
    }
    return reason_set(why, -EINVAL, "--listen %s: the image has no such [inbound]; it has %s",
        text_quote_string(what).text, list[0] != '\0' ? list : "none");
}

int proxy_routes(
    const struct proxy_options *options, struct address *targets, struct address *fronts, struct reason *why)
{
    const struct config *config = options->config;
    int error = 0;

    for (size_t i = 0; i < config->endpoint_count; i++) {
        struct address *target = &targets[i];
        *target = (struct address){.form = ADDRESS_TCP, .port = config->endpoints[i].port};
        snprintf(target->name, sizeof target->name, "%s", config->endpoints[i].host);
    }
    for (size_t i = 0; i < config->inbound_count; i++) {
        fronts[i] = (struct address){.form = ADDRESS_TCP, .port = config->inbound[i].port, .name = "127.0.0.1"};
    }
    for (size_t i = 0; i < options->connect_to_count && error == 0; i++) {
        error = connect_to(config, options->connect_to[i], targets, why);
    }
    for (size_t i = 0; i < options->listen_count && error == 0; i++) {
        error = listen_on(config, options->listen[i], fronts, why);
    }
    return error;
}

static void say(const struct proxy_options *options, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(const struct proxy_options *options, const char *format, ...)
{
    char line[REASON_SIZE];
    va_list args;

    if (options->log != NULL) {
        va_start(args, format);
        vsnprintf(line, sizeof line, format, args);
        va_end(args);
        options->log(options->log_arg, line);
    }
}

static bool addresses_equal(const struct address *a, const struct address *b)
{
    return a->form == b->form && a->cid == b->cid && a->port == b->port && strcmp(a->name, b->name) == 0;
}

static void label_set(struct route *route, const struct proxy_options *options, const char *kind, const char *label)
{
    const char *name = options->name != NULL ? options->name : "";

    snprintf(route->label, sizeof route->label, "%.*s%s[%s %s]", NAME_MAX_SHOWN, name, *name != '\0' ? " " : "", kind,
        label);
}

static void endpoint_plan(struct route *route, const struct proxy_options *options, size_t index)
{
    const struct config_endpoint *endpoint = &options->config->endpoints[index];

    label_set(route, options, "endpoint", endpoint->label);
    route->front = (struct address){.form = ADDRESS_VSOCK, .cid = VSOCK_CID_ANY, .port = endpoint->vsock};
    if (options->vsock_folder != NULL) {
        route->front = (struct address){.form = ADDRESS_UNIX};
        snprintf(route->front.name, sizeof route->front.name, "%s/port_%u", options->vsock_folder, endpoint->vsock);
    }
}

static void inbound_plan(struct route *route, const struct proxy_options *options, uint32_t cid, size_t index)
{
    const struct config_inbound *inbound = &options->config->inbound[index];

    label_set(route, options, "inbound", inbound->label);
    route->inbound = true;
    route->target = (struct address){.form = ADDRESS_VSOCK, .cid = cid, .port = inbound->vsock};
    if (options->vsock_folder != NULL) {
        route->target = (struct address){.form = ADDRESS_HYBRID, .port = inbound->vsock};
        snprintf(route->target.name, sizeof route->target.name, "%s/enclave", options->vsock_folder);
    }
}

/* What is to be served, endpoints first, nothing opened yet. The list is the caller's, after a failure too. */
static int routes_plan(struct routes *routes, const struct proxy_options *options, uint32_t cid, struct reason *why)
{
    const struct config *config = options->config;
    struct address *targets = calloc(config->endpoint_count + 1, sizeof *targets);
    struct address *fronts = calloc(config->inbound_count + 1, sizeof *fronts);
    int error;

    routes->count = config->endpoint_count + config->inbound_count;
    routes->list = calloc(routes->count + 1, sizeof *routes->list);
    if (targets == NULL || fronts == NULL || routes->list == NULL) {
        routes->count = 0;
        error = reason_system(why, -ENOMEM, "can't open the proxy");
        goto out;
    }
    for (size_t i = 0; i < routes->count; i++) {
        routes->list[i].fd = -1;
    }
    error = proxy_routes(options, targets, fronts, why);
    for (size_t i = 0; i < config->endpoint_count && error == 0; i++) {
        endpoint_plan(&routes->list[i], options, i);
        routes->list[i].target = targets[i];
    }
    for (size_t i = 0; i < config->inbound_count && error == 0; i++) {
        inbound_plan(&routes->list[config->endpoint_count + i], options, cid, i);
        routes->list[config->endpoint_count + i].front = fronts[i];
    }
out:
    free(targets);
    free(fronts);
    return error;
}

static struct route *route_at(const struct routes *routes, const struct address *front)
{
    for (size_t i = 0; i < routes->count; i++) {
        if (routes->list[i].listener != NULL && addresses_equal(&routes->list[i].front, front)) {
            return &routes->list[i];
        }
    }
    return NULL;
}

/* Who of this process listens at front already: this proxy, or at a vsock port another of its group. NULL: nobody. */
static const struct route *neighbour(const struct proxy *proxy, const struct address *front)
{
    const struct route *route = route_at(&proxy->routes, front);

    if (proxy->group != NULL && front->form == ADDRESS_VSOCK) {
        for (struct proxy *at = proxy->group->first; at != NULL && route == NULL; at = at->next) {
            route = route_at(&at->routes, front);
        }
    }
    return route;
}

static int route_listen(struct route *route, struct reason *why)
{
    int fd = address_listen(&route->front, RELAY_BACKLOG, why);

    if (fd >= 0) {
        route->fd = fd;
        return 0;
    }
    reason_prefix(why, "%s", route->label);
    if (fd == -EADDRINUSE) {
        struct reason in_use = *why;
        char choose[sizeof "choose with --listen =127.0.0.1:PORT" + LABEL_SIZE];
        const char *word = strrchr(route->label, ' ') + 1; /* of "[inbound WORD]" */
        snprintf(choose, sizeof choose, "choose with --listen %.*s=127.0.0.1:PORT", (int)strcspn(word, "]"), word);
        reason_set(why, fd, "%s; %s", in_use.text,
            route->inbound                      ? choose
            : route->front.form == ADDRESS_UNIX ? "does another ingot proxy or ingot run serve this folder?"
                                                : "does another ingot proxy or a vsock-proxy serve this port? One "
                                                  "ingot proxy can serve several enclaves");
    }
    return fd;
}

/* A listening socket for each route: a duplicate of one that is open, or a new one. On failure none of them is left. */
static int routes_listen(const struct proxy *proxy, struct routes *fresh, struct reason *why)
{
    int error = 0;

    for (size_t i = 0; i < fresh->count && error == 0; i++) {
        struct route *route = &fresh->list[i];
        const struct route *open = neighbour(proxy, &route->front);
        if (open != NULL) {
            route->fd = fcntl(open->fd, F_DUPFD_CLOEXEC, 0);
            error = route->fd < 0 ? reason_system(why, -errno, "%s: can't listen", route->label) : 0;
        } else {
            error = route_listen(route, why);
        }
    }
    for (size_t i = 0; i < fresh->count && error < 0; i++) {
        struct route *route = &fresh->list[i];
        if (route->fd >= 0) {
            close(route->fd);
            route->fd = -1;
            if (neighbour(proxy, &route->front) == NULL) {
                address_remove(&route->front);
            }
        }
    }
    return error;
}

/* Who may connect: an inbound port's clients have no CID, but with no enclave none of them may. */
static uint32_t route_allows(const struct route *route, const struct proxy *proxy)
{
    if (proxy->local || (route->inbound && proxy->cid != VSOCK_CID_NONE)) {
        return VSOCK_CID_ANY;
    }
    return proxy->cid;
}

static int route_open(const struct proxy *proxy, struct route *route, struct reason *why)
{
    const struct relay_listener_options options = {
        .target = &route->target,
        .label = route->label,
        .only_cid = route_allows(route, proxy),
        .shared = proxy->group != NULL && route->front.form == ADDRESS_VSOCK ? route->front.port : 0,
        .inbound = route->inbound,
    };
    int error = relay_listener_open(&route->listener, proxy->pool, route->fd, &options);

    return error < 0 ? reason_system(why, error, "%s: can't serve its listener", route->label) : 0;
}

static void route_say(const struct route *route, const struct proxy_options *options)
{
    char from[ADDRESS_TEXT_SIZE];
    char to[ADDRESS_TEXT_SIZE];

    if (route->target.form == ADDRESS_VSOCK && route->inbound && route->target.cid == VSOCK_CID_NONE) {
        say(options, "%s: %s to the enclave's port %u", route->label, address_print(&route->front, from),
            route->target.port);
    } else {
        say(options, "%s: %s to %s", route->label, address_print(&route->front, from),
            address_print(&route->target, to));
    }
}

/* Takes the listener over from the route that stays what it was; its duplicate is not needed then. */
static bool route_keep(struct route *route, struct route *old, const struct proxy_options *options)
{
    if (route->inbound != old->inbound || strcmp(route->label, old->label) != 0 ||
        !addresses_equal(&route->front, &old->front)) {
        return false;
    }
    close(route->fd);
    route->fd = old->fd;
    route->listener = old->listener;
    if (!addresses_equal(&route->target, &old->target)) {
        if (relay_listener_target(route->listener, &route->target) < 0) {
            say(options, "%s: no memory is left for its new target: it leads where it did", route->label);
            route->target = old->target;
        } else {
            route_say(route, options);
        }
    }
    return true;
}

static void routes_free(struct routes *routes)
{
    free(routes->list);
    *routes = (struct routes){0};
}

/*
 * Puts fresh, which listens, in the place of what is served: what stays goes on with its counters, and what goes lets
 * its connections end. 0, or the first error of a listener that can't be served (the others are).
 */
static int routes_replace(
    struct proxy *proxy, const struct routes *fresh, const struct proxy_options *options, struct reason *why)
{
    struct routes old = proxy->routes;
    int first = 0;

    for (size_t i = 0; i < old.count; i++) {
        bool kept = false;
        for (size_t j = 0; j < fresh->count && !kept; j++) {
            kept = old.list[i].listener != NULL && fresh->list[j].listener == NULL &&
                   route_keep(&fresh->list[j], &old.list[i], options);
        }
        if (!kept && old.list[i].listener != NULL) {
            relay_listener_close(old.list[i].listener);
            say(options, "%s: closed; its connections go on", old.list[i].label);
        }
    }
    proxy->routes = *fresh;
    for (size_t i = 0; i < fresh->count; i++) {
        struct route *route = &fresh->list[i];
        struct reason own;
        if (route->listener == NULL) {
            int error = route_open(proxy, route, &own);
            if (error == 0) {
                route_say(route, options);
            } else if (first == 0) {
                first = error;
                *why = own;
            }
        }
    }
    for (size_t i = 0; i < old.count; i++) {
        if (route_at(&proxy->routes, &old.list[i].front) == NULL) {
            address_remove(&old.list[i].front);
        }
    }
    routes_free(&old);
    return first;
}

int proxy_reload(struct proxy *proxy, const struct proxy_options *options, struct reason *why)
{
    struct routes fresh = {0};
    int error = routes_plan(&fresh, options, proxy->cid, why);

    if (error == 0) {
        error = routes_listen(proxy, &fresh, why);
    }
    if (error < 0) {
        routes_free(&fresh);
        return error;
    }
    return routes_replace(proxy, &fresh, options, why);
}

int proxy_open(struct proxy **out, struct relay_pool *pool, const struct proxy_options *options, struct reason *why)
{
    struct proxy *proxy;

    if (options->vsock_folder != NULL && strlen(options->vsock_folder) > PROXY_FOLDER_MAX) {
        return reason_set(why, -EINVAL, "the folder %s is too long for Unix sockets: at most %d bytes",
            text_quote_string(options->vsock_folder).text, PROXY_FOLDER_MAX);
    }
    proxy = calloc(1, sizeof *proxy);
    if (proxy == NULL) {
        return reason_system(why, -ENOMEM, "can't open the proxy");
    }
    proxy->pool = pool;
    proxy->local = options->vsock_folder != NULL;
    proxy->cid = proxy->local ? VSOCK_CID_NONE : options->cid;
    proxy->group = options->group;
    if (proxy->group != NULL) {
        proxy->next = proxy->group->first;
        proxy->group->first = proxy;
    }
    int error = proxy_reload(proxy, options, why);
    if (error < 0) {
        proxy_close(proxy);
        return error;
    }
    *out = proxy;
    return 0;
}

void proxy_enclave(struct proxy *proxy, uint32_t cid)
{
    proxy->cid = cid;
    for (size_t i = 0; i < proxy->routes.count; i++) {
        struct route *route = &proxy->routes.list[i];
        uint32_t allowed = route_allows(route, proxy);
        if (route->inbound) {
            route->target.cid = cid;
            if (relay_listener_target(route->listener, &route->target) < 0) {
                allowed = VSOCK_CID_NONE; /* rather none than the wrong enclave */
            }
        }
        relay_listener_allow(route->listener, allowed);
    }
}

void proxy_close(struct proxy *proxy)
{
    if (proxy == NULL) {
        return;
    }
    for (size_t i = 0; i < proxy->routes.count; i++) {
        address_remove(&proxy->routes.list[i].front);
    }
    if (proxy->group != NULL) {
        struct proxy **place = &proxy->group->first;
        while (*place != proxy) {
            place = &(*place)->next;
        }
        *place = proxy->next;
    }
    routes_free(&proxy->routes);
    free(proxy);
}
