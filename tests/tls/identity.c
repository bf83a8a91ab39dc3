/* tests of identity: what a push may hold, in all its forms, and the sentence for each that may not pass. */
#include "tests/tls/files.h"

#include <errno.h>
#include <jansson.h>

#include "tls/identity.h"
#include "tls/trust.h"

static struct reason why;

static char *pem_of(const char *name)
{
    size_t size;
    return file_of(name, &size);
}

static char *base64_of(const char *text)
{
    size_t size = strlen(text);
    char *out = malloc(4 * ((size + 2) / 3) + 1);

    text_base64_encode(text, size, out);
    return out;
}

/* {"client_cert": …}; NULL leaves a field out. */
static json_t *object_of(const char *cert, const char *key, const char *ca)
{
    json_t *object = json_object();

    if (cert != NULL) {
        json_object_set_new(object, "client_cert", json_string(cert));
    }
    if (key != NULL) {
        json_object_set_new(object, "client_key", json_string(key));
    }
    if (ca != NULL) {
        json_object_set_new(object, "ca_cert", json_string(ca));
    }
    return object;
}

/* Parses and drops value; what was accepted must be the PEM that is expected. */
static int parse(json_t *value, const char *expected_cert, const char *expected_key, const char *expected_ca)
{
    struct identity_pem pem;
    int error = identity_parse(value, "client", &pem, &why);

    if (error == 0) {
        assert_string_equal(pem.cert, expected_cert);
        assert_string_equal(pem.key, expected_key);
        assert_string_equal(pem.ca, expected_ca);
    } else {
        assert_null(pem.cert);
        assert_null(pem.key);
        assert_null(pem.ca);
    }
    identity_pem_free(&pem);
    json_decref(value);
    return error;
}

/* Parses text with these fields; must fail with all parts, and show nothing of the key. */
static void refused(const char *cert, const char *key, const char *ca, const char *part, const char *other_part)
{
    why.text[0] = '\0';
    assert_int_equal(parse(object_of(cert, key, ca), "", "", ""), -EINVAL);
    assert_contains(why.text, part);
    assert_contains(why.text, other_part);
    for (size_t i = 0; key != NULL && i + 24 < strlen(key); i++) {
        char piece[17];
        memcpy(piece, key + i, 16);
        piece[16] = '\0';
        if (strstr(piece, "---") == NULL && strstr(piece, "PRIV") == NULL && strchr(piece, ' ') == NULL) {
            assert_null(strstr(why.text, piece));
        }
    }
}

static char *cert, *key, *ca, *ec_cert, *ec_key;

static int files_read(void **state)
{
    (void)state;
    cert = pem_of("client.crt");
    key = pem_of("client.key");
    ca = pem_of("ca.crt");
    ec_cert = pem_of("client-ec.crt");
    ec_key = pem_of("client-ec.key");
    return 0;
}

static int files_free(void **state)
{
    (void)state;
    free(cert);
    free(key);
    free(ca);
    free(ec_cert);
    free(ec_key);
    return 0;
}

static void object_of_pem_is_taken(void **state)
{
    (void)state;
    assert_int_equal(parse(object_of(cert, key, ca), cert, key, ca), 0);
    assert_int_equal(parse(object_of(ec_cert, ec_key, ca), ec_cert, ec_key, ca), 0);
}

static void string_that_holds_the_object_is_taken(void **state)
{
    json_t *object = object_of(cert, key, ca);
    char *text = json_dumps(object, 0);

    (void)state;
    assert_int_equal(parse(json_string(text), cert, key, ca), 0);
    free(text);
    json_decref(object);
}

static void each_field_may_be_base64_of_pem(void **state)
{
    char *cert64 = base64_of(cert);
    char *key64 = base64_of(key);
    char *ca64 = base64_of(ca);

    (void)state;
    assert_int_equal(parse(object_of(cert64, key64, ca64), cert, key, ca), 0);
    assert_int_equal(parse(object_of(cert, key64, ca), cert, key, ca), 0);
    assert_int_equal(parse(object_of(cert64, key, ca64), cert, key, ca), 0);
    free(cert64);
    free(key64);
    free(ca64);
}

static void every_form_of_key_is_taken(void **state)
{
    static const char *const rsa[] = {"client-pkcs1.key", "client-pkcs8.key"};
    static const char *const ec[] = {"client-ec-sec1.key", "client-ec-pkcs8.key"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char *rsa_key = pem_of(rsa[i]);
        char *sec1_key = pem_of(ec[i]);
        assert_int_equal(parse(object_of(cert, rsa_key, ca), cert, rsa_key, ca), 0);
        assert_int_equal(parse(object_of(ec_cert, sec1_key, ca), ec_cert, sec1_key, ca), 0);
        free(rsa_key);
        free(sec1_key);
    }
}

static void chains_and_bundles_are_taken(void **state)
{
    char *bundle = pem_of("both-ca.crt");
    char *middle = pem_of("middle.crt");
    char *chain = malloc(strlen(cert) + strlen(middle) + 1);

    (void)state;
    strcpy(chain, cert);
    strcat(chain, middle);
    assert_int_equal(parse(object_of(chain, key, bundle), chain, key, bundle), 0);
    free(chain);
    free(middle);
    free(bundle);
}

static void missing_and_wrong_fields_are_named(void **state)
{
    json_t *object = object_of(cert, key, NULL);

    (void)state;
    refused(NULL, key, ca, "client_cert", "missing");
    refused(cert, NULL, ca, "client_key", "missing");
    refused(cert, key, NULL, "ca_cert", "missing");
    refused("", key, ca, "client_cert", "neither PEM");
    refused(cert, "%%%%", ca, "client_key", "neither PEM");
    refused(cert, key, "AQID", "ca_cert", "neither PEM");
    json_object_set_new(object, "ca_cert", json_integer(7));
    assert_int_equal(parse(object, "", "", ""), -EINVAL);
    assert_contains(why.text, "ca_cert: not a string");
}

static void what_is_no_object_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "{",
        "[]",
        "7",
        "{\"client_cert\": \"a\", \"client_cert\": \"b\"}",
        "{\"client_cert\": [[[[[[[[[[1]]]]]]]]]]}",
    };

    (void)state;
    assert_int_equal(parse(json_array(), "", "", ""), -EINVAL);
    assert_int_equal(parse(json_true(), "", "", ""), -EINVAL);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(parse(json_string(texts[i]), "", "", ""), -EINVAL);
        assert_true(strlen(why.text) > 10);
    }
}

static void cut_pem_is_refused_wherever_it_is_cut(void **state)
{
    size_t size = strlen(key);
    char *copy = strdup(key);

    (void)state;
    for (size_t cut = 30; cut < size - 2; cut += 61) {
        copy[cut] = '\0';
        assert_int_equal(parse(object_of(cert, copy, ca), "", "", ""), -EINVAL);
        assert_begins(why.text, "client_key: ");
        copy[cut] = key[cut];
    }
    free(copy);
    copy = base64_of(cert);
    copy[strlen(copy) / 2 / 4 * 4] = '\0';
    refused(copy, key, ca, "client_cert", "cut short");
    free(copy);
}

static void key_of_another_certificate_is_refused(void **state)
{
    char *other = pem_of("server.key");
    char *other_ec = pem_of("server-p256.key");

    (void)state;
    refused(cert, other, ca, "client_key", "does not belong to client_cert \"CN=tee-client, O=Zing\"");
    refused(cert, ec_key, ca, "client_key", "does not belong");
    refused(ec_cert, other_ec, ca, "client_key", "does not belong");
    free(other);
    free(other_ec);
}

static void unfit_keys_and_certificates_are_refused(void **state)
{
    static const struct {
        const char *file;
        const char *part;
    } keys[] = {
        {"large.key", "4992 bits"},
        {"server-1024.key", "1024 bits"},
        {"ed25519.key", "neither RSA nor EC"},
        {"koblitz.key", "P-256, P-384 or P-521"},
        {"client-encrypted.key", "encrypted"},
        {"client-encrypted-pkcs1.key", "encrypted"},
        {"client.crt", "CERTIFICATE where a private key is expected"},
    };
    char *small_ca = pem_of("server-1024.crt");
    char *narrow_ca = pem_of("narrow-ca.crt");

    (void)state;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        char *unfit = pem_of(keys[i].file);
        refused(cert, unfit, ca, "client_key: ", keys[i].part);
        free(unfit);
    }
    refused(key, key, ca, "client_cert: ", "private key among the certificates");
    refused(cert, key, small_ca, "ca_cert: ", "2048–4096 bits");
    refused(cert, key, narrow_ca, "ca_cert: ", "name constraints");
    refused(cert, key, key, "ca_cert: ", "private key");
    free(small_ca);
    free(narrow_ca);
}

static void joined_lines_are_named(void **state)
{
    char *joined = calloc(2, strlen(key) + 1);
    size_t used = 0;

    (void)state;
    for (const char *p = key; *p != '\0'; p++) {
        if (*p == '\n') {
            joined[used++] = '\\';
        }
        joined[used++] = *p == '\n' ? 'n' : *p;
    }
    refused(cert, joined, ca, "client_key: ", "escaped twice");
    free(joined);
}

static void bounds_hold(void **state)
{
    char *large = malloc(TLS_IDENTITY_PEM_MAX + 2);
    char *many = calloc(TLS_IDENTITY_CHAIN + 1, strlen(cert) + 1);
    struct tls_identity *identity = NULL;

    (void)state;
    memset(large, '\n', TLS_IDENTITY_PEM_MAX + 1);
    large[TLS_IDENTITY_PEM_MAX + 1] = '\0';
    memcpy(large, cert, strlen(cert));
    refused(large, key, ca, "client_cert: ", "65536");
    assert_int_equal(
        tls_identity_load("client", large, TLS_IDENTITY_PEM_MAX + 1, key, strlen(key), &identity, &why), -EINVAL);
    large[TLS_IDENTITY_PEM_MAX] = '\0';
    assert_int_equal(parse(object_of(large, key, ca), large, key, ca), 0);
    for (int i = 0; i <= TLS_IDENTITY_CHAIN; i++) {
        strcat(many, cert);
    }
    refused(many, key, ca, "client_cert: ", "more than 8");
    free(large);
    free(many);
}

static void loaded_identity_says_who_it_is(void **state)
{
    struct tls_identity *identity = NULL;

    (void)state;
    assert_int_equal(tls_identity_load("client", cert, strlen(cert), key, strlen(key), &identity, &why), 0);
    assert_string_equal(tls_identity_subject(identity), "\"CN=tee-client, O=Zing\"");
    assert_int_in_range(tls_identity_not_after(identity) - time(NULL), 364 * 86400, 365 * 86400);
    tls_identity_free(identity);
}

static void trust_needs_certificates_only(void **state)
{
    struct tls_trust *trust = NULL;
    char *many = calloc(TLS_TRUST_COUNT + 1, strlen(ca) + 1);

    (void)state;
    assert_int_equal(tls_trust_load("", 0, &trust, &why), -EINVAL);
    assert_contains(why.text, "no certificate");
    assert_int_equal(tls_trust_load("nothing\n", 8, &trust, &why), -EINVAL);
    for (int i = 0; i < TLS_TRUST_COUNT; i++) {
        strcat(many, ca);
    }
    assert_int_equal(tls_trust_load(many, strlen(many), &trust, &why), 0);
    tls_trust_free(trust);
    strcat(many, ca);
    assert_int_equal(tls_trust_load(many, strlen(many), &trust, &why), -EINVAL);
    free(many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(object_of_pem_is_taken),
        cmocka_unit_test(string_that_holds_the_object_is_taken),
        cmocka_unit_test(each_field_may_be_base64_of_pem),
        cmocka_unit_test(every_form_of_key_is_taken),
        cmocka_unit_test(chains_and_bundles_are_taken),
        cmocka_unit_test(missing_and_wrong_fields_are_named),
        cmocka_unit_test(what_is_no_object_is_refused),
        cmocka_unit_test(cut_pem_is_refused_wherever_it_is_cut),
        cmocka_unit_test(key_of_another_certificate_is_refused),
        cmocka_unit_test(unfit_keys_and_certificates_are_refused),
        cmocka_unit_test(joined_lines_are_named),
        cmocka_unit_test(bounds_hold),
        cmocka_unit_test(loaded_identity_says_who_it_is),
        cmocka_unit_test(trust_needs_certificates_only),
    };

    return cmocka_run_group_tests(tests, files_read, files_free);
}
