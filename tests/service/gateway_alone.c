/* gateway_alone: the gateway as a program of its own, with no enclave around it, for tests that stand on both sides of
 * it.
 *
 *   gateway_alone ENCLAVE.INI    until its parent ends; the services' names lead to 127.0.0.64 …, as inside
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "app/gateway.h"
#include "base/file.h"

#define INI_MAX 65536

static int listen_at(const struct config_inbound *inbound)
{
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(inbound->address), .sin_port = htons(inbound->port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    return bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 1024) == 0 ? fd : -1;
}

static int serve(const struct config *config, struct reason *why)
{
    int listeners[CONFIG_INBOUND_MAX];
    int control[2];

    for (size_t i = 0; i < config->inbound_count; i++) {
        listeners[i] = listen_at(&config->inbound[i]);
        if (listeners[i] < 0) {
            return reason_set(why, -1, "cannot listen for [inbound %s]", config->inbound[i].label);
        }
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0) {
        return reason_set(why, -1, "cannot make a socket");
    }
    return gateway_run(&(struct app_start){.config = config, .control = control[1], .listeners = listeners}, why);
}

int main(int argc, char **argv)
{
    struct config config;
    struct config_report report;
    struct reason why;
    char *text;
    size_t size;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (argc != 2 || file_read(argv[1], INI_MAX, &text, &size, &why) < 0) {
        fprintf(stderr, "gateway_alone: ENCLAVE.INI: %s\n", argc == 2 ? why.text : "which?");
        return 100;
    }
    int error = config_parse(&config, argv[1], text, size, &report);
    for (size_t i = 0; i < report.error_count; i++) {
        fprintf(stderr, "%s\n", report.errors[i]);
    }
    if (error == 0 && serve(&config, &why) < 0) {
        fprintf(stderr, "%s\n", why.text);
        error = -1;
    }
    return error == 0 ? 0 : 111;
}
