/* signature: the signature section of an EIF: a certificate and a COSE_Sign1 over PCR0. */
#include "image/signature.h"

#include <cbor.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "crypto/ecdsa.h"
#include "crypto/pem.h"
#include "crypto/x509.h"
#include "image/signature_parts.h"

#define COSE_SIGN1_TAG 18

/* ---- CBOR, strictly: definite lengths, each map key once and in any order ---- */

static bool enter_array(const CborValue *array, size_t length, CborValue *inside)
{
    size_t found;

    return cbor_value_is_array(array) && cbor_value_is_length_known(array) &&
           cbor_value_get_array_length(array, &found) == CborNoError && found == length &&
           cbor_value_enter_container(array, inside) == CborNoError;
}

/* The values of a map that has exactly these two text keys. */
static bool find_two(const CborValue *map, const char *const names[static 2], CborValue values[static 2])
{
    bool found[2] = {false, false};
    CborValue inside;
    size_t count;

    if (!cbor_value_is_map(map) || !cbor_value_is_length_known(map) ||
        cbor_value_get_map_length(map, &count) != CborNoError || count != 2 ||
        cbor_value_enter_container(map, &inside) != CborNoError) {
        return false;
    }
    for (size_t i = 0; i < 2; i++) {
        bool same[2] = {false, false};
        if (!cbor_value_is_text_string(&inside) || !cbor_value_is_length_known(&inside) ||
            cbor_value_text_string_equals(&inside, names[0], &same[0]) != CborNoError ||
            cbor_value_text_string_equals(&inside, names[1], &same[1]) != CborNoError || same[0] == same[1] ||
            found[same[1]] || cbor_value_advance(&inside) != CborNoError) {
            return false;
        }
        found[same[1]] = true;
        values[same[1]] = inside;
        if (cbor_value_advance(&inside) != CborNoError) {
            return false;
        }
    }
    return true;
}

/* An array of integers 0…255 as bytes into out, which holds max. The number, or -1. */
static long read_integers(const CborValue *array, uint8_t *out, size_t max)
{
    CborValue inside;
    size_t count;

    if (!cbor_value_is_array(array) || !cbor_value_is_length_known(array) ||
        cbor_value_get_array_length(array, &count) != CborNoError || count > max ||
        cbor_value_enter_container(array, &inside) != CborNoError) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        uint64_t byte;
        if (!cbor_value_is_unsigned_integer(&inside) || cbor_value_get_uint64(&inside, &byte) != CborNoError ||
            byte > 255 || cbor_value_advance_fixed(&inside) != CborNoError) {
            return -1;
        }
        out[i] = (uint8_t)byte;
    }
    return (long)count;
}

/* A definite byte string, as a run inside the bytes that are parsed. */
static bool take_bytes(CborValue *value, struct bytes *bytes)
{
    const uint8_t *start;

    if (!cbor_value_is_byte_string(value) || !cbor_value_is_length_known(value) ||
        cbor_value_get_string_length(value, &bytes->size) != CborNoError) {
        return false;
    }
    start = cbor_value_get_next_byte(value);
    if (cbor_value_advance(value) != CborNoError) {
        return false;
    }
    /* The string's bytes are the last of it. */
    bytes->data = cbor_value_get_next_byte(value) - bytes->size;
    return bytes->data > start;
}

/* ---- The parts ---- */

/* The map {1: algorithm} of the protected header. */
static bool read_algorithm(struct signature *signature)
{
    const struct bytes header = signature->protected_header;
    CborParser parser;
    CborValue map;
    CborValue inside;
    uint64_t label;
    size_t count;

    return cbor_parser_init(header.data, header.size, 0, &parser, &map) == CborNoError && cbor_value_is_map(&map) &&
           cbor_value_is_length_known(&map) && cbor_value_get_map_length(&map, &count) == CborNoError && count == 1 &&
           cbor_value_enter_container(&map, &inside) == CborNoError && cbor_value_is_unsigned_integer(&inside) &&
           cbor_value_get_uint64(&inside, &label) == CborNoError && label == COSE_HEADER_ALGORITHM &&
           cbor_value_advance_fixed(&inside) == CborNoError && cbor_value_is_integer(&inside) &&
           cbor_value_get_int64_checked(&inside, &signature->algorithm) == CborNoError;
}

static int read_payload(struct signature *signature, struct reason *why)
{
    static const char *const names[] = {"register_index", "register_value"};
    const struct bytes payload = signature->payload;
    CborParser parser;
    CborValue map;
    CborValue values[2];
    uint64_t index;

    if (cbor_parser_init(payload.data, payload.size, 0, &parser, &map) != CborNoError ||
        !find_two(&map, names, values) || !cbor_value_is_unsigned_integer(&values[0]) ||
        cbor_value_get_uint64(&values[0], &index) != CborNoError || index != 0 ||
        read_integers(&values[1], signature->signed_pcr0, EIF_PCR_SIZE) != EIF_PCR_SIZE) {
        return REFUSE(why, "what is signed is not {\"register_index\": 0, \"register_value\": [48 bytes]}");
    }
    return 0;
}

static int read_cose(struct signature *signature, struct bytes cose, struct reason *why)
{
    CborParser parser;
    CborValue value;
    CborValue inside;
    CborTag tag;

    if (cbor_parser_init(cose.data, cose.size, 0, &parser, &value) != CborNoError) {
        return REFUSE(why, "the COSE_Sign1 can't be parsed");
    }
    if (cbor_value_is_tag(&value) && (cbor_value_get_tag(&value, &tag) != CborNoError || tag != COSE_SIGN1_TAG ||
                                         cbor_value_skip_tag(&value) != CborNoError)) {
        return REFUSE(why, "the COSE message is no COSE_Sign1");
    }
    if (!enter_array(&value, 4, &inside) || !take_bytes(&inside, &signature->protected_header) ||
        !cbor_value_is_map(&inside) || cbor_value_advance(&inside) != CborNoError ||
        !take_bytes(&inside, &signature->payload) || !take_bytes(&inside, &signature->value)) {
        return REFUSE(why, "the COSE_Sign1 is not [protected, {…}, payload, signature]");
    }
    if (!read_algorithm(signature)) {
        return REFUSE(why, "the COSE_Sign1's protected header is not {1: algorithm}");
    }
    return read_payload(signature, why);
}

/*
 * The first block of a PEM text into out. OpenSSL, and so AWS's reader, also takes other labels for a certificate: a
 * block in front of it could make PCR8 another one there than here.
 */
static int read_certificate(struct signature *signature, struct bytes pem, uint8_t *out, struct reason *why)
{
    struct pem_block block;
    int found = pem_next(&pem, &block, why);
    long size;

    if (found <= 0) {
        return found < 0 ? found : REFUSE(why, "there is no certificate in it");
    }
    if (strcmp(block.label, "CERTIFICATE") != 0) {
        return REFUSE(why, "a block %s stands where the certificate must be", text_quote_string(block.label).text);
    }
    size = pem_decode(&block, out, why);
    if (size < 0) {
        return (int)size;
    }
    signature->certificate = (struct bytes){out, (size_t)size};
    return 0;
}

int signature_read(struct signature *signature, struct bytes section, struct reason *why)
{
    static const char *const names[] = {"signing_certificate", "signature"};
    CborParser parser;
    CborValue array;
    CborValue map;
    CborValue values[2];
    long pem_size;
    long cose_size;
    int error;

    /* The PEM text, the DER that it decodes to, and the COSE_Sign1, behind one another. */
    *signature = (struct signature){.memory = malloc(2 * SIGNATURE_CERTIFICATE_MAX + EIF_SIGNATURE_MAX)};
    if (signature->memory == NULL) {
        return reason_system(why, -ENOMEM, "no memory");
    }
    uint8_t *pem = signature->memory;
    uint8_t *der = pem + SIGNATURE_CERTIFICATE_MAX;
    uint8_t *cose = der + SIGNATURE_CERTIFICATE_MAX;
    if (section.size > EIF_SIGNATURE_MAX ||
        cbor_parser_init(section.data, section.size, 0, &parser, &array) != CborNoError ||
        !enter_array(&array, 1, &map) || !find_two(&map, names, values)) {
        error = REFUSE(why, "not an array of one map {\"signing_certificate\", \"signature\"}");
        goto out;
    }
    pem_size = read_integers(&values[0], pem, SIGNATURE_CERTIFICATE_MAX);
    cose_size = read_integers(&values[1], cose, EIF_SIGNATURE_MAX);
    if (pem_size < 0 || cose_size < 0) {
        error = REFUSE(why, "certificate and signature are not arrays of bytes");
        goto out;
    }
    /* Nothing may stand behind: the array is all there is. */
    if (cbor_value_advance(&array) != CborNoError || cbor_value_get_next_byte(&array) != section.data + section.size) {
        error = REFUSE(why, "something stands behind its array");
        goto out;
    }
    error = read_certificate(signature, (struct bytes){pem, (size_t)pem_size}, der, why);
    if (error == 0) {
        error = read_cose(signature, (struct bytes){cose, (size_t)cose_size}, why);
    }
out:
    if (error < 0) {
        signature_free(signature);
    }
    return error;
}

void signature_free(struct signature *signature)
{
    free(signature->memory);
    *signature = (struct signature){0};
}

void signature_pcr8(const struct signature *signature, uint8_t pcr8[static EIF_PCR_SIZE])
{
    uint8_t digest[HASH_SHA384_SIZE];
    struct hash_sha384 hash;

    hash_sha384_init(&hash);
    hash_sha384_update(&hash, signature->certificate.data, signature->certificate.size);
    hash_sha384_out(&hash, digest);
    eif_pcr(digest, pcr8);
}

/* ---- Checking ---- */

bool signature_holds(const struct signature *signature, const uint8_t pcr0[static EIF_PCR_SIZE], struct reason *why)
{
    struct x509_certificate certificate;
    const struct signature_kind *kind;
    uint8_t *message;
    size_t size;
    bool valid;

    if (x509_read(signature->certificate, &certificate, why) < 0) {
        return false;
    }
    kind = signature_kind_of(certificate.key);
    if (kind == NULL || kind->algorithm != signature->algorithm) {
        (void)REFUSE(why, "the certificate's key does not fit the algorithm");
        return false;
    }
    if (signature_message(signature, &message, &size, why) < 0) {
        return false;
    }
    valid = ecdsa_verify(kind->curve, certificate.ec_point, (struct bytes){message, size}, signature->value);
    free(message);
    if (!valid) {
        (void)REFUSE(why, "the signature is not the certificate's");
        return false;
    }
    if (memcmp(signature->signed_pcr0, pcr0, EIF_PCR_SIZE) != 0) {
        (void)REFUSE(why, "another image is signed: its PCR0 is not this one's");
        return false;
    }
    return true;
}
