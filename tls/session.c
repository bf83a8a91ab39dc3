/* session: one TLS 1.2 connection as a machine over bytes: no sockets, no clock, no allocation after creation. */
#include "tls/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/text.h"
#include "base/wipe.h"
#include "tls/explain.h"
#include "tls/machine.h"
#include "tls/remembered.h"

#define SEED_SIZE 48
#define DAY 86400
#define RECORD_ALERT 21 /* its content type */
#define RECORD_MAX 16384

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

const uint16_t *machine_suites(bool aes, size_t *count)
{
    *count = SUITE_COUNT;
    return aes ? suites_with_aes : suites_without_aes;
}

/* What the processor has for AES-GCM, asked once: in a virtual machine the hypervisor answers, which takes long. */
static struct {
    bool asked;
    const br_block_ctr_class *aes; /* NULL: it has nothing */
    br_ghash ghash;
} processor;

static void processor_ask(void)
{
    if (!processor.asked) {
        processor.aes = br_aes_x86ni_ctr_get_vtable();
        processor.ghash = br_ghash_pclmul_get();
        processor.asked = true;
    }
}

/* What client and server have in common. */
static void engine_configure(br_ssl_engine_context *engine)
{
    size_t count;
    processor_ask();
    const uint16_t *suites = machine_suites(processor.aes != NULL, &count);

    br_ssl_engine_set_versions(engine, BR_TLS12, BR_TLS12);
    br_ssl_engine_set_suites(engine, suites, count);
    br_ssl_engine_set_default_rsavrfy(engine);
    br_ssl_engine_set_default_ecdsa(engine);
    br_ssl_engine_set_hash(engine, br_sha256_ID, &br_sha256_vtable);
    br_ssl_engine_set_hash(engine, br_sha384_ID, &br_sha384_vtable);
    br_ssl_engine_set_hash(engine, br_sha512_ID, &br_sha512_vtable);
    br_ssl_engine_set_prf_sha256(engine, &br_tls12_sha256_prf);
    br_ssl_engine_set_prf_sha384(engine, &br_tls12_sha384_prf);
    br_ssl_engine_set_gcm(engine, &br_sslrec_in_gcm_vtable, &br_sslrec_out_gcm_vtable);
    br_ssl_engine_set_aes_ctr(engine, processor.aes != NULL ? processor.aes : &br_aes_ct64_ctr_vtable);
    br_ssl_engine_set_ghash(engine, processor.ghash != 0 ? processor.ghash : br_ghash_ctmul64);
    br_ssl_engine_set_chapol(engine, &br_sslrec_in_chapol_vtable, &br_sslrec_out_chapol_vtable);
    br_ssl_engine_set_chacha20(engine, br_chacha20_ct_run); /* as it is compiled, twice as fast as the one for SSE2 */
    br_ssl_engine_set_poly1305(engine, br_poly1305_ctmulq_get());
    br_ssl_engine_add_flags(engine, BR_OPT_NO_RENEGOTIATION);
}

int machine_prepare(struct tls_session *session, struct reason *why)
{
    br_ssl_engine_context *engine = &session->as.engine;

    engine_configure(engine);
    shares_init(session);
    br_ssl_engine_set_x509(engine, &session->verifier.class);
    br_ssl_engine_set_buffers_bidi(engine, session->in, sizeof session->in, session->out, sizeof session->out);
    return engine_seed(engine, why);
}

int machine_started(struct tls_session *session, int reset, struct reason *why)
{
    if (reset != 1) {
        return reason_set(why, -EIO, "%s", tls_fault_find(br_ssl_engine_last_error(&session->as.engine))->sentence);
    }
    session->started = true;
    return 0;
}

unsigned tls_session_state(const struct tls_session *session)
{
    bool lives = session->started && !session->failed;
    unsigned now = lives ? br_ssl_engine_current_state(&session->as.engine) : BR_SSL_CLOSED;
    unsigned state = 0;

    if (session->alert_left > 0 && !session->ended) {
        return TLS_SEND;
    }
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

/* A full handshake is done: it can be resumed. A server's was put there by its cache. */
static void remember(struct tls_session *session)
{
    struct remembered done = {.born = session->verifier.now, .until = session->verifier.until};

    done.leaf = session->verifier.certificates[0];
    memcpy(done.key, session->key, sizeof done.key);
    memcpy(done.trust, session->verifier.trust->digest, sizeof done.trust);
    br_ssl_engine_get_session_parameters(&session->as.engine, &done.parameters);
    if (done.parameters.session_id_len > 0) {
        store_put(session->store, &done);
    }
    wipe(&done, sizeof done);
}

/* The library falls silent when it finds a fault: the peer is told by a record of our own (RFC 5246 §7.2.2). */
static void make_alert(struct tls_session *session, int code)
{
    br_ssl_engine_context *engine = &session->as.engine;
    uint8_t alert = tls_fault_find(code)->alert;
    size_t start = 5; /* behind the record's header */
    size_t end = sizeof session->alert;
    size_t size = 2;

    if (alert == 0) {
        return;
    }
    engine->out.vtable->max_plaintext(&engine->out.vtable, &start, &end);
    session->alert[start] = 2; /* fatal */
    session->alert[start + 1] = alert;
    uint8_t *record = engine->out.vtable->encrypt(
        &engine->out.vtable, RECORD_ALERT, engine->version_out, session->alert + start, &size);
    session->alert_at = (size_t)(record - session->alert);
    session->alert_left = size;
}

/* Our fault for what the library has no code or the wrong one for; 0: its own counts. */
static int fault_of(const struct tls_session *session, int error)
{
    unsigned size = (unsigned)session->in[3] << 8 | session->in[4]; /* of the record that it stopped at */

    if (error == BR_ERR_BAD_PARAM) {
        return BR_ERR_BAD_HANDSHAKE; /* once started it means this: lengths in a message that don't fit each other */
    }
    if (error == BR_ERR_BAD_LENGTH) {
        return size > RECORD_MAX ? BR_ERR_TOO_LARGE : BR_ERR_BAD_MAC; /* too short for a tag (RFC 5246 §6.2.3.3) */
    }
    return shares_bad(session) ? TLS_FAULT_SHARE : 0;
}

/* What the bytes that were put in or taken out have changed. waiting: records lay there that are lost in a failure. */
static void note_progress(struct tls_session *session, bool waiting)
{
    int error = br_ssl_engine_last_error(&session->as.engine);
    unsigned now = br_ssl_engine_current_state(&session->as.engine);

    /* Application bytes can flow only when the handshake is done. */
    if (!session->established && (now & (BR_SSL_SENDAPP | BR_SSL_RECVAPP)) != 0) {
        session->established = true;
        session->resumed = session->offered && !session->verifier.asked;
        if (session->store != NULL && session->is_client && !session->resumed) {
            remember(session);
        }
    }
    session->fault = session->failed ? session->fault : fault_of(session, error);
    if ((error != 0 || session->fault != 0) && !session->failed) {
        session->failed = true;
        if (session->store != NULL) {
            store_drop(session->store, session->key); /* RFC 5246 §7.2.2 */
        }
        if (!waiting) { /* half of a record may have gone: an alert behind it would be no record */
            make_alert(session, tls_session_error(session, NULL));
        }
    }
}

static bool can(const struct tls_session *session, unsigned flag, size_t *size)
{
    *size = 0;
    return (tls_session_state(session) & flag) != 0;
}

const uint8_t *tls_session_send(const struct tls_session *session, size_t *size)
{
    if (session->alert_left > 0 && !session->ended) {
        *size = session->alert_left;
        return session->alert + session->alert_at;
    }
    return can(session, TLS_SEND, size) ? br_ssl_engine_sendrec_buf(&session->as.engine, size) : NULL;
}

void tls_session_sent(struct tls_session *session, size_t size)
{
    if (session->alert_left > 0) {
        session->alert_at += size;
        session->alert_left -= size;
        return;
    }
    shares_begin();
    br_ssl_engine_sendrec_ack(&session->as.engine, size);
    note_progress(session, false);
}

uint8_t *tls_session_receive(const struct tls_session *session, size_t *size)
{
    return can(session, TLS_RECEIVE, size) ? br_ssl_engine_recvrec_buf(&session->as.engine, size) : NULL;
}

void tls_session_received(struct tls_session *session, size_t size)
{
    bool waiting = (br_ssl_engine_current_state(&session->as.engine) & BR_SSL_SENDREC) != 0;

    shares_begin();
    br_ssl_engine_recvrec_ack(&session->as.engine, size);
    note_progress(session, waiting);
}

uint8_t *tls_session_write(const struct tls_session *session, size_t *size)
{
    return can(session, TLS_WRITE, size) ? br_ssl_engine_sendapp_buf(&session->as.engine, size) : NULL;
}

void tls_session_written(struct tls_session *session, size_t size)
{
    br_ssl_engine_sendapp_ack(&session->as.engine, size);
}

const uint8_t *tls_session_read(const struct tls_session *session, size_t *size)
{
    return can(session, TLS_READ, size) ? br_ssl_engine_recvapp_buf(&session->as.engine, size) : NULL;
}

void tls_session_consumed(struct tls_session *session, size_t size)
{
    br_ssl_engine_recvapp_ack(&session->as.engine, size);
}

void tls_session_flush(struct tls_session *session)
{
    br_ssl_engine_flush(&session->as.engine, 0);
}

void tls_session_close(struct tls_session *session)
{
    if (session->started) {
        session->closing = true;
        br_ssl_engine_close(&session->as.engine);
    }
}

void tls_session_end(struct tls_session *session)
{
    const br_ssl_engine_context *engine = &session->as.engine;
    unsigned now = session->started ? br_ssl_engine_current_state(engine) : BR_SSL_CLOSED;
    bool said_goodbye = session->closing || engine->shutdown_recv != 0;

    if (!session->ended && !session->failed && !said_goodbye && now != BR_SSL_CLOSED) {
        session->fault = session->established ? TLS_FAULT_TRUNCATED : TLS_FAULT_ENDED_EARLY;
    }
    session->ended = true;
}

/* What servers say to a client without a certificate that must have one (RFC 5246 §7.4.6 leaves it to them). */
static bool may_mean_no_certificate(int code)
{
    return code == TLS_FAULT_ENDED_EARLY || code == BR_ERR_RECV_FATAL_ALERT + BR_ALERT_HANDSHAKE_FAILURE ||
           code == BR_ERR_RECV_FATAL_ALERT + BR_ALERT_BAD_CERTIFICATE ||
           code == BR_ERR_RECV_FATAL_ALERT + BR_ALERT_CERTIFICATE_UNKNOWN ||
           code == BR_ERR_RECV_FATAL_ALERT + BR_ALERT_ACCESS_DENIED;
}

int tls_session_error(const struct tls_session *session, struct reason *why)
{
    int code = br_ssl_engine_last_error(&session->as.engine);
    const struct tls_fault *fault;
    char advice[TLS_ADVICE_SIZE];

    if (session->verifier.fault != 0) {
        (void)reason_set(why, 0, "%s", session->verifier.why.text);
        return session->verifier.fault;
    }
    code = session->fault != 0 ? session->fault : code;
    if (code == 0 && session->started && !session->established && !session->closing &&
        tls_session_state(session) == TLS_CLOSED) {
        code = TLS_FAULT_ENDED_EARLY; /* close_notify in the handshake: no error to the library */
    }
    if (session->asked_in_vain && !session->established && may_mean_no_certificate(code)) {
        code = TLS_FAULT_NO_IDENTITY;
    }
    if (code != 0) {
        fault = tls_fault_find(code);
        tls_fault_advice(fault, !session->is_client, advice);
        (void)reason_set(why, 0, "%s: %s", fault->sentence, advice);
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
    summary->suite = suite_name(&session->as.engine);
    summary->days_left = (long)(left / DAY);
    summary->resumed = session->resumed;
    return true;
}

bool tls_session_asked_in_vain(const struct tls_session *session)
{
    return session->asked_in_vain;
}

struct bytes tls_session_leaf(const struct tls_session *session)
{
    return session->established ? session->verifier.certificates[0] : (struct bytes){NULL, 0};
}

struct bytes tls_session_presented(const struct tls_session *session)
{
    return session->verifier.count > 0 ? session->verifier.certificates[0] : (struct bytes){NULL, 0};
}
