/* journal: what PID 1 has to report, as JSON lines to the parent's vsock port of `[log] to`; bounded, never waited for.
 */
#ifndef INGOT_INIT_JOURNAL_H
#define INGOT_INIT_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"
#include "net/loop.h"

/*
 *   journal_event … ── kept ── journal_port, journal_open: connected, sent ── journal_flush: the last lines
 *
 * Lines wait in a ring of JOURNAL_RING bytes, those from before the connection too; where it is full the oldest go, and
 * a line says how many. A connection that fails or ends is tried again after JOURNAL_FIRST_MS, then twice as long each
 * time, at most JOURNAL_LAST_MS; a line that was half sent is sent again whole. One for the whole process; PID 1 only.
 *
 * A line is {"ms": since PID 1 started, "event": WORD, …}, the words and keys in docs/status.md.
 */
#define JOURNAL_RING 32768
#define JOURNAL_LINE_MAX 2048 /* bytes, with its newline */
#define JOURNAL_FIRST_MS 100
#define JOURNAL_LAST_MS 10000
#define JOURNAL_FLUSH_MS 200

/* ---- The ring, by itself ---- */
struct journal_ring {
    char data[JOURNAL_RING];
    size_t first;
    size_t used;
    uint64_t lines;   /* ever put */
    uint64_t dropped; /* ever */
    uint64_t untold;  /* dropped since ring_take() last said so */
};

/* Keeps a line (without its newline; one that is longer than JOURNAL_LINE_MAX - 1 counts as dropped). */
void journal_ring_put(struct journal_ring *ring, const char *line, size_t size);
/* Takes the oldest line, with a newline; its size, 0 where there is none. */
size_t journal_ring_take(struct journal_ring *ring, char line[static JOURNAL_LINE_MAX]);

/* ---- The journal ---- */

/* key and text may be NULL: {"ms": …, "event": event, key: value, "text": text}. */
void journal_event(const char *event, const char *key, const char *value, const char *text);
/* A line that the application printed, or a part of one. */
void journal_output(const char *text, size_t size, bool more);
struct counters_row;
/* A line of counters; sum is NULL where the relay has not answered. */
void journal_counters(uint64_t available_kib, const struct counters_row *sum);

/* Where the image wants it; 0: nowhere, what is kept is forgotten with the next event. */
void journal_port(uint32_t port);
/* From here on it is sent, from the loop. 0 or -errno. */
int journal_open(struct loop *loop, struct reason *why);
/* Before the end: connects where it must, and sends what is left, for at most JOURNAL_FLUSH_MS. */
void journal_flush(void);

/* Lines ever put, and dropped. */
void journal_counts(uint64_t *lines, uint64_t *dropped);

#endif
