/* glutton: a user's program that reads none of its connections, and fills them all once it is told to; only those that
 * begin with L get back what they send. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PLACES 128
#define PIECES 250 /* so many are written one by one, each a packet of its own, … */
#define PIECE 140  /* … of so many bytes: as a packet they hold 1,280 */
#define PAUSE 2    /* ms between two of them, in which the relay reads the first */

/* What an echoed connection orders besides, in its second byte. */
#define FILL 'f' /* write into all others, half a second from now: small pieces first, then all that goes in */
#define DROP 'd' /* close all others */

static const char filling[16384];
static struct pollfd places[PLACES]; /* the first is the listener */
static bool echoes[PLACES];
static nfds_t count;
static short others; /* what is waited for on the connections that are not echoed */
static struct timespec fill_at;
static unsigned pieces_left;

static void add(int fd, short events)
{
    if (fd >= 0 && count < PLACES) {
        echoes[count] = false;
        places[count++] = (struct pollfd){.fd = fd, .events = events};
    } else if (fd >= 0) {
        close(fd);
    }
}

static void drop(nfds_t at)
{
    close(places[at].fd);
    places[at] = places[--count];
    echoes[at] = echoes[count];
}

static int listen_on(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, PLACES) < 0 ? -1 : fd;
}

static int dial(const char *host, const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    address.sin_addr.s_addr = inet_addr(host);
    (void)connect(fd, (struct sockaddr *)&address, sizeof address); /* what comes of it, a write says */
    return fd;
}

static void order(char what)
{
    if (what == FILL) {
        clock_gettime(CLOCK_MONOTONIC, &fill_at);
        fill_at.tv_nsec += 500000000;
    }
    for (nfds_t i = count - 1; what == DROP && i > 0; i--) {
        if (!echoes[i]) {
            drop(i);
        }
    }
}

static void fill_when_due(void)
{
    struct timespec now;
    long due = fill_at.tv_sec * 1000 + fill_at.tv_nsec / 1000000;

    clock_gettime(CLOCK_MONOTONIC, &now);
    if (due == 0 || now.tv_sec * 1000 + now.tv_nsec / 1000000 < due) {
        return;
    }
    fill_at = (struct timespec){0};
    pieces_left = PIECES;
}

/* A piece into each of the others; after the last one, all that goes in. */
static void fill(void)
{
    pieces_left--;
    others = pieces_left == 0 ? POLLOUT : 0;
    for (nfds_t i = 1; i < count; i++) {
        if (!echoes[i]) {
            (void)send(places[i].fd, filling, PIECE, MSG_NOSIGNAL); /* what comes of it, the next poll says */
            places[i].events = others;
        }
    }
}

/* One event of a connection. False: it has ended. */
static bool serve(nfds_t at)
{
    int fd = places[at].fd;
    char block[512];
    ssize_t n;

    if (places[at].events == POLLOUT) {
        do {
            n = send(fd, filling, sizeof filling, MSG_NOSIGNAL);
        } while (n > 0);
        return errno == EAGAIN;
    }
    if (!echoes[at]) {
        n = recv(fd, block, 1, MSG_PEEK);
        echoes[at] = n == 1 && block[0] == 'L';
        places[at].events = echoes[at] ? POLLIN : others;
        return n == 1;
    }
    n = recv(fd, block, sizeof block, 0);
    if (n < 0 && errno == EAGAIN) {
        return true; /* its place was moved, and it was served there */
    }
    if (n <= 0 || send(fd, block, (size_t)n, MSG_NOSIGNAL) != n) {
        return false;
    }
    order(n > 1 ? block[1] : 0);
    return true;
}

static void say(void)
{
    char line[128];
    FILE *file = fopen("/proc/meminfo", "r");

    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "MemAvailable:", 13) == 0) {
            printf("glutton: %lu connections, %lu KiB available\n", (unsigned long)count - 1,
                strtoul(line + 13, NULL, 10));
            fflush(stdout);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
}

/* glutton ADDRESS PORT N: connects to that endpoint N times first. */
int main(int argc, char *argv[])
{
    add(listen_on(3000), POLLIN);
    if (count != 1 || argc != 4) {
        perror("glutton");
        return 111;
    }
    for (int left = atoi(argv[3]); left > 0; left--) {
        add(dial(argv[1], argv[2]), 0);
    }
    for (;;) {
        if (poll(places, count, pieces_left > 0 ? PAUSE : 100) == 0 && pieces_left == 0) {
            say();
        }
        for (nfds_t i = count - 1; i > 0; i--) {
            if (i < count && places[i].revents != 0 && !serve(i)) {
                drop(i);
            }
        }
        if (places[0].revents != 0) {
            add(accept4(places[0].fd, NULL, NULL, SOCK_NONBLOCK), POLLIN);
        }
        fill_when_due();
        if (pieces_left > 0) {
            fill();
        }
    }
}
