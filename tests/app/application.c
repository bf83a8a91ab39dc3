/* application: tests app/application: what the image says of an endpoint is what its TLS sessions are held to. */
#include "app/application.h"

#include <errno.h>

#include "tests/tls/files.h"

#define PIN "sha256/AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="

static struct config config;
static struct credentials *credentials;
static struct tls_trust *trusts[4]; /* of each endpoint, as the application holds them */
static struct application application = {.config = &config, .trusts = trusts};

static void configure(const char *identity)
{
    static const char form[] =
        "[image]\nname = t\n[app]\nrun = watermark\nendpoint = plain.test\n"
        "[secrets]\nmode = plain\nrequired = MTLS_CLIENT_CERT_JSON\n"
        "[endpoint plain.test]\ntls = mutual\nca = pushed\n"
        "[endpoint strict.test]\ntls = mutual\nca = %s/other-ca.crt\npin = " PIN "\neku = required\n"
        "[endpoint balancer.test]\ntls = server\nca = pushed\nserver-name = verified.test\ncn = allowed\n"
        "[inbound api]\nvsock = 1\nto = 127.0.0.1:1\n%s";
    struct config_report report;
    char text[4096];
    int size = snprintf(text, sizeof text, form, files_folder(), identity);
    int error = config_parse(&config, "test", text, (size_t)size, &report);

    if (error != 0) {
        fail_msg("%s", report.error_count > 0 ? report.errors[0] : "");
    }
    config_report_free(&report);
    assert_int_equal(config.endpoint_count, 3);
    assert_int_equal(credentials_read_trust(config.endpoints[1].ca_file, &trusts[1], NULL), 0);
    assert_int_equal(credentials_create(&credentials, &config, -1, NULL), 0);
}

static int with_identity(void **state)
{
    char identity[2048];

    (void)state;
    (void)snprintf(identity, sizeof identity,
        "[identity client]\ncert = %s/client.crt\nkey = %s/client.key\nca = %s/ca.crt\n", files_folder(),
        files_folder(), files_folder());
    configure(identity);
    return 0;
}

static int without_identity(void **state)
{
    (void)state;
    configure("");
    return 0;
}

static int drop(void **state)
{
    (void)state;
    credentials_drop(credentials);
    tls_trust_free(trusts[1]);
    config_free(&config);
    return 0;
}

static struct tls_client client_of(size_t endpoint)
{
    struct tls_client client;
    struct reason why;

    if (application_tls(&application, credentials, &config.endpoints[endpoint], &client, &why) != 0) {
        fail_msg("%s", why.text);
    }
    return client;
}

static void what_is_not_said_is_strict_about_names_alone(void **state)
{
    struct tls_client client = client_of(0);

    (void)state;
    assert_string_equal(client.server_name, "plain.test");
    assert_ptr_equal(client.trust, credentials->client.ca);
    assert_ptr_equal(client.identity, credentials->client.identity);
    assert_null(client.pin);
    assert_false(client.cn_allowed);
    assert_false(client.eku_required);
    assert_null(client.clock); /* the enclave's */
}

static void pin_purpose_and_measured_authority_are_asked_for(void **state)
{
    static const uint8_t pin[32] = {
        1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    struct tls_client client = client_of(1);

    (void)state;
    assert_ptr_equal(client.trust, trusts[1]); /* the pushed one does not count */
    assert_non_null(client.pin);
    assert_memory_equal(client.pin, pin, sizeof pin);
    assert_true(client.eku_required);
    assert_false(client.cn_allowed);
}

static void a_balancers_name_is_dialled_and_another_verified(void **state)
{
    struct tls_client client = client_of(2);

    (void)state;
    assert_string_equal(config.endpoints[2].host, "balancer.test");
    assert_string_equal(client.server_name, "verified.test");
    assert_null(client.identity); /* tls = server shows none */
    assert_true(client.cn_allowed);
}

static void without_an_identity_the_sentence_says_what_to_push(void **state)
{
    struct tls_client client;
    struct reason why;

    (void)state;
    for (size_t i = 0; i < config.endpoint_count; i++) {
        assert_int_equal(application_tls(&application, credentials, &config.endpoints[i], &client, &why), -ENOKEY);
        assert_contains(why.text, "push MTLS_CLIENT_CERT_JSON to vsock port 7777");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_not_said_is_strict_about_names_alone, with_identity, drop),
        cmocka_unit_test_setup_teardown(pin_purpose_and_measured_authority_are_asked_for, with_identity, drop),
        cmocka_unit_test_setup_teardown(a_balancers_name_is_dialled_and_another_verified, with_identity, drop),
        cmocka_unit_test_setup_teardown(without_an_identity_the_sentence_says_what_to_push, without_identity, drop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
