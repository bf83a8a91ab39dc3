/* address: where to listen or connect, written as text: vsock:CID:PORT, tcp:HOST:PORT, unix:PATH, hybrid:PATH:PORT. */
#include "net/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/text.h"
#include "net/resolve.h"
#include "net/vsock.h"

#define FORMS "vsock:CID:PORT, tcp:HOST:PORT, unix:PATH or hybrid:PATH:PORT"

static const struct {
    const char *prefix;
    uint64_t port_max; /* 0: the form has no port */
    size_t name_max;
} forms[] = {
    [ADDRESS_VSOCK] = {"vsock:", UINT32_MAX - 1, sizeof "4294967295" - 1},
    [ADDRESS_TCP] = {"tcp:", UINT16_MAX, ADDRESS_HOST_MAX + 2},
    [ADDRESS_UNIX] = {"unix:", 0, ADDRESS_PATH_MAX},
    [ADDRESS_HYBRID] = {"hybrid:", UINT32_MAX - 1, ADDRESS_PATH_MAX},
};
#define FORM_COUNT (sizeof forms / sizeof forms[0])

_Static_assert(ADDRESS_PATH_MAX + 1 == sizeof((struct sockaddr_un *)0)->sun_path, "a path and its NUL fill sun_path");

static int refused(struct reason *why, const char *text, const char *what)
{
    return reason_set(why, -EINVAL, "%s is not an address: %s", text_quote_string(text).text, what);
}

static bool cid_read(struct address *address)
{
    uint64_t cid = VSOCK_CID_ANY;

    if (strcmp(address->name, "any") != 0 && !text_number(address->name, 0, UINT32_MAX - 1, &cid)) {
        return false;
    }
    address->cid = (uint32_t)cid;
    address->name[0] = '\0';
    return true;
}

/* Takes the brackets off an IPv6 address; a name must look like one, so that a typing error is not looked up. */
static bool host_read(char *host)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_";
    size_t size = strlen(host);
    struct in6_addr v6;

    if (host[0] == '[' && host[size - 1] == ']') {
        host[size - 1] = '\0';
        memmove(host, host + 1, size - 1);
        return inet_pton(AF_INET6, host, &v6) == 1;
    }
    return size > 0 && strspn(host, allowed) == size;
}

/* Reads what stands behind the form's prefix: NAME:PORT, or a path alone. */
static int parse_rest(struct address *address, const char *text, const char *rest, struct reason *why)
{
    const char *colon = strrchr(rest, ':');
    size_t size = strlen(rest);
    uint64_t port = 0;

    if (forms[address->form].port_max != 0) {
        if (colon == NULL || !text_number(colon + 1, 0, forms[address->form].port_max, &port)) {
            return refused(why, text, "it must end in `:` and a port number");
        }
        size = (size_t)(colon - rest);
    }
    if (size == 0) {
        return refused(why, text, "nothing stands before the port; the forms are " FORMS);
    }
    char name[ADDRESS_HOST_MAX + 3]; /* with brackets */
    if (size > forms[address->form].name_max) {
        return reason_set(why, -EINVAL, "%s is not an address: the part behind `%s` has %zu bytes, at most %zu fit",
            text_quote_string(text).text, forms[address->form].prefix, size, forms[address->form].name_max);
    }
    memcpy(name, rest, size);
    name[size] = '\0';
    if (address->form == ADDRESS_TCP && !host_read(name)) {
        return refused(why, text, "the host must be a name, an IPv4 address, or an IPv6 address in [brackets]");
    }
    if (strlen(name) > ADDRESS_HOST_MAX) {
        return refused(why, text, "the host is longer than 253 bytes");
    }
    memcpy(address->name, name, strlen(name) + 1);
    if (address->form == ADDRESS_VSOCK && !cid_read(address)) {
        return refused(why, text, "the CID must be a number or `any`");
    }
    address->port = (uint32_t)port;
    return 0;
}

int address_parse(struct address *address, const char *text, struct reason *why)
{
    memset(address, 0, sizeof *address);
    for (size_t i = 0; i < FORM_COUNT; i++) {
        size_t size = strlen(forms[i].prefix);
        if (strncmp(text, forms[i].prefix, size) == 0) {
            address->form = (enum address_form)i;
            return parse_rest(address, text, text + size, why);
        }
    }
    return refused(why, text, "write " FORMS);
}

int address_parse_host(struct address *address, const char *text, struct reason *why)
{
    for (size_t i = 0; i < FORM_COUNT; i++) {
        if (strncmp(text, forms[i].prefix, strlen(forms[i].prefix)) == 0) {
            return address_parse(address, text, why);
        }
    }
    memset(address, 0, sizeof *address);
    address->form = ADDRESS_TCP;
    return parse_rest(address, text, text, why);
}

const char *address_print(const struct address *address, char text[static ADDRESS_TEXT_SIZE])
{
    const char *prefix = forms[address->form].prefix;
    bool v6 = address->form == ADDRESS_TCP && strchr(address->name, ':') != NULL;

    if (address->form == ADDRESS_VSOCK && address->cid == VSOCK_CID_ANY) {
        snprintf(text, ADDRESS_TEXT_SIZE, "%sany:%u", prefix, address->port);
    } else if (address->form == ADDRESS_VSOCK) {
        snprintf(text, ADDRESS_TEXT_SIZE, "%s%u:%u", prefix, address->cid, address->port);
    } else if (address->form == ADDRESS_UNIX) {
        snprintf(text, ADDRESS_TEXT_SIZE, "%s%s", prefix, address->name);
    } else {
        snprintf(text, ADDRESS_TEXT_SIZE, v6 ? "%s[%s]:%u" : "%s%s:%u", prefix, address->name, address->port);
    }
    return text;
}

static int stream_socket(int family)
{
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return fd < 0 ? -errno : fd;
}

static int bind_and_listen(int fd, const void *name, size_t size, int backlog)
{
    if (bind(fd, name, (socklen_t)size) < 0 || listen(fd, backlog) < 0) {
        int error = -errno;
        close(fd);
        return error;
    }
    return fd;
}

static int listen_tcp(const struct address *address, int backlog, struct reason *why)
{
    union resolve_address name;
    int family = resolve_literal(address->name, (uint16_t)address->port, &name);
    int fd = family == 0 ? -EINVAL : stream_socket(family);
    int on = 1;

    if (family == 0) {
        return reason_set(why, fd, "can't listen on %s: write an address of this machine in numbers, as 127.0.0.1",
            text_quote_string(address->name).text);
    }
    if (fd < 0) {
        return fd;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    }
    return bind_and_listen(fd, &name, family == AF_INET6 ? sizeof name.v6 : sizeof name.v4, backlog);
}

/* Removes a socket file that nobody listens on. 0 where the path is free now. */
static int remove_stale(const struct sockaddr_un *name)
{
    struct stat status;

    if (lstat(name->sun_path, &status) < 0) {
        return errno == ENOENT ? 0 : -errno;
    }
    if (!S_ISSOCK(status.st_mode)) {
        return -EEXIST;
    }
    int fd = stream_socket(AF_UNIX);
    if (fd < 0) {
        return fd;
    }
    int error = connect(fd, (const struct sockaddr *)name, sizeof *name) < 0 ? errno : 0;
    close(fd);
    if (error != ECONNREFUSED) {
        return -EADDRINUSE;
    }
    return unlink(name->sun_path) < 0 ? -errno : 0;
}

static int listen_unix(const struct address *address, int backlog)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int error;

    memcpy(name.sun_path, address->name, strlen(address->name) + 1);
    error = remove_stale(&name);
    if (error < 0) {
        return error;
    }
    int fd = stream_socket(AF_UNIX);
    if (fd >= 0 && fchmod(fd, 0600) < 0) { /* what bind() gives the file: never a moment at which others may connect */
        error = -errno;
        close(fd);
        return error;
    }
    return fd < 0 ? fd : bind_and_listen(fd, &name, sizeof name, backlog);
}

static const char *listen_advice(const struct address *address, int error)
{
    if (error == -EADDRINUSE) {
        return " (another program listens there: end it, or choose another)";
    }
    if (error == -EEXIST) {
        return " (a file that is no socket is in the way: remove it)";
    }
    if (address->form == ADDRESS_VSOCK && (error == -EPERM || error == -EAFNOSUPPORT || error == -ENODEV)) {
        return " (is this an EC2 parent with vsock? here, use --vsock FOLDER)";
    }
    return "";
}

int address_listen(const struct address *address, int backlog, struct reason *why)
{
    char text[ADDRESS_TEXT_SIZE];
    struct reason own = {""};
    int fd = -EINVAL;

    switch (address->form) {
    case ADDRESS_VSOCK:
        fd = vsock_listen(address->cid, address->port, backlog);
        break;
    case ADDRESS_TCP:
        fd = listen_tcp(address, backlog, &own);
        break;
    case ADDRESS_UNIX:
        fd = listen_unix(address, backlog);
        break;
    case ADDRESS_HYBRID:
        return reason_set(why, fd, "can't listen on %s: hybrid addresses are for connecting; write unix:PATH",
            text_quote_string(address_print(address, text)).text);
    }
    if (fd < 0 && own.text[0] != '\0') {
        return reason_set(why, fd, "%s", own.text);
    }
    if (fd < 0) {
        address_print(address, text);
        return reason_system(why, fd, "can't listen on %s%s", text_quote_string(text).text, listen_advice(address, fd));
    }
    return fd;
}

void address_remove(const struct address *address)
{
    if (address->form == ADDRESS_UNIX) {
        unlink(address->name);
    }
}
