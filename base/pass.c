/* pass: one byte, and at most one descriptor, from one process to another over a SOCK_SEQPACKET socket. */
#include "base/pass.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for more than one descriptor: those of a wrong message are seen and closed. */
#define DESCRIPTORS 4

union room {
    struct cmsghdr header; /* for its alignment */
    char bytes[CMSG_SPACE(DESCRIPTORS * sizeof(int))];
};

int pass_send(int socket, uint8_t byte, int descriptor)
{
    struct iovec part = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    union room room = {0};
    ssize_t sent;

    if (descriptor >= 0) {
        message.msg_control = room.bytes;
        message.msg_controllen = CMSG_SPACE(sizeof(int));
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    }
    do {
        sent = sendmsg(socket, &message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

int pass_receive(int socket, uint8_t *byte, int *descriptor)
{
    uint8_t data[2];
    struct iovec part = {.iov_base = data, .iov_len = sizeof data};
    union room room;
    struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = room.bytes,
        .msg_controllen = sizeof room.bytes,
    };
    int found[DESCRIPTORS];
    size_t count = 0;
    ssize_t got;

    *descriptor = -1;
    do {
        got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    if (got <= 0) {
        return got < 0 ? -errno : 0;
    }
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header != NULL && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
        count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(found, CMSG_DATA(header), count * sizeof(int));
    }
    if (got == 1 && count <= 1 && (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0) {
        *byte = data[0];
        *descriptor = count == 1 ? found[0] : -1;
        return 1;
    }
    for (size_t i = 0; i < count; i++) {
        close(found[i]);
    }
    return -EPROTO;
}
