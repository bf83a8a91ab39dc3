/* vsock: AF_VSOCK sockets, the enclave's only link, and the limits that other kernels' faults put on them. */
#include "net/vsock.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

static int vsock_socket(void)
{
    int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return fd < 0 ? -errno : fd;
}

static struct sockaddr_vm vsock_name(uint32_t cid, uint32_t port)
{
    return (struct sockaddr_vm){.svm_family = AF_VSOCK, .svm_cid = cid, .svm_port = port};
}

int vsock_listen(uint32_t cid, uint32_t port, int backlog)
{
    struct sockaddr_vm name = vsock_name(cid, port);
    int fd = vsock_socket();

    if (fd < 0) {
        return fd;
    }
    if (bind(fd, (const struct sockaddr *)&name, sizeof name) < 0 || listen(fd, backlog) < 0) {
        int error = -errno;
        close(fd);
        return error;
    }
    return fd;
}

int vsock_connect(uint32_t cid, uint32_t port, size_t buffer)
{
    struct sockaddr_vm name = vsock_name(cid, port);
    int fd = vsock_socket();

    if (fd < 0) {
        return fd;
    }
    int error = buffer > 0 ? vsock_set_buffer(fd, buffer) : 0;
    if (error == 0 && connect(fd, (const struct sockaddr *)&name, sizeof name) < 0 && errno != EINPROGRESS) {
        error = -errno;
    }
    if (error < 0) {
        close(fd);
        return error;
    }
    return fd;
}

int vsock_peer(int fd, uint32_t *cid)
{
    struct sockaddr_vm name;
    socklen_t size = sizeof name;

    if (getpeername(fd, (struct sockaddr *)&name, &size) < 0) {
        return -errno;
    }
    if (size < sizeof name || name.svm_family != AF_VSOCK) {
        return -EAFNOSUPPORT;
    }
    *cid = name.svm_cid;
    return 0;
}

int vsock_set_buffer(int fd, size_t bytes)
{
    uint64_t size = bytes < VSOCK_BUFFER_MIN ? VSOCK_BUFFER_MIN : bytes;

    /* The maximum first: the kernel clips the size to it. */
    if (setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_BUFFER_MAX_SIZE, &size, sizeof size) < 0 ||
        setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_BUFFER_SIZE, &size, sizeof size) < 0) {
        return -errno;
    }
    return 0;
}
