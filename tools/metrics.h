/* metrics: a pool's counters as Prometheus text, and over HTTP with /health. */
#ifndef INGOT_TOOLS_METRICS_H
#define INGOT_TOOLS_METRICS_H

#include <stdio.h>

#include "base/reason.h"
#include "net/address.h"
#include "net/relay_pool.h"

/* Text exposition format 0.0.4: each family with HELP and TYPE, a sample for each listener, labelled `route`. */
void metrics_print(FILE *out, const struct relay_pool *pool);

struct metrics;

/* Serves GET /metrics and /health on address; pool is borrowed until metrics_close(). 0 or -errno with a sentence. */
int metrics_open(struct metrics **metrics, struct loop *loop, const struct address *address,
    const struct relay_pool *pool, struct reason *why);
/* NULL does nothing. */
void metrics_close(struct metrics *metrics);

#endif
