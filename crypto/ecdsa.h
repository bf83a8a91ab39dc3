/* ecdsa: checks ECDSA signatures over P-256, P-384 and P-521. */
#ifndef INGOT_CRYPTO_ECDSA_H
#define INGOT_CRYPTO_ECDSA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/* The pairs that COSE names ES256, ES384, ES512 (RFC 9053 §2.1): a curve with its hash. */
enum ecdsa_curve { ECDSA_P256, ECDSA_P384, ECDSA_P521 };

/* Bytes of a raw signature, r ‖ s. */
size_t ecdsa_signature_size(enum ecdsa_curve curve);

/*
 * Whether signature (raw: r ‖ s, of exactly ecdsa_signature_size() bytes) is that of message under the uncompressed
 * point of a public key. The message is hashed here, with the curve's hash.
 */
bool ecdsa_verify(enum ecdsa_curve curve, struct bytes point, struct bytes message, struct bytes signature);

#endif
