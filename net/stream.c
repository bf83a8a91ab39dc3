/* stream: the bytes of one connection as they are. */
#include "net/stream.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static ssize_t result(ssize_t size)
{
    if (size >= 0) {
        return size;
    }
    return errno == EINTR ? -EAGAIN : -errno;
}

static int plain_start(struct stream *stream)
{
    (void)stream;
    return 0;
}

static ssize_t plain_read(struct stream *stream, void *to, size_t size)
{
    return result(recv(stream->fd, to, size, MSG_DONTWAIT));
}

static ssize_t plain_write(struct stream *stream, const struct iovec *parts, int count)
{
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)parts, .msg_iovlen = (size_t)count};

    return result(sendmsg(stream->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT));
}

static int plain_flush(struct stream *stream)
{
    (void)stream;
    return 0;
}

static int plain_peek(struct stream *stream)
{
    char byte;

    return (int)result(recv(stream->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT));
}

static bool plain_waiting(const struct stream *stream)
{
    (void)stream;
    return false;
}

static unsigned plain_events(const struct stream *stream, unsigned wanted)
{
    (void)stream;
    return wanted;
}

static void plain_shutdown(struct stream *stream)
{
    shutdown(stream->fd, SHUT_WR);
}

static void plain_close(struct stream *stream)
{
    close(stream->fd);
    free(stream);
}

static const struct stream_class plain_class = {
    .start = plain_start,
    .read = plain_read,
    .write = plain_write,
    .flush = plain_flush,
    .peek = plain_peek,
    .waiting = plain_waiting,
    .events = plain_events,
    .shutdown = plain_shutdown,
    .close = plain_close,
};

int stream_open_plain(void *arg, int fd, struct stream **stream)
{
    struct stream *plain = malloc(sizeof *plain);

    (void)arg;
    if (plain == NULL) {
        return -ENOMEM;
    }
    *plain = (struct stream){&plain_class, fd};
    *stream = plain;
    return 0;
}
