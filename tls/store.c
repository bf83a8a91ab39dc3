/* store: sessions that were established, kept for a while so that they can be resumed without keys and signatures. */
#include "tls/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"
#include "tls/remembered.h"

struct tls_store {
    struct remembered each[TLS_STORE_SESSIONS]; /* leaf.size 0: free */
    uint64_t turn;                              /* of the newest: many are born within a second */
};

int tls_store_create(struct tls_store **store)
{
    *store = calloc(1, sizeof **store);
    return *store != NULL ? 0 : -ENOMEM;
}

static void forget(struct remembered *session)
{
    free((void *)(uintptr_t)session->leaf.data);
    wipe(session, sizeof *session);
}

void tls_store_clear(struct tls_store *store)
{
    for (size_t i = 0; i < TLS_STORE_SESSIONS; i++) {
        forget(&store->each[i]);
    }
}

void tls_store_destroy(struct tls_store *store)
{
    if (store != NULL) {
        tls_store_clear(store);
        free(store);
    }
}

/* A peer may choose the key that is looked for: how much of it is right must not show in the time. */
static bool same_key(const uint8_t *a, const uint8_t *b)
{
    unsigned differs = 0;

    for (size_t i = 0; i < TLS_STORE_KEY_SIZE; i++) {
        differs |= (unsigned)(a[i] ^ b[i]);
    }
    return differs == 0;
}

const struct remembered *store_find(struct tls_store *store, const uint8_t *key, const uint8_t *trust, int64_t now)
{
    struct remembered *found = NULL;

    for (size_t i = 0; i < TLS_STORE_SESSIONS; i++) {
        if (store->each[i].leaf.size > 0 && same_key(store->each[i].key, key)) {
            found = &store->each[i];
        }
    }
    if (found == NULL) {
        return NULL;
    }
    /* A clock that was set back does not make a session younger. */
    bool fresh = now >= found->born && now - found->born <= TLS_STORE_SECONDS && now <= found->until;
    if (!fresh || memcmp(found->trust, trust, sizeof found->trust) != 0) {
        forget(found);
        return NULL;
    }
    return found;
}

void store_drop(struct tls_store *store, const uint8_t *key)
{
    for (size_t i = 0; i < TLS_STORE_SESSIONS; i++) {
        if (store->each[i].leaf.size > 0 && same_key(store->each[i].key, key)) {
            forget(&store->each[i]);
        }
    }
}

void store_put(struct tls_store *store, const struct remembered *session)
{
    struct remembered *place = &store->each[0];

    store_drop(store, session->key);
    if (session->leaf.size == 0 || session->leaf.size > TLS_STORE_LEAF_MAX) {
        return;
    }
    for (size_t i = 1; i < TLS_STORE_SESSIONS && place->leaf.size > 0; i++) {
        struct remembered *other = &store->each[i];
        place = other->leaf.size == 0 || other->turn < place->turn ? other : place;
    }
    forget(place);
    uint8_t *leaf = malloc(session->leaf.size);
    if (leaf == NULL) {
        return; /* the next handshake is a full one */
    }
    memcpy(leaf, session->leaf.data, session->leaf.size);
    *place = *session;
    place->leaf.data = leaf;
    place->turn = ++store->turn;
}
