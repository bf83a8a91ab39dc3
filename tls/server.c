/* server: starts a session as a server: who we are, which clients may come, and the sessions that may be resumed. */
#include <stddef.h>
#include <string.h>

#include "base/wipe.h"
#include "tls/machine.h"
#include "tls/remembered.h"

static void identify(br_ssl_server_context *server, const struct tls_identity *identity)
{
    if (identity->key.kind == X509_KEY_RSA) {
        /* Signatures only: without RSA key exchange there is nothing for Bleichenbacher's kind of attack to ask. */
        br_ssl_server_set_single_rsa(server, identity->chain, identity->certificates.count, &identity->key.rsa,
            BR_KEYTYPE_SIGN, 0, br_rsa_pkcs1_sign_get_default());
    } else {
        br_ssl_server_set_single_ec(server, identity->chain, identity->certificates.count, &identity->key.ec,
            BR_KEYTYPE_SIGN, 0, br_ec_get_default(), br_ecdsa_sign_asn1_get_default());
    }
}

/* ---- the store, as BearSSL calls it ---- */

static struct tls_session *session_of(br_ssl_server_context *server)
{
    return (struct tls_session *)(void *)((char *)server - offsetof(struct tls_session, as));
}

static void save(const br_ssl_session_cache_class **class, br_ssl_server_context *server,
    const br_ssl_session_parameters *parameters)
{
    struct tls_session *session = session_of(server);
    struct remembered done = {.born = session->verifier.now, .until = session->verifier.until};

    (void)class;
    done.parameters = *parameters;
    done.leaf = session->verifier.certificates[0];
    memcpy(done.key, parameters->session_id, sizeof done.key);
    memcpy(done.trust, session->verifier.trust->digest, sizeof done.trust);
    memcpy(session->key, done.key, sizeof session->key);
    store_put(session->store, &done);
    wipe(&done, sizeof done);
}

static int load(
    const br_ssl_session_cache_class **class, br_ssl_server_context *server, br_ssl_session_parameters *parameters)
{
    struct tls_session *session = session_of(server);
    struct verifier *verifier = &session->verifier;
    const struct remembered *earlier =
        store_find(session->store, parameters->session_id, verifier->trust->digest, verifier->now);

    (void)class;
    if (earlier == NULL) {
        return 0;
    }
    if (!verifier_recall(verifier, earlier->leaf)) {
        store_drop(session->store, parameters->session_id);
        return 0;
    }
    *parameters = earlier->parameters;
    memcpy(session->key, earlier->key, sizeof session->key);
    session->offered = true;
    return 1;
}

static const br_ssl_session_cache_class cache_class = {
    .context_size = sizeof(br_ssl_session_cache_class *),
    .save = save,
    .load = load,
};

int tls_session_start_server(struct tls_session *session, const struct tls_server *server, struct reason *why)
{
    const struct tls_trust *trust = server->trust;

    wipe(session, sizeof *session);
    verifier_init(&session->verifier, trust, X509_CLIENT_AUTH, server->now);
    session->verifier.purpose_required = server->eku_required;
    session->verifier.verify = server->verify;
    session->verifier.verify_arg = server->verify_arg;
    br_ssl_server_zero(&session->as.server);
    int error = machine_prepare(session, why);
    if (error < 0) {
        return error;
    }
    br_ssl_engine_add_flags(&session->as.engine, BR_OPT_ENFORCE_SERVER_PREFERENCES);
    identify(&session->as.server, server->identity);
    br_ssl_server_set_trust_anchor_names_alt(&session->as.server, trust->anchors, trust->certificates.count);
    if (server->store != NULL) {
        session->store = server->store;
        session->cache = &cache_class;
        br_ssl_server_set_cache(&session->as.server, &session->cache);
    }
    return machine_started(session, br_ssl_server_reset(&session->as.server), why);
}
