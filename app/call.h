/* call: one HTTPS request to an endpoint at its loopback address, and the whole response. */
#ifndef INGOT_APP_CALL_H
#define INGOT_APP_CALL_H

#include "net/http_client.h"
#include "net/loop.h"
#include "tls/session.h"

/*
 *   call_start ── done(arg, result), once, never from inside call_start(); the call is gone when it is called
 *   call_cancel ─ stops; done is not called
 *
 * One connection, one TLS session, one request: nothing is tried again. Each session that is established is one line
 * on the console: peer, version, suite, days left.
 */
enum call_outcome {
    CALL_ANSWERED,  /* a whole response, whatever its status */
    CALL_UNREACHED, /* no connection, or one that ended before the other side said anything */
    CALL_UNTRUSTED, /* the TLS handshake failed */
    CALL_BROKEN,    /* it ended or failed later: before the response was whole, or with something that is none */
    CALL_NO_MEMORY, /* the budget does not have the room for the response */
    CALL_LATE       /* the time is over */
};

struct call_options {
    uint32_t address; /* host byte order */
    uint16_t port;
    struct tls_client tls;      /* what it borrows must live until done; `now` is set by call_start() */
    struct http_buffer request; /* head and body; taken over, also on failure */
    struct http_budget *budget; /* for the response's body */
    int64_t milliseconds;       /* for all of it */
    const char *name;           /* of the endpoint, for the console; quoted where it must be */
};

struct call_result {
    enum call_outcome outcome;
    bool begun;                 /* the session was established */
    struct http_reader *reader; /* with CALL_ANSWERED; the body can be taken out of it */
    struct reason why;          /* for all other outcomes */
};

struct call;
typedef void call_done(void *arg, struct call_result *result);

/* 0 or -ENOMEM, or as tls_session_start_client() with a sentence. */
int call_start(struct call **call, struct loop *loop, const struct call_options *options, call_done *done, void *arg,
    struct reason *why);
/* NULL does nothing. */
void call_cancel(struct call *call);

#endif
