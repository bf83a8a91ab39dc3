/* signature: the signature section of an EIF: a certificate and a COSE_Sign1 over PCR0. */
#ifndef INGOT_IMAGE_SIGNATURE_H
#define INGOT_IMAGE_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/reason.h"
#include "image/eif.h"

/*
 * The section is a CBOR array with one map {"signing_certificate", "signature"}, both values arrays of integers (AWS's
 * writer gives each byte so): the certificate as PEM, and a COSE_Sign1 (RFC 9052 §4.2) whose payload is the CBOR map
 * {"register_index": 0, "register_value": [PCR0]}. Anything else, an indefinite length or a key twice is refused.
 *
 * The memory of all byte runs is the structure's own: release it with signature_free().
 */
#define SIGNATURE_CERTIFICATE_MAX 16384 /* bytes of PEM */

struct signature {
    struct bytes certificate; /* DER */
    struct bytes protected_header;
    struct bytes payload;
    struct bytes value; /* r ‖ s */
    int64_t algorithm;  /* COSE: -7 ES256, -35 ES384, -36 ES512 */
    uint8_t signed_pcr0[EIF_PCR_SIZE];
    uint8_t *memory;
};

/* 0; -EINVAL with a sentence (also for a register other than 0); -ENOMEM. Nothing to release on failure. */
int signature_read(struct signature *signature, struct bytes section, struct reason *why);
void signature_free(struct signature *signature);

/* PCR8 = the PCR of the certificate's DER. */
void signature_pcr8(const struct signature *signature, uint8_t pcr8[static EIF_PCR_SIZE]);

/*
 * Whether the signature is the certificate's own over its payload, and the payload is this PCR0. The certificate's
 * dates are not looked at. False: why says which of it failed.
 */
bool signature_holds(const struct signature *signature, const uint8_t pcr0[static EIF_PCR_SIZE], struct reason *why);

/*
 * ---- Making one ----
 *
 *   signature_prepare ─ signature_message ─ (the key signs that, here or in an HSM) ─ signature_attach ─
 * signature_write
 *
 * The bytes are those that AWS's writer makes of the same certificate, PCR0 and signature.
 */

/*
 * Everything but the value: the algorithm is the one of the certificate's curve. certificate (DER) is copied.
 * 0; -EINVAL where it is malformed or its key is not on P-256, P-384 or P-521; -ENOMEM. signature_free() after 0 only.
 */
int signature_prepare(
    struct signature *signature, struct bytes certificate, const uint8_t pcr0[static EIF_PCR_SIZE], struct reason *why);

/* What is signed: the Sig_structure of RFC 9052 §4.4, which the signer hashes with signature_hash(). malloc'd. */
int signature_message(const struct signature *signature, uint8_t **message, size_t *size, struct reason *why);
/* "SHA-256", "SHA-384", "SHA-512", by the algorithm. */
const char *signature_hash(const struct signature *signature);

/* Signs the message with the certificate's key. 0; -EINVAL where it is not that; -ENOMEM. */
struct key;
int signature_sign(struct signature *signature, const struct key *key, struct reason *why);
/* Takes a value that was made elsewhere, raw (r ‖ s) or DER. 0; -EINVAL where it is not the certificate's; -ENOMEM. */
int signature_attach(struct signature *signature, struct bytes value, struct reason *why);

/* The section's bytes, malloc'd. 0; -EINVAL over EIF_SIGNATURE_MAX; -ENOMEM. */
int signature_write(const struct signature *signature, uint8_t **section, size_t *size, struct reason *why);

#endif
