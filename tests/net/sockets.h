/* sockets: pairs of real sockets, and turns of a loop, for the tests of net/ and tools/. */
#ifndef INGOT_TESTS_NET_SOCKETS_H
#define INGOT_TESTS_NET_SOCKETS_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/address.h"
#include "net/loop.h"

enum { SOCKETS_PATIENCE = 10000 /* ms until a test that waits in vain fails */ };

static inline int64_t sockets_now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* Turns the loop until *flag, and fails the test if that takes too long. */
static inline void sockets_turn_until(struct loop *loop, const bool *flag)
{
    int64_t end = sockets_now() + SOCKETS_PATIENCE;

    while (!*flag) {
        assert_int_equal(loop_turn(loop, 50), 0);
        assert_true(sockets_now() < end);
    }
}

/* Turns the loop for some time; returns the number of turns: few where nothing happens. */
static inline unsigned sockets_turn_for(struct loop *loop, int milliseconds)
{
    int64_t end = sockets_now() + milliseconds;
    unsigned turns = 0;

    for (int64_t left = milliseconds; left > 0; left = end - sockets_now()) {
        assert_int_equal(loop_turn(loop, (int)left), 0);
        turns++;
    }
    return turns;
}

/* Listens on a free port of 127.0.0.1, which is written into address. */
static inline int sockets_listen_tcp(struct address *address)
{
    struct sockaddr_in name;
    socklen_t size = sizeof name;

    assert_int_equal(address_parse(address, "tcp:127.0.0.1:0", NULL), 0);
    int fd = address_listen(address, 128, NULL);
    assert_true(fd >= 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &size), 0);
    address->port = ntohs(name.sin_port);
    return fd;
}

/* A blocking connect to a TCP address of sockets_listen_tcp(); the descriptor is non-blocking afterwards. */
static inline int sockets_connect_tcp(const struct address *address)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)address->port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

/* Two connected, non-blocking sockets, of AF_INET or AF_UNIX. */
static inline void sockets_pair(int family, int pair[2])
{
    if (family == AF_UNIX) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
        return;
    }
    struct address address;
    int listener = sockets_listen_tcp(&address);
    pair[0] = sockets_connect_tcp(&address);
    pair[1] = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(pair[1] >= 0);
    close(listener);
}

/* Turns the loop until size bytes were read from fd. */
static inline void sockets_read(struct loop *loop, int fd, void *data, size_t size)
{
    int64_t end = sockets_now() + SOCKETS_PATIENCE;

    for (size_t have = 0; have < size;) {
        ssize_t n = recv(fd, (char *)data + have, size - have, 0);
        assert_true(n > 0 || (n < 0 && errno == EAGAIN));
        have += n > 0 ? (size_t)n : 0;
        assert_int_equal(loop_turn(loop, n > 0 ? 0 : 10), 0);
        assert_true(sockets_now() < end);
    }
}

/* Turns the loop until fd reports its end: 0 for EOF, or the -errno. Bytes before it are passed over. */
static inline int sockets_read_end(struct loop *loop, int fd)
{
    int64_t end = sockets_now() + SOCKETS_PATIENCE;
    char data[4096];

    for (;;) {
        ssize_t n = recv(fd, data, sizeof data, 0);
        if (n == 0) {
            return 0;
        }
        if (n < 0 && errno != EAGAIN) {
            return -errno;
        }
        assert_int_equal(loop_turn(loop, 10), 0);
        assert_true(sockets_now() < end);
    }
}

/* Writes until fd and all behind it are full: nothing moves for 50 ms. Returns the number of bytes taken. */
static inline size_t sockets_fill(struct loop *loop, int fd)
{
    static const char data[4096];
    size_t taken = 0;

    for (int64_t last = sockets_now(); sockets_now() - last < 50;) {
        ssize_t n = send(fd, data, sizeof data, MSG_NOSIGNAL);
        if (n > 0) {
            taken += (size_t)n;
            last = sockets_now();
        }
        assert_int_equal(loop_turn(loop, n > 0 ? 0 : 5), 0);
    }
    return taken;
}

#endif
