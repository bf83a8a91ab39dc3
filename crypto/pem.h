/* pem: finds and decodes the blocks of a PEM text (RFC 7468), strictly. */
#ifndef INGOT_CRYPTO_PEM_H
#define INGOT_CRYPTO_PEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/reason.h"

#define PEM_LABEL_MAX 40

/* One block: what stands between the lines BEGIN and END, as it is in the text. */
struct pem_block {
    char label[PEM_LABEL_MAX + 1]; /* "CERTIFICATE" */
    struct bytes base64;           /* points into the text */
};

/*
 * Takes the next block off *text. BEGIN and END each have a line of their own; text around the blocks (as `openssl
 * x509 -text` writes it) is passed over. Line ends are LF or CRLF.
 * 1: a block; 0: no further one; -EINVAL: a block that is cut short, encrypted, or not in lines, and the sentence.
 */
int pem_next(struct bytes *text, struct pem_block *block, struct reason *why);

/* Room for the decoded bytes of a block, as an upper bound. */
size_t pem_decoded_max(const struct pem_block *block);
/* Decodes into out, which has pem_decoded_max() bytes. The number written (at least 1), or -EINVAL. */
long pem_decode(const struct pem_block *block, uint8_t *out, struct reason *why);

/* Whether the text has anything that begins a block. */
bool pem_looks_like(const char *text, size_t size);

#endif
