/* key: private keys out of DER (PKCS#1, PKCS#8, SEC1), checked for size and shape. */
#ifndef INGOT_CRYPTO_KEY_H
#define INGOT_CRYPTO_KEY_H

#include <bearssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/reason.h"
#include "crypto/x509.h"

#define KEY_RSA_MIN 2048 /* bits */
#define KEY_RSA_MAX 4096

/* BearSSL's view of the key; its numbers lie in the DER that was read, which must stay as long as the key is used. */
struct key {
    enum x509_key kind; /* never X509_KEY_OTHER */
    union {
        br_rsa_private_key rsa;
        br_ec_private_key ec;
    };
};

/*
 * Reads one private key: PKCS#8 (RFC 5958, version 1), PKCS#1 (RFC 8017 §A.1.2, two primes of which neither is over
 * half of the modulus by more than a byte) or SEC1 (RFC 5915, the curve named). Which of them it is, shows in the
 * bytes. The library's own decoder is not used: it once believed in a larger buffer than it had. 0, or -EINVAL and a
 * sentence without bytes of the key.
 */
int key_read(struct bytes der, struct key *key, struct reason *why);

/* Whether the certificate's public key verifies what the key signs. */
bool key_belongs(const struct key *key, const struct x509_certificate *certificate);

/* BearSSL's number of an elliptic curve; 0 where kind is none. */
int key_curve(enum x509_key kind);

/* BearSSL's view of a certificate's public key, pointing into its DER. False: of a kind or size that we don't take. */
bool key_public(const struct x509_certificate *certificate, br_x509_pkey *public_key);

#endif
