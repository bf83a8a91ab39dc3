/* nitro_cli: asks AWS's nitro-cli which enclaves run on this parent instance. */
#ifndef INGOT_TOOLS_NITRO_CLI_H
#define INGOT_TOOLS_NITRO_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"
#include "net/loop.h"

/*
 * The program is `nitro-cli` of the PATH, or what INGOT_NITRO_CLI names. Its answer is foreign: bounded, strict JSON
 * (no name twice, depth 8), every field checked; members that we have no use for are passed over.
 */
#define NITRO_CLI_OUTPUT_MAX (256 * 1024)
#define NITRO_CLI_MS 15000
#define NITRO_CLI_ENCLAVES_MAX 64 /* the driver allows 4 */
#define NITRO_CLI_TEXT_MAX 255    /* bytes of a name or an id */

struct nitro_enclave {
    char name[NITRO_CLI_TEXT_MAX + 1]; /* printable ASCII; "" where nitro-cli names none (before 1.2) */
    char id[NITRO_CLI_TEXT_MAX + 1];   /* printable ASCII, for terminate-enclave */
    uint32_t cid;                      /* 4 or more */
    unsigned cpu_count;
    uint64_t memory_mib;
    bool running; /* State is RUNNING; else it is on its way out (TERMINATING) or in (any other word) */
    bool debug;   /* Flags is DEBUG_MODE: its attestation documents have PCRs of zeros */
};

/* What to run: "nitro-cli", or INGOT_NITRO_CLI. */
const char *nitro_cli_program(void);

/*
 * Reads what `nitro-cli describe-enclaves` printed: an array of at most NITRO_CLI_ENCLAVES_MAX objects. 0 with count
 * enclaves, in its order; -EINVAL with a sentence.
 */
int nitro_cli_read(const char *text, size_t size, struct nitro_enclave enclaves[static NITRO_CLI_ENCLAVES_MAX],
    size_t *count, struct reason *why);

struct nitro_cli;
/* count enclaves (0: none runs), valid during the call; or why it can't be told, not NULL. */
typedef void nitro_cli_done(void *arg, const struct nitro_enclave *enclaves, size_t count, const struct reason *why);

/*
 * Runs `nitro-cli describe-enclaves` beside the loop. done is called once, never from inside, and the handle is gone
 * when it is. 0; -ENOENT (no such program), -ENOMEM or another -errno with a sentence.
 */
int nitro_cli_enclaves_start(
    struct nitro_cli **cli, struct loop *loop, nitro_cli_done *done, void *arg, struct reason *why);
/* NULL does nothing. */
void nitro_cli_cancel(struct nitro_cli *cli);

#endif
