/* stream: the bytes of one connection through TLS, as net/stream.h has them. */
#include "tls/stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/loop.h"

/* Whoever sends nothing but empty records must not keep all others waiting. */
#define RECEIVES_PER_TURN 64

struct tls_stream {
    struct stream stream; /* must be first */
    struct tls_session *session;
    bool unsent; /* the socket takes no more just now */
    bool deaf;   /* the other side takes no more at all: what it has said is still read */
    bool heard;
    void *owner;
    void (*closed)(void *owner);
};

static struct tls_stream *of(struct stream *stream)
{
    return (struct tls_stream *)(void *)stream;
}

/* ---- between the session and the socket ---- */

/* more: MSG_MORE where something follows at once, so that the socket may fill its packets, or 0. */
static void send_records(struct tls_stream *tls, int more)
{
    size_t size;
    const uint8_t *data = tls_session_send(tls->session, &size);
    ssize_t sent = tls->deaf ? (ssize_t)size : send(tls->stream.fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT | more);

    if (sent >= 0) {
        tls_session_sent(tls->session, (size_t)sent);
    } else if (errno == EAGAIN || errno == EINTR) {
        tls->unsent = true;
    } else {
        tls->deaf = true;
    }
}

/* Sends what waits, as far as the socket takes it. The state then. */
static unsigned send_waiting(struct tls_stream *tls, int more)
{
    tls->unsent = false;
    while ((tls_session_state(tls->session) & TLS_SEND) && !tls->unsent) {
        send_records(tls, more);
    }
    return tls_session_state(tls->session);
}

/* One recv(2). 0: the session has got something, be it the end; -EAGAIN. */
static int receive_records(struct tls_stream *tls)
{
    size_t room;
    uint8_t *to = tls_session_receive(tls->session, &room);

    if (to == NULL) {
        return -EAGAIN;
    }
    ssize_t size = recv(tls->stream.fd, to, room, MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
        return -EAGAIN;
    }
    if (size > 0) {
        tls->heard = true;
        tls_session_received(tls->session, (size_t)size);
    } else {
        tls_session_end(tls->session);
    }
    return 0;
}

/* Moves records both ways until the state has one of the flags. 1: it has; 0: a good end; -EAGAIN; -EPROTO. */
static int pump(struct tls_stream *tls, unsigned flags)
{
    for (int receives = 0;; receives++) {
        unsigned state = send_waiting(tls, 0);

        if (state & flags) {
            return 1;
        }
        if (state & TLS_CLOSED) {
            return tls_session_error(tls->session, NULL) == 0 ? 0 : -EPROTO;
        }
        if (receives == RECEIVES_PER_TURN || receive_records(tls) < 0) {
            return -EAGAIN;
        }
    }
}

/* ---- the class ---- */

static int tls_start(struct stream *stream)
{
    struct tls_stream *tls = of(stream);
    int done = tls_session_established(tls->session) ? 1 : pump(tls, TLS_WRITE | TLS_READ);

    return done == 0 ? -EPROTO : done < 0 ? done : 0;
}

static ssize_t tls_read(struct stream *stream, void *to, size_t size)
{
    struct tls_stream *tls = of(stream);
    int ready = pump(tls, TLS_READ);
    size_t waiting;

    if (ready <= 0) {
        return ready;
    }
    const uint8_t *data = tls_session_read(tls->session, &waiting);
    size = size < waiting ? size : waiting;
    memcpy(to, data, size);
    tls_session_consumed(tls->session, size);
    return (ssize_t)size;
}

/* How many bytes there was room for. A full record stays until more follow, or the flush: then the socket is told
 * which. */
static size_t put(struct tls_stream *tls, const uint8_t *data, size_t size)
{
    size_t at = 0;

    while (at < size) {
        size_t room;
        (void)send_waiting(tls, MSG_MORE);
        uint8_t *to = tls_session_write(tls->session, &room);
        if (to == NULL) {
            break;
        }
        room = room < size - at ? room : size - at;
        memcpy(to, data + at, room);
        tls_session_written(tls->session, room);
        at += room;
    }
    return at;
}

static ssize_t tls_write(struct stream *stream, const struct iovec *parts, int count)
{
    struct tls_stream *tls = of(stream);
    ssize_t taken = 0;
    bool whole = true;

    for (int i = 0; i < count && whole; i++) {
        size_t size = put(tls, parts[i].iov_base, parts[i].iov_len);
        whole = size == parts[i].iov_len;
        taken += (ssize_t)size;
    }
    if (taken > 0 || whole) {
        return taken;
    }
    return tls_session_state(tls->session) & TLS_CLOSED || tls->deaf ? -EPIPE : -EAGAIN;
}

static int tls_flush(struct stream *stream)
{
    struct tls_stream *tls = of(stream);

    tls_session_flush(tls->session);
    unsigned state = send_waiting(tls, 0);
    if (tls->deaf || (state & TLS_CLOSED)) {
        return -EPIPE;
    }
    return state & TLS_SEND ? -EAGAIN : 0;
}

static int tls_peek(struct stream *stream)
{
    return pump(of(stream), TLS_READ);
}

static bool tls_waiting(const struct stream *stream)
{
    const struct tls_stream *tls = (const struct tls_stream *)(const void *)stream;

    return (tls_session_state(tls->session) & (TLS_READ | TLS_CLOSED)) != 0;
}

static unsigned tls_events(const struct stream *stream, unsigned wanted)
{
    const struct tls_stream *tls = (const struct tls_stream *)(const void *)stream;
    unsigned state = tls_session_state(tls->session);
    unsigned events = tls->unsent ? LOOP_WRITE : 0;

    if ((wanted & LOOP_READ) && (state & TLS_RECEIVE)) {
        events |= LOOP_READ;
    }
    if (wanted & LOOP_WRITE) { /* in the handshake it is the other side that is waited for */
        events |= state & (TLS_WRITE | TLS_SEND | TLS_CLOSED) ? LOOP_WRITE : LOOP_READ;
    }
    return events;
}

static void tls_shutdown(struct stream *stream)
{
    struct tls_stream *tls = of(stream);

    tls_session_close(tls->session);
    (void)send_waiting(tls, 0);
    shutdown(stream->fd, SHUT_WR);
}

static void tls_close(struct stream *stream)
{
    struct tls_stream *tls = of(stream);

    close(stream->fd);
    tls_session_destroy(tls->session);
    if (tls->closed != NULL) {
        tls->closed(tls->owner);
    }
    free(tls);
}

static const struct stream_class tls_class = {
    .start = tls_start,
    .read = tls_read,
    .write = tls_write,
    .flush = tls_flush,
    .peek = tls_peek,
    .waiting = tls_waiting,
    .events = tls_events,
    .shutdown = tls_shutdown,
    .close = tls_close,
};

/*
 * Records are whole when they are sent: none waits for the other side to acknowledge the one before (Nagle's way).
 * Setting that fails on what is not TCP, where nothing waits.
 */
static struct tls_stream *create(int fd, struct reason *why)
{
    static const int on = 1;
    struct tls_stream *tls = calloc(1, sizeof *tls);

    if (tls == NULL || tls_session_create(&tls->session) < 0) {
        free(tls);
        reason_set(why, -ENOMEM, "no memory is left for another TLS session");
        return NULL;
    }
    tls->stream = (struct stream){&tls_class, fd};
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return tls;
}

static int started(struct tls_stream *tls, int error, struct stream **stream)
{
    if (error < 0) {
        tls_session_destroy(tls->session);
        free(tls);
        return error;
    }
    *stream = &tls->stream;
    return 0;
}

int tls_stream_accept(struct stream **stream, int fd, const struct tls_server *server, struct reason *why)
{
    struct tls_stream *tls = create(fd, why);

    return tls == NULL ? -ENOMEM : started(tls, tls_session_start_server(tls->session, server, why), stream);
}

int tls_stream_connect(struct stream **stream, int fd, const struct tls_client *client, struct reason *why)
{
    struct tls_stream *tls = create(fd, why);

    return tls == NULL ? -ENOMEM : started(tls, tls_session_start_client(tls->session, client, why), stream);
}

void tls_stream_own(struct stream *stream, void *owner, void (*closed)(void *owner))
{
    struct tls_stream *tls = of(stream);

    tls->owner = owner;
    tls->closed = closed;
}

void *tls_stream_owner(const struct stream *stream)
{
    return stream->class == &tls_class ? ((const struct tls_stream *)(const void *)stream)->owner : NULL;
}

const struct tls_session *tls_stream_session(const struct stream *stream)
{
    return ((const struct tls_stream *)(const void *)stream)->session;
}

bool tls_stream_heard(const struct stream *stream)
{
    return ((const struct tls_stream *)(const void *)stream)->heard;
}
