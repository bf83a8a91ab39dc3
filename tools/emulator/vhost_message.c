/* vhost_message: one message of vhost-user: its wire form, with the descriptors that come with it, and its answer. */
#include "tools/emulator/vhost_message.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FLAG_VERSION = 1, FLAG_VERSION_MASK = 3, FLAG_REPLY = 4 };

/* Takes the descriptors that came with some bytes; more than fit were closed by the kernel (MSG_CTRUNC). */
static int take_fds(struct vhost_message *m, struct msghdr *header)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c != NULL; c = CMSG_NXTHDR(header, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            if (m->fd_count < VHOST_FDS_MAX) {
                m->fds[m->fd_count++] = fd;
            } else {
                close(fd);
            }
        }
    }
    return header->msg_flags & MSG_CTRUNC ? -EPROTO : 0;
}

/* Reads towards size bytes of the message in all. 1: there; 0: not yet; -ENODATA: the end; another -errno. */
static int read_towards(struct vhost_message *m, int fd, size_t size)
{
    union {
        char room[CMSG_SPACE(sizeof(int) * VHOST_FDS_MAX)];
        struct cmsghdr align;
    } control;

    while (m->have < size) {
        uint8_t *to = m->have < sizeof m->header ? (uint8_t *)&m->header + m->have
                                                 : m->payload.bytes + (m->have - sizeof m->header);
        struct iovec piece = {to, size - m->have};
        struct msghdr header = {
            .msg_iov = &piece,
            .msg_iovlen = 1,
            .msg_control = &control,
            .msg_controllen = sizeof control,
        };
        ssize_t got = recvmsg(fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (got < 0) {
            return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        }
        if (got == 0) {
            return m->have == 0 ? -ENODATA : -EPROTO;
        }
        m->have += (size_t)got;
        if (take_fds(m, &header) < 0) {
            return -EPROTO;
        }
    }
    return 1;
}

int vhost_message_read(struct vhost_message *message, int fd, struct reason *why)
{
    const struct vhost_header *header = &message->header;
    int got = read_towards(message, fd, sizeof *header);

    if (got == 1) {
        if ((header->flags & FLAG_VERSION_MASK) != FLAG_VERSION || header->size > VHOST_PAYLOAD_MAX) {
            return reason_set(why, -EPROTO, "a message header that makes no sense");
        }
        got = read_towards(message, fd, sizeof *header + header->size);
    }
    return got < 0 && got != -ENODATA ? reason_system(why, got, "a message was cut off") : got;
}

static int send_all(int fd, const void *data, size_t size)
{
    /* A reply is a few bytes into an empty socket; QEMU reads it before it sends the next request. */
    ssize_t sent = send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);

    return sent == (ssize_t)size ? 0 : sent < 0 ? -errno : -EIO;
}

int vhost_message_reply(struct vhost_message *message, int fd, uint32_t size, struct reason *why)
{
    struct vhost_header *header = &message->header;
    uint8_t bytes[sizeof *header + VHOST_PAYLOAD_MAX];

    header->flags = FLAG_VERSION | FLAG_REPLY;
    header->size = size;
    memcpy(bytes, header, sizeof *header);
    memcpy(bytes + sizeof *header, message->payload.bytes, size);
    int error = send_all(fd, bytes, sizeof *header + size);
    return error < 0 ? reason_system(why, error, "no reply could be sent") : 0;
}

void vhost_message_done(struct vhost_message *message)
{
    while (message->fd_count > 0) {
        close(message->fds[--message->fd_count]);
    }
    message->have = 0;
}
