/* listeners: every socket that will ever listen in this enclave, opened by PID 1 and kept when a role dies. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "init/enclave.h"
#include "init/limits.h"
#include "net/relay_pool.h"
#include "net/vsock.h"

static int listen_tcp(uint32_t address, uint16_t port)
{
    struct sockaddr_in name = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(address),
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;

    if (fd < 0) {
        return -errno;
    }
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        bind(fd, (const struct sockaddr *)&name, sizeof name) < 0 || listen(fd, RELAY_BACKLOG) < 0) {
        int error = -errno;
        close(fd);
        return error;
    }
    return fd;
}

static int listen_vsock(uint32_t port, int backlog)
{
    int fd = vsock_listen(VSOCK_CID_ANY, port, backlog);
    int error = fd < 0 ? fd : vsock_set_buffer(fd, LIMITS_VSOCK_BUFFER);

    if (error < 0 && fd >= 0) {
        close(fd);
    }
    return error < 0 ? error : fd;
}

static int open_endpoints(struct enclave *enclave, struct reason *why)
{
    for (size_t i = 0; i < enclave->config.endpoint_count; i++) {
        const struct config_endpoint *endpoint = &enclave->config.endpoints[i];
        int fd = listen_tcp(endpoint->address, endpoint->port);
        if (fd < 0) {
            return reason_system(why, fd, "[endpoint %s] cannot listen on its port %u",
                text_quote_string(endpoint->label).text, endpoint->port);
        }
        enclave->relayed[i] = fd;
    }
    return 0;
}

static int open_inbound(struct enclave *enclave, struct reason *why)
{
    for (size_t i = 0; i < enclave->config.inbound_count; i++) {
        const struct config_inbound *inbound = &enclave->config.inbound[i];
        int fd = listen_vsock(inbound->vsock, RELAY_BACKLOG);
        if (fd < 0) {
            return reason_system(why, fd, "[inbound %s] cannot listen on vsock port %u",
                text_quote_string(inbound->label).text, inbound->vsock);
        }
        enclave->relayed[enclave->config.endpoint_count + i] = fd;
        if (!enclave->config.app.built_in) {
            continue; /* the user's program listens there itself */
        }
        fd = listen_tcp(inbound->address, inbound->port);
        if (fd < 0) {
            return reason_system(why, fd, "[inbound %s] cannot listen on port %u, where it leads to",
                text_quote_string(inbound->label).text, inbound->port);
        }
        enclave->inbound[i] = fd;
    }
    return 0;
}

int step_listeners(struct enclave *enclave, struct reason *said)
{
    const struct config *config = &enclave->config;
    int error;

    enclave->relayed = calloc(config->endpoint_count + config->inbound_count + 1, sizeof *enclave->relayed);
    enclave->inbound = calloc(config->inbound_count + 1, sizeof *enclave->inbound);
    if (enclave->relayed == NULL || enclave->inbound == NULL) {
        return reason_set(said, -ENOMEM, "no memory for the list of listeners");
    }
    error = open_endpoints(enclave, said);
    if (error == 0) {
        error = open_inbound(enclave, said);
    }
    if (error == 0 && config->secrets.mode == CONFIG_SECRETS_PLAIN) {
        enclave->secrets_fd = listen_vsock(config->secrets.port, ENCLAVE_PUSH_QUEUE);
        if (enclave->secrets_fd < 0) {
            error = reason_system(
                said, enclave->secrets_fd, "[secrets] cannot listen on vsock port %u", config->secrets.port);
        }
    }
    if (error == 0 && config->status.vsock != 0) {
        enclave->status_fd = listen_vsock(config->status.vsock, STATUS_QUEUE);
        if (enclave->status_fd < 0) {
            error = reason_system(
                said, enclave->status_fd, "[inbound status] cannot listen on vsock port %u", config->status.vsock);
        }
    }
    return error < 0 ? error
                     : reason_set(said, 0, "%zu endpoints, %zu inbound ports%s%s", config->endpoint_count,
                           config->inbound_count, enclave->secrets_fd >= 0 ? ", secrets" : "",
                           enclave->status_fd >= 0 ? ", status" : "");
}
