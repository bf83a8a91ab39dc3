/* cgroup: the bounds of a user's program, with all that it starts: memory and processes. */
#ifndef INGOT_INIT_CGROUP_H
#define INGOT_INIT_CGROUP_H

#include <stdint.h>

#include "base/reason.h"

/*
 * One control group (version 2) for the program. It may take all that is free when the roles start but CGROUP_LEFT;
 * over that the kernel ends the whole of it, and not the relay, and it is restarted as `restart =` says.
 */
#define CGROUP_ROOT "/cgroup"           /* mounted where there is a program (mounts.c) */
#define CGROUP_LEFT (UINT64_C(8) << 20) /* bytes, for PID 1, the relay and pushes */
#define CGROUP_LEAST (UINT64_C(4) << 20)
#define CGROUP_PROCESSES 128u /* and threads; the kernel allows 394 in all at 64 MiB */

/* What the program may take when available bytes are free. */
uint64_t cgroup_memory(uint64_t available);

/* Makes the group. 0 or -errno. */
int cgroup_make(uint64_t available, struct reason *why);
/* The calling process enters it; still root, before chroot. 0 or -errno. */
int cgroup_enter(struct reason *why);
/* Ends whatever is left in it. */
void cgroup_kill(void);

#endif
