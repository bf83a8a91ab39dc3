/* watch: follows the enclaves of this parent instance as nitro-cli tells them, and finds the one that is meant. */
#ifndef INGOT_TOOLS_WATCH_H
#define INGOT_TOOLS_WATCH_H

#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"
#include "net/loop.h"
#include "tools/nitro_cli.h"

/*
 *   watch_open ── asks at once, then every_ms after each answer ── told(), for each answer ── watch_close
 *                 watch_soon: does not wait that long, but WATCH_SOON_MS from the last answer
 *
 * One nitro-cli runs at a time. An answer that can't be had is told like any other, and asked for again.
 */
#define WATCH_MS 5000
#define WATCH_SOON_MS 500

struct watch;

/* told: as nitro_cli_done; it must not close the watch. 0 or -ENOMEM. */
int watch_open(struct watch **watch, struct loop *loop, int64_t every_ms, nitro_cli_done *told, void *arg);
void watch_soon(struct watch *watch);
/* NULL does nothing. */
void watch_close(struct watch *watch);

/*
 * The enclave that is meant among those that run: the one of that name, or, where name is NULL, the only one. 0 with
 * its CID and a sentence that says so; -ENOENT (it does not run) or -EEXIST (several could be meant, which the sentence
 * lists).
 */
int watch_choose(
    const char *name, const struct nitro_enclave *enclaves, size_t count, uint32_t *cid, struct reason *why);

#endif
