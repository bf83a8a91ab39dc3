/* command: runs another program beside the loop: its output bounded, its complaint kept, its time limited. */
#ifndef INGOT_TOOLS_COMMAND_H
#define INGOT_TOOLS_COMMAND_H

#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"
#include "net/loop.h"

/*
 *   command_start ── done(arg, output, size, NULL): it ended with exit status 0
 *                 ── done(arg, NULL, 0, why): another status, a signal, too much output, too late
 *   command_cancel ─ ends it; done is not called
 *
 * Standard input is /dev/null; the environment is ours. Its end is what counts, not the end of its output: what it left
 * running may hold the pipes open for ever (nitro-cli does). It is waited for by its own process id every
 * COMMAND_POLL_MS, since pidfd_open(2) is younger than the kernels of some parents: a SIGCHLD of the caller's is not
 * needed and not disturbed. Where it must be ended, SIGKILL goes to that one process.
 */
#define COMMAND_POLL_MS 10
#define COMMAND_ERROR_MAX 4096 /* of standard error is kept; the rest is read and dropped */

struct command;
/* output has a NUL behind its size bytes, valid during the call. why quotes what the program said on standard error. */
typedef void command_done(void *arg, const char *output, size_t size, const struct reason *why);

struct command_options {
    const char *const
        *arguments;    /* NULL-terminated; the first is looked up in PATH; copied by the system at the start */
    size_t output_max; /* bytes of standard output; more is a failure */
    int64_t milliseconds;
};

/*
 * done is called once, never from inside, and the handle is gone when it is. 0; -ENOENT where there is no such program,
 * or another -errno, with a sentence that names it.
 */
int command_start(struct command **command, struct loop *loop, const struct command_options *options,
    command_done *done, void *arg, struct reason *why);
/* NULL does nothing. */
void command_cancel(struct command *command);

#endif
