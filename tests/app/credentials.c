/* credentials: identities that the image holds, and the pushed ones that replace them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/credentials.h"
#include "app/secrets.h"
#include "base/file.h"

static char folder[256];

static char *read_pem(const char *name, uint32_t *size)
{
    char path[512];
    char *data;
    size_t length;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(file_read(path, 65536, &data, &length, NULL), 0);
    *size = (uint32_t)length;
    return data;
}

/* packed: the section [identity …], or "". */
static void parse(struct config *config, const char *packed)
{
    char text[2048];
    struct config_report report;
    int size = snprintf(text, sizeof text,
        "[image]\nname = t\nversion = 1\nmemory = 64M\ncpus = 1\n[app]\nrun = watermark\n"
        "[secrets]\nmode = plain\noptional = MTLS_CLIENT_CERT_JSON ECS_WATERMARK_ENDPOINT\n"
        "[endpoint a.test]\ntls = mutual\nca = pushed\n[inbound api]\nvsock = 3000\nto = 127.0.0.1:3000\n%s",
        packed);
    int error = config_parse(config, "test", text, (size_t)size, &report);

    for (size_t i = 0; i < report.error_count; i++) {
        print_error("%s\n", report.errors[i]);
    }
    config_report_free(&report);
    assert_int_equal(error, 0);
}

static void parse_packed(struct config *config, const char *key)
{
    char section[1024];

    snprintf(section, sizeof section, "[identity any]\ncert = %s/client.crt\nkey = %s/%s\nca = %s/ca.crt\n", folder,
        folder, key, folder);
    parse(config, section);
}

/* A memory file with client-ec's identity as that of kind, or (SECRETS_KINDS) with no identity at all. */
static int push(enum secrets_kind kind)
{
    static const char env[] = "ECS_WATERMARK_ENDPOINT=https://a.test/p";
    struct secrets_header header = {.env_size = sizeof env, .env_count = 1};
    uint32_t sizes[3];
    char *cert = read_pem("client-ec.crt", &sizes[0]);
    char *key = read_pem("client-ec.key", &sizes[1]);
    char *ca = read_pem("ca.crt", &sizes[2]);
    int fd;

    struct identity_pem pem[SECRETS_KINDS] = {{0}};

    if (kind != SECRETS_KINDS) {
        pem[kind] = (struct identity_pem){cert, key, ca};
        header.identities[kind] =
            (struct secrets_sizes){.cert_size = sizes[0], .key_size = sizes[1], .ca_size = sizes[2]};
    }
    assert_int_equal(secrets_write(&header, env, pem, &fd, NULL), 0);
    free(cert);
    free(key);
    free(ca);
    return fd;
}

static void without_a_push_there_is_nothing_but_the_service(void **state)
{
    struct credentials *credentials;
    struct config config;

    (void)state;
    parse(&config, "");
    assert_int_equal(credentials_create(&credentials, &config, -1, NULL), 0);
    assert_null(credentials->client.identity);
    assert_null(credentials->client.ca);
    assert_int_equal(credentials->service_error, 0);
    assert_string_equal(credentials->service.authority, "a.test");
    credentials_drop(credentials);
    config_free(&config);
}

static void a_packed_identity_is_there_from_the_start(void **state)
{
    struct credentials *credentials;
    struct config config;

    (void)state;
    parse_packed(&config, "client.key");
    assert_int_equal(credentials_create(&credentials, &config, -1, NULL), 0);
    assert_non_null(strstr(tls_identity_subject(credentials->client.identity), "CN=tee-client"));
    assert_non_null(credentials->client.ca);
    credentials_drop(credentials);
    config_free(&config);
}

static void a_packed_key_of_another_certificate_is_refused(void **state)
{
    struct credentials *credentials;
    struct config config;
    struct reason why;

    (void)state;
    parse_packed(&config, "client-v1.key");
    assert_int_equal(credentials_create(&credentials, &config, -1, &why), -EINVAL);
    config_free(&config);
    parse_packed(&config, "missing.key");
    assert_int_equal(credentials_create(&credentials, &config, -1, &why), -ENOENT);
    config_free(&config);
}

static void a_pushed_identity_replaces_a_packed_one(void **state)
{
    struct credentials *credentials;
    struct config config;
    int fd = push(SECRETS_CLIENT);

    (void)state;
    parse_packed(&config, "client.key");
    assert_int_equal(credentials_create(&credentials, &config, fd, NULL), 0);
    assert_non_null(credentials->client.identity);
    assert_string_equal(credentials->service.prefix, "/p");
    credentials_keep(credentials);
    credentials_drop(credentials);
    assert_string_equal(credentials->service.prefix, "/p");
    credentials_drop(credentials);
    close(fd);
    fd = push(SECRETS_KINDS);
    assert_int_equal(credentials_create(&credentials, &config, fd, NULL), 0);
    assert_non_null(strstr(tls_identity_subject(credentials->client.identity), "CN=tee-client"));
    credentials_drop(credentials);
    close(fd);
    config_free(&config);
}

static void who_we_are_to_clients_is_another_matter(void **state)
{
    struct credentials *credentials;
    struct config config;
    char section[1024];
    int fd = push(SECRETS_SERVER);

    (void)state;
    parse_packed(&config, "client.key");
    assert_int_equal(credentials_create(&credentials, &config, -1, NULL), 0);
    assert_null(credentials->server.identity);
    credentials_drop(credentials);
    assert_int_equal(credentials_create(&credentials, &config, fd, NULL), 0);
    assert_non_null(credentials->client.identity); /* packed */
    assert_non_null(credentials->server.identity); /* pushed */
    assert_non_null(credentials->server.ca);
    credentials_drop(credentials);
    close(fd);
    config_free(&config);
    snprintf(section, sizeof section, "[identity server]\ncert = %s/server.crt\nkey = %s/server.key\n", folder, folder);
    parse(&config, section);
    assert_int_equal(credentials_create(&credentials, &config, -1, NULL), 0);
    assert_null(credentials->client.identity);
    assert_non_null(strstr(tls_identity_subject(credentials->server.identity), "CN=a.test"));
    assert_null(credentials->server.ca);
    credentials_drop(credentials);
    config_free(&config);
}

static void what_is_no_memory_file_is_refused(void **state)
{
    struct credentials *credentials;
    struct config config;

    (void)state;
    parse(&config, "");
    assert_int_equal(credentials_create(&credentials, &config, STDOUT_FILENO, NULL), -EINVAL);
    config_free(&config);
}

static int make_certificates(void **state)
{
    char command[512];
    const char *parent = getenv("TEST_TMP");

    (void)state;
    snprintf(folder, sizeof folder, "%s/credentials-XXXXXX", parent != NULL ? parent : "/tmp");
    assert_non_null(mkdtemp(folder));
    snprintf(command, sizeof command, "tests/service/certificates %s a.test", folder);
    return system(command);
}

static int remove_certificates(void **state)
{
    char command[512];

    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_push_there_is_nothing_but_the_service),
        cmocka_unit_test(a_packed_identity_is_there_from_the_start),
        cmocka_unit_test(a_packed_key_of_another_certificate_is_refused),
        cmocka_unit_test(a_pushed_identity_replaces_a_packed_one),
        cmocka_unit_test(who_we_are_to_clients_is_another_matter),
        cmocka_unit_test(what_is_no_memory_file_is_refused),
    };

    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
