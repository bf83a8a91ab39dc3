/* vsock_by_tcp: net/vsock for machines without AF_VSOCK: CID n is 127.X.Y.n, so that peers have CIDs that can be told.
 */
#include "net/vsock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * Linked in the place of net/vsock.o: everything above it is the product's own. VSOCK_BY_TCP is 127.X.Y.0, a network of
 * its own for each test; who connects from 127.X.Y.16 is CID 16.
 */
static struct sockaddr_in name_of(uint32_t cid, uint32_t port)
{
    const char *network = getenv("VSOCK_BY_TCP");
    in_addr_t base = inet_addr(network != NULL ? network : "127.0.0.0");

    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(ntohl(base) + cid)};
}

static int stream(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    return fd < 0 ? -errno : fd;
}

int vsock_listen(uint32_t cid, uint32_t port, int backlog)
{
    struct sockaddr_in name = name_of(cid == VSOCK_CID_ANY ? VSOCK_CID_PARENT : cid, port);
    int fd = stream();

    if (fd < 0) {
        return fd;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(fd, (const struct sockaddr *)&name, sizeof name) < 0 || listen(fd, backlog) < 0) {
        int error = -errno;
        close(fd);
        return error;
    }
    return fd;
}

int vsock_connect(uint32_t cid, uint32_t port, size_t buffer)
{
    struct sockaddr_in name = name_of(cid, port);
    int fd = stream();

    (void)buffer;
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&name, sizeof name) < 0 && errno != EINPROGRESS) {
        int error = -errno;
        close(fd);
        return error;
    }
    return fd;
}

int vsock_peer(int fd, uint32_t *cid)
{
    struct sockaddr_in name;
    socklen_t size = sizeof name;

    if (getpeername(fd, (struct sockaddr *)&name, &size) < 0) {
        return -errno;
    }
    *cid = ntohl(name.sin_addr.s_addr) & 0xff;
    return name.sin_family == AF_INET ? 0 : -EAFNOSUPPORT;
}

int vsock_set_buffer(int fd, size_t bytes)
{
    (void)fd;
    (void)bytes;
    return 0;
}
