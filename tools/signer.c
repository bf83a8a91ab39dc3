/* signer: a signing certificate and its private key out of PEM files, refused before anything is signed with them. */
#include "tools/signer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "base/wipe.h"
#include "crypto/pem.h"
#include "tools/checks.h"

static int decode(const struct pem_block *block, uint8_t **der, size_t *size, struct reason *why)
{
    long written;

    *der = malloc(pem_decoded_max(block));
    if (*der == NULL) {
        return reason_system(why, -ENOMEM, "no memory");
    }
    written = pem_decode(block, *der, why);
    *size = written < 0 ? 0 : (size_t)written;
    return written < 0 ? (int)written : 0;
}

static bool is_curve(enum x509_key kind)
{
    return kind == X509_KEY_P256 || kind == X509_KEY_P384 || kind == X509_KEY_P521;
}

/* ---- The certificate ---- */

static int take_certificate(struct signer *signer, struct bytes text, int64_t at, struct reason *why)
{
    struct pem_block block;
    struct reason sentence;
    int found;
    int error;

    do {
        found = pem_next(&text, &block, why);
    } while (found == 1 && strcmp(block.label, "CERTIFICATE") != 0);
    if (found <= 0) {
        return found < 0 ? found : reason_set(why, -EINVAL, "there is no \"-----BEGIN CERTIFICATE-----\" in it");
    }
    error = decode(&block, &signer->certificate_der, &signer->certificate_size, why);
    if (error == 0) {
        error = x509_read((struct bytes){signer->certificate_der, signer->certificate_size}, &signer->certificate, why);
    }
    if (error < 0) {
        return error;
    }
    if (!is_curve(signer->certificate.key)) {
        return reason_set(why, -EINVAL, "its key is %s: images are signed with keys on P-256, P-384 or P-521",
            signer->certificate.key == X509_KEY_RSA ? "RSA" : "of a kind that is not taken");
    }
    return checks_dates(&signer->certificate, at, &sentence)
               ? 0
               : reason_set(why, -EINVAL, "%s (--at judges at another time)", sentence.text);
}

/* ---- The key ---- */

/* The one private key of the text. */
static int find_key(struct bytes text, struct pem_block *found, struct reason *why)
{
    struct pem_block block;
    bool have = false;
    int more;

    while ((more = pem_next(&text, &block, why)) == 1) {
        if (strcmp(block.label, "ENCRYPTED PRIVATE KEY") == 0) {
            return reason_set(why, -EINVAL,
                "the key is encrypted: write it out plain with `openssl pkey -in FILE`, or keep it where it is and use "
                "--prepare and --attach");
        }
        if (strcmp(block.label, "PRIVATE KEY") != 0 && strcmp(block.label, "EC PRIVATE KEY") != 0 &&
            strcmp(block.label, "RSA PRIVATE KEY") != 0) {
            continue; /* the curve, in front of the key; a certificate beside it */
        }
        if (have) {
            return reason_set(why, -EINVAL, "there is more than one private key in it");
        }
        *found = block;
        have = true;
    }
    if (more < 0) {
        return more;
    }
    return have ? 0 : reason_set(why, -EINVAL, "there is no \"-----BEGIN PRIVATE KEY-----\" in it");
}

static int take_key(struct signer *signer, struct bytes text, struct reason *why)
{
    struct pem_block block;
    size_t size;
    int error = find_key(text, &block, why);

    if (error < 0) {
        return error;
    }
    signer->key_room = pem_decoded_max(&block);
    error = decode(&block, &signer->key_der, &size, why);
    if (error == 0) {
        error = key_read((struct bytes){signer->key_der, size}, &signer->key, why);
    }
    if (error == 0 && !is_curve(signer->key.kind)) {
        error = reason_set(why, -EINVAL,
            "an RSA key: images are signed with keys on P-256, P-384 or P-521 (openssl ecparam -name secp384r1 "
            "-genkey)");
    }
    if (error == 0 && !key_belongs(&signer->key, &signer->certificate)) {
        error = reason_set(why, -EINVAL, "the key does not belong to the certificate: give the pair made together");
    }
    return error;
}

int signer_read(
    struct signer *signer, const char *certificate_path, const char *key_path, int64_t at, struct reason *why)
{
    char *text = NULL;
    size_t size = 0;
    int error = file_read(certificate_path, SIGNER_FILE_MAX, &text, &size, why);

    *signer = (struct signer){0};
    if (error < 0) {
        return error;
    }
    error = take_certificate(signer, (struct bytes){(uint8_t *)text, size}, at, why);
    if (error < 0) {
        reason_prefix(why, "%s", certificate_path);
    }
    wipe_free(text, size); /* people keep both in one file */
    if (error == 0 && key_path != NULL) {
        error = file_read(key_path, SIGNER_FILE_MAX, &text, &size, why);
        if (error == 0) {
            error = take_key(signer, (struct bytes){(uint8_t *)text, size}, why);
            wipe_free(text, size);
            if (error < 0) {
                reason_prefix(why, "%s", key_path);
            }
        }
    }
    if (error < 0) {
        signer_free(signer);
    }
    return error;
}

void signer_free(struct signer *signer)
{
    free(signer->certificate_der);
    wipe_free(signer->key_der, signer->key_room);
    *signer = (struct signer){0};
}
