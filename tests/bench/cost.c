/* cost: runs a command and says what it took, from the start of its process to its end; small, so that its own does not
 * count. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/*
 *   cost COMMAND [ARGUMENT…]    on standard error, last: milliseconds, milliseconds of CPU, KiB that were resident at
 * most
 *
 * Linux counts what a process had before its exec in the most that was resident: so this is a static program without
 * a library, which a shell or Python is not. Exit: the command's, 111 where it could not be run.
 */
static double milliseconds(struct timespec from, struct timespec to)
{
    return (double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) / 1e6;
}

static double cpu(struct timeval time)
{
    return (double)time.tv_sec * 1e3 + (double)time.tv_usec / 1e3;
}

int main(int argc, char *argv[])
{
    struct timespec from;
    struct timespec to;
    struct rusage usage;
    int status;

    if (argc < 2) {
        fprintf(stderr, "usage: cost COMMAND [ARGUMENT…]\n");
        return 100;
    }
    clock_gettime(CLOCK_MONOTONIC, &from);
    pid_t child = vfork();
    if (child == 0) {
        execvp(argv[1], argv + 1);
        _exit(111);
    }
    if (child < 0 || wait4(child, &status, 0, &usage) != child) {
        perror("cost");
        return 111;
    }
    clock_gettime(CLOCK_MONOTONIC, &to);
    fprintf(
        stderr, "%.3f %.3f %ld\n", milliseconds(from, to), cpu(usage.ru_utime) + cpu(usage.ru_stime), usage.ru_maxrss);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 111;
}
