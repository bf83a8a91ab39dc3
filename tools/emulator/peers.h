/* peers: what stands behind each vsock connection on the host: a Unix socket, or the answer to the heartbeat. */
#ifndef INGOT_TOOLS_EMULATOR_PEERS_H
#define INGOT_TOOLS_EMULATOR_PEERS_H

#include "base/reason.h"
#include "net/loop.h"
#include "tools/emulator/vsock.h"

/*
 *   guest → (3, N)     connects to the Unix socket FOLDER/port_N; nobody there: refused
 *   guest → (3, 9000)  a byte 0xB7 is answered by 0xB7, as nitro-cli does
 *   host → (guest, N)  connects to FOLDER/enclave and writes "CONNECT N\n"; the guest's acceptance is "OK M\n", M the
 *                      port on our side; refusal is an end without a line. What follows the line belongs to the guest.
 *
 * FOLDER/enclave has mode 0600; FOLDER is made with mode 0700 where it is missing, and refused where others may write.
 */
#define PEERS_FOLDER_MAX 90       /* bytes: FOLDER/port_4294967295 fits a Unix address of 108 */
#define PEERS_DIAL_MS 2000        /* a full backlog has nothing to poll: it is tried again so long, … */
#define PEERS_DIAL_RETRY_MS 5     /* … this often */
#define PEERS_LINE_MS 10000       /* for the line of a host's connection to be complete */
#define PEERS_CALL_MS 1500        /* for the guest to answer, be it up or not */
#define PEERS_PAUSE_MS 100        /* without accepting, when descriptors have run out */
#define PEERS_HEARTBEAT_PORT 9000 /* nitro-cli's, as is the byte */
#define PEERS_HEARTBEAT_BYTE 0xB7

struct peers_options {
    struct loop *loop;
    const char *folder;
    void (*wake)(void *arg);      /* the engine has something to do: call vsock_turn() soon */
    void (*heartbeat)(void *arg); /* the guest's first heartbeat */
    struct faults *faults;        /* of the heartbeat; the others are the connection's; NULL: none */
    void *arg;
};

struct peers;

/* Listens. 0, or -errno with a sentence. */
int peers_open(struct peers **peers, const struct peers_options *options, struct reason *why);
/* How the engine reaches them; valid until peers_close(). */
struct vsock_host peers_host(struct peers *peers);
/* Whom they call; before the loop turns. */
void peers_attach(struct peers *peers, struct vsock *vsock);
/* After vsock_close(). Removes FOLDER/enclave. NULL does nothing. */
void peers_close(struct peers *peers);

#endif
