/* local: one run of an image on this machine: QEMU, its vsock device, the proxy, the secrets and the console. */
#ifndef INGOT_TOOLS_LOCAL_H
#define INGOT_TOOLS_LOCAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"
#include "tools/emulator/faults.h"
#include "tools/emulator/qemu.h"

/*
 * Everything that `ingot run` does, in one process and one loop. It is part of a program, not of a library: it prints
 * the console on standard output and what happens on standard error, takes SIGINT, SIGTERM, SIGHUP and SIGCHLD for
 * itself, and raises the limit of descriptors.
 */
#define LOCAL_CHOICES_MAX 128 /* of each list */

struct local_options {
    const char *image;    /* an EIF that image_open() accepts */
    const char *secrets;  /* a file, pushed until the enclave answers; NULL: none */
    const char *folder;   /* for the sockets; NULL: one of its own, removed at the end; on EC2: AF_VSOCK */
    const char *qemu;     /* NULL: qemu_find() looks for it */
    const char *console;  /* a file for the console's lines; NULL: none */
    const char *timeline; /* a file for the picture of the run; NULL: none */
    bool no_times;        /* the console's lines without the time since the start */
    uint64_t memory;      /* bytes; 0: what the image says */
    unsigned cpus;        /* 0: what the image says */
    enum qemu_accelerator accelerator;
    bool on_ec2;  /* nitro-cli boots the image, not QEMU; the three above and faults are not for it */
    bool debug;   /* on EC2: with a console, and PCRs of zeros */
    uint32_t cid; /* on EC2; 0: the first free one */
    char *connect_to[LOCAL_CHOICES_MAX]; /* tools/proxy.h has the forms */
    size_t connect_to_count;
    char *listen[LOCAL_CHOICES_MAX];
    size_t listen_count;
    struct faults *faults; /* of the parent; borrowed and counted in */
};

/*
 * Runs until the enclave ends, a signal comes, or the secrets are not accepted. 0: *code is the EXIT_… that says how it
 * ended. -errno with a sentence: it could not run, and *code is EXIT_MISUSE where connect_to or listen do not fit the
 * image.
 */
int local_run(const struct local_options *options, int *code, struct reason *why);

#endif
