/* metrics: counters as Prometheus reads them (its text format 0.0.4). */
#include "app/metrics.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define PREFIX "ingot_"
#define DAYS "certificate_days_left"
#define DAY 86400

static int put_text(struct http_buffer *out, const char *text)
{
    return http_buffer_append(out, text, strlen(text));
}

/* A label's value, as it stands between quotes. */
static int put_value(struct http_buffer *out, const char *text)
{
    int error = 0;

    for (; *text != '\0' && error == 0; text++) {
        bool escaped = *text == '"' || *text == '\\';
        error = escaped ? http_buffer_append(out, "\\", 1) : 0;
        error = error == 0 ? http_buffer_append(out, text, 1) : error;
    }
    return error;
}

static int put_label(struct http_buffer *out, const char *before, const char *label, const char *value)
{
    int error = put_text(out, before);

    if (error == 0) {
        error = put_text(out, label);
    }
    if (error == 0) {
        error = put_text(out, "=\"");
    }
    if (error == 0) {
        error = put_value(out, value);
    }
    return error == 0 ? put_text(out, "\"") : error;
}

int metrics_family(struct http_buffer *out, const char *name, enum metrics_kind kind, const char *help)
{
    char lines[512];

    (void)snprintf(lines, sizeof lines, "# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s %s\n", name, help, name,
        kind == METRICS_COUNTER ? "counter" : "gauge");
    return put_text(out, lines);
}

int metrics_put(struct http_buffer *out, const char *name, int64_t value, ...)
{
    const char *before = "{";
    const char *label;
    char number[32];
    va_list labels;
    int error = put_text(out, PREFIX);

    if (error == 0) {
        error = put_text(out, name);
    }
    va_start(labels, value);
    while (error == 0 && (label = va_arg(labels, const char *)) != NULL) {
        error = put_label(out, before, label, va_arg(labels, const char *));
        before = ",";
    }
    va_end(labels);
    (void)snprintf(number, sizeof number, "%s %" PRId64 "\n", *before == ',' ? "}" : "", value);
    return error == 0 ? put_text(out, number) : error;
}

int metrics_certificates(struct http_buffer *out)
{
    return metrics_family(out, DAYS, METRICS_GAUGE, "Whole days until the certificate ends; negative: it has.");
}

int metrics_certificate(
    struct http_buffer *out, const char *section, const char *label, const char *file, int64_t not_after, int64_t now)
{
    int64_t left = not_after - now;
    int64_t days = left >= 0 ? left / DAY : (left - DAY + 1) / DAY;

    return metrics_put(out, DAYS, days, "section", section, "label", label, "file", file, NULL);
}
