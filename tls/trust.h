/* trust: the certificate authorities that a session believes, read once from PEM. */
#ifndef INGOT_TLS_TRUST_H
#define INGOT_TLS_TRUST_H

#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"

#define TLS_TRUST_PEM_MAX (256 * 1024) /* bytes of PEM text */
#define TLS_TRUST_COUNT 64             /* certificates */

struct tls_trust;

/*
 * Reads every CERTIFICATE of the text; other blocks are an error. A certificate authority (basicConstraints CA, or a
 * self-issued version 1 certificate) vouches for others; any other certificate is trusted as itself, by name and key.
 * They are inputs (RFC 5280 §6.1.1 (d)): that somebody trusts them stands in the place of their own signature, so one
 * with SHA-1 is taken, and neither their dates nor their path length or keyUsage are judged. One with name constraints
 * is refused, as those could not be kept. RSA keys have 2048–4096 bits.
 * 0; -EINVAL with a sentence (nothing there, cut short, malformed, an unfit key); -ENOMEM. *trust is the caller's.
 */
int tls_trust_load(const char *pem, size_t size, struct tls_trust **trust, struct reason *why);
/* Believes nobody: to look at what a server presents (it is refused with its names). 0 or -ENOMEM, as above. */
int tls_trust_none(struct tls_trust **trust);
/* When the first of its certificates ends, seconds since 1970; for counters and logs. */
int64_t tls_trust_not_after(const struct tls_trust *trust);
/* NULL does nothing. No session may use it any more. */
void tls_trust_free(struct tls_trust *trust);

#endif
