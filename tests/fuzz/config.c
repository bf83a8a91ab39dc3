/* config: fuzzes: any bytes as enclave.ini: errors or a configuration; what is printed of one means the same. */
#include <stdlib.h>
#include <string.h>

#include "image/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool true_always)
{
    if (!true_always) {
        abort();
    }
}

static void check_bounds(const struct config *config)
{
    require(config->endpoint_count <= CONFIG_ENDPOINTS_MAX && config->inbound_count <= CONFIG_INBOUND_MAX);
    require(config->app.endpoint == SIZE_MAX || config->app.endpoint < config->endpoint_count);
    for (size_t i = 0; i < config->endpoint_count; i++) {
        const struct config_endpoint *endpoint = &config->endpoints[i];
        require(strlen(endpoint->host) >= 1 && strlen(endpoint->host) <= CONFIG_HOST_MAX);
        require(endpoint->port != 0 && endpoint->vsock != 0 && endpoint->address >= CONFIG_FIRST_ADDRESS);
        require(config_endpoint_find(config, endpoint->host, endpoint->port) == endpoint);
    }
}

/* What a route says is found again by it, with what it leads to. */
static void check_routes(const struct config *config)
{
    bool known;

    require(config->route_count <= CONFIG_ROUTES_MAX && (config->route_count > 0) == config_is_gateway(config));
    for (size_t i = 0; i < config->route_count; i++) {
        const struct config_route *route = &config->routes[i];
        require(route->endpoint < config->endpoint_count && config->endpoints[route->endpoint].tls != CONFIG_TLS_APP);
        require(route->path[0] == '/' && strlen(route->path) <= CONFIG_PATH_MAX && route->target[0] == '/');
        require(!route->below ||
                (route->path[strlen(route->path) - 1] == '/' && route->target[strlen(route->target) - 1] == '/'));
        require(config_route_find(
                    config, route->method, strlen(route->method), route->path, strlen(route->path), &known) != NULL &&
                known);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config_report report;
    struct config config;
    char *first = NULL;
    char *second = NULL;
    int error = config_parse(&config, "f", (const char *)data, size, &report);

    require((error == -22) == (report.error_count > 0));
    config_report_free(&report);
    if (error == 0) {
        check_bounds(&config);
        check_routes(&config);
        require(config_print(&config, &first) == 0);
        config_free(&config);
        error = config_parse(&config, "f", first, strlen(first), &report);
        /* Only a file near the bound can outgrow it by its defaults. */
        require(error == 0 || strlen(first) > CONFIG_FILE_MAX);
        config_report_free(&report);
        require(error != 0 || config_print(&config, &second) == 0);
        require(error != 0 || strcmp(first, second) == 0);
    }
    config_free(&config);
    free(first);
    free(second);
    return 0;
}
