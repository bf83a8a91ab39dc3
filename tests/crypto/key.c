/* tests of key: every form that openssl writes is read, and only the key of a certificate belongs to it. */
#include "tests/tls/files.h"

#include <errno.h>

#include "crypto/key.h"
#include "crypto/pem.h"

static struct reason why;

/* The last block of NAME.key, decoded: what stands behind EC PARAMETERS. The caller frees it. */
static uint8_t *key_der(const char *name, size_t *size)
{
    struct pem_block block;
    struct bytes text;
    char file[64];
    uint8_t *der = NULL;
    size_t pem_size;
    char *pem;

    (void)snprintf(file, sizeof file, "%s.key", name);
    pem = file_of(file, &pem_size);
    text = (struct bytes){(const uint8_t *)pem, pem_size};
    while (pem_next(&text, &block, &why) == 1) {
        free(der);
        der = malloc(pem_decoded_max(&block));
        *size = (size_t)pem_decode(&block, der, &why);
    }
    free(pem);
    assert_non_null(der);
    return der;
}

static bool belongs(const char *key_name, const char *certificate_name)
{
    struct x509_certificate certificate;
    struct key key;
    char file[64];
    size_t key_size;
    size_t cert_size;
    uint8_t *private_der = key_der(key_name, &key_size);
    char *cert_der;
    bool same;

    (void)snprintf(file, sizeof file, "%s.crt.der", certificate_name);
    cert_der = file_of(file, &cert_size);
    assert_int_equal(x509_read((struct bytes){(const uint8_t *)cert_der, cert_size}, &certificate, &why), 0);
    if (key_read((struct bytes){private_der, key_size}, &key, &why) != 0) {
        fail_msg("%s: %s", key_name, why.text);
    }
    same = key_belongs(&key, &certificate);
    free(private_der);
    free(cert_der);
    return same;
}

static void every_form_is_read_and_belongs(void **state)
{
    static const char *const rsa[] = {"client", "client-pkcs1", "client-pkcs8"};
    static const char *const ec[] = {"client-ec", "client-ec-sec1", "client-ec-pkcs8"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_true(belongs(rsa[i], "client"));
        assert_true(belongs(rsa[i], "client-v1"));
        assert_true(belongs(ec[i], "client-ec"));
        assert_false(belongs(rsa[i], "client-ec"));
        assert_false(belongs(ec[i], "client"));
    }
    assert_true(belongs("server-4096", "server-4096"));
    assert_true(belongs("server-p384", "server-p384"));
    assert_true(belongs("server-p521", "server-p521"));
}

static void another_key_does_not_belong(void **state)
{
    (void)state;
    assert_false(belongs("server", "client"));
    assert_false(belongs("server-4096", "client"));
    assert_false(belongs("server-p256", "client-ec"));
    assert_false(belongs("server-p256", "server-p384"));
}

static void keys_out_of_bounds_are_refused(void **state)
{
    static const struct {
        const char *name;
        const char *part;
    } refused[] = {
        {"large", "4992 bits"},
        {"server-1024", "1024 bits"},
        {"ed25519", "neither RSA nor EC"},
        {"rsa-pss", "neither RSA nor EC"},
        {"koblitz", "P-256, P-384 or P-521"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct key key;
        size_t size;
        uint8_t *der = key_der(refused[i].name, &size);
        assert_int_equal(key_read((struct bytes){der, size}, &key, &why), -EINVAL);
        assert_contains(why.text, refused[i].part);
        free(der);
    }
}

static void cut_keys_are_refused(void **state)
{
    static const char *const names[] = {"client-pkcs1", "client-pkcs8", "client-ec-sec1", "client-ec-pkcs8"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t size;
        uint8_t *der = key_der(names[i], &size);
        for (size_t cut = 0; cut < size; cut++) {
            struct key key;
            uint8_t *copy = malloc(cut + 1);
            memcpy(copy, der, cut);
            assert_int_equal(key_read((struct bytes){copy, cut}, &key, &why), -EINVAL);
            free(copy);
        }
        free(der);
    }
}

static void a_key_changed_in_any_place_never_crashes_and_never_belongs(void **state)
{
    struct x509_certificate certificate;
    size_t cert_size;
    size_t size;
    char *cert_der = file_of("client-ec.crt.der", &cert_size);
    uint8_t *der = key_der("client-ec-sec1", &size);
    size_t scalar = 7; /* where its 32 bytes begin: SEQUENCE, version, OCTET STRING */

    (void)state;
    assert_int_equal(x509_read((struct bytes){(const uint8_t *)cert_der, cert_size}, &certificate, &why), 0);
    for (size_t at = 0; at < size; at++) {
        struct key key;
        der[at] ^= 0x01;
        if (key_read((struct bytes){der, size}, &key, &why) == 0 && at >= scalar && at < scalar + 32) {
            assert_false(key_belongs(&key, &certificate));
        }
        der[at] ^= 0x01;
    }
    free(der);
    free(cert_der);
}

/* The library's own decoder, which nothing here calls, is mended all the same: a sanitizer sees the overrun otherwise.
 */
static void library_refuses_the_key_that_overran_its_buffer(void **state)
{
    br_skey_decoder_context *decoder = malloc(sizeof *decoder);
    size_t size;
    uint8_t *der = key_der("large-pkcs1", &size);

    (void)state;
    br_skey_decoder_init(decoder);
    br_skey_decoder_push(decoder, der, size);
    assert_int_equal(br_skey_decoder_last_error(decoder), BR_ERR_X509_LIMIT_EXCEEDED);
    free(der);
    free(decoder);
}

/* RFC 7748 §5.2, first vector: the library takes the scalar's bytes as they are on the wire. */
static void x25519_is_that_of_the_rfc(void **state)
{
    static const char scalar_text[] = "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4";
    static const char point_text[] = "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c";
    static const char result_text[] = "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552";
    uint8_t scalar[32];
    uint8_t point[32];
    uint8_t result[32];

    (void)state;
    assert_true(text_hex_decode(scalar_text, scalar, sizeof scalar));
    assert_true(text_hex_decode(point_text, point, sizeof point));
    assert_true(text_hex_decode(result_text, result, sizeof result));
    assert_int_equal(br_ec_get_default()->mul(point, sizeof point, scalar, sizeof scalar, BR_EC_curve25519), 1);
    assert_memory_equal(point, result, sizeof result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_is_read_and_belongs),
        cmocka_unit_test(another_key_does_not_belong),
        cmocka_unit_test(keys_out_of_bounds_are_refused),
        cmocka_unit_test(cut_keys_are_refused),
        cmocka_unit_test(a_key_changed_in_any_place_never_crashes_and_never_belongs),
        cmocka_unit_test(library_refuses_the_key_that_overran_its_buffer),
        cmocka_unit_test(x25519_is_that_of_the_rfc),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
