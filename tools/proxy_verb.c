/* proxy_verb: ingot proxy: the parent's side of one enclave or several, each found and followed by nitro-cli. */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "net/vsock.h"
#include "tools/notify.h"
#include "tools/proxy.h"
#include "tools/serving.h"
#include "tools/subject.h"
#include "tools/verbs.h"
#include "tools/watch.h"

#define NAME_SIZE 64

extern const struct verb verb_proxy;

/* One image of the command line, and its enclave. */
struct member {
    const char *image;   /* NULL: not named yet */
    const char *enclave; /* --enclave, unless it is a CID */
    struct proxy_options options;
    char **connect_to;
    char **listen;
    struct proxy *proxy;
    struct reason said; /* of its enclave, so that each sentence is printed once */
    char name[NAME_SIZE];
};

struct members {
    size_t count;
    struct member *list;
    struct proxy_group group;
    struct relay_pool *pool;
    struct watch *watch; /* NULL: every CID is fixed */
    int64_t watch_ms;
    bool misuse; /* the last member that failed did so by a choice that does not fit its image */
    char status[REASON_SIZE];
};

static void print_line(void *arg, const char *sentence)
{
    (void)arg;
    fprintf(stderr, "%s\n", sentence);
}

static bool is_followed(const struct member *member)
{
    return member->options.vsock_folder == NULL && member->options.cid == VSOCK_CID_NONE;
}

/* ---- the enclaves, as they come and go ---- */

/* The supervisor's line of status: what was said last of each enclave. */
static const char *status(void *arg)
{
    struct members *members = arg;
    size_t used = 0;

    members->status[0] = '\0';
    for (size_t i = 0; i < members->count && used < sizeof members->status; i++) {
        const char *said = members->list[i].said.text;
        if (*said != '\0') {
            used += (size_t)snprintf(
                members->status + used, sizeof members->status - used, "%s%s", used > 0 ? "; " : "", said);
        }
    }
    return members->status;
}

static void say_once(struct members *members, struct member *member, const struct reason *why)
{
    char line[REASON_SIZE + sizeof "STATUS="];

    if (strcmp(member->said.text, why->text) != 0) {
        member->said = *why;
        fprintf(stderr, "%s\n", why->text);
        snprintf(line, sizeof line, "STATUS=%s", status(members));
        notify_send(line);
    }
}

/* What nitro-cli can't tell changes nothing: an enclave that was known is served, one that was not stays refused. */
static void told(void *arg, const struct nitro_enclave *enclaves, size_t count, const struct reason *why)
{
    struct members *members = arg;

    for (size_t i = 0; i < members->count; i++) {
        struct member *member = &members->list[i];
        uint32_t cid = VSOCK_CID_NONE;
        struct reason line;
        if (!is_followed(member)) {
            continue;
        }
        if (why != NULL) {
            reason_set(&line, 0, "which enclaves run can't be told, will ask again: %s", why->text);
        } else if (watch_choose(member->enclave, enclaves, count, &cid, &line) < 0) {
            struct reason bare = line;
            reason_set(&line, 0, "%s: until then all connections are refused", bare.text);
        }
        if (why == NULL) {
            proxy_enclave(member->proxy, cid);
        }
        say_once(members, member, &line);
    }
}

static void stranger(void *arg)
{
    struct members *members = arg;

    if (members->watch != NULL) {
        watch_soon(members->watch);
    }
}

/* An enclave that can't be reached may have another CID by now. */
static void connection_ended(void *arg, const struct relay_record *record)
{
    if (!record->connected && record->target->form == ADDRESS_VSOCK) {
        stranger(arg);
    }
}

/* ---- from start to end ---- */

static int member_open(struct members *members, struct member *member, struct reason *why)
{
    struct subject subject;
    int error = subject_open(&subject, member->image, why);

    if (error == 0) {
        member->options.config = subject_config(&subject);
        error = member->proxy == NULL ? proxy_open(&member->proxy, members->pool, &member->options, why)
                                      : proxy_reload(member->proxy, &member->options, why);
        members->misuse = error == -EINVAL;
        subject_close(&subject);
    }
    return error;
}

static int open_all(void *arg, struct loop *loop, struct relay_pool *pool, struct reason *why)
{
    struct members *members = arg;
    bool followed = false;
    int error = 0;

    members->pool = pool;
    for (size_t i = 0; i < members->count && error == 0; i++) {
        error = member_open(members, &members->list[i], why);
        followed = followed || is_followed(&members->list[i]);
    }
    if (error == 0 && followed && watch_open(&members->watch, loop, members->watch_ms, told, members) < 0) {
        error = reason_system(why, -ENOMEM, "can't follow the enclave");
    }
    return error;
}

static void reload(void *arg)
{
    struct members *members = arg;
    struct reason why;

    for (size_t i = 0; i < members->count; i++) {
        struct member *member = &members->list[i];
        if (member_open(members, member, &why) == 0) {
            fprintf(stderr, "%s was read again\n", text_quote_string(member->image).text);
        } else {
            fprintf(stderr, "%s was not taken, what was served before goes on: %s\n",
                text_quote_string(member->image).text, why.text);
        }
    }
    stranger(members);
}

static void closing(void *arg)
{
    struct members *members = arg;

    watch_close(members->watch);
    members->watch = NULL;
}

static int serve(struct members *members, const struct serving_options *options)
{
    const struct serving_hooks hooks = {.name = "proxy",
        .open = open_all,
        .reload = reload,
        .ended = connection_ended,
        .stranger = stranger,
        .status = status,
        .closing = closing,
        .arg = members};
    struct reason why;
    int error = serving_run(&hooks, options, &why);

    for (size_t i = 0; i < members->count; i++) {
        proxy_close(members->list[i].proxy);
    }
    if (error < 0 && members->misuse) {
        return verb_misuse(&verb_proxy, "%s", why.text);
    }
    return error < 0 ? verb_fail(&verb_proxy, error, &why) : EXIT_DONE;
}

/* ---- the command line ---- */

enum { OPTION_VSOCK = 1000, OPTION_CID, OPTION_ENCLAVE, OPTION_WATCH, OPTION_CONNECT_TO, OPTION_LISTEN };
static const struct option long_options[] = {
    {"vsock", required_argument, NULL, OPTION_VSOCK},
    {"cid", required_argument, NULL, OPTION_CID},
    {"enclave", required_argument, NULL, OPTION_ENCLAVE},
    {"watch", required_argument, NULL, OPTION_WATCH},
    {"connect-to", required_argument, NULL, OPTION_CONNECT_TO},
    {"listen", required_argument, NULL, OPTION_LISTEN},
    SERVING_LONG_OPTIONS,
    {0},
};

/* How many of --vsock, --cid and --enclave were given. */
static unsigned ways(const struct member *member)
{
    return (member->options.vsock_folder != NULL ? 1u : 0u) + (member->options.cid != VSOCK_CID_NONE ? 1u : 0u) +
           (member->enclave != NULL ? 1u : 0u);
}

static int take_cid(struct member *member, const char *option, const char *text)
{
    uint64_t number;

    if (!text_number(text, VSOCK_CID_ENCLAVE_MIN, VSOCK_CID_ENCLAVE_MAX, &number)) {
        return verb_misuse(&verb_proxy, "%s %s: not a CID (4 or more)", option, text_quote_string(text).text);
    }
    member->options.cid = (uint32_t)number;
    return EXIT_DONE;
}

static int take_option(struct members *members, struct member *member, struct serving_options *serving, int option)
{
    const char *wrong;
    uint64_t number;
    bool again = ways(member) > 0;

    switch (option) {
    case OPTION_VSOCK:
        member->options.vsock_folder = optarg;
        break;
    case OPTION_CID:
        if (take_cid(member, "--cid", optarg) != EXIT_DONE) {
            return EXIT_MISUSE;
        }
        break;
    case OPTION_ENCLAVE:
        if (*optarg == '\0' || strspn(optarg, "0123456789") != strlen(optarg)) {
            member->enclave = optarg;
        } else if (take_cid(member, "--enclave", optarg) != EXIT_DONE) {
            return EXIT_MISUSE;
        }
        break;
    case OPTION_WATCH:
        if (!text_number(optarg, 1, 3600, &number)) {
            return verb_misuse(
                &verb_proxy, "--watch %s: not a number of seconds (1 to 3600)", text_quote_string(optarg).text);
        }
        members->watch_ms = (int64_t)number * 1000;
        return EXIT_DONE;
    case OPTION_CONNECT_TO:
        member->connect_to[member->options.connect_to_count++] = optarg;
        return EXIT_DONE;
    case OPTION_LISTEN:
        member->listen[member->options.listen_count++] = optarg;
        return EXIT_DONE;
    default:
        wrong = serving_option(serving, option, optarg);
        return wrong != NULL ? verb_misuse(&verb_proxy, "%s: %s", text_quote_string(optarg).text, wrong) : EXIT_DONE;
    }
    return again ? verb_misuse(&verb_proxy, "--enclave, --cid and --vsock exclude each other: one for each image")
                 : EXIT_DONE;
}

static bool are_the_same(const struct member *a, const struct member *b)
{
    const char *folder = a->options.vsock_folder;
    const char *other = b->options.vsock_folder;

    return (a->options.cid != VSOCK_CID_NONE && a->options.cid == b->options.cid) ||
           (a->enclave != NULL && b->enclave != NULL && strcmp(a->enclave, b->enclave) == 0) ||
           (folder != NULL && other != NULL && strcmp(folder, other) == 0);
}

static void member_name(struct member *member)
{
    if (member->options.vsock_folder != NULL) {
        snprintf(member->name, sizeof member->name, "%s", member->options.vsock_folder);
    } else if (member->enclave != NULL) {
        snprintf(member->name, sizeof member->name, "%s", member->enclave);
    } else {
        snprintf(member->name, sizeof member->name, "CID %u", member->options.cid);
    }
    member->options.name = member->name;
}

/* What several images make necessary, and names to tell their routes apart. */
static int members_check(struct members *members)
{
    for (size_t i = 0; i < members->count; i++) {
        struct member *member = &members->list[i];
        if (member->enclave != NULL && strcmp(member->enclave, "auto") == 0) {
            member->enclave = NULL; /* as without: the only one that runs */
        }
        if (members->count == 1) {
            return EXIT_DONE;
        }
        if (member->enclave == NULL && is_followed(member)) {
            return verb_misuse(&verb_proxy, "several images: say behind each which enclave runs it, as --enclave NAME");
        }
        for (size_t j = 0; j < i; j++) {
            if (are_the_same(member, &members->list[j])) {
                return verb_misuse(&verb_proxy, "one enclave can't run two images");
            }
        }
        member_name(member);
    }
    return EXIT_DONE;
}

/* Room for one more image. false: no memory. */
static bool member_new(struct members *members, int argc)
{
    struct member *member = &members->list[members->count++];

    member->options = (struct proxy_options){.log = print_line, .group = &members->group};
    member->connect_to = calloc((size_t)argc, sizeof *member->connect_to);
    member->listen = calloc((size_t)argc, sizeof *member->listen);
    member->options.connect_to = member->connect_to;
    member->options.listen = member->listen;
    return member->connect_to != NULL && member->listen != NULL;
}

/* The images are members from the second on; the first waits for its own. */
static bool take_image(struct members *members, int argc, const char *word)
{
    if (members->list[members->count - 1].image != NULL && !member_new(members, argc)) {
        return false;
    }
    members->list[members->count - 1].image = word;
    return true;
}

/* In the order of the command line: an option belongs to the image in front of it, or to the first. */
static int read_words(int argc, char *argv[], struct members *members, struct serving_options *serving)
{
    bool memory = member_new(members, argc);
    int code = EXIT_DONE;
    int option;

    opterr = 0;
    while (memory && code == EXIT_DONE && (option = getopt_long(argc, argv, "-:", long_options, NULL)) != -1) {
        if (option == '?' || option == ':') {
            return verb_bad_option(&verb_proxy, argv, option);
        }
        if (option == 1) {
            memory = take_image(members, argc, optarg);
        } else {
            code = take_option(members, &members->list[members->count - 1], serving, option);
        }
    }
    for (; memory && code == EXIT_DONE && optind < argc; optind++) { /* behind -- */
        memory = take_image(members, argc, argv[optind]);
    }
    if (!memory) {
        struct reason why;
        reason_system(&why, -ENOMEM, "can't read the options");
        return verb_fail(&verb_proxy, -ENOMEM, &why);
    }
    if (code == EXIT_DONE && members->list[0].image == NULL) {
        return verb_misuse(&verb_proxy, "name an image or an enclave.ini");
    }
    return code == EXIT_DONE ? members_check(members) : code;
}

static int run(int argc, char *argv[])
{
    struct members members = {.watch_ms = WATCH_MS};
    struct serving_options serving;
    struct reason why;

    members.list = calloc((size_t)argc, sizeof *members.list);
    if (members.list == NULL) {
        reason_system(&why, -ENOMEM, "can't read the options");
        return verb_fail(&verb_proxy, -ENOMEM, &why);
    }
    serving_options_init(&serving);
    int code = read_words(argc, argv, &members, &serving);
    if (code == EXIT_DONE) {
        code = serve(&members, &serving);
    }
    for (size_t i = 0; i < members.count; i++) {
        free(members.list[i].connect_to);
        free(members.list[i].listen);
    }
    free(members.list);
    return code;
}

const struct verb verb_proxy = {
    .name = "proxy",
    .arguments =
        "X.eif|enclave.ini [--enclave NAME|CID|auto | --vsock DIR] [--connect-to HOST:PORT=ADDRESS]…\n"
        "             [--listen LABEL=HOST:PORT]… [Y.eif --enclave NAME …]… [--watch SECONDS] [--connections N]\n"
        "             [--connect-timeout SECONDS] [--idle SECONDS] [--total SECONDS] [--drain SECONDS]\n"
        "             [--log json] [--metrics ADDRESS]",
    .summary = "the parent's side of every endpoint and inbound port of an image",
    .help =
        "Carries each [endpoint] from its vsock port to its host and port, and each [inbound] from a TCP port of\n"
        "this machine (127.0.0.1, the port of its `to`) to the enclave. Runs until SIGTERM or SIGINT.\n"
        "\n"
        "  --enclave NAME|CID|auto         whose connections are carried, and no other's: the enclave of that name,\n"
        "                                  wherever nitro-cli describe-enclaves says it runs; the one of that CID,\n"
        "                                  without asking nitro-cli; or the only one that runs (auto, the default)\n"
        "  --cid CID                       the same as --enclave CID\n"
        "  --watch SECONDS                 how often nitro-cli is asked (5); sooner after a connection that failed\n"
        "                                  or was refused, and on SIGHUP. INGOT_NITRO_CLI names another program\n"
        "  --vsock DIR                     Unix sockets in place of AF_VSOCK: DIR/enclave leads in, DIR/port_N out\n"
        "                                  (ingot run serves its own enclave: this is for another's). There are no\n"
        "                                  CIDs in it, so not with --enclave or --cid\n"
        "  --connect-to HOST:PORT=ADDRESS  where an endpoint of the image leads instead: HOST:PORT, tcp:HOST:PORT,\n"
        "                                  unix:PATH, vsock:CID:PORT or hybrid:PATH:PORT\n"
        "  --listen LABEL=HOST:PORT        where an [inbound] is reached instead; HOST in numbers\n" SERVING_HELP "\n"
        "While the enclave does not run, connections in both directions are refused at once. One that was started\n"
        "again, with another CID, is found by the next answer of nitro-cli.\n"
        "\n"
        "Several enclaves: name their images one after the other, the options of each (--enclave, --vsock,\n"
        "--connect-to, --listen) behind it. All enclaves call the same vsock ports of CID 3, so that two processes\n"
        "can't serve two images whose ports are the same; one process tells their connections apart by their CID.\n"
        "Port 9000 is nitro-cli's, for the heartbeat; no endpoint of an image has it.\n"
        "\n"
        "SIGHUP reads the images and nitro-cli's list again: new connections follow them, open ones go on. A file\n"
        "that is broken, or whose ports can't be had, changes nothing but a line on standard error.\n"
        "\n"
        "Neither direction may hold the last quarter of --connections: callers that never close do not keep the\n"
        "enclave from its endpoints, nor the other way round. Names are remembered for a minute, and all their\n"
        "addresses tried.\n"
        "\n"
        "AF_VSOCK and AWS's nitro-cli were not at hand where this was built: tests put loopback addresses and a\n"
        "script in their place.\n",
    .run = run,
};
