/* inbound: the application's inbound ports, in clear or through mutual TLS: who comes in, and how often that went well.
 */
#include "app/inbound.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "app/metrics.h"
#include "app/say.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "crypto/x509.h"
#include "tls/explain.h"
#include "tls/stream.h"

/* Failures that are none of the session's. */
enum { FAILED_LATE, FAILED_NO_IDENTITY, FAILED_NO_MEMORY, FAILED_UNKNOWN, FAILED_OTHERS };
static const char *const failed_names[FAILED_OTHERS] = {"TIMEOUT", "NO_IDENTITY", "NO_MEMORY", "UNKNOWN"};

struct port {
    struct inbound *inbound;
    const struct config_inbound *config;
    struct tls_trust *trust; /* of ca = FILE; NULL: the pushed one counts */
    uint64_t full;           /* handshakes */
    uint64_t resumed;
    uint64_t silent;  /* connections that ended before a byte came */
    uint64_t *failed; /* by place in tls_fault_table, then FAILED_…; NULL: tls = none */
};

struct inbound {
    const struct config *config;
    struct credentials *credentials;
    unsigned sessions; /* that are there */
    bool told;         /* that there is no identity yet */
    struct port ports[];
};

/* What one TLS connection borrows. */
struct visit {
    struct port *port;
    struct credentials *credentials;
};

/* ---- who may come ---- */

static int judge(void *arg, struct bytes leaf, const struct bytes *chain, size_t chain_count, struct reason *why)
{
    const struct config_inbound *config = ((struct port *)arg)->config;
    struct x509_certificate certificate;
    int error = x509_read(leaf, &certificate, why);

    (void)chain;
    (void)chain_count;
    for (size_t i = 0; i < config->allow_count && error == 0; i++) {
        if (x509_has_name(&certificate, config->allow[i])) {
            return 0;
        }
    }
    return error < 0 ? error : reason_set(why, -EACCES, "[inbound %s] allow has none of its names", config->label);
}

static void leave(void *arg)
{
    struct visit *visit = arg;

    visit->port->inbound->sessions--;
    credentials_drop(visit->credentials);
    free(visit);
}

/* Until somebody pushes. */
static int turn_away(struct port *port)
{
    const struct config *config = port->inbound->config;

    port->failed[tls_fault_count + FAILED_NO_IDENTITY]++;
    if (!port->inbound->told) {
        port->inbound->told = true;
        say("inbound %s: connections are closed as long as there is no identity for clients: push " CONFIG_SECRET_SERVER
            " to vsock port %u",
            port->config->label, config->secrets.port);
    }
    return -ENOKEY;
}

static int open_tls(void *arg, int fd, struct stream **stream)
{
    struct port *port = arg;
    struct credentials *credentials = port->inbound->credentials;
    struct tls_server server = {
        .identity = credentials->server.identity,
        .trust = port->trust != NULL ? port->trust : credentials->server.ca,
        .eku_required = port->config->eku_required,
        .now = time(NULL),
        .store = credentials->server.sessions,
        .verify = port->config->allow_count > 0 ? judge : NULL,
        .verify_arg = port,
    };
    struct reason why;

    if (server.identity == NULL || server.trust == NULL) {
        return turn_away(port);
    }
    struct visit *visit = malloc(sizeof *visit);
    int error = visit != NULL ? tls_stream_accept(stream, fd, &server, &why)
                              : reason_set(&why, -ENOMEM, "no memory is left for another connection");
    if (error < 0) {
        port->failed[tls_fault_count + FAILED_NO_MEMORY]++;
        say("inbound %s: a connection is closed: %s", port->config->label, why.text);
        free(visit);
        return error;
    }
    *visit = (struct visit){port, credentials_keep(credentials)};
    port->inbound->sessions++;
    tls_stream_own(*stream, visit, leave);
    return 0;
}

/* ---- how it went ---- */

static void welcome(struct port *port, const struct tls_session *session)
{
    struct bytes leaf = tls_session_leaf(session);
    uint8_t digest[HASH_SHA256_SIZE];
    char fingerprint[2 * HASH_SHA256_SIZE + 1];
    struct hash_sha256 hash;
    struct tls_summary summary;

    (void)tls_session_summary(session, &summary);
    hash_sha256_init(&hash);
    hash_sha256_update(&hash, leaf.data, leaf.size);
    hash_sha256_out(&hash, digest);
    text_hex(digest, sizeof digest, fingerprint);
    *(summary.resumed ? &port->resumed : &port->full) += 1;
    say("inbound %s: %s, sha256 %s, %s, %s, %ld days left%s", port->config->label, summary.peer.text, fingerprint,
        summary.version, summary.suite, summary.days_left, summary.resumed ? ", resumed" : "");
}

static void refuse(struct port *port, const struct stream *stream, int error)
{
    struct reason why = {""};
    int code = tls_session_error(tls_stream_session(stream), &why);
    const struct tls_fault *fault = tls_fault_find(code);
    bool known = fault >= tls_fault_table && fault < tls_fault_table + tls_fault_count;

    if (error == -ETIMEDOUT) {
        port->failed[tls_fault_count + FAILED_LATE]++;
        say("inbound %s: TLS handshake failed: it was not done within %d s, or %d s while others wait for a place",
            port->config->label, HTTP_SERVER_HEAD_MS / 1000, HTTP_SERVER_START_MS / 1000);
    } else if (code == TLS_FAULT_ENDED_EARLY && !tls_stream_heard(stream)) {
        port->silent++;
    } else {
        port->failed[known ? (size_t)(fault - tls_fault_table) : tls_fault_count + FAILED_UNKNOWN]++;
        say("inbound %s: TLS handshake failed: %s", port->config->label, why.text);
    }
}

void inbound_started(const struct stream *stream, int error)
{
    const struct visit *visit = tls_stream_owner(stream);

    if (visit == NULL) {
        return;
    }
    if (error == 0) {
        welcome(visit->port, tls_stream_session(stream));
    } else {
        refuse(visit->port, stream, error);
    }
}

bool inbound_private(const struct stream *stream)
{
    return tls_stream_owner(stream) != NULL;
}

/* ---- counters ---- */

static int put_results(const struct port *port, struct http_buffer *out)
{
    const char *label = port->config->label;
    uint64_t failed = 0;

    for (size_t i = 0; i < tls_fault_count + FAILED_OTHERS; i++) {
        failed += port->failed[i];
    }
    int error =
        metrics_put(out, "inbound_handshakes_total", (int64_t)port->full, "inbound", label, "result", "full", NULL);
    if (error == 0) {
        error = metrics_put(
            out, "inbound_handshakes_total", (int64_t)port->resumed, "inbound", label, "result", "resumed", NULL);
    }
    return error < 0 ? error
                     : metrics_put(out, "inbound_handshakes_total", (int64_t)failed, "inbound", label, "result",
                           "failed", NULL);
}

static int put_failures(const struct port *port, struct http_buffer *out)
{
    int error = 0;

    for (size_t i = 0; i < tls_fault_count + FAILED_OTHERS && error == 0; i++) {
        const char *name = i < tls_fault_count ? tls_fault_table[i].name : failed_names[i - tls_fault_count];
        if (port->failed[i] > 0) {
            error = metrics_put(out, "inbound_handshake_failures_total", (int64_t)port->failed[i], "inbound",
                port->config->label, "reason", name, NULL);
        }
    }
    return error;
}

static int put_silent(const struct port *port, struct http_buffer *out)
{
    return metrics_put(out, "inbound_silent_total", (int64_t)port->silent, "inbound", port->config->label, NULL);
}

/* One family, of all ports that speak TLS. */
static int put_family(const struct inbound *inbound, struct http_buffer *out, const char *name, const char *help,
    int (*put)(const struct port *port, struct http_buffer *out))
{
    int error = metrics_family(out, name, METRICS_COUNTER, help);

    for (size_t i = 0; i < inbound->config->inbound_count && error == 0; i++) {
        error = inbound->ports[i].failed != NULL ? put(&inbound->ports[i], out) : 0;
    }
    return error;
}

int inbound_metrics(const struct inbound *inbound, struct http_buffer *out)
{
    int error = put_family(inbound, out, "inbound_handshakes_total", "TLS handshakes of clients.", put_results);

    if (error == 0) {
        error = put_family(inbound, out, "inbound_handshake_failures_total",
            "Those that failed, by what docs/errors.md calls the reason.", put_failures);
    }
    if (error == 0) {
        error =
            put_family(inbound, out, "inbound_silent_total", "Connections that ended before a byte came.", put_silent);
    }
    if (error == 0) {
        error = metrics_family(out, "inbound_sessions", METRICS_GAUGE, "TLS connections that are there.");
    }
    return error < 0 ? error : metrics_put(out, "inbound_sessions", inbound->sessions, NULL);
}

int inbound_certificates(const struct inbound *inbound, int64_t now, struct http_buffer *out)
{
    int error = 0;

    for (size_t i = 0; i < inbound->config->inbound_count && error == 0; i++) {
        const struct port *port = &inbound->ports[i];
        error = port->trust != NULL ? metrics_certificate(out, "inbound", port->config->label, port->config->ca_file,
                                          tls_trust_not_after(port->trust), now)
                                    : 0;
    }
    return error;
}

/* ---- life ---- */

static int open_port(struct port *port, struct reason *why)
{
    if (port->config->tls != CONFIG_INBOUND_MUTUAL) {
        return 0;
    }
    port->failed = calloc(tls_fault_count + FAILED_OTHERS, sizeof *port->failed);
    if (port->failed == NULL) {
        return reason_set(why, -ENOMEM, "no memory is left for the inbound ports");
    }
    return port->config->ca_file != NULL ? credentials_read_trust(port->config->ca_file, &port->trust, why) : 0;
}

int inbound_open(struct inbound **out, const struct config *config, struct reason *why)
{
    struct inbound *inbound = calloc(1, sizeof *inbound + config->inbound_count * sizeof *inbound->ports);
    int error = 0;

    if (inbound == NULL) {
        return reason_set(why, -ENOMEM, "no memory is left for the inbound ports");
    }
    inbound->config = config;
    for (size_t i = 0; i < config->inbound_count && error == 0; i++) {
        inbound->ports[i] = (struct port){.inbound = inbound, .config = &config->inbound[i]};
        error = open_port(&inbound->ports[i], why);
    }
    if (error < 0) {
        inbound_close(inbound);
        return error;
    }
    *out = inbound;
    return 0;
}

void inbound_close(struct inbound *inbound)
{
    if (inbound == NULL) {
        return;
    }
    for (size_t i = 0; i < inbound->config->inbound_count; i++) {
        tls_trust_free(inbound->ports[i].trust);
        free(inbound->ports[i].failed);
    }
    credentials_drop(inbound->credentials);
    free(inbound);
}

int inbound_listen(struct inbound *inbound, struct http_server *server, const int *listeners)
{
    int error = 0;

    for (size_t i = 0; i < inbound->config->inbound_count && error == 0; i++) {
        bool mutual = inbound->config->inbound[i].tls == CONFIG_INBOUND_MUTUAL;
        error = http_server_listen(server, listeners[i], mutual ? open_tls : stream_open_plain, &inbound->ports[i]);
    }
    return error;
}

void inbound_renew(struct inbound *inbound, struct credentials *credentials)
{
    credentials_drop(inbound->credentials);
    inbound->credentials = credentials_keep(credentials);
}
