/* runtime: the first ramdisk of an image of ours: PID 1, and the digests of the documents that say what went into it.
 */
#ifndef INGOT_IMAGE_RUNTIME_H
#define INGOT_IMAGE_RUNTIME_H

#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"
#include "crypto/hash.h"
#include "image/source.h"

/*
 * The archive holds `init` (mode 0755) and, where the builder was given bills of materials, `sbom.sha256` (mode 0644):
 * for each of them, in the builder's order, the SHA-256 of the file as 64 lower-case digits and a newline. Nobody
 * inside the enclave reads it; it lies there so that PCR1, and so PCR0, cover it: metadata is not measured.
 */
#define RUNTIME_INIT "init"
#define RUNTIME_SBOMS "sbom.sha256"
#define RUNTIME_SBOMS_MAX 4
#define RUNTIME_SBOM_LINE (2 * HASH_SHA256_SIZE + 1)

struct runtime {
    uint8_t sboms[RUNTIME_SBOMS_MAX][HASH_SHA256_SIZE];
    size_t sbom_count; /* 0: there is no such file */
};

/* The content of sbom.sha256; returns its length, without NUL: RUNTIME_SBOM_LINE for each. */
size_t runtime_sboms_text(const struct runtime *runtime, char text[static RUNTIME_SBOMS_MAX * RUNTIME_SBOM_LINE + 1]);

/* 0; -EINVAL with a sentence for an archive that holds anything else, or not exactly as written; -ENOMEM; -errno. */
int runtime_read(const struct source *archive, struct runtime *runtime, struct reason *why);

#endif
