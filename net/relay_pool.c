/* relay_pool: listeners whose every connection is relayed to a target, all of them under one bound. */
#include "net/relay_pool.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/reason.h"
#include "base/text.h"
#include "net/connect.h"
#include "net/vsock.h"

#define ACCEPTS_A_TURN 16
#define LOG_EVERY_MS 1000
#define LABEL_SIZE 256

/* One accepted connection: first a connect to the target, then a relay. */
struct passage {
    struct passage *next;
    struct passage **place; /* what points to this one */
    struct relay_listener *listener;
    int fd;                  /* accepted; -1 once the relay has it */
    struct connect *connect; /* NULL once there is a relay */
    struct relay *relay;
};

struct relay_listener {
    struct relay_listener *next;
    struct relay_pool *pool;
    struct loop_watch watch;
    struct loop_timer rest;
    int fd;
    struct address target;
    uint32_t only_cid;
    char label[LABEL_SIZE];
};

enum message { MESSAGE_FULL, MESSAGE_STRANGER, MESSAGE_FAILED, MESSAGE_REST, MESSAGE_COUNT };

struct relay_pool {
    struct loop *loop;
    struct relay_pool_options options;
    struct relay_counters counters;
    struct relay_listener *listeners;
    struct passage *passages;
    struct {
        int64_t next; /* loop_now() from which one may be told again */
        uint64_t left_out;
    } messages[MESSAGE_COUNT];
};

static void tell(struct relay_pool *pool, enum message kind, const struct reason *why)
{
    int64_t now = loop_now(pool->loop);
    struct reason line;

    if (pool->options.log == NULL) {
        return;
    }
    if (now < pool->messages[kind].next) {
        pool->messages[kind].left_out++;
        return;
    }
    if (pool->messages[kind].left_out > 0) {
        reason_set(
            &line, 0, "%s (and %llu more like it)", why->text, (unsigned long long)pool->messages[kind].left_out);
        why = &line;
    }
    pool->messages[kind].next = now + LOG_EVERY_MS;
    pool->messages[kind].left_out = 0;
    pool->options.log(pool->options.log_arg, why->text);
}

static void passage_free(struct passage *passage)
{
    struct relay_pool *pool = passage->listener->pool;

    connect_cancel(passage->connect);
    relay_close(passage->relay);
    if (passage->fd >= 0) {
        relay_refuse(passage->fd);
    }
    *passage->place = passage->next;
    if (passage->next != NULL) {
        passage->next->place = passage->place;
    }
    pool->counters.open--;
    free(passage);
}

static void relay_ended(void *arg, int error)
{
    struct passage *passage = arg;
    struct relay_counters *counters = &passage->listener->pool->counters;

    if (error < 0) {
        counters->broken++;
    } else {
        counters->ended++;
    }
    passage->relay = NULL;
    passage_free(passage);
}

static void failed(struct passage *passage, const struct reason *why)
{
    struct relay_pool *pool = passage->listener->pool;
    struct reason line;

    /* The label comes last: `failed to resolve hostname` is searched for at the start of the line. */
    reason_set(&line, 0, "%s (%s)", why->text, passage->listener->label);
    pool->counters.failed++;
    passage_free(passage);
    tell(pool, MESSAGE_FAILED, &line);
}

static void target_connected(void *arg, int fd, const struct reason *why)
{
    struct passage *passage = arg;
    struct relay_pool *pool = passage->listener->pool;
    struct reason own;
    int accepted = passage->fd;
    int error;

    passage->connect = NULL;
    if (fd < 0) {
        failed(passage, why);
        return;
    }
    passage->fd = -1;
    error = relay_open(&passage->relay, pool->loop, accepted, fd, &pool->options.limits, relay_ended, passage);
    if (error < 0) {
        reason_system(&own, error, "can't relay a connection");
        failed(passage, &own);
    }
}

static void passage_open(struct relay_listener *listener, int fd)
{
    struct relay_pool *pool = listener->pool;
    struct passage *passage = calloc(1, sizeof *passage);
    struct reason why;

    if (passage == NULL) {
        relay_refuse(fd);
        pool->counters.failed++;
        return;
    }
    *passage = (struct passage){.next = pool->passages, .place = &pool->passages, .listener = listener, .fd = fd};
    if (passage->next != NULL) {
        passage->next->place = &passage->next;
    }
    pool->passages = passage;
    pool->counters.open++;
    int error = connect_start(
        &passage->connect, pool->loop, &listener->target, pool->options.connect_ms, target_connected, passage);
    if (error < 0) {
        reason_system(&why, error, "can't start a connection");
        failed(passage, &why);
    }
}

/* Whether an accepted connection may go on; a refused one is closed and counted. */
static bool admitted(struct relay_listener *listener, int fd)
{
    struct relay_pool *pool = listener->pool;
    uint32_t cid = VSOCK_CID_ANY;
    enum message kind = MESSAGE_FULL;
    struct reason why;

    if (listener->only_cid != VSOCK_CID_ANY && (vsock_peer(fd, &cid) < 0 || cid != listener->only_cid)) {
        kind = MESSAGE_STRANGER;
        reason_set(&why, 0, "%s: a connection from CID %u was refused: only CID %u may connect", listener->label, cid,
            listener->only_cid);
    } else if (pool->counters.open >= pool->options.connections) {
        reason_set(&why, 0, "%s: a connection was refused: all %u that may be open are open", listener->label,
            pool->options.connections);
    } else {
        return true;
    }
    relay_refuse(fd);
    pool->counters.refused++;
    tell(pool, kind, &why);
    return false;
}

/* Rests for a while: the connection that could not be accepted would wake the loop again at once. */
static void listener_rest(struct relay_listener *listener, int error)
{
    struct reason why;

    if (loop_after(listener->pool->loop, &listener->rest, RELAY_REST_MS) == 0) {
        loop_unwatch(listener->pool->loop, &listener->watch);
    }
    reason_system(&why, error, "%s: can't accept a connection, will try again", listener->label);
    tell(listener->pool, MESSAGE_REST, &why);
}

static void rested(struct loop_timer *timer)
{
    struct relay_listener *listener = timer->owner;
    int error = loop_watch(listener->pool->loop, &listener->watch, listener->fd, LOOP_READ);

    if (error < 0) {
        listener_rest(listener, error);
    }
}

static void accept_ready(struct loop_watch *watch, unsigned events)
{
    struct relay_listener *listener = watch->owner;

    (void)events;
    for (unsigned i = 0; i < ACCEPTS_A_TURN; i++) {
        int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            listener->pool->counters.accepted++;
            if (admitted(listener, fd)) {
                passage_open(listener, fd);
            }
        } else if (errno == EAGAIN) {
            return;
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS || errno == EINVAL) {
            listener_rest(listener, -errno);
            return;
        } /* any other error is that of one connection, gone before it was accepted */
    }
}

int relay_pool_open(struct relay_pool **out, struct loop *loop, const struct relay_pool_options *options)
{
    struct relay_pool *pool = calloc(1, sizeof *pool);

    if (pool == NULL) {
        return -ENOMEM;
    }
    pool->loop = loop;
    pool->options = *options;
    *out = pool;
    return 0;
}

void relay_pool_close(struct relay_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    while (pool->passages != NULL) {
        passage_free(pool->passages);
    }
    while (pool->listeners != NULL) {
        struct relay_listener *listener = pool->listeners;
        pool->listeners = listener->next;
        loop_unwatch(pool->loop, &listener->watch);
        loop_cancel(pool->loop, &listener->rest);
        close(listener->fd);
        free(listener);
    }
    free(pool);
}

const struct relay_counters *relay_pool_counters(const struct relay_pool *pool)
{
    return &pool->counters;
}

int relay_listener_open(
    struct relay_pool *pool, int fd, const struct address *target, const char *label, uint32_t only_cid)
{
    struct relay_listener *listener = calloc(1, sizeof *listener);
    int error = -ENOMEM;

    if (listener == NULL) {
        goto fail;
    }
    listener->pool = pool;
    listener->fd = fd;
    listener->target = *target;
    listener->only_cid = only_cid;
    snprintf(listener->label, sizeof listener->label, "%s", label);
    listener->watch.ready = accept_ready;
    listener->watch.owner = listener;
    listener->rest.fired = rested;
    listener->rest.owner = listener;
    error = loop_watch(pool->loop, &listener->watch, fd, LOOP_READ);
    if (error < 0) {
        goto fail;
    }
    listener->next = pool->listeners;
    pool->listeners = listener;
    return 0;
fail:
    free(listener);
    close(fd);
    return error;
}
