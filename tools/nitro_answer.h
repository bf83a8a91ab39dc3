/* nitro_answer: reads what nitro-cli says of the enclaves on this parent instance. */
#ifndef INGOT_TOOLS_NITRO_ANSWER_H
#define INGOT_TOOLS_NITRO_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"

/*
 * The answer is foreign: bounded, strict JSON (no name twice, depth 8), every field checked; members that we have no
 * use for are passed over.
 */
#define NITRO_ANSWER_MAX (256 * 1024) /* bytes */
#define NITRO_ENCLAVES_MAX 64         /* the driver allows 4 */
#define NITRO_TEXT_MAX 255            /* bytes of a name or an id */

struct nitro_enclave {
    char name[NITRO_TEXT_MAX + 1]; /* printable ASCII; "" where nitro-cli names none (before 1.2) */
    char id[NITRO_TEXT_MAX + 1];   /* printable ASCII, for terminate-enclave */
    uint32_t cid;                  /* 4 or more */
    unsigned cpu_count;
    uint64_t memory_mib;
    bool running; /* State is RUNNING; else it is on its way out (TERMINATING) or in (any other word) */
    bool debug;   /* Flags is DEBUG_MODE: its attestation documents have PCRs of zeros */
};

/*
 * Reads what `nitro-cli describe-enclaves` printed: an array of at most NITRO_ENCLAVES_MAX objects. 0 with count
 * enclaves, in its order; -EINVAL with a sentence.
 */
int nitro_answer_read(const char *text, size_t size, struct nitro_enclave enclaves[static NITRO_ENCLAVES_MAX],
    size_t *count, struct reason *why);

#endif
