/* remembered: one session of a store, and the store as the sessions see it. */
#ifndef INGOT_TLS_REMEMBERED_H
#define INGOT_TLS_REMEMBERED_H

#include <bearssl.h>

#include "crypto/hash.h"
#include "tls/store.h"

struct remembered {
    uint8_t key[TLS_STORE_KEY_SIZE]; /* a server's: the session's ID; a client's: a hash of what it dialled */
    br_ssl_session_parameters parameters;
    uint8_t trust[HASH_SHA256_SIZE]; /* the CAs that the peer was judged by */
    int64_t born;                    /* the full handshake */
    int64_t until;                   /* the first notAfter of its chain */
    uint64_t turn;                   /* the store's own: the larger, the later it was put there */
    struct bytes leaf;               /* DER */
};

/* NULL where there is none that may be resumed at now; borrowed until the store changes. */
const struct remembered *store_find(struct tls_store *store, const uint8_t *key, const uint8_t *trust, int64_t now);
/* Copies the session; one of the same key is replaced. */
void store_put(struct tls_store *store, const struct remembered *session);
void store_drop(struct tls_store *store, const uint8_t *key);

#endif
