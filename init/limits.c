/* limits: bounds of the kernel's memory for sockets, who dies first when memory is short, and the connection budget. */
#include "init/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "init/confine.h"
#include "init/enclave.h"
#include "init/journal.h"
#include "init/output.h"

#define PAGE 4096u
#define MEMINFO_MAX 16384
#define FILES                                                                                                          \
    8192 /* descriptors of PID 1: a listener for each endpoint and inbound port, twice while a role starts             \
          */
/* TCP beside the relayed connections: the application's own, half-closed ones, those in TIME_WAIT. */
#define TCP_SPARE (2u << 20)

/*
 * The processes at their worst. Before a push is accepted every place may hold one that takes all it can get, and the
 * application only bodies that it answers with 503; afterwards a push is not parsed any more, or, where [secrets] again
 * wants more of them, one at a time. (With that one, or with a packed [identity] or an endpoint that needs none, which
 * let the application work from the start, all of this together may be more: the kernel then ends a push first.)
 */
#define WITHOUT_IDENTITY (BUDGET_APPLICATION * 3 / 8)       /* app/watermark.c asserts it */
#define OURS (UINT64_C(640) << 10)                          /* PID 1 and the relay, page tables and stacks included */
#define PUSH_READ (UINT64_C(640) << 10)                     /* a push that is only read */
#define PUSH_QUEUE (ENCLAVE_PUSH_QUEUE * LIMITS_VSOCK_CAME) /* what was sent before it was accepted */
_Static_assert(
    OURS + PUSH_QUEUE + BUDGET_APPLICATION + ENCLAVE_PUSHES * PUSH_READ <= BUDGET_PROCESSES, "after the push");
_Static_assert(
    OURS + PUSH_QUEUE + WITHOUT_IDENTITY + ENCLAVE_PUSHES * CONFINE_PUSH_MEMORY <= BUDGET_PROCESSES, "before it");
_Static_assert((STATUS_PLACES + STATUS_QUEUE) * LIMITS_VSOCK_CAME <= BUDGET_STATUS, "[inbound status]");
_Static_assert(LIMITS_VSOCK_SENT + LIMITS_VSOCK_CAME + OUTPUT_PIPE + JOURNAL_RING <= BUDGET_LOG, "[log]");

static int set(const char *path, const char *value, struct reason *why)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    int error = fd < 0 ? -errno : file_write_all(fd, value, strlen(value));

    if (fd >= 0) {
        close(fd);
    }
    return error < 0 ? reason_system(why, error, "cannot set %s to %s", path, value) : 0;
}

static int set_tcp(unsigned connections, struct reason *why)
{
    uint64_t pages = ((uint64_t)connections * 8u * LIMITS_TCP_BUFFER + TCP_SPARE) / PAGE;
    char text[96];
    int error;

    (void)snprintf(text, sizeof text, "%llu %llu %llu", (unsigned long long)(pages / 2),
        (unsigned long long)(pages * 3 / 4), (unsigned long long)pages);
    error = set("/proc/sys/net/ipv4/tcp_mem", text, why);
    /* What a program's own sockets get: minimum, default, maximum. */
    (void)snprintf(text, sizeof text, "4096 %u %u", 2 * LIMITS_TCP_BUFFER, 2 * LIMITS_TCP_BUFFER);
    if (error == 0) {
        error = set("/proc/sys/net/ipv4/tcp_rmem", text, why);
    }
    if (error == 0) {
        error = set("/proc/sys/net/ipv4/tcp_wmem", text, why);
    }
    return error;
}

int limits_memory(const char *meminfo, const char *name, uint64_t *bytes)
{
    size_t size = strlen(name);

    for (const char *line = meminfo; line != NULL && *line != '\0';) {
        const char *end = strchr(line, '\n');
        if (strncmp(line, name, size) == 0 && line[size] == ':') {
            char digits[24];
            const char *at = line + size + 1 + strspn(line + size + 1, " ");
            size_t length = strspn(at, "0123456789");
            uint64_t kilobytes;
            if (length >= sizeof digits || strncmp(at + length, " kB", 3) != 0) {
                return -EINVAL;
            }
            memcpy(digits, at, length);
            digits[length] = '\0';
            if (!text_number(digits, 0, UINT64_MAX / 1024, &kilobytes)) {
                return -EINVAL;
            }
            *bytes = kilobytes * 1024;
            return 0;
        }
        line = end != NULL ? end + 1 : NULL;
    }
    return -ENOENT;
}

int limits_available(uint64_t *bytes, struct reason *why)
{
    char *meminfo;
    size_t size;
    int error = file_read("/proc/meminfo", MEMINFO_MAX, &meminfo, &size, why);

    if (error < 0) {
        return error;
    }
    error = limits_memory(meminfo, "MemAvailable", bytes);
    free(meminfo);
    return error < 0 ? reason_set(why, error, "/proc/meminfo does not say how much memory is available") : 0;
}

int limits_check(uint64_t available, const struct config *config, struct reason *why)
{
    uint64_t need = limits_need(config);

    if (available >= need) {
        return 0;
    }
    return reason_set(why, -ENOMEM,
        "%llu KiB of memory are free, and %llu KiB are needed: [limits] connections = %u of %llu KiB each at worst, "
        "and "
        "%llu KiB for the processes. Give the enclave more memory, or measure fewer connections",
        (unsigned long long)(available / 1024), (unsigned long long)(need / 1024), config->connections,
        (unsigned long long)(BUDGET_CONNECTION / 1024), (unsigned long long)(budget_processes(config) / 1024));
}

int step_limits(struct enclave *enclave, struct reason *said)
{
    struct rlimit files = {FILES, FILES};
    unsigned connections = enclave->config.connections;
    uint64_t available = 0;
    int error = set_tcp(connections, said);

    if (error == 0) {
        error = set("/proc/self/oom_score_adj", "-1000", said);
    }
    if (error == 0 && setrlimit(RLIMIT_NOFILE, &files) < 0) {
        error = reason_system(said, -errno, "cannot allow %d descriptors", FILES);
    }
    if (error == 0) {
        error = limits_available(&available, said);
    }
    if (error == 0) {
        error = limits_check(available, &enclave->config, said);
    }
    return error < 0 ? error
                     : reason_set(said, 0, "%llu KiB free; %u connections and the processes take %llu KiB at worst",
                           (unsigned long long)(available / 1024), connections,
                           (unsigned long long)(limits_need(&enclave->config) / 1024));
}
