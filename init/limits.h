/* limits: what a connection may cost at worst, and whether this enclave's memory holds as many as it promises. */
#ifndef INGOT_INIT_LIMITS_H
#define INGOT_INIT_LIMITS_H

#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"
#include "image/budget.h"
#include "net/vsock.h"

/*
 * The parent chooses the memory, and may leave every connection stalled in both directions. The sum of what one of them
 * may hold then is
 *
 *   2 × RELAY_READ                 what the relay has read and can't write
 *   2 × 2 × 2 × LIMITS_TCP_BUFFER  both ends of the loopback connection (the kernel doubles what it is told)
 *   LIMITS_VSOCK_SENT              what it has sent and the parent doesn't take
 *   LIMITS_VSOCK_CAME              what the parent has sent and the relay can't read
 *
 * 396 KiB; not all of it can be full at once: as many connections as there may be, written to until nothing went in any
 * more on either side, in the packets that fill pages worst, by a parent that then stopped, held 208 to 311 KiB each in
 * 30 boots, all that grew beside them counted (tests/boot/worst.test prints it; most by how the application cuts what
 * it writes, and boots differ by BUDGET_SPARE). A built-in application holds another 21 KiB for one that it doesn't
 * read from: its state, and the input behind the request in hand. image/budget.h counts BUDGET_CONNECTION for one, at
 * build and here, and BUDGET_PROCESSES for our own processes beside them.
 */
#define LIMITS_TCP_BUFFER 16384u
#define LIMITS_VSOCK_BUFFER VSOCK_BUFFER_MIN
/*
 * What our kernel lets such a buffer hold, heads included, whatever the packets (docs/kernel.md). Sent: full but for a
 * byte, and one more write; what has come: × 1.7, for pages that are full to three quarters.
 */
#define LIMITS_VSOCK_SENT (LIMITS_VSOCK_BUFFER + VSOCK_WRITE_MAX + 2048u)
#define LIMITS_VSOCK_CAME (25u * 4352u)

/* Bytes that must be free before the roles start. */
static inline uint64_t limits_need(const struct config *config)
{
    return (uint64_t)config->connections * BUDGET_CONNECTION + budget_processes(config);
}

/* A value of /proc/meminfo ("MemAvailable"), in bytes. 0; -ENOENT: it is not there; -EINVAL: it is no size in kB. */
int limits_memory(const char *meminfo, const char *name, uint64_t *bytes);

/* MemAvailable now, in bytes. 0 or -errno. */
int limits_available(uint64_t *bytes, struct reason *why);

/* 0, or -ENOMEM with a sentence that names both numbers and what to do. */
int limits_check(uint64_t available, const struct config *config, struct reason *why);

#endif
