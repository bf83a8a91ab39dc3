/* tests of verifier: which certificates of a real OpenSSL server are believed, and what is said of the others. */
#include "tls/verifier.h"
#include "tests/tls/trial.h"

static void intermediates_are_followed_in_any_order(void **state)
{
    (void)state;
    succeeds(&(struct trial){
        .certificate = "server-lower", .key = "server", .options = OPTIONS("-cert_chain", "chain.crt")});
    succeeds(&(struct trial){
        .certificate = "server-lower", .key = "server", .options = OPTIONS("-cert_chain", "shuffled.crt")});
    succeeds(&(struct trial){.certificate = "server-lower", .key = "server", .ca = "lower"});
}

static void cross_signed_intermediates_lead_to_whichever_authority_is_trusted(void **state)
{
    static const char *const authorities[] = {"ca", "other-ca", "both-ca", "middle"};

    (void)state;
    for (size_t i = 0; i < sizeof authorities / sizeof authorities[0]; i++) {
        succeeds(&(struct trial){.certificate = "server-lower",
            .key = "server",
            .ca = authorities[i],
            .options = OPTIONS("-cert_chain", "cross.crt")});
    }
    refuses(&(struct trial){.certificate = "server-lower",
                .key = "server",
                .ca = "ec-ca",
                .options = OPTIONS("-cert_chain", "cross.crt")},
        BR_NOT_TRUSTED, PARTS("EC-CA"));
}

static void several_authorities_can_be_trusted(void **state)
{
    (void)state;
    succeeds(&(struct trial){.ca = "both-ca"});
    succeeds(&(struct trial){.certificate = "server-other-ca", .key = "server", .ca = "both-ca"});
}

static void addresses_are_matched_as_addresses(void **state)
{
    (void)state;
    succeeds(&(struct trial){.certificate = "server-address", .key = "server", .name = "127.0.0.1"});
    succeeds(&(struct trial){.certificate = "server-address", .key = "server", .name = "::1"});
    succeeds(&(struct trial){.certificate = "server-address", .key = "server", .name = "0:0::1"});
    refuses(&(struct trial){.certificate = "server-address", .key = "server", .name = "127.0.0.2"}, TLS_FAULT_NAME,
        PARTS("\"127.0.0.2\" presented \"CN=watermark.test\"", "IP:127.0.0.1, IP:::1"));
}

static void purposes_are_honoured(void **state)
{
    (void)state;
    succeeds(&(struct trial){.certificate = "server-no-purpose", .key = "server"});
    succeeds(&(struct trial){.certificate = "server-any-purpose", .key = "server"});
    succeeds(&(struct trial){.certificate = "server-critical-purpose", .key = "server"});
    succeeds(&(struct trial){.certificate = "server", .eku_required = true});
    refuses(&(struct trial){.certificate = "server-no-purpose", .key = "server", .eku_required = true},
        TLS_FAULT_PURPOSE, PARTS("eku = required"));
    refuses(&(struct trial){.certificate = "server-wrong-purpose", .key = "server"}, TLS_FAULT_PURPOSE,
        PARTS("extendedKeyUsage lacks serverAuth"));
    refuses(&(struct trial){.certificate = "server-lower",
                .key = "server",
                .options = OPTIONS("-cert_chain", "clients-only-chain.crt")},
        TLS_FAULT_PURPOSE, PARTS("\"CN=Lower-CA\""));
}

static void version_1_and_cn_follow_the_policy(void **state)
{
    (void)state;
    succeeds(&(struct trial){.certificate = "server-v1", .key = "server", .cn_allowed = true});
    refuses(&(struct trial){.certificate = "server-v1", .key = "server"}, TLS_FAULT_NAME_CN_ONLY,
        PARTS("\"CN=watermark.test\"", "cn = allowed"));
    refuses(&(struct trial){.certificate = "server-other-san", .key = "server", .cn_allowed = true}, TLS_FAULT_NAME,
        PARTS("DNS:another.test"));
    refuses(&(struct trial){.certificate = "server-v1", .key = "server", .cn_allowed = true, .name = "other.test"},
        TLS_FAULT_NAME, PARTS("good for its CN"));
}

static void wildcards_stand_for_one_label(void **state)
{
    (void)state;
    succeeds(&(struct trial){.certificate = "server-wildcard", .key = "server", .name = "a.WATERMARK.test"});
    refuses(&(struct trial){.certificate = "server-wildcard", .key = "server", .name = "a.b.watermark.test"},
        TLS_FAULT_NAME, PARTS("DNS:*.watermark.test"));
    refuses(&(struct trial){.certificate = "server-wildcard", .key = "server", .name = "watermark.test"},
        TLS_FAULT_NAME, PARTS("presented"));
    refuses(&(struct trial){.certificate = "server-wildcard", .key = "server", .name = "watermark.com"}, TLS_FAULT_NAME,
        PARTS("presented"));
}

static void pin_is_the_key_of_the_leaf(void **state)
{
    char command[1024];
    uint8_t pin[32];
    size_t size;
    char *text;

    (void)state;
    (void)snprintf(command, sizeof command,
        "cd '%s' && openssl x509 -in server.crt -noout -pubkey | openssl pkey -pubin -outform DER | "
        "openssl dgst -sha256 -binary >server.pin",
        files_folder());
    assert_int_equal(system(command), 0);
    text = file_of("server.pin", &size);
    assert_int_equal(size, sizeof pin);
    memcpy(pin, text, sizeof pin);
    free(text);
    succeeds(&(struct trial){.pin = pin});
    pin[31] ^= 1;
    refuses(&(struct trial){.pin = pin}, TLS_FAULT_PIN, PARTS("whose key is sha256/"));
}

static void dates_are_judged_by_the_clock_given(void **state)
{
    (void)state;
    refuses(&(struct trial){.now = time(NULL) + 400 * 86400}, BR_EXPIRED,
        PARTS("expired 20", "; enclave clock 20", " UTC, from the NSM): renew it on the service"));
    refuses(&(struct trial){.now = time(NULL) - 86400}, TLS_FAULT_NOT_YET_VALID, PARTS("not valid before"));
    refuses(&(struct trial){.now = 1}, TLS_FAULT_NOT_YET_VALID, PARTS("enclave clock 1970-01-01 00:00:01 UTC"));
}

static void strangers_are_refused(void **state)
{
    (void)state;
    refuses(&(struct trial){.certificate = "server-other-ca", .key = "server"}, BR_NOT_TRUSTED,
        PARTS("issued by \"CN=Other-CA\"", "trusted: \"CN=Enclave-CA\""));
    refuses(&(struct trial){.certificate = "server-impostor", .key = "server"}, BR_NOT_TRUSTED,
        PARTS("of the same name but with another key"));
    refuses(&(struct trial){.certificate = "server-lower", .key = "server"}, BR_NOT_TRUSTED,
        PARTS("issued by \"CN=Lower-CA\"", "intermediates"));
    refuses(&(struct trial){.certificate = "server-lower",
                .key = "server",
                .options = OPTIONS("-cert_chain", "not-an-authority-chain.crt")},
        BR_NOT_CA, PARTS("CA:TRUE"));
    refuses(&(struct trial){.name = "elsewhere.test"}, TLS_FAULT_NAME,
        PARTS("\"elsewhere.test\" presented \"CN=watermark\"", "DNS:watermark.test"));
}

/* Whoever has no certificate of ours cannot ask for more signatures than a few chains have. */
static void certificates_that_may_all_have_issued_each_other_are_not_tried_in_every_order(void **state)
{
    clock_t times[3] = {clock()}; /* of this process's CPU */

    (void)state;
    succeeds(&(struct trial){.certificate = "server-p521"}); /* one signature on P-521 */
    times[1] = clock();
    refuses(&(struct trial){.certificate = "namesake", .options = OPTIONS("-cert_chain", "namesakes.crt")},
        BR_NOT_TRUSTED, PARTS("issued by \"CN=Namesake\""));
    times[2] = clock();
    assert_true(times[2] - times[1] < 30 * (times[1] - times[0])); /* 10 times is usual; 16 orders are 80 */
}

static void weak_and_strange_certificates_are_refused(void **state)
{
    (void)state;
    refuses(&(struct trial){.certificate = "server-1024", .options = OPTIONS("-cipher", "ALL:@SECLEVEL=0")},
        TLS_FAULT_KEY_SIZE, PARTS("RSA key of 1024 bits"));
    refuses(&(struct trial){.certificate = "server-4992", .key = "large"}, TLS_FAULT_KEY_SIZE,
        PARTS("RSA key of 4992 bits"));
    refuses(
        &(struct trial){
            .certificate = "server-large", .key = "server", .options = OPTIONS("-cert_chain", "middle-large.crt")},
        TLS_FAULT_KEY_SIZE, PARTS("\"CN=Middle-CA\"", "RSA key of 4992 bits"));
    refuses(&(struct trial){.certificate = "server-small",
                .key = "server",
                .options = OPTIONS("-cert_chain", "middle-1024.crt", "-cipher", "ALL:@SECLEVEL=0")},
        TLS_FAULT_KEY_SIZE, PARTS("\"CN=Middle-CA\"", "RSA key of 1024 bits"));
    refuses(&(struct trial){.certificate = "server-pss", .key = "server"}, BR_UNSUPPORTED,
        PARTS("signed with RSASSA-PSS", "not PSS"));
    refuses(
        &(struct trial){
            .certificate = "server-sha1", .key = "server", .options = OPTIONS("-cipher", "ALL:@SECLEVEL=0")},
        BR_UNSUPPORTED, PARTS("signed with SHA-1 and RSA", "SHA-256"));
    refuses(&(struct trial){.certificate = "server-critical-unknown", .key = "server"}, BR_CRITICAL_EXTENSION,
        PARTS("critical extension"));
    refuses(
        &(struct trial){
            .certificate = "server-lower", .key = "server", .options = OPTIONS("-cert_chain", "narrow-chain.crt")},
        TLS_FAULT_CONSTRAINTS, PARTS("\"CN=Lower-CA\""));
    refuses(&(struct trial){.certificate = "server-narrow", .key = "server"}, TLS_FAULT_CONSTRAINTS,
        PARTS("\"CN=watermark\""));
}

/* A server behind lower, which came as another certificate of the same key. */
static void chain_refused(const char *chain, int code, const char *const parts[])
{
    char file[64];

    (void)snprintf(file, sizeof file, "%s-chain.crt", chain);
    refuses(&(struct trial){.certificate = "server-lower",
                .key = "server",
                .options = OPTIONS("-cert_chain", file, "-cipher", "ALL:@SECLEVEL=0")},
        code, parts);
}

static void issuers_are_authorities_in_full(void **state)
{
    (void)state;
    chain_refused("lower-v1", BR_NOT_CA, PARTS("\"CN=Lower-CA\"", "CA:TRUE"));
    chain_refused("lower-no-sign", BR_KEY_USAGE, PARTS("\"CN=Lower-CA\"", "keyCertSign"));
    chain_refused("lower-last", BR_NOT_CA, PARTS("\"CN=Middle-CA\"", "pathlen"));
    succeeds(&(struct trial){
        .certificate = "server-lower", .key = "server", .options = OPTIONS("-cert_chain", "lower-one-chain.crt")});
    chain_refused("lower-critical", BR_CRITICAL_EXTENSION, PARTS("\"CN=Lower-CA\""));
    chain_refused("lower-huge", TLS_FAULT_KEY_SIZE, PARTS("\"CN=Middle-CA\"", "RSA key of 8192 bits"));
}

static void old_hashes_are_refused_wherever_they_prove_something(void **state)
{
    (void)state;
    chain_refused("lower-sha1", BR_UNSUPPORTED, PARTS("\"CN=Lower-CA\"", "signed with SHA-1 and RSA"));
    chain_refused("lower-md5", BR_UNSUPPORTED, PARTS("\"CN=Lower-CA\"", "signed with MD5 and RSA"));
    refuses(
        &(struct trial){.certificate = "server-md5", .key = "server", .options = OPTIONS("-cipher", "ALL:@SECLEVEL=0")},
        BR_UNSUPPORTED, PARTS("signed with MD5 and RSA"));
    succeeds(&(struct trial){.ca = "sha1-ca"}); /* trusted as it stands, not for its own signature */
}

static void a_key_is_used_for_what_it_is_meant(void **state)
{
    (void)state;
    refuses(&(struct trial){.certificate = "server-transport", .key = "server"}, BR_KEY_USAGE,
        PARTS("keyUsage", "digitalSignature"));
}

/* ---- what no server of OpenSSL's sends ---- */

static struct verifier verifier;

static void chain_begin(const struct tls_trust *trust)
{
    verifier_init(&verifier, trust, X509_SERVER_AUTH, time(NULL));
    (void)strcpy(verifier.name, NAME);
    verifier.class->start_chain(&verifier.class, NULL);
}

static void chain_add(const char *der, size_t size)
{
    verifier.class->start_cert(&verifier.class, (uint32_t)size);
    verifier.class->append(&verifier.class, (const unsigned char *)der, size);
    verifier.class->end_cert(&verifier.class);
}

static void chain_ends(int fault, const char *words)
{
    assert_int_equal(verifier.class->end_chain(&verifier.class), fault == 0 ? 0 : BR_NOT_TRUSTED);
    assert_int_equal(verifier.fault, fault);
    assert_contains(verifier.why.text, words);
}

static void chains_are_bounded_and_must_be_certificates(void **state)
{
    struct tls_trust *trust = trust_of("ca");
    static char large[TLS_CHAIN_MAX + 1];
    size_t size;
    char *leaf = file_of("server.crt.der", &size);

    (void)state;
    chain_begin(trust);
    chain_ends(TLS_FAULT_NO_CERTIFICATE, "there is no certificate");
    chain_begin(trust);
    chain_add(leaf, size - 1);
    chain_ends(TLS_FAULT_MALFORMED, "certificate 1 of the chain: not a well-formed X.509 certificate");
    for (size_t count = TLS_CHAIN_COUNT; count <= TLS_CHAIN_COUNT + 1; count++) {
        chain_begin(trust);
        for (size_t i = 0; i < count; i++) {
            chain_add(leaf, size);
        }
        chain_ends(count > TLS_CHAIN_COUNT ? TLS_FAULT_CHAIN_TOO_LARGE : 0,
            count > TLS_CHAIN_COUNT ? "at most 8 certificates of 16384 bytes together" : "");
    }
    chain_begin(trust);
    chain_add(leaf, size);
    chain_add(large, TLS_CHAIN_MAX - size + 1);
    chain_ends(TLS_FAULT_CHAIN_TOO_LARGE, "the chain is too large");
    chain_begin(trust);
    chain_add(large, sizeof large);
    chain_ends(TLS_FAULT_CHAIN_TOO_LARGE, "the chain is too large");
    free(leaf);
    tls_trust_free(trust);
}

static void foreign_names_are_quoted(void **state)
{
    (void)state;
    refuses(&(struct trial){.certificate = "server-odd-name", .key = "server", .name = "elsewhere.test"},
        TLS_FAULT_NAME, PARTS("\"CN=\\x1b[31m\\\"red\\\"\""));
    refuses(&(struct trial){.certificate = "server-unicode", .key = "server", .name = "elsewhere.test"}, TLS_FAULT_NAME,
        PARTS("\"CN=w\\xc3\\xa4termark, O=Z\\xc3\\xbcrich\""));
    refuses(&(struct trial){.certificate = "server-long-name", .key = "server", .name = "elsewhere.test"},
        TLS_FAULT_NAME, PARTS("\"CN=watermark, OU=0000", "\"…, issued by \"CN=Enclave-CA\""));
}

static int verdict;
static size_t chain_seen;

static int look(void *arg, struct bytes leaf, const struct bytes *chain, size_t chain_count, struct reason *why)
{
    assert_ptr_equal(arg, &verdict);
    assert_true(leaf.size > 100 && leaf.data[0] == 0x30);
    for (size_t i = 0; i < chain_count; i++) {
        assert_true(chain[i].size > 100 && chain[i].data[0] == 0x30);
    }
    chain_seen = chain_count;
    return reason_set(why, verdict, "it is not attested");
}

static void hook_sees_the_chain_and_can_refuse(void **state)
{
    struct trial trial = {.certificate = "server-lower",
        .key = "server",
        .options = OPTIONS("-cert_chain", "chain.crt"),
        .verify = look,
        .verify_arg = &verdict};

    (void)state;
    verdict = 0;
    succeeds(&trial);
    assert_int_equal(chain_seen, 2);
    verdict = -EACCES;
    refuses(&trial, TLS_FAULT_REFUSED, PARTS("it is not attested"));
    chain_seen = SIZE_MAX;
    trial.name = "elsewhere.test";
    refuses(&trial, TLS_FAULT_NAME, PARTS("presented"));
    assert_int_equal(chain_seen, SIZE_MAX); /* asked only when all else was good */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(intermediates_are_followed_in_any_order),
        cmocka_unit_test(cross_signed_intermediates_lead_to_whichever_authority_is_trusted),
        cmocka_unit_test(several_authorities_can_be_trusted),
        cmocka_unit_test(addresses_are_matched_as_addresses),
        cmocka_unit_test(purposes_are_honoured),
        cmocka_unit_test(version_1_and_cn_follow_the_policy),
        cmocka_unit_test(wildcards_stand_for_one_label),
        cmocka_unit_test(pin_is_the_key_of_the_leaf),
        cmocka_unit_test(dates_are_judged_by_the_clock_given),
        cmocka_unit_test(strangers_are_refused),
        cmocka_unit_test(certificates_that_may_all_have_issued_each_other_are_not_tried_in_every_order),
        cmocka_unit_test(weak_and_strange_certificates_are_refused),
        cmocka_unit_test(issuers_are_authorities_in_full),
        cmocka_unit_test(old_hashes_are_refused_wherever_they_prove_something),
        cmocka_unit_test(a_key_is_used_for_what_it_is_meant),
        cmocka_unit_test(chains_are_bounded_and_must_be_certificates),
        cmocka_unit_test(foreign_names_are_quoted),
        cmocka_unit_test(hook_sees_the_chain_and_can_refuse),
    };

    return cmocka_run_group_tests(tests, session_make, session_drop);
}
