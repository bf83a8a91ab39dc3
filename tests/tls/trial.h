/* trial: one handshake of our client with a real OpenSSL server: what it is tried with, and how it must end. */
#ifndef INGOT_TESTS_TLS_TRIAL_H
#define INGOT_TESTS_TLS_TRIAL_H

#include "tests/tls/pump.h"
#include "tls/explain.h"

/* Codes of the library, which the tests don't include: tls/explain.h lists them by number. */
enum {
    BR_TOO_LARGE = 6,
    BR_BAD_MAC = 7,
    BR_BAD_HANDSHAKE = 14,
    BR_UNSUPPORTED = 49,
    BR_EXPIRED = 54,
    BR_CRITICAL_EXTENSION = 57,
    BR_NOT_CA = 58,
    BR_KEY_USAGE = 59,
    BR_NOT_TRUSTED = 62,
};
#define ALERT(number) (256 + (number)) /* received */

#define NAME "watermark.test"
#define LINE "0123456789\n"
#define REVERSED "9876543210\n"

/* What one handshake is tried with; zero means: the usual. */
struct trial {
    const char *certificate; /* the server's; "server" */
    const char *key;         /* the server's; as the certificate */
    const char *const *options;
    const char *ca;     /* that we trust; "ca" */
    const char *client; /* our certificate; none */
    const char *client_key;
    const char *name; /* NAME */
    const uint8_t *pin;
    bool cn_allowed;
    bool eku_required;
    int64_t now; /* the time */
    size_t step;
    struct tls_store *store;
    tls_verify *verify;
    void *verify_arg;
};

/* A trial that is under way. */
struct run {
    struct server server;
    struct pump pump;
    struct tls_trust *trust;
    struct tls_identity *identity;
};

static struct tls_session *session;

static inline int session_make(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    return tls_session_create(&session);
}

static inline int session_drop(void **state)
{
    (void)state;
    tls_session_destroy(session);
    return 0;
}

static inline const char * or (const char *value, const char *usual)
{
    return value != NULL ? value : usual;
}

static inline struct tls_trust *trust_of(const char *name)
{
    struct tls_trust *trust = NULL;
    struct reason why;
    char file[64];
    size_t size;
    char *pem;

    (void)snprintf(file, sizeof file, "%s.crt", name);
    pem = file_of(file, &size);
    if (tls_trust_load(pem, size, &trust, &why) != 0) {
        fail_msg("%s", why.text);
    }
    free(pem);
    return trust;
}

static inline struct tls_identity *identity_of(const char *certificate, const char *key)
{
    struct tls_identity *identity = NULL;
    struct reason why;
    char file[64];
    size_t cert_size;
    size_t key_size;
    char *cert_pem;
    char *key_pem;

    (void)snprintf(file, sizeof file, "%s.crt", certificate);
    cert_pem = file_of(file, &cert_size);
    (void)snprintf(file, sizeof file, "%s.key", key);
    key_pem = file_of(file, &key_size);
    if (tls_identity_load("client", cert_pem, cert_size, key_pem, key_size, &identity, &why) != 0) {
        fail_msg("%s", why.text);
    }
    free(cert_pem);
    free(key_pem);
    return identity;
}

/* Connects to run's server and takes the handshake as far as it goes. */
static inline unsigned run_connect(struct run *run, const struct trial *trial)
{
    struct tls_client client = {
        .server_name = or (trial->name, NAME),
        .trust = run->trust,
        .identity = run->identity,
        .pin = trial->pin,
        .cn_allowed = trial->cn_allowed,
        .eku_required = trial->eku_required,
        .now = trial->now != 0 ? trial->now : time(NULL),
        .store = trial->store,
        .verify = trial->verify,
        .verify_arg = trial->verify_arg,
    };

    run->pump = (struct pump){.session = session, .fd = server_connect(&run->server), .step = trial->step};
    assert_int_equal(tls_session_start_client(session, &client, NULL), 0);
    return pump_until(&run->pump, TLS_WRITE);
}

static inline unsigned run_start(struct run *run, const struct trial *trial)
{
    static const char *const usual[] = {"-rev", NULL};
    const char *certificate = or (trial->certificate, "server");

    run->trust = trust_of(or (trial->ca, "ca"));
    run->identity = trial->client != NULL ? identity_of(trial->client, or (trial->client_key, trial->client)) : NULL;
    run->server =
        server_openssl(certificate, or (trial->key, certificate), trial->options != NULL ? trial->options : usual);
    return run_connect(run, trial);
}

static inline void run_stop(struct run *run)
{
    close(run->pump.fd);
    server_stop(&run->server);
    tls_trust_free(run->trust);
    tls_identity_free(run->identity);
}

/* The handshake succeeds, a line goes there and comes back reversed, and the close is a good one. */
static inline void succeeds(const struct trial *trial)
{
    char answer[sizeof REVERSED] = "";
    struct reason why = {""};
    struct run run;

    if ((run_start(&run, trial) & TLS_WRITE) == 0) {
        (void)tls_session_error(session, &why);
        fail_msg("%s: %s", or (trial->certificate, "server"), why.text);
    }
    assert_true(pump_write(&run.pump, LINE, sizeof LINE - 1));
    assert_int_equal(pump_read(&run.pump, answer, sizeof REVERSED - 1), sizeof REVERSED - 1);
    assert_string_equal(answer, REVERSED);
    tls_session_close(session);
    assert_int_equal(pump_until(&run.pump, TLS_CLOSED), TLS_CLOSED);
    assert_int_equal(tls_session_error(session, &why), 0);
    run_stop(&run);
}

/* The handshake fails with this code, and the sentence holds each of the parts. */
static inline void fails(const struct trial *trial, int code, const char *const parts[])
{
    struct reason why = {""};
    struct run run;

    assert_int_equal(run_start(&run, trial), TLS_CLOSED);
    assert_int_equal(tls_session_error(session, &why), code);
    assert_false(tls_session_established(session));
    assert_int_equal(tls_session_leaf(session).size, 0);
    for (size_t i = 0; parts[i] != NULL; i++) {
        assert_contains(why.text, parts[i]);
    }
    run_stop(&run);
}

/* The same for a certificate that is refused. */
static inline void refuses(const struct trial *trial, int code, const char *const parts[])
{
    struct reason why = {""};

    fails(trial, code, parts);
    (void)tls_session_error(session, &why);
    assert_begins(why.text, "certificate verify failed: ");
}

#define PARTS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define OPTIONS(...) ((const char *const[]){"-rev", __VA_ARGS__, NULL})

#endif
