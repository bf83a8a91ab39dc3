/* ecdsa: checks ECDSA signatures over P-256, P-384 and P-521. */
#include "crypto/ecdsa.h"

#include <bearssl.h>

static const struct {
    int curve;
    const br_hash_class *hash;
    size_t hash_size;
    size_t signature_size;
} curves[] = {
    [ECDSA_P256] = {BR_EC_secp256r1, &br_sha256_vtable, br_sha256_SIZE, 64},
    [ECDSA_P384] = {BR_EC_secp384r1, &br_sha384_vtable, br_sha384_SIZE, 96},
    [ECDSA_P521] = {BR_EC_secp521r1, &br_sha512_vtable, br_sha512_SIZE, 132},
};

size_t ecdsa_signature_size(enum ecdsa_curve curve)
{
    return curves[curve].signature_size;
}

bool ecdsa_verify(enum ecdsa_curve curve, struct bytes point, struct bytes message, struct bytes signature)
{
    unsigned char digest[br_sha512_SIZE];
    br_hash_compat_context hash;
    /* The library only reads from q; its type says otherwise. */
    br_ec_public_key key = {
        .curve = curves[curve].curve, .q = (unsigned char *)(uintptr_t)point.data, .qlen = point.size};

    if (signature.size != curves[curve].signature_size) {
        return false;
    }
    curves[curve].hash->init(&hash.vtable);
    curves[curve].hash->update(&hash.vtable, message.data, message.size);
    curves[curve].hash->out(&hash.vtable, digest);
    return br_ecdsa_vrfy_raw_get_default()(
               br_ec_get_default(), digest, curves[curve].hash_size, &key, signature.data, signature.size) == 1;
}
