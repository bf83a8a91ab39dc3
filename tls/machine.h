/* machine: what a session is made of; for the files that start one as a client or a server, and nobody else. */
#ifndef INGOT_TLS_MACHINE_H
#define INGOT_TLS_MACHINE_H

#include "tls/internal.h"
#include "tls/session.h"
#include "tls/store.h"
#include "tls/verifier.h"

#define MACHINE_ALERT_ROOM 64 /* bytes of an alert's record, encrypted or not */

struct tls_session {
    /* Both begin with the engine, and that is all that the functions after the start use. */
    union {
        br_ssl_engine_context engine;
        br_ssl_client_context client;
        br_ssl_server_context server;
    } as;
    struct verifier verifier;
    const br_ssl_session_cache_class *cache;      /* a server's way to its store: BearSSL gets a pointer to this */
    br_ec_impl curves;                            /* the library's, which tell of bad points: shares.c */
    const br_ssl_client_certificate_class *asker; /* of a client without identity, the same way */
    struct tls_store *store;                      /* NULL: nothing is resumed */
    uint8_t key[TLS_STORE_KEY_SIZE];              /* of this session in the store */
    bool is_client;
    bool started;
    bool offered; /* an earlier session: by the client, or found in the server's store */
    bool asked_in_vain;
    bool established;
    bool resumed;                      /* known from then on */
    bool failed;                       /* the engine has, and the store and the peer were told */
    bool closing;                      /* we said close_notify, or were asked to */
    bool ended;                        /* the transport has */
    int fault;                         /* ours, instead of what the engine says; 0: none */
    uint8_t alert[MACHINE_ALERT_ROOM]; /* the record that tells the peer of our fault */
    size_t alert_at;
    size_t alert_left;
    uint8_t in[BR_SSL_BUFSIZE_INPUT];
    uint8_t out[BR_SSL_BUFSIZE_OUTPUT];
};

/* The cipher suites in the order of our preference, on a processor with or without instructions for AES. */
const uint16_t *machine_suites(bool aes, size_t *count);
/* What client and server have in common, before the reset: suites, curves, buffers, seed. 0 or -errno. */
int machine_prepare(struct tls_session *session, struct reason *why);
/*
 * shares.c: the curves that the engine is to use; before records are put in or taken out; whether the peer's half of
 * the key exchange in them was no point of its curve, or of a small order.
 */
void shares_init(struct tls_session *session);
void shares_begin(void);
bool shares_bad(const struct tls_session *session);
/* The reset failed, or not. */
int machine_started(struct tls_session *session, int reset, struct reason *why);

#endif
