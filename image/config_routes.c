/* config_routes: [route METHOD PATH]: its label, its paths, and what it says of other sections. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "image/config_parse.h"

/* ---- Paths, as the file has them ---- */

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_alphanumeric(char c)
{
    return is_upper(c) || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* NULL, or why path can't be a route's: every reader of the same path must see the same one (RFC 3986 §3.3, §6.2.2). */
static const char *path_fault(const char *path)
{
    const char *segment = path + 1;

    if (path[0] != '/') {
        return "does not begin with '/'";
    }
    if (strlen(path) > CONFIG_PATH_MAX) {
        return "is longer than 200 bytes";
    }
    for (;;) {
        size_t size = strcspn(segment, "/");
        bool last = segment[size] == '\0';
        if (size == 0 && !last) {
            return "has an empty part ('//')";
        }
        if ((size == 1 && segment[0] == '.') || (size == 2 && memcmp(segment, "..", 2) == 0)) {
            return "has a '.' or '..' part";
        }
        if (segment[0] == ':' || segment[0] == '{') {
            return "has a part that looks like a pattern (a route is one path, or with /* at its end all below one)";
        }
        for (size_t i = 0; i < size; i++) {
            char c = segment[i];
            if (c == '*' && (size > 1 || !last)) {
                return "has a '*' that is not the whole last part (/api/* is every path below /api/)";
            }
            if (c == '?' || c == '#') {
                return "has a query or a fragment (a route is a path alone; every query passes)";
            }
            if (!is_alphanumeric(c) && strchr("*-._~!$&'()+,=:@", c) == NULL) {
                return "has other characters than letters, digits and -._~!$&'()+,=:@ (no percent signs either)";
            }
        }
        if (last) {
            return NULL;
        }
        segment += size + 1;
    }
}

static bool path_is_below(const char *path)
{
    return path[strlen(path) - 1] == '*';
}

/* ---- Labels ---- */

int config_check_route_label(const char *label, struct reason *why)
{
    size_t method_size = strcspn(label, " \t");
    const char *path = label + method_size + 1;
    const char *fault;

    if (label[method_size] != ' ' || method_size == 0 || method_size > CONFIG_METHOD_MAX) {
        return reason_set(why, -EINVAL, "a method and a path are needed here: [route GET /api/status]");
    }
    for (size_t i = 0; i < method_size; i++) {
        if (!is_upper(label[i]) && !(i > 0 && label[i] == '-')) {
            return reason_set(
                why, -EINVAL, "%s is no method (GET, POST, …, in capitals)", text_quote(label, method_size).text);
        }
    }
    if (strncmp(label, "HEAD ", 5) == 0) {
        return reason_set(why, -EINVAL, "HEAD goes where GET does (say GET)");
    }
    if (strncmp(label, "CONNECT ", 8) == 0 || strncmp(label, "TRACE ", 6) == 0) {
        return reason_set(why, -EINVAL, "a gateway can't pass this method on (remove the section)");
    }
    fault = path_fault(path);
    if (fault != NULL) {
        return reason_set(why, -EINVAL, "the path %s %s", text_quote_string(path).text, fault);
    }
    if (strcmp(path, CONFIG_PATH_HEALTH) == 0 || strcmp(path, CONFIG_PATH_METRICS) == 0) {
        return reason_set(why, -EINVAL, "the gateway itself answers at %s (choose another path)", path);
    }
    return 0;
}

bool config_route_name(struct config_route *route)
{
    const char *path = strchr(route->label, ' ') + 1;
    size_t path_size = strlen(path);

    route->below = path_is_below(path);
    route->method = strndup(route->label, (size_t)(path - 1 - route->label));
    route->path = strndup(path, path_size - route->below);
    return route->method != NULL && route->path != NULL;
}

/* ---- Types ---- */

static int set_string(const struct config_row *row, const char *text, size_t size, void *base, struct reason *why)
{
    char *copy = strndup(text, size);

    if (copy == NULL) {
        return reason_system(why, -ENOMEM, "no memory");
    }
    *(char **)((char *)base + row->place) = copy;
    return 0;
}

static int read_endpoint(const struct config_row *row, const char *text, void *base, struct reason *why)
{
    size_t length = strlen(text);

    return length == 0 || length > row->max ? reason_set(why, -EINVAL, "not the label of an [endpoint]")
                                            : set_string(row, text, length, base, why);
}

static void print_endpoint(const struct config_row *row, const void *base, FILE *out)
{
    fprintf(out, "%s = %s\n", row->key, *(char *const *)((const char *)base + row->place));
}

const struct config_type config_type_endpoint = {read_endpoint, print_endpoint, "LABEL"};

static int read_target(const struct config_row *row, const char *text, void *base, struct reason *why)
{
    const char *fault = path_fault(text);
    bool below = *(const bool *)((const char *)base + row->more);

    if (fault != NULL) {
        return reason_set(why, -EINVAL, "not a path: it %s", fault);
    }
    if (below != path_is_below(text)) {
        return reason_set(why, -EINVAL,
            below ? "it must end with /* too: what stands for the * is put behind it"
                  : "a '*' stands for nothing: the route is one path (say it there too, or remove it here)");
    }
    return set_string(row, text, strlen(text) - below, base, why);
}

static void print_target(const struct config_row *row, const void *base, FILE *out)
{
    fprintf(out, "%s = %s%s\n", row->key, *(char *const *)((const char *)base + row->place),
        *(const bool *)((const char *)base + row->more) ? "*" : "");
}

const struct config_type config_type_target = {read_target, print_target, "PATH"};

/* ---- What routes say of other sections ---- */

static void refuse_endpoint(struct config_parser *parser, const struct config_instance *instance, const char *label)
{
    const struct config *config = parser->config;
    const char *nearest = NULL;
    unsigned best = 3;

    for (size_t i = 0; i < config->endpoint_count; i++) {
        unsigned distance = text_distance(label, config->endpoints[i].label);
        nearest = distance < best ? config->endpoints[i].label : nearest;
        best = distance < best ? distance : best;
    }
    if (nearest != NULL) {
        config_key_error(parser, instance, "to", "there is no [endpoint] of this label (did you mean %s?)", nearest);
    } else if (config->endpoint_count > 0) {
        config_key_error(parser, instance, "to", "there is no [endpoint] of this label (there is %s%s)",
            config->endpoints[0].label, config->endpoint_count > 1 ? ", and others" : "");
    } else {
        config_key_error(parser, instance, "to", "there is no [endpoint] (add one)");
    }
}

static void find_endpoint(
    struct config_parser *parser, const struct config_instance *instance, struct config_route *route)
{
    const struct config *config = parser->config;

    if (route->to == NULL) {
        return; /* reported already */
    }
    while (
        route->endpoint < config->endpoint_count && strcmp(config->endpoints[route->endpoint].label, route->to) != 0) {
        route->endpoint++;
    }
    if (route->endpoint == config->endpoint_count) {
        refuse_endpoint(parser, instance, route->to);
    } else if (config->endpoints[route->endpoint].tls == CONFIG_TLS_APP) {
        config_key_error(parser, instance, "to",
            "that [endpoint] has tls = app, for a program that does TLS itself; a route needs mutual, server or none");
    }
}

/* Those of RFC 9110 §9.3 and RFC 5789 that a gateway passes on. */
static const struct method {
    const char *name;
    bool idempotent;
} methods[] = {{"GET", true}, {"POST", false}, {"PUT", true}, {"PATCH", false}, {"DELETE", true}, {"OPTIONS", true}};

/* NULL: another one. */
static const struct method *find_method(const char *name)
{
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (strcmp(name, methods[i].name) == 0) {
            return &methods[i];
        }
    }
    return NULL;
}

static void check_route(
    struct config_parser *parser, const struct config_instance *instance, struct config_route *route)
{
    const struct method *method = find_method(route->method);

    if (method == NULL) {
        config_warning(parser, instance->line,
            "%s: %s is none of GET, POST, PUT, PATCH, DELETE, OPTIONS: only requests with exactly this method come "
            "here",
            config_title(instance).text, route->method);
    }
    find_endpoint(parser, instance, route);
    if (route->target == NULL && config_text(instance, "path") == NULL) {
        route->target = strdup(route->path);
        parser->no_memory = parser->no_memory || route->target == NULL;
    }
    if (method != NULL && method->idempotent) {
        return;
    }
    if (config_text(instance, "retries") == NULL) {
        route->retries = 0;
    } else if (route->retries > 0) {
        config_key_error(parser, instance, "retries",
            "a %s is never sent again: the service may have done it (remove it; GET, PUT, DELETE and OPTIONS are)",
            route->method);
    }
}

/* Names that may be pushed, and that nobody reads. */
static void warn_of_names(struct config_parser *parser, char *const *names, size_t count)
{
    const struct config_instance *secrets = config_instance(parser, CONFIG_SECRETS, 0);

    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], CONFIG_SECRET_IDENTITY) != 0 && strcmp(names[i], CONFIG_SECRET_SERVER) != 0) {
            config_warning(parser, secrets->line,
                "[secrets]: %s means nothing to a gateway: whom it asks is in its routes alone (remove it)", names[i]);
        }
    }
}

/* What the gateway needs around its routes, and what it has no use for. */
static void check_gateway(struct config_parser *parser)
{
    const struct config_instance *app = config_instance(parser, CONFIG_APP, 0);
    const struct config *config = parser->config;
    bool whole = parser->report->error_count == 0; /* else what is missing may be a section that was refused */

    if (whole && config->route_count == 0) {
        config_key_error(parser, app, "run", "it has nowhere to lead (add a [route METHOD PATH])");
    }
    if (whole && config->inbound_count == 0) {
        config_key_error(parser, app, "run", "nobody can reach it (add an [inbound api])");
    }
    /* From there on budget_services() leaves clients and services their share. */
    if (config->connections > 0 && config->connections < 4) {
        config_key_error(parser, config_instance(parser, CONFIG_LIMITS, 0), "connections",
            "a gateway needs at least 4: half are for clients, the others for services");
    }
    for (size_t i = 0; i < config->endpoint_count; i++) {
        bool used = false;
        for (size_t k = 0; k < config->route_count; k++) {
            used = used || config->routes[k].endpoint == i;
        }
        if (!used) {
            config_warning(parser, config->endpoints[i].line, "[endpoint %s]: no [route] leads there (remove it)",
                config->endpoints[i].label);
        }
    }
    warn_of_names(parser, config->secrets.required, config->secrets.required_count);
    warn_of_names(parser, config->secrets.optional, config->secrets.optional_count);
}

void config_check_routes(struct config_parser *parser)
{
    struct config *config = parser->config;
    bool gateway = config_is_gateway(config);
    size_t index = 0;

    for (size_t i = 0; i < parser->instance_count; i++) {
        const struct config_instance *instance = &parser->instances[i];
        if (instance->group != &config_table[CONFIG_ROUTE]) {
            continue;
        }
        if (config->app.run != NULL && !gateway) {
            config_error(parser, instance->line, "%s: only [app] run = %s has routes (say that, or remove the section)",
                config_title(instance).text, CONFIG_RUN_GATEWAY);
        } else if (instance->keys > 0) {
            check_route(parser, instance, &config->routes[index]);
        }
        index++;
    }
    if (gateway) {
        check_gateway(parser);
    }
}
