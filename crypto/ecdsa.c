/* ecdsa: makes and checks ECDSA signatures over P-256, P-384 and P-521. */
#include "crypto/ecdsa.h"

#include <bearssl.h>
#include <string.h>

#include "crypto/der.h"
#include "crypto/key.h"

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

static void digest_message(enum ecdsa_curve curve, struct bytes message, unsigned char digest[static br_sha512_SIZE])
{
    br_hash_compat_context hash;

    curves[curve].hash->init(&hash.vtable);
    curves[curve].hash->update(&hash.vtable, message.data, message.size);
    curves[curve].hash->out(&hash.vtable, digest);
}

bool ecdsa_verify(enum ecdsa_curve curve, struct bytes point, struct bytes message, struct bytes signature)
{
    unsigned char digest[br_sha512_SIZE];
    /* The library only reads from q; its type says otherwise. */
    br_ec_public_key key = {
        .curve = curves[curve].curve, .q = (unsigned char *)(uintptr_t)point.data, .qlen = point.size};

    if (signature.size != curves[curve].signature_size) {
        return false;
    }
    digest_message(curve, message, digest);
    return br_ecdsa_vrfy_raw_get_default()(
               br_ec_get_default(), digest, curves[curve].hash_size, &key, signature.data, signature.size) == 1;
}

bool ecdsa_sign(
    enum ecdsa_curve curve, const struct key *key, struct bytes message, uint8_t signature[static ECDSA_SIGNATURE_MAX])
{
    unsigned char digest[br_sha512_SIZE];

    if (key->kind == X509_KEY_RSA || key->ec.curve != curves[curve].curve) {
        return false;
    }
    digest_message(curve, message, digest);
    return br_ecdsa_sign_raw_get_default()(br_ec_get_default(), curves[curve].hash, digest, &key->ec, signature) ==
           curves[curve].signature_size;
}

bool ecdsa_from_der(enum ecdsa_curve curve, struct bytes der, uint8_t signature[static ECDSA_SIGNATURE_MAX])
{
    size_t half = curves[curve].signature_size / 2;
    struct bytes numbers;
    struct bytes number;

    if (!der_take(&der, DER_SEQUENCE, &numbers) || der.size != 0) {
        return false;
    }
    memset(signature, 0, 2 * half);
    for (size_t end = half; end <= 2 * half; end += half) {
        if (!der_take_unsigned(&numbers, &number) || number.size > half) {
            return false;
        }
        memcpy(signature + end - number.size, number.data, number.size);
    }
    return numbers.size == 0;
}
