/* upstream: requests to services over connections that are kept, bodies streamed both ways. */
#ifndef INGOT_APP_UPSTREAM_H
#define INGOT_APP_UPSTREAM_H

#include <sys/types.h>

#include "app/credentials.h"
#include "net/http_client.h"
#include "net/loop.h"
#include "tls/session.h"

/*
 *   upstream_open ── upstream_renew, with each new credentials ── upstream_close, when no call is left
 *
 *   upstream_start ──┬─ request  upstream_write() … upstream_end(), where it has a body
 *                    └─ answer   upstream_head(), then upstream_read() until 0
 *   upstream_drop, at any time: where request and answer are whole, the connection is kept for another call, or
 *                  closed; else it is reset
 *
 * moved(arg) says that any of them may say more than before; it is called from the loop, never from inside a call on
 * the same exchange. What is not read or written waits at the other side: one buffer each way is all that is held.
 *
 * Time is counted only while it is the service that is waited for: from the start, or from the last byte of the request
 * that it took, to the end of the answer's head; later, between two bytes. Whoever calls must bound its own side.
 *
 * A kept connection is closed after UPSTREAM_IDLE_S, when the service says a byte or ends it, when new credentials
 * come, and where it makes room for another. Each new TLS session is one line on the console.
 */
#define UPSTREAM_CALLS_MAX 48 /* connections at the same time, kept ones included; fewer where `connections` is low */
#define UPSTREAM_IDLE_S 20    /* well below the usual 60 and 75 s of servers: the service should not be first */
#define UPSTREAM_INPUT_SIZE 16384 /* bytes of an answer that are read at once */

/* Bytes of a call beside its TLS session, the heads and the kernel's; upstream.c asserts it. */
#define UPSTREAM_CALL_SIZE (UPSTREAM_INPUT_SIZE + 8192)

struct upstream;
struct upstream_call;

enum upstream_outcome {
    UPSTREAM_WELL,      /* so far */
    UPSTREAM_UNREACHED, /* no connection, or one that ended before the other side had said anything */
    UPSTREAM_UNTRUSTED, /* the TLS handshake failed */
    UPSTREAM_BROKEN,    /* ended or failed later, or answered with something that is none */
    UPSTREAM_NO_MEMORY,
    UPSTREAM_LATE /* the time is over */
};

struct upstream_request {
    const struct config_endpoint *endpoint;
    struct credentials *credentials; /* what tls borrows from lies here; a reference is kept with the connection */
    const struct tls_client *tls;    /* NULL: in clear. `now` is set by upstream_start() */
    struct http_buffer head;         /* of the request; taken over, also on failure */
    enum http_framing framing;       /* of its body: NONE, LENGTH (the caller keeps to it) or CHUNKED */
    bool to_head;                    /* the method is HEAD */
    bool fresh;                      /* on a new connection, whatever is kept */
    int64_t milliseconds;
};

/* Of each endpoint; a connection is counted when it can be written to. */
struct upstream_counts {
    uint64_t opened; /* new connections, with a whole handshake where there is TLS */
    uint64_t resumed;
    uint64_t reused; /* calls on a kept one */
};

/* endpoint_count: upstream_counts has so many. 0 or -ENOMEM. */
int upstream_open(struct upstream **upstream, struct loop *loop, const struct config *config);
/* NULL does nothing. */
void upstream_close(struct upstream *upstream);
/* Only connections that began with these are kept from now on. */
void upstream_renew(struct upstream *upstream, const struct credentials *credentials);
/* By the place in config->endpoints. */
const struct upstream_counts *upstream_counts(const struct upstream *upstream, size_t endpoint);
unsigned upstream_kept(const struct upstream *upstream);
/* Connections at the same time: UPSTREAM_CALLS_MAX, or as many as the relay has room for (image/budget.h). */
unsigned upstream_most(const struct upstream *upstream);

/*
 * 0; -EBUSY: upstream_most() calls are under way; -ENOMEM; as tls_stream_connect(), with a sentence. What fails at
 * once in connecting is told by moved() like what fails later.
 */
int upstream_start(struct upstream_call **call, struct upstream *upstream, const struct upstream_request *request,
    void (*moved)(void *arg), void *arg, struct reason *why);
/* NULL does nothing. */
void upstream_drop(struct upstream_call *call);

/* Whether the service takes bytes of the body now; before it does, none of them need be there. */
bool upstream_writable(const struct upstream_call *call);
/* How many bytes of the body were taken: what is left must come next. -EAGAIN; -EPIPE: no more is taken. */
ssize_t upstream_write(struct upstream_call *call, const void *data, size_t size);
/* The body is whole. */
void upstream_end(struct upstream_call *call);

/* NULL as long as it is not there; its texts live until the next upstream_read(). */
const struct http_head *upstream_head(const struct upstream_call *call);
/* The next bytes of the answer's body, borrowed until the next upstream_read(); 0: it is whole; -EAGAIN; -EIO. */
ssize_t upstream_read(struct upstream_call *call, struct http_text *part);

/* How it stands; why (may be NULL) has a sentence where it is not well. */
enum upstream_outcome upstream_outcome(const struct upstream_call *call, struct reason *why);

/* What a second attempt depends on. */
struct upstream_trace {
    bool reused; /* the connection had served before */
    bool sent;   /* some of the request may have reached the service */
    bool heard;  /* some of an answer has come */
};
struct upstream_trace upstream_trace(const struct upstream_call *call);

#endif
