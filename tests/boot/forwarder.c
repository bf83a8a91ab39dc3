/* forwarder: a user's program that carries each connection on to an [endpoint] by its name: what the soak goes through.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BLOCK 16384

/* Copies what is there once. 1: goes on; 0: that side has ended, and the other was told; -1: broken. */
static int carry(int from, int to)
{
    char block[BLOCK];
    ssize_t got = read(from, block, sizeof block);

    for (ssize_t sent = 0; sent < got;) {
        ssize_t n = write(to, block + sent, (size_t)(got - sent));
        if (n <= 0) {
            return -1;
        }
        sent += n;
    }
    if (got == 0) {
        return shutdown(to, SHUT_WR) < 0 ? -1 : 0;
    }
    return got > 0 ? 1 : -1;
}

/* One direction is a process of its own, so that neither waits for the other. */
static void carry_all(int from, int to)
{
    while (carry(from, to) > 0) {
    }
}

static int dial(const char *host, const char *port)
{
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    int fd = -1;

    if (getaddrinfo(host, port, &hints, &found) != 0) {
        return -1;
    }
    fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) < 0) {
        close(fd);
        fd = -1;
    }
    freeaddrinfo(found);
    return fd;
}

static void serve(int client, const char *host, const char *port)
{
    int far = dial(host, port);

    if (far < 0) {
        exit(1);
    }
    if (fork() == 0) {
        carry_all(client, far);
    } else {
        carry_all(far, client);
    }
    exit(0);
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(3000)};
    int on = 1;
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    if (argc != 3) {
        return 100;
    }
    signal(SIGCHLD, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 128) < 0) {
        perror("forwarder");
        return 111;
    }
    puts("forwarder: listening");
    fflush(stdout);
    for (;;) {
        int client = accept(listener, NULL, NULL);
        if (client >= 0 && fork() == 0) {
            close(listener);
            serve(client, argv[1], argv[2]);
        }
        if (client >= 0) {
            close(client);
        }
    }
}
