/* relay: carries connections between any two addresses, by hand: what socat is used for. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "image/config.h"
#include "net/address.h"
#include "net/vsock.h"
#include "tools/serving.h"
#include "tools/verbs.h"

#define LABEL_SIZE (2 * ADDRESS_TEXT_SIZE + 4)

extern const struct verb verb_relay;

struct route {
    struct address from;
    struct address to;
    bool open;
};

struct routes {
    size_t count;
    struct route *list;
};

static int route_open(struct route *route, struct relay_pool *pool, struct reason *why)
{
    char label[LABEL_SIZE];
    char from[ADDRESS_TEXT_SIZE];
    char to[ADDRESS_TEXT_SIZE];
    const struct relay_listener_options options = {.target = &route->to, .label = label, .only_cid = VSOCK_CID_ANY};
    bool heartbeat = route->from.form == ADDRESS_VSOCK && route->from.port == CONFIG_HEARTBEAT_PORT;
    int fd = address_listen(&route->from, RELAY_BACKLOG, why);

    if (fd == -EADDRINUSE && heartbeat) {
        return reason_set(why, fd,
            "vsock port %u is taken: nitro-cli answers the heartbeat of starting enclaves there; choose another",
            CONFIG_HEARTBEAT_PORT);
    }
    if (fd < 0) {
        return fd;
    }
    if (heartbeat) {
        fprintf(stderr,
            "vsock port %u is where nitro-cli answers the heartbeat: on EC2 no enclave starts while this listens "
            "there\n",
            CONFIG_HEARTBEAT_PORT);
    }
    route->open = true;
    snprintf(label, sizeof label, "%s", address_print(&route->from, from));
    int error = relay_listener_open(NULL, pool, fd, &options);
    if (error < 0) {
        return reason_system(why, error, "%s: can't serve its listener", label);
    }
    fprintf(stderr, "%s to %s\n", from, address_print(&route->to, to));
    return 0;
}

static int routes_open(void *arg, struct loop *loop, struct relay_pool *pool, struct reason *why)
{
    struct routes *routes = arg;
    int error = 0;

    (void)loop;
    for (size_t i = 0; i < routes->count && error == 0; i++) {
        error = route_open(&routes->list[i], pool, why);
    }
    return error;
}

/* EXIT_DONE, or an EXIT_… that was explained. */
static int routes_read(struct routes *routes, char *texts[])
{
    struct reason why;

    for (size_t i = 0; i < routes->count; i++) {
        struct route *route = &routes->list[i];
        if (address_parse_host(&route->from, texts[2 * i], &why) < 0 ||
            address_parse_host(&route->to, texts[2 * i + 1], &why) < 0) {
            return verb_misuse(&verb_relay, "%s", why.text);
        }
        if (route->from.form == ADDRESS_HYBRID) {
            return verb_misuse(
                &verb_relay, "%s: a hybrid address can only be dialled", text_quote_string(texts[2 * i]).text);
        }
    }
    return EXIT_DONE;
}

static const struct option long_options[] = {SERVING_LONG_OPTIONS, {0}};

static int run(int argc, char *argv[])
{
    struct serving_options options;
    struct routes routes = {0};
    struct reason why;
    int option;

    serving_options_init(&options);
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
        if (option == '?' || option == ':') {
            return verb_bad_option(&verb_relay, argv, option);
        }
        const char *wrong = serving_option(&options, option, optarg);
        if (wrong != NULL) {
            return verb_misuse(&verb_relay, "%s: %s", text_quote_string(optarg).text, wrong);
        }
    }
    routes.count = (size_t)(argc - optind) / 2;
    if (argc == optind || (argc - optind) % 2 != 0) {
        return verb_misuse(&verb_relay, "name pairs of addresses: FROM TO");
    }
    routes.list = calloc(routes.count, sizeof *routes.list);
    if (routes.list == NULL) {
        reason_system(&why, -ENOMEM, "can't hold the routes");
        return verb_fail(&verb_relay, -ENOMEM, &why);
    }
    int code = routes_read(&routes, argv + optind);
    if (code == EXIT_DONE) {
        const struct serving_hooks hooks = {.name = "relay", .open = routes_open, .arg = &routes};
        int error = serving_run(&hooks, &options, &why);
        for (size_t i = 0; i < routes.count; i++) {
            if (routes.list[i].open) {
                address_remove(&routes.list[i].from);
            }
        }
        if (error < 0) {
            code = verb_fail(&verb_relay, error, &why);
        }
    }
    free(routes.list);
    return code;
}

const struct verb verb_relay = {
    .name = "relay",
    .arguments = "FROM TO [FROM TO]… [--connections N] [--connect-timeout SECONDS] [--idle SECONDS]\n"
                 "             [--total SECONDS] [--drain SECONDS] [--log json] [--metrics ADDRESS]",
    .summary = "carry connections between any two addresses",
    .help = "Listens on each FROM and carries every connection to the TO beside it: both directions, half-closes and\n"
            "resets included, in one process. Runs until SIGTERM or SIGINT. An address is one of\n"
            "\n"
            "  tcp:HOST:PORT, HOST:PORT        HOST a name, an IPv4 address, or IPv6 in brackets; FROM: in numbers\n"
            "  unix:PATH                       a stream socket; FROM: made with mode 0600, removed at the end\n"
            "  vsock:CID:PORT                  FROM: vsock:any:PORT\n"
            "  hybrid:PATH:PORT                TO only: a vsock port behind a Unix socket (`CONNECT PORT`)\n"
            "\n" SERVING_HELP,
    .run = run,
};
