/* lane: hands bytes to a function in a thread of its own, so that several digests of one stream go side by side. */
#ifndef INGOT_BASE_LANE_H
#define INGOT_BASE_LANE_H

#include <stddef.h>

/*
 *   lane_open ─ (lane_put… ─ lane_settle)… ─ lane_close
 *
 * work() sees all bytes in the order of the calls, never two runs at the same time. Between lane_settle() and the next
 * lane_put() nothing runs, and what work() changes is the caller's to read and to change.
 *
 * The thread starts when the first LANE_CHUNK bytes are there: short streams have none. Where a thread can't be had,
 * the bytes are worked on by the caller's. A lane holds LANE_CHUNK * LANE_DEPTH bytes, however much goes through it.
 */
#define LANE_CHUNK ((size_t)128 << 10)
#define LANE_DEPTH 4

struct lane;
typedef void lane_work(void *owner, const void *data, size_t size);

/* 0 or -ENOMEM. */
int lane_open(struct lane **lane, lane_work *work, void *owner);
/* Copies size bytes into the lane; waits while it is full. */
void lane_put(struct lane *lane, const void *data, size_t size);
/* Returns when all that was put has been through work(). */
void lane_settle(struct lane *lane);
/* Settles, and ends the thread. NULL does nothing. */
void lane_close(struct lane *lane);

#endif
