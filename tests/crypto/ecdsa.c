/* ecdsa: tests: signatures are those of RFC 6979's examples, and change with the key, the message and the curve. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "crypto/ecdsa.h"
#include "crypto/key.h"

/* RFC 6979 A.2.5, A.2.6, A.2.7: the message "sample", each curve with the hash that COSE pairs it with. */
static const struct example {
    enum ecdsa_curve curve;
    enum x509_key kind;
    const char *scalar;
    const char *signature;
} examples[] = {
    {ECDSA_P256, X509_KEY_P256, "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
        "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
        "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"},
    {ECDSA_P384, X509_KEY_P384,
        "6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d896d5724e4c70a825f872c9ea60d2edf5",
        "94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fabe46"
        "99ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8"},
    {ECDSA_P521, X509_KEY_P521,
        "00fad06daa62ba3b25d2fb40133da757205de67f5bb0018fee8c86e1b68c7e75caa896eb32f1f47c70855836a6d16fcc1466f6d8fbec67"
        "db89ec0c08b0e996b83538",
        "00c328fafcbd79dd77850370c46325d987cb525569fb63c5d3bc53950e6d4c5f174e25a1ee9017b5d450606add152b534931d7d4e8455c"
        "c91f9b15bf05ec36e377fa"
        "00617cce7cf5064806c467f678d3b4080d6f1cc50af26ca209417308281b68af282623eaa63e5b5c0723d8b8c37ff0777b1a20f8ccb1dc"
        "cc43997f1ee0e44da4a67a"},
};
#define EXAMPLES (sizeof examples / sizeof examples[0])

static const struct bytes sample = {(const uint8_t *)"sample", 6};

/* The example's key, its scalar in memory. */
static struct key make_key(const struct example *example, uint8_t scalar[static 66])
{
    struct key key = {.kind = example->kind};
    size_t size = strlen(example->scalar) / 2;

    assert_true(text_hex_decode(example->scalar, scalar, size));
    key.ec = (br_ec_private_key){.curve = key_curve(example->kind), .x = scalar, .xlen = size};
    return key;
}

/* The public point that belongs to a key. */
static struct bytes make_point(const struct key *key, uint8_t point[static BR_EC_KBUF_PUB_MAX_SIZE])
{
    br_ec_public_key public_key;

    assert_int_not_equal(br_ec_compute_pub(br_ec_get_default(), &public_key, point, &key->ec), 0);
    return (struct bytes){public_key.q, public_key.qlen};
}

static void signatures_are_those_of_rfc_6979(void **state)
{
    (void)state;
    for (size_t i = 0; i < EXAMPLES; i++) {
        size_t size = ecdsa_signature_size(examples[i].curve);
        uint8_t signature[ECDSA_SIGNATURE_MAX];
        char hex[2 * ECDSA_SIGNATURE_MAX + 1];
        uint8_t scalar[66];
        const struct key key = make_key(&examples[i], scalar);
        assert_true(ecdsa_sign(examples[i].curve, &key, sample, signature));
        text_hex(signature, size, hex);
        assert_string_equal(hex, examples[i].signature);
    }
}

static void a_signature_holds_for_its_own_message_and_key_only(void **state)
{
    (void)state;
    for (size_t i = 0; i < EXAMPLES; i++) {
        uint8_t space[BR_EC_KBUF_PUB_MAX_SIZE];
        uint8_t signature[ECDSA_SIGNATURE_MAX];
        uint8_t scalar[66];
        struct key key = make_key(&examples[i], scalar);
        struct bytes point = make_point(&key, space);
        struct bytes made = {signature, ecdsa_signature_size(examples[i].curve)};
        assert_true(ecdsa_sign(examples[i].curve, &key, sample, signature));
        assert_true(ecdsa_verify(examples[i].curve, point, sample, made));
        assert_false(ecdsa_verify(examples[i].curve, point, (struct bytes){sample.data, 5}, made));
        made.size--;
        assert_false(ecdsa_verify(examples[i].curve, point, sample, made));
        made.size++;
        scalar[key.ec.xlen - 1] ^= 1;
        point = make_point(&key, space);
        assert_false(ecdsa_verify(examples[i].curve, point, sample, made));
    }
}

static void a_key_of_another_kind_signs_nothing(void **state)
{
    uint8_t signature[ECDSA_SIGNATURE_MAX];
    uint8_t scalar[66];
    struct key key = make_key(&examples[0], scalar);

    (void)state;
    assert_false(ecdsa_sign(ECDSA_P384, &key, sample, signature));
    memset(scalar, 0, sizeof scalar);
    assert_false(ecdsa_sign(ECDSA_P256, &key, sample, signature));
    memset(scalar, 0xff, sizeof scalar);
    assert_false(ecdsa_sign(ECDSA_P256, &key, sample, signature));
    key.kind = X509_KEY_RSA;
    assert_false(ecdsa_sign(ECDSA_P256, &key, sample, signature));
}

static bool from_der(const char *der, size_t size, uint8_t signature[static ECDSA_SIGNATURE_MAX])
{
    return ecdsa_from_der(ECDSA_P256, (struct bytes){(const uint8_t *)der, size}, signature);
}
#define FROM_DER(text, signature) from_der((text), sizeof(text) - 1, (signature))

static void der_gives_the_raw_form_or_is_refused(void **state)
{
    uint8_t signature[ECDSA_SIGNATURE_MAX];
    uint8_t wanted[64] = {0};

    (void)state;
    wanted[30] = 0x80;
    wanted[31] = 1;
    wanted[63] = 5;
    assert_true(FROM_DER("\x30\x08\x02\x03\x00\x80\x01\x02\x01\x05", signature));
    assert_memory_equal(signature, wanted, sizeof wanted);
    /* negative; a leading zero too many; one number; three; a byte behind; a length that lies; no sequence */
    assert_false(FROM_DER("\x30\x07\x02\x02\x80\x01\x02\x01\x05", signature));
    assert_false(FROM_DER("\x30\x08\x02\x03\x00\x00\x01\x02\x01\x05", signature));
    assert_false(FROM_DER("\x30\x03\x02\x01\x05", signature));
    assert_false(FROM_DER("\x30\x09\x02\x01\x05\x02\x01\x05\x02\x01\x05", signature));
    assert_false(FROM_DER("\x30\x06\x02\x01\x05\x02\x01\x05\x00", signature));
    assert_false(FROM_DER("\x30\x07\x02\x01\x05\x02\x01\x05", signature));
    assert_false(FROM_DER("\x31\x06\x02\x01\x05\x02\x01\x05", signature));
    assert_false(FROM_DER("", signature));
    /* 33 bytes do not fit P-256 */
    assert_false(FROM_DER("\x30\x26\x02\x21\x01"
                          "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                          "\x02\x01\x05",
        signature));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_are_those_of_rfc_6979),
        cmocka_unit_test(a_signature_holds_for_its_own_message_and_key_only),
        cmocka_unit_test(a_key_of_another_kind_signs_nothing),
        cmocka_unit_test(der_gives_the_raw_form_or_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
