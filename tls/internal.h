/* internal: what the files of tls/ share; it names BearSSL's types, so nobody else includes it. */
#ifndef INGOT_TLS_INTERNAL_H
#define INGOT_TLS_INTERNAL_H

#include <bearssl.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "crypto/hash.h"
#include "crypto/key.h"
#include "crypto/x509.h"
#include "tls/identity.h"
#include "tls/trust.h"

/* Certificates of a PEM text, decoded into one run of bytes. */
struct certificates {
    uint8_t *der; /* malloc'd */
    size_t der_size;
    struct bytes *each; /* malloc'd; each points into der */
    size_t count;
};

/*
 * Reads every block of a PEM text, all of which must be certificates, 1..max of them. 0, -EINVAL, -ENOMEM; on failure
 * there is nothing to free. They are decoded, not yet read as X.509.
 */
int certificates_load(const char *pem, size_t size, size_t max, struct certificates *certificates, struct reason *why);
void certificates_free(struct certificates *certificates);
void certificates_digest(const struct certificates *certificates, uint8_t digest[static HASH_SHA256_SIZE]);

struct tls_trust {
    struct certificates certificates;
    br_x509_trust_anchor *anchors;    /* certificates.count of them, pointing into the certificates */
    int64_t not_after;                /* the first */
    uint8_t digest[HASH_SHA256_SIZE]; /* of all the certificates: the same CAs in the same order have the same */
};

struct tls_identity {
    struct certificates certificates;
    br_x509_certificate *chain; /* certificates.count of them */
    uint8_t *key_der;
    size_t key_size;
    struct key key;
    int64_t not_after;
    uint8_t digest[HASH_SHA256_SIZE]; /* of the chain: who we are */
    char subject[TEXT_QUOTE_SIZE];
};

#endif
