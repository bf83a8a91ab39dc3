/* cgroup: the bounds of a user's program, with all that it starts: memory and processes. */
#include "init/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

#define PROGRAM CGROUP_ROOT "/program"

static int set(const char *path, const char *value, struct reason *why)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    int error = fd < 0 ? -errno : file_write_all(fd, value, strlen(value));

    if (fd >= 0) {
        close(fd);
    }
    return error < 0 ? reason_system(why, error, "cannot set %s to %s", path, value) : 0;
}

static int set_number(const char *path, uint64_t value, struct reason *why)
{
    char text[24];

    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    return set(path, text, why);
}

uint64_t cgroup_memory(uint64_t available)
{
    return available > CGROUP_LEFT + CGROUP_LEAST ? available - CGROUP_LEFT : CGROUP_LEAST;
}

int cgroup_make(uint64_t available, struct reason *why)
{
    int error = set(CGROUP_ROOT "/cgroup.subtree_control", "+memory +pids", why);

    if (error == 0 && mkdir(PROGRAM, 0755) < 0) {
        error = reason_system(why, -errno, "cannot make " PROGRAM);
    }
    if (error == 0) {
        error = set_number(PROGRAM "/memory.max", cgroup_memory(available), why);
    }
    if (error == 0) {
        error = set(PROGRAM "/memory.oom.group", "1", why); /* all of it: half a program serves nobody */
    }
    return error < 0 ? error : set_number(PROGRAM "/pids.max", CGROUP_PROCESSES, why);
}

int cgroup_enter(struct reason *why)
{
    return set(PROGRAM "/cgroup.procs", "0", why);
}

void cgroup_kill(void)
{
    (void)set(PROGRAM "/cgroup.kill", "1", NULL);
}
