/* upstream_call: what the files of upstream share: a connection to a service, and the call that it serves. */
#ifndef INGOT_APP_UPSTREAM_CALL_H
#define INGOT_APP_UPSTREAM_CALL_H

#include "app/upstream.h"
#include "net/stream.h"

enum upstream_state {
    UPSTREAM_CONNECTING,
    UPSTREAM_STARTING, /* the TLS handshake */
    UPSTREAM_OPEN,
    UPSTREAM_KEPT, /* between calls */
    UPSTREAM_FAILED
};

/* What only a call under way needs. */
struct upstream_work {
    struct http_buffer head; /* of the request, as far as it is not written */
    size_t head_written;
    char frame[24]; /* of the chunked coding: what stands before, between and behind chunks */
    size_t frame_size;
    size_t frame_written;
    size_t chunk_left; /* of the chunk that was announced */
    bool chunked;      /* one was */
    struct http_reader reader;
    bool closed; /* an answer without a length has ended well */
    enum upstream_outcome outcome;
    struct reason why;
    size_t input_at;
    size_t input_size;
    char input[UPSTREAM_INPUT_SIZE];
};

struct upstream_call {
    struct upstream *upstream;
    struct upstream_call *next; /* while it is kept: newest first */
    struct upstream_call **self;
    const struct config_endpoint *endpoint;
    struct credentials *credentials;
    struct stream *stream;
    struct loop_watch watch;
    struct loop_timer timer;
    enum upstream_state state;
    bool hung;    /* the socket says nothing new any more, and is not watched: it can still be read */
    bool deaf;    /* the other side takes no more: what it has said is still read */
    bool blocked; /* … not just now */
    bool starved; /* the caller waits for bytes of the answer */
    bool moving;  /* some bytes went through since the time was set */
    bool ended;   /* the caller has no more of the request */
    struct upstream_trace trace;
    enum http_framing framing;
    int64_t milliseconds;
    void (*moved)(void *arg);
    void *arg;
    struct upstream_work *work; /* NULL: kept */
};

struct upstream {
    struct loop *loop;
    const struct config *config;
    const struct credentials *credentials; /* of connections that are kept; compared only */
    struct upstream_call *kept;
    unsigned kept_count;
    unsigned count; /* with those of calls */
    unsigned most;
    struct upstream_counts counts[];
};

/* Connects, and takes the call from there; what fails is told by moved() in a later turn. 0 or -ENOMEM. */
int upstream_call_connect(struct upstream_call *call);
/* Sends the request on a connection that is open. The same. */
int upstream_call_send(struct upstream_call *call);
/* Request and answer have gone through whole, and nothing keeps the connection from another. */
bool upstream_call_whole(const struct upstream_call *call);

#endif
