/* relay_load: both ends of the relay benchmark: a server that every relay carries to, and the client that measures. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/*
 *   relay_load serve PORT                          answers on every address until it is killed
 *   relay_load down|up PORT SECONDS STREAMS        prints: bytes, seconds
 *   relay_load connect PORT SECONDS STREAMS        prints: connections, seconds; each one asks and is answered
 *   relay_load ping PORT SECONDS                   prints: p50, p99 in microseconds, and the number of exchanges
 *   relay_load idle|stall PORT STREAMS             holds the connections, prints a line, ends with its standard input
 *
 * The first byte of a connection says what the server does with it: 'd' sends until the other side is gone; 'u' reads
 * to the end and answers the number of bytes; 'c' answers one byte and closes; 'p' sends back all it gets.
 */
#define BLOCK 262144
#define CONNECTIONS_MAX 4096
#define SAMPLES_MAX 1000000
#define PING 64

struct stream {
    int fd;
    char task; /* 0: its first byte has not come */
    uint64_t bytes;
};

static uint8_t block[BLOCK];
static uint32_t samples[SAMPLES_MAX]; /* ns */

static void fail(const char *what)
{
    perror(what);
    exit(111);
}

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int dial(uint16_t port, char task)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        fail("connect");
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (send(fd, &task, 1, MSG_NOSIGNAL) != 1) {
        fail("send");
    }
    return fd;
}

static void watch(int loop, struct stream *stream, uint32_t events, int operation)
{
    struct epoll_event event = {.events = events, .data.ptr = stream};

    if (epoll_ctl(loop, operation, stream->fd, &event) < 0) {
        fail("epoll_ctl");
    }
}

static void set_nonblocking(int fd)
{
    if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
        fail("fcntl");
    }
}

/* Reads and throws away without copying: this end must not be what is measured. */
static ssize_t discard(int fd)
{
    return recv(fd, block, BLOCK, MSG_TRUNC);
}

/* One event of a connection that the server has. false: it is over. */
static bool serve(int loop, struct stream *stream)
{
    ssize_t n;

    if (stream->task == 0) {
        n = recv(stream->fd, &stream->task, 1, 0);
        if (n == 1 && stream->task == 'd') {
            watch(loop, stream, EPOLLOUT, EPOLL_CTL_MOD);
        }
        if (n == 1 && stream->task == 'c') {
            return send(stream->fd, "c", 1, MSG_NOSIGNAL) < 0;
        }
        return n == 1 || (n < 0 && errno == EAGAIN);
    }
    if (stream->task == 'd') {
        n = send(stream->fd, block, BLOCK, MSG_NOSIGNAL);
        return n > 0 || errno == EAGAIN;
    }
    n = stream->task == 'u' ? discard(stream->fd) : recv(stream->fd, block, BLOCK, 0);
    if (n < 0) {
        return errno == EAGAIN;
    }
    if (n == 0 && stream->task == 'u') {
        return send(stream->fd, &stream->bytes, sizeof stream->bytes, MSG_NOSIGNAL) < 0;
    }
    stream->bytes += (uint64_t)n;
    return n > 0 && (stream->task == 'u' || send(stream->fd, block, (size_t)n, MSG_NOSIGNAL) == n);
}

static void serve_all(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct stream listener = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)};
    int loop = epoll_create1(0);
    int on = 1;

    setsockopt(listener.fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener.fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener.fd, 4096) < 0) {
        fail("listen");
    }
    watch(loop, &listener, EPOLLIN, EPOLL_CTL_ADD);
    puts("serving");
    fflush(stdout);
    for (;;) {
        struct epoll_event events[64];
        int count = epoll_wait(loop, events, 64, -1);
        for (int i = 0; i < count; i++) {
            struct stream *stream = events[i].data.ptr;
            if (stream == &listener) {
                int fd = accept4(listener.fd, NULL, NULL, SOCK_NONBLOCK);
                if (fd >= 0 && (stream = calloc(1, sizeof *stream)) != NULL) {
                    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
                    stream->fd = fd;
                    watch(loop, stream, EPOLLIN, EPOLL_CTL_ADD);
                }
            } else if (!serve(loop, stream)) {
                close(stream->fd);
                free(stream);
            }
        }
    }
}

static void throughput(char task, uint16_t port, int64_t length, int count)
{
    static struct stream streams[CONNECTIONS_MAX];
    int loop = epoll_create1(0);
    uint64_t total = 0;
    int64_t started;

    for (int i = 0; i < count; i++) {
        streams[i].fd = dial(port, task);
        set_nonblocking(streams[i].fd);
        watch(loop, &streams[i], task == 'd' ? EPOLLIN : EPOLLOUT, EPOLL_CTL_ADD);
    }
    started = now_ns();
    while (now_ns() - started < length) {
        struct epoll_event events[64];
        int ready = epoll_wait(loop, events, 64, 100);
        for (int i = 0; i < ready; i++) {
            struct stream *stream = events[i].data.ptr;
            ssize_t n = task == 'd' ? discard(stream->fd) : send(stream->fd, block, BLOCK, MSG_NOSIGNAL);
            if (n == 0 || (n < 0 && errno != EAGAIN)) {
                fail("stream");
            }
            total += n > 0 && task == 'd' ? (uint64_t)n : 0;
        }
    }
    for (int i = 0; i < count && task == 'u'; i++) {
        shutdown(streams[i].fd, SHUT_WR);
    }
    for (int i = 0; i < count && task == 'u'; i++) {
        uint64_t bytes;
        fcntl(streams[i].fd, F_SETFL, 0);
        if (recv(streams[i].fd, &bytes, sizeof bytes, MSG_WAITALL) != sizeof bytes) {
            fail("the number of bytes that arrived");
        }
        total += bytes;
    }
    printf("%llu %.6f\n", (unsigned long long)total, (double)(now_ns() - started) / 1e9);
}

/* One connection after the other in each of count lanes: asked, answered, the server's end seen, closed. */
static void connections(uint16_t port, int64_t length, int count)
{
    static struct stream streams[CONNECTIONS_MAX];
    int loop = epoll_create1(0);
    int64_t started = now_ns();
    uint64_t total = 0;

    for (int i = 0; i < count; i++) {
        streams[i].fd = dial(port, 'c');
        watch(loop, &streams[i], EPOLLIN, EPOLL_CTL_ADD);
    }
    while (now_ns() - started < length) {
        struct epoll_event events[64];
        int ready = epoll_wait(loop, events, 64, 100);
        for (int i = 0; i < ready; i++) {
            struct stream *stream = events[i].data.ptr;
            char answer;
            ssize_t n = recv(stream->fd, &answer, 1, MSG_DONTWAIT);
            if (n < 0 && errno != EAGAIN) {
                fail("answer");
            }
            stream->bytes += n > 0;
            if (n == 0) {
                if (stream->bytes != 1) {
                    fail("a connection that was not answered");
                }
                close(stream->fd);
                total++;
                stream->bytes = 0;
                stream->fd = dial(port, 'c');
                watch(loop, stream, EPOLLIN, EPOLL_CTL_ADD);
            }
        }
    }
    printf("%llu %.6f\n", (unsigned long long)total, (double)(now_ns() - started) / 1e9);
}

static int compare(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;

    return (left > right) - (left < right);
}

static void ping(int fd)
{
    if (send(fd, block, PING, MSG_NOSIGNAL) != PING || recv(fd, block, PING, MSG_WAITALL) != PING) {
        fail("ping");
    }
}

static void latency(uint16_t port, int64_t length)
{
    int fd = dial(port, 'p');
    int64_t started;
    size_t count = 0;

    for (int i = 0; i < 200; i++) {
        ping(fd);
    }
    started = now_ns();
    while (now_ns() - started < length && count < SAMPLES_MAX) {
        int64_t before = now_ns();
        ping(fd);
        samples[count++] = (uint32_t)(now_ns() - before);
    }
    qsort(samples, count, sizeof *samples, compare);
    printf("%.2f %.2f %zu\n", samples[count / 2] / 1e3, samples[count * 99 / 100] / 1e3, count);
}

static void hold(char task, uint16_t port, int count)
{
    for (int i = 0; i < count; i++) {
        int fd = dial(port, task);
        if (task == 'p') {
            ping(fd); /* the relay has both of its sockets */
        }
    }
    puts("held");
    fflush(stdout);
    while (read(0, block, 1) > 0) {
    }
}

int main(int argc, char **argv)
{
    struct rlimit files = {.rlim_cur = CONNECTIONS_MAX + 64, .rlim_max = CONNECTIONS_MAX + 64};
    const char *task = argc > 2 ? argv[1] : "";
    uint16_t port = argc > 2 ? (uint16_t)strtoul(argv[2], NULL, 10) : 0;
    int64_t length = argc > 3 ? (int64_t)(strtod(argv[3], NULL) * 1e9) : 0;
    int last = argc > 3 ? (int)strtol(argv[argc - 1], NULL, 10) : 0;

    setrlimit(RLIMIT_NOFILE, &files);
    if (last > CONNECTIONS_MAX) {
        last = 0;
    }
    if (strcmp(task, "serve") == 0) {
        serve_all(port);
    } else if (strcmp(task, "ping") == 0 && argc == 4) {
        latency(port, length);
    } else if ((strcmp(task, "idle") == 0 || strcmp(task, "stall") == 0) && argc == 4 && last > 0) {
        hold(task[0] == 'i' ? 'p' : 'd', port, last);
    } else if ((strcmp(task, "down") == 0 || strcmp(task, "up") == 0) && argc == 5 && last > 0) {
        throughput(task[0], port, length, last);
    } else if (strcmp(task, "connect") == 0 && argc == 5 && last > 0) {
        connections(port, length, last);
    } else {
        fputs("usage: relay_load serve|down|up|connect|ping|idle|stall PORT [SECONDS] [STREAMS]\n", stderr);
        return 100;
    }
    return 0;
}
