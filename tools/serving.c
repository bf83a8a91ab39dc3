/* serving: what `ingot proxy` and `ingot relay` share: limits, log, metrics, and how they start and end. */
#include "tools/serving.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/descriptors.h"
#include "base/json_text.h"
#include "base/text.h"
#include "net/connect.h"
#include "net/loop.h"
#include "tools/metrics.h"
#include "tools/notify.h"

#define CONNECTIONS_MAX 1000000
#define SECONDS_MAX (365 * 24 * 3600)
#define RECORD_SIZE 4096
#define DESCRIPTORS_BESIDE 256 /* listeners, lookups, metrics */

struct serving {
    const struct serving_hooks *hooks;
    const struct serving_options *options;
    struct loop *loop;
    struct relay_pool *pool;
    struct names *names;
    struct metrics *metrics;
    struct loop_watch signals;
    struct loop_timer patience;
    struct loop_timer watchdog;
    bool draining;
};

/* ---- options ---- */

void serving_options_init(struct serving_options *options)
{
    *options = (struct serving_options){
        .pool = {.connections = SERVING_CONNECTIONS,
            .connect_ms = CONNECT_MS,
            .limits = {.read = RELAY_READ_MAX, .idle_ms = RELAY_IDLE_MS, .half_open_ms = RELAY_HALF_OPEN_MS}},
        .drain_ms = SERVING_DRAIN_MS,
    };
}

static const char *take_seconds(int64_t *milliseconds, const char *text, uint64_t min)
{
    uint64_t number;

    if (!text_number(text, min, SECONDS_MAX, &number)) {
        return min > 0 ? "not a number of seconds (1 or more, at most a year)"
                       : "not a number of seconds (at most a year)";
    }
    *milliseconds = (int64_t)number * 1000;
    return NULL;
}

static const char *take_metrics(struct serving_options *options, const char *text)
{
    struct reason why;

    options->has_metrics = true;
    if (address_parse_host(&options->metrics, text, &why) < 0 || options->metrics.form == ADDRESS_HYBRID) {
        return "not an address to listen on: 127.0.0.1:9100 or unix:PATH";
    }
    return NULL;
}

const char *serving_option(struct serving_options *options, int option, const char *text)
{
    uint64_t number;

    switch (option) {
    case SERVING_OPTION_CONNECTIONS:
        if (!text_number(text, 1, CONNECTIONS_MAX, &number)) {
            return "not a number from 1 to 1000000";
        }
        options->pool.connections = (unsigned)number;
        return NULL;
    case SERVING_OPTION_CONNECT:
        return take_seconds(&options->pool.connect_ms, text, 1);
    case SERVING_OPTION_IDLE:
        return take_seconds(&options->pool.limits.idle_ms, text, 0);
    case SERVING_OPTION_TOTAL:
        return take_seconds(&options->pool.limits.total_ms, text, 0);
    case SERVING_OPTION_DRAIN:
        return take_seconds(&options->drain_ms, text, 0);
    case SERVING_OPTION_LOG:
        options->records = true;
        return strcmp(text, "json") == 0 ? NULL : "the only form is json";
    default:
        return take_metrics(options, text);
    }
}

/* ---- what is printed ---- */

/* Without a name in front: some sentences are searched for at the start of the line. */
static void print_line(void *arg, const char *sentence)
{
    (void)arg;
    fprintf(stderr, "%s\n", sentence);
}

static const char *outcome(const struct relay_record *record)
{
    return record->error == 0 ? "ended" : record->connected ? "broken" : "not reached";
}

static void print_record(const struct relay_record *record)
{
    bool unresolved = record->error == -ENOENT && record->target->form == ADDRESS_TCP;
    char target[ADDRESS_TEXT_SIZE];
    char line[RECORD_SIZE];
    char moment[sizeof "2026-01-01T00:00:00.000Z"];
    struct json_text json;
    struct timespec now;
    struct tm parts;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    size_t size = strftime(moment, sizeof moment, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(moment + size, sizeof moment - size, ".%03uZ", (unsigned)(now.tv_nsec / 1000000) % 1000);
    json_text_start(&json, line, sizeof line);
    json_text_open(&json, NULL, '{');
    json_text_string(&json, "time", moment);
    json_text_string(&json, "route", record->label);
    json_text_string(&json, "target", address_print(record->target, target));
    json_text_string(&json, "outcome", outcome(record));
    if (record->error < 0) {
        json_text_string(&json, "error", unresolved ? "the name did not resolve" : strerror(-record->error));
    }
    json_text_number(&json, "connect_ms", record->connect_ms);
    json_text_number(&json, "total_ms", record->total_ms);
    json_text_unsigned(&json, "bytes_to_target", record->traffic.a_to_b);
    json_text_unsigned(&json, "bytes_from_target", record->traffic.b_to_a);
    json_text_close(&json, '}');
    if (json_text_finish(&json) > 0) {
        puts(line);
        fflush(stdout);
    }
}

/* ---- from start to end ---- */

static void drained(void *arg)
{
    struct serving *serving = arg;

    loop_stop(serving->loop);
}

static void out_of_patience(struct loop_timer *timer)
{
    loop_stop(timer->owner);
}

static void connection_ended(void *arg, const struct relay_record *record)
{
    const struct serving *serving = arg;

    if (serving->options->records) {
        print_record(record);
    }
    if (serving->hooks->ended != NULL) {
        serving->hooks->ended(serving->hooks->arg, record);
    }
}

static void stranger_refused(void *arg)
{
    const struct serving *serving = arg;

    if (serving->hooks->stranger != NULL) {
        serving->hooks->stranger(serving->hooks->arg);
    }
}

/* Also the supervisor's line of status: fresh where it is asked for, at the start and the end otherwise. */
static void notify_status(const struct serving *serving, const char *first)
{
    struct relay_counters counters;
    const struct serving_hooks *hooks = serving->hooks;
    const char *clause = hooks->status != NULL ? hooks->status(hooks->arg) : "";
    char text[REASON_SIZE + 200];

    relay_pool_counters(serving->pool, &counters);
    snprintf(text, sizeof text, "%s\nSTATUS=%u connections open, %" PRIu64 " accepted, %" PRIu64 " refused%s%s", first,
        counters.open, counters.accepted, counters.refused, clause[0] != '\0' ? "; " : "", clause);
    notify_send(text);
}

/* From the loop itself: a loop that hangs sends nothing. */
static void watchdog_due(struct loop_timer *timer)
{
    struct serving *serving = timer->owner;

    notify_status(serving, "WATCHDOG=1");
    loop_after(serving->loop, timer, notify_watchdog_ms());
}

/* MONOTONIC_USEC is for newer supervisors, which wait for the READY=1 that follows it. */
static void reload(const struct serving *serving)
{
    char text[64];
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
        (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
    notify_send(text);
    serving->hooks->reload(serving->hooks->arg);
    notify_status(serving, "READY=1");
}

static void signalled(struct loop_watch *watch, unsigned events)
{
    struct serving *serving = watch->owner;
    struct relay_counters counters;
    struct signalfd_siginfo info;

    (void)events;
    if (read(watch->fd, &info, sizeof info) != (ssize_t)sizeof info) {
        return;
    }
    if (info.ssi_signo == SIGHUP) {
        if (!serving->draining) {
            reload(serving);
        }
        return;
    }
    notify_status(serving, "STOPPING=1");
    relay_pool_counters(serving->pool, &counters);
    if (serving->draining || counters.open == 0 || serving->options->drain_ms == 0 ||
        loop_after(serving->loop, &serving->patience, serving->options->drain_ms) < 0) {
        loop_stop(serving->loop);
        return;
    }
    serving->draining = true;
    relay_pool_drain(serving->pool);
    fprintf(stderr, "the %s takes no new connections; %u may go on for %" PRId64 " s\n", serving->hooks->name,
        counters.open, serving->options->drain_ms / 1000);
}

/* Two descriptors a connection. 0, or -EMFILE with a sentence where the system does not allow that many. */
static int raise_descriptors(unsigned connections, struct reason *why)
{
    int error = descriptors_raise((uint64_t)connections * 2 + DESCRIPTORS_BESIDE, why);

    if (error == -EMFILE) {
        struct reason few = *why;
        reason_set(
            why, error, "%u connections: %s: ulimit -Hn, LimitNOFILE=, or fewer --connections", connections, few.text);
    }
    return error;
}

static int watch_signals(struct serving *serving, struct reason *why)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (serving->hooks->reload != NULL) {
        sigaddset(&set, SIGHUP);
    }
    signal(SIGPIPE, SIG_IGN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    int error = fd < 0 ? -errno : loop_watch(serving->loop, &serving->signals, fd, LOOP_READ);
    if (error < 0 && fd >= 0) {
        close(fd);
    }
    return error < 0 ? reason_system(why, error, "signals can't be watched") : 0;
}

int serving_run(const struct serving_hooks *hooks, const struct serving_options *options, struct reason *why)
{
    struct serving serving = {.hooks = hooks, .options = options};
    struct relay_pool_options pool = options->pool;
    bool opened = false;
    int error = raise_descriptors(pool.connections, why);

    if (error < 0) {
        return error;
    }
    serving.watchdog = (struct loop_timer){.fired = watchdog_due, .owner = &serving};
    serving.signals = (struct loop_watch){.ready = signalled, .owner = &serving};
    pool.log = print_line;
    pool.ended = connection_ended;
    pool.stranger = stranger_refused;
    pool.drained = drained;
    pool.arg = &serving;
    error = loop_open(&serving.loop);
    if (error == 0) {
        serving.patience = (struct loop_timer){.fired = out_of_patience, .owner = serving.loop};
        error = names_open(&serving.names, serving.loop);
    }
    if (error == 0) {
        pool.names = serving.names;
        error = relay_pool_open(&serving.pool, serving.loop, &pool);
    }
    if (error < 0) {
        reason_system(why, error, "can't start");
        goto out;
    }
    error = watch_signals(&serving, why);
    if (error == 0) {
        opened = true;
        error = hooks->open(hooks->arg, serving.loop, serving.pool, why);
    }
    if (error == 0 && options->has_metrics) {
        error = metrics_open(&serving.metrics, serving.loop, &options->metrics, serving.pool, why);
    }
    if (error < 0) {
        goto out;
    }
    fprintf(stderr, "the %s is ready\n", hooks->name);
    notify_status(&serving, "READY=1");
    if (notify_watchdog_ms() > 0) {
        loop_after(serving.loop, &serving.watchdog, notify_watchdog_ms());
    }
    error = loop_run(serving.loop);
    if (error < 0) {
        reason_system(why, error, "the event loop failed");
    } else {
        fprintf(stderr, "the %s was ended by a signal\n", hooks->name);
    }
out:
    if (opened && hooks->closing != NULL) {
        hooks->closing(hooks->arg);
    }
    metrics_close(serving.metrics);
    relay_pool_close(serving.pool);
    names_close(serving.names);
    if (serving.signals.active) {
        int fd = serving.signals.fd;
        loop_unwatch(serving.loop, &serving.signals);
        close(fd);
    }
    loop_close(serving.loop);
    return error;
}
