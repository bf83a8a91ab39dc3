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
    HTTP_STREAM,   /* the body comes and the answer goes in pieces */
    HTTP_WRITING,  /* the answer goes out */
    HTTP_LINGER,   /* it is out, and ours is closed: what comes is thrown away until the client closes too */
    HTTP_CUT       /* it ends without the rest of its answer */
};

/* What http_stream.c knows of a streamed exchange. */
struct http_streaming {
    const struct http_events *events;
    void *arg;
    bool started;     /* the answer has */
    bool chunked;     /* its body is */
    bool bodiless;    /* it has none: bytes of it are dropped */
    bool bounded;     /* it has a length: left */
    bool continued;   /* 100 Continue has been said */
    bool read_owed;   /* http_exchange_read() has said -EAGAIN: readable is called */
    bool write_owed;  /* the same of http_exchange_write() */
    bool failed;      /* the body or the connection: what becomes of it is settled from the loop */
    bool awake;       /* the timer is set to this turn's end */
    bool unflushed;   /* the stream may have kept something back until then */
    unsigned fills;   /* of the input, in this turn */
    uint64_t left;    /* of the answer's length */
    int64_t read_by;  /* loop_now() until which the next byte is waited for; 0: none is */
    int64_t write_by; /* the same of the client's taking one */
};

struct http_exchange {
    struct http_head head;
    char *head_bytes; /* what head's texts lie in */
    struct http_body body;
    struct http_buffer content;
    http_cancelled *cancelled;
    void *cancelled_arg;
    struct http_streaming streaming;
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
    bool ends_answer;  /* its end is that of the answer, which is not whole yet */
    bool without_body; /* the answer to HEAD */
    bool more_waits;   /* of the client's, while its request is handled */
    bool blocked;      /* the socket did not take all of the answer at once: its time runs */
    struct http_exchange exchange;
    char *input;       /* HTTP_HEAD_MAX bytes; NULL while nothing has arrived */
    size_t input_at;   /* where the bytes that are not read yet begin … */
    size_t input_size; /* … and how many they are */
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
/* False: no memory for the timer. */
bool http_connection_enter(struct http_connection *connection, enum http_state state);
/* Watches for what its state waits for. */
void http_connection_watch(struct http_connection *connection);
/* What has arrived and is not read yet. */
struct http_text http_connection_input(const struct http_connection *connection);
/* The bytes stay where they are until the next http_connection_fill(). */
void http_connection_consume(struct http_connection *connection, size_t size);
/* As stream_read(), behind what is there; there must be room. -ENOMEM. */
ssize_t http_connection_fill(struct http_connection *connection);
/* Says 100 Continue. False: the connection has failed. */
bool http_connection_continue(struct http_connection *connection);
/* Writes what the stream takes of the answer. True: all of it. */
bool http_connection_write(struct http_connection *connection, bool *gone);
/* Sends what the stream has kept back. True: all is out. */
bool http_connection_flush(struct http_connection *connection, bool *gone);
/* The bytes of a next request can wait; only the end matters now. False: it has come. */
bool http_connection_there(struct http_connection *connection);

/* Something has happened to a connection in HTTP_STREAM, or its time is over (0). May destroy it. */
void http_stream_ready(struct http_connection *connection, unsigned events);
/* What such a one waits for: LOOP_READ, LOOP_WRITE. */
unsigned http_stream_wanted(const struct http_connection *connection);
/* An answer comes before the body was read: what is there already of it is passed over. */
void http_stream_pass_body(struct http_connection *connection);

/* Answers a status by itself, and closes. */
void http_connection_refuse(struct http_connection *connection, unsigned status, const char *sentence);

struct http_connection *http_connection_of(struct http_exchange *exchange);
void http_exchange_clear(struct http_exchange *exchange);

/* Whether new connections are accepted. */
void http_server_accept(struct http_server *server, bool on);

#endif
