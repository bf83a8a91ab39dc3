/* http_server: answers HTTP/1.1 requests on listening sockets, with a bound on everything that a client can ask for. */
#ifndef INGOT_NET_HTTP_SERVER_H
#define INGOT_NET_HTTP_SERVER_H

#include "net/http.h"
#include "net/http_buffer.h"
#include "net/loop.h"
#include "net/stream.h"

/*
 *   http_server_open ── http_server_listen, for each socket ── handler(arg, exchange) for each request … ──
 * http_server_close
 *
 * An exchange is one request, body included, and its answer:
 *
 *   handler ── now or later: one of http_exchange_answer(), http_exchange_error()
 *           ── or cancelled(arg): the client has gone; the exchange is gone with it
 *
 * Requests of one connection are handled one after the other. What is malformed, too long or too slow never reaches
 * the handler: it is answered {"error": "…"} with its status, and the connection closed. A client that ends its
 * sending direction while its request is being handled has gone, as for other servers.
 *
 * At the bound on connections an idle one is closed for a new one; where none is idle, new ones wait unaccepted.
 */
#define HTTP_SERVER_HEAD_MS 10000  /* for a whole head, from its first byte */
#define HTTP_SERVER_WHOLE_MS 60000 /* for a whole body, and for the client to take a whole answer, however it drips */
#define HTTP_SERVER_IDLE_MS 60000  /* between requests */
#define HTTP_SERVER_LINGER_MS                                                                                          \
    2000 /* for the client to read the last answer before its unread bytes are thrown away                             \
          */
#define HTTP_SERVER_LISTENERS_MAX 64
#define HTTP_SERVER_TYPE_MAX 200 /* bytes of an answer's Content-Type and Allow together */

struct http_server;
struct http_exchange;

typedef void http_handler(void *arg, struct http_exchange *exchange);
typedef void http_cancelled(void *arg);
typedef void http_refused(void *arg, unsigned status, const char *sentence);
typedef void http_answered(void *arg, unsigned status);
/* The stream of a connection has begun (0) or failed to: -errno, -ETIMEDOUT after HTTP_SERVER_HEAD_MS. */
typedef void http_started(void *arg, const struct stream *stream, int error);

struct http_server_options {
    unsigned connections;       /* at the same time */
    struct http_budget *budget; /* memory of request bodies and of answers; beyond it: 503 */
    http_handler *handler;
    http_refused *refused;   /* told of each answer that the server gives by itself; NULL: nobody */
    http_answered *answered; /* told of every answer; NULL: nobody */
    http_started *started;   /* told of each connection, before its first request; NULL: nobody */
    void *arg;
    int64_t whole_ms; /* 0: HTTP_SERVER_WHOLE_MS */
};

/* 0 or -ENOMEM. */
int http_server_open(struct http_server **server, struct loop *loop, const struct http_server_options *options);
/*
 * Accepts on a listening, non-blocking socket, which stays the caller's; open makes the streams (stream_open_plain(),
 * or one that speaks TLS; where it fails, the connection is closed). 0; -ENOSPC; -errno of epoll_ctl(2).
 */
int http_server_listen(struct http_server *server, int listener, stream_opener *open, void *arg);
/* Ends all connections; exchanges in hand are cancelled. NULL does nothing. */
void http_server_close(struct http_server *server);

/* The request; its texts and the body's bytes live until the answer. */
const struct http_head *http_exchange_head(const struct http_exchange *exchange);
/* What it came through. */
const struct stream *http_exchange_stream(const struct http_exchange *exchange);
struct http_text http_exchange_body(const struct http_exchange *exchange);
/* Gives the body's memory back before the answer. */
void http_exchange_drop_body(struct http_exchange *exchange);

/* Asks to be told when the client goes before the answer. */
void http_exchange_on_cancel(struct http_exchange *exchange, http_cancelled *cancelled, void *arg);

/*
 * Answers with a body whose bytes are taken over (*body is empty afterwards); type is its Content-Type, allow the
 * value of Allow or NULL. The exchange is gone afterwards.
 */
void http_exchange_answer(
    struct http_exchange *exchange, unsigned status, const char *type, const char *allow, struct http_buffer *body);
/* Answers {"error": sentence}. */
void http_exchange_error(struct http_exchange *exchange, unsigned status, const char *allow, const char *sentence);

#endif
