/* server: a program of one's own in an enclave: answers GET / with what it was given, by name and never by value. */

/*
 * {"greeting": "…", "variables": ["API_TOKEN", …], "files": [{"name": "client.crt", "mode": "0644", "size": 1234}, …]}
 *
 * Plain C11 and POSIX, no library. One client after the other, each with five seconds; that is enough to show:
 * - secrets are environment variables, and so are the [env] lines of enclave.ini;
 * - the identity lies in /opt/enclave/certs, the key readable by this user alone;
 * - the loopback address listened on is what `[inbound …] to =` names.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#define CERTS "/opt/enclave/certs"
#define REQUEST_MAX 8192
#define ANSWER_MAX 16384
#define CLIENT_SECONDS 5

extern char **environ;

static int listen_on(const char *address, const char *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    char *end;
    unsigned long number = strtoul(port, &end, 10);
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (inet_pton(AF_INET, address, &at.sin_addr) != 1 || *end != '\0' || number < 1 || number > 65535) {
        errno = EINVAL;
        return -1;
    }
    at.sin_port = htons((unsigned short)number);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 16) < 0) {
        return -1;
    }
    return fd;
}

struct text {
    char bytes[ANSWER_MAX];
    size_t size;
};

static void add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct text *text, const char *format, ...)
{
    size_t room = sizeof text->bytes - text->size;
    va_list args;

    va_start(args, format);
    int size = vsnprintf(text->bytes + text->size, room, format, args);
    va_end(args);
    if (size > 0) {
        text->size += (size_t)size < room ? (size_t)size : room - 1;
    }
}

/* A JSON string; what JSON does not take as it is becomes "?". */
static void add_string(struct text *text, const char *bytes, size_t size)
{
    add(text, "\"");
    for (size_t i = 0; i < size; i++) {
        int plain = bytes[i] >= 0x20 && bytes[i] < 0x7f && bytes[i] != '"' && bytes[i] != '\\';
        add(text, "%c", plain ? bytes[i] : '?');
    }
    add(text, "\"");
}

static void add_variables(struct text *text)
{
    for (char **variable = environ; *variable != NULL; variable++) {
        add(text, "%s", variable == environ ? "" : ", ");
        add_string(text, *variable, strcspn(*variable, "="));
    }
}

static void add_files(struct text *text)
{
    static const char *const names[] = {"client.crt", "client.key", "ecs-ca.crt"};
    const char *separator = "";

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[64];
        struct stat status;
        snprintf(path, sizeof path, CERTS "/%s", names[i]);
        if (stat(path, &status) == 0) {
            add(text, "%s{\"name\": \"%s\", \"mode\": \"%04o\", \"size\": %lld}", separator, names[i],
                (unsigned)status.st_mode & 07777u, (long long)status.st_size);
            separator = ", ";
        }
    }
}

static void describe(struct text *text)
{
    const char *greeting = getenv("GREETING");

    add(text, "{\"greeting\": ");
    add_string(text, greeting != NULL ? greeting : "", greeting != NULL ? strlen(greeting) : 0);
    add(text, ", \"variables\": [");
    add_variables(text);
    add(text, "], \"files\": [");
    add_files(text);
    add(text, "]}\n");
}

/* Reads until the empty line that ends a request's head. */
static int read_head(int client, char request[static REQUEST_MAX])
{
    size_t size = 0;

    do {
        ssize_t more = recv(client, request + size, REQUEST_MAX - 1 - size, 0);
        if (more <= 0) {
            return -1;
        }
        size += (size_t)more;
        request[size] = '\0';
    } while (strstr(request, "\r\n\r\n") == NULL && size < REQUEST_MAX - 1);
    return 0;
}

static void answer(int client)
{
    static char request[REQUEST_MAX];
    static struct text body;
    static struct text head;

    body.size = head.size = 0;
    if (read_head(client, request) < 0) {
        return;
    }
    if (strncmp(request, "GET / ", 6) == 0) {
        describe(&body);
        add(&head, "HTTP/1.1 200 OK\r\n");
    } else {
        add(&body, "{\"error\": \"there is only GET /\"}\n");
        add(&head, "HTTP/1.1 404 Not Found\r\n");
    }
    add(&head, "Content-Type: application/json\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", body.size);
    if (send(client, head.bytes, head.size, MSG_NOSIGNAL | MSG_MORE) == (ssize_t)head.size) {
        (void)!send(client, body.bytes, body.size, MSG_NOSIGNAL);
    }
}

int main(int argc, char **argv)
{
    struct timeval patience = {.tv_sec = CLIENT_SECONDS};

    if (argc != 3) {
        fprintf(stderr, "usage: server ADDRESS PORT\n");
        return 100;
    }
    int listener = listen_on(argv[1], argv[2]);
    if (listener < 0) {
        fprintf(stderr, "server: cannot listen on %s port %s: %s\n", argv[1], argv[2], strerror(errno));
        return 111;
    }
    fprintf(stderr, "server: listening on %s port %s\n", argv[1], argv[2]);
    for (;;) {
        int client = accept(listener, NULL, NULL);
        if (client >= 0) {
            setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
            setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
            answer(client);
            close(client);
        }
    }
}
