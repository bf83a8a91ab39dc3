/* local_parent: the parent's side of a local run: the proxy, the secrets, and what a fault makes of them. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "net/connect.h"
#include "tools/local_run.h"
#include "tools/serving.h"
#include "tools/verbs.h"

#define PARENT_GONE_MS 1000 /* by a fault */

int64_t local_since(const struct run *run)
{
    return loop_now(run->loop) - run->started;
}

static void note_connection(struct run *run, const struct relay_record *record, enum timeline_end end)
{
    int64_t now = local_since(run);
    const struct timeline_connection connection = {
        .opened = now - record->total_ms,
        .ended = now,
        .connect_ms = record->connect_ms,
        .answer_ms = record->answer_ms,
        .sent = record->traffic.a_to_b,
        .received = record->traffic.b_to_a,
        .error = record->error,
        .connected = record->connected,
        .inbound = record->inbound,
        .end = end,
    };

    if (!run->timeline_closed) {
        timeline_connection(&run->timeline, &connection, record->label);
    }
}

static void connection_ended(void *arg, const struct relay_record *record)
{
    note_connection(arg, record, TIMELINE_ENDED);
}

static void connection_cut(void *arg, const struct relay_record *record)
{
    note_connection(arg, record, TIMELINE_CUT);
}

static void connection_open(void *arg, const struct relay_record *record)
{
    note_connection(arg, record, TIMELINE_OPEN);
}

void local_timeline_open(struct run *run)
{
    if (run->pool != NULL) {
        relay_pool_each(run->pool, connection_open, run);
    }
    run->timeline_closed = true; /* and no second time */
}

int local_timeline_check(const struct run *run, struct reason *why)
{
    const char *path = run->options->timeline;
    char folder[PATH_MAX];
    const char *slash = path != NULL ? strrchr(path, '/') : NULL;

    if (path == NULL) {
        return 0;
    }
    int size = slash == NULL ? snprintf(folder, sizeof folder, ".")
                             : snprintf(folder, sizeof folder, "%.*s/", (int)(slash - path), path);
    if (size >= (int)sizeof folder || access(folder, W_OK | X_OK) < 0) {
        return reason_system(
            why, size >= (int)sizeof folder ? -ENAMETOOLONG : -errno, "--timeline %s", text_quote_string(path).text);
    }
    return 0;
}

int local_timeline_write(struct run *run, struct reason *why)
{
    size_t size;

    if (run->options->timeline == NULL || run->started == 0) {
        return 0;
    }
    local_timeline_open(run);
    char *svg = timeline_draw(&run->timeline, run->image.config.image.name, local_since(run),
        run->heartbeat ? "the enclave came up" : "the enclave did not come up", &size);
    if (svg == NULL) {
        return reason_system(why, -ENOMEM, "--timeline can't be drawn");
    }
    int error = file_write(run->options->timeline, svg, size, 0644, why);
    free(svg);
    return error;
}

static void push_waiting(void *arg, const struct reason *why)
{
    (void)arg;
    (void)why; /* the enclave boots; there is nothing to say yet */
}

static void push_sending(void *arg)
{
    struct run *run = arg;

    timeline_moment(&run->timeline, local_since(run), "push",
        run->pushed_again ? "a fault: the same secrets once more" : "the secrets go out");
}

/* A fault: the same secrets once more. */
static void push_again(struct run *run)
{
    struct reason why;
    uint64_t value;

    if (faults_has(run->options->faults, FAULT_SECRETS_TWICE, &value)) {
        run->pushed_again = true;
        if (local_push_start(run, &why) < 0) {
            fprintf(stderr, "ingot run: %s\n", why.text);
        }
    }
}

static void pushed(void *arg, enum push_result result, const char *answer, const struct reason *why)
{
    struct run *run = arg;

    run->push = NULL;
    if (run->pushed_again) {
        fprintf(stderr, "ingot run: secrets, the second time: %s\n", result == PUSH_ACCEPTED ? answer : why->text);
    } else if (result == PUSH_ACCEPTED) {
        fprintf(stderr, "ingot run: secrets: %s\n", answer);
        run->accepted = true;
        timeline_moment(&run->timeline, local_since(run), "push", answer);
        local_say_if_ready(run);
        push_again(run);
    } else {
        fprintf(stderr, "ingot run: secrets: %s\n", why->text);
        local_stop(run, result == PUSH_REFUSED ? EXIT_NO : EXIT_SYSTEM);
    }
}

struct address local_enclave_port(const struct run *run, uint32_t port)
{
    struct address to = {.form = ADDRESS_VSOCK, .cid = run->cid, .port = port};

    if (run->folder[0] != '\0') {
        to.form = ADDRESS_HYBRID;
        snprintf(to.name, sizeof to.name, "%s/enclave", run->folder);
    }
    return to;
}

int local_push_start(struct run *run, struct reason *why)
{
    struct push_options options = {
        .to = local_enclave_port(run, run->image.config.secrets.port),
        .secrets = run->secrets,
        .size = run->secrets_size,
        .wait_ms = HEARTBEAT_WAIT_MS,
        .waiting = push_waiting,
        .sending = push_sending,
        .arg = run,
    };

    if (run->secrets == NULL) {
        return 0;
    }
    int error = push_start(&run->push, run->loop, &options, pushed, run);
    return error < 0 ? reason_system(why, error, "the push can't start") : 0;
}

int local_proxy_open(struct run *run, struct reason *why)
{
    struct relay_pool_options pool = {
        .connections = SERVING_CONNECTIONS,
        .connect_ms = CONNECT_MS,
        .limits = {.read = RELAY_READ_MAX, .idle_ms = RELAY_IDLE_MS, .half_open_ms = RELAY_HALF_OPEN_MS},
        .log = local_say,
        .ended = connection_ended,
        .arg = run,
    };
    const struct proxy_options options = {
        .config = &run->image.config,
        .vsock_folder = run->folder[0] != '\0' ? run->folder : NULL,
        .cid = run->cid,
        .connect_to = run->options->connect_to,
        .connect_to_count = run->options->connect_to_count,
        .listen = run->options->listen,
        .listen_count = run->options->listen_count,
        .log = local_say,
    };

    int error = names_open(&run->names, run->loop);
    if (error == 0) {
        pool.names = run->names;
        error = relay_pool_open(&run->pool, run->loop, &pool);
    }
    if (error < 0) {
        return reason_system(why, error, "can't open the proxy");
    }
    error = proxy_open(&run->proxy, run->pool, &options, why);
    if (error == -EINVAL) { /* a choice that does not fit the image */
        run->code = EXIT_MISUSE;
    }
    return error;
}

void local_proxy_close(struct run *run)
{
    relay_pool_close(run->pool);
    names_close(run->names);
    proxy_close(run->proxy);
    run->pool = NULL;
    run->names = NULL;
    run->proxy = NULL;
}

/* A fault, in two halves: all connections end; later there is a parent again. */
static void restart(struct loop_timer *timer)
{
    struct run *run = timer->owner;
    struct reason why;

    if (run->proxy != NULL) {
        fprintf(stderr, "ingot run: fault: the parent's side is gone\n");
        timeline_moment(&run->timeline, local_since(run), "parent", "a fault: its proxy is gone");
        relay_pool_each(run->pool, connection_cut, run);
        local_proxy_close(run);
        loop_after(run->loop, timer, PARENT_GONE_MS);
        return;
    }
    if (local_proxy_open(run, &why) < 0) {
        fprintf(stderr, "ingot run: %s\n", why.text);
        local_stop(run, EXIT_SYSTEM);
        return;
    }
    fprintf(stderr, "ingot run: fault: the parent's side is back\n");
    timeline_moment(&run->timeline, local_since(run), "parent", "its proxy is back");
}

void local_parent_ready(struct run *run)
{
    uint64_t after;

    if (faults_has(run->options->faults, FAULT_PARENT_RESTART, &after)) {
        run->restart = (struct loop_timer){.fired = restart, .owner = run};
        loop_after(run->loop, &run->restart, (int64_t)after);
    }
}
