/* signature_writer: makes the signature section of an EIF, byte for byte as AWS's writer does. */
#include <cbor.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "crypto/key.h"
#include "image/signature.h"
#include "image/signature_parts.h"

#define PROTECTED_MAX 16 /* {1: algorithm} */
#define PAYLOAD_MAX 160  /* two keys, and 48 integers of at most two bytes */
#define COSE_EXTRA 64    /* heads and context of a COSE_Sign1 or Sig_structure around its byte strings */
#define PEM_LINE 64
#define PEM_BEGIN "-----BEGIN CERTIFICATE-----\n"
#define PEM_END "-----END CERTIFICATE-----\n"

static const struct signature_kind kinds[] = {
    {X509_KEY_P256, ECDSA_P256, -7, "SHA-256"},
    {X509_KEY_P384, ECDSA_P384, -35, "SHA-384"},
    {X509_KEY_P521, ECDSA_P521, -36, "SHA-512"},
};
#define KIND_COUNT (sizeof kinds / sizeof kinds[0])

const struct signature_kind *signature_kind_of(enum x509_key key)
{
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (kinds[i].key == key) {
            return &kinds[i];
        }
    }
    return NULL;
}

static const struct signature_kind *kind_of_algorithm(int64_t algorithm)
{
    size_t i = 0;

    while (i + 1 < KIND_COUNT && kinds[i].algorithm != algorithm) {
        i++;
    }
    return &kinds[i];
}

const char *signature_hash(const struct signature *signature)
{
    return kind_of_algorithm(signature->algorithm)->hash;
}

static int out_of_memory(struct reason *why)
{
    return reason_system(why, -ENOMEM, "no memory");
}

/* tinycbor's errors are bits that may be gathered; it writes nothing beyond the buffer. */
static CborError encode_integers(CborEncoder *encoder, const uint8_t *bytes, size_t size)
{
    CborEncoder array;
    CborError error = cbor_encoder_create_array(encoder, &array, size);

    for (size_t i = 0; i < size; i++) {
        error |= cbor_encode_uint(&array, bytes[i]);
    }
    return error | cbor_encoder_close_container(encoder, &array);
}

/* {1: algorithm} */
static size_t encode_protected(int64_t algorithm, uint8_t out[static PROTECTED_MAX])
{
    CborEncoder encoder;
    CborEncoder map;
    CborError error;

    cbor_encoder_init(&encoder, out, PROTECTED_MAX, 0);
    error = cbor_encoder_create_map(&encoder, &map, 1);
    error |= cbor_encode_uint(&map, COSE_HEADER_ALGORITHM);
    error |= cbor_encode_int(&map, algorithm);
    error |= cbor_encoder_close_container(&encoder, &map);
    return error == CborNoError ? cbor_encoder_get_buffer_size(&encoder, out) : 0;
}

/* {"register_index": 0, "register_value": [PCR0]} */
static size_t encode_payload(const uint8_t pcr0[static EIF_PCR_SIZE], uint8_t out[static PAYLOAD_MAX])
{
    CborEncoder encoder;
    CborEncoder map;
    CborError error;

    cbor_encoder_init(&encoder, out, PAYLOAD_MAX, 0);
    error = cbor_encoder_create_map(&encoder, &map, 2);
    error |= cbor_encode_text_stringz(&map, "register_index");
    error |= cbor_encode_uint(&map, 0);
    error |= cbor_encode_text_stringz(&map, "register_value");
    error |= encode_integers(&map, pcr0, EIF_PCR_SIZE);
    error |= cbor_encoder_close_container(&encoder, &map);
    return error == CborNoError ? cbor_encoder_get_buffer_size(&encoder, out) : 0;
}

int signature_prepare(
    struct signature *signature, struct bytes certificate, const uint8_t pcr0[static EIF_PCR_SIZE], struct reason *why)
{
    const struct signature_kind *kind;
    struct x509_certificate read;
    uint8_t *next;
    int error = x509_read(certificate, &read, why);

    if (error < 0) {
        return error;
    }
    kind = signature_kind_of(read.key);
    if (kind == NULL) {
        return reason_set(why, -EINVAL, "the certificate's key is %s; images are signed with P-256, P-384 or P-521",
            read.key == X509_KEY_RSA ? "RSA" : "of another kind");
    }
    next = malloc(certificate.size + PROTECTED_MAX + PAYLOAD_MAX + ECDSA_SIGNATURE_MAX);
    if (next == NULL) {
        return out_of_memory(why);
    }
    *signature = (struct signature){.memory = next, .algorithm = kind->algorithm};
    memcpy(signature->signed_pcr0, pcr0, EIF_PCR_SIZE);
    memcpy(next, certificate.data, certificate.size);
    signature->certificate = (struct bytes){next, certificate.size};
    next += certificate.size;
    signature->protected_header = (struct bytes){next, encode_protected(kind->algorithm, next)};
    next += PROTECTED_MAX;
    signature->payload = (struct bytes){next, encode_payload(pcr0, next)};
    signature->value = (struct bytes){next + PAYLOAD_MAX, 0};
    return 0;
}

int signature_message(const struct signature *signature, uint8_t **message, size_t *size, struct reason *why)
{
    size_t room = signature->protected_header.size + signature->payload.size + COSE_EXTRA;
    uint8_t *out = malloc(room);
    CborEncoder encoder;
    CborEncoder array;
    CborError error;

    if (out == NULL) {
        return out_of_memory(why);
    }
    cbor_encoder_init(&encoder, out, room, 0);
    error = cbor_encoder_create_array(&encoder, &array, 4);
    error |= cbor_encode_text_stringz(&array, "Signature1");
    error |= cbor_encode_byte_string(&array, signature->protected_header.data, signature->protected_header.size);
    error |= cbor_encode_byte_string(&array, (const uint8_t *)"", 0); /* no external data */
    error |= cbor_encode_byte_string(&array, signature->payload.data, signature->payload.size);
    error |= cbor_encoder_close_container(&encoder, &array);
    if (error != CborNoError) {
        free(out);
        return REFUSE(why, "what is signed can't be encoded");
    }
    *message = out;
    *size = cbor_encoder_get_buffer_size(&encoder, out);
    return 0;
}

/* ---- The value ---- */

/* Puts a raw signature of `size` bytes where signature_prepare() left room for it. */
static void set_value(struct signature *signature, const uint8_t *raw, size_t size)
{
    uint8_t *room = signature->memory + (signature->value.data - signature->memory);

    memcpy(room, raw, size);
    signature->value.size = size;
}

int signature_sign(struct signature *signature, const struct key *key, struct reason *why)
{
    enum ecdsa_curve curve = kind_of_algorithm(signature->algorithm)->curve;
    uint8_t raw[ECDSA_SIGNATURE_MAX];
    uint8_t *message;
    size_t size;
    bool made;
    int error = signature_message(signature, &message, &size, why);

    if (error < 0) {
        return error;
    }
    made = ecdsa_sign(curve, key, (struct bytes){message, size}, raw);
    free(message);
    if (!made) {
        return reason_set(why, -EINVAL, "the private key is not on the certificate's curve");
    }
    set_value(signature, raw, ecdsa_signature_size(curve));
    return signature_holds(signature, signature->signed_pcr0, why) ? 0 : -EINVAL;
}

int signature_attach(struct signature *signature, struct bytes value, struct reason *why)
{
    enum ecdsa_curve curve = kind_of_algorithm(signature->algorithm)->curve;
    size_t size = ecdsa_signature_size(curve);
    uint8_t raw[ECDSA_SIGNATURE_MAX];
    bool der = ecdsa_from_der(curve, value, raw);

    if (!der && value.size != size) {
        return reason_set(why, -EINVAL,
            "%zu bytes are no signature of this curve: neither DER nor %zu raw bytes (base64 must be decoded first)",
            value.size, size);
    }
    set_value(signature, der ? raw : value.data, size);
    if (signature_holds(signature, signature->signed_pcr0, why)) {
        return 0;
    }
    return reason_set(why, -EINVAL,
        "the signature is not one of this image's bytes by this certificate's key (sign what --prepare wrote, with %s)",
        signature_hash(signature));
}

/* ---- The section ---- */

/* The certificate as OpenSSL writes PEM; out has room for it. */
static size_t write_pem(struct bytes der, char *out)
{
    char *next = stpcpy(out, PEM_BEGIN);

    for (size_t at = 0; at < der.size; at += PEM_LINE / 4 * 3) {
        size_t left = der.size - at;
        text_base64_encode(der.data + at, left < PEM_LINE / 4 * 3 ? left : PEM_LINE / 4 * 3, next);
        next += strlen(next);
        *next++ = '\n';
    }
    return (size_t)(stpcpy(next, PEM_END) - out);
}

/* The untagged COSE_Sign1 as AWS's writer has it: [protected, {}, payload, value]. */
static size_t encode_cose(const struct signature *signature, uint8_t *out, size_t room)
{
    CborEncoder encoder;
    CborEncoder array;
    CborEncoder map;
    CborError error;

    cbor_encoder_init(&encoder, out, room, 0);
    error = cbor_encoder_create_array(&encoder, &array, 4);
    error |= cbor_encode_byte_string(&array, signature->protected_header.data, signature->protected_header.size);
    error |= cbor_encoder_create_map(&array, &map, 0);
    error |= cbor_encoder_close_container(&array, &map);
    error |= cbor_encode_byte_string(&array, signature->payload.data, signature->payload.size);
    error |= cbor_encode_byte_string(&array, signature->value.data, signature->value.size);
    error |= cbor_encoder_close_container(&encoder, &array);
    return error == CborNoError ? cbor_encoder_get_buffer_size(&encoder, out) : 0;
}

static size_t encode_section(struct bytes pem, struct bytes cose, uint8_t *out, size_t room)
{
    CborEncoder encoder;
    CborEncoder array;
    CborEncoder map;
    CborError error;

    cbor_encoder_init(&encoder, out, room, 0);
    error = cbor_encoder_create_array(&encoder, &array, 1);
    error |= cbor_encoder_create_map(&array, &map, 2);
    error |= cbor_encode_text_stringz(&map, "signing_certificate");
    error |= encode_integers(&map, pem.data, pem.size);
    error |= cbor_encode_text_stringz(&map, "signature");
    error |= encode_integers(&map, cose.data, cose.size);
    error |= cbor_encoder_close_container(&array, &map);
    error |= cbor_encoder_close_container(&encoder, &array);
    return error == CborNoError ? cbor_encoder_get_buffer_size(&encoder, out) : 0;
}

int signature_write(const struct signature *signature, uint8_t **section, size_t *size, struct reason *why)
{
    /* Four characters for three bytes, and a line end for each 64. */
    size_t pem_room = signature->certificate.size / 3 * 4 + signature->certificate.size / 48 + 128;
    size_t cose_room = signature->protected_header.size + signature->payload.size + signature->value.size + COSE_EXTRA;
    uint8_t *room = malloc(EIF_SIGNATURE_MAX + pem_room + cose_room);

    if (room == NULL) {
        return out_of_memory(why);
    }
    uint8_t *cose = room + EIF_SIGNATURE_MAX;
    char *pem = (char *)cose + cose_room;
    const struct bytes pem_bytes = {(uint8_t *)pem, write_pem(signature->certificate, pem)};
    const struct bytes cose_bytes = {cose, encode_cose(signature, cose, cose_room)};
    *size = encode_section(pem_bytes, cose_bytes, room, EIF_SIGNATURE_MAX);
    if (*size == 0 || cose_bytes.size == 0 || pem_bytes.size > SIGNATURE_CERTIFICATE_MAX) {
        free(room);
        return reason_set(why, -EINVAL,
            "the certificate is too large (%zu bytes): a signature section has at most %d bytes, and each of its "
            "characters takes two",
            signature->certificate.size, EIF_SIGNATURE_MAX);
    }
    *section = room;
    return 0;
}
