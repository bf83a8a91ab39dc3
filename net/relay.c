/* relay: carries bytes between two connected sockets until both directions are closed. */
#include "net/relay.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/vsock.h"

/* One of the two sockets. */
struct side {
    struct loop_watch watch;
    int fd;
    int family;
    uint8_t *waiting; /* bytes that it has not taken yet, [start, end); NULL while there are none */
    uint32_t start;
    uint32_t end;
    uint32_t piece; /* how much is read from it at once */
    bool ended;     /* nothing more of it goes on: it sent EOF, or there is nobody to give its bytes to */
    bool spills;    /* … nobody: they are thrown away, or it may never come to read what still waits for it */
    bool deaf;      /* takes nothing more: we sent EOF, or it is gone */
    bool hung; /* the system reported a hang-up: not watched while nothing is asked, the report would repeat for ever */
};

struct relay {
    struct loop *loop;
    const struct relay_limits *limits;
    relay_done *done;
    void *arg;
    struct side side[2];
    struct loop_timer timer;
    struct relay_traffic *traffic;
    int64_t opened;    /* loop_now() */
    int64_t last_byte; /* loop_now() */
    bool half_open;    /* one direction has ended: the timer is set for that */
    int error;         /* bytes were lost on the way: what done() will say */
};

_Static_assert(sizeof(struct relay) <= 240, "relay.h promises about 210 bytes for an idle connection");

static struct side *other(struct relay *relay, const struct side *side)
{
    return side == &relay->side[0] ? &relay->side[1] : &relay->side[0];
}

static bool is_tcp(int family)
{
    return family == AF_INET || family == AF_INET6;
}

void relay_refuse(int fd)
{
    struct linger reset = {.l_onoff = 1, .l_linger = 0};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd);
}

static void side_close(struct relay *relay, struct side *side, bool reset)
{
    loop_unwatch(relay->loop, &side->watch);
    if (reset) {
        relay_refuse(side->fd);
    } else {
        close(side->fd);
    }
    free(side->waiting);
}

static void relay_free(struct relay *relay, bool reset)
{
    side_close(relay, &relay->side[0], reset);
    side_close(relay, &relay->side[1], reset);
    loop_cancel(relay->loop, &relay->timer);
    free(relay);
}

static void finish(struct relay *relay, int error)
{
    relay_done *done = relay->done;
    void *arg = relay->arg;

    relay_free(relay, error < 0);
    done(arg, error);
}

static void forget_waiting(struct side *side)
{
    free(side->waiting);
    side->waiting = NULL;
}

/* The side takes nothing more: the other one's bytes have no reader; what this one has sent still goes on. */
static void side_deaf(struct relay *relay, struct side *side)
{
    struct side *peer = other(relay, side);

    side->deaf = true;
    peer->spills |= !peer->ended;
    peer->ended = true;
}

/* The side is gone in both directions. */
static void side_gone(struct relay *relay, struct side *side)
{
    forget_waiting(side);
    side->ended = true;
    side_deaf(relay, side);
}

/*
 * Gives size bytes to a side. Returns how many it took; less means that it is full, or deaf from now on. more: the next
 * call to the system follows at once, and TCP may put both into one packet.
 */
static size_t give(struct relay *relay, struct side *to, const uint8_t *data, size_t size, bool more)
{
    int flags = MSG_NOSIGNAL | (more ? MSG_MORE : 0);
    size_t most = to->family == AF_VSOCK ? VSOCK_WRITE_MAX : size;
    size_t given = 0;

    while (given < size) {
        size_t piece = size - given < most ? size - given : most;
        ssize_t n = send(to->fd, data + given, piece, flags);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno != EAGAIN) {
            relay->error = -errno;
            side_deaf(relay, to);
        }
        if (n < 0) {
            break;
        }
        given += (size_t)n;
        if ((size_t)n < piece) {
            break;
        }
    }
    relay->last_byte = loop_now(relay->loop);
    if (to == &relay->side[1]) {
        relay->traffic->a_to_b += given;
        return given;
    }
    if (relay->traffic->b_to_a == 0 && given > 0) {
        relay->traffic->answered = relay->last_byte;
    }
    relay->traffic->b_to_a += given;
    return given;
}

static int keep(struct side *to, const uint8_t *data, size_t size)
{
    to->waiting = malloc(size);
    if (to->waiting == NULL) {
        return -ENOMEM;
    }
    memcpy(to->waiting, data, size);
    to->start = 0;
    to->end = (uint32_t)size;
    return 0;
}

/*
 * EOF was read. Off TCP a full close can be told from a half-close: then even an empty write is refused. Without this,
 * a relay whose vsock peer has left would stay until its other side writes.
 */
static void read_end(struct relay *relay, struct side *from)
{
    from->ended = true;
    if (!is_tcp(from->family) && !from->deaf && send(from->fd, "", 0, MSG_NOSIGNAL) < 0 && errno == EPIPE) {
        side_gone(relay, from);
    }
}

static uint8_t bytes[RELAY_READ_MAX]; /* never in use across two calls: one for all relays */

/*
 * Moves what there is to read from one side to the other, at most RELAY_TURN bytes. last: the end follows, so it is
 * read in the same turn, and leaves in one packet with the bytes before it. 0, or the -errno that ends it all.
 */
static int carry(struct relay *relay, struct side *from, struct side *to, bool last)
{
    size_t moved = 0;
    ssize_t n;

    do {
        n = recv(from->fd, bytes, from->piece, 0);
        if (n < 0) {
            return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        }
        if (n == 0) {
            read_end(relay, from);
            return 0;
        }
        size_t given = give(relay, to, bytes, (size_t)n, last);
        if (given < (size_t)n && !to->deaf) {
            from->piece = RELAY_READ;
            return keep(to, bytes + given, (size_t)n - given);
        }
        moved += (size_t)n;
    } while (moved < RELAY_TURN && !from->ended && ((size_t)n == from->piece || last)); /* less: that was all */
    if (moved > from->piece && from->piece * 2 <= relay->limits->read) {
        from->piece *= 2;
    }
    return 0;
}

/* Throws away what there is to read. The same. */
static int spill(struct side *from)
{
    ssize_t n = recv(from->fd, bytes, sizeof bytes, 0);

    if (n < 0) {
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    }
    from->spills = n > 0;
    return 0;
}

static void give_waiting(struct relay *relay, struct side *to)
{
    to->start += (uint32_t)give(relay, to, to->waiting + to->start, to->end - to->start, false);
    if (to->start == to->end || to->deaf) {
        forget_waiting(to);
    }
}

/* Both sides are asked again for what the state needs: the only place that decides it. */
static int side_settle(struct relay *relay, struct side *side)
{
    struct side *peer = other(relay, side);
    unsigned events = 0;

    if (peer->ended && side->waiting == NULL && !side->deaf) {
        shutdown(side->fd, SHUT_WR);
        side->deaf = true;
    }
    if (side->spills || (!side->ended && peer->waiting == NULL)) {
        events |= LOOP_READ;
    }
    if (side->waiting != NULL) {
        events |= LOOP_WRITE;
    }
    if (events == 0 && side->hung) {
        loop_unwatch(relay->loop, &side->watch);
        return 0;
    }
    if (!side->watch.active) {
        return loop_watch(relay->loop, &side->watch, side->fd, events);
    }
    loop_change(relay->loop, &side->watch, events);
    return 0;
}

/* Milliseconds until the first of the limits ends it; INT64_MAX: none does. */
static int64_t time_left(const struct relay *relay)
{
    const struct relay_limits *limits = relay->limits;
    int64_t silence = relay->half_open && limits->half_open_ms > 0 ? limits->half_open_ms : limits->idle_ms;
    int64_t end = silence > 0 ? relay->last_byte + silence : INT64_MAX;

    if (limits->total_ms > 0 && relay->opened + limits->total_ms < end) {
        end = relay->opened + limits->total_ms;
    }
    return end == INT64_MAX ? end : end - loop_now(relay->loop);
}

/* After every event: asks for what is needed next, or ends. error: 0, or the -errno that ends it. */
static void settle(struct relay *relay, int error)
{
    struct side *a = &relay->side[0];
    struct side *b = &relay->side[1];

    if (error == 0 && a->ended && b->ended && a->waiting == NULL && b->waiting == NULL) {
        finish(relay, relay->error);
        return;
    }
    if (error == 0 && (a->ended || b->ended) && !relay->half_open && relay->limits->half_open_ms > 0) {
        relay->half_open = true;
        error = loop_after(relay->loop, &relay->timer, time_left(relay));
    }
    if (error == 0) {
        error = side_settle(relay, a);
    }
    if (error == 0) {
        error = side_settle(relay, b);
    }
    if (error < 0) {
        finish(relay, error);
    }
}

/* A hang-up of a side that is not being read. 0, or the -errno that waits on the socket: a reset. */
static int side_hangup(struct relay *relay, struct side *side)
{
    int error = 0;
    socklen_t size = sizeof error;

    if (getsockopt(side->fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error != 0) {
        return -error;
    }
    side->hung = true;
    if (side->ended) {
        side_gone(relay, side);
    }
    return 0;
}

static void ready(struct loop_watch *watch, unsigned events)
{
    struct relay *relay = watch->owner;
    struct side *side = watch == &relay->side[0].watch ? &relay->side[0] : &relay->side[1];
    struct side *peer = other(relay, side);
    int error = 0;

    if ((events & (LOOP_WRITE | LOOP_HANGUP)) && side->waiting != NULL) {
        give_waiting(relay, side);
    }
    if ((events & (LOOP_READ | LOOP_HANGUP)) && !side->ended && peer->waiting == NULL) {
        error = carry(relay, side, peer, events & LOOP_LAST);
    } else if ((events & LOOP_READ) && side->spills) {
        error = spill(side);
    } else if (events & LOOP_HANGUP) {
        error = side_hangup(relay, side);
    }
    settle(relay, error);
}

static void timer_fired(struct loop_timer *timer)
{
    struct relay *relay = timer->owner;
    int64_t left = time_left(relay);
    int error = left > 0 ? loop_after(relay->loop, &relay->timer, left) : -ETIMEDOUT;

    if (error < 0) {
        finish(relay, error);
    }
}

static void set_option(int fd, int level, int option, int value)
{
    setsockopt(fd, level, option, &value, sizeof value); /* the relay works without, only slower or larger */
}

void relay_prepare(struct relay_socket socket, const struct relay_limits *limits)
{
    if (socket.family == AF_VSOCK && limits->vsock_buffer > 0) {
        vsock_set_buffer(socket.fd, limits->vsock_buffer);
    }
    if (is_tcp(socket.family)) {
        set_option(socket.fd, IPPROTO_TCP, TCP_NODELAY, 1);
        if (limits->tcp_buffer > 0) {
            set_option(socket.fd, SOL_SOCKET, SO_SNDBUF, (int)limits->tcp_buffer);
            set_option(socket.fd, SOL_SOCKET, SO_RCVBUF, (int)limits->tcp_buffer);
        }
    }
}

static void side_init(struct relay *relay, struct side *side, struct relay_socket socket)
{
    side->fd = socket.fd;
    side->family = socket.family;
    side->piece = RELAY_READ;
    side->watch.ready = ready;
    side->watch.owner = relay;
}

int relay_open(struct relay **out, struct loop *loop, struct relay_socket a, struct relay_socket b,
    const struct relay_limits *limits, struct relay_traffic *traffic, relay_done *done, void *arg)
{
    struct relay *relay = calloc(1, sizeof *relay);
    int error = 0;

    if (relay == NULL) {
        relay_refuse(a.fd);
        relay_refuse(b.fd);
        return -ENOMEM;
    }
    relay->loop = loop;
    relay->limits = limits;
    relay->done = done;
    relay->arg = arg;
    relay->traffic = traffic;
    relay->opened = loop_now(loop);
    relay->last_byte = relay->opened;
    relay->timer.fired = timer_fired;
    relay->timer.owner = relay;
    side_init(relay, &relay->side[0], a);
    side_init(relay, &relay->side[1], b);
    if (limits->idle_ms > 0 || limits->total_ms > 0) {
        error = loop_after(loop, &relay->timer, time_left(relay));
    }
    for (size_t i = 0; i < 2 && error == 0; i++) {
        error = side_settle(relay, &relay->side[i]);
    }
    if (error < 0) {
        relay_free(relay, true);
        return error;
    }
    *out = relay;
    return 0;
}

void relay_close(struct relay *relay)
{
    if (relay != NULL) {
        relay_free(relay, true);
    }
}
