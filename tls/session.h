/* session: one TLS 1.2 connection as a machine over bytes: no sockets, no clock, no allocation after creation. */
#ifndef INGOT_TLS_SESSION_H
#define INGOT_TLS_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/reason.h"

/*
 * The machine stands between two streams: records, which the caller carries to and from the peer, and application
 * bytes. The caller asks for the state, serves any of its flags, and asks again:
 *
 *   create ── start ──┬─ TLS_SEND     records wait for the peer:   tls_session_send()    … tls_session_sent()
 *                     ├─ TLS_RECEIVE  records may be put in:       tls_session_receive() … tls_session_received()
 *                     ├─ TLS_WRITE    application bytes may go in: tls_session_write()   … tls_session_written()
 *                     ├─ TLS_READ     application bytes wait:      tls_session_read()    … tls_session_consumed()
 *                     └─ TLS_CLOSED   the end, alone: tls_session_error() says whether it was a good one
 *   start again (any time: the old connection is forgotten and wiped) ── destroy
 *
 * TLS_WRITE first appears when the handshake is done, the peer has been verified and tls_session_summary() has
 * something to say; until then the handshake only needs TLS_SEND and TLS_RECEIVE served. Small writes are gathered
 * until a record is full: tls_session_flush() sends what is there.
 *
 * What is negotiated: TLS 1.2; ECDHE (X25519, P-256, P-384, P-521) with ECDSA or RSA certificates; AES-128-GCM,
 * AES-256-GCM, ChaCha20-Poly1305, in this order where the processor has AES instructions, ChaCha20 first where it does
 * not. No renegotiation: a request for it is declined (RFC 5246 §7.2.2) and the connection goes on. No SHA-1.
 *
 * A fault of the peer's, in the handshake or behind it, is told to it by a fatal alert before TLS_CLOSED.
 *
 * What a certificate must be: see struct tls_client. Dates are judged by the `now` that start was given.
 */
struct tls_session;
struct tls_identity; /* tls/identity.h */
struct tls_trust;    /* tls/trust.h */
struct tls_store;    /* tls/store.h */

/* Bytes of one session, all of them allocated by tls_session_create(); session.c asserts it. */
#define TLS_SESSION_SIZE (64 * 1024)
/* Bytes of the peer's certificates, together, and how many; more is refused. */
#define TLS_CHAIN_MAX (16 * 1024)
#define TLS_CHAIN_COUNT 8
#define TLS_NAME_MAX 253 /* a server's name as text */

enum {
    TLS_SEND = 1,
    TLS_RECEIVE = 2,
    TLS_WRITE = 4,
    TLS_READ = 8,
    TLS_CLOSED = 16,
};

/*
 * Called once in a handshake, after everything else about the peer's certificate has been found good. leaf and chain
 * are DER, the chain without the leaf, in the order in which the peer sent it; all borrowed for the call. When a
 * session is resumed it is called again, with the leaf of the full handshake alone. 0 accepts; anything else refuses,
 * and why becomes the session's error.
 */
typedef int tls_verify(void *arg, struct bytes leaf, const struct bytes *chain, size_t chain_count, struct reason *why);

/*
 * A client. The server's certificate must
 * - lead to trust through certificates that may issue (cA, keyCertSign where there is a keyUsage, the path length
 *   kept), every signature by RSA (2048–4096 bits) or ECDSA with SHA-256, SHA-384 or SHA-512, each certificate within
 *   its dates at `now`, none with name constraints or a critical extension that is not known here; the order in which
 *   they come does not matter;
 * - have a key that may sign, where it has a keyUsage;
 * - carry server_name as a DNS name (with RFC 6125 wildcards) or, when it is an IPv4 or IPv6 address, as an address in
 *   its subjectAltName; its CN counts only where it has no subjectAltName at all and cn_allowed is set;
 * - allow serverAuth in its extendedKeyUsage, or have none (RFC 5280 §4.2.1.12: any purpose) where eku_required is not
 *   set. Version 1 is accepted;
 * - have the pinned key, where pin is set.
 */
struct tls_client {
    const char *server_name;             /* copied; also sent as SNI unless it is an address */
    const struct tls_trust *trust;       /* borrowed until the session ends or starts again */
    const struct tls_identity *identity; /* the same; NULL: no client certificate */
    const uint8_t *pin;                  /* 32 bytes, SHA-256 of the leaf's SubjectPublicKeyInfo; NULL: none; copied */
    bool cn_allowed;
    bool eku_required;
    int64_t now;             /* seconds since 1970 */
    const char *clock;       /* that says so, for sentences: a constant; NULL: "enclave clock", which follows the NSM */
    struct tls_store *store; /* borrowed like trust; NULL: no session is resumed or kept */
    tls_verify *verify;      /* NULL: none */
    void *verify_arg;
};

/*
 * A server. Clients must show a certificate that leads to trust as above, with clientAuth in place of serverAuth, and
 * that verify accepts; names don't matter otherwise. Its preference of suites counts.
 */
struct tls_server {
    const struct tls_identity *identity; /* borrowed until the session ends or starts again */
    const struct tls_trust *trust;       /* the same; its names are sent to the client */
    bool eku_required;
    int64_t now;
    struct tls_store *store; /* as a client's; for sessions of this identity alone */
    tls_verify *verify;
    void *verify_arg;
};

/* 0 or -ENOMEM. The memory is touched once here and never grows. */
int tls_session_create(struct tls_session **session);
/* Wipes it. NULL does nothing. */
void tls_session_destroy(struct tls_session *session);

/*
 * Begins a connection, seeded with 48 bytes of getrandom(2) (never of the processor alone).
 * 0; -EINVAL: server_name is too long or empty; -errno of getrandom. On failure the state is TLS_CLOSED.
 */
int tls_session_start_client(struct tls_session *session, const struct tls_client *client, struct reason *why);
/* The same for a connection that was accepted; only getrandom can fail. */
int tls_session_start_server(struct tls_session *session, const struct tls_server *server, struct reason *why);

/* The flags that can be served now; TLS_CLOSED is never with another. */
unsigned tls_session_state(const struct tls_session *session);
/* The handshake is done and the peer verified; stays true after the close. */
bool tls_session_established(const struct tls_session *session);

/*
 * The buffers below lie in the session and are valid until its next call. NULL and *size 0 where the state does not
 * have the flag. The acknowledgement says how many bytes were used, 1..*size.
 */
const uint8_t *tls_session_send(const struct tls_session *session, size_t *size);
void tls_session_sent(struct tls_session *session, size_t size);
uint8_t *tls_session_receive(const struct tls_session *session, size_t *size);
void tls_session_received(struct tls_session *session, size_t size);
uint8_t *tls_session_write(const struct tls_session *session, size_t *size);
void tls_session_written(struct tls_session *session, size_t size);
const uint8_t *tls_session_read(const struct tls_session *session, size_t *size);
void tls_session_consumed(struct tls_session *session, size_t size);

/* Makes a record of what was written so far. Does nothing where there is nothing. */
void tls_session_flush(struct tls_session *session);

/*
 * Begins to close: what was written and close_notify go out (serve TLS_SEND), then the peer's close_notify is awaited
 * (TLS_RECEIVE) until TLS_CLOSED; application bytes that still come are dropped. A caller may drop the connection once
 * TLS_SEND is gone.
 */
void tls_session_close(struct tls_session *session);

/*
 * The transport has ended, and all bytes that came before have been put in. After a close_notify, the peer's or ours,
 * that is nothing new; before it, it is an error: what was read may have been cut short by anybody on the way. Bytes of
 * whole records can still be read (TLS_READ) before TLS_CLOSED.
 */
void tls_session_end(struct tls_session *session);

/*
 * 0 while the session lives and after a good end. Otherwise a code of tls/explain.h (positive), and in *why the
 * sentence: a certificate's failure begins with "certificate verify failed". why may be NULL.
 */
int tls_session_error(const struct tls_session *session, struct reason *why);

/* What was agreed on, for the one log line of each session. */
struct tls_summary {
    struct reason peer;  /* the leaf's subject and names, quoted: "CN=a" ("DNS:a, DNS:b") */
    const char *version; /* "TLSv1.2" */
    const char *suite;   /* the IANA name */
    long days_left;      /* until the leaf's notAfter, rounded down, at `now` of the start */
    bool resumed;        /* without signatures, from an earlier session with the same peer */
};
/* False while the session is not established: *summary is empty strings and 0. */
bool tls_session_summary(const struct tls_session *session, struct tls_summary *summary);

/* The server has asked for a certificate, and this client was started without an identity. */
bool tls_session_asked_in_vain(const struct tls_session *session);

/* The peer's certificate, DER; size 0 while the session is not established. Borrowed until the session starts again. */
struct bytes tls_session_leaf(const struct tls_session *session);

/* The first certificate as it came, whatever the verdict, to show what was refused: unproven, maybe malformed. The
 * same.
 */
struct bytes tls_session_presented(const struct tls_session *session);

#endif
