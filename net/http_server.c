/* http_server: answers HTTP/1.1 requests on listening sockets, with a bound on everything that a client can ask for. */
#include "net/http_server.h"

#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/text.h"

#define INPUT_ROOM HTTP_HEAD_MAX
#define ANSWER_HEAD_ROOM 512
#define ACCEPT_AGAIN_MS 100 /* after accept(2) failed for want of descriptors or memory */

enum state {
    IDLE,     /* between requests */
    HEAD,     /* some of a head is there */
    BODY,     /* some of a body is awaited */
    HANDLING, /* the handler has it */
    WRITING,  /* the answer goes out */
    LINGER    /* it is out, and ours is closed: what comes is thrown away until the client closes too */
};

struct http_exchange {
    struct http_head head;
    char *head_bytes; /* what head's texts lie in */
    struct http_body body;
    struct http_buffer content;
    http_cancelled *cancelled;
    void *cancelled_arg;
};

struct connection {
    struct http_server *server;
    struct connection *next; /* newest first */
    struct connection **self;
    struct loop_watch watch;
    struct loop_timer timer;
    enum state state;
    bool advancing; /* connection_advance() is at work and sees what an answer has changed */
    bool close_after;
    bool without_body; /* the answer to HEAD */
    bool blocked;      /* the socket did not take all of the answer at once: its time runs */
    struct http_exchange exchange;
    char *input; /* INPUT_ROOM bytes; NULL while nothing has arrived */
    size_t input_size;
    size_t scanned;
    char answer_head[ANSWER_HEAD_ROOM];
    size_t answer_head_size;
    struct http_buffer answer;
    size_t written; /* of the answer's head and body together */
};

struct http_server {
    struct loop *loop;
    struct http_server_options options;
    struct connection *connections;
    unsigned connection_count;
    struct loop_watch listeners[HTTP_SERVER_LISTENERS_MAX];
    size_t listener_count;
    struct loop_timer accept_again;
};

static void connection_advance(struct connection *connection);

static struct connection *connection_of(struct http_exchange *exchange)
{
    return (struct connection *)((char *)exchange - offsetof(struct connection, exchange));
}

static void listeners_watch(struct http_server *server, bool on)
{
    for (size_t i = 0; i < server->listener_count; i++) {
        loop_change(server->loop, &server->listeners[i], on ? LOOP_READ : 0);
    }
}

static void exchange_clear(struct http_exchange *exchange)
{
    http_buffer_free(&exchange->content);
    free(exchange->head_bytes);
    exchange->head_bytes = NULL;
    exchange->cancelled = NULL;
}

static void input_free(struct connection *connection)
{
    free(connection->input);
    connection->input = NULL;
    connection->input_size = 0;
    connection->scanned = 0;
}

static void connection_destroy(struct connection *connection)
{
    struct http_server *server = connection->server;
    http_cancelled *cancelled = connection->state == HANDLING ? connection->exchange.cancelled : NULL;
    void *arg = connection->exchange.cancelled_arg;

    *connection->self = connection->next;
    if (connection->next != NULL) {
        connection->next->self = connection->self;
    }
    server->connection_count--;
    listeners_watch(server, true);
    loop_cancel(server->loop, &connection->timer);
    int fd = connection->watch.fd;
    loop_unwatch(server->loop, &connection->watch);
    close(fd);
    exchange_clear(&connection->exchange);
    http_buffer_free(&connection->answer);
    input_free(connection);
    free(connection);
    if (cancelled != NULL) {
        cancelled(arg);
    }
}

static void consume(struct connection *connection, size_t size)
{
    connection->scanned = 0;
    if (size > 0) {
        connection->input_size -= size;
        memmove(connection->input, connection->input + size, connection->input_size);
    }
}

/* What is waited for in each state, and how long from now on. False: no memory for the timer. */
static bool enter(struct connection *connection, enum state state)
{
    struct http_server *server = connection->server;
    const struct {
        unsigned events;
        int64_t milliseconds; /* 0: for ever */
    } waits[] = {
        [IDLE] = {LOOP_READ, HTTP_SERVER_IDLE_MS},
        [HEAD] = {LOOP_READ, HTTP_SERVER_HEAD_MS},
        [BODY] = {LOOP_READ, server->options.whole_ms},
        [HANDLING] = {LOOP_READ, 0},
        [WRITING] = {LOOP_WRITE, server->options.whole_ms},
        [LINGER] = {LOOP_READ, HTTP_SERVER_LINGER_MS},
    };

    connection->state = state;
    loop_change(server->loop, &connection->watch, waits[state].events);
    if (state == IDLE || state == LINGER) {
        listeners_watch(server, true); /* this one can make room for one that waits */
    }
    if (waits[state].milliseconds == 0) {
        loop_cancel(server->loop, &connection->timer);
        return true;
    }
    return loop_after(server->loop, &connection->timer, waits[state].milliseconds) == 0;
}

/* ---- answers ---- */

static void write_answer_head(struct connection *connection, unsigned status, const char *type, const char *allow)
{
    bool fits = strlen(type) + (allow != NULL ? strlen(allow) : 0) <= HTTP_SERVER_TYPE_MAX;
    int size = snprintf(connection->answer_head, ANSWER_HEAD_ROOM,
        "HTTP/1.1 %u %s\r\n"
        "Content-Type: %s\r\n"
        "Content-Length: %zu\r\n"
        "%s%s%s%s\r\n",
        status, http_status_phrase(status), fits ? type : "application/octet-stream", connection->answer.size,
        fits && allow != NULL ? "Allow: " : "", fits && allow != NULL ? allow : "", fits && allow != NULL ? "\r\n" : "",
        connection->close_after ? "Connection: close\r\n" : "");

    connection->answer_head_size = (size_t)size; /* far from ANSWER_HEAD_ROOM, by what fits */
}

void http_exchange_answer(
    struct http_exchange *exchange, unsigned status, const char *type, const char *allow, struct http_buffer *body)
{
    struct connection *connection = connection_of(exchange);

    connection->without_body = exchange->head_bytes != NULL && http_text_is(exchange->head.method, "HEAD");
    connection->answer = *body;
    *body = (struct http_buffer){.budget = body->budget};
    connection->written = 0;
    connection->blocked = false;
    write_answer_head(connection, status, type, allow);
    exchange_clear(exchange);
    connection->state = WRITING;
    if (!connection->advancing) {
        connection_advance(connection);
    }
}

static int append_json(const char *text, size_t size, void *body)
{
    return http_buffer_append(body, text, size);
}

void http_exchange_error(struct http_exchange *exchange, unsigned status, const char *allow, const char *sentence)
{
    struct http_buffer body = {0};
    /* Not UTF-8 (a sentence cut inside a character): quoted whole. */
    json_t *text = json_string(sentence);
    json_t *error = json_object();

    (void)json_object_set_new(error, "error", text != NULL ? text : json_string(text_quote_string(sentence).text));
    http_exchange_drop_body(exchange);
    if (json_dump_callback(error, append_json, &body, JSON_COMPACT) < 0 || http_buffer_append(&body, "\n", 1) < 0) {
        http_buffer_free(&body); /* no memory even for this: the status alone */
    }
    json_decref(error);
    http_exchange_answer(exchange, status, "application/json", allow, &body);
}

static void refuse(struct connection *connection, unsigned status, const char *sentence)
{
    connection->close_after = true;
    if (connection->server->options.refused != NULL) {
        connection->server->options.refused(connection->server->options.arg, status, sentence);
    }
    http_exchange_error(&connection->exchange, status, NULL, sentence);
}

const struct http_head *http_exchange_head(const struct http_exchange *exchange)
{
    return &exchange->head;
}

struct http_text http_exchange_body(const struct http_exchange *exchange)
{
    return (struct http_text){exchange->content.data != NULL ? exchange->content.data : "", exchange->content.size};
}

void http_exchange_drop_body(struct http_exchange *exchange)
{
    http_buffer_free(&exchange->content);
}

void http_exchange_on_cancel(struct http_exchange *exchange, http_cancelled *cancelled, void *arg)
{
    exchange->cancelled = cancelled;
    exchange->cancelled_arg = arg;
}

/* ---- one connection, from state to state ---- */

static bool send_continue(struct connection *connection)
{
    static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";

    /* All answers before this one have gone out, so there is room for a line; if not, the client has stopped reading.
     */
    return send(connection->watch.fd, line, sizeof line - 1, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)sizeof line - 1;
}

/* A whole head stands at the start of the input. */
static bool start_request(struct connection *connection, size_t head_size)
{
    struct http_exchange *exchange = &connection->exchange;
    struct reason why;
    unsigned status;

    exchange->head_bytes = malloc(head_size);
    if (exchange->head_bytes == NULL) {
        return false;
    }
    memcpy(exchange->head_bytes, connection->input, head_size);
    consume(connection, head_size);
    status = http_request_parse(&exchange->head, exchange->head_bytes, head_size, &why);
    if (status == 0) {
        status = http_body_start(&exchange->body, &exchange->head, HTTP_BODY_MAX, &why);
    }
    connection->close_after = !exchange->head.keep_alive;
    if (status != 0) {
        refuse(connection, status, why.text);
        return true;
    }
    if (exchange->head.expect_continue && connection->input_size == 0 && !http_body_done(&exchange->body) &&
        !send_continue(connection)) {
        return false;
    }
    return enter(connection, BODY);
}

/* The steps of connection_advance(): true to go on to the next state, false to wait or, with *gone, to end. */
static bool step_head(struct connection *connection, bool *gone)
{
    struct reason why;
    size_t head_size;
    unsigned status;

    if (connection->input_size == 0) {
        input_free(connection);
        return false;
    }
    if (connection->state == IDLE && !enter(connection, HEAD)) {
        *gone = true;
        return false;
    }
    status = http_head_find(connection->input, connection->input_size, &connection->scanned, &head_size, &why);
    if (status != 0) {
        refuse(connection, status, why.text);
        return true;
    }
    if (head_size == 0) {
        return false;
    }
    *gone = !start_request(connection, head_size);
    return !*gone;
}

/* Decodes what has arrived of a body. 0 or the status that refuses it. */
static unsigned take_body(struct connection *connection, struct reason *why)
{
    struct http_exchange *exchange = &connection->exchange;
    unsigned status = 0;
    size_t at = 0;

    while (status == 0 && !http_body_done(&exchange->body) && at < connection->input_size) {
        struct http_text part;
        size_t used;
        status =
            http_body_take(&exchange->body, connection->input + at, connection->input_size - at, &used, &part, why);
        at += used;
        if (status == 0 && http_buffer_append(&exchange->content, part.data, part.size) < 0) {
            reason_set(why, 0, "no memory is left for another body: send it again when others are done");
            status = 503;
        }
    }
    consume(connection, at);
    return status;
}

static bool step_body(struct connection *connection, bool *gone)
{
    struct http_exchange *exchange = &connection->exchange;
    struct reason why;
    unsigned status;

    status = take_body(connection, &why);
    if (status != 0) {
        refuse(connection, status, why.text);
        return true;
    }
    if (!http_body_done(&exchange->body)) {
        return false;
    }
    if (connection->input_size == 0) {
        input_free(connection);
    }
    *gone = !enter(connection, HANDLING);
    if (!*gone) {
        connection->server->options.handler(connection->server->options.arg, exchange);
    }
    return connection->state == WRITING;
}

/* Writes what the socket takes. True: all is out. */
static bool write_answer(struct connection *connection, bool *gone)
{
    size_t body_size = connection->without_body ? 0 : connection->answer.size;
    size_t all = connection->answer_head_size + body_size;

    while (connection->written < all) {
        size_t head_size = connection->answer_head_size;
        size_t head_left = connection->written < head_size ? head_size - connection->written : 0;
        size_t body_left = head_left > 0 ? body_size : all - connection->written;
        struct iovec parts[2] = {
            {connection->answer_head + head_size - head_left, head_left},
            {body_left > 0 ? connection->answer.data + body_size - body_left : NULL, body_left},
        };
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
        ssize_t sent = sendmsg(connection->watch.fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0) {
            *gone = errno != EAGAIN && errno != EINTR;
            return false;
        }
        connection->written += (size_t)sent;
    }
    return true;
}

static bool step_write(struct connection *connection, bool *gone)
{
    if (!write_answer(connection, gone)) {
        *gone = *gone || (!connection->blocked && !enter(connection, WRITING));
        connection->blocked = true;
        return false;
    }
    http_buffer_free(&connection->answer);
    if (connection->close_after) {
        shutdown(connection->watch.fd, SHUT_WR);
        input_free(connection);
        *gone = !enter(connection, LINGER);
        return false;
    }
    *gone = !enter(connection, IDLE);
    return !*gone;
}

/* Goes from state to state as far as what has arrived allows. May destroy the connection. */
static void connection_advance(struct connection *connection)
{
    bool more = true;
    bool gone = false;

    connection->advancing = true;
    while (more && !gone) {
        switch (connection->state) {
        case IDLE:
        case HEAD:
            more = step_head(connection, &gone);
            break;
        case BODY:
            more = step_body(connection, &gone);
            break;
        case WRITING:
            more = step_write(connection, &gone);
            break;
        case HANDLING:
        case LINGER:
            more = false;
            break;
        }
    }
    connection->advancing = false;
    if (gone) {
        connection_destroy(connection);
    }
}

/* ---- events ---- */

/* Reads what has come. False: the client has ended or the connection has failed. */
static bool fill_input(struct connection *connection)
{
    if (connection->input == NULL) {
        connection->input = malloc(INPUT_ROOM);
        if (connection->input == NULL) {
            return false;
        }
    }
    ssize_t size = recv(connection->watch.fd, connection->input + connection->input_size,
        INPUT_ROOM - connection->input_size, MSG_DONTWAIT);
    if (size < 0) {
        return errno == EAGAIN || errno == EINTR;
    }
    connection->input_size += (size_t)size;
    return size > 0;
}

/* Bytes of the next request wait in the socket; only its end matters now. False: it has come. */
static bool still_there(struct connection *connection)
{
    char byte;
    ssize_t size = recv(connection->watch.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

    if (size > 0) {
        loop_change(connection->server->loop, &connection->watch, 0);
    }
    return size > 0 || (size < 0 && (errno == EAGAIN || errno == EINTR));
}

static bool drain(struct connection *connection)
{
    char thrown_away[4096];
    ssize_t size = recv(connection->watch.fd, thrown_away, sizeof thrown_away, MSG_DONTWAIT);

    return size > 0 || (size < 0 && (errno == EAGAIN || errno == EINTR));
}

static void connection_ready(struct loop_watch *watch, unsigned events)
{
    struct connection *connection = watch->owner;
    bool there = !(events & LOOP_HANGUP);

    switch (connection->state) {
    case IDLE:
    case HEAD:
    case BODY:
        there = fill_input(connection);
        break;
    case HANDLING:
        there = there && still_there(connection);
        break;
    case WRITING:
        break;
    case LINGER:
        there = there && drain(connection);
        break;
    }
    if (there) {
        connection_advance(connection);
    } else {
        connection_destroy(connection);
    }
}

static void connection_late(struct loop_timer *timer)
{
    struct connection *connection = timer->owner;

    if (connection->state == HEAD || connection->state == BODY) {
        refuse(connection, 408,
            connection->state == HEAD ? "the request's head did not come in time"
                                      : "the request's body did not come in time");
    } else {
        connection_destroy(connection);
    }
}

static int connection_create(struct http_server *server, int fd)
{
    static const int on = 1;
    struct connection *connection = calloc(1, sizeof *connection);

    if (connection == NULL) {
        return -ENOMEM;
    }
    connection->server = server;
    connection->watch = (struct loop_watch){.ready = connection_ready, .owner = connection};
    connection->timer = (struct loop_timer){.fired = connection_late, .owner = connection};
    connection->exchange.content.budget = server->options.budget;
    int error = loop_watch(server->loop, &connection->watch, fd, LOOP_READ);
    if (error < 0) {
        free(connection);
        return error;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connection->next = server->connections;
    connection->self = &server->connections;
    if (connection->next != NULL) {
        connection->next->self = &connection->next;
    }
    server->connections = connection;
    server->connection_count++;
    if (!enter(connection, IDLE)) {
        connection_destroy(connection);
    }
    return 0;
}

/* Makes room for one more where all are taken. False: none is idle. */
static bool make_room(struct http_server *server)
{
    struct connection *idle = NULL;

    if (server->connection_count < server->options.connections) {
        return true;
    }
    for (struct connection *c = server->connections; c != NULL; c = c->next) {
        bool done = c->state == IDLE || c->state == LINGER;
        if (done && (idle == NULL || c->timer.due < idle->timer.due)) {
            idle = c;
        }
    }
    if (idle == NULL) {
        return false;
    }
    connection_destroy(idle);
    return true;
}

static void listener_ready(struct loop_watch *watch, unsigned events)
{
    struct http_server *server = watch->owner;
    int fd;

    (void)events;
    if (!make_room(server)) {
        listeners_watch(server, false); /* connection_destroy() turns them on again */
        return;
    }
    fd = accept4(watch->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        if (connection_create(server, fd) < 0) {
            close(fd);
        }
        return;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
        listeners_watch(server, false);
        loop_after(server->loop, &server->accept_again, ACCEPT_AGAIN_MS);
    }
}

static void accept_again(struct loop_timer *timer)
{
    listeners_watch(timer->owner, true);
}

int http_server_open(struct http_server **out, struct loop *loop, const struct http_server_options *options)
{
    struct http_server *server = calloc(1, sizeof *server);

    if (server == NULL) {
        return -ENOMEM;
    }
    server->loop = loop;
    server->options = *options;
    if (server->options.whole_ms == 0) {
        server->options.whole_ms = HTTP_SERVER_WHOLE_MS;
    }
    server->accept_again = (struct loop_timer){.fired = accept_again, .owner = server};
    *out = server;
    return 0;
}

int http_server_listen(struct http_server *server, int listener)
{
    struct loop_watch *watch = &server->listeners[server->listener_count];

    if (server->listener_count == HTTP_SERVER_LISTENERS_MAX) {
        return -ENOSPC;
    }
    watch->ready = listener_ready;
    watch->owner = server;
    int error = loop_watch(server->loop, watch, listener, LOOP_READ);
    if (error == 0) {
        server->listener_count++;
    }
    return error;
}

void http_server_close(struct http_server *server)
{
    if (server == NULL) {
        return;
    }
    while (server->connections != NULL) {
        connection_destroy(server->connections);
    }
    for (size_t i = 0; i < server->listener_count; i++) {
        loop_unwatch(server->loop, &server->listeners[i]);
    }
    loop_cancel(server->loop, &server->accept_again);
    free(server);
}
