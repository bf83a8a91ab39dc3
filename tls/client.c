/* client: starts a session as a client: who is dialled, what its certificate must be, what may be resumed. */
#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
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

/* ---- without an identity: the server's question is noted, and answered with no certificate ---- */

static void begin_or_end(const br_ssl_client_certificate_class **class)
{
    (void)class;
}

static void start_name(const br_ssl_client_certificate_class **class, size_t size)
{
    (void)class;
    (void)size;
}

static void append_name(const br_ssl_client_certificate_class **class, const unsigned char *data, size_t size)
{
    (void)class;
    (void)data;
    (void)size;
}

static void choose(const br_ssl_client_certificate_class **class, const br_ssl_client_context *client, uint32_t kinds,
    br_ssl_client_certificate *choice)
{
    struct tls_session *session = (struct tls_session *)(void *)((char *)class - offsetof(struct tls_session, asker));

    (void)client;
    (void)kinds;
    session->asked_in_vain = true;
    memset(choice, 0, sizeof *choice);
}

static const br_ssl_client_certificate_class asker_class = {
    .context_size = sizeof(br_ssl_client_certificate_class *),
    .start_name_list = begin_or_end,
    .start_name = start_name,
    .append_name = append_name,
    .end_name = begin_or_end,
    .end_name_list = begin_or_end,
    .choose = choose,
};

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
    verifier->clock = client->clock;
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
    } else {
        session->asker = &asker_class;
        br_ssl_client_set_client_certificate(&session->as.client, &session->asker);
    }
    if (client->store != NULL) {
        session->store = client->store;
        make_key(session->key, client);
        offer(session);
    }
    return machine_started(session, br_ssl_client_reset(&session->as.client, sni, session->offered), why);
}
