/* key: private keys out of DER (PKCS#1, PKCS#8, SEC1), checked for size and shape. */
#include "crypto/key.h"

#include <errno.h>
#include <string.h>

#include "base/wipe.h"
#include "crypto/der.h"
#include "crypto/hash.h"

#define OID_RSA "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"
#define OID_EC "\x2a\x86\x48\xce\x3d\x02\x01"

static const struct {
    const char *oid;
    size_t oid_size;
    enum x509_key kind;
    int curve;
    size_t size; /* bytes of a scalar */
} curves[] = {
    {"\x2a\x86\x48\xce\x3d\x03\x01\x07", 8, X509_KEY_P256, BR_EC_secp256r1, 32},
    {"\x2b\x81\x04\x00\x22", 5, X509_KEY_P384, BR_EC_secp384r1, 48},
    {"\x2b\x81\x04\x00\x23", 5, X509_KEY_P521, BR_EC_secp521r1, 66},
};
#define CURVE_COUNT (sizeof curves / sizeof curves[0])

static const char malformed[] = "the private key is cut short, or not DER of PKCS#1, PKCS#8 or SEC1";

static uint32_t bit_length(struct bytes number)
{
    uint32_t bits = (uint32_t)number.size * 8;

    for (uint8_t top = number.data[0]; top < 0x80 && bits > 0; top = (uint8_t)(top << 1 | 1)) {
        bits--;
    }
    return bits;
}

/* PKCS#1 RSAPrivateKey: 0, n, e, d, p, q, d mod p-1, d mod q-1, 1/q mod p. */
static int rsa_read(struct bytes fields, struct key *key, struct reason *why)
{
    enum { VERSION, N, E, D, P, Q, DP, DQ, IQ, COUNT };
    struct bytes number[COUNT];
    uint32_t bits;
    size_t half;

    for (size_t i = 0; i < COUNT; i++) {
        if (!der_take_unsigned(&fields, &number[i])) {
            return reason_set(why, -EINVAL, malformed);
        }
    }
    if (fields.size != 0 || number[VERSION].size != 1 || number[VERSION].data[0] != 0) {
        return reason_set(why, -EINVAL, "the RSA key has more than two primes: make one with `openssl genrsa 2048`");
    }
    bits = bit_length(number[N]);
    if (bits < KEY_RSA_MIN || bits > KEY_RSA_MAX) {
        return reason_set(
            why, -EINVAL, "the RSA key has %u bits: %u–%u are taken", (unsigned)bits, KEY_RSA_MIN, KEY_RSA_MAX);
    }
    half = number[N].size / 2 + 1;
    for (size_t i = P; i < COUNT; i++) {
        if (number[i].size > half || (i <= Q && number[i].size + 2 < half)) {
            return reason_set(why, -EINVAL, "the RSA key's primes are of unequal size");
        }
    }
    key->kind = X509_KEY_RSA;
    /* BearSSL takes the numbers as pointers to bytes that it does not change. */
    key->rsa = (br_rsa_private_key){
        .n_bitlen = bits,
        .p = (unsigned char *)(uintptr_t)number[P].data,
        .plen = number[P].size,
        .q = (unsigned char *)(uintptr_t)number[Q].data,
        .qlen = number[Q].size,
        .dp = (unsigned char *)(uintptr_t)number[DP].data,
        .dplen = number[DP].size,
        .dq = (unsigned char *)(uintptr_t)number[DQ].data,
        .dqlen = number[DQ].size,
        .iq = (unsigned char *)(uintptr_t)number[IQ].data,
        .iqlen = number[IQ].size,
    };
    return 0;
}

/* SEC1 ECPrivateKey: 1, scalar, [0] curve, [1] public key; the curve may come from PKCS#8 instead. */
static int ec_read(struct bytes fields, struct bytes curve, struct key *key, struct reason *why)
{
    struct bytes version;
    struct bytes scalar;
    struct bytes context;
    struct bytes named;

    if (!der_take_unsigned(&fields, &version) || version.size != 1 || version.data[0] != 1 ||
        !der_take(&fields, DER_OCTET_STRING, &scalar)) {
        return reason_set(why, -EINVAL, malformed);
    }
    if (der_take(&fields, DER_CONTEXT_CONSTRUCTED + 0, &context)) {
        if (!der_take(&context, DER_OID, &named) || context.size != 0 ||
            (curve.size > 0 && !der_is(named, (const char *)curve.data, curve.size))) {
            return reason_set(why, -EINVAL, "the EC key does not name its curve");
        }
        curve = named;
    }
    (void)der_take(&fields, DER_CONTEXT_CONSTRUCTED + 1, &context);
    if (fields.size != 0) {
        return reason_set(why, -EINVAL, malformed);
    }
    for (size_t i = 0; i < CURVE_COUNT; i++) {
        if (curve.size > 0 && der_is(curve, curves[i].oid, curves[i].oid_size)) {
            if (scalar.size != curves[i].size) {
                return reason_set(why, -EINVAL, malformed);
            }
            key->kind = curves[i].kind;
            key->ec = (br_ec_private_key){
                .curve = curves[i].curve,
                .x = (unsigned char *)(uintptr_t)scalar.data,
                .xlen = scalar.size,
            };
            return 0;
        }
    }
    return reason_set(why, -EINVAL, "the EC key is on a curve that is not P-256, P-384 or P-521");
}

/* PKCS#8 OneAsymmetricKey, behind its version: algorithm, octets, attributes. */
static int pkcs8_read(struct bytes algorithm, struct bytes rest, struct key *key, struct reason *why)
{
    struct bytes octets;
    struct bytes oid;
    struct bytes curve = {NULL, 0};
    struct bytes fields;

    if (!der_take(&algorithm, DER_OID, &oid) || !der_take(&rest, DER_OCTET_STRING, &octets)) {
        return reason_set(why, -EINVAL, malformed);
    }
    if (!DER_IS(oid, OID_RSA) && !DER_IS(oid, OID_EC)) {
        return reason_set(why, -EINVAL,
            "the private key is neither RSA nor EC (Ed25519, RSA-PSS and others are not taken): make one with `openssl "
            "genrsa 2048` or `openssl ecparam -name prime256v1 -genkey`");
    }
    if (!der_take(&octets, DER_SEQUENCE, &fields) || octets.size != 0) {
        return reason_set(why, -EINVAL, malformed);
    }
    if (DER_IS(oid, OID_RSA)) {
        return rsa_read(fields, key, why);
    }
    (void)der_take(&algorithm, DER_OID, &curve);
    return ec_read(fields, curve, key, why);
}

int key_read(struct bytes der, struct key *key, struct reason *why)
{
    struct bytes fields;
    struct bytes version;
    struct der second;
    struct bytes rest;

    memset(key, 0, sizeof *key);
    if (!der_take(&der, DER_SEQUENCE, &fields) || der.size != 0) {
        return reason_set(why, -EINVAL, malformed);
    }
    rest = fields;
    if (!der_take_unsigned(&rest, &version) || !der_next(&rest, &second)) {
        return reason_set(why, -EINVAL, malformed);
    }
    switch (second.tag) {
    case DER_SEQUENCE:
        return pkcs8_read(second.body, rest, key, why);
    case DER_INTEGER:
        return rsa_read(fields, key, why);
    case DER_OCTET_STRING:
        return ec_read(fields, (struct bytes){NULL, 0}, key, why);
    default:
        return reason_set(why, -EINVAL, malformed);
    }
}

int key_curve(enum x509_key kind)
{
    for (size_t i = 0; i < CURVE_COUNT; i++) {
        if (curves[i].kind == kind) {
            return curves[i].curve;
        }
    }
    return 0;
}

bool key_public(const struct x509_certificate *certificate, br_x509_pkey *public_key)
{
    memset(public_key, 0, sizeof *public_key);
    switch (certificate->key) {
    case X509_KEY_RSA:
        public_key->key_type = BR_KEYTYPE_RSA;
        public_key->key.rsa = (br_rsa_public_key){
            .n = (unsigned char *)(uintptr_t)certificate->rsa_modulus.data,
            .nlen = certificate->rsa_modulus.size,
            .e = (unsigned char *)(uintptr_t)certificate->rsa_exponent.data,
            .elen = certificate->rsa_exponent.size,
        };
        return certificate->rsa_bits >= KEY_RSA_MIN && certificate->rsa_bits <= KEY_RSA_MAX;
    case X509_KEY_P256:
    case X509_KEY_P384:
    case X509_KEY_P521:
        public_key->key_type = BR_KEYTYPE_EC;
        public_key->key.ec = (br_ec_public_key){
            .curve = key_curve(certificate->key),
            .q = (unsigned char *)(uintptr_t)certificate->ec_point.data,
            .qlen = certificate->ec_point.size,
        };
        return true;
    case X509_KEY_OTHER:
        break;
    }
    return false;
}

/* What is signed does not matter, only that nobody else would. */
static const uint8_t proof[HASH_SHA256_SIZE] = "ingot: key and certificate";

static bool rsa_belongs(const br_rsa_private_key *key, const br_rsa_public_key *public_key)
{
    uint8_t signature[KEY_RSA_MAX / 8];
    uint8_t digest[HASH_SHA256_SIZE];
    bool same = (key->n_bitlen + 7) / 8 == public_key->nlen &&
                br_rsa_pkcs1_sign_get_default()(BR_HASH_OID_SHA256, proof, sizeof proof, key, signature) == 1 &&
                br_rsa_pkcs1_vrfy_get_default()(
                    signature, public_key->nlen, BR_HASH_OID_SHA256, sizeof digest, public_key, digest) == 1 &&
                memcmp(digest, proof, sizeof proof) == 0;

    wipe(signature, sizeof signature);
    return same;
}

static bool ec_belongs(const br_ec_private_key *key, const br_ec_public_key *public_key)
{
    uint8_t signature[160]; /* ECDSA-Sig-Value on P-521 has at most 139 bytes */
    size_t size;

    if (key->curve != public_key->curve) {
        return false;
    }
    size = br_ecdsa_sign_asn1_get_default()(br_ec_get_default(), &br_sha256_vtable, proof, key, signature);
    return size > 0 &&
           br_ecdsa_vrfy_asn1_get_default()(br_ec_get_default(), proof, sizeof proof, public_key, signature, size) == 1;
}

bool key_belongs(const struct key *key, const struct x509_certificate *certificate)
{
    br_x509_pkey public_key;

    if (!key_public(certificate, &public_key) || key->kind != certificate->key) {
        return false;
    }
    return key->kind == X509_KEY_RSA ? rsa_belongs(&key->rsa, &public_key.key.rsa)
                                     : ec_belongs(&key->ec, &public_key.key.ec);
}
