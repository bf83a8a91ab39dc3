/* http_connection: what the files of the HTTP server share: a connection, its exchange, its way from state to state. */
#ifndef INGOT_NET_HTTP_CONNECTION_H
#define INGOT_NET_HTTP_CONNECTION_H

#include "net/http_server.h"

#define HTTP_ANSWER_HEAD_ROOM 512

enum http_state {
    HTTP_STARTING, /* the stream's own beginning: a TLS handshake */
    HTTP_IDLE,     /* between requests */
    HTTP_HEAD,     /* some of a head is there */
    HTTP_BODY,     /* some of a body is awaited */
    HTTP_HANDLING, /* the handler has it */
    HTTP_WRITING,  /* the answer goes out */
    HTTP_LINGER    /* it is out, and ours is closed: what comes is thrown away until the client closes too */
};

struct http_exchange {
    struct http_head head;
    char *head_bytes; /* what head's texts lie in */
    struct http_body body;
    struct http_buffer content;
    http_cancelled *cancelled;
    void *cancelled_arg;
};

struct http_connection {
    struct http_server *server;
    struct http_connection *next; /* newest first */
    struct http_connection **self;
    struct stream *stream;
    struct loop_watch watch;
    struct loop_timer timer;
    enum http_state state;
    bool advancing; /* http_connection_advance() is at work and sees what an answer has changed */
    bool close_after;
    bool without_body; /* the answer to HEAD */
    bool more_waits;   /* of the client's, while its request is handled */
    bool blocked;      /* the socket did not take all of the answer at once: its time runs */
    struct http_exchange exchange;
    char *input; /* HTTP_HEAD_MAX bytes; NULL while nothing has arrived */
    size_t input_size;
    size_t scanned;
    char answer_head[HTTP_ANSWER_HEAD_ROOM];
    size_t answer_head_size;
    struct http_buffer answer;
    size_t written; /* of the answer's head and body together */
};

struct http_listener {
    struct loop_watch watch;
    struct http_server *server;
    stream_opener *open;
    void *open_arg;
};

struct http_server {
    struct loop *loop;
    struct http_server_options options;
    struct http_connection *connections;
    unsigned connection_count;
    struct http_listener listeners[HTTP_SERVER_LISTENERS_MAX];
    size_t listener_count;
    struct loop_timer accept_again;
};

/* A connection of the server's from then on; on failure, -errno, the stream stays the caller's. */
int http_connection_create(struct http_server *server, struct stream *stream);
/* Its exchange is cancelled, where one is in hand. */
void http_connection_destroy(struct http_connection *connection);
/* Its time is over. */
void http_connection_expire(struct http_connection *connection);
/* Goes from state to state as far as what has arrived allows. May destroy the connection. */
void http_connection_advance(struct http_connection *connection);
/* Answers a status by itself, and closes. */
void http_connection_refuse(struct http_connection *connection, unsigned status, const char *sentence);

struct http_connection *http_connection_of(struct http_exchange *exchange);
void http_exchange_clear(struct http_exchange *exchange);

/* Whether new connections are accepted. */
void http_server_accept(struct http_server *server, bool on);

#endif
