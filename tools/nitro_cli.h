/* nitro_cli: asks AWS's nitro-cli which enclaves run on this parent instance. */
#ifndef INGOT_TOOLS_NITRO_CLI_H
#define INGOT_TOOLS_NITRO_CLI_H

#include "net/loop.h"
#include "tools/nitro_answer.h"

#define NITRO_CLI_MS 15000 /* for its answer */

/* What to run: "nitro-cli" of the PATH, or what INGOT_NITRO_CLI names. */
const char *nitro_cli_program(void);

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
