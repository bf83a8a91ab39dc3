/* http_server: answers HTTP/1.1 requests on listening sockets, with a bound on everything that a client can ask for. */
#include "net/http_server.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/http_connection.h"

#define ACCEPT_AGAIN_MS 100 /* after accept(2) failed for want of descriptors or memory */

void http_server_accept(struct http_server *server, bool on)
{
    for (size_t i = 0; i < server->listener_count; i++) {
        loop_change(server->loop, &server->listeners[i].watch, on ? LOOP_READ : 0);
    }
}

/* Of those in one of two states, the one whose time is over first. */
static struct http_connection *oldest(const struct http_server *server, enum http_state a, enum http_state b)
{
    struct http_connection *found = NULL;

    for (struct http_connection *c = server->connections; c != NULL; c = c->next) {
        if ((c->state == a || c->state == b) && (found == NULL || c->timer.due < found->timer.due)) {
            found = c;
        }
    }
    return found;
}

/* Makes room for one more where all are taken. False: none can go just now. */
static bool make_room(struct http_server *server)
{
    if (server->connection_count < server->options.connections) {
        return true;
    }
    struct http_connection *starting = oldest(server, HTTP_STARTING, HTTP_STARTING);
    struct http_connection *idle = oldest(server, HTTP_IDLE, HTTP_LINGER);
    int64_t since = starting != NULL ? starting->timer.due - HTTP_SERVER_HEAD_MS : INT64_MAX - HTTP_SERVER_START_MS;
    int64_t left = since + HTTP_SERVER_START_MS - loop_now(server->loop);
    if (left <= 0) {
        http_connection_expire(starting);
        return true;
    }
    if (idle != NULL) {
        http_connection_destroy(idle);
        return true;
    }
    if (starting != NULL) {
        loop_after(server->loop, &server->accept_again, left);
    }
    return false;
}

static void listener_ready(struct loop_watch *watch, unsigned events)
{
    struct http_listener *listener = watch->owner;
    struct http_server *server = listener->server;
    struct stream *stream;
    int fd;

    (void)events;
    if (!make_room(server)) {
        http_server_accept(server, false); /* http_connection_destroy() turns them on again */
        return;
    }
    fd = accept4(watch->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        if (listener->open(listener->open_arg, fd, &stream) < 0) {
            close(fd);
        } else if (http_connection_create(server, stream) < 0) {
            stream_close(stream);
        }
        return;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
        http_server_accept(server, false);
        loop_after(server->loop, &server->accept_again, ACCEPT_AGAIN_MS);
    }
}

static void accept_again(struct loop_timer *timer)
{
    http_server_accept(timer->owner, true);
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
    if (server->options.idle_ms == 0) {
        server->options.idle_ms = HTTP_SERVER_IDLE_MS;
    }
    server->accept_again = (struct loop_timer){.fired = accept_again, .owner = server};
    *out = server;
    return 0;
}

int http_server_listen(struct http_server *server, int fd, stream_opener *open, void *arg)
{
    struct http_listener *listener = &server->listeners[server->listener_count];

    if (server->listener_count == HTTP_SERVER_LISTENERS_MAX) {
        return -ENOSPC;
    }
    *listener = (struct http_listener){.server = server, .open = open, .open_arg = arg};
    listener->watch = (struct loop_watch){.ready = listener_ready, .owner = listener};
    int error = loop_watch(server->loop, &listener->watch, fd, LOOP_READ);
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
        http_connection_destroy(server->connections);
    }
    for (size_t i = 0; i < server->listener_count; i++) {
        loop_unwatch(server->loop, &server->listeners[i].watch);
    }
    loop_cancel(server->loop, &server->accept_again);
    free(server);
}
