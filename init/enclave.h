/* enclave: what PID 1 knows and owns, and the steps that bring it up. */
#ifndef INGOT_INIT_ENCLAVE_H
#define INGOT_INIT_ENCLAVE_H

#include <stdbool.h>
#include <sys/types.h>

#include "app/secrets.h"
#include "base/reason.h"
#include "image/config.h"
#include "init/clock.h"
#include "init/status.h"
#include "init/supervise.h"
#include "net/loop.h"

#define ENCLAVE_ROOT "/" CONFIG_PATH_ROOTFS
#define ENCLAVE_PUSHES 3      /* at a time */
#define ENCLAVE_PUSH_QUEUE 12 /* that wait to be accepted; more are refused, and can be sent again */

/*
 * Inside the application's root: CONFIG_CERTS_FOLDER is a link to ENCLAVE_IDENTITY_FOLDER/now, and that one, in a small
 * tmpfs, to v1: switched by rename, so that a certificate and a key that are read belong together.
 */
#define ENCLAVE_IDENTITY_FOLDER "/opt/enclave/identity"

/* One push under way: a role with the connection, and what PID 1 hears from it. */
struct enclave_push {
    struct enclave *enclave;
    struct service service;
    struct loop_watch control;
    struct loop_timer deadline;
    int connection; /* until the role has it */
    int control_fd; /* this end of ROLE_CONTROL; -1: no push in this place */
};

/* A step of the boot, when it was done: milliseconds since PID 1 started. */
#define ENCLAVE_STEPS 16
struct enclave_boot {
    const char *step;
    int64_t ms;
};

/* One for the whole life of PID 1. Descriptors are -1 until the step that opens them. */
struct enclave {
    struct config config;
    struct loop *loop;
    struct supervisor *supervisor;
    int nsm;

    int *relayed;   /* listeners of endpoints, then of inbound ports (AF_VSOCK): what the relay accepts on */
    int *inbound;   /* TCP listeners of inbound `to`, for a built-in application */
    int secrets_fd; /* vsock listener of pushes */
    struct loop_watch secrets_watch;
    struct enclave_push pushes[ENCLAVE_PUSHES];

    struct service relay;
    int relay_control;
    struct service app; /* a built-in application, or the user's program */
    int app_control;
    bool restarting;            /* by a rotation: its end is not the application's own */
    struct loop_timer app_term; /* SIGKILL for a program that does not heed SIGTERM */

    /* Sealed memory files (app/secrets.h); -1: none. A push without an identity leaves the packed one in use. */
    int packed;   /* the image's own [identity] */
    int accepted; /* the accepted push, or what further ones have made of it */

    struct loop_timer clock_timer;
    struct clock_record clock;

    struct loop_timer expiry_timer;
    int64_t *measured_until; /* of each config_ca_file(); 0: there is none */

    struct enclave_boot boot[ENCLAVE_STEPS]; /* the steps that are done */
    size_t boot_count;

    struct status status;
    int status_fd; /* vsock listener of [inbound status] */
};

/*
 * A step of the boot table. said gets its line for the console; where it fails, the sentence that ends the enclave.
 * 0 or -errno. Each is one file, named after the step.
 */
typedef int enclave_step(struct enclave *enclave, struct reason *said);

enclave_step step_console;
enclave_step step_mounts;
enclave_step step_image;
enclave_step step_limits;
enclave_step step_nsm;
enclave_step step_entropy;
enclave_step step_clock;
enclave_step step_loopback;
enclave_step step_hosts;
enclave_step step_listeners;
enclave_step step_roles;
enclave_step step_heartbeat;

/* console.c: the calling process's output to the console waits from here on, as programs expect it. */
int console_for_program(struct reason *why);

/* mounts.c: the folder of the identity, and for a user's program its own /dev, /proc, /tmp, /run and control groups;
 * after the image was checked and its folders written, before anything runs. */
int mounts_application(bool built_in, struct reason *why);
/* mounts.c: nothing is written into the root folder (a ramfs, unbounded) from here on. */
int mounts_seal(struct reason *why);

/* identity.c: the files of CONFIG_CERTS_FOLDER, from what was pushed, and where that has none of a kind from the packed
 * memory file (-1: none); nothing changes where it has none at all. */
int identity_write(const struct secrets *pushed, int packed, struct reason *why);
/* identity.c: where the image has an [identity], it is there from the start, as if it had been pushed. */
int identity_pack(struct enclave *enclave, struct reason *why);
/* identity.c: a file that the configuration names, as it lies in the image. 0 or as file_read(). */
int identity_read_measured(const char *file, size_t max, char **data, size_t *size, struct reason *why);

/* pushes.c: from here on pushes are accepted, where the image takes any. */
int pushes_open(struct enclave *enclave, struct reason *why);

/* program.c: the user's program as enclave->app; program_prepare() once, before its first start. */
int program_prepare(struct reason *why);
int program_start(struct service *service, pid_t *pid, struct reason *why);
enum service_next program_ended(struct service *service, int status);

/* roles.c: a process of ours: argv[0] role, ROLE_CONTROL and the descriptors from ROLE_FIRST on. */
int role_spawn(const char *role, int control, const int *descriptors, size_t count, pid_t *pid, struct reason *why);
/*
 * roles.c: what the accepted push is for: hands it to the built-in application, or starts the user's program. again: it
 * has taken the place of an earlier one, and the image says who is told, and how.
 */
void roles_deliver(struct enclave *enclave, bool again);
/* roles.c: how soon the calling process is to die when memory is short. */
void role_score(const char *role);

#endif
