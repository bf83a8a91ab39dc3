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
#include "net/relay_target.h"
#include "net/vsock.h"

#define ACCEPTS_A_TURN 16
#define LOG_EVERY_MS 1000
#define LABEL_SIZE 256

/* One accepted connection: first a connect to the target, then a relay. */
struct passage {
    struct passage *next;
    struct passage **place; /* what points to this one */
    struct relay_listener *listener;
    struct relay_target *target;
    struct connect *connect; /* NULL once there is a relay */
    struct relay *relay;
    struct relay_traffic traffic;
    int64_t accepted;  /* loop_now() */
    int64_t connected; /* loop_now(); 0 before */
    int fd;            /* accepted; -1 once the relay has it */
    int family;        /* of the target's socket */
};

/* One that was closed stays until its last connection has ended. */
struct relay_listener {
    struct relay_listener *next;
    struct relay_pool *pool;
    struct loop_watch watch;
    struct loop_timer rest;
    struct relay_counters counters; /* without the traffic of those that are open */
    struct passage *passages;
    struct relay_target *target;
    int fd; /* -1: closed */
    int family;
    uint32_t only_cid;
    uint32_t shared;
    bool inbound;
    char label[LABEL_SIZE];
};

enum message { MESSAGE_FULL, MESSAGE_STRANGER, MESSAGE_FAILED, MESSAGE_REST, MESSAGE_COUNT };

struct relay_pool {
    struct loop *loop;
    struct relay_pool_options options;
    struct relay_counters closed; /* of listeners that are gone */
    struct relay_listener *listeners;
    unsigned open[2]; /* connections, by direction */
    bool directions[2];
    bool draining;
    struct loop_timer drained;
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
    pool->options.log(pool->options.arg, why->text);
}

/* A closed listener goes with its last connection, a drained pool says so with its last listener. */
static void listener_settle(struct relay_listener *listener)
{
    struct relay_pool *pool = listener->pool;
    struct relay_listener **place = &pool->listeners;

    if (listener->fd >= 0 || listener->passages != NULL) {
        return;
    }
    while (*place != listener) {
        place = &(*place)->next;
    }
    *place = listener->next;
    relay_counters_add(&pool->closed, &listener->counters);
    relay_target_leave(listener->target);
    free(listener);
    if (pool->draining && pool->listeners == NULL) {
        loop_after(pool->loop, &pool->drained, 0); /* not from here: the callee may close the pool */
    }
}

static void drained(struct loop_timer *timer)
{
    struct relay_pool *pool = timer->owner;

    if (pool->options.drained != NULL) {
        pool->options.drained(pool->options.arg);
    }
}

/* Ends what there is of a passage, without a word. */
static void passage_free(struct passage *passage)
{
    struct relay_listener *listener = passage->listener;

    connect_cancel(passage->connect);
    relay_close(passage->relay);
    if (passage->fd >= 0) {
        relay_refuse(passage->fd);
    }
    *passage->place = passage->next;
    if (passage->next != NULL) {
        passage->next->place = passage->place;
    }
    relay_traffic_add(&listener->counters.traffic, &passage->traffic);
    listener->counters.open--;
    listener->pool->open[listener->inbound]--;
    relay_target_leave(passage->target);
    free(passage);
}

/* It borrows the listener's label and the passage's target. */
static struct relay_record passage_record(const struct passage *passage, int error)
{
    int64_t now = loop_now(passage->listener->pool->loop);
    bool connected = passage->connected > 0;

    return (struct relay_record){
        .label = passage->listener->label,
        .target = &passage->target->address,
        .error = error,
        .connected = connected,
        .connect_ms = (connected ? passage->connected : now) - passage->accepted,
        .total_ms = now - passage->accepted,
        .answer_ms = passage->traffic.answered > 0 ? passage->traffic.answered - passage->accepted : -1,
        .inbound = passage->listener->inbound,
        .traffic = passage->traffic,
    };
}

static void passage_end(struct passage *passage, int error)
{
    struct relay_listener *listener = passage->listener;
    const struct relay_pool_options *options = &listener->pool->options;
    struct relay_target *target = relay_target_use(passage->target); /* for the record */
    const struct relay_record record = passage_record(passage, error);

    passage_free(passage);
    if (options->ended != NULL) {
        options->ended(options->arg, &record);
    }
    relay_target_leave(target);
    listener_settle(listener);
}

static void relay_ended(void *arg, int error)
{
    struct passage *passage = arg;
    struct relay_counters *counters = &passage->listener->counters;

    if (error < 0) {
        counters->broken++;
    } else {
        counters->ended++;
    }
    passage->relay = NULL;
    passage_end(passage, error);
}

static void failed(struct passage *passage, int error, const struct reason *why)
{
    struct relay_pool *pool = passage->listener->pool;
    struct relay_counters *counters = &passage->listener->counters;
    struct reason line;

    /* The label comes last: `failed to resolve hostname` is searched for at the start of the line. */
    reason_set(&line, 0, "%s (%s)", why->text, passage->listener->label);
    counters->failed++;
    counters->unresolved += error == -ENOENT && passage->target->address.form == ADDRESS_TCP;
    tell(pool, MESSAGE_FAILED, &line);
    passage_end(passage, error);
}

static void target_connected(void *arg, int fd, const struct reason *why)
{
    struct passage *passage = arg;
    struct relay_pool *pool = passage->listener->pool;
    const struct relay_socket near = {.fd = passage->fd, .family = passage->listener->family};
    const struct relay_socket far = {.fd = fd, .family = passage->family};
    struct reason own;
    int error;

    passage->connect = NULL;
    if (fd < 0) {
        failed(passage, fd, why);
        return;
    }
    passage->connected = loop_now(pool->loop);
    relay_counters_connected(&passage->listener->counters, passage->connected - passage->accepted);
    passage->fd = -1;
    if (far.family != AF_VSOCK) { /* whose buffer was set before it connected */
        relay_prepare(far, &pool->options.limits);
    }
    error = relay_open(
        &passage->relay, pool->loop, near, far, &pool->options.limits, &passage->traffic, relay_ended, passage);
    if (error < 0) {
        reason_system(&own, error, "can't relay a connection");
        failed(passage, error, &own);
    }
}

/* Of the sockets that connect to such an address; IPv6 is to a relay what IPv4 is. */
static int target_family(enum address_form form)
{
    return form == ADDRESS_TCP ? AF_INET : form == ADDRESS_VSOCK ? AF_VSOCK : AF_UNIX;
}

static void passage_open(struct relay_listener *listener, int fd)
{
    struct relay_pool *pool = listener->pool;
    struct passage *passage = calloc(1, sizeof *passage);
    struct reason why;
    char first;

    if (passage == NULL) {
        relay_refuse(fd);
        listener->counters.failed++;
        return;
    }
    *passage = (struct passage){.next = listener->passages,
        .place = &listener->passages,
        .listener = listener,
        .target = relay_target_use(listener->target),
        .accepted = loop_now(pool->loop),
        .fd = fd,
        .family = target_family(listener->target->address.form)};
    if (passage->next != NULL) {
        passage->next->place = &passage->next;
    }
    listener->passages = passage;
    listener->counters.open++;
    pool->open[listener->inbound]++;
    /* Many a client has sent its first bytes by now. */
    const struct connect_options options = {.names = pool->options.names,
        .speaks_first = recv(fd, &first, 1, MSG_PEEK) > 0,
        .vsock_buffer = pool->options.limits.vsock_buffer};
    int error = connect_start(&passage->connect, pool->loop, &passage->target->address, pool->options.connect_ms,
        &options, target_connected, passage);
    if (error < 0) {
        reason_system(&why, error, "can't start a connection");
        failed(passage, error, &why);
    }
}

/* How many a direction may hold: all but a reserve of a quarter, where there is another direction. */
static unsigned direction_bound(const struct relay_pool *pool, bool inbound)
{
    unsigned all = pool->options.connections;

    if (inbound && pool->options.inbound != 0) {
        return pool->options.inbound;
    }
    return pool->directions[0] && pool->directions[1] ? all - all / 4 : all;
}

/* The listener that an accepted connection is for: the one that accepted it, or another at its shared port. NULL: none.
 */
static struct relay_listener *listener_for(struct relay_listener *listener, int fd, struct reason *why)
{
    uint32_t cid = 0;

    if (listener->only_cid == VSOCK_CID_ANY) {
        return listener;
    }
    if (listener->shared == 0 && listener->only_cid == VSOCK_CID_NONE) {
        reason_set(why, 0, "%s: a connection was refused: its enclave is not known to run", listener->label);
        return NULL;
    }
    if (vsock_peer(fd, &cid) < 0 || cid == VSOCK_CID_NONE) {
        reason_set(why, 0, "%s: a connection was refused: it comes from no enclave", listener->label);
        return NULL;
    }
    for (struct relay_listener *at = listener->pool->listeners; at != NULL; at = at->next) {
        bool here = at == listener || (at->shared != 0 && at->shared == listener->shared && at->fd >= 0);
        if (here && at->only_cid == cid) {
            return at;
        }
    }
    if (listener->shared != 0) {
        reason_set(why, 0, "%s: a connection from CID %u was refused: no enclave that is served has this CID",
            listener->label, cid);
    } else {
        reason_set(why, 0, "%s: a connection from CID %u was refused: only CID %u may connect", listener->label, cid,
            listener->only_cid);
    }
    return NULL;
}

static bool has_room(const struct relay_listener *listener, struct reason *why)
{
    const struct relay_pool *pool = listener->pool;

    if (pool->open[0] + pool->open[1] >= pool->options.connections) {
        reason_set(why, 0, "%s: a connection was refused: all %u that may be open are open", listener->label,
            pool->options.connections);
        return false;
    }
    if (pool->open[listener->inbound] >= direction_bound(pool, listener->inbound)) {
        reason_set(why, 0, "%s: a connection was refused: all %u that may be open %s the enclave are open",
            listener->label, direction_bound(pool, listener->inbound), listener->inbound ? "into" : "out of");
        return false;
    }
    return true;
}

/* Takes an accepted connection; or closes it, and counts and tells that. */
static void take(struct relay_listener *listener, int fd)
{
    const struct relay_pool_options *options = &listener->pool->options;
    struct reason why;
    struct relay_listener *own = listener_for(listener, fd, &why);

    listener = own != NULL ? own : listener;
    listener->counters.accepted++;
    if (own != NULL && has_room(own, &why)) {
        passage_open(own, fd);
        return;
    }
    relay_refuse(fd);
    listener->counters.refused++;
    tell(listener->pool, own != NULL ? MESSAGE_FULL : MESSAGE_STRANGER, &why);
    if (own == NULL && options->stranger != NULL) {
        options->stranger(options->arg);
    }
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
            take(listener, fd);
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
    pool->drained.fired = drained;
    pool->drained.owner = pool;
    *out = pool;
    return 0;
}

static void listener_deafen(struct relay_listener *listener)
{
    loop_unwatch(listener->pool->loop, &listener->watch);
    loop_cancel(listener->pool->loop, &listener->rest);
    if (listener->fd >= 0) {
        close(listener->fd);
        listener->fd = -1;
    }
}

void relay_pool_close(struct relay_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    while (pool->listeners != NULL) {
        struct relay_listener *listener = pool->listeners;
        while (listener->passages != NULL) {
            passage_free(listener->passages);
        }
        pool->listeners = listener->next;
        listener_deafen(listener);
        relay_target_leave(listener->target);
        free(listener);
    }
    loop_cancel(pool->loop, &pool->drained);
    free(pool);
}

void relay_pool_drain(struct relay_pool *pool)
{
    struct relay_listener *next;

    pool->draining = true;
    if (pool->listeners == NULL) {
        loop_after(pool->loop, &pool->drained, 0);
    }
    for (struct relay_listener *listener = pool->listeners; listener != NULL; listener = next) {
        next = listener->next;
        relay_listener_close(listener);
    }
}

void relay_pool_counters(const struct relay_pool *pool, struct relay_counters *counters)
{
    struct relay_counters one;

    *counters = pool->closed;
    for (const struct relay_listener *listener = pool->listeners; listener != NULL; listener = listener->next) {
        relay_listener_counters(listener, &one);
        relay_counters_add(counters, &one);
    }
}

void relay_pool_each(
    const struct relay_pool *pool, void (*each)(void *arg, const struct relay_record *record), void *arg)
{
    for (const struct relay_listener *listener = pool->listeners; listener != NULL; listener = listener->next) {
        for (const struct passage *passage = listener->passages; passage != NULL; passage = passage->next) {
            const struct relay_record record = passage_record(passage, 0);
            each(arg, &record);
        }
    }
}

/* One that was closed and still has connections goes on under the same label: two would be counted as one. */
static struct relay_listener *listener_left(const struct relay_pool *pool, const char *label, bool inbound, int family)
{
    for (struct relay_listener *at = pool->listeners; at != NULL; at = at->next) {
        if (at->fd < 0 && at->inbound == inbound && at->family == family && strcmp(at->label, label) == 0) {
            return at;
        }
    }
    return NULL;
}

static struct relay_listener *listener_new(struct relay_pool *pool, const char *label, bool inbound, int family)
{
    struct relay_listener *listener = calloc(1, sizeof *listener);

    if (listener != NULL) {
        *listener = (struct relay_listener){
            .next = pool->listeners, .pool = pool, .fd = -1, .family = family, .inbound = inbound};
        snprintf(listener->label, sizeof listener->label, "%s", label);
        listener->watch = (struct loop_watch){.ready = accept_ready, .owner = listener};
        listener->rest = (struct loop_timer){.fired = rested, .owner = listener};
        pool->listeners = listener;
        pool->directions[inbound] = true;
    }
    return listener;
}

int relay_listener_open(
    struct relay_listener **out, struct relay_pool *pool, int fd, const struct relay_listener_options *options)
{
    char label[LABEL_SIZE];
    int family;
    int error = -ENOMEM;

    snprintf(label, sizeof label, "%s", options->label);
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &(socklen_t){sizeof family}) < 0) {
        error = -errno;
        close(fd);
        return error;
    }
    struct relay_listener *listener = listener_left(pool, label, options->inbound, family);
    if (listener == NULL) {
        listener = listener_new(pool, label, options->inbound, family);
    }
    if (listener == NULL || relay_listener_target(listener, options->target) < 0) {
        goto fail;
    }
    listener->only_cid = options->only_cid;
    listener->shared = options->shared;
    relay_prepare((struct relay_socket){fd, family}, &pool->options.limits);
    error = loop_watch(pool->loop, &listener->watch, fd, LOOP_READ);
    if (error < 0) {
        goto fail;
    }
    listener->fd = fd;
    if (out != NULL) {
        *out = listener;
    }
    return 0;
fail:
    close(fd);
    if (listener != NULL) {
        listener_settle(listener);
    }
    return error;
}

void relay_listener_close(struct relay_listener *listener)
{
    listener_deafen(listener);
    listener_settle(listener);
}

int relay_listener_target(struct relay_listener *listener, const struct address *address)
{
    struct relay_target *target = relay_target_new(address);

    if (target == NULL) {
        return -ENOMEM;
    }
    relay_target_leave(listener->target);
    listener->target = target;
    return 0;
}

void relay_listener_allow(struct relay_listener *listener, uint32_t only_cid)
{
    listener->only_cid = only_cid;
}

const struct relay_listener *relay_pool_next(const struct relay_pool *pool, const struct relay_listener *after)
{
    return after != NULL ? after->next : pool->listeners;
}

const char *relay_listener_label(const struct relay_listener *listener)
{
    return listener->label;
}

void relay_listener_counters(const struct relay_listener *listener, struct relay_counters *counters)
{
    *counters = listener->counters;
    for (const struct passage *passage = listener->passages; passage != NULL; passage = passage->next) {
        relay_traffic_add(&counters->traffic, &passage->traffic);
    }
}
