/* tls_server: our HTTP server behind our TLS as a program of its own, for foreign clients and for benchmarks. */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "crypto/x509.h"
#include "net/http_server.h"
#include "tls/identity.h"
#include "tls/store.h"
#include "tls/stream.h"
#include "tls/trust.h"
#include "tools/verbs.h"

/*
 *   tls_server PORT CERT KEY CA [optional|required [NAME]]
 *
 * A client's extendedKeyUsage is optional or required, as `ingot call --eku` has it; NAME is one that it must have, as
 * x509_has_name() reads it. Listens on 127.0.0.1, at any free port where PORT is 0, until its parent ends. It prints,
 * each line at once:
 *
 *   listens on PORT
 *   session PEER, VERSION, SUITE, new|resumed
 *   failure SENTENCE
 *
 * Every request is answered with the line `METHOD TARGET BYTES PEER`, BYTES being the size of its body; but GET /bulk
 * with the file that is the standard input, and POST /bulk, a body of any length, with nothing.
 */
static struct tls_server served;

/* ---- bulk, in pieces ---- */

#define PIECE 16384

struct bulk {
    struct http_exchange *exchange;
    uint64_t at; /* of the file */
    uint64_t size;
};

static void bulk_cancelled(void *arg)
{
    free(arg);
}

static void bulk_send(void *arg)
{
    struct bulk *bulk = arg;
    char piece[PIECE];

    while (bulk->at < bulk->size) {
        ssize_t size = pread(STDIN_FILENO, piece, sizeof piece, (off_t)bulk->at);
        ssize_t taken = size > 0 ? http_exchange_write(bulk->exchange, piece, (size_t)size) : 0;
        if (size > 0 && taken == -EAGAIN) {
            return;
        }
        if (taken <= 0) {
            break; /* short of its length: it is aborted */
        }
        bulk->at += (uint64_t)taken;
    }
    http_exchange_finish(bulk->exchange);
    free(bulk);
}

static void bulk_take(void *arg)
{
    struct bulk *bulk = arg;
    struct http_text part;
    ssize_t size;

    do {
        size = http_exchange_read(bulk->exchange, &part);
    } while (size > 0);
    if (size == -EAGAIN) {
        return;
    }
    if (size == 0 && http_exchange_start(bulk->exchange, 200, NULL, 0, HTTP_FRAMING_LENGTH, 0) == 0) {
        http_exchange_finish(bulk->exchange);
    } else {
        http_exchange_error(bulk->exchange, 500, NULL, "it could not be taken");
    }
    free(bulk);
}

static const struct http_events bulk_events = {
    .readable = bulk_take, .writable = bulk_send, .cancelled = bulk_cancelled};

static void begin(void *arg, struct http_exchange *exchange)
{
    const struct http_head *head = http_exchange_head(exchange);
    struct bulk *bulk = http_text_is(head->target, "/bulk") ? calloc(1, sizeof *bulk) : NULL;
    struct stat file;

    (void)arg;
    if (bulk == NULL) {
        return;
    }
    bulk->exchange = exchange;
    (void)http_exchange_stream_to(exchange, UINT64_MAX, &bulk_events, bulk);
    if (http_text_is(head->method, "POST")) {
        bulk_take(bulk);
        return;
    }
    bulk->size = fstat(STDIN_FILENO, &file) == 0 && S_ISREG(file.st_mode) ? (uint64_t)file.st_size : 0;
    if (http_exchange_start(exchange, 200, NULL, 0, HTTP_FRAMING_LENGTH, bulk->size) == 0) {
        bulk_send(bulk);
        return;
    }
    http_exchange_error(exchange, 500, NULL, "it could not be sent");
    free(bulk);
}

/* ---- anything else ---- */

static void handle(void *arg, struct http_exchange *exchange)
{
    const struct http_head *head = http_exchange_head(exchange);
    struct http_buffer body = {0};
    struct tls_summary summary;
    char bytes[32];

    (void)arg;
    (void)tls_session_summary(tls_stream_session(http_exchange_stream(exchange)), &summary);
    (void)snprintf(bytes, sizeof bytes, " %zu ", http_exchange_body(exchange).size);
    const struct http_text parts[] = {head->method, {" ", 1}, head->target, {bytes, strlen(bytes)},
        {summary.peer.text, strlen(summary.peer.text)}, {"\n", 1}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (http_buffer_append(&body, parts[i].data, parts[i].size) < 0) {
            http_buffer_free(&body);
            http_exchange_error(exchange, 503, NULL, "no memory");
            return;
        }
    }
    http_exchange_answer(exchange, 200, "text/plain", NULL, &body);
}

static void started(void *arg, const struct stream *stream, int error)
{
    const struct tls_session *session = tls_stream_session(stream);
    struct tls_summary summary;
    struct reason why;

    (void)arg;
    if (error == 0 && tls_session_summary(session, &summary)) {
        printf("session %s, %s, %s, %s\n", summary.peer.text, summary.version, summary.suite,
            summary.resumed ? "resumed" : "new");
        return;
    }
    if (tls_session_error(session, &why) == 0) {
        reason_system(&why, error, "the handshake did not come to its end");
    }
    printf("failure %s\n", why.text);
}

static int judge(void *name, struct bytes leaf, const struct bytes *chain, size_t chain_count, struct reason *why)
{
    struct x509_certificate certificate;
    int error = x509_read(leaf, &certificate, why);

    (void)chain;
    (void)chain_count;
    if (error < 0 || x509_has_name(&certificate, name)) {
        return error;
    }
    return reason_set(why, -EACCES, "it does not have the name %s", (char *)name);
}

static int accept_tls(void *arg, int fd, struct stream **stream)
{
    struct reason why;

    (void)arg;
    served.now = time(NULL);
    return tls_stream_accept(stream, fd, &served, &why);
}

/* Who we are, and whom we believe. */
static int load(char *const files[static 3], struct reason *why)
{
    struct tls_identity *identity = NULL;
    struct tls_trust *trust = NULL;
    char *pem[3] = {NULL};
    size_t size[3];
    int error = 0;

    for (int i = 0; i < 3 && error == 0; i++) {
        error = file_read(files[i], TLS_TRUST_PEM_MAX, &pem[i], &size[i], why);
    }
    if (error == 0) {
        error = tls_identity_load("server", pem[0], size[0], pem[1], size[1], &identity, why);
    }
    if (error == 0) {
        error = tls_trust_load(pem[2], size[2], &trust, why);
    }
    for (int i = 0; i < 3; i++) {
        free(pem[i]);
    }
    served.identity = identity;
    served.trust = trust;
    return error;
}

/* The listening socket, or -errno. */
static int listen_on(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) < 0 ||
        bind(listener, (struct sockaddr *)&address, size) < 0 || listen(listener, 64) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) < 0) {
        return -errno;
    }
    printf("listens on %u\n", ntohs(address.sin_port));
    return listener;
}

static int serve(int listener, struct reason *why)
{
    struct http_budget budget = {.max = 4 * HTTP_BODY_MAX};
    struct http_server_options options = {
        .connections = 64, .budget = &budget, .handler = handle, .begin = begin, .started = started};
    struct http_server *http;
    struct loop *loop;
    int error = tls_store_create(&served.store);

    error = error < 0 ? error : loop_open(&loop);
    error = error < 0 ? error : http_server_open(&http, loop, &options);
    error = error < 0 ? error : http_server_listen(http, listener, accept_tls, NULL);
    error = error < 0 ? error : loop_run(loop);
    return reason_system(why, error, "can't serve");
}

int main(int argc, char *argv[])
{
    struct reason why;
    uint64_t port;

    if (argc < 5 || argc > 7 || !text_number(argv[1], 0, UINT16_MAX, &port)) {
        fprintf(stderr, "usage: tls_server PORT CERT KEY CA [optional|required [NAME]]\n");
        return EXIT_MISUSE;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setvbuf(stdout, NULL, _IOLBF, 0);
    served.eku_required = argc > 5 && strcmp(argv[5], "required") == 0;
    served.verify = argc > 6 ? judge : NULL;
    served.verify_arg = argv[6];
    int error = load(argv + 2, &why);
    int listener = error < 0 ? -1 : listen_on((uint16_t)port);
    if (error == 0) {
        error =
            listener < 0 ? reason_system(&why, listener, "can't listen on port %s", argv[1]) : serve(listener, &why);
    }
    fprintf(stderr, "tls_server: %s\n", why.text);
    return EXIT_SYSTEM;
}
