/* report: GET /metrics: what was counted, and how long the certificates last. */
#include <stdio.h>
#include <time.h>

#include "app/application.h"
#include "app/metrics.h"

static int put_answers(const struct application *application, struct http_buffer *out)
{
    int error = metrics_family(out, "http_answers_total", METRICS_COUNTER, "Requests, by the status of the answer.");

    for (unsigned status = 0; status < APPLICATION_STATUSES && error == 0; status++) {
        char text[16];
        (void)snprintf(text, sizeof text, "%u", status);
        error = application->answers[status] > 0 ? metrics_put(out, "http_answers_total",
                                                       (int64_t)application->answers[status], "status", text, NULL)
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

static int put_certificates(const struct application *application, struct http_buffer *out)
{
    int64_t now = time(NULL);
    int error = metrics_certificates(out);

    if (error == 0) {
        error = put_credential(out, &application->credentials->client, SECRETS_CLIENT, now);
    }
    if (error == 0) {
        error = put_credential(out, &application->credentials->server, SECRETS_SERVER, now);
    }
    for (size_t i = 0; i < application->config->endpoint_count && error == 0; i++) {
        const struct config_endpoint *endpoint = &application->config->endpoints[i];
        error = application->trusts[i] != NULL
                    ? metrics_certificate(out, "endpoint", endpoint->label, endpoint->ca_file,
                          tls_trust_not_after(application->trusts[i]), now)
                    : 0;
    }
    return error == 0 ? inbound_certificates(application->inbound, now, out) : error;
}

unsigned application_report(
    const struct application *application, const struct stream *stream, struct http_buffer *out, struct reason *why)
{
    if (config_serves_tls(application->config) && !inbound_private(stream)) {
        reason_set(why, 0, "/metrics is answered through TLS only: ask an [inbound] with tls = mutual");
        return 403;
    }
    if (put_answers(application, out) < 0 || inbound_metrics(application->inbound, out) < 0 ||
        put_certificates(application, out) < 0) {
        reason_set(why, 0, "no memory is left for the counters: ask again later");
        return 503;
    }
    return 0;
}
