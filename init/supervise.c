/* supervise: starts processes, sees them end, and starts them again after a pause that grows. */
#include "init/supervise.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init/boot.h"
#include "init/journal.h"
#include "init/log.h"
#include "init/output.h"

struct supervisor {
    struct loop *loop;
    struct loop_watch signals;
    struct service *services; /* those with a process */
};

unsigned supervise_delay(unsigned last_ms, int64_t lived_ms)
{
    if (last_ms == 0 || lived_ms >= SUPERVISE_STEADY_MS) {
        return SUPERVISE_FIRST_MS;
    }
    return last_ms < SUPERVISE_LAST_MS / 2 ? last_ms * 2 : SUPERVISE_LAST_MS;
}

const char *supervise_status(int status, char text[static SUPERVISE_STATUS_SIZE])
{
    if (status == SUPERVISE_NOT_STARTED) {
        (void)snprintf(text, SUPERVISE_STATUS_SIZE, "it could not be started");
    } else if (WIFSIGNALED(status)) {
        (void)snprintf(
            text, SUPERVISE_STATUS_SIZE, "killed by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    } else {
        (void)snprintf(text, SUPERVISE_STATUS_SIZE, "exit code %d", WEXITSTATUS(status));
    }
    return text;
}

static void service_over(struct service *service, int status)
{
    struct supervisor *supervisor = service->supervisor;
    int64_t now = loop_now(supervisor->loop);
    char how[SUPERVISE_STATUS_SIZE];

    service->pid = 0;
    service->ends++;
    service->last = status;
    output_drain(); /* what it said comes before its end */
    journal_event("exit", "role", service->name, supervise_status(status, how));
    if (service->ended(service, status) == SERVICE_REST) {
        return; /* the service may be gone now */
    }
    service->delay = supervise_delay(service->delay, now - service->since);
    log_line(service->name, "has ended: %s; starts again in %u ms", supervise_status(status, how), service->delay);
    if (loop_after(supervisor->loop, &service->again, service->delay) < 0) {
        boot_fail("supervise", "no memory for a timer"); /* rather than lose a role without a word */
    }
}

static void again(struct loop_timer *timer)
{
    struct service *service = timer->owner;

    service_start(service->supervisor, service);
}

void service_start(struct supervisor *supervisor, struct service *service)
{
    struct reason why;

    service->supervisor = supervisor;
    service->again.fired = again;
    service->again.owner = service;
    service->since = loop_now(supervisor->loop);
    if (service->start(service, &service->pid, &why) < 0) {
        log_line(service->name, "%s", why.text);
        service_over(service, SUPERVISE_NOT_STARTED);
        return;
    }
    service->next = supervisor->services;
    supervisor->services = service;
}

bool service_running(const struct service *service)
{
    return service->pid > 0;
}

static struct service *take(struct supervisor *supervisor, pid_t pid)
{
    for (struct service **at = &supervisor->services; *at != NULL; at = &(*at)->next) {
        if ((*at)->pid == pid) {
            struct service *service = *at;
            *at = service->next;
            return service;
        }
    }
    return NULL;
}

static void reap(struct loop_watch *watch, unsigned events)
{
    struct supervisor *supervisor = watch->owner;
    struct signalfd_siginfo information;
    int status;
    pid_t pid;

    (void)events;
    while (read(watch->fd, &information, sizeof information) > 0) {
    }
    /* One signal may stand for many ends. */
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct service *service = take(supervisor, pid);
        if (service != NULL) {
            service_over(service, status);
        }
    }
}

int supervise_open(struct supervisor **out, struct loop *loop, struct reason *why)
{
    struct supervisor *supervisor = calloc(1, sizeof *supervisor);
    sigset_t set;
    int error;
    int fd;

    if (supervisor == NULL) {
        return reason_set(why, -ENOMEM, "no memory to supervise");
    }
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 || (fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)) < 0) {
        error = -errno;
        free(supervisor);
        return reason_system(why, error, "cannot receive SIGCHLD");
    }
    supervisor->loop = loop;
    supervisor->signals.ready = reap;
    supervisor->signals.owner = supervisor;
    error = loop_watch(loop, &supervisor->signals, fd, LOOP_READ);
    if (error < 0) {
        close(fd);
        free(supervisor);
        return reason_system(why, error, "cannot wait for SIGCHLD");
    }
    *out = supervisor;
    return 0;
}

void supervise_unblock(void)
{
    sigset_t set;

    for (int number = 1; number < 32; number++) {
        (void)signal(number, SIG_DFL);
    }
    (void)sigemptyset(&set);
    (void)sigprocmask(SIG_SETMASK, &set, NULL);
}
