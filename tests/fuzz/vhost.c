/* fuzz vhost: any messages with any descriptors: the conversation ends, and nothing is touched that was not mapped. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tools/emulator/vhost.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MEMORY = 1 << 16, CHAINS_MAX = 100 };

/* The input is a run of messages: request, flags, size, descriptors, then size bytes of payload. */
struct conversation {
    struct vhost *vhost;
    unsigned ended;
};

static void on_kicked(void *arg)
{
    struct conversation *c = arg;
    struct ring_chain chain;

    for (unsigned i = 0; i < VHOST_RINGS; i++) {
        struct ring *ring = vhost_ring(c->vhost, i);
        for (int n = 0; ring != NULL && n < CHAINS_MAX && ring_pop(ring, &chain, NULL) == 1; n++) {
            ring_push(ring, &chain, 0);
        }
        vhost_signal(c->vhost, i);
    }
}

static void on_stopped(void *arg)
{
    (void)arg;
}

static void on_ended(void *arg, const struct reason *why)
{
    struct conversation *c = arg;

    (void)why;
    c->ended++;
}

static void send_message(int fd, const uint8_t head[static 4], const uint8_t *payload, const int *fds)
{
    uint32_t header[3] = {head[0], head[1], head[2]};
    struct iovec pieces[2] = {{header, sizeof header}, {(void *)payload, head[2]}};
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};
    unsigned fd_count = head[3] % 4;
    union {
        char room[CMSG_SPACE(sizeof(int) * 3)];
        struct cmsghdr align;
    } control;

    memset(&control, 0, sizeof control);
    if (fd_count > 0) {
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
        for (unsigned i = 0; i < fd_count; i++) {
            memcpy(CMSG_DATA(c) + i * sizeof(int), &fds[(head[3] >> 2) % 2], sizeof(int));
        }
    }
    ssize_t unused = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)unused;
}

static void drain(int fd)
{
    uint8_t bytes[4096];

    while (recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0) {
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct vhost_events events = {on_kicked, on_stopped, on_ended};
    struct conversation c = {0};
    struct loop *loop;
    int pair[2];
    int fds[2] = {memfd_create("guest", MFD_CLOEXEC), eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC)};

    if (fds[0] < 0 || fds[1] < 0 || ftruncate(fds[0], MEMORY) < 0 || loop_open(&loop) < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0 ||
        vhost_open(&c.vhost, loop, pair[0], 3, &events, &c) < 0) {
        abort();
    }
    while (size >= 4 && c.ended == 0) {
        const uint8_t *head = data;
        data += 4;
        size -= 4;
        uint8_t payload[256] = {0};
        size_t have = head[2] < size ? head[2] : size;
        memcpy(payload, data, have);
        data += have;
        size -= have;
        send_message(pair[1], head, payload, fds);
        loop_turn(loop, 0);
        loop_turn(loop, 0);
        drain(pair[1]);
    }
    close(pair[1]);
    loop_turn(loop, 0);
    if (c.ended != 1) {
        abort();
    }
    vhost_close(c.vhost);
    loop_close(loop);
    close(fds[0]);
    close(fds[1]);
    return 0;
}
