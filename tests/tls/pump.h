/* pump: carries a TLS session's records over a blocking socket, and starts the servers that tests talk to. */
#ifndef INGOT_TESTS_TLS_PUMP_H
#define INGOT_TESTS_TLS_PUMP_H

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/tls/files.h"
#include "tls/identity.h"
#include "tls/session.h"
#include "tls/trust.h"

#define PUMP_TIMEOUT 20000 /* milliseconds that a test waits for any one thing */

struct pump {
    struct tls_session *session;
    int fd;
    size_t step; /* bytes moved at once; 0: as many as there are */
};

/* Serves records until the state has one of the flags, or the session has ended. The state then. */
static inline unsigned pump_until(struct pump *pump, unsigned flags)
{
    for (;;) {
        unsigned state = tls_session_state(pump->session);
        struct pollfd poller = {.fd = pump->fd, .events = POLLIN};
        size_t size;
        ssize_t n;

        if ((state & (flags | TLS_CLOSED)) != 0) {
            return state;
        }
        if ((state & TLS_SEND) != 0) {
            const uint8_t *out = tls_session_send(pump->session, &size);
            n = send(pump->fd, out, pump->step != 0 && pump->step < size ? pump->step : size, MSG_NOSIGNAL);
            if (n <= 0) {
                tls_session_end(pump->session);
                continue;
            }
            tls_session_sent(pump->session, (size_t)n);
            continue;
        }
        assert_true((state & TLS_RECEIVE) != 0);
        assert_int_equal(poll(&poller, 1, PUMP_TIMEOUT), 1);
        uint8_t *in = tls_session_receive(pump->session, &size);
        n = recv(pump->fd, in, pump->step != 0 && pump->step < size ? pump->step : size, 0);
        if (n <= 0) {
            tls_session_end(pump->session);
            continue;
        }
        tls_session_received(pump->session, (size_t)n);
    }
}

/* Sends all of it. False: the session ended first. */
static inline bool pump_write(struct pump *pump, const void *data, size_t size)
{
    const uint8_t *next = data;

    while (size > 0) {
        size_t room;
        uint8_t *at;
        if ((pump_until(pump, TLS_WRITE) & TLS_WRITE) == 0) {
            return false;
        }
        at = tls_session_write(pump->session, &room);
        room = room < size ? room : size;
        memcpy(at, next, room);
        tls_session_written(pump->session, room);
        next += room;
        size -= room;
    }
    tls_session_flush(pump->session);
    while ((tls_session_state(pump->session) & TLS_SEND) != 0) {
        size_t waiting;
        const uint8_t *out = tls_session_send(pump->session, &waiting);
        ssize_t n = send(pump->fd, out, pump->step != 0 ? 1 : waiting, MSG_NOSIGNAL);
        if (n <= 0) {
            return false;
        }
        tls_session_sent(pump->session, (size_t)n);
    }
    return true;
}

/* Reads until size bytes are there or the session has ended. How many. */
static inline size_t pump_read(struct pump *pump, void *data, size_t size)
{
    size_t used = 0;

    while (used < size && (pump_until(pump, TLS_READ) & TLS_READ) != 0) {
        size_t waiting;
        const uint8_t *at = tls_session_read(pump->session, &waiting);
        waiting = waiting < size - used ? waiting : size - used;
        memcpy((uint8_t *)data + used, at, waiting);
        tls_session_consumed(pump->session, waiting);
        used += waiting;
    }
    return used;
}

/* ---- servers ---- */

struct server {
    pid_t pid;
    uint16_t port;
    int in;  /* writes to its standard input; -1: none */
    int out; /* reads what it prints; -1: none */
};

/*
 * A port of 127.0.0.1 that nobody listens on now, outside of those that the kernel gives to connections and to whoever
 * asks for any port: another process cannot get it in between by chance. Programs of one run begin at different ones.
 */
static inline uint16_t port_free(void)
{
    static unsigned next;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int on = 1;

    next = next == 0 ? (unsigned)getpid() * 61 : next;
    for (int i = 0; i < 1000; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        address.sin_port = htons((uint16_t)(10000 + next++ % 20000));
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        int bound = bind(fd, (struct sockaddr *)&address, sizeof address);
        close(fd);
        if (bound == 0) {
            return ntohs(address.sin_port);
        }
    }
    fail_msg("no port is free");
    return 0;
}

/* A connection to the server, which may still be starting. */
static inline int server_connect(const struct server *server)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(server->port)};

    for (int i = 0; i < PUMP_TIMEOUT / 10; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) {
            return fd;
        }
        close(fd);
        assert_int_equal(waitpid(server->pid, NULL, WNOHANG), 0); /* it has not died */
        usleep(10 * 1000);
    }
    fail_msg("the server does not listen");
    return -1;
}

/* Runs a program in the folder of the certificates. argv ends with NULL. */
static inline struct server server_run(char *const argv[], uint16_t port)
{
    struct server server = {.port = port};
    int in[2];
    int out[2];

    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    server.pid = fork();
    assert_true(server.pid >= 0);
    if (server.pid == 0) {
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        dup2(out[1], STDERR_FILENO);
        if (chdir(files_folder()) == 0) {
            execvp(argv[0], argv);
        }
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    server.in = in[1];
    server.out = out[0];
    return server;
}

static inline void server_stop(struct server *server)
{
    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
    close(server->in);
    close(server->out);
}

/* Waits until the server has printed text; it fits a pipe's buffer. */
static inline bool server_prints(struct server *server, const char *text)
{
    char buffer[65536];
    size_t used = 0;

    while (used < sizeof buffer - 1) {
        struct pollfd poller = {.fd = server->out, .events = POLLIN};
        ssize_t n;
        if (poll(&poller, 1, PUMP_TIMEOUT) != 1) {
            break;
        }
        n = read(server->out, buffer + used, sizeof buffer - 1 - used);
        if (n <= 0) {
            break;
        }
        used += (size_t)n;
        buffer[used] = '\0';
        if (strstr(buffer, text) != NULL) {
            return true;
        }
    }
    buffer[used] = '\0';
    print_message("# the server printed: %s\n", buffer);
    return false;
}

#define SERVER_ARGUMENTS 24

/* openssl s_server with CERT.crt and KEY.key, and further options (NULL at the end). It reverses each line it gets. */
static inline struct server server_openssl(const char *certificate, const char *key, const char *const options[])
{
    char port[32];
    char cert_file[64];
    char key_file[64];
    uint16_t number = port_free();
    const char *argv[SERVER_ARGUMENTS + 16] = {
        "openssl", "s_server", "-accept", port, "-cert", cert_file, "-key", key_file, "-tls1_2"};
    size_t count = 9;

    (void)snprintf(port, sizeof port, "127.0.0.1:%u", number);
    (void)snprintf(cert_file, sizeof cert_file, "%s.crt", certificate);
    (void)snprintf(key_file, sizeof key_file, "%s.key", key);
    for (size_t i = 0; options != NULL && options[i] != NULL && i < SERVER_ARGUMENTS; i++) {
        if (strcmp(options[i], "-tls1_3") == 0) {
            argv[8] = "-quiet"; /* takes the place of -tls1_2 */
        }
        argv[count++] = options[i];
    }
    argv[count] = NULL;
    return server_run((char *const *)(uintptr_t)argv, number);
}

#endif
