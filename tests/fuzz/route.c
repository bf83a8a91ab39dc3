/* route: fuzzes: any bytes as the path of a request: one that is taken below a prefix stays there for every reader. */
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

static const struct config *configuration(void)
{
    static const char text[] = "[image]\nname = a\n[app]\nrun = gateway\n[endpoint b]\ntls = none\n"
                               "[inbound c]\nvsock = 1\nto = 127.0.0.1:1\n[route GET /a/*]\nto = b\n"
                               "[route GET /a/b/*]\nto = b\n[route GET /a/b/c]\nto = b\n[route POST /a/*]\nto = b\n";
    static struct config config;
    struct config_report report;

    if (config.route_count == 0) {
        require(config_parse(&config, "f", text, sizeof text - 1, &report) == 0);
        config_report_free(&report);
    }
    return &config;
}

static int digit(uint8_t c)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = c != 0 ? strchr(digits, c | (c >= 'A' && c <= 'F' ? 32 : 0)) : NULL;

    return found != NULL ? (int)(found - digits) : -1;
}

/* The path as a careless server reads it: percent signs first, then "\" as "/", then parameters cut, then dots. */
static size_t read_carelessly(const uint8_t *path, size_t size, uint8_t *out)
{
    size_t depth = 0; /* parts that lie before the end of out */
    size_t used = 0;
    size_t length = 0;
    bool cut = false;

    for (size_t i = 0; i <= size; i++) {
        int c = i < size ? path[i] : '/';
        if (i + 2 < size && c == '%' && digit(path[i + 1]) >= 0 && digit(path[i + 2]) >= 0) {
            c = digit(path[i + 1]) << 4 | digit(path[i + 2]);
            i += 2;
        }
        if (c != '/' && c != '\\') {
            cut = cut || c == ';';
            if (!cut) {
                out[used++] = (uint8_t)c;
                length++;
            }
            continue;
        }
        const uint8_t *part = out + used - length;
        if (length == 0 || (length == 1 && part[0] == '.')) {
            used -= length;
        } else if (length == 2 && part[0] == '.' && part[1] == '.') {
            used -= length;
            for (size_t parts = 0; depth > 0 && parts == 0; parts++) {
                for (used--; used > 0 && out[used - 1] != '/'; used--) {
                }
                depth--;
            }
        } else {
            out[used++] = '/';
            depth++;
        }
        length = 0;
        cut = false;
    }
    return used;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct config *config = configuration();
    const char *path = (const char *)data;
    bool known;
    const struct config_route *route = config_route_find(config, "GET", 3, path, size, &known);
    uint8_t *read = malloc(size + 2);

    require(read != NULL);
    require(route == NULL || known);
    if (route != NULL && route->below) {
        size_t used = read_carelessly(data, size, read);
        size_t prefix = strlen(route->path) - 1; /* without the first slash */
        require(used >= prefix && memcmp(read, route->path + 1, prefix) == 0);
    }
    require(route == NULL || !route->below || route != config_route_find(config, "POST", 4, path, size, &known));
    free(read);
    return 0;
}
