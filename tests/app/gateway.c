/* gateway: the application as a process, curl in front of it, in clear and through mutual TLS, peculiar services
 * behind. */
#include "app/gateway.h"

#include <arpa/inet.h>
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
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/secrets.h"
#include "base/file.h"
#include "base/pass.h"
#include "image/budget.h"
#include "tests/app/role.h"
#include "tests/app/world.h"

#define NAME "enclave.test"
#define LARGE (24 * 1024 * 1024)

/* Beside each other at 127.0.0.64, .65, …, as the configuration has them. */
enum { MUTUAL, PLAIN, DOWN, ROGUE, SERVICES };
enum { API, LOCAL, PORTS };

static struct {
    uint16_t ports[PORTS]; /* the gateway's */
    uint16_t services[SERVICES];
    pid_t processes[SERVICES];
    pid_t gateway;
    int control;
    char *answer; /* the last one's body, and its head */
    char *head;
} t;

/* ---- the world around ---- */

static void wait_for(const char *name, const char *words, unsigned count)
{
    for (int i = 0; i < 250 && world_count(name, words) < count; i++) {
        usleep(20000);
    }
    if (world_count(name, words) < count) {
        char *text = world_read(name);
        fail_msg("%s has not %u × %s:\n%s", name, count, words, text);
    }
}

static const char ini[] =
    "[image]\nname = test\nversion = 1\nmemory = 64M\ncpus = 1\n[app]\nrun = gateway\n"
    "[secrets]\nmode = plain\nport = 7777\nrequired = MTLS_CLIENT_CERT_JSON MTLS_SERVER_CERT_JSON\nagain = identity\n"
    "[endpoint mutual.test]\nport = %u\ntls = mutual\nca = %s/ca.crt\n"
    "[endpoint plain.test]\nport = %u\ntls = none\n"
    "[endpoint down.test]\nport = %u\ntls = none\n"
    "[endpoint rogue.test]\nport = %u\ntls = mutual\nca = %s/ca.crt\n"
    "[inbound api]\nvsock = 3000\nto = 127.0.0.1:%u\ntls = mutual\nca = pushed\n"
    "[inbound local]\nvsock = 3001\nto = 127.0.0.1:%u\n"
    "[route GET /api/*]\nto = mutual.test\npath = /*\n"
    "[route POST /api/*]\nto = mutual.test\npath = /*\nbody = 64M\n"
    "[route DELETE /api/*]\nto = mutual.test\npath = /*\n"
    "[route GET /plain/*]\nto = plain.test\npath = /*\ntimeout = 1\n"
    "[route POST /plain/*]\nto = plain.test\npath = /*\ntimeout = 1\nbody = 64M\n"
    "[route PUT /plain/*]\nto = plain.test\npath = /*\ntimeout = 1\n"
    "[route GET /again/*]\nto = plain.test\npath = /*\nretries = 3\n"
    "[route GET /once/*]\nto = plain.test\npath = /*\nretries = 0\n"
    "[route GET /exactly]\nto = plain.test\npath = /somewhere/else\nheaders = Authorization X-Custom\n"
    "[route POST /small]\nto = plain.test\nbody = 1K\n"
    "[route PUT /none]\nto = plain.test\nbody = 0\n"
    "[route GET /limited]\nto = plain.test\nrate = 3\n"
    "[route GET /down]\nto = down.test\nretries = 2\n"
    "[route GET /rogue]\nto = rogue.test\n"
    "[limits]\nconnections = 128\n";

static void parse_config(struct config *config)
{
    char text[sizeof ini + 2048];
    int size = snprintf(text, sizeof text, ini, t.services[MUTUAL], world_folder, t.services[PLAIN], t.services[DOWN],
        t.services[ROGUE], world_folder, t.ports[API], t.ports[LOCAL]);

    config_text_parse(config, text, (size_t)size);
}

static void gateway_process(const int listeners[PORTS], int control)
{
    struct config config;
    struct app_start start = {.config = &config, .control = control, .listeners = listeners};
    struct reason why = {""};
    char path[512];

    snprintf(path, sizeof path, "%s/console", world_folder);
    int console = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    parse_config(&config);
    if (console < 0 || dup2(console, STDERR_FILENO) < 0) {
        _exit(113);
    }
    role_confine();
    int error = gateway_run(&start, &why);
    if (error < 0) {
        dprintf(STDERR_FILENO, "%s\n", why.text);
    }
    config_free(&config);
    exit(error == 0 ? 0 : 111);
}

static void start_gateway(void)
{
    int listeners[PORTS];
    int sockets[2];

    for (size_t i = 0; i < PORTS; i++) {
        listeners[i] = world_listen(INADDR_LOOPBACK, &t.ports[i]);
    }
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
    fflush(NULL); /* or the child's exit() writes it a second time */
    t.gateway = fork();
    if (t.gateway == 0) {
        close(sockets[0]);
        gateway_process(listeners, sockets[1]);
    }
    close(sockets[1]);
    close(listeners[API]);
    close(listeners[LOCAL]);
    t.control = sockets[0];
}

static void start_service(size_t which, const char *certificate)
{
    char path[512];
    char at[32];
    char name[16];

    snprintf(name, sizeof name, "service%zu", which);
    snprintf(path, sizeof path, "%s/%s", world_folder, name);
    snprintf(at, sizeof at, "127.0.0.%zu:%u", 64 + which, t.services[which]);
    t.processes[which] = fork();
    if (t.processes[which] == 0) {
        int out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(out, STDOUT_FILENO);
        execl("tests/service/peculiar.py", "peculiar", at, certificate != NULL ? world_folder : (char *)NULL,
            certificate, (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 250 && access(path, R_OK) < 0; i++) {
        usleep(20000);
    }
    wait_for(name, "listening", 1);
}

static void stop_service(size_t which)
{
    char path[512];

    if (t.processes[which] == 0) {
        return;
    }
    kill(t.processes[which], SIGKILL);
    waitpid(t.processes[which], NULL, 0);
    snprintf(path, sizeof path, "%s/service%zu", world_folder, which);
    unlink(path);
    t.processes[which] = 0;
}

static int start_all(void **state)
{
    (void)state;
    world_make("gateway");
    for (size_t i = 0; i < SERVICES; i++) {
        t.services[i] = world_free_port(CONFIG_FIRST_ADDRESS + (uint32_t)i);
    }
    assert_int_equal(world_run("tests/service/certificates %s mutual.test rogue.test " NAME, world_folder), 0);
    start_gateway();
    start_service(MUTUAL, "server");
    start_service(PLAIN, NULL);
    start_service(ROGUE, "rogue-server");
    return 0;
}

static int stop_all(void **state)
{
    (void)state;
    if (t.gateway > 0) {
        kill(t.gateway, SIGKILL);
        waitpid(t.gateway, NULL, 0);
    }
    stop_service(MUTUAL);
    stop_service(PLAIN);
    stop_service(ROGUE);
    world_run("rm -rf %s", world_folder);
    free(t.answer);
    free(t.head);
    return 0;
}

/* ---- what a person does ---- */

/* Both identities, as PID 1 passes them on. */
static void push(const char *client)
{
    const char *const names[SECRETS_KINDS] = {client, "server"};
    struct secrets_header header = {0};
    struct identity_pem pem[SECRETS_KINDS];
    unsigned before = world_count("console", "identity for clients: ");
    int fd;

    for (size_t i = 0; i < SECRETS_KINDS; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s.crt", names[i]);
        char *cert = world_read(name);
        snprintf(name, sizeof name, "%s.key", names[i]);
        char *key = world_read(name);
        pem[i] = (struct identity_pem){cert, key, world_read("ca.crt")};
        header.identities[i] = (struct secrets_sizes){.cert_size = (uint32_t)strlen(cert),
            .key_size = (uint32_t)strlen(key),
            .ca_size = (uint32_t)strlen(pem[i].ca)};
    }
    assert_int_equal(secrets_write(&header, NULL, pem, &fd, NULL), 0);
    assert_int_equal(pass_send(t.control, APP_SECRETS, fd), 0);
    close(fd);
    for (size_t i = 0; i < SECRETS_KINDS; i++) {
        free((char *)(uintptr_t)pem[i].cert);
        free((char *)(uintptr_t)pem[i].key);
        free((char *)(uintptr_t)pem[i].ca);
    }
    wait_for("console", "identity for clients: ", before + 1);
}

/* The beginning of a curl command to a path of one of the ports. */
static const char *curl(size_t port, const char *path)
{
    static char command[2048];
    int size = snprintf(command, sizeof command, "cd %s && curl -sS -m 30 ", world_folder);

    if (port == API) {
        size += snprintf(command + size, sizeof command - (size_t)size,
            "--cacert ca.crt --cert client.crt --key client.key --resolve " NAME ":%u:127.0.0.1 'https://" NAME
            ":%u%s'",
            t.ports[port], t.ports[port], path);
    } else {
        size += snprintf(command + size, sizeof command - (size_t)size, "'http://127.0.0.1:%u%s'", t.ports[port], path);
    }
    assert_true(size < (int)sizeof command);
    return command;
}

/* One request by curl; the answer's status. curl must end well, or with the status that is said. */
static unsigned ask_ending(size_t port, const char *path, const char *options, int ending)
{
    int ended = world_run("%s -o answer -D head -w '%%{http_code}' %s >status 2>curl.log", curl(port, path), options);

    if (WEXITSTATUS(ended) != ending) {
        fail_msg("curl ended with %d, not %d, for %s: %s", WEXITSTATUS(ended), ending, path, world_read("curl.log"));
    }
    free(t.answer);
    free(t.head);
    world_run("cd %s && touch answer head", world_folder);
    t.answer = world_read("answer");
    t.head = world_read("head");
    char *status = world_read("status");
    unsigned number = (unsigned)strtoul(status, NULL, 10);
    free(status);
    return number;
}

static unsigned ask(size_t port, const char *path, const char *options)
{
    world_run("cd %s && rm -f answer head", world_folder);
    return ask_ending(port, path, options, 0);
}

#define assert_has(text, part)                                                                                         \
    do {                                                                                                               \
        if (strstr((text), (part)) == NULL) {                                                                          \
            fail_msg("no %s in: %s", (part), (text));                                                                  \
        }                                                                                                              \
    } while (0)
#define assert_has_not(text, part)                                                                                     \
    do {                                                                                                               \
        if (strstr((text), (part)) != NULL) {                                                                          \
            fail_msg("%s in: %s", (part), (text));                                                                     \
        }                                                                                                              \
    } while (0)
#define assert_answer(asked, wanted, part)                                                                             \
    do {                                                                                                               \
        unsigned got_ = (asked);                                                                                       \
        if (got_ != (wanted) || strstr(t.answer, (part)) == NULL) {                                                    \
            fail_msg("%u and not %u with %s: %s", got_, (unsigned)(wanted), (part), t.answer);                         \
        }                                                                                                              \
    } while (0)

/* What /metrics says of one name with its labels; -1: nothing. */
static long metric(const char *name)
{
    char line[256];

    assert_int_equal(ask(API, "/metrics", ""), 200);
    snprintf(line, sizeof line, "\ningot_%s ", name);
    const char *found = strstr(t.answer, line);
    return found != NULL ? strtol(found + strlen(line), NULL, 10) : -1;
}

static void copy_between(const char *text, const char *before, char end, char *out, size_t size)
{
    const char *at = strstr(text, before);

    assert_non_null(at);
    at += strlen(before);
    const char *stop = strchr(at, end);
    assert_non_null(stop);
    snprintf(out, size, "%.*s", (int)(stop - at), at);
}

/* ---- tests ---- */

static void without_an_identity_only_what_needs_none_passes(void **state)
{
    (void)state;
    assert_answer(ask(LOCAL, "/api/x", ""), 503, "{\"error\":\"mTLS certificates not found");
    assert_has(t.answer, "\"request_id\":\"");
    assert_has(t.head, "Retry-After: ");
    assert_answer(ask(LOCAL, "/plain/x", ""), 200, "\"target\": \"/x\"");
    assert_answer(ask(LOCAL, "/health", ""), 200, "ok");
    push("client");
}

static void a_request_goes_through_mutual_tls_on_both_sides(void **state)
{
    char wanted[256];
    char id[65];

    (void)state;
    assert_answer(ask(API, "/api/some/where?a=b&c=%20d", ""), 200, "\"target\": \"/some/where?a=b&c=%20d\"");
    snprintf(wanted, sizeof wanted, "[\"Host\", \"mutual.test:%u\"]", t.services[MUTUAL]);
    assert_has(t.answer, wanted);
    copy_between(t.head, "X-Request-Id: ", '\r', id, sizeof id);
    assert_int_equal(strlen(id), 32);
    snprintf(wanted, sizeof wanted, "[\"X-Request-Id\", \"%s\"]", id);
    assert_has(t.answer, wanted);
    assert_has_not(t.head, "theirs");
    snprintf(wanted, sizeof wanted,
        "request id=%s method=GET path=\"/api/some/where\" route=\"GET /api/*\" status=200 in=0 ", id);
    wait_for("console", wanted, 1);
    assert_true(world_count("console", "client=\"CN=tee-client, O=Zing\"\n") > 0);
    assert_int_equal(world_count("console", "a=b"), 0);
}

static void the_client_s_certificate_goes_along_and_none_that_it_claims(void **state)
{
    char *der;

    (void)state;
    world_run("cd %s && openssl x509 -in client.crt -outform DER | base64 -w0 >der", world_folder);
    der = world_read("der");
    assert_int_equal(
        ask(API, "/api/x", "-H 'Client-Cert: :AAAA:' -H 'X-Forwarded-For: 1.2.3.4' -H 'Forwarded: for=x'"), 200);
    char *wanted = malloc(strlen(der) + 64);
    sprintf(wanted, "[\"Client-Cert\", \":%s:\"]", der);
    assert_has(t.answer, wanted);
    assert_has_not(t.answer, "AAAA");
    assert_has_not(t.answer, "orwarded");
    free(wanted);
    free(der);
    assert_int_equal(ask(LOCAL, "/api/x", "-H 'Client-Cert: :AAAA:'"), 200);
    assert_has_not(t.answer, "Client-Cert");
}

static void quotes_in_a_client_s_name_do_not_end_it_in_the_log(void **state)
{
    (void)state;
    assert_int_equal(
        world_run("cd %s && openssl req -new -key client.key -subj '/CN=a\" (b' 2>/dev/null | openssl x509 -req -CA "
                  "ca.crt -CAkey ca.key -set_serial 9 -out odd.crt 2>/dev/null",
            world_folder),
        0);
    assert_int_equal(ask(API, "/api/x", "--cert odd.crt"), 200);
    wait_for("console", "client=\"CN=a\\\" (b\"\n", 1);
}

static void only_listed_fields_pass(void **state)
{
    (void)state;
    assert_answer(ask(LOCAL, "/exactly?q",
                      "-H 'Authorization: Bearer x' -H 'X-Custom: 1' -H 'X-Other: 2' -H 'Cookie: c=1' "
                      "-H 'If-None-Match: \"a\"' -H 'Accept-Language: de' -H 'Connection: X-Custom'"),
        200, "\"target\": \"/somewhere/else?q\"");
    assert_has(t.answer, "Bearer x");
    assert_has(t.answer, "If-None-Match");
    assert_has(t.answer, "Accept-Language");
    assert_has(t.answer, "User-Agent");
    assert_has_not(t.answer, "X-Custom"); /* Connection says that it is for this hop alone */
    assert_has_not(t.answer, "X-Other");
    assert_has_not(t.answer, "Cookie");
    assert_int_equal(ask(LOCAL, "/exactly", "-H 'x-custom: 1'"), 200);
    assert_has(t.answer, "[\"x-custom\", \"1\"]");
    assert_int_equal(ask(LOCAL, "/plain/x", "-H 'Authorization: Bearer x'"), 200);
    assert_has_not(t.answer, "Bearer");
}

static void an_answer_s_fields_pass_but_for_those_of_its_hop(void **state)
{
    (void)state;
    assert_int_equal(ask(LOCAL, "/plain/fields", ""), 200);
    assert_has(t.head, "X-Kept: b");
    assert_has(t.head, "Set-Cookie: a=1");
    assert_has(t.head, "Set-Cookie: b=2");
    assert_has_not(t.head, "X-Hop");
    assert_has_not(t.head, "Keep-Alive");
    assert_has_not(t.head, "Proxy-");
}

static void a_good_request_id_is_kept_and_another_replaced(void **state)
{
    (void)state;
    assert_answer(ask(LOCAL, "/plain/x", "-H 'X-Request-Id: my-id_1.2'"), 200, "[\"X-Request-Id\", \"my-id_1.2\"]");
    assert_has(t.head, "X-Request-Id: my-id_1.2\r\n");
    assert_answer(ask(LOCAL, "/nothing", "-H 'X-Request-Id: my-id'"), 404, "\"request_id\":\"my-id\"");
    assert_int_equal(ask(LOCAL, "/plain/x", "-H 'X-Request-Id: a b\"c'"), 200);
    assert_has_not(t.answer, "a b");
    assert_int_equal(
        ask(LOCAL, "/plain/x", "-H 'X-Request-Id: 12345678901234567890123456789012345678901234567890123456789012345'"),
        200);
    assert_has_not(t.answer, "1234567890123456789012345678901234567890123456789012345678901234");
}

static void paths_and_methods_are_checked(void **state)
{
    (void)state;
    assert_answer(ask(LOCAL, "/nothing", ""), 404, "no [route] leads from \\\"/nothing\\\"");
    assert_answer(ask(LOCAL, "/exactly/", ""), 404, "no [route] leads from ");
    assert_answer(ask(LOCAL, "/api/../nothing", "--path-as-is"), 404, "'..' parts");
    assert_answer(ask(LOCAL, "/api/%2e%2e/nothing", ""), 404, "no [route] leads from ");
    assert_answer(ask(LOCAL, "/api/x", "-X PATCH"), 405, "takes GET, HEAD, POST, DELETE, not PATCH");
    assert_has(t.head, "Allow: GET, HEAD, POST, DELETE\r\n");
    assert_answer(ask(LOCAL, "/health", "-d x"), 405, "takes GET, HEAD, not POST");
    assert_int_equal(ask(LOCAL, "/plain/x", "-I"), 200);
    assert_has(t.head, "Content-Length: ");
    assert_answer(ask(LOCAL, "/metrics", ""), 403, "through TLS only");
}

static void bodies_are_bounded_by_their_route(void **state)
{
    (void)state;
    world_run("cd %s && printf '%%1024s' '' >most && printf '%%1025s' '' >over", world_folder);
    assert_answer(ask(LOCAL, "/small", "-d @most"), 200, "\"size\": 1024");
    assert_answer(ask(LOCAL, "/small", "-d @over"), 413, "the body is over the 1024 bytes");
    assert_answer(ask(LOCAL, "/small", "-H 'Transfer-Encoding: chunked' -d @most"), 200, "\"size\": 1024");
    assert_answer(
        ask(LOCAL, "/small", "-H 'Transfer-Encoding: chunked' -d @over"), 413, "the body is over the 1024 bytes");
    assert_has(t.answer, "\"request_id\":\"");
    assert_answer(ask(LOCAL, "/none", "-X PUT -d x"), 413, "no body is taken here");
    assert_answer(ask(LOCAL, "/none", "-X PUT -H 'Transfer-Encoding: chunked' -d x"), 413, "no body is taken here");
    assert_int_equal(ask(LOCAL, "/none", "-X PUT"), 200);
    assert_answer(ask(LOCAL, "/plain/x", "-X POST -H 'Content-Length: 0'"), 200, "[\"Content-Length\", \"0\"]");
    assert_answer(ask(LOCAL, "/plain/x", "-X POST"), 200, "[\"Content-Length\", \"0\"]");
}

static void a_route_s_rate_is_kept(void **state)
{
    (void)state;
    /* A bucket of three: whatever the machine's speed, four at once are one too many, unless they take a third of a
     * second. */
    assert_int_equal(
        world_run(
            "%s -w '%%{http_code}\\n' -o /dev/null -o /dev/null -o /dev/null -o /dev/null -o /dev/null -o /dev/null "
            "'http://127.0.0.1:%u/limited?[1-5]' >statuses",
            curl(LOCAL, "/limited"), t.ports[LOCAL]),
        0);
    assert_int_in_range(world_count("statuses", "429"), 1, 3);
    assert_int_in_range(world_count("statuses", "200"), 3, 5);
    for (int i = 0; i < 10 && ask(LOCAL, "/limited", "") != 429; i++) {
    }
    assert_has(t.answer, "over 3 requests a second");
    assert_has(t.head, "Retry-After: 1\r\n");
    sleep(1);
    assert_int_equal(ask(LOCAL, "/limited", ""), 200);
    assert_true(metric("route_limited_total{route=\"GET /limited\"}") > 0);
}

static void connections_are_kept_and_sessions_resumed(void **state)
{
    static const char opened[] = "upstream_connections_total{endpoint=\"mutual.test\",how=\"new\"}";
    static const char reused[] = "upstream_connections_total{endpoint=\"mutual.test\",how=\"reused\"}";
    static const char resumed[] = "upstream_connections_total{endpoint=\"mutual.test\",how=\"resumed\"}";
    char first[32];
    char second[32];

    (void)state;
    assert_int_equal(ask(API, "/api/x", ""), 200);
    copy_between(t.answer, "\"connection\": ", '}', first, sizeof first);
    long before[] = {metric(opened), metric(reused), metric(resumed)};
    assert_int_equal(ask(LOCAL, "/api/y", "-d body"), 200);
    copy_between(t.answer, "\"connection\": ", '}', second, sizeof second);
    assert_string_equal(first, second);
    assert_int_equal(metric(reused), before[1] + 1);
    assert_answer(ask(LOCAL, "/api/closes", ""), 200, "goodbye ");
    assert_int_equal(ask(LOCAL, "/api/x", ""), 200);
    assert_int_equal(metric(resumed), before[2] + 1);
    assert_int_equal(metric(opened), before[0]);
    assert_true(world_count("console", ", resumed\n") > 0);
}

static void every_kind_of_answer_comes_back_as_it_was(void **state)
{
    (void)state;
    assert_answer(ask(LOCAL, "/plain/interim", ""), 200, "final");
    assert_has_not(t.head, "Link");
    assert_answer(ask(LOCAL, "/plain/chunked/!", ""), 200, "one two!");
    assert_has(t.head, "Transfer-Encoding: chunked");
    assert_answer(ask(LOCAL, "/plain/chunked/!", "--http1.0"), 200, "one two!");
    assert_answer(ask(LOCAL, "/api/until-close/polite", ""), 200, "no length");
    assert_answer(ask(LOCAL, "/plain/until-close/rude", ""), 200, "no length"); /* in clear there is no other end */
    assert_answer(ask(LOCAL, "/plain/status/500", ""), 500, "as asked");
    assert_answer(ask(LOCAL, "/plain/status/404", ""), 404, "as asked");
    assert_int_equal(ask(LOCAL, "/plain/status/204", ""), 204);
    assert_has_not(t.head, "Content-Length");
    assert_int_equal(ask(LOCAL, "/plain/status/304", ""), 304);
    assert_has(t.head, "ETag: \"a\"");
    assert_answer(ask(LOCAL, "/api/early", "-d body"), 403, "not this");
}

static void what_the_service_does_wrong_is_told_apart(void **state)
{
    (void)state;
    assert_answer(ask(LOCAL, "/plain/garbage", ""), 502, "plain.test:");
    assert_has(t.answer, "has failed: the head has a NUL");
    assert_answer(ask(LOCAL, "/plain/two-lengths", ""), 502, "has failed: ");
    assert_answer(ask(LOCAL, "/plain/switch", ""), 502, "switches to another protocol");
    assert_answer(ask(LOCAL, "/plain/huge-head/99", ""), 200, "");
    assert_answer(ask(LOCAL, "/plain/huge-head/200", ""), 502, "has failed: ");
    assert_answer(ask(LOCAL, "/plain/silent", ""), 504, "no answer within 1 s");
    assert_has(t.answer, "\"request_id\":\"");
    assert_answer(ask(LOCAL, "/rogue", ""), 502, "{\"error\":\"certificate verify failed: ");
    assert_true(world_count("console", "status=502 in=0 out=") > 0);
}

/* 18: curl has got less than was announced, or no last chunk. */
static void an_answer_that_is_not_whole_is_cut(void **state)
{
    (void)state;
    assert_int_equal(ask_ending(LOCAL, "/plain/cut/7", "", 18), 200);
    assert_int_equal(ask_ending(LOCAL, "/plain/stuck", "", 18), 200);
    assert_int_equal(ask_ending(LOCAL, "/api/until-close/rude", "", 18), 200);
    assert_int_equal(ask_ending(API, "/api/until-close/rude", "", 18), 200);
    assert_true(world_count("console", "the answer did not go on within 1 s") > 0);
}

static void a_slow_answer_takes_its_time_as_long_as_it_goes_on(void **state)
{
    (void)state;
    assert_answer(ask(LOCAL, "/plain/drip/4", ""), 200, "....");
}

static void what_stands_behind_an_answer_reaches_nobody(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_answer(ask(LOCAL, "/plain/behind", ""), 200, "mine");
        assert_string_equal(t.answer, "mine");
    }
}

static void a_service_that_is_down_gets_some_attempts(void **state)
{
    static const char retried[] = "route_retries_total{route=\"GET /down\"}";

    (void)state;
    assert_answer(ask(LOCAL, "/down", ""), 502, "cannot reach down.test:");
    assert_has(t.answer, "is `ingot proxy` running");
    assert_int_equal(metric(retried), 2);
    /* It comes back between two of them. */
    assert_answer(ask(LOCAL, "/again/first/3/back", ""), 200, "at the 4");
    assert_answer(ask(LOCAL, "/again/first/9/late", ""), 502, "before a byte of the answer had come");
    assert_answer(ask(LOCAL, "/once/first/1/never", ""), 502, "before a byte of the answer had come");
    assert_answer(ask(LOCAL, "/plain/seen/never", ""), 200, "1");
    assert_answer(ask(LOCAL, "/once/dies-kept", ""), 502, "before a byte of the answer had come"); /* on a kept one */
    /* Some of an answer has come. */
    assert_answer(ask(LOCAL, "/again/half/half", ""), 502, "before the answer was whole");
    assert_answer(ask(LOCAL, "/plain/seen/half", ""), 200, "1");
}

/* What may have been done must not be done again; GET is the same twice. */
static void a_kept_connection_that_has_died_is_seen_by_posts_alone(void **state)
{
    static const char plain_reused[] = "upstream_connections_total{endpoint=\"plain.test\",how=\"reused\"}";

    (void)state;
    assert_answer(ask(LOCAL, "/api/dies-kept", ""), 200, "alive");
    assert_answer(ask(LOCAL, "/api/dies-kept", ""), 200, "alive");
    assert_answer(ask(LOCAL, "/plain/dies-kept", ""), 200, "alive");
    assert_answer(ask(LOCAL, "/plain/dies-kept", ""), 200, "alive");
    /* Two are kept: one of them is tried, then a new one. */
    assert_int_equal(world_run("%s -s -o /dev/null & %s -s -o /dev/null; wait", curl(LOCAL, "/plain/sleep/0.3"),
                         curl(LOCAL, "/plain/sleep/0.3")),
        0);
    long reused = metric(plain_reused);
    assert_answer(ask(LOCAL, "/plain/dies-kept", ""), 200, "alive");
    assert_int_equal(metric(plain_reused), reused + 1);
    assert_answer(ask(LOCAL, "/plain/x", ""), 200, "");
    assert_answer(ask(LOCAL, "/plain/dies-kept", "-d body"), 502, "before a byte of the answer had come");
    assert_answer(ask(LOCAL, "/plain/first/1/post", "-d body"), 502, "before a byte of the answer had come");
    assert_answer(ask(LOCAL, "/plain/seen/post", ""), 200, "1");
    assert_answer(ask(LOCAL, "/plain/first/1/put", "-X PUT -d body"), 502, "before a byte of the answer had come");
    assert_answer(ask(LOCAL, "/plain/seen/put", ""), 200, "1");
    /* There was nothing in this one that a second attempt could lack. */
    assert_answer(ask(LOCAL, "/plain/first/1/empty", "-X PUT -H 'Transfer-Encoding: chunked' -d ''"), 200, "at the 2");
}

/* Whose end is there when the next request comes. */
static void a_service_that_starts_again_is_not_noticed(void **state)
{
    (void)state;
    assert_answer(ask(LOCAL, "/plain/x", ""), 200, "");
    stop_service(PLAIN);
    start_service(PLAIN, NULL);
    assert_answer(ask(LOCAL, "/plain/x", "-d body"), 200, "\"size\": 4");
    assert_answer(ask(LOCAL, "/api/x", ""), 200, "");
    stop_service(MUTUAL);
    start_service(MUTUAL, "server");
    assert_answer(ask(LOCAL, "/api/x", "-d body"), 200, "\"size\": 4");
}

/* Peak of the process' memory, in KiB. */
static long peak(void)
{
    char path[64];
    char text[4096] = "";

    snprintf(path, sizeof path, "/proc/%d/status", (int)t.gateway);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(read(fd, text, sizeof text - 1) > 0);
    close(fd);
    return strtol(strstr(text, "VmHWM:") + 6, NULL, 10);
}

static void bodies_larger_than_memory_stream_both_ways(void **state)
{
    char digest[80];
    char wanted[256];
    long before;

    (void)state;
    assert_int_equal(
        world_run("cd %s && head -c %d /dev/urandom >body && sha256sum body | cut -d' ' -f1 | tr -d '\\n' >digest",
            world_folder, LARGE),
        0);
    char *text = world_read("digest");
    snprintf(digest, sizeof digest, "%s", text);
    free(text);
    snprintf(wanted, sizeof wanted, "\"size\": %d, \"sha256\": \"%s\"", LARGE, digest);
    assert_int_equal(ask(API, "/api/x", "-d small"), 200);
    before = peak();
    assert_answer(ask(API, "/api/x", "--data-binary @body"), 200, wanted);
    assert_answer(ask(API, "/api/x", "-H 'Transfer-Encoding: chunked' --data-binary @body"), 200, wanted);
    assert_answer(ask(LOCAL, "/plain/x", "-H 'Transfer-Encoding: chunked' --data-binary @body"), 200, wanted);
    assert_int_equal(
        world_run("python3 -c 'import sys; sys.stdout.buffer.write((bytes(range(256)) * 256 * %d)[:%d])' | "
                  "sha256sum >%s/wanted",
            LARGE / 65536 + 1, LARGE, world_folder),
        0);
    world_run("%s | sha256sum >got", curl(API, "/api/large/25165824"));
    assert_int_equal(world_run("cd %s && cmp wanted got", world_folder), 0);
    world_run("%s | sha256sum >got", curl(LOCAL, "/plain/large/25165824"));
    assert_int_equal(world_run("cd %s && cmp wanted got", world_folder), 0);
#ifndef SANITIZED
    assert_true(peak() - before < 1024);
#else
    (void)before;
#endif
}

/* Reads nothing: the service's bytes stay with the service. */
static void a_client_that_does_not_read_costs_a_buffer(void **state)
{
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(t.ports[LOCAL])};
    static const char request[] = "GET /plain/large/100000000 HTTP/1.1\r\nHost: x\r\n\r\n";
    long before = peak();
    int fds[8];

    (void)state;
    for (size_t i = 0; i < 8; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(fds[i], (struct sockaddr *)&at, sizeof at), 0);
        assert_int_equal(write(fds[i], request, sizeof request - 1), sizeof request - 1);
    }
    sleep(2); /* longer than the route's timeout, which counts the service's silence alone */
    assert_int_equal(metric("passages"), 8);
#ifndef SANITIZED
    assert_true(peak() - before < 2048);
#else
    (void)before;
#endif
    for (size_t i = 0; i < 8; i++) {
        close(fds[i]);
    }
    for (int i = 0; i < 100 && metric("passages") > 0; i++) {
        usleep(20000);
    }
    assert_int_equal(metric("passages"), 0);
    assert_int_equal(world_count("console", "the client has gone\n") >= 8, true);
}

static void a_service_that_does_not_take_the_body_answers_early_or_is_late(void **state)
{
    (void)state;
    assert_answer(ask(LOCAL, "/plain/early", "--data-binary @body"), 403, "not this");
    assert_answer(ask(API, "/api/early", "--data-binary @body"), 403, "not this");
    assert_answer(ask(LOCAL, "/plain/deaf", "--data-binary @body"), 504, "no byte of the request was taken within 1 s");
}

static void too_many_at_once_get_503(void **state)
{
    (void)state;
    assert_int_equal(world_run("cd %s && seq 60 | xargs -P 60 -I{} curl -sS -m 20 -o /dev/null -w '%%{http_code}\n' "
                               "http://127.0.0.1:%u/again/sleep/2 >statuses",
                         world_folder, t.ports[LOCAL]),
        0);
    assert_true(world_count("statuses", "200") >= GATEWAY_PASSAGES_MAX);
    assert_true(world_count("statuses", "503") > 0);
    assert_int_equal(world_count("statuses", "200") + world_count("statuses", "503"), 60);
    assert_int_equal(
        world_count("console", "48 requests are on their way: send it again later"), world_count("statuses", "503"));
    assert_int_equal(metric("passages"), 0);
    assert_true(metric("upstream_kept") > 0);
}

/* As many requests as may be on their way, TLS on both sides, every buffer full, large heads with all of them. */
static void the_worst_case_fits_the_budget(void **state)
{
    long most = (long)(BUDGET_APPLICATION + GATEWAY_PASSAGES_MAX * BUDGET_SESSION + BUDGET_STORE) / 1024;
    long before = peak();

    (void)state;
    assert_int_equal(
        world_run(
            "cd %s && head -c 12000 /dev/zero | tr '\\0' x >long && { seq %d | setsid xargs -P %d -I{} sh -c "
            "'echo $PPID >many.pid; exec curl -s -m 20 -o /dev/null --limit-rate 1 --cacert ca.crt --cert client.crt "
            "--key client.key -H \"User-Agent: $(cat long)\" --resolve " NAME ":%u:127.0.0.1 https://" NAME
            ":%u/api/large/100000000' & }",
            world_folder, GATEWAY_PASSAGES_MAX, GATEWAY_PASSAGES_MAX, t.ports[API], t.ports[API]),
        0);
    for (int i = 0; i < 500 && metric("passages") < GATEWAY_PASSAGES_MAX; i++) {
        usleep(20000);
    }
    assert_int_equal(metric("passages"), GATEWAY_PASSAGES_MAX);
    sleep(1);
    print_message("# peak: %ld KiB, of %ld that are counted; %ld before\n", peak(), most, before);
#ifndef SANITIZED
    assert_true(peak() < most);
#endif
    assert_int_equal(world_run("kill -- -$(cat %s/many.pid)", world_folder), 0);
    for (int i = 0; i < 500 && metric("passages") > 0; i++) {
        usleep(20000);
    }
    assert_int_equal(metric("passages"), 0);
}

static void a_push_lets_what_is_under_way_end_and_the_next_begin_anew(void **state)
{
    static const char kept[] = "upstream_kept";

    (void)state;
    assert_int_equal(ask(LOCAL, "/api/x", ""), 200);
    assert_true(metric(kept) > 0);
    pid_t slow = fork();
    if (slow == 0) {
        _exit(world_run("%s >slow", curl(LOCAL, "/api/sleep/1.5")) != 0);
    }
    for (int i = 0; i < 100 && metric("passages") == 0; i++) {
        usleep(20000);
    }
    push("client-ec");
    assert_int_equal(metric(kept), 0);
    assert_int_equal(ask(LOCAL, "/api/x", ""), 200);
    assert_int_equal(metric(kept), 1);
    int status;
    waitpid(slow, &status, 0);
    assert_int_equal(status, 0);
    assert_int_equal(world_count("slow", "slept"), 1);
    assert_int_equal(metric(kept), 1); /* the old one was not */
    assert_int_equal(ask(LOCAL, "/api/x", ""), 200);
}

static void it_ends_when_pid_1_ends_it(void **state)
{
    int status;

    (void)state;
    close(t.control);
    waitpid(t.gateway, &status, 0);
    t.gateway = 0;
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_an_identity_only_what_needs_none_passes),
        cmocka_unit_test(a_request_goes_through_mutual_tls_on_both_sides),
        cmocka_unit_test(the_client_s_certificate_goes_along_and_none_that_it_claims),
        cmocka_unit_test(quotes_in_a_client_s_name_do_not_end_it_in_the_log),
        cmocka_unit_test(only_listed_fields_pass),
        cmocka_unit_test(an_answer_s_fields_pass_but_for_those_of_its_hop),
        cmocka_unit_test(a_good_request_id_is_kept_and_another_replaced),
        cmocka_unit_test(paths_and_methods_are_checked),
        cmocka_unit_test(bodies_are_bounded_by_their_route),
        cmocka_unit_test(a_route_s_rate_is_kept),
        cmocka_unit_test(connections_are_kept_and_sessions_resumed),
        cmocka_unit_test(every_kind_of_answer_comes_back_as_it_was),
        cmocka_unit_test(what_the_service_does_wrong_is_told_apart),
        cmocka_unit_test(an_answer_that_is_not_whole_is_cut),
        cmocka_unit_test(a_slow_answer_takes_its_time_as_long_as_it_goes_on),
        cmocka_unit_test(what_stands_behind_an_answer_reaches_nobody),
        cmocka_unit_test(a_service_that_is_down_gets_some_attempts),
        cmocka_unit_test(a_kept_connection_that_has_died_is_seen_by_posts_alone),
        cmocka_unit_test(a_service_that_starts_again_is_not_noticed),
        cmocka_unit_test(bodies_larger_than_memory_stream_both_ways),
        cmocka_unit_test(a_client_that_does_not_read_costs_a_buffer),
        cmocka_unit_test(a_service_that_does_not_take_the_body_answers_early_or_is_late),
        cmocka_unit_test(too_many_at_once_get_503),
        cmocka_unit_test(the_worst_case_fits_the_budget),
        cmocka_unit_test(a_push_lets_what_is_under_way_end_and_the_next_begin_anew),
        cmocka_unit_test(it_ends_when_pid_1_ends_it),
    };

    return cmocka_run_group_tests(tests, start_all, stop_all);
}
