/* tests with nginx: mutual TLS with the server that a deployment has, and what it says of certificates it dislikes. */
#include "tests/tls/pump.h"

#define ANSWER_SIZE 8192
#define LARGE_SIZE (1024 * 1024)

static const char configuration[] =
    "daemon off;\n"
    "master_process off;\n"
    "pid %1$s/nginx.pid;\n"
    "error_log %1$s/nginx-error.log;\n"
    "events {}\n"
    "http {\n"
    "  log_format names '$request $status $ssl_client_s_dn $ssl_protocol $ssl_cipher';\n"
    "  access_log %1$s/nginx-access.log names;\n"
    "  client_body_temp_path %1$s/nginx-body;\n"
    "  proxy_temp_path %1$s/nginx-proxy;\n"
    "  fastcgi_temp_path %1$s/nginx-fastcgi;\n"
    "  uwsgi_temp_path %1$s/nginx-uwsgi;\n"
    "  scgi_temp_path %1$s/nginx-scgi;\n"
    "  server {\n"
    "    listen 127.0.0.1:%2$u ssl;\n"
    "    ssl_certificate %1$s/%3$s.crt;\n"
    "    ssl_certificate_key %1$s/%3$s.key;\n"
    "    ssl_client_certificate %1$s/ca.crt;\n"
    "    ssl_verify_client on;\n"
    "    location /health { return 200 'well\\n'; }\n"
    "    location /large { root %1$s; }\n"
    "  }\n"
    "}\n";

struct nginx {
    struct server server;
};

static void file_put(const char *name, const void *data, size_t size)
{
    char path[600];
    struct reason why;

    (void)snprintf(path, sizeof path, "%s/%s", files_folder(), name);
    if (file_write(path, data, size, 0644, &why) != 0) {
        fail_msg("%s", why.text);
    }
}

static struct nginx nginx_start(const char *certificate)
{
    const char *folder = files_folder();
    struct nginx nginx;
    char path[600];
    char log[600];
    char text[sizeof configuration + 8192];
    uint16_t port = port_free();
    const char *const argv[] = {"/usr/sbin/nginx", "-c", path, "-p", folder, "-e", "stderr", NULL};
    int size = snprintf(text, sizeof text, configuration, folder, port, certificate);

    file_put("nginx.conf", text, (size_t)size);
    (void)snprintf(path, sizeof path, "%s/nginx.conf", folder);
    (void)snprintf(log, sizeof log, "%s/nginx-access.log", folder);
    (void)unlink(log);
    nginx.server = server_run((char *const *)(uintptr_t)argv, port);
    return nginx;
}

static struct tls_session *session;
static struct tls_trust *trust;

/* One request; the whole answer up to the server's close. Its size; the session's error in *error. */
static size_t ask(const struct nginx *nginx, const char *certificate, const char *key, const char *path, char *answer,
    size_t answer_size, int *error)
{
    struct tls_client client = {.server_name = "watermark.test", .trust = trust, .now = time(NULL)};
    struct pump pump = {.session = session, .fd = server_connect(&nginx->server)};
    struct tls_identity *identity = NULL;
    struct reason why = {""};
    char request[256];
    size_t used = 0;

    if (certificate != NULL) {
        size_t cert_size;
        size_t key_size;
        char *cert_pem = file_of(certificate, &cert_size);
        char *key_pem = file_of(key, &key_size);
        assert_int_equal(tls_identity_load("client", cert_pem, cert_size, key_pem, key_size, &identity, &why), 0);
        free(cert_pem);
        free(key_pem);
    }
    client.identity = identity;
    assert_int_equal(tls_session_start_client(session, &client, NULL), 0);
    (void)snprintf(
        request, sizeof request, "GET %s HTTP/1.1\r\nHost: watermark.test\r\nConnection: close\r\n\r\n", path);
    if (pump_write(&pump, request, strlen(request))) {
        used = pump_read(&pump, answer, answer_size - 1);
    }
    answer[used] = '\0';
    *error = tls_session_error(session, NULL);
    close(pump.fd);
    tls_identity_free(identity);
    return used;
}

static void clients_by_the_recipes_are_let_in_and_named(void **state)
{
    static const struct {
        const char *certificate;
        const char *key;
        const char *name;
    } clients[] = {
        {"client.crt", "client.key", "O=Zing,CN=tee-client"},
        {"client-v1.crt", "client-pkcs1.key", "CN=ECS-Client"},
        {"client-ec.crt", "client-ec.key", "O=Zing,CN=tee-client"},
        {"client-ec-v1.crt", "client-ec-pkcs8.key", "CN=ECS-Client"},
    };
    static const char *const servers[] = {"server", "server-4096", "server-p256", "server-p384"};
    char answer[ANSWER_SIZE];
    int error;

    (void)state;
    for (size_t s = 0; s < sizeof servers / sizeof servers[0]; s++) {
        struct nginx nginx = nginx_start(servers[s]);
        for (size_t i = 0; i < sizeof clients / sizeof clients[0]; i++) {
            size_t log_size;
            char *log;
            ask(&nginx, clients[i].certificate, clients[i].key, "/health", answer, sizeof answer, &error);
            assert_int_equal(error, 0); /* nginx closes with close_notify */
            assert_begins(answer, "HTTP/1.1 200 ");
            assert_contains(answer, "\r\n\r\nwell\n");
            log = file_of("nginx-access.log", &log_size);
            assert_contains(log, clients[i].name);
            assert_contains(log, "TLSv1.2");
            free(log);
        }
        server_stop(&nginx.server);
    }
}

static void without_or_with_a_strange_certificate_nginx_answers_400(void **state)
{
    struct nginx nginx = nginx_start("server");
    char answer[ANSWER_SIZE];
    int error;

    (void)state;
    ask(&nginx, NULL, NULL, "/health", answer, sizeof answer, &error);
    assert_begins(answer, "HTTP/1.1 400 ");
    assert_contains(answer, "No required SSL certificate was sent");
    ask(&nginx, "client-ec-ec.crt", "client-ec.key", "/health", answer, sizeof answer, &error);
    assert_begins(answer, "HTTP/1.1 400 ");
    assert_contains(answer, "The SSL certificate error");
    server_stop(&nginx.server);
}

static void a_megabyte_comes_whole(void **state)
{
    uint8_t *sent = malloc(LARGE_SIZE);
    char *answer = malloc(LARGE_SIZE + ANSWER_SIZE);
    struct nginx nginx;
    size_t size;
    int error;

    (void)state;
    for (size_t i = 0; i < LARGE_SIZE; i++) {
        sent[i] = (uint8_t)(i * 2654435761u >> 13);
    }
    file_put("large", sent, LARGE_SIZE);
    nginx = nginx_start("server");
    size = ask(&nginx, "client.crt", "client.key", "/large", answer, LARGE_SIZE + ANSWER_SIZE, &error);
    assert_int_equal(error, 0);
    assert_true(size > LARGE_SIZE);
    assert_memory_equal(answer + size - LARGE_SIZE, sent, LARGE_SIZE);
    server_stop(&nginx.server);
    free(sent);
    free(answer);
}

static int prepare(void **state)
{
    size_t size;
    char *pem = file_of("ca.crt", &size);

    (void)state;
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(tls_session_create(&session), 0);
    assert_int_equal(tls_trust_load(pem, size, &trust, NULL), 0);
    free(pem);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    tls_session_destroy(session);
    tls_trust_free(trust);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clients_by_the_recipes_are_let_in_and_named),
        cmocka_unit_test(without_or_with_a_strange_certificate_nginx_answers_400),
        cmocka_unit_test(a_megabyte_comes_whole),
    };

    return cmocka_run_group_tests(tests, prepare, finish);
}
