/* identity: who we are to a peer: a certificate chain and its private key. */
#include "tls/identity.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"
#include "crypto/pem.h"
#include "tls/internal.h"

static int out_of_memory(struct reason *why)
{
    return reason_set(why, -ENOMEM, "out of memory");
}

/* Finds the one private key of the text. */
static int key_block_find(struct bytes text, struct pem_block *found, struct reason *why)
{
    struct pem_block block;
    bool have = false;
    int more;

    while ((more = pem_next(&text, &block, why)) > 0) {
        if (strcmp(block.label, "EC PARAMETERS") == 0) {
            continue; /* openssl ecparam -genkey writes the curve in front of the key, which names it again */
        }
        if (strcmp(block.label, "ENCRYPTED PRIVATE KEY") == 0) {
            return reason_set(
                why, -EINVAL, "the private key is encrypted: write it out plain with `openssl pkey -in FILE`");
        }
        if (strcmp(block.label, "PRIVATE KEY") != 0 && strcmp(block.label, "RSA PRIVATE KEY") != 0 &&
            strcmp(block.label, "EC PRIVATE KEY") != 0) {
            return reason_set(why, -EINVAL, "there is a block %s where a private key is expected", block.label);
        }
        if (have) {
            return reason_set(why, -EINVAL, "there is more than one private key in it");
        }
        *found = block;
        have = true;
    }
    if (more < 0) {
        return more;
    }
    return have ? 0 : reason_set(why, -EINVAL, "there is no private key in it (\"-----BEGIN PRIVATE KEY-----\")");
}

static int key_load(const char *pem, size_t size, struct tls_identity *identity, struct reason *why)
{
    struct pem_block block;
    long decoded;
    int error = key_block_find((struct bytes){(const uint8_t *)pem, size}, &block, why);

    if (error != 0) {
        return error;
    }
    identity->key_size = pem_decoded_max(&block);
    identity->key_der = calloc(1, identity->key_size);
    if (identity->key_der == NULL) {
        return out_of_memory(why);
    }
    decoded = pem_decode(&block, identity->key_der, why);
    return decoded < 0 ? (int)decoded
                       : key_read((struct bytes){identity->key_der, (size_t)decoded}, &identity->key, why);
}

static int chain_load(
    const char *pem, size_t size, struct tls_identity *identity, struct x509_certificate *leaf, struct reason *why)
{
    struct x509_certificate certificate;
    char subject[X509_TEXT_SIZE];
    int error = certificates_load(pem, size, TLS_IDENTITY_CHAIN, &identity->certificates, why);
    size_t count = identity->certificates.count;

    if (error != 0) {
        return error;
    }
    identity->chain = calloc(count, sizeof *identity->chain);
    if (identity->chain == NULL) {
        return out_of_memory(why);
    }
    for (size_t i = 0; i < count; i++) {
        struct bytes der = identity->certificates.each[i];
        error = x509_read(der, i == 0 ? leaf : &certificate, why);
        if (error != 0) {
            reason_prefix(why, "certificate %zu", i + 1);
            return error;
        }
        identity->chain[i] = (br_x509_certificate){(unsigned char *)(uintptr_t)der.data, der.size};
    }
    x509_name_text(leaf->subject, subject);
    memcpy(identity->subject, text_quote_string(subject).text, sizeof identity->subject);
    identity->not_after = leaf->not_after;
    certificates_digest(&identity->certificates, identity->digest);
    return 0;
}

static int parts_load(const char *role, const char *cert_pem, size_t cert_size, const char *key_pem, size_t key_size,
    struct tls_identity *identity, struct reason *why)
{
    struct x509_certificate leaf;
    int error = chain_load(cert_pem, cert_size, identity, &leaf, why);

    if (error != 0) {
        reason_prefix(why, "%s_cert", role);
        return error;
    }
    error = key_load(key_pem, key_size, identity, why);
    if (error != 0) {
        reason_prefix(why, "%s_key", role);
        return error;
    }
    if (!key_belongs(&identity->key, &leaf)) {
        return reason_set(why, -EINVAL,
            "%s_key: the private key does not belong to %s_cert %s: give the pair that was made together", role, role,
            identity->subject);
    }
    return 0;
}

int tls_identity_load(const char *role, const char *cert_pem, size_t cert_size, const char *key_pem, size_t key_size,
    struct tls_identity **identity, struct reason *why)
{
    struct tls_identity *made;
    int error;

    if (cert_size > TLS_IDENTITY_PEM_MAX || key_size > TLS_IDENTITY_PEM_MAX) {
        return reason_set(why, -EINVAL, "%s_%s: more than %d bytes of PEM", role,
            cert_size > TLS_IDENTITY_PEM_MAX ? "cert" : "key", TLS_IDENTITY_PEM_MAX);
    }
    made = calloc(1, sizeof *made);
    if (made == NULL) {
        return out_of_memory(why);
    }
    error = parts_load(role, cert_pem, cert_size, key_pem, key_size, made, why);
    if (error != 0) {
        tls_identity_free(made);
        return error;
    }
    *identity = made;
    return 0;
}

void tls_identity_free(struct tls_identity *identity)
{
    if (identity != NULL) {
        certificates_free(&identity->certificates);
        free(identity->chain);
        wipe_free(identity->key_der, identity->key_size);
        wipe_free(identity, sizeof *identity);
    }
}

int64_t tls_identity_not_after(const struct tls_identity *identity)
{
    return identity->not_after;
}

const char *tls_identity_subject(const struct tls_identity *identity)
{
    return identity->subject;
}

/* ---- Dates ---- */

static int64_t block_not_after(const struct pem_block *block)
{
    uint8_t *der = malloc(pem_decoded_max(block));
    struct x509_certificate certificate;
    int64_t until = 0;
    long size = der != NULL ? pem_decode(block, der, NULL) : -ENOMEM;

    if (size > 0 && x509_read((struct bytes){der, (size_t)size}, &certificate, NULL) == 0) {
        until = certificate.not_after;
    }
    free(der);
    return until;
}

int64_t tls_pem_not_after(const char *pem, size_t size)
{
    struct bytes text = {(const uint8_t *)pem, size};
    struct pem_block block;
    int64_t first = 0;

    while (pem_next(&text, &block, NULL) > 0) {
        int64_t until = block_not_after(&block);
        if (until > 0 && (first == 0 || until < first)) {
            first = until;
        }
    }
    return first;
}
