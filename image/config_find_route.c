/* config_find_route: which route a request takes, by its method and path as they came. */
#include <string.h>

#include "image/config.h"

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* RFC 3986 §2.3: a percent sign before one of these means the same as none, and no client writes it. */
static bool is_unreserved(int c)
{
    return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || (c != '\0' && strchr("-._~", c) != NULL);
}

/*
 * Whether every reader takes the segment for the same name: one decodes percent signs before it looks for slashes and
 * dots, another cuts parameters (";…") off before it does. An empty one is told by the caller.
 */
static bool segment_is_plain(const char *segment, size_t size)
{
    bool dots = true;    /* so far there is nothing else in the name */
    bool in_name = true; /* ";" is still to come */
    size_t length = 0;   /* of the name */

    for (size_t i = 0; i < size; i++) {
        int c = (unsigned char)segment[i];
        if (c == '%') {
            int high = size - i > 2 ? hex_digit(segment[i + 1]) : -1;
            int low = high >= 0 ? hex_digit(segment[i + 2]) : -1;
            if (low < 0) {
                return false;
            }
            c = high << 4 | low;
            i += 2;
            if (c == '/' || is_unreserved(c)) { /* it would pass by a closer route of that name */
                return false;
            }
        }
        if (c == '\\' || c < 0x20 || c == 0x7f) {
            return false;
        }
        in_name = in_name && c != ';';
        dots = dots && (c == '.' || !in_name);
        length += in_name;
    }
    return !dots || length > 2;
}

/* Whether what stands behind a route's prefix is plain; only its last segment may be empty. */
static bool rest_is_plain(const char *rest, size_t size)
{
    while (size > 0) {
        const char *slash = memchr(rest, '/', size);
        size_t segment = slash != NULL ? (size_t)(slash - rest) : size;
        if (!segment_is_plain(rest, segment)) {
            return false;
        }
        segment += slash != NULL;
        rest += segment;
        size -= segment;
    }
    return true;
}

bool config_path_is_plain(const char *path, size_t path_size)
{
    bool slash = path_size > 0 && path[0] == '/';

    return rest_is_plain(path + slash, path_size - slash);
}

bool config_route_covers(const struct config_route *route, const char *path, size_t path_size)
{
    size_t size = strlen(route->path);

    if (path_size < size || memcmp(path, route->path, size) != 0) {
        return false;
    }
    return route->below ? rest_is_plain(path + size, path_size - size) : path_size == size;
}

/* An exact path before every prefix, a longer prefix before a shorter. */
static bool is_closer(const struct config_route *route, const struct config_route *other)
{
    return other == NULL || (!route->below && other->below) ||
           (route->below == other->below && strlen(route->path) > strlen(other->path));
}

const struct config_route *config_route_find(const struct config *config, const char *method, size_t method_size,
    const char *path, size_t path_size, bool *path_known)
{
    const struct config_route *found = NULL;

    if (method_size == 4 && memcmp(method, "HEAD", 4) == 0) {
        method = "GET";
        method_size = 3;
    }
    *path_known = false;
    for (size_t i = 0; i < config->route_count; i++) {
        const struct config_route *route = &config->routes[i];
        if (!config_route_covers(route, path, path_size)) {
            continue;
        }
        *path_known = true;
        if (strlen(route->method) == method_size && memcmp(route->method, method, method_size) == 0 &&
            is_closer(route, found)) {
            found = route;
        }
    }
    return found;
}
