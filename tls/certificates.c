/* certificates: all certificates of a PEM text, decoded into one allocation. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/pem.h"
#include "tls/internal.h"

static int block_add(const struct pem_block *block, size_t max, struct certificates *certificates, struct reason *why)
{
    uint8_t *at = certificates->der + certificates->der_size;
    long size;

    if (memmem(block->label, strlen(block->label), "PRIVATE KEY", strlen("PRIVATE KEY")) != NULL) {
        return reason_set(why, -EINVAL, "there is a private key among the certificates: keep it apart");
    }
    if (strcmp(block->label, "CERTIFICATE") != 0) {
        return reason_set(why, -EINVAL, "there is a block %s where certificates are expected", block->label);
    }
    if (certificates->count == max) {
        return reason_set(why, -EINVAL, "there are more than %zu certificates", max);
    }
    size = pem_decode(block, at, why);
    if (size < 0) {
        return (int)size;
    }
    certificates->each[certificates->count++] = (struct bytes){at, (size_t)size};
    certificates->der_size += (size_t)size;
    return 0;
}

int certificates_load(const char *pem, size_t size, size_t max, struct certificates *certificates, struct reason *why)
{
    struct bytes text = {(const uint8_t *)pem, size};
    struct pem_block block;
    int error = 0;
    int more;

    /* Every block has more base64 than it has bytes, and its lines BEGIN and END on top of that. */
    *certificates = (struct certificates){.der = malloc(size + 1), .each = calloc(max, sizeof(struct bytes))};
    if (certificates->der == NULL || certificates->each == NULL) {
        error = reason_set(why, -ENOMEM, "out of memory");
    }
    while (error == 0 && (more = pem_next(&text, &block, why)) != 0) {
        error = more < 0 ? more : block_add(&block, max, certificates, why);
    }
    if (error == 0 && certificates->count == 0) {
        error = reason_set(why, -EINVAL, "there is no certificate in it (\"-----BEGIN CERTIFICATE-----\")");
    }
    if (error != 0) {
        certificates_free(certificates);
    }
    return error;
}

void certificates_free(struct certificates *certificates)
{
    free(certificates->der);
    free(certificates->each);
    memset(certificates, 0, sizeof *certificates);
}

void certificates_digest(const struct certificates *certificates, uint8_t digest[static HASH_SHA256_SIZE])
{
    struct hash_sha256 hash;

    hash_sha256_init(&hash);
    for (size_t i = 0; i < certificates->count; i++) { /* DER says where each ends */
        hash_sha256_update(&hash, certificates->each[i].data, certificates->each[i].size);
    }
    hash_sha256_out(&hash, digest);
}
