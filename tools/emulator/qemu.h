/* qemu: finds and starts the QEMU that boots an EIF in its nitro-enclave machine. */
#ifndef INGOT_TOOLS_EMULATOR_QEMU_H
#define INGOT_TOOLS_EMULATOR_QEMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/reason.h"

#define QEMU_PROGRAM "qemu-system-x86_64"
#define QEMU_PATH_MAX 4096

enum qemu_accelerator { QEMU_ANY, QEMU_KVM, QEMU_TCG }; /* ANY is the caller's to decide: see qemu_has_kvm() */

struct qemu_options {
    const char *program;
    const char *image; /* the EIF */
    const char *id;    /* what the emulated NSM calls the enclave; letters, digits, '.', '_', '-' */
    uint64_t memory;   /* bytes, whole MiB */
    unsigned cpus;
    enum qemu_accelerator accelerator; /* not QEMU_ANY */
    int vsock;                         /* emulator_descriptor(); stays the caller's */
};

struct qemu {
    pid_t pid;   /* a child, in a process group of its own: a terminal's Ctrl-C does not reach it */
    int console; /* the guest's serial console; non-blocking, to be read, the caller's to close. QEMU's own words go to
                    our stderr */
};

/*
 * The program to use: wanted (--qemu) where it is not NULL, else $INGOT_QEMU, else qemu/QEMU_PROGRAM beside this
 * executable, else QEMU_PROGRAM of the PATH. 0; -ENOENT or -ENAMETOOLONG with a sentence that says how to get one.
 */
int qemu_find(char path[static QEMU_PATH_MAX], const char *wanted, struct reason *why);

/* Whether /dev/kvm can be opened; that says little about whether it works. */
bool qemu_has_kvm(void);

/*
 * Starts it. It ends with this process, whatever ends that, and after the guest's reboot or panic (exit status 0 for
 * both: the console tells them apart). 0, or -errno with a sentence where it can't be executed.
 */
int qemu_start(struct qemu *qemu, const struct qemu_options *options, struct reason *why);

#endif
