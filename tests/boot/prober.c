/* prober: an application for fault.test: it calls whom it is told to, and says what it saw; of callers it says the
 * same. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 4000 /* without any progress */

struct result {
    size_t sent;
    size_t got;
    const char *end;
    long ms;
};

static long now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static const char *name_of(int error)
{
    return error == ECONNRESET     ? "reset"
           : error == EPIPE        ? "pipe"
           : error == ECONNREFUSED ? "refused"
                                   : strerror(error);
}

static void receive(int fd, struct pollfd *poller, struct result *result)
{
    static char data[65536];
    ssize_t got = recv(fd, data, sizeof data, MSG_DONTWAIT);

    if (got > 0) {
        result->got += (size_t)got;
    } else if (got == 0) {
        result->end = "eof";
        poller->events &= ~POLLIN;
    } else if (errno != EAGAIN) {
        result->end = name_of(errno);
        poller->events = 0;
    }
}

static void transmit(int fd, size_t size, struct pollfd *poller, struct result *result)
{
    static const char data[65536];
    size_t left = size - result->sent;
    ssize_t sent = send(fd, data, left < sizeof data ? left : sizeof data, MSG_DONTWAIT | MSG_NOSIGNAL);

    result->sent += sent > 0 ? (size_t)sent : 0;
    if (sent < 0 && errno != EAGAIN) {
        poller->events &= ~POLLOUT; /* the other side takes no more: what it has said is still read */
    } else if (result->sent == size) {
        shutdown(fd, SHUT_WR);
        poller->events &= ~POLLOUT;
    }
}

/* Sends size bytes, then its end, and reads all the while, to the end: until both are over, or nothing moves for so
 * long. */
static void talk(int fd, size_t size, int patience_ms, struct result *result)
{
    struct pollfd poller = {.fd = fd, .events = POLLIN | POLLOUT};

    while (poller.events != 0) {
        if (poll(&poller, 1, patience_ms) == 0) {
            result->end = "stalled";
            return;
        }
        if (poller.revents & (POLLIN | POLLERR | POLLHUP) && poller.events & POLLIN) {
            receive(fd, &poller, result);
        } else if (poller.revents & (POLLOUT | POLLERR | POLLHUP)) {
            transmit(fd, size, &poller, result);
        }
    }
}

static void call(const char *host, unsigned port, size_t size, struct result *result)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    const struct linger at_once = {1, 0};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    inet_pton(AF_INET, host, &to.sin_addr);
    if (connect(fd, (const struct sockaddr *)&to, sizeof to) < 0) {
        result->end = name_of(errno);
    } else {
        talk(fd, size, PATIENCE_MS, result);
    }
    if (strcmp(result->end, "stalled") == 0) {
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
    close(fd);
}

/* Answers a caller with size bytes; where it stalls, waits on until the caller goes. */
static void tell(int fd, size_t size)
{
    struct result result = {0};

    talk(fd, size, PATIENCE_MS, &result);
    if (strcmp(result.end, "stalled") == 0) {
        printf("prober: a caller was told %zu bytes, then stalled\n", result.sent);
        talk(fd, size, -1, &result);
    }
    printf("prober: a caller was told %zu bytes, then %s\n", result.sent, result.end);
}

/*
 * "call ADDRESS PORT SIZE\n" is answered by what the call saw, "tell SIZE\n" by so many bytes, anything else by how
 * many bytes it was.
 */
static void serve(int fd)
{
    char line[256];
    char host[128];
    unsigned port;
    size_t size;
    size_t used = 0;
    ssize_t got;

    do {
        got = recv(fd, line + used, 1, 0);
        used += got > 0 ? 1 : 0;
    } while (got > 0 && line[used - 1] != '\n' && used < sizeof line - 1);
    line[used] = '\0';
    if (sscanf(line, "call %127s %u %zu", host, &port, &size) == 3) {
        struct result result = {0};
        long started = now();
        call(host, port, size, &result);
        dprintf(fd, "{\"sent\": %zu, \"got\": %zu, \"end\": \"%s\", \"ms\": %ld}\n", result.sent, result.got,
            result.end, now() - started);
        return;
    }
    if (sscanf(line, "tell %zu", &size) == 1) {
        tell(fd, size);
        return;
    }
    while (got > 0) {
        static char more[65536];
        got = recv(fd, more, sizeof more, 0);
        used += got > 0 ? (size_t)got : 0;
    }
    printf("prober: a caller said %zu bytes, then %s\n", used, got == 0 ? "eof" : name_of(errno));
    dprintf(fd, "%zu\n", used);
}

static void accept_all(uint16_t port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (const struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 64) < 0) {
        perror("prober");
        _exit(1);
    }
    printf("prober: listening on %u\n", port);
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd >= 0 && fork() == 0) {
            serve(fd);
            _exit(0);
        }
        close(fd);
    }
}

/* prober PORT…: the last one is its own. */
int main(int argc, char *argv[])
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGCHLD, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    for (int i = 1; i < argc; i++) {
        if (i == argc - 1 || fork() == 0) {
            accept_all((uint16_t)atoi(argv[i]));
        }
    }
}
