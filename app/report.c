/* report: GET /metrics: what was counted, and how long the certificates last. */
#include <stdio.h>
#include <time.h>

#include "app/metrics.h"
#include "app/watermark.h"

static int put_answers(const struct watermark *w, struct http_buffer *out)
{
    int error = metrics_family(out, "http_answers_total", METRICS_COUNTER, "Requests, by the status of the answer.");

    for (unsigned status = 0; status < WATERMARK_STATUSES && error == 0; status++) {
        char text[16];
        (void)snprintf(text, sizeof text, "%u", status);
        error = w->answers[status] > 0
                    ? metrics_put(out, "http_answers_total", (int64_t)w->answers[status], "status", text, NULL)
                    : 0;
    }
    return error;
}

static int put_credential(
    struct http_buffer *out, const struct credential *credential, enum secrets_kind kind, int64_t now)
{
    const struct secrets_names *names = &secrets_names[kind];
    int error = 0;

    if (credential->identity != NULL) {
        error = metrics_certificate(
            out, "identity", names->role, names->cert_file, tls_identity_not_after(credential->identity), now);
    }
    if (error == 0 && credential->ca != NULL) {
        error =
            metrics_certificate(out, "identity", names->role, names->ca_file, tls_trust_not_after(credential->ca), now);
    }
    return error;
}

static int put_certificates(const struct watermark *w, struct http_buffer *out)
{
    int64_t now = time(NULL);
    int error = metrics_certificates(out);

    if (error == 0) {
        error = put_credential(out, &w->credentials->client, SECRETS_CLIENT, now);
    }
    if (error == 0) {
        error = put_credential(out, &w->credentials->server, SECRETS_SERVER, now);
    }
    for (size_t i = 0; i < w->config->endpoint_count && error == 0; i++) {
        const struct config_endpoint *endpoint = &w->config->endpoints[i];
        error = w->trusts[i] != NULL ? metrics_certificate(out, "endpoint", endpoint->label, endpoint->ca_file,
                                           tls_trust_not_after(w->trusts[i]), now)
                                     : 0;
    }
    return error == 0 ? inbound_certificates(w->inbound, now, out) : error;
}

void report_start(struct watermark *w, struct http_exchange *exchange)
{
    struct http_buffer out = {.budget = &w->budget};

    if (config_serves_tls(w->config) && !inbound_private(http_exchange_stream(exchange))) {
        watermark_error(exchange, 403, "/metrics is answered through TLS only: ask an [inbound] with tls = mutual");
        return;
    }
    if (put_answers(w, &out) < 0 || inbound_metrics(w->inbound, &out) < 0 || put_certificates(w, &out) < 0) {
        http_buffer_free(&out);
        watermark_error(exchange, 503, "no memory is left for the counters: ask again later");
        return;
    }
    http_exchange_answer(exchange, 200, METRICS_TYPE, NULL, &out);
}
