/* signer: a signing certificate and its private key out of PEM files, refused before anything is signed with them. */
#ifndef INGOT_TOOLS_SIGNER_H
#define INGOT_TOOLS_SIGNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/key.h"
#include "crypto/x509.h"

#define SIGNER_FILE_MAX ((size_t)64 << 10) /* bytes of PEM */

struct signer {
    struct x509_certificate certificate; /* points into certificate_der */
    struct key key;                      /* the same, key_der */
    uint8_t *certificate_der;
    size_t certificate_size;
    uint8_t *key_der; /* NULL: there is none here */
    size_t key_room;
};

/*
 * Reads the certificate (the file's first) and the key (NULL: it is elsewhere). Refused (-EINVAL): a certificate whose
 * key is not on P-256, P-384 or P-521, or that is not good at the moment `at`; a key that is encrypted, RSA, on
 * another curve or not the certificate's. -errno of reading. signer_free() after 0 only; it wipes the key.
 */
int signer_read(
    struct signer *signer, const char *certificate_path, const char *key_path, int64_t at, struct reason *why);
void signer_free(struct signer *signer);

#endif
