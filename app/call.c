/* call: one HTTPS request to an endpoint at its loopback address, and the whole response. */
#include "app/call.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "app/say.h"

#define RECEIVES_PER_TURN 16 /* then others have their turn */

struct call {
    struct loop *loop;
    struct loop_watch watch;
    struct loop_timer timer;
    struct tls_session *session;
    struct http_buffer request;
    size_t written; /* of the request, into the session */
    struct http_reader reader;
    const char *name;
    int64_t milliseconds;
    int fd; /* -1: none */
    bool connected;
    bool heard;    /* some bytes have come from the other side */
    bool unsent;   /* the socket takes no more just now */
    bool deaf;     /* the other side takes no more at all: what it has said is still read */
    bool ended;    /* the transport has */
    bool reported; /* the session has had its line */
    bool finished; /* result says how */
    struct call_result result;
    call_done *done;
    void *arg;
};

static void finish(struct call *call, enum call_outcome outcome)
{
    if (!call->finished) {
        call->finished = true;
        call->result.outcome = outcome;
        call->result.reader = outcome == CALL_ANSWERED ? &call->reader : NULL;
    }
}

static void fail_transport(struct call *call, const char *what, int error)
{
    if (call->finished) {
        return;
    }
    reason_system(&call->result.why, error, "%s", what);
    finish(call, call->heard ? CALL_BROKEN : CALL_UNREACHED);
}

static void release(struct call *call)
{
    loop_cancel(call->loop, &call->timer);
    loop_unwatch(call->loop, &call->watch);
    if (call->fd >= 0) {
        close(call->fd);
    }
    tls_session_destroy(call->session);
    http_buffer_free(&call->request);
    http_reader_free(&call->reader);
    free(call);
}

/* ---- between the session and the request or response ---- */

static void report(struct call *call)
{
    struct tls_summary summary;

    if (call->reported || !tls_session_summary(call->session, &summary)) {
        return;
    }
    call->reported = true;
    call->result.begun = true;
    say("TLS session with %s: %s, %s, %s, %ld days left%s", call->name, summary.peer.text, summary.version,
        summary.suite, summary.days_left, summary.resumed ? ", resumed" : "");
}

static void write_request(struct call *call)
{
    size_t room;
    uint8_t *to = tls_session_write(call->session, &room);
    size_t left = call->request.size - call->written;
    size_t size = left < room ? left : room;

    memcpy(to, call->request.data + call->written, size);
    call->written += size;
    tls_session_written(call->session, size);
    if (call->written == call->request.size) {
        tls_session_flush(call->session);
        http_buffer_free(&call->request);
        call->written = 0;
    }
}

static void read_response(struct call *call)
{
    size_t size;
    const uint8_t *data = tls_session_read(call->session, &size);
    int error = http_reader_take(&call->reader, data, size, &call->result.why);

    tls_session_consumed(call->session, size);
    if (error < 0) {
        finish(call, error == -EBADMSG ? CALL_BROKEN : CALL_NO_MEMORY);
    } else if (http_reader_done(&call->reader)) {
        finish(call, CALL_ANSWERED);
    }
}

/* The session is over: well, cut short, or refused. */
static void judge_end(struct call *call)
{
    int code = tls_session_error(call->session, &call->result.why);

    if (call->finished) {
        return;
    }
    if (code == 0 && http_reader_end(&call->reader)) {
        finish(call, CALL_ANSWERED);
    } else if (!call->heard) {
        reason_set(&call->result.why, 0, "the connection was accepted and ended before the other side had said a byte");
        finish(call, CALL_UNREACHED);
    } else if (!call->reported) {
        finish(call, CALL_UNTRUSTED);
    } else {
        if (code == 0) {
            reason_set(&call->result.why, 0, "the service has closed the session before its response was whole");
        }
        finish(call, CALL_BROKEN);
    }
}

/* ---- between the session and the socket ---- */

static void send_records(struct call *call)
{
    size_t size;
    const uint8_t *data = tls_session_send(call->session, &size);
    ssize_t sent = call->deaf ? (ssize_t)size : send(call->fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (sent >= 0) {
        tls_session_sent(call->session, (size_t)sent);
    } else if (errno == EAGAIN) {
        call->unsent = true;
    } else if (errno != EINTR) {
        call->deaf = true; /* a service that refuses a request early answers, then closes */
    }
}

/* Serves all that does not need the socket to be readable. */
static void serve(struct call *call)
{
    for (;;) {
        unsigned state = tls_session_state(call->session);
        report(call);
        if (call->finished) {
            return;
        }
        if (state & TLS_CLOSED) {
            judge_end(call);
        } else if ((state & TLS_SEND) && !call->unsent) {
            send_records(call);
        } else if (state & TLS_READ) {
            read_response(call);
        } else if ((state & TLS_WRITE) && call->request.size > 0) {
            write_request(call);
        } else {
            return;
        }
    }
}

/* One recv(2). False: nothing more to be had now. */
static bool receive_records(struct call *call)
{
    size_t room;
    uint8_t *to = tls_session_receive(call->session, &room);

    if (to == NULL) {
        return false;
    }
    ssize_t size = recv(call->fd, to, room, MSG_DONTWAIT);
    if (size > 0) {
        call->heard = true;
        tls_session_received(call->session, (size_t)size);
        return true;
    }
    if (size == 0 || (errno != EAGAIN && errno != EINTR)) {
        call->ended = true;
        tls_session_end(call->session);
    }
    return false;
}

static void pump(struct call *call)
{
    bool more = true;

    serve(call);
    for (int i = 0; i < RECEIVES_PER_TURN && more && !call->finished; i++) {
        more = receive_records(call);
        serve(call);
    }
    if (call->ended && !call->finished) {
        judge_end(call);
    }
}

/* Says close_notify where the socket takes it at once: the response is whole, nothing depends on it. */
static void say_goodbye(struct call *call)
{
    size_t size;

    tls_session_close(call->session);
    const uint8_t *data = tls_session_send(call->session, &size);
    if (data != NULL && !call->deaf) {
        (void)!send(call->fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
}

static void settle(struct call *call)
{
    if (call->finished) {
        if (call->result.outcome == CALL_ANSWERED) {
            say_goodbye(call);
        }
        loop_unwatch(call->loop, &call->watch);
        call->done(call->arg, &call->result);
        release(call);
        return;
    }
    unsigned state = tls_session_state(call->session);
    loop_change(call->loop, &call->watch, (state & TLS_RECEIVE ? LOOP_READ : 0) | (call->unsent ? LOOP_WRITE : 0));
}

static void check_connected(struct call *call)
{
    int error = 0;
    socklen_t size = sizeof error;

    if (getsockopt(call->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0) {
        error = errno;
    }
    if (error != 0) {
        fail_transport(call, "cannot connect", -error);
    }
    call->connected = true;
}

static void call_ready(struct loop_watch *watch, unsigned events)
{
    struct call *call = watch->owner;

    if (!call->connected) {
        check_connected(call);
    }
    if (events & (LOOP_WRITE | LOOP_HANGUP)) {
        call->unsent = false;
    }
    if (!call->finished) {
        pump(call);
    }
    settle(call);
}

static void call_late(struct loop_timer *timer)
{
    struct call *call = timer->owner;

    reason_set(&call->result.why, 0, "no answer within %lld ms", (long long)call->milliseconds);
    finish(call, CALL_LATE);
    settle(call);
}

/* What failed inside call_start() is told in the next turn. */
static void call_failed(struct loop_timer *timer)
{
    settle(timer->owner);
}

static void connect_to(struct call *call, uint32_t address, uint16_t port)
{
    static const int on = 1;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(address), .sin_port = htons(port)};

    call->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (call->fd < 0) {
        fail_transport(call, "cannot make a socket", -errno);
        return;
    }
    setsockopt(call->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(call->fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS) {
        fail_transport(call, "cannot connect", -errno);
        return;
    }
    int error = loop_watch(call->loop, &call->watch, call->fd, LOOP_READ | LOOP_WRITE);
    if (error < 0) {
        fail_transport(call, "cannot wait for the connection", error);
    }
}

int call_start(struct call **out, struct loop *loop, const struct call_options *options, call_done *done, void *arg,
    struct reason *why)
{
    struct tls_client client = options->tls;
    struct call *call = calloc(1, sizeof *call);
    struct http_buffer request = options->request;

    if (call == NULL) {
        http_buffer_free(&request);
        return reason_set(why, -ENOMEM, "no memory is left for another call");
    }
    *call = (struct call){.loop = loop, .request = request, .name = options->name, .fd = -1, .done = done, .arg = arg};
    call->milliseconds = options->milliseconds;
    call->reader.content.budget = options->budget;
    call->watch = (struct loop_watch){.ready = call_ready, .owner = call};
    client.now = time(NULL);
    int error = tls_session_create(&call->session);
    if (error < 0) {
        reason_set(why, error, "no memory is left for another TLS session");
    } else {
        error = tls_session_start_client(call->session, &client, why);
    }
    if (error == 0) {
        connect_to(call, options->address, options->port);
        call->timer = (struct loop_timer){.fired = call->finished ? call_failed : call_late, .owner = call};
        error = loop_after(loop, &call->timer, call->finished ? 0 : options->milliseconds);
    }
    if (error < 0) {
        release(call);
        return error;
    }
    *out = call;
    return 0;
}

void call_cancel(struct call *call)
{
    if (call != NULL) {
        release(call);
    }
}
