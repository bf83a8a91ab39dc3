/* pushes: PID 1's part in a push: a process for each connection, and the one decision that an offer is accepted. */
#include "init/pushes.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/push.h"
#include "base/pass.h"
#include "init/enclave.h"
#include "init/expiry.h"
#include "init/log.h"
#include "init/roles.h"
#include "net/vsock.h"

#define NAME "secrets"
/* A role keeps its own time; this ends one that does not. */
#define ROLE_MS ((PUSH_SECONDS + 15) * 1000)

static void push_over(struct enclave_push *push)
{
    struct loop *loop = push->enclave->loop;

    loop_change(loop, &push->enclave->secrets_watch, LOOP_READ); /* there is a place again */
    loop_cancel(loop, &push->deadline);
    loop_unwatch(loop, &push->control);
    if (push->control_fd >= 0) {
        close(push->control_fd);
        push->control_fd = -1;
    }
    if (push->connection >= 0) {
        close(push->connection);
        push->connection = -1;
    }
}

/* The role has judged it, and may have been taken over by what it read: a rotation brings an identity and no more. */
static int check_rotation(const struct secrets *offered, struct reason *why)
{
    uint32_t count = 0;
    bool whole = true;

    for (size_t i = 0; i < SECRETS_KINDS; i++) {
        bool there = offered->header->identities[i].cert_size > 0;
        whole = whole && there == (secrets_env(offered, secrets_names[i].pushed) != NULL);
        count += there;
    }
    return whole && count > 0 && count == offered->header->env_count
               ? 0
               : reason_set(why, -EPROTO, "the role offers more than an identity");
}

/* With `again = identity` what is offered goes beside what is there. *fd is what counts from then on. */
static int merge_offer(const struct enclave *enclave, const struct secrets *offered, int *fd, struct reason *why)
{
    struct secrets before;
    int error = check_rotation(offered, why);

    if (error == 0) {
        error = secrets_map(&before, enclave->accepted, why);
    }
    if (error == 0) {
        error = secrets_merge(&before, offered, fd, why);
        secrets_unmap(&before);
    }
    return error;
}

/* Takes the offer over: from here on it is kept, whatever becomes of the role. */
static uint8_t accept_offer(struct enclave *enclave, int offer)
{
    bool again = enclave->accepted >= 0;
    struct secrets secrets;
    struct reason why;
    int fd = offer;
    int error = secrets_map(&secrets, offer, &why);

    if (error == 0 && again && enclave->config.secrets.again == CONFIG_AGAIN_IDENTITY) {
        error = merge_offer(enclave, &secrets, &fd, &why);
    }
    if (error == 0 && fd != offer) {
        secrets_unmap(&secrets);
        error = secrets_map(&secrets, fd, &why);
    }
    if (error == 0) {
        error = identity_write(&secrets, enclave->packed, &why);
    }
    secrets_unmap(&secrets);
    if (fd != offer || error < 0) {
        close(offer);
    }
    if (error < 0) {
        log_line(NAME, "%s", why.text);
        if (fd != offer) {
            close(fd);
        }
        return PUSH_FAILED;
    }
    if (again) {
        close(enclave->accepted);
    }
    enclave->accepted = fd;
    log_line(NAME, again ? "accepted, in the place of those before" : "accepted");
    roles_deliver(enclave, again);
    expiry_look(enclave);
    return PUSH_ACCEPTED;
}

/* offer is -1 where there is nothing to accept. */
static uint8_t judge(struct enclave *enclave, int offer)
{
    bool configured = enclave->accepted >= 0;
    bool refused = configured && enclave->config.secrets.again == CONFIG_AGAIN_REFUSE;

    if (!refused && offer >= 0) {
        return accept_offer(enclave, offer);
    }
    if (offer >= 0) {
        close(offer);
    }
    return refused ? PUSH_CONFIGURED : configured ? PUSH_AGAIN : PUSH_FAILED;
}

static void control_ready(struct loop_watch *watch, unsigned events)
{
    struct enclave_push *push = watch->owner;
    uint8_t byte;
    int offer;
    int got = pass_receive(watch->fd, &byte, &offer);

    (void)events;
    if (got == -EAGAIN) {
        return;
    }
    if (got > 0 && byte == (offer >= 0 ? PUSH_OFFER : PUSH_NOTHING)) {
        (void)pass_send(watch->fd, judge(push->enclave, offer), -1);
        return;
    }
    if (offer >= 0) {
        close(offer);
    }
    if (got != 0) {
        log_line(NAME, "the role does not keep to its protocol");
    }
    loop_unwatch(push->enclave->loop, watch); /* its end is seen as that of a process */
}

static void deadline_passed(struct loop_timer *timer)
{
    struct enclave_push *push = timer->owner;

    log_line(NAME, "the role takes too long: stopped");
    (void)kill(push->service.pid, SIGKILL);
}

static int push_start(struct service *service, pid_t *pid, struct reason *why)
{
    struct enclave_push *push = service->owner;
    int pair[2];
    int error;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0) {
        return reason_system(why, -errno, "no socket to control it by");
    }
    push->control_fd = pair[0];
    push->control.ready = control_ready;
    push->control.owner = push;
    push->deadline.fired = deadline_passed;
    push->deadline.owner = push;
    error = loop_watch(push->enclave->loop, &push->control, pair[0], LOOP_READ);
    if (error == 0) {
        error = loop_after(push->enclave->loop, &push->deadline, ROLE_MS);
    }
    if (error < 0) {
        (void)reason_system(why, error, "cannot wait for it");
    } else {
        error = role_spawn(ROLE_SECRETS, pair[1], &push->connection, 1, pid, why);
    }
    close(pair[1]);
    close(push->connection);
    push->connection = -1;
    return error;
}

static enum service_next push_ended(struct service *service, int status)
{
    char how[SUPERVISE_STATUS_SIZE];

    if (status != 0) {
        log_line(NAME, "one push ended without an answer: %s", supervise_status(status, how));
    }
    push_over(service->owner);
    return SERVICE_REST;
}

/* Further pushes are parsed while the application has all it needs: one at a time (init/limits.c). */
static struct enclave_push *free_place(struct enclave *enclave)
{
    bool alone = enclave->accepted >= 0 && enclave->config.secrets.again != CONFIG_AGAIN_REFUSE;
    struct enclave_push *place = NULL;

    for (size_t i = 0; i < ENCLAVE_PUSHES; i++) {
        if (enclave->pushes[i].control_fd < 0) {
            place = &enclave->pushes[i];
        } else if (alone) {
            return NULL;
        }
    }
    return place;
}

static void accept_ready(struct loop_watch *watch, unsigned events)
{
    struct enclave *enclave = watch->owner;
    struct enclave_push *push = free_place(enclave);
    uint32_t cid;
    int fd;

    (void)events;
    if (push == NULL) {
        loop_change(enclave->loop, watch, 0); /* until push_over() */
        return;
    }
    fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        return;
    }
    if (vsock_peer(fd, &cid) < 0 || cid != ROLE_PARENT_CID) {
        close(fd);
        return;
    }
    push->connection = fd;
    push->service = (struct service){.name = NAME, .start = push_start, .ended = push_ended, .owner = push};
    service_start(enclave->supervisor, &push->service);
}

int pushes_open(struct enclave *enclave, struct reason *why)
{
    int error;

    if (enclave->secrets_fd < 0) {
        return 0;
    }
    for (size_t i = 0; i < ENCLAVE_PUSHES; i++) {
        enclave->pushes[i].enclave = enclave;
        enclave->pushes[i].control_fd = -1;
        enclave->pushes[i].connection = -1;
    }
    enclave->secrets_watch.ready = accept_ready;
    enclave->secrets_watch.owner = enclave;
    error = loop_watch(enclave->loop, &enclave->secrets_watch, enclave->secrets_fd, LOOP_READ);
    return error < 0 ? reason_system(why, error, "cannot wait for pushes") : 0;
}
