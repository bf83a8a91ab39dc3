/* connect: reaches an address on the loop: names resolved, every address of a name tried, the hybrid line exchanged. */
#include "net/connect.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/text.h"
#include "net/resolve.h"
#include "net/vsock.h"

#define GREETING_SIZE 32 /* `OK 4294967295\n` and some room */

struct connect {
    struct loop *loop;
    struct address address;
    size_t vsock_buffer;
    int64_t deadline;
    connect_done *done;
    void *arg;
    struct names *names; /* NULL: names don't resolve */
    bool speaks_first;
    struct names_wait *wait;
    bool remembered;         /* the addresses are of an earlier lookup */
    struct loop_watch watch; /* active while connecting, and while waiting for the hybrid line */
    struct loop_timer timer; /* the attempt's end, the next try, or (over) the call back */
    int fd;
    bool starting; /* inside connect_start() */
    bool over;     /* only done() is left to call, with fd or error */
    int error;
    struct reason why;
    union resolve_address addresses[RESOLVE_ADDRESSES_MAX]; /* tcp */
    size_t address_count;
    size_t tried;
    int64_t retry_until; /* unix, hybrid: of a full backlog */
    char greeting[GREETING_SIZE];
    size_t greeting_size;
};

static void try_next(struct connect *attempt, int error);
static int look_up_again(struct connect *attempt);

static void drop_socket(struct connect *attempt)
{
    loop_unwatch(attempt->loop, &attempt->watch);
    if (attempt->fd >= 0) {
        close(attempt->fd);
        attempt->fd = -1;
    }
}

static void forget_lookup(struct connect *attempt)
{
    names_cancel(attempt->names, attempt->wait);
    attempt->wait = NULL;
}

static void connect_free(struct connect *attempt)
{
    forget_lookup(attempt);
    loop_cancel(attempt->loop, &attempt->timer);
    free(attempt);
}

static void deliver(struct connect *attempt)
{
    connect_done *done = attempt->done;
    void *arg = attempt->arg;
    int result = attempt->error < 0 ? attempt->error : attempt->fd;
    struct reason why = attempt->why;

    connect_free(attempt);
    done(arg, result, result < 0 ? &why : NULL);
}

/* The last step. From inside connect_start() it waits for the next turn: the caller has no handle yet. */
static void end(struct connect *attempt, int error)
{
    loop_unwatch(attempt->loop, &attempt->watch);
    if (error < 0) {
        drop_socket(attempt);
        if (attempt->why.text[0] == '\0') {
            char text[ADDRESS_TEXT_SIZE];
            address_print(&attempt->address, text);
            reason_system(&attempt->why, error, "can't connect to %s", text_quote_string(text).text);
        }
    }
    attempt->error = error;
    if (attempt->starting) {
        attempt->over = true;
        loop_after(attempt->loop, &attempt->timer, 0); /* a move: it is set */
    } else {
        deliver(attempt);
    }
}

/* Reads the hybrid line up to its newline and not one byte more: what follows belongs to the connection. */
static void read_greeting(struct connect *attempt)
{
    char *line = attempt->greeting;
    size_t size = attempt->greeting_size;
    ssize_t n = recv(attempt->fd, line + size, GREETING_SIZE - size, MSG_PEEK);

    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n <= 0) {
        reason_set(&attempt->why, -ECONNREFUSED, "%s refused port %u: nothing listens there, or the enclave is not up",
            text_quote_string(attempt->address.name).text, attempt->address.port);
        end(attempt, -ECONNREFUSED);
        return;
    }
    const char *newline = memchr(line + size, '\n', (size_t)n);
    size_t take = newline != NULL ? (size_t)(newline - (line + size)) + 1 : (size_t)n;
    if (recv(attempt->fd, line + size, take, 0) != (ssize_t)take) {
        end(attempt, -EIO);
        return;
    }
    attempt->greeting_size = size + take;
    if (newline == NULL && attempt->greeting_size < GREETING_SIZE) {
        return;
    }
    uint64_t number;
    line[attempt->greeting_size - 1] = '\0';
    if (newline == NULL || strncmp(line, "OK ", 3) != 0 || !text_number(line + 3, 0, UINT32_MAX, &number)) {
        reason_set(&attempt->why, -EPROTO, "%s answered %s where `OK NUMBER` belongs: is it a hybrid vsock socket?",
            text_quote_string(attempt->address.name).text, text_quote(line, attempt->greeting_size - 1).text);
        end(attempt, -EPROTO);
        return;
    }
    end(attempt, 0);
}

static void connected(struct connect *attempt)
{
    char line[GREETING_SIZE];
    int size;

    if (attempt->address.form != ADDRESS_HYBRID) {
        end(attempt, 0);
        return;
    }
    size = snprintf(line, sizeof line, "CONNECT %u\n", attempt->address.port);
    if (send(attempt->fd, line, (size_t)size, MSG_NOSIGNAL) != size) { /* an empty socket buffer takes it whole */
        end(attempt, -ECONNREFUSED);
        return;
    }
    int error = loop_watch(attempt->loop, &attempt->watch, attempt->fd, LOOP_READ);
    if (error == 0) {
        error = loop_after(attempt->loop, &attempt->timer, attempt->deadline - loop_now(attempt->loop));
    }
    if (error < 0) {
        end(attempt, error);
    }
}

static void ready(struct loop_watch *watch, unsigned events)
{
    struct connect *attempt = watch->owner;
    int error = 0;
    socklen_t size = sizeof error;

    if (attempt->watch.events == LOOP_READ) {
        read_greeting(attempt);
        return;
    }
    if (getsockopt(attempt->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0) {
        error = errno;
    }
    if (error != 0) {
        try_next(attempt, -error);
    } else if (events & (LOOP_WRITE | LOOP_READ)) {
        connected(attempt);
    } else {
        try_next(attempt, -ECONNREFUSED);
    }
}

/* Watches a socket that is being connected for at most milliseconds; fd may be the -errno of its start. 0 or -errno. */
static int wait_connected(struct connect *attempt, int fd, int64_t milliseconds)
{
    /* AF_VSOCK: accepted and reset before we look, it is readable (its end) and never writable. */
    unsigned events = attempt->address.form == ADDRESS_VSOCK ? LOOP_READ | LOOP_WRITE : LOOP_WRITE;
    int error = fd < 0 ? fd : loop_watch(attempt->loop, &attempt->watch, fd, events);

    attempt->fd = fd;
    return error < 0 ? error : loop_after(attempt->loop, &attempt->timer, milliseconds);
}

/*
 * A socket that is connecting, or the -errno of its start. To this machine itself the handshake is over when connect()
 * returns, which only a second call tells (EALREADY: not over): that spares a turn of the loop.
 */
static int start_tcp(const union resolve_address *address, bool speaks_first, bool *established)
{
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    socklen_t size = address->any.sa_family == AF_INET6 ? sizeof address->v6 : sizeof address->v4;
    const int off = 0;

    if (fd < 0) {
        return -errno;
    }
    if (speaks_first) { /* of the handshake only: at its end the kernel returns to its usual ways by itself */
        setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof off);
    }
    *established =
        connect(fd, &address->any, size) == 0 || (errno == EINPROGRESS && connect(fd, &address->any, size) == 0);
    if (!*established && errno != EALREADY) {
        int error = -errno;
        close(fd);
        return error;
    }
    return fd;
}

/* Goes on with the next address that can be tried; error says what became of the one before. */
static void try_next(struct connect *attempt, int error)
{
    drop_socket(attempt);
    while (attempt->tried < attempt->address_count) {
        int64_t left = attempt->deadline - loop_now(attempt->loop);
        int64_t share = left / (int64_t)(attempt->address_count - attempt->tried + attempt->remembered);
        if (share <= 0) {
            error = -ETIMEDOUT;
            break;
        }
        bool established = false;
        int fd = start_tcp(&attempt->addresses[attempt->tried++], attempt->speaks_first, &established);
        if (established) {
            attempt->fd = fd;
            connected(attempt);
            return;
        }
        error = wait_connected(attempt, fd, share);
        if (error == 0) {
            return;
        }
        drop_socket(attempt);
    }
    if (attempt->remembered && loop_now(attempt->loop) < attempt->deadline) {
        error = look_up_again(attempt);
        if (error == 0) {
            return;
        }
    }
    end(attempt, error);
}

static void resolved(void *arg, const union resolve_address *addresses, size_t count, const struct reason *why)
{
    struct connect *attempt = arg;

    attempt->wait = NULL;
    if (count == 0) {
        attempt->why = *why;
        end(attempt, -ENOENT);
        return;
    }
    memcpy(attempt->addresses, addresses, count * sizeof addresses[0]);
    attempt->address_count = count;
    attempt->tried = 0;
    try_next(attempt, 0);
}

/* The remembered addresses did not answer; a share of the time was kept for this. 0 or -errno. */
static int look_up_again(struct connect *attempt)
{
    const struct address *address = &attempt->address;

    attempt->remembered = false;
    names_forget(attempt->names, address->name);
    int error = names_wait(&attempt->wait, attempt->names, address->name, (uint16_t)address->port, resolved, attempt);
    return error < 0 ? error : loop_after(attempt->loop, &attempt->timer, attempt->deadline - loop_now(attempt->loop));
}

/* 0 or the -errno of the lookup's start. */
static int begin_tcp(struct connect *attempt)
{
    const char *host = attempt->address.name;
    uint16_t port = (uint16_t)attempt->address.port;

    if (resolve_literal(host, port, &attempt->addresses[0]) != 0) {
        attempt->address_count = 1;
    } else if (attempt->names == NULL) {
        return reason_set(&attempt->why, -ENOENT, "failed to resolve hostname %s: only addresses are reached from here",
            text_quote_string(host).text);
    } else {
        attempt->address_count = names_find(attempt->names, host, port, attempt->addresses);
        attempt->remembered = attempt->address_count > 0;
    }
    if (attempt->address_count == 0) {
        return names_wait(&attempt->wait, attempt->names, host, port, resolved, attempt);
    }
    try_next(attempt, 0);
    return 0;
}

static int start_unix(const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return -errno;
    }
    memcpy(name.sun_path, path, strnlen(path, ADDRESS_PATH_MAX));
    if (connect(fd, (const struct sockaddr *)&name, sizeof name) < 0) {
        int error = -errno;
        close(fd);
        return error;
    }
    return fd;
}

static void try_unix(struct connect *attempt)
{
    int fd = start_unix(attempt->address.name);

    if (fd == -EAGAIN) {
        fd = loop_now(attempt->loop) >= attempt->retry_until
                 ? -ETIMEDOUT
                 : loop_after(attempt->loop, &attempt->timer, CONNECT_RETRY_MS);
        if (fd == 0) {
            return;
        }
    }
    attempt->fd = fd < 0 ? -1 : fd;
    if (fd < 0) {
        end(attempt, fd);
    } else {
        connected(attempt);
    }
}

static void timer_fired(struct loop_timer *timer)
{
    struct connect *attempt = timer->owner;

    if (attempt->over) {
        deliver(attempt);
    } else if (attempt->watch.active && attempt->watch.events == LOOP_WRITE) {
        try_next(attempt, -ETIMEDOUT);
    } else if (attempt->watch.active || attempt->wait != NULL) {
        forget_lookup(attempt);
        end(attempt, -ETIMEDOUT);
    } else {
        try_unix(attempt);
    }
}

/* Takes the first step. What fails here is told through done() as well. */
static void begin(struct connect *attempt)
{
    const struct address *address = &attempt->address;
    int error = 0;

    switch (address->form) {
    case ADDRESS_VSOCK:
        error = wait_connected(attempt, vsock_connect(address->cid, address->port, attempt->vsock_buffer),
            attempt->deadline - loop_now(attempt->loop));
        break;
    case ADDRESS_TCP:
        error = begin_tcp(attempt);
        break;
    case ADDRESS_UNIX:
    case ADDRESS_HYBRID:
        try_unix(attempt);
        break;
    }
    if (error < 0) {
        end(attempt, error);
    }
}

int connect_start(struct connect **out, struct loop *loop, const struct address *address, int64_t milliseconds,
    const struct connect_options *options, connect_done *done, void *arg)
{
    struct connect *attempt = calloc(1, sizeof *attempt);

    if (attempt == NULL) {
        return -ENOMEM;
    }
    attempt->loop = loop;
    attempt->names = options->names;
    attempt->speaks_first = options->speaks_first;
    attempt->vsock_buffer = options->vsock_buffer;
    attempt->address = *address;
    attempt->deadline = loop_now(loop) + milliseconds;
    attempt->retry_until = loop_now(loop) + (milliseconds < CONNECT_RETRY_FOR_MS ? milliseconds : CONNECT_RETRY_FOR_MS);
    attempt->done = done;
    attempt->arg = arg;
    attempt->fd = -1;
    attempt->watch.ready = ready;
    attempt->watch.owner = attempt;
    attempt->timer.fired = timer_fired;
    attempt->timer.owner = attempt;
    if (loop_after(loop, &attempt->timer, milliseconds) < 0) { /* from here on the timer is only moved: no failure */
        free(attempt);
        return -ENOMEM;
    }
    attempt->starting = true;
    begin(attempt);
    attempt->starting = false;
    *out = attempt;
    return 0;
}

void connect_cancel(struct connect *attempt)
{
    if (attempt != NULL) {
        drop_socket(attempt);
        connect_free(attempt);
    }
}
