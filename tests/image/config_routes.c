/* config_routes: tests: what a route may say, and which one a request takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "image/budget.h"
#include "image/config.h"

#define GATEWAY                                                                                                        \
    "[image]\nname = demo\n[app]\nrun = gateway\n[secrets]\nmode = plain\nrequired = MTLS_CLIENT_CERT_JSON\n"          \
    "[endpoint a.example]\ntls = mutual\nca = pushed\n[inbound api]\nvsock = 3000\nto = 127.0.0.1:3000\n"
/* The next line is line 14. */
#define ROUTE "[route POST /a]\nto = a.example\n"

static struct config config;
static struct config_report report;

static void done(void)
{
    config_free(&config);
    config_report_free(&report);
}

static void accept(const char *text)
{
    int error = config_parse(&config, "enclave.ini", text, strlen(text), &report);

    if (error != 0) {
        fail_msg("refused: %s\n%s", report.error_count > 0 ? report.errors[0] : "(no error)", text);
    }
}

/* The file has exactly one error, which begins and goes on so. */
static void refuse(const char *text, const char *begin, const char *hold)
{
    int error = config_parse(&config, "enclave.ini", text, strlen(text), &report);

    if (error != -22 || report.error_count != 1 || strncmp(report.errors[0], begin, strlen(begin)) != 0 ||
        strstr(report.errors[0], hold) == NULL) {
        for (size_t i = 0; i < report.error_count; i++) {
            print_error("%s\n", report.errors[i]);
        }
        fail_msg("expected one error \"%s…%s\", got %zu for:\n%s", begin, hold, report.error_count, text);
    }
    done();
}

static void a_route_reaches_its_place(void **state)
{
    (void)state;
    accept(GATEWAY "[route POST /api/watermark]\nto = a.example\npath = /v2/mark\nbody = 64K\nrate = 50\n"
                   "headers = X-Tenant, Authorization\ntimeout = 7\n"
                   "[route GET /files/*]\nto = a.example\npath = /store/*\nretries = 3\n"
                   "[route GET /*]\nto = a.example\n");
    assert_true(config_is_gateway(&config));
    assert_int_equal(config.route_count, 3);
    assert_string_equal(config.routes[0].label, "POST /api/watermark");
    assert_string_equal(config.routes[0].method, "POST");
    assert_string_equal(config.routes[0].path, "/api/watermark");
    assert_false(config.routes[0].below);
    assert_int_equal(config.routes[0].endpoint, 0);
    assert_string_equal(config.routes[0].target, "/v2/mark");
    assert_int_equal(config.routes[0].body, 64 * 1024);
    assert_int_equal(config.routes[0].rate, 50);
    assert_int_equal(config.routes[0].header_count, 2);
    assert_string_equal(config.routes[0].headers[0], "x-tenant");
    assert_string_equal(config.routes[0].headers[1], "authorization");
    assert_int_equal(config.routes[0].retries, 0);
    assert_int_equal(config.routes[0].timeout, 7);
    assert_int_equal(config.routes[0].line, 14);
    assert_string_equal(config.routes[1].path, "/files/");
    assert_true(config.routes[1].below);
    assert_string_equal(config.routes[1].target, "/store/");
    assert_int_equal(config.routes[1].retries, 3);
    assert_int_equal(config.routes[1].body, 1 << 20);
    assert_int_equal(config.routes[1].timeout, 30);
    assert_string_equal(config.routes[2].path, "/");
    assert_string_equal(config.routes[2].target, "/");
    assert_int_equal(config.routes[2].retries, 1);
    done();
}

static void what_is_printed_of_routes_means_the_same(void **state)
{
    char *first;
    char *second;

    (void)state;
    accept(GATEWAY "[route POST /api/watermark]\nto = a.example\nbody = 1536M\nheaders = x-b x-a\n"
                   "[route GET /files/*]\nto = a.example\npath = /store/*\nbody = 0\nrate = 9\n[route PUT /*]\n"
                   "to = a.example\nbody = 1T\n");
    assert_int_equal(config_print(&config, &first), 0);
    done();
    assert_non_null(strstr(first, "\n[route POST /api/watermark]\nto = a.example\npath = /api/watermark\n"
                                  "body = 1536M\nrate = 0\nheaders = x-b x-a\nretries = 0\ntimeout = 30\n"));
    assert_non_null(strstr(first, "\n[route GET /files/*]\nto = a.example\npath = /store/*\nbody = 0\nrate = 9\n"
                                  "headers =\nretries = 1\n"));
    assert_non_null(strstr(first, "\n[route PUT /*]\nto = a.example\npath = /*\nbody = 1T\n"));
    accept(first);
    assert_int_equal(config_print(&config, &second), 0);
    done();
    assert_string_equal(first, second);
    free(first);
    free(second);
}

static void labels_that_are_no_route_are_refused(void **state)
{
    static const struct {
        const char *label;
        const char *said;
    } bad[] = {
        {"", "a method and a path"},
        {" POST", "a method and a path"},
        {" /a", "a method and a path"},
        {" POST\t/a", "a method and a path"},
        {" POST  /a", "the path \" /a\" does not begin with '/'"},
        {" post /a", "\"post\" is no method"},
        {" GET,POST /a", "\"GET,POST\" is no method"},
        {" * /a", "\"*\" is no method"},
        {" ABCDEFGHIJKLMNOPQ /a", "a method and a path"},
        {" HEAD /a", "say GET"},
        {" CONNECT /a", "can't pass this method"},
        {" TRACE /a", "can't pass this method"},
        {" GET a", "does not begin with '/'"},
        {" GET https://a.example/a", "does not begin with '/'"},
        {" GET //a", "has an empty part"},
        {" GET /a//b", "has an empty part"},
        {" GET /a/./b", "has a '.' or '..' part"},
        {" GET /a/..", "has a '.' or '..' part"},
        {" GET /a?b=c", "has a query"},
        {" GET /a#b", "has a query"},
        {" GET /%61", "no percent signs"},
        {" GET /a b", "has other characters"},
        {" GET /a;b", "has other characters"},
        {" GET /\xc3\xa4", "has other characters"},
        {" GET /a/*/b", "is not the whole last part"},
        {" GET /a*", "is not the whole last part"},
        {" GET /a/**", "is not the whole last part"},
        {" GET /a/:id", "looks like a pattern"},
        {" GET /a/{id}", "looks like a pattern"},
        {" GET /health", "the gateway itself answers at /health"},
        {" POST /metrics", "the gateway itself answers at /metrics"},
    };
    char text[1024];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        (void)snprintf(text, sizeof text, GATEWAY ROUTE "[route%s]\nto = a.example\n", bad[i].label);
        refuse(text, "enclave.ini:16: [route ", bad[i].said);
    }
}

static void a_path_of_200_bytes_is_a_route_and_one_more_is_not(void **state)
{
    char path[CONFIG_PATH_MAX + 2] = "/";
    char text[2048];

    (void)state;
    memset(path + 1, 'a', CONFIG_PATH_MAX - 1);
    (void)snprintf(text, sizeof text, GATEWAY "[route GET %s]\nto = a.example\n", path);
    accept(text);
    assert_int_equal(strlen(config.routes[0].path), CONFIG_PATH_MAX);
    done();
    path[CONFIG_PATH_MAX] = 'a';
    (void)snprintf(text, sizeof text, GATEWAY "[route GET %s]\nto = a.example\n", path);
    refuse(text, "enclave.ini:14: [route \"GET /aaa", "longer than 200");
}

static void so_many_routes_are_all_there_and_one_more_is_not(void **state)
{
    char *text = malloc(64 * 1024);
    size_t used = (size_t)sprintf(text, GATEWAY);

    (void)state;
    for (int i = 0; i < CONFIG_ROUTES_MAX; i++) {
        used += (size_t)sprintf(text + used, "[route GET /%d]\nto = a.example\n", i);
    }
    accept(text);
    assert_int_equal(config.route_count, CONFIG_ROUTES_MAX);
    assert_string_equal(config.routes[CONFIG_ROUTES_MAX - 1].path, "/255");
    done();
    (void)sprintf(text + used, "[route GET /256]\nto = a.example\n");
    refuse(text, "enclave.ini:526: [route GET /256]: more than 256", "");
    free(text);
}

static void routes_and_their_neighbours_fit_together(void **state)
{
    (void)state;
    refuse("[image]\nname = a\n[app]\nrun = /server\n[endpoint b]\ntls = none\n[route GET /a]\nto = b\n",
        "enclave.ini:7: [route GET /a]: only [app] run = gateway has routes", "remove the section");
    refuse(GATEWAY, "enclave.ini:4: [app] run = gateway: it has nowhere to lead", "[route METHOD PATH]");
    refuse("[image]\nname = a\n[app]\nrun = gateway\n[endpoint b]\ntls = none\n[route GET /a]\nto = b\n",
        "enclave.ini:4: [app] run = gateway: nobody can reach it", "[inbound");
    refuse(GATEWAY ROUTE ROUTE, "enclave.ini:16: [route POST /a] stands in line 14", "");
    refuse(GATEWAY "[route POST /a]\nbody = 1M\n", "enclave.ini:14: [route POST /a]: to is missing", "[endpoint]");
    refuse(GATEWAY "[route POST /a]\n", "enclave.ini:14: [route POST /a] is empty", "");
    refuse(GATEWAY "[route POST /a]\nto = a.exampel\n", "enclave.ini:15: [route POST /a] to = a.exampel",
        "did you mean a.example?");
    refuse(GATEWAY "[route POST /a]\nto = 10.0.0.1:80\n", "enclave.ini:15: ", "(there is a.example)");
    refuse(
        "[image]\nname = a\n[app]\nrun = gateway\n[inbound api]\nvsock = 1\nto = 127.0.0.1:1\n[route GET /a]\nto = b\n",
        "enclave.ini:9: ", "there is no [endpoint] (add one)");
    refuse(GATEWAY ROUTE "[limits]\nconnections = 3\n", "enclave.ini:17: [limits] connections = 3", "at least 4");
    refuse(GATEWAY "[endpoint b]\ntls = app\n[route POST /a]\nto = b\n", "enclave.ini:17: [route POST /a] to = b",
        "tls = app");
    refuse(GATEWAY "[route POST /a]\nto = a.example\nretries = 1\n", "enclave.ini:16: [route POST /a] retries = 1",
        "never sent again");
    refuse(GATEWAY "[route GET /a/*]\nto = a.example\npath = /b\n", "enclave.ini:16: ", "must end with /*");
    refuse(GATEWAY "[route GET /a]\nto = a.example\npath = /b/*\n", "enclave.ini:16: ", "stands for nothing");
    refuse(GATEWAY "[route GET /a]\nto = a.example\nheaders = x-a x-A\n", "enclave.ini:16: ", "stands there twice");
    refuse(GATEWAY "[route GET /a]\nto = a.example\nheaders = Te\n", "enclave.ini:16: ", "te is set by the gateway");
    refuse(GATEWAY "[route GET /a]\nto = a.example\nbody = 2T\n", "enclave.ini:16: [route GET /a] body = 2T",
        "0 to 1T: a whole number and a letter of KMGT");
}

static void what_a_gateway_has_no_use_for_is_warned_of(void **state)
{
    (void)state;
    accept("[image]\nname = a\n[app]\nrun = gateway\n[secrets]\nmode = plain\nrequired = MTLS_SERVER_CERT_JSON\n"
           "optional = MTLS_CLIENT_CERT_JSON ECS_WATERMARK_ENDPOINT\n[endpoint b]\ntls = server\nca = c.pem\n"
           "[inbound api]\nvsock = 3000\nto = 127.0.0.1:3000\ntls = mutual\nca = c.pem\n[route GET /a]\nto = b\n");
    assert_int_equal(report.warning_count, 2);
    assert_non_null(strstr(report.warnings[0], "enclave.ini:5: [secrets]: ECS_WATERMARK_ENDPOINT means nothing"));
    done();
    accept(GATEWAY ROUTE "[route ANY /a]\nto = a.example\nretries = 0\n");
    assert_int_equal(report.warning_count, 2);
    assert_non_null(strstr(report.warnings[1], "enclave.ini:16: [route ANY /a]: ANY is none of GET, POST"));
    done();
    accept(GATEWAY ROUTE "[endpoint b]\ntls = none\n");
    assert_int_equal(report.warning_count, 3);
    assert_non_null(strstr(report.warnings[0], "enclave.ini:11: [inbound api]: tls = none"));
    assert_non_null(strstr(report.warnings[1], "enclave.ini:16: [endpoint b]: tls = none: the parent instance"));
    assert_non_null(strstr(report.warnings[2], "enclave.ini:16: [endpoint b]: no [route] leads there"));
    done();
}

/* Clients that are in, requests on their way out, those that wait, and ends under way: all fit, and none is left out.
 */
static void a_gateway_s_connections_are_shared_out(void **state)
{
    (void)state;
    for (unsigned connections = 4; connections < 300; connections++) {
        char text[1024];
        (void)snprintf(text, sizeof text, GATEWAY ROUTE "[limits]\nconnections = %u\n", connections);
        accept(text);
        assert_true(budget_services(&config) >= 1 && budget_clients(&config) >= budget_services(&config));
        assert_true(budget_inbound(&config) >= budget_clients(&config));
        assert_true(budget_inbound(&config) + budget_services(&config) <= connections);
        assert_true(connections < 16 || budget_inbound(&config) > budget_clients(&config));
        done();
    }
}

/* ---- Which route a request takes ---- */

#define KNOWN "405" /* another method has a route there */
#define UNKNOWN "404"

/* The label of the route that takes the request, or the status with which it is refused. */
static const char *find(const char *method, const char *path)
{
    bool known = true;
    const struct config_route *route = config_route_find(&config, method, strlen(method), path, strlen(path), &known);

    if (route != NULL) {
        assert_true(known);
        return route->label;
    }
    return known ? KNOWN : UNKNOWN;
}

static void an_exact_path_comes_before_the_longest_prefix(void **state)
{
    (void)state;
    accept(GATEWAY "[route GET /a/*]\nto = a.example\n[route GET /a/b/*]\nto = a.example\n"
                   "[route GET /a/b/c]\nto = a.example\n[route POST /a/b/c]\nto = a.example\n"
                   "[route PUT /a/*]\nto = a.example\n[route DELETE /d]\nto = a.example\n");
    assert_string_equal(find("GET", "/a/b/c"), "GET /a/b/c");
    assert_string_equal(find("GET", "/a/b/c/d"), "GET /a/b/*");
    assert_string_equal(find("GET", "/a/b/"), "GET /a/b/*");
    assert_string_equal(find("GET", "/a/b"), "GET /a/*");
    assert_string_equal(find("GET", "/a/"), "GET /a/*");
    assert_string_equal(find("GET", "/a"), UNKNOWN);
    assert_string_equal(find("GET", "/"), UNKNOWN);
    assert_string_equal(find("GET", "/A/b"), UNKNOWN);
    assert_string_equal(find("HEAD", "/a/b/c"), "GET /a/b/c");
    assert_string_equal(find("POST", "/a/b/c"), "POST /a/b/c");
    assert_string_equal(find("PUT", "/a/b/c"), "PUT /a/*");
    assert_string_equal(find("POST", "/a/x"), KNOWN);
    assert_string_equal(find("GET", "/d"), KNOWN);
    assert_string_equal(find("HEAD", "/d"), KNOWN);
    assert_string_equal(find("get", "/a/x"), KNOWN);
    assert_string_equal(find("DELETE", "/d/"), UNKNOWN);
    assert_string_equal(find("DELETE", ""), UNKNOWN);
    done();
}

static void no_prefix_takes_a_path_that_leads_out_of_it(void **state)
{
    static const char *const wandering[] = {"/a/../b", "/a/..", "/a/.", "/a/./b", "/a/b/../../c", "/a//b", "/a//",
        "/a/b//", "/a/%2e%2e/b", "/a/%2E./b", "/a/.%2e", "/a/%2e", "/a/..;/b", "/a/..;x=y/b", "/a/%2e%2e;x/b",
        "/a/..%3b/b", "/a/;/b", "/a/b%2fc", "/a/..%2Fb", "/a/b%5cc", "/a/..\\b", "/a/b%00", "/a/%62", "/a/b%2D",
        "/a/%7Eb", "/a/b%2ec", "/a/b%0d%0a", "/a/b%7f", "/a/b%", "/a/b%2", "/a/b%zz", "/a/%2", "/a/b\x01"};
    static const char *const plain[] = {"/a/b", "/a/b/", "/a/...", "/a/..b", "/a/b..", "/a/.b", "/a/b;v=..", "/a/%20b",
        "/a/b%25", "/a/%c3%a4", "/a/b.c/d", "/a/b:c@d"};

    (void)state;
    accept(GATEWAY "[route GET /a/*]\nto = a.example\n");
    for (size_t i = 0; i < sizeof wandering / sizeof wandering[0]; i++) {
        if (strcmp(find("GET", wandering[i]), UNKNOWN) != 0) {
            fail_msg("taken: %s", wandering[i]);
        }
        assert_false(config_path_is_plain(wandering[i], strlen(wandering[i])));
    }
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        if (strcmp(find("GET", plain[i]), "GET /a/*") != 0) {
            fail_msg("not taken: %s", plain[i]);
        }
        assert_true(config_path_is_plain(plain[i], strlen(plain[i])));
    }
    done();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_route_reaches_its_place),
        cmocka_unit_test(what_is_printed_of_routes_means_the_same),
        cmocka_unit_test(labels_that_are_no_route_are_refused),
        cmocka_unit_test(a_path_of_200_bytes_is_a_route_and_one_more_is_not),
        cmocka_unit_test(so_many_routes_are_all_there_and_one_more_is_not),
        cmocka_unit_test(routes_and_their_neighbours_fit_together),
        cmocka_unit_test(what_a_gateway_has_no_use_for_is_warned_of),
        cmocka_unit_test(a_gateway_s_connections_are_shared_out),
        cmocka_unit_test(an_exact_path_comes_before_the_longest_prefix),
        cmocka_unit_test(no_prefix_takes_a_path_that_leads_out_of_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
