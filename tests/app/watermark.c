/* watermark: the application as a process, curl in front of it, a real nginx with client certificates behind.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/secrets.h"
#include "app/watermark.h"
#include "base/file.h"
#include "base/pass.h"
#include "tests/app/role.h"
#include "tests/app/world.h"

#define CALL_MS 1500 /* instead of WATERMARK_CALL_MS */
#define HOST "watermark.test"

/* One application, one service, for all tests, in their order. */
static struct {
    uint16_t port;          /* the application's */
    uint16_t service_port;  /* nginx, at 127.0.0.64 */
    uint16_t quiet_port;    /* accepts and says nothing, at 127.0.0.65 */
    uint16_t impolite_port; /* at 127.0.0.66 */
    int quiet;
    int control;
    int slow; /* a connection that sends half a head and waits */
    pid_t app;
    pid_t impolite;
    char *answer; /* the last one's body */
} t;

/* ---- the world around ---- */

static void write_text(const char *name, const void *data, size_t size)
{
    char path[512];

    snprintf(path, sizeof path, "%s/%s", world_folder, name);
    assert_int_equal(file_write(path, data, size, 0600, NULL), 0);
}

static bool console_has_line(const char *start)
{
    char line[600];

    snprintf(line, sizeof line, "\n%s", start);
    return world_count("console", line) > 0;
}

static void wait_for_count(const char *words, unsigned count)
{
    for (int i = 0; i < 200 && world_count("console", words) < count; i++) {
        usleep(20000);
    }
    assert_int_equal(world_count("console", words), count);
}

static void parse_config(struct config *config)
{
    char text[2048];
    int size = snprintf(text, sizeof text,
        "[image]\nname = test\nversion = 1\nmemory = 64M\ncpus = 1\n[app]\nrun = watermark\nendpoint = " HOST "\n"
        "[secrets]\nmode = plain\nport = 7777\nrequired = MTLS_CLIENT_CERT_JSON\noptional = ECS_WATERMARK_ENDPOINT\n"
        "[endpoint " HOST "]\nport = %u\ntls = mutual\nca = pushed\n"
        "[endpoint quiet.test]\nport = %u\ntls = server\nca = pushed\n"
        "[endpoint impolite.test]\nport = %u\ntls = server\nca = %s/ca.crt\nserver-name = " HOST "\n"
        "[inbound api]\nvsock = 3000\nto = 127.0.0.1:%u\n[limits]\nconnections = 100\n",
        t.service_port, t.quiet_port, t.impolite_port, world_folder, t.port);

    config_text_parse(config, text, (size_t)size);
}

static void app_process(int listener, int control)
{
    struct config config;
    struct app_start start = {.config = &config, .control = control, .listeners = &listener};
    struct reason why;
    char path[512];

    snprintf(path, sizeof path, "%s/console", world_folder);
    int console = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    parse_config(&config);
    if (console < 0 || dup2(console, STDERR_FILENO) < 0 || write(STDERR_FILENO, "\n", 1) != 1) {
        _exit(113);
    }
    role_confine();
    int error = watermark_serve(&start, CALL_MS, &why);
    config_free(&config);
    exit(error == 0 ? 0 : 111);
}

static void start_app(void)
{
    int sockets[2];
    int listener = world_listen(INADDR_LOOPBACK, &t.port);

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
    fflush(NULL); /* or the child's exit() writes it a second time */
    t.app = fork();
    if (t.app == 0) {
        close(sockets[0]);
        close(t.quiet);
        app_process(listener, sockets[1]);
    }
    close(sockets[1]);
    close(listener);
    t.control = sockets[0];
}

/* name: of its certificate and key. */
static void start_impolite(const char *address, uint16_t number, const char *name)
{
    char path[512];
    char port[8];

    snprintf(path, sizeof path, "%s/impolite", world_folder);
    snprintf(port, sizeof port, "%u", number);
    write_text("impolite", "", 0);
    t.impolite = fork();
    if (t.impolite == 0) {
        int out = open(path, O_WRONLY | O_CLOEXEC);
        dup2(out, STDOUT_FILENO);
        execl("tests/service/impolite.py", "impolite", world_folder, address, port, name, (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 200 && world_count("impolite", "listening") == 0; i++) {
        usleep(20000);
    }
}

static void stop_impolite(void)
{
    kill(t.impolite, SIGKILL);
    waitpid(t.impolite, NULL, 0);
}

static int start_all(void **state)
{
    (void)state;
    world_make("watermark");
    t.port = world_free_port(INADDR_LOOPBACK);
    t.service_port = world_free_port(CONFIG_FIRST_ADDRESS);
    t.quiet = world_listen(CONFIG_FIRST_ADDRESS + 1, &t.quiet_port);
    t.impolite_port = world_free_port(CONFIG_FIRST_ADDRESS + 2);
    assert_int_equal(world_run("tests/service/certificates %s " HOST " quiet.test", world_folder), 0);
    start_app();
    assert_int_equal(world_run("tests/service/service start %s 127.0.0.64:%u", world_folder, t.service_port), 0);
    start_impolite("127.0.0.66", t.impolite_port, "server");
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(t.port)};
    t.slow = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(t.slow, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(write(t.slow, "GET / HTT", 9), 9);
    return 0;
}

static int stop_all(void **state)
{
    (void)state;
    if (t.app > 0) {
        kill(t.app, SIGKILL);
        waitpid(t.app, NULL, 0);
    }
    stop_impolite();
    world_run("tests/service/service stop %s", world_folder);
    world_run("rm -rf %s", world_folder);
    free(t.answer);
    return 0;
}

/* ---- what a person does ---- */

/* Sends one push as PID 1 would; url may be NULL. */
static void push(const char *client, const char *key, const char *ca, const char *url)
{
    char name[64];
    char env[256];
    struct secrets_header header = {0};
    int fd;

    snprintf(name, sizeof name, "%s.crt", client);
    char *cert_pem = world_read(name);
    snprintf(name, sizeof name, "%s.key", key);
    char *key_pem = world_read(name);
    snprintf(name, sizeof name, "%s.crt", ca);
    char *ca_pem = world_read(name);
    const struct identity_pem pem[SECRETS_KINDS] = {{cert_pem, key_pem, ca_pem}, {0}};
    header.identities[SECRETS_CLIENT] = (struct secrets_sizes){.cert_size = (uint32_t)strlen(cert_pem),
        .key_size = (uint32_t)strlen(key_pem),
        .ca_size = (uint32_t)strlen(ca_pem)};
    if (url != NULL) {
        header.env_size = (uint32_t)snprintf(env, sizeof env, "ECS_WATERMARK_ENDPOINT=%s", url) + 1;
        header.env_count = 1;
    }
    assert_int_equal(secrets_write(&header, env, pem, &fd, NULL), 0);
    assert_int_equal(pass_send(t.control, APP_SECRETS, fd), 0);
    close(fd);
    free(cert_pem);
    free(key_pem);
    free(ca_pem);
}

/* The same, and waits until the application has it. */
static void push_good(const char *client, const char *ca, const char *path)
{
    char url[256];
    unsigned before = world_count("console", "\nservice: ");

    snprintf(url, sizeof url, "https://" HOST ":%u%s", t.service_port, path);
    push(client, client, ca, url);
    wait_for_count("\nservice: ", before + 1);
}

/* One request by curl; the answer's status, its body in t.answer. */
static unsigned ask(const char *path, const char *options)
{
    assert_int_equal(world_run("curl -sS -m 20 -o %s/answer -w '%%{http_code}' %s http://127.0.0.1:%u%s >%s/status",
                         world_folder, options, t.port, path, world_folder),
        0);
    free(t.answer);
    t.answer = world_read("answer");
    char *status = world_read("status");
    unsigned number = (unsigned)strtoul(status, NULL, 10);
    free(status);
    return number;
}

static unsigned process(const char *body)
{
    char options[600];

    write_text("body", body, strlen(body));
    snprintf(options, sizeof options, "--data-binary @%s/body", world_folder);
    return ask("/process_data", options);
}

static void assert_error(unsigned status, unsigned wanted, const char *words)
{
    char start[512];

    snprintf(start, sizeof start, "{\"error\":\"%s", words);
    if (status != wanted || strncmp(t.answer, start, strlen(start)) != 0) {
        fail_msg("%u instead of %u: %s", status, wanted, t.answer);
    }
    assert_true(console_has_line(words));
}

#define GOOD "{\"payload\":{\"data\":\"abc\",\"user_id\":\"u1\"}}"
#define GOOD_SHA256 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void assert_good(unsigned status)
{
    assert_int_equal(status, 200);
    assert_string_equal(t.answer, "{\"user_id\": \"u1\", \"sha256\": \"" GOOD_SHA256 "\"}");
}

/* ---- tests ---- */

static void without_an_identity_calls_get_503_and_the_rest_works(void **state)
{
    (void)state;
    assert_error(process(GOOD), 503, "mTLS certificates not found. Checked: /opt/enclave/certs/client.crt");
    assert_int_equal(ask("/", ""), 200);
    assert_string_equal(t.answer, "Pong!");
    assert_int_equal(ask("/?x=y", ""), 200);
    assert_int_equal(ask("/health_check", ""), 200);
    assert_string_equal(
        t.answer, "{\"endpoints_status\":{\"" HOST "\":false,\"quiet.test\":true,\"impolite.test\":true}}");
}

static void paths_and_methods_are_checked(void **state)
{
    (void)state;
    assert_error(ask("/nothing", ""), 404, "nothing is served at ");
    assert_error(ask("/process_data", ""), 405, "/process_data takes POST, not ");
    assert_error(ask("/", "-d x"), 405, "/ takes GET, HEAD, not ");
}

static void each_kind_of_client_certificate_reaches_the_service(void **state)
{
    static const char *const forms[] = {"client-v1", "client-ec", "client"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        push_good(forms[i], "ca", "");
        assert_good(process(GOOD));
    }
    assert_int_equal(world_count("access.log", "CN=tee-client"), 2);
    assert_int_equal(world_count("access.log", "CN=ECS-Client"), 1);
    assert_true(console_has_line("TLS session with " HOST));
    assert_true(world_count("console", "TLSv1.2, TLS_ECDHE_RSA_WITH_") >= 3);
    assert_true(world_count("console", "29 days left") >= 3);
}

static void what_is_no_payload_gets_400(void **state)
{
    static const struct {
        const char *body;
        const char *words;
    } rows[] = {
        {"", "the body is not JSON"},
        {"hello", "the body is not JSON"},
        {GOOD "x", "the body is not JSON"},
        {"{\"payload\":{\"data\":\"a\",\"data\":\"b\",\"user_id\":\"u\"}}", "the body is not JSON"},
        {"{\"payload\":{\"data\":\"\xff\",\"user_id\":\"u\"}}", "the body is not JSON"},
        {"{\"payload\":{\"data\":[[[[[[[[[[1]]]]]]]]]],\"user_id\":\"u\"}}", "the body is not JSON"},
        {"[]", "the body must be"},
        {"{}", "the body must be"},
        {"{\"payload\":[]}", "the body must be"},
        {"{\"payload\":{\"user_id\":\"u\"}}", "the body must be"},
        {"{\"payload\":{\"data\":null,\"user_id\":\"u\"}}", "the body must be"},
        {"{\"payload\":{\"data\":\"a\"}}", "the body must be"},
        {"{\"payload\":{\"data\":\"a\",\"user_id\":\"\"}}", "the body must be"},
        {"{\"payload\":{\"data\":\"a\",\"user_id\":7}}", "the body must be"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_error(process(rows[i].body), 400, rows[i].words);
    }
}

/* A body of exactly size bytes with random hexadecimal data; the wanted answer's digest in world_folder/digest. */
static void make_body(size_t size)
{
    static const char start[] = "{\"payload\":{\"data\":\"";
    static const char end[] = "\",\"user_id\":\"u1\"}}";

    assert_int_equal(
        world_run(
            "cd %s && head -c %zu /dev/urandom | od -An -v -tx1 | tr -d ' \\n' | head -c %zu >data && "
            "sha256sum data | cut -d' ' -f1 | tr -d '\\n' >digest && { printf '%s'; cat data; printf '%s'; } >body",
            world_folder, size, size - (sizeof start - 1) - (sizeof end - 1), start, end),
        0);
}

static void bodies_up_to_a_mebibyte_pass_and_come_back(void **state)
{
    char options[600];

    (void)state;
    snprintf(options, sizeof options, "--data-binary @%s/body", world_folder);
    make_body(HTTP_BODY_MAX);
    assert_int_equal(ask("/process_data", options), 200);
    char *digest = world_read("digest");
    assert_int_equal(strlen(digest), 64);
    assert_non_null(strstr(t.answer, digest));
    free(digest);
    snprintf(options, sizeof options, "-H 'Transfer-Encoding: chunked' --data-binary @%s/body", world_folder);
    assert_int_equal(ask("/process_data", options), 200);
    make_body(HTTP_BODY_MAX + 1);
    assert_int_equal(ask("/process_data", options), 413);
    assert_true(console_has_line("a request was refused with 413"));
}

static void json_that_asks_for_much_memory_gets_503(void **state)
{
    char *body = malloc(HTTP_BODY_MAX);
    int size = snprintf(body, HTTP_BODY_MAX, "{\"payload\":{\"data\":[1");

    (void)state;
    while (size < HTTP_BODY_MAX - 100) {
        size += snprintf(body + size, (size_t)(HTTP_BODY_MAX - size), ",1");
    }
    snprintf(body + size, (size_t)(HTTP_BODY_MAX - size), "],\"user_id\":\"u\"}}");
    assert_error(process(body), 503, "no memory is left");
    free(body);
    assert_good(process(GOOD));
}

static void sixteen_at_a_time_each_get_their_own_answer(void **state)
{
    (void)state;
    assert_int_equal(
        world_run("cd %s && mkdir -p many && seq 64 | xargs -P 16 -I{} sh -c '"
                  "head -c 2048 /dev/urandom | od -An -v -tx1 | tr -d \" \\n\" >many/{}.data; "
                  "printf \"{\\\"payload\\\":{\\\"data\\\":\\\"%%s\\\",\\\"user_id\\\":\\\"user-{}\\\"}}\" "
                  "\"$(cat many/{}.data)\" |"
                  "curl -sS -m 20 --data-binary @- http://127.0.0.1:%u/process_data >many/{}.answer; "
                  "grep -q \"user-{}\\\"\" many/{}.answer && grep -q $(sha256sum <many/{}.data | cut -d\" \" -f1) "
                  "many/{}.answer'",
            world_folder, t.port),
        0);
}

static void the_service_s_large_answer_passes_up_to_its_bound(void **state)
{
    (void)state;
    push_good("client", "ca", "/large/1048576/");
    assert_int_equal(process(GOOD), 200);
    assert_int_equal(strlen(t.answer), HTTP_BODY_MAX);
    push_good("client", "ca", "/large/1048577");
    assert_error(process(GOOD), 502, "Failed to send request to ECS service");
}

static void what_the_service_does_wrong_is_told_apart(void **state)
{
    (void)state;
    push_good("client", "ca", "/status/503");
    assert_error(process(GOOD), 502, "ECS service returned error: 503 Service Unavailable");
    push_good("client", "ca", "/status/299");
    assert_int_equal(process(GOOD), 200);
    push_good("client", "ca", "/cut");
    assert_error(process(GOOD), 502, "Failed to send request to ECS service");
    push_good("client", "ca", "/sleep/5");
    assert_error(process(GOOD), 504, "Failed to send request to ECS service");
    assert_non_null(strstr(t.answer, "within 1500 ms"));
}

static void push_url(const char *ca, const char *host, uint16_t port, const char *path)
{
    char url[256];
    unsigned before = world_count("console", "\nservice: ");

    snprintf(url, sizeof url, "https://%s:%u%s", host, port, path);
    push("client", "client", ca, url);
    wait_for_count("\nservice: ", before + 1);
}

static void an_answer_without_length_counts_only_with_a_goodbye(void **state)
{
    (void)state;
    push_url("ca", "IMPOLITE.test", t.impolite_port, "/polite");
    assert_int_equal(process(GOOD), 200);
    assert_string_equal(t.answer, "{\"cut\":false}");
    push_url("ca", "impolite.test", t.impolite_port, "/rude");
    assert_error(process(GOOD), 502, "Failed to send request to ECS service");
}

/* impolite.test has `ca = FILE`: a pushed CA neither replaces nor joins the measured one. */
static void a_pushed_authority_does_not_count_against_a_measured_one(void **state)
{
    (void)state;
    push_url("rogue-ca", "impolite.test", t.impolite_port, "/polite");
    assert_int_equal(process(GOOD), 200);
    stop_impolite();
    start_impolite("127.0.0.66", t.impolite_port, "rogue-server");
    assert_error(process(GOOD), 502, "certificate verify failed");
    stop_impolite();
    start_impolite("127.0.0.66", t.impolite_port, "server");
}

/* More calls than WATERMARK_CALLS_MAX to a service that says nothing. */
static void too_many_calls_at_once_get_503(void **state)
{
    (void)state;
    push_url("ca", "quiet.test", t.quiet_port, "");
    write_text("body", GOOD, strlen(GOOD));
    assert_int_equal(world_run("cd %s && seq 60 | xargs -P 60 -I{} curl -sS -m 20 -o /dev/null -w '%%{http_code}\n' "
                               "--data-binary @body http://127.0.0.1:%u/process_data >statuses",
                         world_folder, t.port),
        0);
    assert_int_equal(world_count("statuses", "504"), WATERMARK_CALLS_MAX);
    assert_int_equal(world_count("statuses", "503"), 60 - WATERMARK_CALLS_MAX);
    assert_true(console_has_line("too many calls to the service are under way"));
}

/* Clients that go away leave no call behind: at once there is room for all calls again. */
static void calls_of_clients_that_went_are_given_up(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_not_equal(
            world_run("cd %s && seq 20 | xargs -P 20 -I{} curl -s -m 0.5 -o /dev/null -w '%%{http_code}\n' "
                      "--data-binary @body http://127.0.0.1:%u/process_data >statuses",
                world_folder, t.port),
            0);
        assert_int_equal(world_count("statuses", "000"), 20);
    }
    push_good("client", "ca", "");
    assert_good(process(GOOD));
}

static void a_service_of_another_authority_is_refused(void **state)
{
    (void)state;
    push_good("client", "rogue-ca", "");
    assert_error(process(GOOD), 502, "certificate verify failed");
}

static void a_broken_push_leaves_what_was_there(void **state)
{
    (void)state;
    push_good("client", "ca", "");
    push("client", "client-v1", "ca", NULL);
    wait_for_count("\nFailed to create mTLS client", 1);
    assert_good(process(GOOD));
    assert_int_equal(world_count("console", "PRIVATE KEY"), 0);
}

static void without_a_url_the_measured_endpoint_is_called(void **state)
{
    unsigned before = world_count("console", "\nservice: ");

    (void)state;
    push("client", "client", "ca", NULL);
    wait_for_count("\nservice: ", before + 1);
    assert_good(process(GOOD));
}

static void an_endpoint_that_was_not_measured_is_not_called(void **state)
{
    (void)state;
    push("client", "client", "ca", "https://evil.test/");
    wait_for_count("\nfailed to resolve hostname", 1);
    assert_error(process(GOOD), 502, "failed to resolve hostname");
    push("client", "client", "ca", "http://" HOST "/");
    wait_for_count("\nFailed to create mTLS client: ECS_WATERMARK_ENDPOINT", 1);
    assert_error(process(GOOD), 502, "Failed to create mTLS client");
}

static int64_t milliseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void health_follows_the_far_sides(void **state)
{
    int64_t before = milliseconds();

    (void)state;
    push_good("client", "ca", "");
    assert_int_equal(ask("/health_check", ""), 200);
    assert_string_equal(
        t.answer, "{\"endpoints_status\":{\"" HOST "\":true,\"quiet.test\":true,\"impolite.test\":true}}");
    assert_int_in_range(milliseconds() - before, 900, 2000);
    assert_true(world_count("access.log", "GET /health ") > 0);
    close(t.quiet);
    t.quiet = -1;
    world_run("tests/service/service stop %s", world_folder);
    before = milliseconds();
    assert_int_equal(ask("/health_check", ""), 200);
    assert_string_equal(
        t.answer, "{\"endpoints_status\":{\"" HOST "\":false,\"quiet.test\":false,\"impolite.test\":true}}");
    assert_int_in_range(milliseconds() - before, 0, 2000);
}

static void a_service_that_is_down_gets_502(void **state)
{
    uint16_t port = t.service_port;

    (void)state;
    assert_error(process(GOOD), 502, "Failed to connect to ECS service");
    /* As the relay does where the parent's proxy is down: accepted, then closed. */
    int relay = world_listen(CONFIG_FIRST_ADDRESS, &port);
    assert_int_equal(fcntl(relay, F_SETFL, 0), 0);
    pid_t closer = fork();
    if (closer == 0) {
        close(accept(relay, NULL, NULL));
        _exit(0);
    }
    assert_error(process(GOOD), 502, "Failed to connect to ECS service");
    assert_non_null(strstr(t.answer, "ingot proxy"));
    waitpid(closer, NULL, 0);
    /* Accepted by the kernel, and nothing else: the time runs out before the session begins. */
    assert_error(process(GOOD), 504, "Failed to connect to ECS service");
    close(relay);
}

/* What a pushed CA is worth: whoever pushes it can pose as the service. build and describe say so. */
static void a_rogue_with_its_own_pushed_authority_passes_for_the_service(void **state)
{
    (void)state;
    stop_impolite();
    start_impolite("127.0.0.65", t.quiet_port, "rogue-server");
    push_url("ca", "quiet.test", t.quiet_port, "/polite");
    assert_error(process(GOOD), 502, "certificate verify failed");
    push_url("rogue-ca", "quiet.test", t.quiet_port, "/polite");
    assert_int_equal(process(GOOD), 200);
}

static void a_head_that_does_not_come_gets_408(void **state)
{
    static const char wanted[] = "HTTP/1.1 408 Request Timeout\r\n";
    char answer[sizeof wanted] = "";

    (void)state;
    assert_int_equal(recv(t.slow, answer, sizeof wanted - 1, MSG_WAITALL), sizeof wanted - 1);
    assert_string_equal(answer, wanted);
    close(t.slow);
}

/* No room for one more descriptor: the kernel drops it. What was accepted must not be lost with it. */
static void a_push_that_could_not_be_taken_over_is_had_by_the_next_process(void **state)
{
    struct rlimit none = {4, 4};
    unsigned before;
    int status;

    (void)state;
    push_good("client", "ca", "");
    before = world_count("console", "\nservice: ");
    assert_int_equal(prlimit(t.app, RLIMIT_NOFILE, &none, NULL), 0);
    push("client", "client", "ca", NULL);
    for (int i = 0; i < 250 && waitpid(t.app, &status, WNOHANG) == 0; i++) {
        usleep(20000);
    }
    assert_int_equal(kill(t.app, 0), -1);                       /* it has not gone on without */
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 0); /* a sanitizer, without descriptors too, has its own */
    close(t.control);
    start_app();
    wait_for_count("\nservice: ", before + 1);
    push_good("client", "ca", ""); /* as PID 1 does it */
    assert_error(process(GOOD), 502, "Failed to connect to ECS service");
}

static void the_end_of_control_ends_the_application(void **state)
{
    int status;

    (void)state;
    close(t.control);
    assert_int_equal(waitpid(t.app, &status, 0), t.app);
    t.app = 0;
    if (status != 0) {
        world_run("tail -n 40 %s/console >&2", world_folder);
    }
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_an_identity_calls_get_503_and_the_rest_works),
        cmocka_unit_test(paths_and_methods_are_checked),
        cmocka_unit_test(each_kind_of_client_certificate_reaches_the_service),
        cmocka_unit_test(what_is_no_payload_gets_400),
        cmocka_unit_test(bodies_up_to_a_mebibyte_pass_and_come_back),
        cmocka_unit_test(json_that_asks_for_much_memory_gets_503),
        cmocka_unit_test(sixteen_at_a_time_each_get_their_own_answer),
        cmocka_unit_test(the_service_s_large_answer_passes_up_to_its_bound),
        cmocka_unit_test(what_the_service_does_wrong_is_told_apart),
        cmocka_unit_test(an_answer_without_length_counts_only_with_a_goodbye),
        cmocka_unit_test(a_pushed_authority_does_not_count_against_a_measured_one),
        cmocka_unit_test(too_many_calls_at_once_get_503),
        cmocka_unit_test(calls_of_clients_that_went_are_given_up),
        cmocka_unit_test(a_service_of_another_authority_is_refused),
        cmocka_unit_test(a_broken_push_leaves_what_was_there),
        cmocka_unit_test(without_a_url_the_measured_endpoint_is_called),
        cmocka_unit_test(an_endpoint_that_was_not_measured_is_not_called),
        cmocka_unit_test(health_follows_the_far_sides),
        cmocka_unit_test(a_service_that_is_down_gets_502),
        cmocka_unit_test(a_rogue_with_its_own_pushed_authority_passes_for_the_service),
        cmocka_unit_test(a_head_that_does_not_come_gets_408),
        cmocka_unit_test(a_push_that_could_not_be_taken_over_is_had_by_the_next_process),
        cmocka_unit_test(the_end_of_control_ends_the_application),
    };

    return cmocka_run_group_tests(tests, start_all, stop_all);
}
