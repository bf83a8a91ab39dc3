/* confine: takes away from a process all that it does not need, before it reads its first foreign byte. */
#ifndef INGOT_INIT_CONFINE_H
#define INGOT_INIT_CONFINE_H

#include "base/reason.h"
#include "image/config.h"

#define CONFINE_EMPTY "/empty" /* made by the step mounts: the root folder of roles that need no files */

/* Address space of one push: those of 256 KiB take about 2 MiB; a bomb of brackets ends here. */
#define CONFINE_PUSH_MEMORY (3u << 20)

/*
 * A role of ours calls this once, as root, after it has read the configuration and made what it needs from the file
 * system, and before its first foreign byte. In this order: limits (memory, descriptors, no new processes, no core),
 * its root folder (app/rootfs for the application, an empty folder for the others), its user, no_new_privs, not
 * dumpable, and an allow list of system calls (confine.c has one table for each role, made from what its tests do).
 *
 * A call that is not on the list ends the role with one line that names its number; PID 1 then starts the role again.
 * What a role needs once at its start (a seed for jansson's tables, a lazy open of a library) happens before.
 *
 * 0, or -errno with a sentence: the caller must end then, whatever it has kept is undefined.
 */
int confine_role(const char *role, const struct config *config, struct reason *why);

/*
 * The same for a user's program, between fork and exec: limits (its memory and processes are init/cgroup.h's), chroot
 * to app/rootfs, user ROLE_UID_APP, no_new_privs, and a list of calls that are refused: socket() of any family but
 * AF_INET and AF_UNIX fails with EAFNOSUPPORT; mounting, tracing, BPF, modules, reboot, clocks, namespaces, keys, swap
 * and the like with EPERM, and so all that changes a terminal; 32-bit and x32 calls end it. The list is inherited by
 * all it starts.
 */
int confine_program(struct reason *why);

/*
 * The filters by themselves: no_new_privs, and the allow list of a role or the deny list, on the calling thread. What
 * confine_role() and confine_program() do last; tests call them alone.
 */
int confine_filter_role(const char *role, struct reason *why);
int confine_filter_program(struct reason *why);

#endif
