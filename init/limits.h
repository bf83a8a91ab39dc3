/* limits: what a connection may cost at worst, and whether this enclave's memory holds as many as it promises. */
#ifndef INGOT_INIT_LIMITS_H
#define INGOT_INIT_LIMITS_H

#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"
#include "net/relay.h"
#include "net/vsock.h"

/*
 * The parent chooses the memory, and may leave every connection stalled in both directions. One of them then holds
 *
 *   2 × RELAY_READ                              what the relay has read and can't write
 *   2 sockets × 2 buffers × 2 × LIMITS_TCP_BUFFER   the relay's and the application's (the kernel doubles what it is
 * told) 2 × LIMITS_VSOCK_BUFFER × 1.2               one vsock socket, pages that are not full included
 *
 * and [limits] connections of them must fit into what is free when the roles are about to start, beside
 * LIMITS_RESERVE for the roles themselves.
 */
#define LIMITS_TCP_BUFFER 16384u
#define LIMITS_VSOCK_BUFFER VSOCK_BUFFER_MIN
#define LIMITS_CONNECTION_COST (2u * RELAY_READ + 8u * LIMITS_TCP_BUFFER + LIMITS_VSOCK_BUFFER / 5u * 12u)
#define LIMITS_RESERVE (4u << 20)

/* What a built image needs free when the step runs, in bytes. */
static inline uint64_t limits_need(unsigned connections)
{
    return (uint64_t)connections * LIMITS_CONNECTION_COST + LIMITS_RESERVE;
}

/* A value of /proc/meminfo ("MemAvailable"), in bytes. False: it is not there. */
int limits_memory(const char *meminfo, const char *name, uint64_t *bytes);

/* 0, or -ENOMEM with a sentence that names both numbers and what to do. */
int limits_check(uint64_t available, unsigned connections, struct reason *why);

#endif
