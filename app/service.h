/* service: where the watermark service is: a pushed URL, allowed only to choose among the measured endpoints. */
#ifndef INGOT_APP_SERVICE_H
#define INGOT_APP_SERVICE_H

#include "image/config.h"

#define SERVICE_ENV "ECS_WATERMARK_ENDPOINT"
#define SERVICE_PREFIX_MAX 1024 /* bytes of the URL's path */

struct service {
    const struct config_endpoint *endpoint;            /* lives in the configuration; tls is mutual or server */
    char authority[CONFIG_HOST_MAX + sizeof ":65535"]; /* for Host: the port only where it is not 443 */
    char prefix[SERVICE_PREFIX_MAX + 1];               /* "" or "/path", no "/" at its end */
};

/*
 * Reads https://HOST[:PORT][/PREFIX]; NULL stands for `[app] endpoint`. 0; -EINVAL: not such a URL; -ENOENT: no
 * [endpoint] has this host and port; the sentence begins with the words that people search for.
 */
int service_choose(struct service *service, const struct config *config, const char *url, struct reason *why);

#endif
