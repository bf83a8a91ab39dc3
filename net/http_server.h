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
 * or, without ever holding the body, as a stream: http_begin below.
 *
 * Requests of one connection are handled one after the other. What is malformed, too long or too slow never reaches
 * the handler: it is answered {"error": "…"} with its status, and the connection closed. A client that ends its
 * sending direction while its request is being handled has gone, as for other servers.
 *
 * At the bound on connections one is closed for a new one: the oldest whose beginning (a TLS handshake) has lasted for
 * HTTP_SERVER_START_MS, for who is silent must not keep out those who have a certificate to show; else the one that is
 * idle for longest. Where there is neither, new ones wait unaccepted.
 */
#define HTTP_SERVER_START_MS 2000  /* for a connection's beginning, while others wait for its place */
#define HTTP_SERVER_HEAD_MS 10000  /* for it in any case; and for a whole head, from its first byte */
#define HTTP_SERVER_WHOLE_MS 60000 /* for a whole body, and for the client to take a whole answer, however it drips */
#define HTTP_SERVER_IDLE_MS 60000  /* between requests; of a stream, for its next byte to come or to be taken */
#define HTTP_SERVER_LINGER_MS                                                                                          \
    2000 /* for the client to read the last answer before its unread bytes are thrown away                             \
          */
#define HTTP_SERVER_LISTENERS_MAX 64
#define HTTP_SERVER_TYPE_MAX 200                           /* bytes of an answer's Content-Type and Allow together */
#define HTTP_SERVER_ANSWER_HEAD_MAX (HTTP_HEAD_MAX + 1024) /* bytes of a streamed answer's head */
/* Bytes that a streamed exchange takes at most: what comes, its head, and what goes. */
#define HTTP_SERVER_STREAM_SIZE (2 * HTTP_HEAD_MAX + HTTP_SERVER_ANSWER_HEAD_MAX)

struct http_server;
struct http_exchange;

typedef void http_handler(void *arg, struct http_exchange *exchange);
/*
 * A whole, valid head is there, and nothing of its body has been read. It may answer at once, or take the exchange as
 * a stream by http_exchange_stream_to(); where it does nothing, the body is read whole and the handler called.
 */
typedef void http_begin(void *arg, struct http_exchange *exchange);
typedef void http_cancelled(void *arg);
typedef void http_refused(void *arg, unsigned status, const char *sentence);
typedef void http_answered(void *arg, unsigned status);
/* The stream of a connection has begun (0) or failed to: -errno, -ETIMEDOUT where it took too long. */
typedef void http_started(void *arg, const struct stream *stream, int error);

struct http_server_options {
    unsigned connections;       /* at the same time */
    struct http_budget *budget; /* memory of request bodies and of answers; beyond it: 503 */
    http_handler *handler;
    http_begin *begin;       /* NULL: nothing is streamed */
    http_refused *refused;   /* told of each answer that the server gives by itself; NULL: nobody */
    http_answered *answered; /* told of every answer; NULL: nobody */
    http_started *started;   /* told of each connection, before its first request; NULL: nobody */
    void *arg;
    int64_t whole_ms; /* 0: HTTP_SERVER_WHOLE_MS */
    int64_t idle_ms;  /* 0: HTTP_SERVER_IDLE_MS */
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
/*
 * Gives the body's memory back before the answer. Of a stream: passes over what has come of the body, so that an answer
 * that starts without it need not end the connection where that was all.
 */
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

/*
 * A streamed exchange: its body and its answer go through in pieces, both at once where that is wanted, and each side
 * waits for the slower one:
 *
 *   begin(arg, exchange) ── http_exchange_stream_to()
 *     body     http_exchange_read() until 0; after -EAGAIN, readable(arg) says when to try again
 *     answer   http_exchange_start() ── http_exchange_write() …; where it takes less, writable(arg) says when again
 *     end      http_exchange_finish(); or http_exchange_abort();
 *              or, before http_exchange_start(), http_exchange_answer() or http_exchange_error();
 *              or cancelled(arg): the client has gone, or broke its framing, or neither sent nor took a byte in
 *              HTTP_SERVER_IDLE_MS while that was waited for
 *
 * Where the exchange ends, it is gone, and nothing of events is called any more. Events come from the loop, never from
 * inside a call on the exchange. What broke the framing or was late is answered (400, 408 …) where no answer has
 * started, otherwise the answer is cut.
 *
 * An answer may start before the body was read to its end: then the connection is closed behind it.
 */
struct http_events {
    void (*readable)(void *arg);
    void (*writable)(void *arg);
    http_cancelled *cancelled;
};

/*
 * Takes the exchange, whose body is at most max bytes. events must live as long. 0; -EMSGSIZE: the body is announced
 * to be longer (the exchange is taken all the same, to answer).
 */
int http_exchange_stream_to(struct http_exchange *exchange, uint64_t max, const struct http_events *events, void *arg);
/*
 * The next bytes of the body, borrowed until the next call of this one, and taken by it: how many, at most
 * HTTP_HEAD_MAX; 0: the body is whole; -EAGAIN; -EMSGSIZE: it is over max, and nothing more is read.
 * Asks for the body of a client that waits for 100 Continue.
 */
ssize_t http_exchange_read(struct http_exchange *exchange, struct http_text *part);
/*
 * The answer's head. fields go out as they are, without those that say how the message is framed or what becomes of
 * the connection (Content-Length, Transfer-Encoding, Connection …): the caller leaves them out. framing is LENGTH,
 * with length; NONE, without a body; or CHUNKED or CLOSE, of unknown length, which both become what the client
 * understands. An answer to HEAD, 204 and 304 have no body: what is written to them is dropped.
 * 0; -EINVAL: a field, or a status (200–599), that would not be read as it was meant; -EMSGSIZE: the head is over
 * HTTP_SERVER_ANSWER_HEAD_MAX; -ENOMEM. On failure nothing was started.
 */
int http_exchange_start(struct http_exchange *exchange, unsigned status, const struct http_field *fields, size_t count,
    enum http_framing framing, uint64_t length);
/*
 * How many bytes of the answer's body were taken, to go out at the end of this turn of the loop at the latest;
 * -EAGAIN: none; -EMSGSIZE: more than the length that was announced.
 */
ssize_t http_exchange_write(struct http_exchange *exchange, const void *data, size_t size);
/* The answer is whole. One that is shorter than its length is aborted instead. */
void http_exchange_finish(struct http_exchange *exchange);
/* It can't be: the connection ends so that the client sees that the answer is cut (no last chunk, no close_notify). */
void http_exchange_abort(struct http_exchange *exchange);

#endif
