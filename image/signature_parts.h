/* signature_parts: what the reader and the writer of signatures share: the kinds of keys, and words of refusal. */
#ifndef INGOT_IMAGE_SIGNATURE_PARTS_H
#define INGOT_IMAGE_SIGNATURE_PARTS_H

#include "crypto/ecdsa.h"
#include "crypto/x509.h"
#include "image/signature.h"

#define COSE_HEADER_ALGORITHM 1 /* RFC 9052 §3.1: "alg" */

#define REFUSE(why, ...) reason_set((why), -EINVAL, "the signature section: " __VA_ARGS__)

struct signature_kind {
    enum x509_key key;
    enum ecdsa_curve curve;
    int64_t algorithm; /* COSE (RFC 9053 §2.1) */
    const char *hash;
};

/* NULL for a key that signs no image. */
const struct signature_kind *signature_kind_of(enum x509_key key);

#endif
