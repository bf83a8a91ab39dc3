/* store: sessions that were established, kept for a while so that they can be resumed without keys and signatures. */
#ifndef INGOT_TLS_STORE_H
#define INGOT_TLS_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/*
 * A store serves sessions of one role and one identity; it lies with whoever starts them:
 *
 *   create ── (sessions put, take and drop) ── clear, whenever identity, CA or allow list have changed ── destroy
 *
 * With each session it keeps the peer's certificate, which is judged again at each resumption: by today's clock, the
 * names, the purpose, the pin and the verify hook of the session that resumes. Signatures are not: the CAs must be the
 * same to the byte. What has come to its time, or has failed once, is never resumed. All of it is wiped.
 */
#define TLS_STORE_SECONDS 600   /* from the full handshake, however often it was resumed since */
#define TLS_STORE_SESSIONS 64   /* the oldest makes room */
#define TLS_STORE_LEAF_MAX 4096 /* bytes of the peer's certificate; sessions with a larger one are not kept */
#define TLS_STORE_KEY_SIZE 32

struct tls_store;

/* 0 or -ENOMEM. */
int tls_store_create(struct tls_store **store);
void tls_store_clear(struct tls_store *store);
/* NULL does nothing. No session may use it any more. */
void tls_store_destroy(struct tls_store *store);

#endif
