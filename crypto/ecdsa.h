/* ecdsa: makes and checks ECDSA signatures over P-256, P-384 and P-521. */
#ifndef INGOT_CRYPTO_ECDSA_H
#define INGOT_CRYPTO_ECDSA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/* The pairs that COSE names ES256, ES384, ES512 (RFC 9053 §2.1): a curve with its hash. */
enum ecdsa_curve { ECDSA_P256, ECDSA_P384, ECDSA_P521 };

#define ECDSA_SIGNATURE_MAX 132 /* bytes of a raw signature, r ‖ s: P-521's */

/* Bytes of a raw signature, r ‖ s. */
size_t ecdsa_signature_size(enum ecdsa_curve curve);

/*
 * Whether signature (raw: r ‖ s, of exactly ecdsa_signature_size() bytes) is that of message under the uncompressed
 * point of a public key. The message is hashed here, with the curve's hash.
 */
bool ecdsa_verify(enum ecdsa_curve curve, struct bytes point, struct bytes message, struct bytes signature);

/*
 * Signs message, hashed here with the curve's hash: ecdsa_signature_size() raw bytes. The nonce comes from the key and
 * the message (RFC 6979), so the same two give the same signature, and no source of chance can leak the key.
 * False: the key is not on this curve, or no valid scalar of it.
 */
struct key;
bool ecdsa_sign(
    enum ecdsa_curve curve, const struct key *key, struct bytes message, uint8_t signature[static ECDSA_SIGNATURE_MAX]);

/*
 * The same signature out of DER (ECDSA-Sig-Value, RFC 3279 §2.2.3: what OpenSSL, AWS KMS and most HSMs give).
 * False: not DER of two numbers that fit the curve.
 */
bool ecdsa_from_der(enum ecdsa_curve curve, struct bytes der, uint8_t signature[static ECDSA_SIGNATURE_MAX]);

#endif
