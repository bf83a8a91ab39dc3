/* push: tests app/push: what a push may hold, and that no refusal shows a value. */
#include "app/push.h"

#include <errno.h>
#include <jansson.h>

#include "tests/tls/files.h"

static struct config config;
static struct reason why;

static const char ini[] = "[image]\nname = test\nversion = 1\nmemory = 64M\ncpus = 2\n"
                          "[app]\nrun = watermark\n"
                          "[secrets]\nmode = plain\nrequired = TOKEN\n"
                          "optional = MTLS_CLIENT_CERT_JSON MTLS_SERVER_CERT_JSON ECS_WATERMARK_ENDPOINT EXTRA\n"
                          "[endpoint service.example]\nport = 8080\ntls = mutual\nca = pushed\n"
                          "[endpoint other.example]\ntls = app\n";

static int read_config(void **state)
{
    struct config_report report;

    (void)state;
    if (config_parse(&config, "enclave.ini", ini, strlen(ini), &report) < 0) {
        fail_msg("%s", report.errors[0]);
    }
    config_report_free(&report);
    return 0;
}

static int free_config(void **state)
{
    (void)state;
    config_free(&config);
    return 0;
}

static int push_text(struct push *push, const char *text)
{
    return push_read(push, &config, false, text, strlen(text), &why);
}

/* Refuses text with a sentence that contains expected, and not the values that stand in it. */
static void refused(const char *text, const char *expected)
{
    struct push push;

    assert_int_equal(push_text(&push, text), -EINVAL);
    assert_contains(why.text, expected);
    assert_null(strstr(why.text, "hidden"));
    assert_null(push.env);
}

static void what_is_listed_is_accepted(void **state)
{
    struct push push;

    (void)state;
    assert_int_equal(push_text(&push, "{\"EXTRA\": \"b c\", \"TOKEN\": \"a=1\\n\"}"), 0);
    assert_string_equal(push.accepted, "{\"accepted\": [\"TOKEN\", \"EXTRA\"]}\n");
    assert_int_equal(push.header.env_count, 2);
    assert_int_equal(push.header.env_size, sizeof "TOKEN=a=1\n\0EXTRA=b c");
    assert_memory_equal(push.env, "TOKEN=a=1\n\0EXTRA=b c", sizeof "TOKEN=a=1\n\0EXTRA=b c");
    assert_null(push.identities[SECRETS_CLIENT].cert);
    push_free(&push);
}

static void what_is_no_object_is_refused(void **state)
{
    (void)state;
    refused("", "empty");
    refused("hidden", "not one JSON object");
    refused("\"hidden\"", "not one JSON object");
    refused("[\"hidden\"]", "an array");
    refused("{\"TOKEN\": \"hidden\"", "cut short");
    refused("{\"TOKEN\": \"hidden\"} x", "not one JSON object");
    refused("{\"TOKEN\": \"hidden\"} {}", "not one JSON object");
    refused("{\"TOKEN\": \"hidden\", \"TOKEN\": \"hidden\"}", "given twice");
    refused("{\"TOKEN\": \"hidden\\u0000\"}", "NUL");
    refused("{\"TOKEN\": \"hidden\xff\"}", "not one JSON object");
    refused("{\"TOKEN\": [[[[[[[[[[[[\"hidden\"]]]]]]]]]]]]}", "nested too deeply");
}

static void names_that_are_not_listed_are_refused(void **state)
{
    (void)state;
    refused("{\"TOKEN\": \"hidden\", \"LD_PRELOAD\": \"hidden\"}", "\"LD_PRELOAD\" is not listed");
    refused("{\"TOKEN\": \"hidden\", \"token\": \"hidden\"}", "\"token\" is not listed");
    refused("{\"TOKEN\": \"hidden\", \"\": \"hidden\"}", "\"\" is not listed");
    refused("{\"TOKEN\": \"hidden\", \"A\\u001b[31m\": \"hidden\"}", "\"A\\x1b[31m\"");
}

static void a_required_name_must_be_there(void **state)
{
    (void)state;
    refused("{}", "TOKEN is missing");
    refused("{\"EXTRA\": \"hidden\"}", "TOKEN is missing");
}

static void only_strings_are_values(void **state)
{
    (void)state;
    refused("{\"TOKEN\": 1}", "TOKEN: must be a string");
    refused("{\"TOKEN\": true}", "TOKEN: must be a string");
    refused("{\"TOKEN\": null}", "TOKEN: must be a string");
    refused("{\"TOKEN\": [\"hidden\"]}", "TOKEN: must be a string");
    refused("{\"TOKEN\": {\"a\": \"hidden\"}}", "TOKEN: an object");
}

static void a_push_over_the_bound_is_refused(void **state)
{
    char *text = malloc(SECRETS_PUSH_MAX + 2);
    struct push push;

    (void)state;
    memset(text, ' ', SECRETS_PUSH_MAX + 1);
    memcpy(text, "{\"TOKEN\": \"a\"}", 14);
    assert_int_equal(push_read(&push, &config, false, text, SECRETS_PUSH_MAX, &why), 0);
    push_free(&push);
    assert_int_equal(push_read(&push, &config, false, text, SECRETS_PUSH_MAX + 1, &why), -EINVAL);
    assert_contains(why.text, "262144 bytes");
    free(text);
}

static void a_value_that_no_variable_can_hold_is_refused(void **state)
{
    const size_t most = 32 * 4096 - sizeof "TOKEN=";
    char *text = malloc(most + 32);
    struct push push;

    (void)state;
    for (size_t more = 0; more < 2; more++) {
        size_t size = (size_t)sprintf(text, "{\"TOKEN\": \"");
        memset(text + size, 'a', most + more);
        size += most + more;
        size += (size_t)sprintf(text + size, "\"}");
        assert_int_equal(push_read(&push, &config, false, text, size, &why), more == 0 ? 0 : -EINVAL);
        push_free(&push);
    }
    assert_contains(why.text, "TOKEN: over 131065 bytes");
    free(text);
}

static void the_endpoint_is_one_of_the_measured(void **state)
{
    static const char start[] = "https://service.example:8080/";
    static char long_url[2000];
    static const char *const accepted[] = {
        "https://service.example:8080",
        "https://SERVICE.example:8080/",
        "https://service.example:8080/base/path",
    };
    static const char *const rejected[][2] = {
        {"http://service.example:8080", "must begin with https://"},
        {"HTTPS://service.example:8080", "must begin with https://"},
        {"service.example:8080", "must begin with https://"},
        {"https://user:hidden@service.example:8080", "user or a password"},
        {"https://hidden@service.example:8080", "user or a password"},
        {"https://service.example:8081", "port 8081 of \"service.example\" is no [endpoint]; port 8080 is"},
        {"https://service.example", "port 443 of \"service.example\" is no [endpoint]"},
        {"https://evil.example:8080", "failed to resolve hostname \"evil.example\""},
        {"https://service.example.:8080", "failed to resolve hostname \"service.example.\""},
        {"https://service.example:", "PORT 1-65535"},
        {"https://service.example:0", "PORT 1-65535"},
        {"https://service.example:08080", "PORT 1-65535"},
        {"https://service.example:65536", "PORT 1-65535"},
        {"https://service.example:8080:8080", "PORT 1-65535"},
        {"https://", "PORT 1-65535"},
        {"https://:8080", "PORT 1-65535"},
        {"https://[::1]:8080", "PORT 1-65535"},
        {"https://service.example:8080?hidden", "no query"},
        {"https://service.example:8080#hidden", "no query"},
        {"https://service.example:8080\\\\@hidden", "no query"},
        {"https://service.example:8080/a b", "no query"},
        {"https://service.example:8080/\\r\\nX: y", "no query"},
        {"", "must begin with https://"},
        /* The application could not use it, and no further push would be taken. */
        {"https://other.example", "[endpoint \"other.example\"] has neither tls = mutual nor tls = server"},
        {long_url, "over 1024 bytes"},
    };
    char text[sizeof long_url + 512];
    struct push push;

    (void)state;
    memset(long_url, 'x', sizeof long_url - 1);
    memcpy(long_url, start, sizeof start - 1);
    for (size_t i = 0; i < sizeof accepted / sizeof accepted[0]; i++) {
        (void)snprintf(text, sizeof text, "{\"TOKEN\": \"a\", \"ECS_WATERMARK_ENDPOINT\": \"%s\"}", accepted[i]);
        assert_int_equal(push_text(&push, text), 0);
        push_free(&push);
    }
    for (size_t i = 0; i < sizeof rejected / sizeof rejected[0]; i++) {
        (void)snprintf(text, sizeof text, "{\"TOKEN\": \"a\", \"ECS_WATERMARK_ENDPOINT\": \"%s\"}", rejected[i][0]);
        refused(text, rejected[i][1]);
    }
}

/* The text of a push with this identity under that name, as an object or as a string that holds one. */
static char *identity_push(enum secrets_kind kind, const char *cert, const char *key, const char *ca, bool as_string)
{
    const char *pushed = secrets_names[kind].pushed;
    bool server = kind == SECRETS_SERVER;
    size_t size;
    char *parts[] = {file_of(cert, &size), file_of(key, &size), file_of(ca, &size)};
    json_t *identity = json_pack("{s:s, s:s, s:s}", server ? "server_cert" : "client_cert", parts[0],
        server ? "server_key" : "client_key", parts[1], "ca_cert", parts[2]);
    char *inner = json_dumps(identity, 0);
    json_t *top = as_string ? json_pack("{s:s, s:s}", "TOKEN", "a", pushed, inner)
                            : json_pack("{s:s, s:O}", "TOKEN", "a", pushed, identity);
    char *text = json_dumps(top, 0);

    json_decref(top);
    json_decref(identity);
    free(inner);
    for (size_t i = 0; i < 3; i++) {
        free(parts[i]);
    }
    return text;
}

static void an_identity_becomes_three_files(void **state)
{
    static const char *const accepted[] = {"{\"accepted\": [\"TOKEN\", \"" PUSH_IDENTITY "\"]}\n",
        "{\"accepted\": [\"TOKEN\", \"MTLS_SERVER_CERT_JSON\"]}\n"};
    size_t size;
    char *cert = file_of("client.crt", &size);

    (void)state;
    for (int i = 0; i < 4; i++) {
        enum secrets_kind kind = i < 2 ? SECRETS_CLIENT : SECRETS_SERVER;
        char *text = identity_push(kind, "client.crt", "client.key", "ca.crt", i % 2 == 1);
        struct push push;
        assert_int_equal(push_text(&push, text), 0);
        assert_string_equal(push.accepted, accepted[kind]);
        const struct secrets_sizes *sizes = &push.header.identities[kind];
        const struct identity_pem *pem = &push.identities[kind];
        assert_int_equal(sizes->cert_size, size);
        assert_memory_equal(pem->cert, cert, size);
        assert_int_equal(sizes->key_size, strlen(pem->key));
        assert_int_equal(sizes->ca_size, strlen(pem->ca));
        assert_null(push.identities[1 - kind].cert);
        assert_int_equal(push.header.identities[1 - kind].cert_size, 0);
        assert_begins(push.env + strlen(push.env) + 1, secrets_names[kind].pushed);
        push_free(&push);
        free(text);
    }
    free(cert);
}

static void an_identity_that_does_not_fit_together_is_refused(void **state)
{
    char *text = identity_push(SECRETS_CLIENT, "client.crt", "client-ec.key", "ca.crt", false);
    struct push push;

    (void)state;
    assert_int_equal(push_text(&push, text), -EINVAL);
    assert_begins(why.text, PUSH_IDENTITY ": ");
    free(text);
    text = identity_push(SECRETS_SERVER, "server.crt", "client.key", "ca.crt", false);
    assert_int_equal(push_text(&push, text), -EINVAL);
    assert_begins(why.text, CONFIG_SECRET_SERVER ": server_key: the private key does not belong to server_cert");
    free(text);
    refused("{\"TOKEN\": \"a\", \"MTLS_SERVER_CERT_JSON\": {\"client_cert\": \"hidden\"}}",
        CONFIG_SECRET_SERVER ": server_cert: missing");
    refused("{\"TOKEN\": \"a\", \"" PUSH_IDENTITY "\": \"hidden\"}", PUSH_IDENTITY ": ");
    refused("{\"TOKEN\": \"a\", \"" PUSH_IDENTITY "\": {\"client_key\": \"hidden\"}}", PUSH_IDENTITY ": ");
}

static void a_refusal_is_one_line_of_json(void **state)
{
    char answer[PUSH_ANSWER_MAX];
    char sentence[REASON_SIZE];
    json_t *parsed;

    (void)state;
    assert_string_equal(
        push_refusal("the name \"a\\x\" is\nbad", answer), "{\"error\": \"the name \\\"a\\\\x\\\" is bad\"}\n");

    for (size_t offset = 0; offset < 4; offset++) { /* wherever the cut falls */
        memset(sentence, '"', sizeof sentence);
        for (size_t i = offset; i + 3 < sizeof sentence; i += 3) {
            memcpy(sentence + i, "…", 3);
        }
        sentence[sizeof sentence - 1] = '\0';
        parsed = json_loads(push_refusal(sentence, answer), 0, NULL);
        assert_non_null(parsed);
        assert_true(strlen(answer) < sizeof answer);
        json_decref(parsed);
    }
    memset(sentence, '"', sizeof sentence - 1);
    parsed = json_loads(push_refusal(sentence, answer), 0, NULL);
    assert_non_null(parsed);
    json_decref(parsed);
}

static void a_further_push_is_the_identity_alone(void **state)
{
    static const char *const wrong[] = {"{}", "{\"OTHER\": \"x\"}", "{\"NAME_THAT_IS_NOT_LISTED\": \"x\"}"};
    enum config_again measured = config.secrets.again;
    struct push push;

    (void)state;
    config.secrets.again = CONFIG_AGAIN_IDENTITY;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(push_read(&push, &config, true, wrong[i], strlen(wrong[i]), &why), -EINVAL);
    }
    for (enum secrets_kind kind = SECRETS_CLIENT; kind < SECRETS_KINDS; kind++) {
        char *text = identity_push(kind, "client.crt", "client.key", "ca.crt", true);
        json_t *top = json_loads(text, 0, NULL);
        assert_int_equal(push_read(&push, &config, true, text, strlen(text), &why), -EINVAL); /* TOKEN is there too */
        free(text);
        assert_int_equal(json_object_del(top, "TOKEN"), 0);
        text = json_dumps(top, 0);
        assert_int_equal(push_read(&push, &config, true, text, strlen(text), &why), 0);
        assert_true(push.header.identities[kind].cert_size > 0);
        push_free(&push);
        json_decref(top);
        free(text);
    }
    config.secrets.again = measured;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_further_push_is_the_identity_alone),
        cmocka_unit_test(what_is_listed_is_accepted),
        cmocka_unit_test(what_is_no_object_is_refused),
        cmocka_unit_test(names_that_are_not_listed_are_refused),
        cmocka_unit_test(a_required_name_must_be_there),
        cmocka_unit_test(only_strings_are_values),
        cmocka_unit_test(a_push_over_the_bound_is_refused),
        cmocka_unit_test(a_value_that_no_variable_can_hold_is_refused),
        cmocka_unit_test(the_endpoint_is_one_of_the_measured),
        cmocka_unit_test(an_identity_becomes_three_files),
        cmocka_unit_test(an_identity_that_does_not_fit_together_is_refused),
        cmocka_unit_test(a_refusal_is_one_line_of_json),
    };
    return cmocka_run_group_tests_name("push", tests, read_config, free_config);
}
