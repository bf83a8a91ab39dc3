/* metrics: counters as Prometheus reads them (its text format 0.0.4). */
#ifndef INGOT_APP_METRICS_H
#define INGOT_APP_METRICS_H

#include <stdint.h>

#include "net/http_buffer.h"

#define METRICS_TYPE "text/plain; version=0.0.4"

enum metrics_kind { METRICS_COUNTER, METRICS_GAUGE };

/*
 * Every name is written with "ingot_" in front of it. A family comes before its values:
 *
 *   metrics_family(out, "x_total", METRICS_COUNTER, "What it counts.")
 *   metrics_put(out, "x_total", 7, "label", value, …, NULL)
 *
 * All: 0, or as http_buffer_append().
 */
int metrics_family(struct http_buffer *out, const char *name, enum metrics_kind kind, const char *help);
int metrics_put(struct http_buffer *out, const char *name, int64_t value, ...) __attribute__((sentinel));

/* The family of the days that certificates have left, and one of them: a file of [SECTION LABEL]. */
int metrics_certificates(struct http_buffer *out);
int metrics_certificate(
    struct http_buffer *out, const char *section, const char *label, const char *file, int64_t not_after, int64_t now);

#endif
