/* supervise: starts processes, sees them end, and starts them again after a pause that grows. */
#ifndef INGOT_INIT_SUPERVISE_H
#define INGOT_INIT_SUPERVISE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/reason.h"
#include "net/loop.h"

/*
 *   service_start ── running ── it ends: ended(service, status) ── SERVICE_AGAIN: waits `delay`, starts again
 *                                                               └─ SERVICE_REST: nothing until service_start()
 *
 * A service is a member of its owner's structure and must outlive its process. The pause is SUPERVISE_FIRST_MS, then
 * twice the last one, at most SUPERVISE_LAST_MS, and the first again once a process has lived SUPERVISE_STEADY_MS.
 *
 * Processes that belong to no service (orphans that PID 1 inherits) are reaped and forgotten. SIGCHLD is blocked from
 * supervise_open() on, and arrives through a descriptor; a child must unblock it before exec (supervise_unblock()).
 */
#define SUPERVISE_FIRST_MS 100
#define SUPERVISE_LAST_MS 10000
#define SUPERVISE_STEADY_MS 60000

enum service_next { SERVICE_AGAIN, SERVICE_REST };

struct supervisor;
struct service {
    const char *name; /* in the log */
    /* Makes the process. 0 with *pid, or -errno with a sentence; that counts as a process that ended at once. */
    int (*start)(struct service *service, pid_t *pid, struct reason *why);
    /* What comes next; status is waitpid(2)'s, or SUPERVISE_NOT_STARTED. */
    enum service_next (*ended)(struct service *service, int status);
    void *owner;

    /* supervise.c's own; zero at first */
    struct supervisor *supervisor;
    struct service *next;
    struct loop_timer again;
    pid_t pid; /* 0 while there is no process */
    int64_t since;
    unsigned delay;
    unsigned ends; /* of processes that it had, those that could not be started included */
    int last;      /* how the last of them ended, as ended() was told; means something where ends > 0 */
};
#define SUPERVISE_NOT_STARTED (-1)

/* 0 or -errno. Lives as long as the process: there is no way back from being a parent. */
int supervise_open(struct supervisor **supervisor, struct loop *loop, struct reason *why);

/* Starts it now. A start that fails is logged and tried again as after an end, where ended() says so. */
void service_start(struct supervisor *supervisor, struct service *service);
bool service_running(const struct service *service);

/* In a child, before exec: signals as a new program expects them. */
void supervise_unblock(void);

/* The pause after a process that lived lived_ms, when the last pause was last_ms (0: none yet). */
unsigned supervise_delay(unsigned last_ms, int64_t lived_ms);

/* "exit code 3", "killed by signal 11 (Segmentation fault)", "it could not be started". Returns text. */
#define SUPERVISE_STATUS_SIZE 64
const char *supervise_status(int status, char text[static SUPERVISE_STATUS_SIZE]);

#endif
