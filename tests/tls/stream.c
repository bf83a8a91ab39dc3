/* tests of stream: our HTTP server behind TLS, with curl as the client, and clients that do it wrong. */
#include "tls/stream.h"

#include <arpa/inet.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>

#include "net/http_server.h"
#include "tests/tls/trial.h"
#include "tls/store.h"

#define ANSWER_SIZE 4096

/*
 * A process that answers POST with the body's size and all else with the target, and logs how streams began. What is
 * asked of /echo goes back as it comes; of /cut, with the answer's end missing.
 */
static struct {
    pid_t pid;
    uint16_t port;
    int log; /* a line "0 SUITE", "0 SUITE resumed", "-71 SENTENCE" for each connection that began, or failed to */
} server;

static struct tls_server served;
static int log_out;

static void handle(void *arg, struct http_exchange *exchange)
{
    const struct http_head *head = http_exchange_head(exchange);
    struct http_buffer body = {0};
    struct tls_summary summary;
    char text[REASON_SIZE];
    int size;

    (void)arg;
    assert_true(tls_session_summary(tls_stream_session(http_exchange_stream(exchange)), &summary));
    if (http_text_is(head->method, "POST")) {
        size = snprintf(text, sizeof text, "%zu\n", http_exchange_body(exchange).size);
    } else if (http_text_is(head->target, "/who")) {
        size = snprintf(text, sizeof text, "%s\n", summary.peer.text);
    } else {
        size = snprintf(text, sizeof text, "%.*s\n", (int)head->target.size, head->target.data);
    }
    assert_int_equal(http_buffer_append(&body, text, (size_t)size), 0);
    http_exchange_answer(exchange, 200, "text/plain", NULL, &body);
}

struct echo {
    struct http_exchange *exchange;
    struct http_text part; /* read, not written yet */
    bool cut;
};

static void echo_gone(void *arg)
{
    free(arg);
}

static void echo_on(void *arg)
{
    struct echo *echo = arg;
    ssize_t size = 1;

    while (size > 0) {
        if (echo->part.size == 0) {
            size = http_exchange_read(echo->exchange, &echo->part);
        } else {
            size = http_exchange_write(echo->exchange, echo->part.data, echo->part.size);
            echo->part.data += size > 0 ? size : 0;
            echo->part.size -= size > 0 ? (size_t)size : 0;
        }
    }
    if (size == 0) {
        (echo->cut ? http_exchange_abort : http_exchange_finish)(echo->exchange);
        free(echo);
    }
}

static void begin(void *arg, struct http_exchange *exchange)
{
    static const struct http_events events = {echo_on, echo_on, echo_gone};
    const struct http_head *head = http_exchange_head(exchange);
    bool cut = http_text_is(head->target, "/cut");

    (void)arg;
    if (!cut && !http_text_is(head->target, "/echo")) {
        return;
    }
    struct echo *echo = calloc(1, sizeof *echo);
    *echo = (struct echo){.exchange = exchange, .cut = cut};
    (void)http_exchange_stream_to(exchange, UINT64_MAX, &events, echo);
    (void)http_exchange_start(exchange, 200, NULL, 0, HTTP_FRAMING_CHUNKED, 0);
    echo_on(echo);
}

static void started(void *arg, const struct stream *stream, int error)
{
    const struct tls_session *session_there = tls_stream_session(stream);
    struct tls_summary summary;
    struct reason why = {""};

    (void)arg;
    (void)tls_session_summary(session_there, &summary);
    (void)tls_session_error(session_there, &why);
    dprintf(log_out, "%d %s%s\n", error, error == 0 ? summary.suite : why.text, summary.resumed ? " resumed" : "");
}

static int accept_tls(void *arg, int fd, struct stream **stream)
{
    struct reason why;

    (void)arg;
    served.now = time(NULL);
    return tls_stream_accept(stream, fd, &served, &why);
}

static void serve(int listener)
{
    struct http_budget budget = {.max = 4 * HTTP_BODY_MAX};
    struct http_server_options options = {
        .connections = 16, .budget = &budget, .handler = handle, .begin = begin, .started = started};
    struct http_server *http;
    struct loop *loop;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    assert_int_equal(tls_store_create(&served.store), 0);
    assert_int_equal(loop_open(&loop), 0);
    assert_int_equal(http_server_open(&http, loop, &options), 0);
    assert_int_equal(http_server_listen(http, listener, accept_tls, NULL), 0);
    loop_run(loop);
    _exit(1);
}

static int server_make(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int log[2];

    if (session_make(state) != 0) {
        return 1;
    }
    served.identity = identity_of("server", "server");
    served.trust = trust_of("ca");
    assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listener, 16), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    assert_int_equal(pipe2(log, O_CLOEXEC), 0);
    server.port = ntohs(address.sin_port);
    server.log = log[0];
    log_out = log[1];
    server.pid = fork();
    assert_true(server.pid >= 0);
    if (server.pid == 0) {
        serve(listener);
    }
    close(listener);
    close(log_out);
    return 0;
}

static int server_drop(void **state)
{
    kill(server.pid, SIGKILL);
    waitpid(server.pid, NULL, 0);
    close(server.log);
    tls_identity_free((struct tls_identity *)(uintptr_t)served.identity);
    tls_trust_free((struct tls_trust *)(uintptr_t)served.trust);
    return session_drop(state);
}

/* How the next connection began; the line about it is in started_line. */
static char started_line[REASON_SIZE + 16];

static int next_start(void)
{
    size_t used = 0;

    while (
        used < sizeof started_line - 1 && read(server.log, started_line + used, 1) == 1 && started_line[used] != '\n') {
        used++;
    }
    started_line[used] = '\0';
    return atoi(started_line);
}

/* curl's exit status; what it printed in answer. */
static int curl(const char *options, const char *target, char answer[static ANSWER_SIZE])
{
    const char *folder = files_folder();
    char command[2048];

    (void)snprintf(command, sizeof command,
        "cd '%s' && curl -sS --max-time 20 --resolve " NAME ":%u:127.0.0.1 --cacert ca.crt %s 'https://" NAME
        ":%u%s' 2>&1",
        folder, server.port, options, server.port, target);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    answer[fread(answer, 1, ANSWER_SIZE - 1, pipe)] = '\0';
    int status = pclose(pipe);
    return WEXITSTATUS(status);
}

#define CLIENT "--cert client.crt --key client.key "

static void curl_is_answered(void **state)
{
    char answer[ANSWER_SIZE];

    (void)state;
    assert_int_equal(curl(CLIENT, "/who", answer), 0);
    assert_string_equal(answer, "\"CN=tee-client, O=Zing\"\n");
    assert_int_equal(next_start(), 0);
}

static void one_connection_carries_many_requests(void **state)
{
    char answer[ANSWER_SIZE];
    char more[512];

    (void)state;
    (void)snprintf(more, sizeof more, CLIENT "https://" NAME ":%u/1 https://" NAME ":%u/2", server.port, server.port);
    assert_int_equal(curl(more, "/3", answer), 0);
    assert_string_equal(answer, "/1\n/2\n/3\n");
    assert_int_equal(next_start(), 0); /* and no other */
}

static void large_bodies_come_whole(void **state)
{
    char answer[ANSWER_SIZE];

    (void)state;
    assert_int_equal(curl(CLIENT "--data-binary @body", "/", answer), 0);
    assert_string_equal(answer, "1048576\n");
    assert_int_equal(next_start(), 0);
    assert_int_equal(curl(CLIENT "-H 'Transfer-Encoding: chunked' --data-binary @body", "/", answer), 0);
    assert_string_equal(answer, "1048576\n");
    assert_int_equal(next_start(), 0);
}

static int in_folder(const char *command)
{
    char text[1024];

    (void)snprintf(text, sizeof text, "cd '%s' && %s", files_folder(), command);
    return system(text); /* NOLINT: a test's own words */
}

static void streams_of_any_size_go_both_ways_at_once(void **state)
{
    static const char *const framings[] = {"", "-H 'Transfer-Encoding: chunked' ", "--limit-rate 20M ", "--http1.0 "};
    char answer[ANSWER_SIZE];
    char options[256];

    (void)state;
    assert_int_equal(in_folder("head -c 3999999 /dev/urandom >large"), 0);
    for (size_t i = 0; i < sizeof framings / sizeof *framings; i++) {
        (void)snprintf(options, sizeof options, CLIENT "-H Expect: %s--data-binary @large -o back", framings[i]);
        assert_int_equal(curl(options, "/echo", answer), 0);
        assert_int_equal(in_folder("cmp large back"), 0);
        assert_int_equal(next_start(), 0);
    }
}

/* Whoever sits between could end it there as well: without close_notify it is no end. */
static void an_answer_that_is_cut_is_no_answer(void **state)
{
    char answer[ANSWER_SIZE];

    (void)state;
    assert_int_equal(curl(CLIENT "--http1.0", "/echo", answer), 0); /* the end of the connection is the answer's */
    assert_int_equal(next_start(), 0);
    assert_int_equal(curl(CLIENT "--http1.0", "/cut", answer), 56);
    assert_int_equal(next_start(), 0);
    assert_int_not_equal(curl(CLIENT "--http1.0 -d abc", "/cut", answer), 0);
    assert_int_equal(next_start(), 0);
    assert_int_not_equal(curl(CLIENT "-d abc", "/cut", answer), 0);
    assert_int_equal(next_start(), 0);
}

static void a_client_without_a_certificate_gets_an_alert(void **state)
{
    char answer[ANSWER_SIZE];

    (void)state;
    assert_int_not_equal(curl("", "/", answer), 0);
    assert_contains(answer, "handshake failure");
    assert_int_equal(next_start(), -EPROTO);
    assert_int_not_equal(curl("--cert server.crt --key server.key", "/", answer), 0);
    assert_contains(answer, "unsupported certificate");
    assert_int_equal(next_start(), -EPROTO);
}

static void clients_that_offer_nothing_of_ours_have_a_sentence(void **state)
{
    static const struct {
        const char *options;
        const char *part;
    } clients[] = {
        {"--tlsv1.3", "TLS 1.3 is not spoken here"},
        {"--tls-max 1.2 --ciphers AES128-SHA256", "offers no cipher suite, curve or signature"},
        {"--tls-max 1.2 --curves X448", "ECDHE on X25519, P-256, P-384 or P-521"},
        {"--tlsv1.1 --tls-max 1.1 --ciphers ALL:@SECLEVEL=0", "only versions before TLS 1.2"},
    };
    char answer[ANSWER_SIZE];
    char options[256];

    (void)state;
    for (size_t i = 0; i < sizeof clients / sizeof clients[0]; i++) {
        (void)snprintf(options, sizeof options, CLIENT "%s", clients[i].options);
        assert_int_not_equal(curl(options, "/", answer), 0);
        assert_int_equal(next_start(), -EPROTO);
        assert_contains(started_line, clients[i].part);
    }
}

static void the_server_chooses_the_suite(void **state)
{
    static const char *const offers[] = {"ECDHE-RSA-CHACHA20-POLY1305:ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-CHACHA20-POLY1305"};
    char answer[ANSWER_SIZE];
    char options[256];
    char first[sizeof started_line];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(options, sizeof options, CLIENT "--tls-max 1.2 --ciphers %s", offers[i]);
        assert_int_equal(curl(options, "/", answer), 0);
        assert_int_equal(next_start(), 0);
        assert_true(i == 0 || strcmp(first, started_line) == 0);
        memcpy(first, started_line, sizeof first);
    }
#if defined(__x86_64__)
    assert_contains(first, __builtin_cpu_supports("aes") ? "AES_128_GCM" : "CHACHA20");
#endif
}

static void openssl_resumes_its_session(void **state)
{
    char command[1024];

    (void)state;
    (void)snprintf(command, sizeof command,
        "cd '%s' && openssl s_client -reconnect -tls1_2 -connect 127.0.0.1:%u -CAfile ca.crt -cert client.crt "
        "-key client.key </dev/null >/dev/null 2>&1",
        files_folder(), server.port);
    assert_int_equal(system(command), 0);
    assert_int_equal(next_start(), 0);
    assert_null(strstr(started_line, " resumed"));
    for (int i = 0; i < 5; i++) { /* as often as -reconnect does */
        assert_int_equal(next_start(), 0);
        assert_contains(started_line, " resumed");
    }
}

/* Our own session over a blocking socket. */
static struct pump dial(size_t step)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(server.port)};
    struct pump pump = {.session = session, .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .step = step};

    assert_int_equal(connect(pump.fd, (struct sockaddr *)&address, sizeof address), 0);
    return pump;
}

static void bytes_may_drip_and_requests_may_be_pipelined(void **state)
{
    static const char two[] =
        "GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    struct tls_trust *trust = trust_of("ca");
    struct tls_identity *identity = identity_of("client", "client");
    struct tls_client client = {.server_name = NAME, .trust = trust, .identity = identity, .now = time(NULL)};
    struct pump pump = dial(1);
    char answer[ANSWER_SIZE] = "";
    size_t used = 0;
    uint8_t byte;

    (void)state;
    assert_int_equal(tls_session_start_client(session, &client, NULL), 0);
    assert_true((pump_until(&pump, TLS_WRITE) & TLS_WRITE) != 0);
    assert_true(pump_write(&pump, two, sizeof two - 1)); /* one record: the second request waits in memory */
    while (used < sizeof answer - 1 && pump_read(&pump, &byte, 1) == 1) {
        answer[used++] = (char)byte;
    }
    assert_contains(answer, "\r\n\r\n/a\nHTTP/1.1 200");
    assert_contains(answer, "\r\n\r\n/b\n");
    assert_int_equal(tls_session_error(session, NULL), 0); /* it said close_notify */
    close(pump.fd);
    assert_int_equal(next_start(), 0);
    tls_trust_free(trust);
    tls_identity_free(identity);
}

static void plain_http_gets_an_alert(void **state)
{
    struct pump pump = dial(0);
    uint8_t alert[7];

    (void)state;
    assert_int_equal(send(pump.fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27, 0), 27);
    assert_int_equal(recv(pump.fd, alert, sizeof alert, MSG_WAITALL), sizeof alert);
    assert_int_equal(alert[0], 21);
    assert_int_equal(alert[5], 2);
    assert_int_equal(next_start(), -EPROTO);
    close(pump.fd);
}

static void an_end_in_the_handshake_is_seen(void **state)
{
    struct pump pump = dial(0);

    (void)state;
    close(pump.fd);
    assert_int_equal(next_start(), -EPROTO);
}

/* Sends nothing but empty records, as fast as they are taken, until it is killed. */
static pid_t start_flood(void)
{
    static const uint8_t empty[5] = {22, 3, 3, 0, 0};
    static uint8_t records[sizeof empty * 1000];
    struct pump pump = dial(0);
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (size_t i = 0; i < sizeof records; i++) {
            records[i] = empty[i % sizeof empty];
        }
        while (send(pump.fd, records, sizeof records, MSG_NOSIGNAL) == sizeof records) {
        }
        _exit(0);
    }
    close(pump.fd);
    return pid;
}

static void a_flood_keeps_nobody_waiting(void **state)
{
    char answer[ANSWER_SIZE];
    pid_t flood = start_flood();

    (void)state;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(curl(CLIENT, "/in-the-flood", answer), 0);
        assert_int_equal(next_start(), 0);
    }
    kill(flood, SIGKILL);
    assert_int_equal(waitpid(flood, NULL, 0), flood);
    assert_int_equal(next_start(), -EPROTO);
}

static struct tls_identity *joined;

/* Our server and our client on one connection, both started. */
static void join(struct stream *both[static 2])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    struct tls_client client = {.server_name = NAME, .trust = served.trust, .now = time(NULL)};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct reason why;

    client.identity = joined = identity_of("client", "client");
    served.now = client.now;
    assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(tls_stream_accept(&both[0], accept(listener, NULL, NULL), &served, &why), 0);
    assert_int_equal(tls_stream_connect(&both[1], fd, &client, &why), 0);
    close(listener);
    for (int done = 0; done < 2;) {
        done = 0;
        for (int i = 0; i < 2; i++) {
            int error = stream_start(both[i]);
            assert_true(error == 0 || error == -EAGAIN);
            done += error == 0;
        }
    }
}

static void part(struct stream *both[static 2])
{
    stream_close(both[0]);
    stream_close(both[1]);
    tls_identity_free(joined);
}

/* With Nagle's algorithm a client's request waited up to 40 ms behind the end of its handshake. */
static void records_wait_for_no_acknowledgement(void **state)
{
    struct stream *both[2];
    socklen_t size = sizeof(int);
    int on;

    (void)state;
    join(both);
    for (int i = 0; i < 2; i++) {
        on = 0;
        assert_int_equal(getsockopt(both[i]->fd, IPPROTO_TCP, TCP_NODELAY, &on, &size), 0);
        assert_int_not_equal(on, 0);
    }
    part(both);
}

/* Whole records of a long answer may share packets; a flush leaves none behind, in us or in the kernel. */
static void a_flush_sends_what_was_kept_for_fuller_packets(void **state)
{
    static char records[2 * 16384];
    const struct iovec whole = {records, sizeof records};
    struct stream *both[2];
    int kept = 0;

    (void)state;
    join(both);
    assert_int_equal(stream_write(both[0], &whole, 1), sizeof records);
    assert_int_equal(ioctl(both[0]->fd, SIOCOUTQNSD, &kept), 0);
    assert_true(kept > 0);
    assert_int_equal(stream_flush(both[0]), 0);
    assert_int_equal(ioctl(both[0]->fd, SIOCOUTQNSD, &kept), 0);
    assert_int_equal(kept, 0);
    part(both);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(curl_is_answered),
        cmocka_unit_test(one_connection_carries_many_requests),
        cmocka_unit_test(large_bodies_come_whole),
        cmocka_unit_test(streams_of_any_size_go_both_ways_at_once),
        cmocka_unit_test(an_answer_that_is_cut_is_no_answer),
        cmocka_unit_test(a_client_without_a_certificate_gets_an_alert),
        cmocka_unit_test(clients_that_offer_nothing_of_ours_have_a_sentence),
        cmocka_unit_test(the_server_chooses_the_suite),
        cmocka_unit_test(openssl_resumes_its_session),
        cmocka_unit_test(bytes_may_drip_and_requests_may_be_pipelined),
        cmocka_unit_test(plain_http_gets_an_alert),
        cmocka_unit_test(an_end_in_the_handshake_is_seen),
        cmocka_unit_test(a_flood_keeps_nobody_waiting),
        cmocka_unit_test(records_wait_for_no_acknowledgement),
        cmocka_unit_test(a_flush_sends_what_was_kept_for_fuller_packets),
    };

    return cmocka_run_group_tests(tests, server_make, server_drop);
}
