/* roles: the processes of ours, how PID 1 makes one, and what each is given. */
#include "init/roles.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/app.h"
#include "base/file.h"
#include "base/pass.h"
#include "init/enclave.h"
#include "init/expiry.h"
#include "init/journal.h"
#include "init/log.h"
#include "init/output.h"

#define TERM_MS 10000 /* for a program to end in order at a rotation */

/* Who goes first when memory is short (oom_score_adj): pushes, then the application, the relay last. */
static const struct {
    const char *role;
    const char *score;
} scores[] = {
    {ROLE_RELAY, "-500"},
    {ROLE_APP, "500"},
    {ROLE_SECRETS, "900"},
};

void role_score(const char *role)
{
    for (size_t i = 0; i < sizeof scores / sizeof scores[0]; i++) {
        int fd = strcmp(role, scores[i].role) == 0 ? open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC) : -1;
        if (fd >= 0) {
            (void)file_write_all(fd, scores[i].score, strlen(scores[i].score));
            close(fd);
        }
    }
}

/*
 * Puts each descriptor at its number, by way of numbers that PID 1 never reaches, so that none is overwritten before
 * its turn. Those copies close themselves at exec, like every other descriptor of PID 1.
 */
#define SCRATCH 2048

static int place(int control, const int *descriptors, size_t count)
{
    for (size_t i = 0; i <= count; i++) {
        if (dup3(i == 0 ? control : descriptors[i - 1], SCRATCH + (int)i, O_CLOEXEC) < 0) {
            return -errno;
        }
    }
    for (size_t i = 0; i <= count; i++) {
        if (dup2(SCRATCH + (int)i, ROLE_CONTROL + (int)i) < 0) {
            return -errno;
        }
    }
    return 0;
}

int role_spawn(const char *role, int control, const int *descriptors, size_t count, pid_t *pid, struct reason *why)
{
    char start[24];
    char *const arguments[] = {(char *)role, start, NULL};
    char *const environment[] = {NULL};
    int error;

    (void)snprintf(start, sizeof start, "%" PRId64, log_start());
    *pid = fork();
    if (*pid < 0) {
        error = -errno;
        *pid = 0;
        return reason_system(why, error, "cannot make a process");
    }
    if (*pid > 0) {
        return 0;
    }
    supervise_unblock();
    role_score(role);
    error = place(control, descriptors, count);
    if (error == 0 && strcmp(role, ROLE_APP) == 0 && output_descriptor() >= 0 &&
        (dup2(output_descriptor(), STDOUT_FILENO) < 0 || dup2(output_descriptor(), STDERR_FILENO) < 0)) {
        error = -errno;
    }
    if (error == 0) {
        execve("/proc/self/exe", arguments, environment);
        error = -errno;
    }
    log_line(role, "cannot be started: %s", strerror(-error));
    _exit(111);
}

/* A process with a new ROLE_CONTROL; this end replaces the last one, which the last process had. */
static int start(const char *role, const int *descriptors, size_t count, int *ours, pid_t *pid, struct reason *why)
{
    int pair[2];
    int error;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0) {
        return reason_system(why, -errno, "no socket to control it by");
    }
    error = role_spawn(role, pair[1], descriptors, count, pid, why);
    close(pair[1]);
    if (error < 0) {
        close(pair[0]);
        return error;
    }
    if (*ours >= 0) {
        close(*ours);
    }
    *ours = pair[0];
    return 0;
}

static int relay_start(struct service *service, pid_t *pid, struct reason *why)
{
    struct enclave *enclave = service->owner;
    size_t count = enclave->config.endpoint_count + enclave->config.inbound_count;
    int error;

    status_relay_gone(enclave);
    error = start(ROLE_RELAY, enclave->relayed, count, &enclave->relay_control, pid, why);
    if (error == 0) {
        status_relay_started(enclave);
    }
    return error;
}

/* Where the application is gone in this moment, it gets them when it starts again. */
static void hand_over(const struct enclave *enclave, int secrets)
{
    int error = secrets >= 0 ? pass_send(enclave->app_control, APP_SECRETS, secrets) : 0;

    if (error < 0 && error != -EPIPE) {
        log_line(ROLE_APP, "does not take its secrets: %s", strerror(-error));
    }
}

static int app_start(struct service *service, pid_t *pid, struct reason *why)
{
    struct enclave *enclave = service->owner;
    int error = start(ROLE_APP, enclave->inbound, enclave->config.inbound_count, &enclave->app_control, pid, why);

    if (error == 0) {
        hand_over(enclave, enclave->packed);
        hand_over(enclave, enclave->accepted);
    }
    return error;
}

/* Roles are never done: whatever ended one, it starts again. */
static enum service_next role_ended(struct service *service, int status)
{
    (void)service;
    (void)status;
    return SERVICE_AGAIN;
}

static void term_ignored(struct loop_timer *timer)
{
    const struct enclave *enclave = timer->owner;

    if (enclave->restarting && service_running(&enclave->app)) {
        log_line(ROLE_APP, "does not end at SIGTERM: killed");
        (void)kill(enclave->app.pid, SIGKILL);
    }
}

/* A program that runs is told of what is new as its image says; it is started again as after any other end. */
static void program_told(struct enclave *enclave)
{
    bool restart = enclave->config.secrets.again == CONFIG_AGAIN_RESTART;

    if (!service_running(&enclave->app) || enclave->restarting) {
        return; /* it is between two lives, or told to end: the next one has it */
    }
    if (restart || enclave->config.app.on_rotate == CONFIG_ROTATE_RESTART) {
        enclave->restarting = true; /* whatever [app] restart says of its end */
        (void)kill(enclave->app.pid, SIGTERM);
        (void)loop_after(enclave->loop, &enclave->app_term, TERM_MS);
    } else if (enclave->config.app.on_rotate == CONFIG_ROTATE_SIGNAL) {
        (void)kill(enclave->app.pid, SIGHUP);
    }
}

void roles_deliver(struct enclave *enclave, bool again)
{
    bool built_in = enclave->config.app.built_in;

    if (!built_in && again) {
        program_told(enclave);
    } else if (!built_in) {
        service_start(enclave->supervisor, &enclave->app);
    } else if (service_running(&enclave->app) && again && enclave->config.secrets.again == CONFIG_AGAIN_RESTART) {
        (void)kill(enclave->app.pid, SIGKILL); /* it starts again, and is handed what is new */
    } else if (service_running(&enclave->app)) {
        hand_over(enclave, enclave->accepted);
    }
}

int step_roles(struct enclave *enclave, struct reason *said)
{
    bool built_in = enclave->config.app.built_in;
    bool waits = !built_in && enclave->config.secrets.mode != CONFIG_SECRETS_NONE;
    int error = mounts_application(built_in, said);

    if (error == 0) {
        error = identity_pack(enclave, said);
    }
    if (error == 0) {
        error = mounts_seal(said);
    }
    if (error == 0 && !built_in) {
        error = program_prepare(said);
    }
    if (error == 0) {
        error = supervise_open(&enclave->supervisor, enclave->loop, said);
    }
    if (error == 0) {
        error = pushes_open(enclave, said);
    }
    if (error == 0) {
        error = status_open(enclave, said);
    }
    if (error == 0) {
        error = journal_open(enclave->loop, said);
    }
    if (error == 0) {
        error = expiry_open(enclave, said);
    }
    if (error == 0 && enclave->config.log_app) {
        error = output_open(enclave->loop, said);
    }
    if (error < 0) {
        return error;
    }
    enclave->relay = (struct service){.name = ROLE_RELAY, .start = relay_start, .ended = role_ended, .owner = enclave};
    enclave->app = (struct service){
        .name = ROLE_APP,
        .start = built_in ? app_start : program_start,
        .ended = built_in ? role_ended : program_ended,
        .owner = enclave,
    };
    enclave->app_term = (struct loop_timer){.fired = term_ignored, .owner = enclave};
    service_start(enclave->supervisor, &enclave->relay);
    if (!waits) {
        service_start(enclave->supervisor, &enclave->app);
    }
    return reason_set(said, 0, "relay, %s%s", enclave->config.app.run, waits ? " after the first accepted push" : "");
}
