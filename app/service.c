/* service: where the watermark service is: a pushed URL, allowed only to choose among the measured endpoints. */
#include "app/service.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "net/http.h"

#define SCHEME "https://"
#define HTTPS_PORT 443

#define CREATE "Failed to create mTLS client: "

static int not_a_url(struct reason *why, const char *url, const char *what)
{
    return reason_set(why, -EINVAL, CREATE SERVICE_ENV " = %s: %s: it must be https://HOST[:PORT][/PREFIX]",
        text_quote_string(url).text, what);
}

/* What follows the authority; no query and no fragment, since more path is put behind it. */
static int copy_prefix(struct service *service, const char *url, const char *prefix, struct reason *why)
{
    size_t size = strlen(prefix);

    while (size > 0 && prefix[size - 1] == '/') {
        size--;
    }
    if (size > SERVICE_PREFIX_MAX) {
        return not_a_url(why, url, "its path is too long");
    }
    for (size_t i = 0; i < size; i++) {
        if (prefix[i] <= 0x20 || prefix[i] >= 0x7f || prefix[i] == '?' || prefix[i] == '#') {
            return not_a_url(why, url, "its path has characters that do not belong there");
        }
    }
    memcpy(service->prefix, prefix, size);
    service->prefix[size] = '\0';
    return 0;
}

/* Splits HOST[:PORT]; the text is a valid authority, which has no user in front. */
static bool split_authority(const char *text, size_t size, char host[static CONFIG_HOST_MAX + 1], uint16_t *port)
{
    char copy[CONFIG_HOST_MAX + sizeof ":65535"];
    uint64_t number = HTTPS_PORT;

    if (size >= sizeof copy) {
        return false;
    }
    memcpy(copy, text, size);
    copy[size] = '\0';
    char *colon = strrchr(copy, ':');
    if (colon != NULL && !text_number(colon + 1, 1, UINT16_MAX, &number)) {
        return false;
    }
    if (colon != NULL) {
        *colon = '\0';
    }
    *port = (uint16_t)number;
    return snprintf(host, CONFIG_HOST_MAX + 1, "%s", copy) <= CONFIG_HOST_MAX;
}

static int read_url(struct service *service, const struct config *config, const char *url, struct reason *why)
{
    char host[CONFIG_HOST_MAX + 1];
    uint16_t port;

    if (strncmp(url, SCHEME, sizeof SCHEME - 1) != 0) {
        return not_a_url(why, url, "its scheme is another one");
    }
    const char *authority = url + sizeof SCHEME - 1;
    size_t size = strcspn(authority, "/");
    if (!http_authority_valid((struct http_text){authority, size}) || !split_authority(authority, size, host, &port)) {
        return not_a_url(why, url, "its host or port is not valid");
    }
    service->endpoint = config_endpoint_find(config, host, port);
    if (service->endpoint == NULL) {
        return reason_set(why, -ENOENT,
            "failed to resolve hostname: " SERVICE_ENV " = %s: no [endpoint] of enclave.ini has host %s and port %u",
            text_quote_string(url).text, text_quote_string(host).text, port);
    }
    return copy_prefix(service, url, authority + size, why);
}

int service_choose(struct service *service, const struct config *config, const char *url, struct reason *why)
{
    const struct config_endpoint *endpoint;
    int error = 0;

    *service = (struct service){0};
    if (url != NULL) {
        error = read_url(service, config, url, why);
    } else if (config->app.endpoint < config->endpoint_count) {
        service->endpoint = &config->endpoints[config->app.endpoint];
    } else {
        error = reason_set(why, -ENOENT,
            "failed to resolve hostname: neither " SERVICE_ENV " nor `[app] endpoint` says where the service is");
    }
    if (error < 0) {
        return error;
    }
    endpoint = service->endpoint;
    if (endpoint->tls != CONFIG_TLS_MUTUAL && endpoint->tls != CONFIG_TLS_SERVER) {
        return reason_set(
            why, -EINVAL, CREATE "[endpoint %s] has neither tls = mutual nor tls = server", endpoint->label);
    }
    if (endpoint->port == HTTPS_PORT) {
        (void)snprintf(service->authority, sizeof service->authority, "%s", endpoint->host);
    } else {
        (void)snprintf(service->authority, sizeof service->authority, "%s:%u", endpoint->host, endpoint->port);
    }
    return 0;
}
