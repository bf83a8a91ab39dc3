/* session: one TLS 1.2 connection as a machine over bytes: no sockets, no clock, no allocation after creation. */
#include "tls/session.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/text.h"
#include "base/wipe.h"
#include "tls/explain.h"
#include "tls/verifier.h"

#define SEED_SIZE 48
#define DAY 86400

struct tls_session {
    br_ssl_client_context client; /* its engine, .eng, is all that the functions after the start use */
    struct verifier verifier;
    bool started;
    bool established;
    bool closing; /* we said close_notify, or were asked to */
    bool ended;   /* the transport has */
    int fault;    /* ours; 0: what the engine says counts */
    uint8_t in[BR_SSL_BUFSIZE_INPUT];
    uint8_t out[BR_SSL_BUFSIZE_OUTPUT];
};
_Static_assert(sizeof(struct tls_session) <= TLS_SESSION_SIZE, "as the header says");

/* AES-GCM first, as it is the fastest where the processor helps; ChaCha20 first where it does not. */
static const uint16_t suites_with_aes[] = {
    BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    BR_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    BR_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    BR_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    BR_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    BR_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
};
static const uint16_t suites_without_aes[] = {
    BR_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    BR_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    BR_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    BR_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    BR_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
};
#define SUITE_COUNT (sizeof suites_with_aes / sizeof suites_with_aes[0])
_Static_assert(sizeof suites_with_aes == sizeof suites_without_aes, "the same suites in another order");

static const struct {
    uint16_t suite;
    const char *name;
} suite_names[SUITE_COUNT] = {
    {BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"},
    {BR_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"},
    {BR_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"},
    {BR_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"},
    {BR_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"},
    {BR_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"},
};

int tls_session_create(struct tls_session **session)
{
    *session = calloc(1, sizeof **session);
    return *session != NULL ? 0 : -ENOMEM;
}

void tls_session_destroy(struct tls_session *session)
{
    wipe_free(session, sizeof *session);
}

static int engine_seed(br_ssl_engine_context *engine, struct reason *why)
{
    uint8_t seed[SEED_SIZE];
    ssize_t got;

    do {
        got = getrandom(seed, sizeof seed, 0);
    } while (got < 0 && errno == EINTR);
    if (got != sizeof seed) {
        return reason_system(why, got < 0 ? -errno : -EIO, "no random numbers for TLS");
    }
    br_ssl_engine_inject_entropy(engine, seed, sizeof seed);
    wipe(seed, sizeof seed);
    return 0;
}

/* What client and server have in common. */
static void engine_configure(br_ssl_engine_context *engine)
{
    br_ssl_engine_set_versions(engine, BR_TLS12, BR_TLS12);
    br_ssl_engine_set_suites(
        engine, br_aes_x86ni_ctr_get_vtable() != NULL ? suites_with_aes : suites_without_aes, SUITE_COUNT);
    br_ssl_engine_set_default_rsavrfy(engine);
    br_ssl_engine_set_default_ecdsa(engine);
    br_ssl_engine_set_hash(engine, br_sha256_ID, &br_sha256_vtable);
    br_ssl_engine_set_hash(engine, br_sha384_ID, &br_sha384_vtable);
    br_ssl_engine_set_hash(engine, br_sha512_ID, &br_sha512_vtable);
    br_ssl_engine_set_prf_sha256(engine, &br_tls12_sha256_prf);
    br_ssl_engine_set_prf_sha384(engine, &br_tls12_sha384_prf);
    br_ssl_engine_set_default_aes_gcm(engine);
    br_ssl_engine_set_default_chapol(engine);
    br_ssl_engine_add_flags(engine, BR_OPT_NO_RENEGOTIATION);
}

static void client_identify(br_ssl_client_context *client, const struct tls_identity *identity)
{
    if (identity->key.kind == X509_KEY_RSA) {
        br_ssl_client_set_single_rsa(
            client, identity->chain, identity->certificates.count, &identity->key.rsa, br_rsa_pkcs1_sign_get_default());
    } else {
        /* The issuer's kind of key matters for static ECDH only, which is not offered. */
        br_ssl_client_set_single_ec(client, identity->chain, identity->certificates.count, &identity->key.ec,
            BR_KEYTYPE_SIGN, 0, br_ec_get_default(), br_ecdsa_sign_asn1_get_default());
    }
}

static bool is_address(const char *name)
{
    uint8_t address[16];
    return inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
}

int tls_session_start_client(struct tls_session *session, const struct tls_client *client, struct reason *why)
{
    br_ssl_engine_context *engine = &session->client.eng;
    size_t name_size = strlen(client->server_name);
    int error;

    wipe(session, sizeof *session);
    if (name_size == 0 || name_size > TLS_NAME_MAX) {
        return reason_set(why, -EINVAL, "a server's name has 1–%d characters, not %zu", TLS_NAME_MAX, name_size);
    }
    verifier_init(&session->verifier, client->trust, X509_SERVER_AUTH, client->now);
    memcpy(session->verifier.name, client->server_name, name_size);
    session->verifier.cn_allowed = client->cn_allowed;
    session->verifier.verify = client->verify;
    session->verifier.verify_arg = client->verify_arg;
    session->verifier.pinned = client->pin != NULL;
    if (client->pin != NULL) {
        memcpy(session->verifier.pin, client->pin, sizeof session->verifier.pin);
    }

    br_ssl_client_zero(&session->client);
    engine_configure(engine);
    br_ssl_engine_set_default_ec(engine);
    br_ssl_engine_set_x509(engine, &session->verifier.class);
    if (client->identity != NULL) {
        client_identify(&session->client, client->identity);
    }
    br_ssl_engine_set_buffers_bidi(engine, session->in, sizeof session->in, session->out, sizeof session->out);
    error = engine_seed(engine, why);
    if (error != 0) {
        return error;
    }
    if (br_ssl_client_reset(&session->client, is_address(client->server_name) ? NULL : client->server_name, 0) != 1) {
        return reason_set(why, -EIO, "%s", tls_fault_find(br_ssl_engine_last_error(engine))->sentence);
    }
    session->started = true;
    return 0;
}

unsigned tls_session_state(const struct tls_session *session)
{
    unsigned now = session->started ? br_ssl_engine_current_state(&session->client.eng) : BR_SSL_CLOSED;
    unsigned state = 0;

    if (session->ended) {
        now &= BR_SSL_RECVAPP; /* what came whole before the end can still be read */
    }
    state |= (now & BR_SSL_SENDREC) != 0 ? TLS_SEND : 0u;
    state |= (now & BR_SSL_RECVREC) != 0 ? TLS_RECEIVE : 0u;
    state |= (now & BR_SSL_SENDAPP) != 0 ? TLS_WRITE : 0u;
    state |= (now & BR_SSL_RECVAPP) != 0 ? TLS_READ : 0u;
    return state != 0 ? state : TLS_CLOSED;
}

bool tls_session_established(const struct tls_session *session)
{
    return session->established;
}

/* Application bytes can flow only when the handshake is done. */
static void note_progress(struct tls_session *session)
{
    unsigned now = br_ssl_engine_current_state(&session->client.eng);

    session->established = session->established || (now & (BR_SSL_SENDAPP | BR_SSL_RECVAPP)) != 0;
}

static bool can(const struct tls_session *session, unsigned flag, size_t *size)
{
    *size = 0;
    return (tls_session_state(session) & flag) != 0;
}

const uint8_t *tls_session_send(const struct tls_session *session, size_t *size)
{
    return can(session, TLS_SEND, size) ? br_ssl_engine_sendrec_buf(&session->client.eng, size) : NULL;
}

void tls_session_sent(struct tls_session *session, size_t size)
{
    br_ssl_engine_sendrec_ack(&session->client.eng, size);
    note_progress(session);
}

uint8_t *tls_session_receive(const struct tls_session *session, size_t *size)
{
    return can(session, TLS_RECEIVE, size) ? br_ssl_engine_recvrec_buf(&session->client.eng, size) : NULL;
}

void tls_session_received(struct tls_session *session, size_t size)
{
    br_ssl_engine_recvrec_ack(&session->client.eng, size);
    note_progress(session);
}

uint8_t *tls_session_write(const struct tls_session *session, size_t *size)
{
    return can(session, TLS_WRITE, size) ? br_ssl_engine_sendapp_buf(&session->client.eng, size) : NULL;
}

void tls_session_written(struct tls_session *session, size_t size)
{
    br_ssl_engine_sendapp_ack(&session->client.eng, size);
}

const uint8_t *tls_session_read(const struct tls_session *session, size_t *size)
{
    return can(session, TLS_READ, size) ? br_ssl_engine_recvapp_buf(&session->client.eng, size) : NULL;
}

void tls_session_consumed(struct tls_session *session, size_t size)
{
    br_ssl_engine_recvapp_ack(&session->client.eng, size);
}

void tls_session_flush(struct tls_session *session)
{
    br_ssl_engine_flush(&session->client.eng, 0);
}

void tls_session_close(struct tls_session *session)
{
    if (session->started) {
        session->closing = true;
        br_ssl_engine_close(&session->client.eng);
    }
}

void tls_session_end(struct tls_session *session)
{
    const br_ssl_engine_context *engine = &session->client.eng;
    unsigned now = session->started ? br_ssl_engine_current_state(engine) : BR_SSL_CLOSED;
    bool said_goodbye = session->closing || engine->shutdown_recv != 0;

    if (!session->ended && !said_goodbye && now != BR_SSL_CLOSED) {
        session->fault = session->established ? TLS_FAULT_TRUNCATED : TLS_FAULT_ENDED_EARLY;
    }
    session->ended = true;
}

int tls_session_error(const struct tls_session *session, struct reason *why)
{
    int code = br_ssl_engine_last_error(&session->client.eng);
    const struct tls_fault *fault;

    if (session->verifier.fault != 0) {
        (void)reason_set(why, 0, "%s", session->verifier.why.text);
        return session->verifier.fault;
    }
    code = code != BR_ERR_OK ? code : session->fault;
    if (code == 0 && session->started && !session->established && !session->closing &&
        tls_session_state(session) == TLS_CLOSED) {
        code = TLS_FAULT_ENDED_EARLY; /* close_notify in the handshake: no error to the library */
    }
    if (code != 0) {
        fault = tls_fault_find(code);
        (void)reason_set(why, 0, "%s: %s", fault->sentence, fault->advice);
    }
    return code;
}

static const char *suite_name(const br_ssl_engine_context *engine)
{
    br_ssl_session_parameters parameters;
    const char *name = "";

    br_ssl_engine_get_session_parameters(engine, &parameters);
    for (size_t i = 0; i < SUITE_COUNT; i++) {
        if (suite_names[i].suite == parameters.cipher_suite) {
            name = suite_names[i].name;
        }
    }
    wipe(&parameters, sizeof parameters);
    return name;
}

bool tls_session_summary(const struct tls_session *session, struct tls_summary *summary)
{
    const struct x509_certificate *leaf = &session->verifier.leaf;
    char subject[X509_TEXT_SIZE];
    char names[X509_TEXT_SIZE];
    int64_t left = leaf->not_after - session->verifier.now;

    *summary = (struct tls_summary){.version = "", .suite = ""};
    if (!session->established) {
        return false;
    }
    x509_name_text(leaf->subject, subject);
    x509_alternatives_text(leaf, names);
    (void)reason_set(&summary->peer, 0, names[0] != '\0' ? "%s (%s)" : "%s", text_quote_string(subject).text,
        text_quote_string(names).text);
    summary->version = "TLSv1.2";
    summary->suite = suite_name(&session->client.eng);
    summary->days_left = (long)(left / DAY);
    return true;
}

struct bytes tls_session_leaf(const struct tls_session *session)
{
    return session->established ? session->verifier.certificates[0] : (struct bytes){NULL, 0};
}
