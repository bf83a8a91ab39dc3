/* identity: who we are to a peer: a certificate chain and its private key, and the pushed JSON that brings them. */
#ifndef INGOT_TLS_IDENTITY_H
#define INGOT_TLS_IDENTITY_H

#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"

#define TLS_IDENTITY_PEM_MAX (64 * 1024) /* bytes of one PEM text */
#define TLS_IDENTITY_CHAIN 8             /* certificates */

/*
 * Keys: RSA of 2048–4096 bits, ECDSA on P-256, P-384, P-521; as PKCS#1, PKCS#8, or SEC1 (with or without a block EC
 * PARAMETERS in front). The key must belong to the first certificate; further certificates are sent as they stand.
 * No message shows bytes of a key.
 */
struct tls_identity;

/*
 * role is "client" or "server": sentences begin with the name of the part at fault, as in the pushed JSON: client_cert.
 * 0; -EINVAL with a sentence; -ENOMEM. *identity is the caller's.
 */
int tls_identity_load(const char *role, const char *cert_pem, size_t cert_size, const char *key_pem, size_t key_size,
    struct tls_identity **identity, struct reason *why);
/* Wipes it. NULL does nothing. No session may use it any more. */
void tls_identity_free(struct tls_identity *identity);

/* When the first certificate ends, seconds since 1970, and its subject, quoted; for logs. */
int64_t tls_identity_not_after(const struct tls_identity *identity);
const char *tls_identity_subject(const struct tls_identity *identity);

/* When the first of the certificates in a PEM text ends, seconds since 1970; 0 where none of them can be read. */
int64_t tls_pem_not_after(const char *pem, size_t size);

/* Three PEM texts, each malloc'd, NUL-terminated and without NUL inside; pem as it was given. */
struct identity_pem {
    char *cert;
    char *key;
    char *ca;
};

/*
 * Reads {"client_cert": …, "client_key": …, "ca_cert": …} (role is "client"; or "server_cert" …), each PEM text or
 * base64 of PEM text, given as a JSON object or as a string that holds such an object; other keys are passed over. All
 * three must be there, and are checked as tls_identity_load() and tls_trust_load() do; a sentence names the field.
 * 0 with *out the caller's (identity_pem_free() wipes it); -EINVAL, -ENOMEM with *out empty.
 * value is jansson's json_t, borrowed.
 */
struct json_t;
int identity_parse(const struct json_t *value, const char *role, struct identity_pem *out, struct reason *why);
void identity_pem_free(struct identity_pem *pem);

#endif
