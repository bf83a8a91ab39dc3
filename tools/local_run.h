/* local_run: one local run, for the files that make it up: local.c its life, local_parent.c the parent's side. */
#ifndef INGOT_TOOLS_LOCAL_RUN_H
#define INGOT_TOOLS_LOCAL_RUN_H

#include <stdbool.h>
#include <stdio.h>

#include "image/image.h"
#include "net/loop.h"
#include "tools/emulator/console.h"
#include "tools/emulator/emulator.h"
#include "tools/emulator/peers.h"
#include "tools/emulator/qemu.h"
#include "tools/local.h"
#include "tools/proxy.h"
#include "tools/push.h"
#include "tools/run_ec2.h"
#include "tools/timeline.h"

#define HEARTBEAT_WAIT_MS 180000 /* as nitro-cli waits */

struct run {
    const struct local_options *options;
    struct image image;
    struct loop *loop;
    char folder[PEERS_FOLDER_MAX + 1];
    bool own_folder; /* made by us, to be removed */
    char program[QEMU_PATH_MAX];
    enum qemu_accelerator accelerator;
    struct emulator *emulator;
    struct relay_pool *pool;
    struct names *names; /* the pool's */
    struct proxy *proxy;
    struct push *push;
    char *secrets;
    size_t secrets_size;
    struct run_ec2 *ec2; /* NULL: a run in QEMU */
    uint32_t cid;        /* on EC2 */
    struct qemu qemu;    /* pid 0: none */
    struct loop_watch signals, console_watch;
    struct loop_timer deadline; /* of the heartbeat */
    struct loop_timer silence;  /* of a guest under KVM */
    bool may_fall_back;         /* from KVM, which was not asked for, to TCG */
    struct console console;
    FILE *console_copy;
    struct timeline timeline;
    bool timeline_closed;      /* connections that end now are no news */
    int64_t started;           /* loop_now() when the enclave was first started */
    struct loop_timer restart; /* a fault: the parent's side goes, and comes back */
    bool heartbeat, accepted, stopping;
    bool pushed_again; /* a fault */
    int code;          /* what we end with; set by whoever stops */
};

/* "ingot run: sentence" on standard error; arg is not used. */
void local_say(void *arg, const char *sentence);
/* Ends the run with code: QEMU, which has nothing to save, at once; the loop stops when it is gone. */
void local_stop(struct run *run, int code);
/* Says once how to reach the enclave, when it has all that it needs. */
void local_say_if_ready(struct run *run);

/* The proxy of every endpoint and inbound port. 0, or -errno with a sentence; run->code where the user chose badly. */
int local_proxy_open(struct run *run, struct reason *why);
void local_proxy_close(struct run *run);
/* How the parent reaches a port of the enclave. */
struct address local_enclave_port(const struct run *run, uint32_t port);
/* Pushes run->secrets, where there are some, until the enclave answers. 0, or -errno with a sentence. */
int local_push_start(struct run *run, struct reason *why);
/* Milliseconds since the enclave was first started. */
int64_t local_since(const struct run *run);
/* Whether the folder for the picture takes a file, before there is anything to lose. 0, or -errno with a sentence. */
int local_timeline_check(const struct run *run, struct reason *why);
/* Notes the connections that are open, once: they are still open when the run ends. */
void local_timeline_open(struct run *run);
/* Draws the run, if the enclave was ever started, into the file that was asked for. 0, or -errno with a sentence. */
int local_timeline_write(struct run *run, struct reason *why);

/* Prints what comes from fd, which is the console and the run's own, until local_console_close(). 0 or -errno. */
int local_console_open(struct run *run, int fd);
/* Reads what is left of it first. */
void local_console_close(struct run *run);

/* The enclave is up and has its secrets: faults that wait for that begin. */
void local_parent_ready(struct run *run);

#endif
