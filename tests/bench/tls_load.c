/* tls_load: the client of the TLS benchmark, on OpenSSL: handshakes and bulk against any HTTPS server, and one
 * command's cost. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/*
 *   tls_load full|resumed PORT FOLDER SECONDS LANES          prints: handshakes, seconds
 *   tls_load download|upload PORT FOLDER SECONDS LANES SUITE prints: bytes, seconds
 *
 * Mutual TLS 1.2 with FOLDER/client.crt, client.key and ca.crt, to 127.0.0.1. A lane is a process of its own with one
 * connection at a time. A handshake is a connection, its handshake, close_notify, and the end; `resumed` makes one full
 * handshake and a request first, and each one after that must be an abbreviated one. Bulk is one request after the
 * other on one connection: GET /bulk, whose length the server says, or POST /bulk of BODY bytes. Whatever is not as it
 * should be ends it with 111: a figure stands for work that was done.
 */
#define LANES_MAX 64
#define BODY (UINT64_C(64) << 20)
#define BLOCK 16384
#define HEAD_MAX 4096
#define NAME "watermark.test"
#define SUITES "ECDHE+AESGCM"

enum task { FULL, RESUMED, DOWNLOAD, UPLOAD, TASKS };
static const char *const task_names[TASKS] = {"full", "resumed", "download", "upload"};

struct lane {
    enum task task;
    uint16_t port;
    SSL_CTX *context;
    SSL_SESSION *session; /* to resume */
    int64_t until;        /* ns */
};

static uint8_t block[BLOCK];

static void fail(const char *what)
{
    fprintf(stderr, "tls_load: %s: %s\n", what, strerror(errno));
    ERR_print_errors_fp(stderr);
    exit(111);
}

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static SSL_CTX *make_context(const char *folder, const char *suites)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    if (chdir(folder) < 0 || context == NULL || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION) != 1 || SSL_CTX_set_cipher_list(context, suites) != 1 ||
        SSL_CTX_use_certificate_chain_file(context, "client.crt") != 1 ||
        SSL_CTX_use_PrivateKey_file(context, "client.key", SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_load_verify_locations(context, "ca.crt", NULL) != 1) {
        fail(folder);
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET); /* session ids, as ours: the same way for both servers */
    return context;
}

static SSL *dial(const struct lane *lane)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(lane->port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    SSL *tls = SSL_new(lane->context);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        fail("connect");
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (tls == NULL || SSL_set_fd(tls, fd) != 1 || SSL_set_tlsext_host_name(tls, NAME) != 1 ||
        SSL_set1_host(tls, NAME) != 1 || (lane->session != NULL && SSL_set_session(tls, lane->session) != 1) ||
        SSL_connect(tls) != 1) {
        fail("handshake");
    }
    if (SSL_session_reused(tls) != (lane->session != NULL)) {
        fail(lane->session != NULL ? "the session was not resumed" : "a session was resumed that nobody asked for");
    }
    return tls;
}

static void hang_up(SSL *tls)
{
    int fd = SSL_get_fd(tls);

    (void)SSL_shutdown(tls);
    SSL_free(tls);
    close(fd);
}

static void send_all(SSL *tls, const void *data, size_t size)
{
    if (SSL_write(tls, data, (int)size) != (int)size) {
        fail("write");
    }
}

/* Reads an answer to its end, which must be a 200. Bytes of its body. */
static uint64_t take_answer(SSL *tls)
{
    char head[HEAD_MAX + 1];
    size_t size = 0;
    char *body = NULL;

    while (body == NULL) {
        int got = size < HEAD_MAX ? SSL_read(tls, head + size, (int)(HEAD_MAX - size)) : -1;
        if (got <= 0) {
            fail("the answer's head");
        }
        size += (size_t)got;
        head[size] = '\0';
        body = strstr(head, "\r\n\r\n");
    }
    const char *length = strcasestr(head, "\r\nContent-Length: ");
    if (strncmp(head, "HTTP/1.1 200 ", 13) != 0 || length == NULL) {
        errno = EPROTO;
        fail(head);
    }
    uint64_t all = strtoull(length + 18, NULL, 10);
    for (uint64_t taken = size - (size_t)(body + 4 - head); taken < all;) {
        int got = SSL_read(tls, block, BLOCK);
        if (got <= 0) {
            fail("the answer's body");
        }
        taken += (uint64_t)got;
    }
    return all;
}

static uint64_t get(SSL *tls, const char *path)
{
    char request[128];
    int size = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: " NAME "\r\n\r\n", path);

    send_all(tls, request, (size_t)size);
    return take_answer(tls);
}

static uint64_t post(SSL *tls)
{
    char request[128];
    int size = snprintf(request, sizeof request,
        "POST /bulk HTTP/1.1\r\nHost: " NAME "\r\nContent-Length: %llu\r\n\r\n", (unsigned long long)BODY);

    send_all(tls, request, (size_t)size);
    for (uint64_t sent = 0; sent < BODY; sent += BLOCK) {
        send_all(tls, block, BLOCK);
    }
    (void)take_answer(tls);
    return BODY;
}

/* What one lane has done until its time was over. */
static uint64_t run_lane(struct lane *lane)
{
    uint64_t done = 0;
    SSL *tls = lane->task == FULL ? NULL : dial(lane);

    if (lane->task == RESUMED) {
        (void)get(tls, "/");
        lane->session = SSL_get1_session(tls);
        hang_up(tls);
    }
    do {
        if (lane->task == DOWNLOAD || lane->task == UPLOAD) {
            done += lane->task == DOWNLOAD ? get(tls, "/bulk") : post(tls);
        } else {
            hang_up(dial(lane));
            done++;
        }
    } while (now_ns() < lane->until);
    return done;
}

int main(int argc, char *argv[])
{
    struct lane lane = {.task = FULL};
    uint64_t done = 0;

    while (argc >= 6 && lane.task < TASKS && strcmp(argv[1], task_names[lane.task]) != 0) {
        lane.task++;
    }
    unsigned long lanes = argc >= 6 ? strtoul(argv[5], NULL, 10) : 0;
    if (argc < 6 || lane.task == TASKS || lanes == 0 || lanes > LANES_MAX) {
        fprintf(stderr, "usage: tls_load full|resumed|download|upload PORT FOLDER SECONDS LANES [SUITES]\n");
        return 100;
    }
    signal(SIGPIPE, SIG_IGN);
    lane.port = (uint16_t)strtoul(argv[2], NULL, 10);
    lane.context = make_context(argv[3], argc > 6 ? argv[6] : SUITES);
    uint64_t *each = mmap(NULL, sizeof *each * LANES_MAX, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (each == MAP_FAILED) {
        fail("mmap");
    }
    int64_t started = now_ns();
    lane.until = started + (int64_t)(strtod(argv[4], NULL) * 1e9);
    for (unsigned long i = 0; i < lanes; i++) {
        pid_t child = fork();
        if (child == 0) {
            each[i] = run_lane(&lane);
            _exit(0);
        }
        if (child < 0) {
            fail("fork");
        }
    }
    for (int status; wait(&status) > 0;) {
        if (status != 0) {
            return 111;
        }
    }
    for (unsigned long i = 0; i < lanes; i++) {
        done += each[i];
    }
    printf("%llu %.6f\n", (unsigned long long)done, (double)(now_ns() - started) / 1e9);
    return 0;
}
