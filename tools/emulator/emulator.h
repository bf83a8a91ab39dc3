/* emulator: the parent of a local enclave: the vsock device behind QEMU's nitro-enclave machine, as Unix sockets. */
#ifndef INGOT_TOOLS_EMULATOR_EMULATOR_H
#define INGOT_TOOLS_EMULATOR_EMULATOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/reason.h"
#include "net/loop.h"
#include "tools/emulator/faults.h"

/*
 *   emulator_open() ── emulator_descriptor() goes to QEMU: -chardev socket,id=c,fd=N -M nitro-enclave,vsock=c,…
 *                   ── heartbeat(), once, when the guest is up
 *                   ── ended(), once, when QEMU is gone or can't be understood
 *                   ── emulator_close()
 *
 * The guest reaches (CID 3, port N) where a program listens on the Unix socket FOLDER/port_N, and the heartbeat at port
 * 9000. A program on the host reaches the guest's port N through FOLDER/enclave: `hybrid:FOLDER/enclave:N`
 * (tools/emulator/peers.h has the details, tools/emulator/vsock.h what a real parent does and this keeps to).
 *
 * One loop, no thread. Each connection takes one descriptor and, at most, 256 KiB.
 */
#define EMULATOR_GUEST_CID 16 /* what the guest is told to be, as nitro-cli's first enclave */

struct emulator_options {
    const char *folder;    /* at most PEERS_FOLDER_MAX bytes; made with mode 0700 where it is missing */
    uint64_t guest_cid;    /* 0: EMULATOR_GUEST_CID */
    struct faults *faults; /* tools/emulator/faults.h; borrowed and counted in; NULL: an honest parent */
    void (*heartbeat)(void *arg);
    void (*ended)(void *arg, const struct reason *why); /* why: NULL when QEMU just went */
    void (*log)(void *arg, const char *sentence);       /* rare: what the guest did wrong; may be NULL */
    void *arg;
};

struct emulator;

/* 0, or -errno with a sentence. options is copied, the folder's name too. */
int emulator_open(
    struct emulator **emulator, struct loop *loop, const struct emulator_options *options, struct reason *why);

/* The end of the socket pair for QEMU: close-on-exec, and the caller's to close once QEMU has it. Once. */
int emulator_descriptor(struct emulator *emulator);

/* Connections that exist now. */
unsigned emulator_connections(const struct emulator *emulator);

/* Ends every connection and removes FOLDER/enclave; not from inside a callback. NULL does nothing. */
void emulator_close(struct emulator *emulator);

#endif
