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
 *   LIMITS_VSOCK_BUFFER × 1.2      what it has sent and the parent doesn't take, pages that are not full included
 *   25 × 4352                      what has come: pages full to three quarters, with their heads (docs/kernel.md)
 *
 * 375 KiB; not all of it can be full at once: 64 connections, written to until nothing went in any more on either side,
 * in the packets that fill pages worst, by a parent that then stopped, held 264 to 316 KiB each, all that grew beside
 * them counted (tests/boot/worst.test prints it; boots differ by BUDGET_SPARE). A built-in application holds another
 * 21 KiB for one that it doesn't read from: its state, and the input behind the request in hand. image/budget.h counts
 * BUDGET_CONNECTION for one, at build and here, and BUDGET_PROCESSES for our own processes beside them.
 */
#define LIMITS_TCP_BUFFER 16384u
#define LIMITS_VSOCK_BUFFER VSOCK_BUFFER_MIN

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
