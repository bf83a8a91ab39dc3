/* service: which pushed URLs choose an endpoint, and what is said of all others. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "app/service.h"

static const char text[] =
    "[image]\nname = t\nversion = 1\nmemory = 64M\ncpus = 1\n[app]\nrun = watermark\nendpoint = A.test\n"
    "[secrets]\nmode = plain\nrequired = MTLS_CLIENT_CERT_JSON\n"
    "[endpoint A.test]\nport = 8080\ntls = mutual\nca = pushed\n"
    "[endpoint b.test]\ntls = server\nca = pushed\n"
    "[endpoint open.test]\ntls = none\n"
    "[inbound api]\nvsock = 3000\nto = 127.0.0.1:3000\n";

static int set_up(void **state)
{
    static struct config config;
    struct config_report report;
    int error = config_parse(&config, "test", text, sizeof text - 1, &report);

    for (size_t i = 0; i < report.error_count; i++) {
        print_error("%s\n", report.errors[i]);
    }
    config_report_free(&report);
    *state = &config;
    return error;
}

static int tear_down(void **state)
{
    config_free(*state);
    return 0;
}

static void urls_of_measured_endpoints_are_taken(void **state)
{
    static const struct {
        const char *url;
        const char *authority;
        const char *prefix;
    } rows[] = {
        {NULL, "a.test:8080", ""},
        {"https://a.test:8080", "a.test:8080", ""},
        {"https://A.TEST:8080/", "a.test:8080", ""},
        {"https://a.test:8080/v1/x//", "a.test:8080", "/v1/x"},
        {"https://b.test", "b.test", ""},
        {"https://b.test:443/p", "b.test", "/p"},
    };
    struct service service;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(service_choose(&service, *state, rows[i].url, NULL), 0);
        assert_string_equal(service.authority, rows[i].authority);
        assert_string_equal(service.prefix, rows[i].prefix);
    }
}

static void all_other_urls_are_refused_in_words(void **state)
{
    static const struct {
        const char *url;
        int error;
        const char *start;
    } rows[] = {
        {"", -EINVAL, "Failed to create mTLS client: "},
        {"http://a.test:8080", -EINVAL, "Failed to create mTLS client: "},
        {"HTTPS://a.test:8080", -EINVAL, "Failed to create mTLS client: "},
        {"https://", -EINVAL, "Failed to create mTLS client: "},
        {"https://user@a.test:8080", -EINVAL, "Failed to create mTLS client: "},
        {"https://a.test:0", -EINVAL, "Failed to create mTLS client: "},
        {"https://a.test:65536", -EINVAL, "Failed to create mTLS client: "},
        {"https://a.test:", -EINVAL, "Failed to create mTLS client: "},
        {"https://a.test?x", -EINVAL, "Failed to create mTLS client: "},
        {"https://a.test:8080/p?x", -EINVAL, "Failed to create mTLS client: "},
        {"https://a.test:8080/p#x", -EINVAL, "Failed to create mTLS client: "},
        {"https://a.test:8080/ HTTP/1.1", -EINVAL, "Failed to create mTLS client: "},
        {"https://a.test:8080/\r\nX: y", -EINVAL, "Failed to create mTLS client: "},
        {"https://open.test/", -EINVAL, "Failed to create mTLS client: "},
        {"https://a.test", -ENOENT, "failed to resolve hostname: "},
        {"https://c.test:8080", -ENOENT, "failed to resolve hostname: "},
        {"https://127.0.0.1:8080", -ENOENT, "failed to resolve hostname: "},
    };
    struct service service;
    struct reason why;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int error = service_choose(&service, *state, rows[i].url, &why);
        if (error != rows[i].error || strncmp(why.text, rows[i].start, strlen(rows[i].start)) != 0) {
            fail_msg("%s: %d, %s", rows[i].url, error, why.text);
        }
    }
}

static void a_path_over_the_bound_is_refused(void **state)
{
    char url[sizeof "https://b.test/" + SERVICE_PREFIX_MAX] = "https://b.test/";
    struct service service;
    size_t start = strlen(url);

    memset(url + start, 'x', SERVICE_PREFIX_MAX - 1);
    assert_int_equal(service_choose(&service, *state, url, NULL), 0);
    assert_int_equal(strlen(service.prefix), SERVICE_PREFIX_MAX);
    url[start + SERVICE_PREFIX_MAX - 1] = 'x';
    assert_int_equal(service_choose(&service, *state, url, NULL), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_of_measured_endpoints_are_taken),
        cmocka_unit_test(all_other_urls_are_refused_in_words),
        cmocka_unit_test(a_path_over_the_bound_is_refused),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
