/* fuzz key: any bytes as a private key: its numbers lie inside and within their bounds, and signing with it is safe. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool true_always)
{
    if (!true_always) {
        abort();
    }
}

static void require_inside(const uint8_t *part, size_t part_size, const uint8_t *data, size_t size)
{
    require(part_size > 0 && part >= data && part + part_size <= data + size);
}

/* Whether it belongs to a certificate with this public key. */
static bool belongs(const struct key *key, const uint8_t *public_key, size_t size, unsigned rsa_bits)
{
    static const uint8_t exponent[] = {1, 0, 1};
    struct x509_certificate certificate = {.key = key->kind,
        .rsa_bits = rsa_bits,
        .rsa_modulus = {public_key, size},
        .rsa_exponent = {exponent, sizeof exponent},
        .ec_point = {public_key, size}};

    return key_belongs(key, &certificate);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t public_key[KEY_RSA_MAX / 8];
    uint8_t signature[KEY_RSA_MAX / 8];
    static const uint8_t digest[32];
    struct reason why;
    struct key key;

    if (key_read((struct bytes){data, size}, &key, &why) != 0) {
        return 0;
    }
    if (key.kind == X509_KEY_RSA) {
        require(key.rsa.n_bitlen >= KEY_RSA_MIN && key.rsa.n_bitlen <= KEY_RSA_MAX);
        require_inside(key.rsa.p, key.rsa.plen, data, size);
        require_inside(key.rsa.q, key.rsa.qlen, data, size);
        require_inside(key.rsa.dp, key.rsa.dplen, data, size);
        require_inside(key.rsa.dq, key.rsa.dqlen, data, size);
        require_inside(key.rsa.iq, key.rsa.iqlen, data, size);
        (void)br_rsa_pkcs1_sign_get_default()(BR_HASH_OID_SHA256, digest, sizeof digest, &key.rsa, signature);
        memset(public_key, 0xff, sizeof public_key);
        (void)belongs(&key, public_key, (key.rsa.n_bitlen + 7) / 8, key.rsa.n_bitlen);
    } else {
        require(key_curve(key.kind) == key.ec.curve);
        require_inside(key.ec.x, key.ec.xlen, data, size);
        bool usable =
            br_ecdsa_sign_asn1_get_default()(br_ec_get_default(), &br_sha256_vtable, digest, &key.ec, signature) > 0;
        size_t public_size = br_ec_compute_pub(br_ec_get_default(), NULL, public_key, &key.ec);
        require(belongs(&key, public_key, public_size, 0) == usable);
    }
    return 0;
}
