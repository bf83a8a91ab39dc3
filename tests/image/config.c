/* config: tests: what an enclave.ini may say, and what is said of one that is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "image/config.h"
#include "image/config_table.h"

#define APP "[image]\nname = demo\n[app]\nrun = /server\n"
#define ENDPOINT "[endpoint a.example]\ntls = app\n"

static struct config config;
static struct config_report report;

static int parse_bytes(const char *text, size_t size)
{
    return config_parse(&config, "enclave.ini", text, size, &report);
}

static int parse(const char *text)
{
    return parse_bytes(text, strlen(text));
}

static void done(void)
{
    config_free(&config);
    config_report_free(&report);
}

/* The file has no error; shows the first one otherwise. */
static void accept(const char *text)
{
    int error = parse(text);

    if (error != 0) {
        fail_msg("refused: %s\n%s", report.error_count > 0 ? report.errors[0] : "(no error)", text);
    }
}

/* The file has exactly one error, which begins and goes on so. */
static void refuse_bytes(const char *text, size_t size, const char *begin, const char *hold)
{
    int error = parse_bytes(text, size);

    if (error != -22 || report.error_count != 1 || strncmp(report.errors[0], begin, strlen(begin)) != 0 ||
        strstr(report.errors[0], hold) == NULL) {
        for (size_t i = 0; i < report.error_count; i++) {
            print_error("%s\n", report.errors[i]);
        }
        fail_msg("expected one error \"%s…%s\", got %zu for:\n%s", begin, hold, report.error_count, text);
    }
    done();
}

static void refuse(const char *text, const char *begin, const char *hold)
{
    refuse_bytes(text, strlen(text), begin, hold);
}

/* ---- A whole file ---- */

static const char whole[] = "[image]\nname = watermark\nversion = 1.2.3\nmemory = 128M\ncpus = 4\n"
                            "[app]\nrun = watermark\n"
                            "[env]\nLOG_LEVEL = info = debug\nEMPTY =\n"
                            "[secrets]\nmode = plain\nrequired = MTLS_CLIENT_CERT_JSON, B\noptional = C\n"
                            "[endpoint Watermark.Example]\nport = 8080\ntls = mutual\nca = pushed\n"
                            "[endpoint other]\nhost = watermark.example\ntls = app\n"
                            "[endpoint sui.example]\ntls = none\nvsock = 9100\n"
                            "[inbound api]\nvsock = 3000\nto = 127.0.0.1:3000\n"
                            "[limits]\nconnections = 7\n";

static void every_section_reaches_its_place(void **state)
{
    (void)state;
    accept(whole);
    assert_string_equal(config.image.name, "watermark");
    assert_string_equal(config.image.version, "1.2.3");
    assert_int_equal(config.image.memory, 128u << 20);
    assert_int_equal(config.image.cpus, 4);
    assert_true(config.app.built_in);
    assert_int_equal(config.app.endpoint, 0);
    assert_int_equal(config.app.restart, CONFIG_RESTART_ON_FAILURE);
    assert_int_equal(config.env_count, 2);
    assert_string_equal(config.env[0].value, "info = debug");
    assert_string_equal(config.env[1].value, "");
    assert_int_equal(config.secrets.mode, CONFIG_SECRETS_PLAIN);
    assert_int_equal(config.secrets.port, 7777);
    assert_int_equal(config.secrets.required_count, 2);
    assert_true(config_secret_listed(&config, "B"));
    assert_true(config_secret_listed(&config, "C"));
    assert_false(config_secret_listed(&config, "D"));
    assert_int_equal(config.inbound_count, 1);
    assert_int_equal(config.inbound[0].address, 0x7f000001);
    assert_int_equal(config.inbound[0].port, 3000);
    assert_int_equal(config.connections, 7);
    assert_int_equal(report.warning_count, 2);
    assert_non_null(strstr(report.warnings[0], "enclave.ini:22: [endpoint sui.example]: tls = none"));
    assert_non_null(strstr(report.warnings[1], "[inbound api]: tls = none: the parent instance reads"));
    done();
}

static void each_host_has_one_address_and_each_endpoint_one_vsock_port(void **state)
{
    (void)state;
    accept(whole);
    assert_int_equal(config.endpoint_count, 3);
    assert_string_equal(config.endpoints[0].host, "watermark.example");
    assert_int_equal(config.endpoints[0].address, CONFIG_FIRST_ADDRESS);
    assert_int_equal(config.endpoints[1].address, CONFIG_FIRST_ADDRESS);
    assert_int_equal(config.endpoints[2].address, CONFIG_FIRST_ADDRESS + 1);
    assert_int_equal(config.endpoints[0].vsock, 8101);
    assert_int_equal(config.endpoints[1].vsock, 8102);
    assert_int_equal(config.endpoints[2].vsock, 9100);
    assert_ptr_equal(config_endpoint_find(&config, "WATERMARK.example", 443), &config.endpoints[1]);
    assert_null(config_endpoint_find(&config, "watermark.example", 444));
    done();
}

static void defaults_stand_where_the_file_says_nothing(void **state)
{
    (void)state;
    accept(APP);
    assert_string_equal(config.image.version, "0.0.0");
    assert_int_equal(config.image.memory, 64u << 20);
    assert_int_equal(config.image.cpus, 2);
    assert_int_equal(config.secrets.mode, CONFIG_SECRETS_NONE);
    assert_int_equal(config.connections, 56);
    assert_true(config.app.endpoint == SIZE_MAX);
    assert_int_equal(config.app.first_vsock, CONFIG_FIRST_VSOCK);
    done();
}

/* What is printed is read again and printed the same. */
static void print_twice(const char *text)
{
    char *first;
    char *second;

    accept(text);
    assert_int_equal(config_print(&config, &first), 0);
    done();
    accept(first);
    assert_int_equal(config_print(&config, &second), 0);
    done();
    assert_string_equal(first, second);
    free(first);
    free(second);
}

static void what_is_printed_means_the_same(void **state)
{
    static const char words[] = APP "args = -a \"two words\" \"\" \"q\\\"\\\\\" back\\slash\nrestart = never\n" ENDPOINT
                                    "[secrets]\nmode = plain\nrequired =\n";

    (void)state;
    print_twice(whole);
    print_twice(APP);
    print_twice(words);
    accept(words);
    assert_int_equal(config.app.arg_count, 5);
    assert_string_equal(config.app.args[1], "two words");
    assert_string_equal(config.app.args[2], "");
    assert_string_equal(config.app.args[3], "q\"\\");
    assert_string_equal(config.app.args[4], "back\\slash");
    done();
    print_twice("[image]\nname = a\n[app]\nrun = watermark\nendpoint = b.c\n[secrets]\nmode = plain\n"
                "required = MTLS_CLIENT_CERT_JSON\n[endpoint a]\ntls = mutual\nca = /etc/ca.pem\n[endpoint b.c]\n"
                "tls = server\nca = ca.pem\npin = sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\ncn = allowed\n"
                "server-name = 10.0.0.1\n[identity client]\ncert = a.pem\nkey = k.pem\n");
}

/* ---- Each row at its bounds ---- */

#define LABEL63 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg"
#define HOST253 LABEL63 "." LABEL63 "." LABEL63 ".aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffg"
#define NAME64 LABEL63 "h"

static const struct bounds {
    enum config_section section;
    const char *key;
    const char *good[4];
    const char *bad[8];
} bounds[] = {
    {CONFIG_IMAGE, "name", {"a", NAME64, "a.b_c-1"}, {"", NAME64 "i", "a b", "-a", "ä", "a/b"}},
    {CONFIG_IMAGE, "version", {"1", NAME64}, {"", NAME64 "i", "v 1"}},
    {CONFIG_IMAGE, "memory", {"64M", "1G", "1024G"}, {"63M", "1025G", "64", "64m", "064M", "1.5G", "", "-64M"}},
    {CONFIG_IMAGE, "cpus", {"1", "128"}, {"0", "129", "2x", "", "02"}},
    {CONFIG_APP, "run", {"/a", "/a/b.c"}, {"", "watermrk", "/", "/a//b", "/a/../b", "/a/", "a/b"}},
    {CONFIG_APP, "args", {"", "a b", "\"a b\""}, {"\"a", "a\"b\"", "\"a\"b", "\"\\x\""}},
    {CONFIG_APP, "restart", {"on-failure", "always", "never"}, {"", "on", "Always"}},
    {CONFIG_APP, "on-rotate", {"restart"}, {"signal", "", "no", "SIGHUP"}}, /* signal: tested below */
    {CONFIG_APP, "endpoint", {NULL}, {"a.example", "nowhere"}}, /* good: tested with a built-in application */
    {CONFIG_APP, "first-vsock", {"1", "4294967294"}, {"0", "4294967295", "x"}},
    {CONFIG_SECRETS, "mode", {"plain"}, {"", "none", "sealed"}},
    {CONFIG_SECRETS, "port", {"1", "4294967294"}, {"0", "4294967295", "3000"}},
    {CONFIG_SECRETS, "required", {"", "A", "A_1,B C", NAME64}, {"1A", "A-B", NAME64 "i", "A A", "LD_PRELOAD"}},
    {CONFIG_SECRETS, "optional", {"", "A"}, {"A.B", "https_proxy"}},
    {CONFIG_SECRETS, "again", {"refuse", "restart"}, {"", "yes"}}, /* identity: tested by the boots */
    {CONFIG_ENDPOINT, "host", {"b", HOST253, "a_b.c", "X.Y"},
        {"", HOST253 "a", "a..b", ".a", "a.", "-a.b", "10.0.0.1", "localhost"}},
    {CONFIG_ENDPOINT, "port", {"1", "65535"}, {"0", "65536", "http", "", "-1", "+1"}},
    {CONFIG_ENDPOINT, "vsock", {"1", "4294967294"}, {"0", "4294967295", "9000", ""}},
    {CONFIG_ENDPOINT, "tls", {"app", "none"}, {"", "tls", "mutual", "server"}},
    {CONFIG_ENDPOINT, "ca", {NULL}, {"pushed", "a.pem", "../a", "", "a//b"}}, /* good: tested below */
    {CONFIG_ENDPOINT, "pin", {NULL}, {"", "sha256/AAAA", "AAAA"}},
    {CONFIG_ENDPOINT, "server-name", {NULL}, {"", "a b", "b.example"}},
    {CONFIG_ENDPOINT, "cn", {"refused"}, {"allowed", "", "yes"}},
    {CONFIG_ENDPOINT, "eku", {"optional"}, {"required", "", "yes"}},
    {CONFIG_INBOUND, "vsock", {"1", "4294967294"}, {"0", "4294967295", "7777", ""}},
    {CONFIG_INBOUND, "to", {"127.0.0.1:1", "127.255.255.254:65535"},
        {"", "3000", "0.0.0.0:80", "10.0.0.1:80", "127.0.0.1:0", "127.0.0.1:65536", "127.1:80", "127.0.0.64:443"}},
    {CONFIG_INBOUND, "tls", {"none"}, {"mutual", "", "server"}},
    {CONFIG_INBOUND, "ca", {NULL}, {"pushed", "a.pem"}}, /* good: tested below, as eku and allow */
    {CONFIG_INBOUND, "eku", {"optional"}, {"required", "", "yes"}},
    {CONFIG_INBOUND, "allow", {NULL}, {"", "CN=a", "a"}},
    {CONFIG_IDENTITY, "cert", {"a.pem", "/a/b"}, {"", "./a", "a/../b"}},
    {CONFIG_IDENTITY, "key", {"a.pem"}, {"", "/"}},
    {CONFIG_IDENTITY, "ca", {"a.pem"}, {"", "a/"}},
    {CONFIG_ROUTE, "to", {"b.example"}, {"", "a.example", "c.example"}},
    {CONFIG_ROUTE, "path", {"/", "/b", "/b/c~d"}, {"", "b", "/b/*", "/b//c", "/./b", "/b/..", "/%62", "/b?c"}},
    {CONFIG_ROUTE, "body", {"0", "1K", "10M", "1T"}, {"", "1", "2T", "1025G", "1k", "-1K", "0K", "1.5M"}},
    {CONFIG_ROUTE, "rate", {"0", "1", "1000000"}, {"", "-1", "1000001", "1/s"}},
    {CONFIG_ROUTE, "headers", {"", "X-A", "Authorization, x-b"},
        {"X A a", "x_a", "*", "Host", "Client-Cert", "x-forwarded-for", "X-Request-Id", "Connection"}},
    {CONFIG_ROUTE, "retries", {"0", "5"}, {"", "6", "-1"}},
    {CONFIG_ROUTE, "timeout", {"1", "3600"}, {"", "0", "3601", "30s"}},
    {CONFIG_LOG, "to", {"vsock:3:1", "vsock:3:4294967294"},
        {"", "vsock:3:0", "vsock:3:4294967295", "vsock:any:1", "vsock:16:1", "3:1", "vsock:3:9000", "vsock:3:8101"}},
    {CONFIG_LOG, "app", {"no", "yes"}, {"", "maybe", "Yes"}},
    {CONFIG_LIMITS, "connections", {"1", "10000"}, {"0", "10001", "many", ""}},
};

/* A file that is right, with one key of one section set to value. */
static char *file_with(enum config_section section, const char *key, const char *value)
{
    static const struct {
        enum config_section section;
        const char *head;
        const char *keys[4];
    } base[] = {
        {CONFIG_IMAGE, "[image]", {"name = demo"}},
        {CONFIG_APP, "[app]", {"run = /server"}},
        {CONFIG_SECRETS, "[secrets]", {"mode = plain"}},
        {CONFIG_ENDPOINT, "[endpoint a.example]", {"tls = app"}},
        {CONFIG_INBOUND, "[inbound api]", {"vsock = 3000", "to = 127.0.0.1:3000"}},
        {CONFIG_IDENTITY, "[identity client]", {"cert = c.pem", "key = k.pem"}},
        {CONFIG_ROUTE, "[endpoint b.example]\ntls = none\n[route PUT /a]", {"to = b.example"}},
        {CONFIG_LOG, "[log]", {"to = vsock:3:7901"}},
        {CONFIG_LIMITS, "[limits]", {"connections = 100"}},
    };
    size_t key_size = strlen(key);
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    for (size_t i = 0; i < sizeof base / sizeof base[0]; i++) {
        if (base[i].section == CONFIG_ROUTE && section != CONFIG_ROUTE) {
            continue; /* only a gateway has one */
        }
        if (base[i].section == CONFIG_APP && section == CONFIG_ROUTE) {
            fprintf(out, "[app]\nrun = gateway\n");
            continue;
        }
        fprintf(out, "%s\n", base[i].head);
        for (size_t k = 0; k < 4 && base[i].keys[k] != NULL; k++) {
            bool replaced = base[i].section == section && strncmp(base[i].keys[k], key, key_size) == 0 &&
                            base[i].keys[k][key_size] == ' ';
            if (!replaced) {
                fprintf(out, "%s\n", base[i].keys[k]);
            }
        }
        if (base[i].section == section) {
            fprintf(out, "%s = %s\n", key, value);
        }
    }
    fclose(out);
    return text;
}

static void each_row_holds_its_bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        const struct bounds *row = &bounds[i];
        for (size_t k = 0; k < 4 && row->good[k] != NULL; k++) {
            char *text = file_with(row->section, row->key, row->good[k]);
            accept(text);
            done();
            free(text);
        }
        for (size_t k = 0; k < 8 && row->bad[k] != NULL; k++) {
            char *text = file_with(row->section, row->key, row->bad[k]);
            int error = parse(text);
            if (error == 0) {
                fail_msg("accepted: %s = %s", row->key, row->bad[k]);
            }
            assert_true(report.error_count == 1 || report.error_count == 2);
            assert_non_null(strstr(report.errors[0], row->key));
            done();
            free(text);
        }
    }
}

static void each_row_is_in_the_table_of_bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < CONFIG_SECTIONS; i++) {
        for (size_t k = 0; k < config_table[i].row_count; k++) {
            bool found = false;
            for (size_t n = 0; n < sizeof bounds / sizeof bounds[0]; n++) {
                found = found || (bounds[n].section == i && strcmp(bounds[n].key, config_table[i].rows[k].key) == 0);
            }
            if (!found) {
                fail_msg("[%s] %s has no bounds tested", config_table[i].name, config_table[i].rows[k].key);
            }
            assert_non_null(config_table[i].rows[k].help);
        }
    }
}

static void a_name_of_253_characters_is_a_host_and_one_more_is_not(void **state)
{
    (void)state;
    assert_int_equal(strlen(HOST253), 253);
    accept(APP "[endpoint " HOST253 "]\ntls = app\n");
    assert_string_equal(config.endpoints[0].host, HOST253);
    done();
    refuse(APP "[endpoint " HOST253 "a]\ntls = app\n", "enclave.ini:5: [endpoint \"aaa", "a label is needed");
}

static void three_hundred_endpoints_are_all_there(void **state)
{
    char *text = malloc(64 * 1024);
    size_t used = (size_t)sprintf(text, APP);

    (void)state;
    for (int i = 0; i < 300; i++) {
        used += (size_t)sprintf(text + used, "[endpoint host-%d.example]\ntls = app\n", i);
    }
    accept(text);
    assert_int_equal(config.endpoint_count, 300);
    assert_string_equal(config.endpoints[299].host, "host-299.example");
    assert_int_equal(config.endpoints[299].vsock, 8101 + 299);
    assert_int_equal(config.endpoints[299].address, CONFIG_FIRST_ADDRESS + 299);
    done();
    free(text);
}

/* ---- Faults of form ---- */

static void all_errors_of_a_file_come_at_once_in_the_order_of_lines(void **state)
{
    (void)state;
    assert_int_equal(parse("[image]\nname = a b\n[app]\nrun = /x\n[limits]\nconnections = 0\ncolour = red\n"), -22);
    assert_int_equal(report.error_count, 3);
    assert_string_equal(report.errors[0],
        "enclave.ini:2: [image] name = a b: not a name (1 to 64 letters, digits, '.', '_', '-', the first a letter or "
        "digit)");
    assert_string_equal(report.errors[1], "enclave.ini:6: [limits] connections = 0: not a number (1–10000)");
    assert_string_equal(
        report.errors[2], "enclave.ini:7: [limits] \"colour\": no such key (ingot config --keys lists them)");
    done();
}

static void errors_beyond_the_bound_are_counted(void **state)
{
    char *text = malloc(64 * 1024);
    size_t used = (size_t)sprintf(text, APP "[limits]\nconnections = 1\n");

    (void)state;
    for (int i = 0; i < 150; i++) {
        used += (size_t)sprintf(text + used, "wrong%d = 1\n", i);
    }
    assert_int_equal(parse(text), -22);
    assert_int_equal(report.error_count, CONFIG_ERRORS_MAX);
    assert_int_equal(report.lost, 50);
    assert_non_null(strstr(report.errors[0], "enclave.ini:7: "));
    assert_non_null(strstr(report.errors[99], "wrong99"));
    done();
    free(text);
}

static void malformed_lines_are_refused(void **state)
{
    char longer[1200];

    (void)state;
    refuse(APP "[limits] x\nconnections = 1\n", "enclave.ini:5: ", "text after ]");
    refuse(APP "[limits\nconnections = 1\n", "enclave.ini:5: ", "no ]");
    refuse(APP "[limits]\nconnections = 1\nwhat is this\n", "enclave.ini:7: ", "neither a [section] nor key = value");
    refuse("a = 1\n" APP, "enclave.ini:1: \"a\"", "before the first [section]");
    refuse(APP "[env]\n", "enclave.ini:5: [env] is empty", "add a key");
    refuse(APP "[endpoint a.b]\n", "enclave.ini:5: [endpoint a.b] is empty", "add a key");
    refuse(APP "[]\na = 1\n", "enclave.ini:5: [", "no such section");
    (void)snprintf(longer, sizeof longer, APP "[env]\nA = %01100d\n", 0);
    refuse(longer, "enclave.ini:6: ", "too long");
}

static void bytes_that_are_no_text_are_refused_with_their_line(void **state)
{
    static const char nul[] = APP "[env]\nA = 1\0002\n";

    (void)state;
    refuse_bytes(nul, sizeof nul - 1, "enclave.ini:6: there is a NUL byte in this line", "byte");
    refuse(APP "[env]\nA = \x1b[31m\n", "enclave.ini:6: there is a control character", "byte");
    refuse(APP "[env]\nA = 1\rB = 2\n", "enclave.ini:6: there is a control character", "byte");
    refuse(APP "[env]\nA = \xff\n", "enclave.ini:6: there is bytes that are not UTF-8", "byte");
    refuse(APP "[env]\nA = \xc0\xaf\n", "enclave.ini:6: there is bytes that are not UTF-8", "byte");
    refuse(APP "[env]\nA = \xed\xa0\x80\n", "enclave.ini:6: there is bytes that are not UTF-8", "byte");
    refuse(APP "; \xe2\x80\xae\n", "enclave.ini:5: there is a character that changes the direction", "byte");
    accept("\xef\xbb\xbf[image]\r\nname = demo\r\n[app]\r\nrun = /server\r\n[env]\r\nA = gr\xc3\xbc\xc3\x9f\x65\r\n");
    assert_string_equal(config.env[0].value, "gr\xc3\xbc\xc3\x9f\x65");
    done();
}

static void nothing_stands_twice(void **state)
{
    (void)state;
    refuse(
        APP "[limits]\nconnections = 1\n[limits]\nconnections = 2\n", "enclave.ini:7: [limits] stands in line 5", "");
    refuse(APP ENDPOINT ENDPOINT, "enclave.ini:7: [endpoint a.example] stands in line 5", "");
    refuse(
        APP "[limits]\nconnections = 1\nconnections = 1\n", "enclave.ini:7: [limits] connections stands in line 6", "");
    refuse(APP "[env]\nA = 1\nA = 1\n", "enclave.ini:7: [env] A stands in line 6", "");
}

static void near_misses_are_named(void **state)
{
    (void)state;
    refuse(APP "[limit]\nconnections = 1\n", "enclave.ini:5: [\"limit\"]", "did you mean [limits]?");
    refuse(APP "[endpont a.b]\ntls = app\n", "enclave.ini:5: [", "did you mean [endpoint]?");
    refuse(APP "[limits]\nconection = 1\n", "enclave.ini:6: [limits] \"conection\"", "did you mean connections?");
    refuse(APP "tls = app\n", "enclave.ini:5: [app] \"tls\"", "it belongs to [endpoint]");
    refuse(APP "[log]\nport = 1\nto = vsock:3:1\n", "enclave.ini:6: [log] \"port\"", "no such key here");
    refuse(APP "[log]\nto = vsock:4:1\n", "enclave.ini:6: [log] to = vsock:4:1", "CID 3");
    refuse(APP "[log]\nto = vsock:3:9000\n", "enclave.ini:6: [log] to = vsock:3:9000", "heartbeat");
    refuse(APP ENDPOINT "[log]\nto = vsock:3:8101\n", "enclave.ini:8: [log] to = vsock:3:8101", "[endpoint a.example]");
    refuse(APP "[rules a]\nport = 1\n", "enclave.ini:5: [", "no such section");
    refuse(APP "[limits x]\nconnections = 1\n", "enclave.ini:5: [limits \"x\"]", "has no label");
    refuse(APP "[endpoint]\ntls = app\n", "enclave.ini:5: [endpoint ]", "a label is needed");
}

static void what_must_be_said_is_missed(void **state)
{
    (void)state;
    refuse("[app]\nrun = /x\n", "enclave.ini:1: [image] is missing", "");
    refuse("[image]\nname = a\n", "enclave.ini:1: [app] is missing", "");
    refuse("[image]\nversion = 1\n[app]\nrun = /x\n", "enclave.ini:1: [image]: name is missing", "");
    refuse(APP "[secrets]\nport = 1\n", "enclave.ini:5: [secrets]: mode is missing", "no default");
    refuse(APP "[endpoint a]\nport = 1\n", "enclave.ini:5: [endpoint a]: tls is missing", "");
    refuse(APP "[inbound a]\nvsock = 1\n", "enclave.ini:5: [inbound a]: to is missing", "");
}

/* ---- What sections say of one another ---- */

#define BUILT_IN "[image]\nname = demo\n[app]\nrun = watermark\n"
#define PUSHED "[secrets]\nmode = plain\nrequired = MTLS_CLIENT_CERT_JSON\n"
#define MUTUAL(label) "[endpoint " label "]\ntls = mutual\nca = pushed\n"

static void ports_addresses_and_names_are_one_sections_alone(void **state)
{
    (void)state;
    refuse(APP ENDPOINT "[endpoint b]\ntls = app\nvsock = 8101\n", "enclave.ini:9: [endpoint b] vsock = 8101",
        "[endpoint a.example] in line 5");
    refuse(APP "[endpoint b]\ntls = app\nhost = A.example\n" ENDPOINT, "enclave.ini:8: [endpoint a.example]",
        "port 443 is [endpoint b]");
    refuse(APP "[endpoint a]\ntls = app\nvsock = 9000\n", "enclave.ini:7: ", "heartbeat");
    refuse(APP "[inbound a]\nvsock = 1\nto = 127.0.0.1:1\n[inbound b]\nvsock = 1\nto = 127.0.0.1:2\n",
        "enclave.ini:9: [inbound b] vsock = 1", "[inbound a]");
    refuse(APP "[inbound a]\nvsock = 1\nto = 127.0.0.1:1\n[inbound b]\nvsock = 2\nto = 127.0.0.1:1\n",
        "enclave.ini:10: [inbound b] to = 127.0.0.1:1", "[inbound a]");
    refuse(APP "[env]\nA = 1\n[secrets]\nmode = plain\nrequired = A\n", "enclave.ini:6: [env] A is listed in [secrets]",
        "");
    refuse(APP "[secrets]\nmode = plain\nrequired = A\noptional = A\n", "enclave.ini:8: [secrets] optional = A",
        "required");
    refuse(APP "first-vsock = 4294967294\n" ENDPOINT "[endpoint b]\ntls = app\n",
        "enclave.ini:8: [endpoint b]: no vsock port is left", "");
    refuse(APP "[inbound status]\nvsock = 1\nto = 127.0.0.1:1\n", "enclave.ini:7: [inbound status] to", "remove it");
    refuse(APP "[inbound a]\nvsock = 1\nto = 127.0.0.1:1\n[inbound status]\nvsock = 1\n",
        "enclave.ini:9: [inbound status] vsock = 1", "[inbound a]");
    refuse(APP "[inbound status]\nvsock = 7\n[secrets]\nmode = plain\nport = 7\n",
        "enclave.ini:6: [inbound status] vsock = 7", "push of secrets");
    accept(APP "[inbound a]\nvsock = 7777\nto = 127.0.0.1:1\n"); /* no [secrets]: the port is free */
    done();
}

static void a_users_program_does_its_own_tls(void **state)
{
    (void)state;
    refuse(
        APP "[endpoint a]\ntls = mutual\nca = pushed\n", "enclave.ini:6: [endpoint a] tls = mutual", "run = /server");
    refuse(APP "endpoint = a.example\n" ENDPOINT, "enclave.ini:5: [app] endpoint = a.example", "built-in");
    refuse(APP "[endpoint a]\ntls = app\nca = pushed\n", "enclave.ini:7: [endpoint a] ca = pushed", "means nothing");
    refuse(APP "[endpoint a]\ntls = none\npin = sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "enclave.ini:7: ", "means nothing");
}

static void a_built_in_application_knows_whom_it_calls(void **state)
{
    (void)state;
    accept(BUILT_IN PUSHED ENDPOINT MUTUAL("b"));
    assert_int_equal(config.app.endpoint, 1);
    done();
    accept(BUILT_IN "endpoint = c\n" PUSHED MUTUAL("b") MUTUAL("c"));
    assert_int_equal(config.app.endpoint, 1);
    done();
    accept(BUILT_IN "endpoint = c\n[endpoint c]\ntls = server\nca = ca.pem\n");
    assert_string_equal(config.endpoints[0].ca_file, "ca.pem");
    assert_false(config.endpoints[0].ca_pushed);
    done();
    refuse(BUILT_IN PUSHED MUTUAL("b") MUTUAL("c"), "enclave.ini:4: [app] run = watermark", "2 endpoints");
    refuse(BUILT_IN PUSHED ENDPOINT, "enclave.ini:4: [app] run = watermark", "calls a service");
    refuse(BUILT_IN "endpoint = d\n" PUSHED MUTUAL("b"), "enclave.ini:5: [app] endpoint = d", "no [endpoint]");
    refuse(BUILT_IN "endpoint = a.example\n" PUSHED ENDPOINT, "enclave.ini:5: ", "needs mutual or server");
    refuse(BUILT_IN "args = x\n" PUSHED MUTUAL("b"), "enclave.ini:5: [app] args = x", "takes none");
    refuse(BUILT_IN PUSHED "[endpoint b]\ntls = mutual\n", "enclave.ini:8: [endpoint b]: ca is missing", "");
}

static void what_can_not_be_supplied_is_seen_before_the_start(void **state)
{
    (void)state;
    refuse(BUILT_IN "[endpoint b]\ntls = mutual\nca = ca.pem\n", "enclave.ini:6: [endpoint b] tls = mutual",
        "no certificate can reach");
    refuse(BUILT_IN "endpoint = b\n[endpoint b]\ntls = server\nca = pushed\n",
        "enclave.ini:8: [endpoint b] ca = pushed", "no CA can be pushed");
    accept(BUILT_IN "[endpoint b]\ntls = mutual\nca = ca.pem\n[identity client]\ncert = c.pem\nkey = k.pem\n");
    assert_int_equal(report.warning_count, 1);
    assert_non_null(strstr(report.warnings[0], "whoever has the image has the key"));
    done();
    refuse(APP "[identity a]\ncert = c\nkey = k\n[identity b]\ncert = c\nkey = k\n", "enclave.ini:8: [identity b]",
        "[identity a] in line 5 is the one for services");
    refuse(APP
        "[identity a]\ncert = c\nkey = k\n[identity server]\ncert = c\nkey = k\n[identity c]\ncert = c\nkey = k\n",
        "enclave.ini:11: [identity c]", "more than 2");
}

/* ---- Inbound ports with TLS ---- */

#define PUSHED_BOTH "[secrets]\nmode = plain\nrequired = MTLS_CLIENT_CERT_JSON MTLS_SERVER_CERT_JSON\n"
#define API "[inbound api]\nvsock = 3000\nto = 127.0.0.1:3000\n"
#define SERVED BUILT_IN PUSHED_BOTH MUTUAL("b") API "tls = mutual\n"

static void an_inbound_port_may_speak_tls(void **state)
{
    (void)state;
    accept(SERVED "ca = clients.pem\neku = required\nallow = DNS:a.example, CN=ecs-client \"CN=two words\"\n");
    assert_int_equal(config.inbound[0].tls, CONFIG_INBOUND_MUTUAL);
    assert_string_equal(config.inbound[0].ca_file, "clients.pem");
    assert_true(config.inbound[0].eku_required);
    assert_int_equal(config.inbound[0].allow_count, 3);
    assert_string_equal(config.inbound[0].allow[0], "DNS:a.example");
    assert_string_equal(config.inbound[0].allow[1], "CN=ecs-client");
    assert_string_equal(config.inbound[0].allow[2], "CN=two words");
    assert_true(config_serves_tls(&config));
    assert_int_equal(report.warning_count, 1);
    assert_non_null(strstr(report.warnings[0], "sees only TLS; but it knows the key that it pushes: it can pass for"));
    done();
    accept(SERVED "ca = pushed\n");
    assert_int_equal(config.inbound[0].allow_count, 0);
    assert_true(config.inbound[0].ca_pushed);
    assert_non_null(strstr(report.warnings[0], "chooses the CA: it can pass for the enclave and for a client"));
    done();
    print_twice(SERVED "ca = pushed\nallow = \"CN=a, b\" IP:10.0.0.1 URI:spiffe://a/b\n");
    accept(BUILT_IN PUSHED MUTUAL("b") API "tls = mutual\nca = c.pem\n[identity server]\ncert = c\nkey = k\n");
    assert_ptr_equal(config_identity_find(&config, true), &config.identities[0]);
    assert_null(config_identity_find(&config, false));
    assert_int_equal(report.warning_count, 1); /* of the packed key: nobody pushes one */
    done();
    accept(APP API);
    assert_int_equal(config.inbound[0].tls, CONFIG_INBOUND_CLEAR);
    assert_int_equal(report.warning_count, 0); /* the program may speak TLS there */
    assert_false(config_serves_tls(&config));
    done();
}

static void inbound_tls_that_can_not_work_is_refused(void **state)
{
    static const struct {
        const char *allow;
        const char *said;
    } bad[] = {
        {"allow =", "names nobody"},
        {"allow = , ,", "names nobody"},
        {"allow = ecs-client", "\"ecs-client\" is none of DNS:NAME"},
        {"allow = CN=", "\"CN=\" has nothing"},
        {"allow = DNS:*.a.example", "has a wildcard"},
        {"allow = IP:10.0.0.256", "is no IPv4 or IPv6 address"},
        {"allow = CN=a CN=b, CN=a", "\"CN=a\" stands there twice"},
        {"allow = \"CN=a", "quotes stand around a whole word"},
    };
    char text[1024];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        (void)snprintf(text, sizeof text, SERVED "ca = pushed\n%s\n", bad[i].allow);
        refuse(text, "enclave.ini:16: [inbound api] allow", bad[i].said);
    }
    refuse(SERVED, "enclave.ini:11: [inbound api]: ca is missing", "pushed");
    refuse(APP API "tls = mutual\n", "enclave.ini:8: [inbound api] tls = mutual", "nobody here does TLS");
    refuse(BUILT_IN PUSHED MUTUAL("b") API "tls = mutual\nca = c.pem\n", "enclave.ini:14: [inbound api] tls = mutual",
        "no certificate can reach");
    refuse(BUILT_IN PUSHED MUTUAL("b") API "tls = mutual\nca = pushed\n[identity server]\ncert = c\nkey = k\n",
        "enclave.ini:15: [inbound api] ca = pushed", "no CA can be pushed");
    refuse(APP API "ca = c.pem\n", "enclave.ini:8: [inbound api] ca = c.pem", "means nothing with tls = none");
    refuse(APP API "allow = CN=a\n", "enclave.ini:8: [inbound api] allow = CN=a", "means nothing with tls = none");
    refuse(APP API "eku = required\n", "enclave.ini:8: [inbound api] eku = required", "means nothing with tls = none");
    refuse(APP "[inbound status]\nvsock = 1\ntls = mutual\n", "enclave.ini:7: [inbound status] tls", "remove it");
    refuse(APP "[inbound status]\nvsock = 1\nallow = CN=a\n", "enclave.ini:7: [inbound status] allow", "means nothing");
    refuse(APP "[endpoint a]\ntls = app\neku = required\n", "enclave.ini:7: [endpoint a] eku", "means nothing");
}

static void the_status_port_is_no_other_inbound_port_and_is_warned_of(void **state)
{
    (void)state;
    accept(APP "[inbound status]\nvsock = 7900\n[inbound a]\nvsock = 1\nto = 127.0.0.1:1\n");
    assert_int_equal(config.status.vsock, 7900);
    assert_int_equal(config.inbound_count, 1);
    assert_string_equal(config.inbound[0].label, "a");
    assert_int_equal(report.warning_count, 1);
    assert_non_null(strstr(report.warnings[0], "enclave.ini:5: [inbound status]: the parent instance reads"));
    done();
    print_twice(APP "[inbound status]\nvsock = 7900\n[log]\nto = vsock:3:7901\n");
    accept(APP);
    assert_int_equal(config.status.vsock, 0);
    done();
}

static void names_that_steer_are_refused(void **state)
{
    static const char *const names[] = {"LD_PRELOAD", "ld_library_path", "PATH", "IFS", "ENV", "BASH_ENV", "PYTHONPATH",
        "PERL5LIB", "NODE_OPTIONS", "GCONV_PATH", "GODEBUG", "RES_OPTIONS", "HOSTALIASES", "LOCALDOMAIN",
        "MALLOC_PERTURB_", "SSL_CERT_FILE", "HTTPS_PROXY", "no_proxy", "Http_Proxy", "GLIBC_TUNABLES", "SSLKEYLOGFILE",
        "CURL_CA_BUNDLE", "OPENSSL_CONF", "JAVA_TOOL_OPTIONS", "RUBYOPT", "DOTNET_STARTUP_HOOKS", "ASAN_OPTIONS"};
    static const char *const fine[] = {"MTLS_CLIENT_CERT_JSON", "ECS_WATERMARK_ENDPOINT", "LOG_LEVEL", "NODE_ENV",
        "DATABASE_PATH", "MY_LD_PRELOAD", "ENVIRONMENT", "PATHS", "PROXY_TOKEN", "LANG"};
    char text[256];

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(text, sizeof text, APP "[env]\n%s = x\n", names[i]);
        refuse(text, "enclave.ini:6: [env] ", "steers");
        (void)snprintf(text, sizeof text, APP "[secrets]\nmode = plain\noptional = %s\n", names[i]);
        refuse(text, "enclave.ini:7: [secrets] optional", "steers");
    }
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
        (void)snprintf(text, sizeof text, APP "[secrets]\nmode = plain\nrequired = %s\n", fine[i]);
        accept(text);
        done();
    }
}

static void files_have_their_place_in_the_image(void **state)
{
    char path[64];

    (void)state;
    assert_int_equal(config_packed_path("certs/ca.pem", path, sizeof path), 0);
    assert_string_equal(path, "/opt/enclave/files/certs/ca.pem");
    assert_int_equal(config_packed_path("/etc/ca.pem", path, sizeof path), 0);
    assert_string_equal(path, "/etc/ca.pem");
    assert_int_equal(config_packed_path("ca.pem", path, 25), -36);
    assert_int_equal(config_packed_path("ca.pem", path, 26), 0);
}

static void a_file_over_the_bound_is_refused(void **state)
{
    char *text = malloc(CONFIG_FILE_MAX + 2);

    (void)state;
    memset(text, '\n', CONFIG_FILE_MAX + 1);
    memcpy(text, APP, strlen(APP));
    assert_int_equal(parse_bytes(text, CONFIG_FILE_MAX), 0);
    done();
    refuse_bytes(text, CONFIG_FILE_MAX + 1, "enclave.ini:1: the file has more than", "");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_section_reaches_its_place),
        cmocka_unit_test(each_host_has_one_address_and_each_endpoint_one_vsock_port),
        cmocka_unit_test(defaults_stand_where_the_file_says_nothing),
        cmocka_unit_test(what_is_printed_means_the_same),
        cmocka_unit_test(each_row_holds_its_bounds),
        cmocka_unit_test(each_row_is_in_the_table_of_bounds),
        cmocka_unit_test(a_name_of_253_characters_is_a_host_and_one_more_is_not),
        cmocka_unit_test(three_hundred_endpoints_are_all_there),
        cmocka_unit_test(all_errors_of_a_file_come_at_once_in_the_order_of_lines),
        cmocka_unit_test(errors_beyond_the_bound_are_counted),
        cmocka_unit_test(malformed_lines_are_refused),
        cmocka_unit_test(bytes_that_are_no_text_are_refused_with_their_line),
        cmocka_unit_test(nothing_stands_twice),
        cmocka_unit_test(near_misses_are_named),
        cmocka_unit_test(what_must_be_said_is_missed),
        cmocka_unit_test(ports_addresses_and_names_are_one_sections_alone),
        cmocka_unit_test(a_users_program_does_its_own_tls),
        cmocka_unit_test(a_built_in_application_knows_whom_it_calls),
        cmocka_unit_test(what_can_not_be_supplied_is_seen_before_the_start),
        cmocka_unit_test(an_inbound_port_may_speak_tls),
        cmocka_unit_test(inbound_tls_that_can_not_work_is_refused),
        cmocka_unit_test(names_that_steer_are_refused),
        cmocka_unit_test(files_have_their_place_in_the_image),
        cmocka_unit_test(a_file_over_the_bound_is_refused),
        cmocka_unit_test(the_status_port_is_no_other_inbound_port_and_is_warned_of),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
