/* client: starts a session as a client: who is dialled, what its certificate must be, what may be resumed. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/wipe.h"
#include "tls/machine.h"
#include "tls/remembered.h"

static void identify(br_ssl_client_context *client, const struct tls_identity *identity)
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

static void set_verifier(struct verifier *verifier, const struct tls_client *client)
{
    verifier_init(verifier, client->trust, X509_SERVER_AUTH, client->now);
    memcpy(verifier->name, client->server_name, strlen(client->server_name) + 1);
    verifier->cn_allowed = client->cn_allowed;
    verifier->purpose_required = client->eku_required;
    verifier->verify = client->verify;
    verifier->verify_arg = client->verify_arg;
    verifier->pinned = client->pin != NULL;
    if (client->pin != NULL) {
        memcpy(verifier->pin, client->pin, sizeof verifier->pin);
    }
}

/* A session may be resumed where the same name is dialled by the same identity; all else is judged again. */
static void make_key(uint8_t key[static TLS_STORE_KEY_SIZE], const struct tls_client *client)
{
    struct hash_sha256 hash;

    hash_sha256_init(&hash);
    if (client->identity != NULL) {
        hash_sha256_update(&hash, client->identity->digest, sizeof client->identity->digest);
    }
    hash_sha256_update(&hash, client->server_name, strlen(client->server_name));
    hash_sha256_out(&hash, key);
}

/* Offers the session that the store has for this, if any. */
static void offer(struct tls_session *session)
{
    const struct remembered *earlier =
        store_find(session->store, session->key, session->verifier.trust->digest, session->verifier.now);

    if (earlier != NULL && verifier_recall(&session->verifier, earlier->leaf)) {
        br_ssl_engine_set_session_parameters(&session->as.engine, &earlier->parameters);
        session->offered = true;
    }
}

int tls_session_start_client(struct tls_session *session, const struct tls_client *client, struct reason *why)
{
    size_t name_size = strlen(client->server_name);
    const char *sni = is_address(client->server_name) ? NULL : client->server_name;

    wipe(session, sizeof *session);
    if (name_size == 0 || name_size > TLS_NAME_MAX) {
        return reason_set(why, -EINVAL, "a server's name has 1–%d characters, not %zu", TLS_NAME_MAX, name_size);
    }
    session->is_client = true;
    set_verifier(&session->verifier, client);
    br_ssl_client_zero(&session->as.client);
    int error = machine_prepare(session, why);
    if (error < 0) {
        return error;
    }
    if (client->identity != NULL) {
        identify(&session->as.client, client->identity);
    }
    if (client->store != NULL) {
        session->store = client->store;
        make_key(session->key, client);
        offer(session);
    }
    return machine_started(session, br_ssl_client_reset(&session->as.client, sni, session->offered), why);
}
