/* roles: what PID 1 and the processes it starts agree on: names, users, descriptors. */
#ifndef INGOT_INIT_ROLES_H
#define INGOT_INIT_ROLES_H

#include "base/reason.h"
#include "image/config.h"

/*
 * Every role is /init under another argv[0] (looked at only if getpid() ≠ 1). It reads the measured enclave.ini for
 * itself, confines itself (init/confine.h) and runs with these descriptors:
 *
 *   0, 1, 2           /dev/null, console, console
 *   ROLE_CONTROL      SOCK_SEQPACKET to PID 1
 *   ROLE_FIRST + n    relay:   listener of endpoint n; then of inbound n (AF_VSOCK), in the file's order
 *                     app:     TCP listener of inbound n (built-in applications only)
 *                     secrets: n = 0: the accepted connection of one push
 */
enum { ROLE_CONTROL = 3, ROLE_FIRST = 4 };

#define ROLE_RELAY "relay"
#define ROLE_SECRETS "secrets"
#define ROLE_APP "app"

/* One user for each role; files of the application's identity belong to ROLE_UID_APP. */
enum { ROLE_UID_RELAY = 101, ROLE_UID_SECRETS = 102, ROLE_UID_APP = 1000 };

/* PID 1's ports on the parent's side and ours. */
#define ROLE_PARENT_CID 3u
#define ROLE_HEARTBEAT_PORT 9000u
#define ROLE_HEARTBEAT_BYTE 0xB7

/*
 * What a role runs: from main() on, still root, in PID 1's root folder. Returns the process's exit code:
 * 0 (PID 1 has closed ROLE_CONTROL, or the work is done), 100, 111. Prints through init/log.h.
 */
int role_relay(void);
int role_secrets(void);
int role_app(void);

/* Reads the measured enclave.ini: the first thing a role does. 0 or -errno. */
int role_config(struct config *config, struct reason *why);

#endif
