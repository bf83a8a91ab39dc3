/* proxy: the parent's side of one image: every endpoint's way out and every inbound port's way in, in one process. */
#include "tools/proxy.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "net/relay_pool.h"
#include "net/vsock.h"
#include "tools/serving.h"
#include "tools/subject.h"
#include "tools/verbs.h"

#define LABEL_SIZE (CONFIG_HOST_MAX + sizeof "[endpoint ]")
#define LIST_SIZE 400 /* of names that a message offers; the rest is cut */

extern const struct verb verb_proxy;

struct proxy {
    const struct proxy_options *options; /* during proxy_open() */
    struct relay_pool *pool;
    struct address *targets; /* of each endpoint */
    struct address *fronts;  /* of each inbound port */
    struct address *files;   /* Unix listeners, to be removed */
    size_t file_count;
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

/* Listens on front and relays to target. */
static int route_open(
    struct proxy *proxy, const struct address *front, const struct relay_listener_options *options, struct reason *why)
{
    const char *label = options->label;
    char from[ADDRESS_TEXT_SIZE];
    char to[ADDRESS_TEXT_SIZE];
    int fd = address_listen(front, RELAY_BACKLOG, why);

    if (fd < 0) {
        reason_prefix(why, "%s", label);
        return fd;
    }
    if (front->form == ADDRESS_UNIX) {
        proxy->files[proxy->file_count++] = *front;
    }
    int error = relay_listener_open(NULL, proxy->pool, fd, options);
    if (error < 0) {
        return reason_system(why, error, "%s: can't serve its listener", label);
    }
    say(proxy->options, "%s: %s to %s", label, address_print(front, from), address_print(options->target, to));
    return 0;
}

static int endpoint_open(struct proxy *proxy, size_t index, struct reason *why)
{
    const struct config_endpoint *endpoint = &proxy->options->config->endpoints[index];
    struct address front = {.form = ADDRESS_VSOCK, .cid = VSOCK_CID_ANY, .port = endpoint->vsock};
    char label[LABEL_SIZE];

    snprintf(label, sizeof label, "[endpoint %s]", endpoint->label);
    if (proxy->options->vsock_folder != NULL) {
        front = (struct address){.form = ADDRESS_UNIX};
        snprintf(front.name, sizeof front.name, "%s/port_%u", proxy->options->vsock_folder, endpoint->vsock);
    }
    const struct relay_listener_options options = {
        .target = &proxy->targets[index], .label = label, .only_cid = VSOCK_CID_ANY};
    int error = route_open(proxy, &front, &options, why);
    if (error == -EADDRINUSE) {
        struct reason in_use = *why;
        reason_set(why, error, "%s; %s", in_use.text,
            proxy->options->vsock_folder != NULL ? "does another ingot proxy or ingot run serve this folder?"
                                                 : "does another ingot proxy or a vsock-proxy serve this port?");
    }
    return error;
}

static int inbound_open(struct proxy *proxy, size_t index, struct reason *why)
{
    const struct proxy_options *options = proxy->options;
    const struct config_inbound *inbound = &options->config->inbound[index];
    struct address target = {.form = ADDRESS_VSOCK, .cid = options->cid, .port = inbound->vsock};
    char label[LABEL_SIZE];

    snprintf(label, sizeof label, "[inbound %s]", inbound->label);
    if (options->vsock_folder != NULL) {
        target.form = ADDRESS_HYBRID;
        snprintf(target.name, sizeof target.name, "%s/enclave", options->vsock_folder);
    } else if (options->cid == 0) {
        say(options, "%s: not opened: it needs the enclave's CID (--cid)", label);
        return 0;
    }
    const struct relay_listener_options route = {
        .target = &target, .label = label, .only_cid = VSOCK_CID_ANY, .inbound = true};
    int error = route_open(proxy, &proxy->fronts[index], &route, why);
    if (error == -EADDRINUSE) {
        struct reason in_use = *why;
        reason_set(why, error, "%s; choose with --listen %s=127.0.0.1:PORT", in_use.text, inbound->label);
    }
    return error;
}

static int routes_open(struct proxy *proxy, struct reason *why)
{
    const struct config *config = proxy->options->config;
    int error = 0;

    for (size_t i = 0; i < config->endpoint_count && error == 0; i++) {
        error = endpoint_open(proxy, i, why);
    }
    for (size_t i = 0; i < config->inbound_count && error == 0; i++) {
        error = inbound_open(proxy, i, why);
    }
    return error;
}

int proxy_open(struct proxy **out, struct relay_pool *pool, const struct proxy_options *options, struct reason *why)
{
    const struct config *config = options->config;
    struct proxy *proxy = calloc(1, sizeof *proxy);
    int error;

    if (proxy == NULL) {
        return reason_system(why, -ENOMEM, "can't open the proxy");
    }
    if (options->vsock_folder != NULL && strlen(options->vsock_folder) > PROXY_FOLDER_MAX) {
        error = reason_set(why, -EINVAL, "the folder %s is too long for Unix sockets: at most %d bytes",
            text_quote_string(options->vsock_folder).text, PROXY_FOLDER_MAX);
        goto fail;
    }
    proxy->options = options;
    proxy->pool = pool;
    proxy->targets = calloc(config->endpoint_count + 1, sizeof *proxy->targets);
    proxy->fronts = calloc(config->inbound_count + 1, sizeof *proxy->fronts);
    proxy->files = calloc(config->endpoint_count + config->inbound_count + 1, sizeof *proxy->files);
    if (proxy->targets == NULL || proxy->fronts == NULL || proxy->files == NULL) {
        error = reason_system(why, -ENOMEM, "can't open the proxy");
        goto fail;
    }
    error = proxy_routes(options, proxy->targets, proxy->fronts, why);
    if (error == 0) {
        error = routes_open(proxy, why);
    }
    if (error < 0) {
        goto fail;
    }
    proxy->options = NULL;
    *out = proxy;
    return 0;
fail:
    proxy_close(proxy);
    return error;
}

void proxy_close(struct proxy *proxy)
{
    if (proxy == NULL) {
        return;
    }
    for (size_t i = 0; i < proxy->file_count; i++) {
        address_remove(&proxy->files[i]);
    }
    free(proxy->targets);
    free(proxy->fronts);
    free(proxy->files);
    free(proxy);
}

/* ---- the verb ---- */

static void print_line(void *arg, const char *sentence)
{
    (void)arg;
    fprintf(stderr, "%s\n", sentence);
}

/* What serving_run() opens. */
struct opening {
    const struct proxy_options *options;
    struct proxy *proxy;
};

static int open_routes(void *arg, struct loop *loop, struct relay_pool *pool, struct reason *why)
{
    struct opening *opening = arg;

    (void)loop;
    return proxy_open(&opening->proxy, pool, opening->options, why);
}

static int serve(const struct proxy_options *options, const struct serving_options *serving, struct reason *why)
{
    struct opening opening = {.options = options};
    int error = serving_run("proxy", serving, open_routes, &opening, why);

    proxy_close(opening.proxy);
    return error;
}

enum { OPTION_VSOCK = 1000, OPTION_CID, OPTION_CONNECT_TO, OPTION_LISTEN };
static const struct option long_options[] = {
    {"vsock", required_argument, NULL, OPTION_VSOCK},
    {"cid", required_argument, NULL, OPTION_CID},
    {"connect-to", required_argument, NULL, OPTION_CONNECT_TO},
    {"listen", required_argument, NULL, OPTION_LISTEN},
    SERVING_LONG_OPTIONS,
    {0},
};

/* Reads the command line into options, whose lists have room for argc texts. 0, or an EXIT_… that was explained. */
static int read_options(int argc, char *argv[], struct proxy_options *options, struct serving_options *serving,
    char **connect_texts, char **listen_texts)
{
    const char *wrong;
    uint64_t number;
    int option;

    opterr = 0;
    while ((option = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
        switch (option) {
        case OPTION_VSOCK:
            options->vsock_folder = optarg;
            break;
        case OPTION_CID:
            if (!text_number(optarg, 4, UINT32_MAX - 1, &number)) {
                return verb_misuse(&verb_proxy, "--cid %s: not a CID (4 or more)", text_quote_string(optarg).text);
            }
            options->cid = (uint32_t)number;
            break;
        case OPTION_CONNECT_TO:
            connect_texts[options->connect_to_count++] = optarg;
            break;
        case OPTION_LISTEN:
            listen_texts[options->listen_count++] = optarg;
            break;
        case '?':
        case ':':
            return verb_bad_option(&verb_proxy, argv, option);
        default:
            wrong = serving_option(serving, option, optarg);
            if (wrong != NULL) {
                return verb_misuse(&verb_proxy, "%s: %s", text_quote_string(optarg).text, wrong);
            }
        }
    }
    if (options->vsock_folder != NULL && options->cid != 0) {
        return verb_misuse(&verb_proxy, "--vsock and --cid exclude each other");
    }
    if (optind + 1 != argc) {
        return verb_misuse(&verb_proxy, "name one image or one enclave.ini");
    }
    return EXIT_DONE;
}

static int run(int argc, char *argv[])
{
    struct proxy_options options = {.log = print_line};
    struct serving_options serving;
    struct subject subject;
    struct reason why;
    char **connect_texts = calloc((size_t)argc, sizeof *connect_texts);
    char **listen_texts = calloc((size_t)argc, sizeof *listen_texts);
    int code = EXIT_SYSTEM;

    if (connect_texts == NULL || listen_texts == NULL) {
        reason_system(&why, -ENOMEM, "can't read the options");
        code = verb_fail(&verb_proxy, -ENOMEM, &why);
        goto out;
    }
    serving_options_init(&serving);
    code = read_options(argc, argv, &options, &serving, connect_texts, listen_texts);
    if (code != EXIT_DONE) {
        goto out;
    }
    options.connect_to = connect_texts;
    options.listen = listen_texts;
    int error = subject_open(&subject, argv[optind], &why);
    if (error == 0) {
        options.config = subject_config(&subject);
        error = serve(&options, &serving, &why);
        subject_close(&subject);
        if (error == -EINVAL) { /* a choice that does not fit the image */
            code = verb_misuse(&verb_proxy, "%s", why.text);
            goto out;
        }
    }
    if (error < 0) {
        code = verb_fail(&verb_proxy, error, &why);
    }
out:
    free(connect_texts);
    free(listen_texts);
    return code;
}

const struct verb verb_proxy = {
    .name = "proxy",
    .arguments =
        "X.eif|enclave.ini [--vsock DIR | --cid CID] [--connect-to HOST:PORT=ADDRESS]…\n"
        "             [--listen LABEL=HOST:PORT]… [--connections N] [--connect-timeout SECONDS] [--idle SECONDS]\n"
        "             [--total SECONDS] [--drain SECONDS] [--log json] [--metrics ADDRESS]",
    .summary = "the parent's side of every endpoint and inbound port of an image",
    .help =
        "Carries each [endpoint] from its vsock port to its host and port, and each [inbound] from a TCP port of\n"
        "this machine (127.0.0.1, the port of its `to`) to the enclave. Runs until SIGTERM or SIGINT.\n"
        "\n"
        "  --vsock DIR                     Unix sockets in place of AF_VSOCK: DIR/enclave leads in, DIR/port_N out\n"
        "                                  (ingot run serves its own enclave: this is for another's)\n"
        "  --cid CID                       the enclave on this EC2 instance, for [inbound]\n"
        "  --connect-to HOST:PORT=ADDRESS  where an endpoint of the image leads instead: HOST:PORT, tcp:HOST:PORT,\n"
        "                                  unix:PATH, vsock:CID:PORT or hybrid:PATH:PORT\n"
        "  --listen LABEL=HOST:PORT        where an [inbound] is reached instead; HOST in numbers\n" SERVING_HELP "\n"
        "Neither direction may hold the last quarter of --connections: callers that never close do not keep the\n"
        "enclave from its endpoints, nor the other way round. Names are resolved for every connection, and\n"
        "all their addresses tried.\n",
    .run = run,
};
