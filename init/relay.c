/* relay: the role that carries every connection between loopback and vsock, and can do nothing else. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "image/budget.h"
#include "image/config.h"
#include "init/confine.h"
#include "init/counters.h"
#include "init/limits.h"
#include "init/log.h"
#include "init/roles.h"
#include "net/connect.h"
#include "net/loop.h"
#include "net/relay_pool.h"
#include "net/vsock.h"

#define RELAY_FAILED 111

static void say(void *arg, const char *sentence)
{
    (void)arg;
    log_line(ROLE_RELAY, "%s", sentence);
}

struct relay_role {
    struct loop *loop;
    struct relay_pool *pool;
    struct relay_listener **listeners; /* those of roles.h, in the same order */
    size_t listener_count;
    struct counters_row *rows; /* theirs, then the sum */
};

static int listeners_open(struct relay_role *role, const struct config *config, struct reason *why)
{
    char label[CONFIG_HOST_MAX + sizeof "[endpoint ]"];

    for (size_t i = 0; i < config->endpoint_count; i++) {
        const struct config_endpoint *endpoint = &config->endpoints[i];
        struct address target = {.form = ADDRESS_VSOCK, .cid = ROLE_PARENT_CID, .port = endpoint->vsock};
        snprintf(label, sizeof label, "[endpoint %s]", endpoint->label);
        const struct relay_listener_options options = {.target = &target, .label = label, .only_cid = VSOCK_CID_ANY};
        int fd = ROLE_FIRST + (int)role->listener_count;
        int error = relay_listener_open(&role->listeners[role->listener_count++], role->pool, fd, &options);
        if (error < 0) {
            return reason_system(why, error, "%s: can't serve its listener", label);
        }
    }
    for (size_t i = 0; i < config->inbound_count; i++) {
        const struct config_inbound *inbound = &config->inbound[i];
        struct address target = {.form = ADDRESS_TCP, .port = inbound->port};
        struct in_addr address = {.s_addr = htonl(inbound->address)};
        inet_ntop(AF_INET, &address, target.name, sizeof target.name);
        snprintf(label, sizeof label, "[inbound %s]", inbound->label);
        const struct relay_listener_options options = {
            .target = &target, .label = label, .only_cid = ROLE_PARENT_CID, .inbound = true};
        int fd = ROLE_FIRST + (int)role->listener_count;
        int error = relay_listener_open(&role->listeners[role->listener_count++], role->pool, fd, &options);
        if (error < 0) {
            return reason_system(why, error, "%s: can't serve its listener", label);
        }
    }
    return 0;
}

static struct counters_row row_of(const struct relay_counters *counted)
{
    return (struct counters_row){.accepted = counted->accepted,
        .refused = counted->refused,
        .failed = counted->failed,
        .ended = counted->ended,
        .broken = counted->broken,
        .bytes_out = counted->traffic.a_to_b,
        .bytes_in = counted->traffic.b_to_a,
        .open = counted->open};
}

/* Where it does not go PID 1 has not taken the last answer yet: it will say that it does not know. */
static void answer(const struct relay_role *role, uint32_t number)
{
    struct relay_counters counted;

    for (size_t i = 0; i < role->listener_count; i++) {
        relay_listener_counters(role->listeners[i], &counted);
        role->rows[i] = row_of(&counted);
    }
    relay_pool_counters(role->pool, &counted);
    role->rows[role->listener_count] = row_of(&counted);
    (void)counters_answer(ROLE_CONTROL, number, role->rows, role->listener_count + 1);
}

/* PID 1 asks for the counters, and nothing else; its end of ROLE_CONTROL is gone when the role is to end. */
static void control_ready(struct loop_watch *watch, unsigned events)
{
    const struct relay_role *role = watch->owner;
    char message[sizeof(struct counters_question) + 1];
    uint32_t number;

    (void)events;
    ssize_t n = recv(watch->fd, message, sizeof message, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        loop_stop(role->loop);
    } else if (n > 0 && counters_asked(message, (size_t)n, &number)) {
        answer(role, number);
    }
}

/*
 * A built-in application has nothing to say when it has ended, nor to those who have: only a peer that is gone leaves a
 * connection half open, which must not hold its place for long.
 */
#define BUILT_IN_HALF_OPEN_MS 5000

int role_relay(void)
{
    struct config config;
    struct loop *loop = NULL;
    struct relay_pool *pool = NULL;
    struct relay_role role = {0};
    struct loop_watch control = {.ready = control_ready};
    struct reason why = {"no memory"};
    int error = role_config(&config, &why);

    if (error < 0) {
        goto fail;
    }
    struct relay_pool_options options = {
        .connections = config.connections,
        .inbound = budget_inbound(&config),
        .connect_ms = CONNECT_MS,
        .limits = {.tcp_buffer = LIMITS_TCP_BUFFER,
            .vsock_buffer = LIMITS_VSOCK_BUFFER,
            .idle_ms = RELAY_IDLE_MS,
            .half_open_ms = config.app.built_in ? BUILT_IN_HALF_OPEN_MS : RELAY_HALF_OPEN_MS},
        .log = say,
    };
    error = confine_role(ROLE_RELAY, &config, &why);
    if (error < 0 || (error = loop_open(&loop)) < 0 || (error = relay_pool_open(&pool, loop, &options)) < 0) {
        goto fail;
    }
    role.loop = loop;
    role.pool = pool;
    role.rows = calloc(counters_rows(&config), sizeof *role.rows);
    role.listeners = calloc(counters_rows(&config), sizeof *role.listeners);
    if (role.rows == NULL || role.listeners == NULL) {
        goto fail;
    }
    control.owner = &role;
    error = loop_watch(loop, &control, ROLE_CONTROL, LOOP_READ);
    if (error < 0 || (error = listeners_open(&role, &config, &why)) < 0) {
        goto fail;
    }
    error = loop_run(loop);
    if (error < 0) {
        reason_system(&why, error, "the event loop failed");
        goto fail;
    }
    relay_pool_close(pool); /* the process ends here: what else it holds goes with it */
    return 0;
fail:
    log_line(ROLE_RELAY, "%s", why.text);
    return RELAY_FAILED;
}
