/* inbound: tests: a port behind mutual TLS and one in clear, with curl and openssl as clients; and the counters' text.
 */
#include "app/inbound.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "app/metrics.h"
#include "tests/tls/files.h"

#define ANSWER_SIZE 8192

/* A process that serves; its standard error is the file `console`. */
static struct {
    pid_t pid;
    uint16_t port;
    uint16_t clear;
    char console[600];
    struct config config;
    struct credentials *credentials;
    struct inbound *inbound;
} server;

static void parse(const char *more)
{
    static const char form[] = "[image]\nname = t\n[app]\nrun = watermark\nendpoint = a.test\n[endpoint a.test]\ntls = "
                               "server\nca = %s/ca.crt\n"
                               "[inbound api]\nvsock = 1\nto = 127.0.0.1:1\ntls = mutual\nca = %s/ca.crt\nallow = "
                               "CN=tee-client, DNS:ecs.test\n"
                               "[inbound open]\nvsock = 2\nto = 127.0.0.1:2\n%s";
    struct config_report report;
    char text[4096];
    int size = snprintf(text, sizeof text, form, files_folder(), files_folder(), more);

    if (config_parse(&server.config, "test", text, (size_t)size, &report) != 0) {
        fail_msg("%s", report.errors[0]);
    }
    config_report_free(&report);
}

/* Credentials as after another push. */
static void renew(void)
{
    credentials_drop(server.credentials);
    assert_int_equal(credentials_create(&server.credentials, &server.config, -1, NULL), 0);
    inbound_renew(server.inbound, server.credentials);
}

static void handle(void *arg, struct http_exchange *exchange)
{
    const struct http_head *head = http_exchange_head(exchange);
    struct http_buffer body = {0};
    const char *text = inbound_private(http_exchange_stream(exchange)) ? "private" : "open";

    (void)arg;
    if (http_text_is(head->target, "/metrics")) {
        assert_int_equal(inbound_metrics(server.inbound, &body), 0);
        assert_int_equal(inbound_certificates(server.inbound, time(NULL), &body), 0);
    } else {
        assert_int_equal(http_buffer_append(&body, text, strlen(text)), 0);
    }
    if (http_text_is(head->target, "/renew")) {
        renew();
    }
    http_exchange_answer(exchange, 200, "text/plain", NULL, &body);
}

static void started(void *arg, const struct stream *stream, int error)
{
    (void)arg;
    inbound_started(stream, error);
}

static void serve(const int listeners[2])
{
    struct http_server_options options = {.connections = 8, .handler = handle, .started = started};
    struct http_server *http;
    struct loop *loop;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(open(server.console, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600), STDERR_FILENO);
    assert_int_equal(inbound_open(&server.inbound, &server.config, NULL), 0);
    renew();
    assert_int_equal(loop_open(&loop), 0);
    assert_int_equal(http_server_open(&http, loop, &options), 0);
    assert_int_equal(inbound_listen(server.inbound, http, listeners), 0);
    loop_run(loop);
    _exit(1);
}

static int listen_somewhere(uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    socklen_t size = sizeof address;

    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static int server_start(void)
{
    int listeners[2] = {listen_somewhere(&server.port), listen_somewhere(&server.clear)};

    (void)snprintf(server.console, sizeof server.console, "%s/console-%d", files_folder(), (int)getpid());
    server.pid = fork();
    if (server.pid == 0) {
        serve(listeners);
    }
    close(listeners[0]);
    close(listeners[1]);
    return server.pid < 0;
}

static int server_with_identity(void **state)
{
    char identity[1400];

    (void)state;
    (void)snprintf(identity, sizeof identity, "[identity server]\ncert = %s/server.crt\nkey = %s/server.key\n",
        files_folder(), files_folder());
    parse(identity);
    return server_start();
}

static int server_without_identity(void **state)
{
    (void)state;
    parse("[secrets]\nmode = plain\nrequired = MTLS_SERVER_CERT_JSON\n");
    return server_start();
}

static int server_stop(void **state)
{
    (void)state;
    kill(server.pid, SIGKILL);
    waitpid(server.pid, NULL, 0);
    config_free(&server.config);
    return 0;
}

/* The exit status of a command in the folder of certificates; what it printed in answer. */
static int run(char answer[static ANSWER_SIZE], const char *format, ...) __attribute__((format(printf, 2, 3)));
static int run(char answer[static ANSWER_SIZE], const char *format, ...)
{
    char command[2048];
    va_list args;
    int used = snprintf(command, sizeof command, "cd '%s' && ", files_folder());

    va_start(args, format);
    (void)vsnprintf(command + used, sizeof command - (size_t)used, format, args);
    va_end(args);
    FILE *pipe = popen(command, "r"); /* NOLINT: a test's own words */
    assert_non_null(pipe);
    answer[fread(answer, 1, ANSWER_SIZE - 1, pipe)] = '\0';
    int status = pclose(pipe);
    return WEXITSTATUS(status);
}

static int get(const char *client, const char *target, char answer[static ANSWER_SIZE])
{
    return run(answer,
        "curl -sS --max-time 20 --resolve watermark.test:%u:127.0.0.1 --cacert ca.crt --cert %s.crt --key %s.key "
        "https://watermark.test:%u%s 2>&1",
        server.port, client, strncmp(client, "client-ec", 9) == 0 ? "client-ec" : "client", server.port, target);
}

/* How many lines of the console have the words; waits for the first one. */
static unsigned said(const char *words)
{
    unsigned count = 0;
    struct reason why;
    char *text;
    size_t size;

    for (int i = 0; i < 250 && count == 0; i++) {
        usleep(i > 0 ? 20000 : 0);
        assert_int_equal(file_read(server.console, 1024 * 1024, &text, &size, &why), 0);
        for (const char *at = strstr(text, words); at != NULL; at = strstr(at + 1, words)) {
            count++;
        }
        free(text);
    }
    return count;
}

static void whoever_has_a_listed_name_comes_in(void **state)
{
    char answer[ANSWER_SIZE];

    (void)state;
    assert_int_equal(get("client", "/", answer), 0);
    assert_string_equal(answer, "private");
    assert_int_equal(said("inbound api: \"CN=tee-client, O=Zing\", sha256 "), 1);
    assert_int_equal(get("client-names", "/", answer), 0);
    assert_string_equal(answer, "private");
    assert_int_equal(
        said("inbound api: \"CN=one, CN=two\" (\"DNS:ecs.test, IP:10.0.0.1, URI:spiffe://zing.test/ecs\")"), 1);
    assert_int_equal(run(answer, "curl -sS http://127.0.0.1:%u/", server.clear), 0);
    assert_string_equal(answer, "open");
}

static void all_others_are_refused_and_counted(void **state)
{
    char answer[ANSWER_SIZE];

    (void)state;
    assert_int_not_equal(get("client-v1", "/", answer), 0);
    assert_contains(answer, "access denied");
    assert_int_equal(
        said("\"CN=ECS-Client\", issued by \"CN=Enclave-CA\"; [inbound api] allow has none of its names"), 1);
    assert_int_not_equal(get("client-ec-ec", "/", answer), 0);
    assert_contains(answer, "unknown ca");
    assert_int_equal(
        run(answer, "bash -c 'exec 3<>/dev/tcp/127.0.0.1/%u'", server.port), 0); /* looks, and says nothing */
    assert_int_equal(
        run(answer, "bash -c 'printf \"\\x15\\x3\\x3\\x0\\x2\\x2\\xc8\" >/dev/tcp/127.0.0.1/%u'", server.port),
        0); /* an alert that TLS does not have */
    assert_int_equal(said("TLS handshake failed: the far side sent an alert that nobody here knows"), 1);
    assert_int_equal(get("client", "/metrics", answer), 0);
    assert_contains(answer, "ingot_inbound_handshakes_total{inbound=\"api\",result=\"full\"} 3\n");
    assert_contains(answer, "ingot_inbound_handshakes_total{inbound=\"api\",result=\"resumed\"} 0\n");
    assert_contains(answer, "ingot_inbound_handshakes_total{inbound=\"api\",result=\"failed\"} 3\n");
    assert_contains(answer, "ingot_inbound_handshake_failures_total{inbound=\"api\",reason=\"TLS_FAULT_REFUSED\"} 1\n");
    assert_contains(
        answer, "ingot_inbound_handshake_failures_total{inbound=\"api\",reason=\"BR_ERR_X509_NOT_TRUSTED\"} 1\n");
    assert_contains(answer, "ingot_inbound_handshake_failures_total{inbound=\"api\",reason=\"UNKNOWN\"} 1\n");
    assert_contains(answer, "ingot_inbound_silent_total{inbound=\"api\"} 1\n");
    assert_contains(answer, "ingot_inbound_sessions 1\n");
    assert_contains(answer, "ingot_certificate_days_left{section=\"inbound\",label=\"api\",file=\"/");
    assert_null(strstr(answer, "inbound=\"open\""));
}

static void other_credentials_end_resumption(void **state)
{
    static const char ask[] =
        "printf 'GET %s HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n' | openssl s_client "
        "-connect 127.0.0.1:%u -cert client.crt -key client.key -quiet -ign_eof %s 2>/dev/null";
    char answer[ANSWER_SIZE];

    (void)state;
    assert_int_equal(run(answer, ask, "/", server.port, "-sess_out session.pem"), 0);
    assert_int_equal(run(answer, ask, "/renew", server.port, "-sess_in session.pem"), 0);
    assert_contains(answer, "\r\n\r\nprivate"); /* it goes on with what it began with */
    assert_int_equal(said(", resumed\n"), 1);
    assert_int_equal(run(answer, ask, "/", server.port, "-sess_in session.pem"), 0);
    assert_contains(answer, "\r\n\r\nprivate");
    assert_int_equal(said(", resumed\n"), 1);
}

static void without_an_identity_nobody_comes_in(void **state)
{
    char answer[ANSWER_SIZE];

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_not_equal(get("client", "/", answer), 0);
    }
    assert_int_equal(said("inbound api: connections are closed as long as there is no identity for clients"), 1);
    assert_int_equal(run(answer, "curl -sS http://127.0.0.1:%u/metrics", server.clear), 0);
    assert_contains(answer, "reason=\"NO_IDENTITY\"} 3\n");
}

static void labels_are_escaped(void **state)
{
    struct http_buffer out = {0};

    (void)state;
    assert_int_equal(metrics_family(&out, "a_total", METRICS_COUNTER, "What it is."), 0);
    assert_int_equal(metrics_put(&out, "a_total", 7, "x", "a\"b\\c", "y", "", NULL), 0);
    assert_int_equal(metrics_put(&out, "a_total", -1, NULL), 0);
    assert_int_equal(metrics_certificate(&out, "s", "l", "f", 86400 * 3 - 1, 86400), 0);
    assert_int_equal(metrics_certificate(&out, "s", "l", "f", 86400, 86401), 0);
    assert_int_equal(http_buffer_append(&out, "", 1), 0);
    assert_string_equal(out.data, "# HELP ingot_a_total What it is.\n# TYPE ingot_a_total counter\n"
                                  "ingot_a_total{x=\"a\\\"b\\\\c\",y=\"\"} 7\ningot_a_total -1\n"
                                  "ingot_certificate_days_left{section=\"s\",label=\"l\",file=\"f\"} 1\n"
                                  "ingot_certificate_days_left{section=\"s\",label=\"l\",file=\"f\"} -1\n");
    http_buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest serving[] = {
        cmocka_unit_test(whoever_has_a_listed_name_comes_in),
        cmocka_unit_test(all_others_are_refused_and_counted),
        cmocka_unit_test(other_credentials_end_resumption),
        cmocka_unit_test(labels_are_escaped),
    };
    const struct CMUnitTest waiting[] = {
        cmocka_unit_test(without_an_identity_nobody_comes_in),
    };
    int failed = cmocka_run_group_tests(serving, server_with_identity, server_stop);

    return failed + cmocka_run_group_tests(waiting, server_without_identity, server_stop);
}
