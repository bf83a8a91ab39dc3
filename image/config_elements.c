/* config_elements: the elements of a configuration's lists, one for each section of which there may be several: how
 * they are made, and their end.
 */
#include <stdlib.h>
#include <string.h>

#include "image/config_parse.h"

/* Room for as many elements of each kind as there are sections, and one more. */
static bool make_room(struct config_parser *parser)
{
    struct config *config = parser->config;
    size_t count[CONFIG_SECTIONS] = {0};

    for (size_t i = 0; i < parser->instance_count; i++) {
        count[parser->instances[i].group - config_table]++;
    }
    config->endpoints = calloc(count[CONFIG_ENDPOINT] + 1, sizeof *config->endpoints);
    config->inbound = calloc(count[CONFIG_INBOUND] + 1, sizeof *config->inbound);
    config->identities = calloc(count[CONFIG_IDENTITY] + 1, sizeof *config->identities);
    config->routes = calloc(count[CONFIG_ROUTE] + 1, sizeof *config->routes);
    return config->endpoints != NULL && config->inbound != NULL && config->identities != NULL && config->routes != NULL;
}

static bool make_element(struct config *config, struct config_instance *instance)
{
    struct config_route *route = NULL;
    unsigned *line = NULL;
    char **label = NULL;

    switch ((enum config_section)(instance->group - config_table)) {
    case CONFIG_ENDPOINT: {
        struct config_endpoint *endpoint = &config->endpoints[config->endpoint_count++];
        instance->base = endpoint;
        label = &endpoint->label;
        line = &endpoint->line;
        break;
    }
    case CONFIG_INBOUND: {
        struct config_inbound *inbound =
            config_is_status(instance) ? &config->status : &config->inbound[config->inbound_count++];
        instance->base = inbound;
        label = &inbound->label;
        line = &inbound->line;
        break;
    }
    case CONFIG_IDENTITY: {
        struct config_identity *identity = &config->identities[config->identity_count++];
        instance->base = identity;
        label = &identity->label;
        line = &identity->line;
        break;
    }
    case CONFIG_ROUTE:
        route = &config->routes[config->route_count++];
        instance->base = route;
        label = &route->label;
        line = &route->line;
        break;
    default:
        instance->base = config;
        return true;
    }
    *line = instance->line;
    *label = strdup(instance->label);
    return *label != NULL && (route == NULL || config_route_name(route));
}

bool config_make_elements(struct config_parser *parser)
{
    bool made = make_room(parser);

    for (size_t i = 0; i < parser->instance_count && made; i++) {
        made = make_element(parser->config, &parser->instances[i]);
    }
    return made;
}

static void free_words(char **words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(words[i]);
    }
    free(words);
}

static void free_endpoint(struct config_endpoint *endpoint)
{
    free(endpoint->label);
    free(endpoint->host);
    free(endpoint->ca_file);
    free(endpoint->server_name);
}

static void free_inbound(struct config_inbound *inbound)
{
    free(inbound->label);
    free(inbound->ca_file);
    free_words(inbound->allow, inbound->allow_count);
}

static void free_identity(struct config_identity *identity)
{
    free(identity->label);
    free(identity->cert_file);
    free(identity->key_file);
    free(identity->ca_file);
}

static void free_route(struct config_route *route)
{
    free(route->label);
    free(route->method);
    free(route->path);
    free(route->to);
    free(route->target);
    free_words(route->headers, route->header_count);
}

void config_free(struct config *config)
{
    free(config->image.name);
    free(config->image.version);
    free(config->app.run);
    free_words(config->app.args, config->app.arg_count);
    free_words(config->secrets.required, config->secrets.required_count);
    free_words(config->secrets.optional, config->secrets.optional_count);
    for (size_t i = 0; i < config->env_count; i++) {
        free(config->env[i].name);
        free(config->env[i].value);
    }
    free(config->env);
    for (size_t i = 0; i < config->endpoint_count; i++) {
        free_endpoint(&config->endpoints[i]);
    }
    free(config->endpoints);
    for (size_t i = 0; i < config->inbound_count; i++) {
        free_inbound(&config->inbound[i]);
    }
    free(config->inbound);
    free_inbound(&config->status);
    for (size_t i = 0; i < config->identity_count; i++) {
        free_identity(&config->identities[i]);
    }
    free(config->identities);
    for (size_t i = 0; i < config->route_count; i++) {
        free_route(&config->routes[i]);
    }
    free(config->routes);
    *config = (struct config){0};
}
