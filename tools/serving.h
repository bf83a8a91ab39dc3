/* serving: what `ingot proxy` and `ingot relay` share: limits, log, metrics, and how they start and end. */
#ifndef INGOT_TOOLS_SERVING_H
#define INGOT_TOOLS_SERVING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/reason.h"
#include "net/address.h"
#include "net/relay_pool.h"
#include "tools/verbs.h"

/*
 *   serving_options_init ── serving_option, for each option ── serving_run: opens a pool, calls open() for the routes,
 *   serves until SIGTERM or SIGINT (SIGHUP: reload()), lets what is open go on for drain_ms (a second signal ends it at
 * once), ends
 *
 * It is part of a program, not of a library: it prints on standard error (records on standard output) and takes
 * SIGTERM, SIGINT, SIGPIPE and, with a reload(), SIGHUP for itself.
 */
#define SERVING_CONNECTIONS 1024
#define SERVING_DRAIN_MS 30000

struct serving_options {
    struct relay_pool_options pool; /* its callbacks are serving_run()'s */
    int64_t drain_ms;
    bool records; /* a JSON line for each connection */
    bool has_metrics;
    struct address metrics;
};

/* The rows of a getopt_long(3) table that are understood here, and what --help says of them. */
enum {
    SERVING_OPTION_CONNECTIONS = 2000,
    SERVING_OPTION_CONNECT,
    SERVING_OPTION_IDLE,
    SERVING_OPTION_TOTAL,
    SERVING_OPTION_DRAIN,
    SERVING_OPTION_LOG,
    SERVING_OPTION_METRICS
};
/* clang-format off */
#define SERVING_LONG_OPTIONS \
    {"connections", required_argument, NULL, SERVING_OPTION_CONNECTIONS}, \
    {"connect-timeout", required_argument, NULL, SERVING_OPTION_CONNECT}, \
    {"idle", required_argument, NULL, SERVING_OPTION_IDLE}, \
    {"total", required_argument, NULL, SERVING_OPTION_TOTAL}, \
    {"drain", required_argument, NULL, SERVING_OPTION_DRAIN}, \
    {"log", required_argument, NULL, SERVING_OPTION_LOG}, \
    {"metrics", required_argument, NULL, SERVING_OPTION_METRICS}
#define SERVING_HELP \
    "  --connections N                 at the same time (1024); beyond it new ones are refused at once\n" \
    "  --connect-timeout SECONDS       for reaching the far side, all its addresses together (10)\n" \
    "  --idle SECONDS                  without a byte (3600; 0: for ever); ten minutes once one side has ended\n" \
    "  --total SECONDS                 however busy (0: for ever)\n" \
    "  --drain SECONDS                 after SIGTERM open connections may go on for that long (30); a second\n" \
    "                                  signal ends them at once\n" \
    "  --log json                      a line on standard output for each connection when it ends; never payload\n" \
    "  --metrics ADDRESS               Prometheus text at /metrics, and /health: 127.0.0.1:9100, unix:PATH\n"
/* clang-format on */

void serving_options_init(struct serving_options *options);
/* Takes one of the options above. NULL; or what is wrong with its value, for verb_misuse(). */
const char *serving_option(struct serving_options *options, int option, const char *text);

/* What is served, and who is asked meanwhile; all but name and open may be NULL. */
struct serving_hooks {
    const char *name; /* "proxy" */
    /* Opens the routes in the pool. 0 or -errno with a sentence. */
    int (*open)(void *arg, struct loop *loop, struct relay_pool *pool, struct reason *why);
    /* SIGHUP: reads everything again, and says itself what came of it. NULL: the signal ends the program as usual. */
    void (*reload)(void *arg);
    /* As in struct relay_pool_options. */
    void (*ended)(void *arg, const struct relay_record *record);
    void (*stranger)(void *arg);
    /* A clause for the supervisor's line of status; "": none. */
    const char *(*status)(void *arg);
    void (*closing)(void *arg); /* before the pool and the loop are gone, where open() was called */
    void *arg;
};

/*
 * Prints `the NAME is ready` once all is open, and tells a supervisor the same (tools/notify.h). 0 after an end by
 * signal, or -errno with a sentence; the pool and everything in it is gone then.
 */
int serving_run(const struct serving_hooks *hooks, const struct serving_options *options, struct reason *why);

#endif
