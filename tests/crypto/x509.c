/* tests of x509: certificates as openssl makes them are read, and bytes that are changed are refused or harmless. */
#include "tests/tls/files.h"

#include <errno.h>

#include "crypto/x509.h"

static char *der;
static struct x509_certificate certificate;
static struct reason why;

/* Reads NAME.crt; its bytes live until the next call. */
static void certificate_of(const char *name)
{
    char file[64];
    size_t size;

    free(der);
    (void)snprintf(file, sizeof file, "%s.crt.der", name);
    der = file_of(file, &size);
    if (x509_read((struct bytes){(const uint8_t *)der, size}, &certificate, &why) != 0) {
        fail_msg("%s: %s", name, why.text);
    }
}

static const char *subject(void)
{
    static char text[X509_TEXT_SIZE];
    x509_name_text(certificate.subject, text);
    return text;
}

static const char *alternatives(void)
{
    static char text[X509_TEXT_SIZE];
    x509_alternatives_text(&certificate, text);
    return text;
}

static void recipe_is_read_in_full(void **state)
{
    (void)state;
    certificate_of("client");
    assert_int_equal(certificate.version, 3);
    assert_string_equal(subject(), "CN=tee-client, O=Zing");
    assert_int_equal(certificate.key, X509_KEY_RSA);
    assert_int_equal(certificate.rsa_bits, 2048);
    assert_int_equal(certificate.not_after - certificate.not_before, 365 * 86400);
    assert_int_in_range(time(NULL) - certificate.not_before, 0, 3600);
    assert_true(certificate.has_purposes);
    assert_int_equal(certificate.purposes, X509_CLIENT_AUTH);
    assert_false(x509_allows(&certificate, X509_SERVER_AUTH));
    assert_false(certificate.ca);
    assert_false(certificate.has_names);
}

static void plain_recipe_is_version_1(void **state)
{
    (void)state;
    certificate_of("client-v1");
    assert_int_equal(certificate.version, 1);
    assert_string_equal(subject(), "CN=ECS-Client");
    assert_true(x509_allows(&certificate, X509_SERVER_AUTH));
    assert_true(x509_allows(&certificate, X509_CLIENT_AUTH));
}

static void authorities_and_kinds_of_keys_are_told_apart(void **state)
{
    static const struct {
        const char *name;
        enum x509_key key;
        bool ca;
    } known[] = {
        {"ca", X509_KEY_RSA, true},
        {"ec-ca", X509_KEY_P256, true},
        {"middle", X509_KEY_RSA, true},
        {"not-an-authority", X509_KEY_RSA, false},
        {"server-p256", X509_KEY_P256, false},
        {"server-p384", X509_KEY_P384, false},
        {"server-p521", X509_KEY_P521, false},
        {"server-ed25519", X509_KEY_OTHER, false},
        {"server-4992", X509_KEY_RSA, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        certificate_of(known[i].name);
        assert_int_equal(certificate.key, known[i].key);
        assert_int_equal(certificate.ca, known[i].ca);
    }
    assert_int_equal(certificate.rsa_bits, 4992);
    certificate_of("narrow-ca");
    assert_true(certificate.name_constraints);
}

static void purposes_are_read_critical_or_not(void **state)
{
    (void)state;
    certificate_of("server-critical-purpose");
    assert_true(x509_allows(&certificate, X509_SERVER_AUTH));
    assert_false(x509_allows(&certificate, X509_CLIENT_AUTH));
    certificate_of("server-any-purpose");
    assert_true(x509_allows(&certificate, X509_SERVER_AUTH));
    assert_true(x509_allows(&certificate, X509_CLIENT_AUTH));
}

static void signatures_that_are_not_taken_have_names(void **state)
{
    static const struct {
        const char *certificate;
        const char *name;
    } known[] = {
        {"server", NULL},
        {"server-p256-ec", NULL},
        {"server-p384", NULL},
        {"server-p521", NULL},
        {"server-sha1", "SHA-1 and RSA"},
        {"server-sha1-ec", "SHA-1 and ECDSA"},
        {"server-pss", "RSASSA-PSS"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        certificate_of(known[i].certificate);
        const char *name = x509_signature_refused(&certificate);
        if (known[i].name == NULL) {
            assert_null(name);
        } else {
            assert_non_null(name);
            assert_string_equal(name, known[i].name);
        }
    }
    certificate.signature = (struct bytes){(const uint8_t *)"\x2a\x03", 2};
    assert_string_equal(x509_signature_refused(&certificate), "another algorithm");
}

static void names_are_shown_and_matched(void **state)
{
    (void)state;
    certificate_of("server-address");
    assert_string_equal(alternatives(), "IP:127.0.0.1, IP:::1");
    assert_int_equal(x509_match_host(&certificate, "127.0.0.1"), X509_MATCH);
    assert_int_equal(x509_match_host(&certificate, "0:0::1"), X509_MATCH);
    assert_int_equal(x509_match_host(&certificate, "watermark.test"), X509_NO_MATCH); /* the CN, but there are names */
    certificate_of("server-wildcard");
    assert_string_equal(alternatives(), "DNS:*.watermark.test, DNS:*.com");
    assert_int_equal(x509_match_host(&certificate, "a.watermark.test"), X509_MATCH);
    assert_int_equal(x509_match_host(&certificate, ".watermark.test"), X509_NO_MATCH);
    assert_int_equal(x509_match_host(&certificate, "watermark.test"), X509_NO_MATCH);
    assert_int_equal(x509_match_host(&certificate, "a.b.watermark.test"), X509_NO_MATCH);
    assert_int_equal(x509_match_host(&certificate, "a.com"), X509_NO_MATCH);
    certificate_of("server-v1");
    assert_int_equal(x509_match_host(&certificate, "Watermark.Test"), X509_MATCH_CN);
    assert_int_equal(x509_match_host(&certificate, "watermark.tes"), X509_NO_MATCH);
    certificate_of("server-odd-name");
    assert_string_equal(subject(), "CN=\033[31m\"red\"");
}

static void a_wildcard_is_the_whole_left_label_and_stands_for_one(void **state)
{
    static const char *const others[] = {"a", "a.test", "watermark.test", "k.watermark.test", "dark.watermark.test",
        "a.b.test", "xn--bcher-kva.watermark.test", "a.b.watermark.test", "dot.test", "dot.test.", ""};

    (void)state;
    certificate_of("server-odd-wildcards");
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_int_equal(x509_match_host(&certificate, others[i]), i == 9 ? X509_MATCH : X509_NO_MATCH);
    }
    certificate_of("server-wildcard");
    assert_int_equal(x509_match_host(&certificate, "xn--bcher-kva.watermark.test"), X509_MATCH);
    assert_int_equal(x509_match_host(&certificate, "a.watermark.test."), X509_NO_MATCH);
    assert_int_equal(x509_match_host(&certificate, "127.0.0.1"), X509_NO_MATCH);
}

static void exact_names_are_compared_exactly(void **state)
{
    static const char *const bad[] = {
        "", "DNS:", "CN=", "tee-client", "dns:a", "O=Zing", "IP:a", "DNS:*.watermark.test"};

    (void)state;
    certificate_of("client");
    assert_true(x509_has_name(&certificate, "CN=tee-client"));
    assert_false(x509_has_name(&certificate, "CN=tee-clien"));
    assert_false(x509_has_name(&certificate, "CN=TEE-client"));
    assert_false(x509_has_name(&certificate, "CN=Zing"));
    assert_false(x509_has_name(&certificate, "DNS:tee-client"));
    certificate_of("client-names");
    assert_string_equal(alternatives(), "DNS:ecs.test, IP:10.0.0.1, URI:spiffe://zing.test/ecs");
    assert_true(x509_has_name(&certificate, "DNS:ECS.test"));
    assert_true(x509_has_name(&certificate, "IP:10.0.0.1"));
    assert_true(x509_has_name(&certificate, "URI:spiffe://zing.test/ecs"));
    assert_false(x509_has_name(&certificate, "URI:spiffe://zing.test/ECS"));
    assert_false(x509_has_name(&certificate, "URI:ecs.test"));
    assert_false(x509_has_name(&certificate, "IP:10.0.0.2"));
    assert_false(x509_has_name(&certificate, "CN=one")); /* it has two */
    assert_false(x509_has_name(&certificate, "CN=two"));
    certificate_of("server-wildcard");
    assert_false(x509_has_name(&certificate, "DNS:a.watermark.test"));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_non_null(x509_name_fault(bad[i]));
    }
    assert_null(x509_name_fault("CN=a, b"));
    assert_null(x509_name_fault("IP:::1"));
}

static void every_cut_is_refused(void **state)
{
    char *data;
    size_t size;

    (void)state;
    data = file_of("client.crt.der", &size);
    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *copy = malloc(cut + 1); /* exactly as large, so that a sanitizer sees a read behind it */
        memcpy(copy, data, cut);
        assert_int_equal(x509_read((struct bytes){copy, cut}, &certificate, &why), -EINVAL);
        free(copy);
    }
    free(data);
}

static void bytes_behind_it_are_refused(void **state)
{
    char *data;
    size_t size;

    (void)state;
    data = file_of("client.crt.der", &size); /* has a NUL behind */
    assert_int_equal(x509_read((struct bytes){(const uint8_t *)data, size + 1}, &certificate, &why), -EINVAL);
    free(data);
}

/* Replaces the only place where `from` stands, and reads; the bytes live as certificate_of() has them. */
static int read_changed(const char *name, const char *from, const char *to, size_t change)
{
    char file[64];
    size_t size;
    char *at;

    free(der);
    (void)snprintf(file, sizeof file, "%s.crt.der", name);
    der = file_of(file, &size);
    at = memmem(der, size, from, change);
    assert_non_null(at);
    memcpy(at, to, change);
    return x509_read((struct bytes){(const uint8_t *)der, size}, &certificate, &why);
}

static void a_nul_in_a_name_hides_nothing(void **state)
{
    (void)state;
    assert_int_equal(read_changed("server", "\x0ewatermark.test", "\x0ewatermark\0test", 15), 0);
    assert_int_equal(x509_match_host(&certificate, "watermark"), X509_NO_MATCH);
    assert_int_equal(x509_match_host(&certificate, "watermark.test"), X509_NO_MATCH);
    assert_string_equal(alternatives(), "DNS:watermark?test");
    assert_int_equal(read_changed("server-v1", "watermark.test", "watermark\0test", 14), 0);
    assert_int_equal(x509_match_host(&certificate, "watermark"), X509_NO_MATCH);
    assert_string_equal(subject(), "CN=watermark?test");
    assert_int_equal(read_changed("client", "tee-client", "tee\0client", 10), 0);
    assert_false(x509_has_name(&certificate, "CN=tee"));
}

static void long_and_foreign_names_are_bounded(void **state)
{
    (void)state;
    certificate_of("server-long-name");
    assert_int_equal(strlen(subject()), X509_TEXT_SIZE - 1);
    assert_begins(subject(), "CN=watermark, OU=0000");
    assert_string_equal(subject() + X509_TEXT_SIZE - 1 - strlen("…"), "…");
    certificate_of("server-unicode");
    assert_string_equal(subject(), "CN=wätermark, O=Zürich");
}

static void extensions_do_not_come_twice(void **state)
{
    (void)state;
    /* authorityKeyIdentifier, which openssl adds to the CA, becomes a second subjectKeyIdentifier. */
    assert_int_equal(read_changed("ca", "\x06\x03\x55\x1d\x23", "\x06\x03\x55\x1d\x0e", 5), -EINVAL);
    assert_non_null(strstr(why.text, "extensions"));
}

static void common_names_that_are_no_text_or_not_all_there_match_nothing(void **state)
{
    (void)state;
    assert_int_equal(read_changed("client", "\x0c\x0atee-client", "\x1e\x0atee-client", 12), 0); /* BMPString */
    assert_false(x509_has_name(&certificate, "CN=tee-client"));
    assert_int_equal(read_changed("client", "\x0c\x0atee-client", "\x13\x0atee-client", 12), 0); /* PrintableString */
    assert_true(x509_has_name(&certificate, "CN=tee-client"));
    /* The second of two is no RDN. */
    assert_int_equal(read_changed("client-names", "one\x31\x0c\x30\x0a", "one\x30\x0c\x30\x0a", 7), 0);
    assert_false(x509_has_name(&certificate, "CN=one"));
}

static void malformed_fields_are_named(void **state)
{
    (void)state;
    assert_int_equal(read_changed("client", "\x17\x0d", "\x18\x0d", 2), -EINVAL);
    assert_non_null(strstr(why.text, "dates"));
    assert_int_equal(read_changed("client", "\xa0\x03\x02\x01\x02", "\xa0\x03\x02\x01\x03", 5), -EINVAL);
    assert_non_null(strstr(why.text, "version"));
    assert_int_equal(read_changed("ca", "\x30\x03\x01\x01\xff", "\x30\x03\x01\x01\x01", 5), -EINVAL);
    assert_int_equal(read_changed("server-p256", "\x03\x42\x00\x04", "\x03\x42\x00\x03", 4), -EINVAL);
    assert_non_null(strstr(why.text, "public key"));
    assert_int_equal(read_changed("exponent", "", "", 0), -EINVAL); /* 2^32 + 1 */
    assert_non_null(strstr(why.text, "public key"));
}

static void dates_are_shown(void **state)
{
    static const struct {
        int64_t seconds;
        const char *text;
    } known[] = {
        {0, "1970-01-01 00:00:00 UTC"},
        {951782399, "2000-02-28 23:59:59 UTC"},
        {951782400, "2000-02-29 00:00:00 UTC"},
        {1709251199, "2024-02-29 23:59:59 UTC"},
        {1709251200, "2024-03-01 00:00:00 UTC"},
        {1790856000, "2026-10-01 12:00:00 UTC"},
        {4107542400, "2100-03-01 00:00:00 UTC"},
        {-1, "1969-12-31 23:59:59 UTC"},
        {253402300799, "9999-12-31 23:59:59 UTC"},
    };
    char text[X509_DATE_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        x509_date_text(known[i].seconds, text);
        assert_string_equal(text, known[i].text);
    }
}

static void dates_read_are_the_dates_shown(void **state)
{
    char command[1024];
    char text[X509_DATE_SIZE];
    char *shown;
    size_t size;

    (void)state;
    certificate_of("server");
    x509_date_text(certificate.not_after, text);
    (void)snprintf(command, sizeof command,
        "cd '%s' && date -u -d \"$(openssl x509 -in server.crt -noout -enddate | cut -d= -f2)\" "
        "'+%%Y-%%m-%%d %%H:%%M:%%S UTC' >server.enddate",
        files_folder());
    assert_int_equal(system(command), 0);
    shown = file_of("server.enddate", &size);
    shown[size - 1] = '\0';
    assert_string_equal(text, shown);
    free(shown);
}

static int der_free(void **state)
{
    (void)state;
    free(der);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recipe_is_read_in_full),
        cmocka_unit_test(plain_recipe_is_version_1),
        cmocka_unit_test(authorities_and_kinds_of_keys_are_told_apart),
        cmocka_unit_test(purposes_are_read_critical_or_not),
        cmocka_unit_test(signatures_that_are_not_taken_have_names),
        cmocka_unit_test(names_are_shown_and_matched),
        cmocka_unit_test(a_wildcard_is_the_whole_left_label_and_stands_for_one),
        cmocka_unit_test(exact_names_are_compared_exactly),
        cmocka_unit_test(every_cut_is_refused),
        cmocka_unit_test(bytes_behind_it_are_refused),
        cmocka_unit_test(a_nul_in_a_name_hides_nothing),
        cmocka_unit_test(long_and_foreign_names_are_bounded),
        cmocka_unit_test(extensions_do_not_come_twice),
        cmocka_unit_test(common_names_that_are_no_text_or_not_all_there_match_nothing),
        cmocka_unit_test(malformed_fields_are_named),
        cmocka_unit_test(dates_are_shown),
        cmocka_unit_test(dates_read_are_the_dates_shown),
    };

    return cmocka_run_group_tests(tests, NULL, der_free);
}
