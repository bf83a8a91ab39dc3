/* went_in: holds the documents that say what went into an image (bill of materials, provenance) against the image. */
#ifndef INGOT_TOOLS_WENT_IN_H
#define INGOT_TOOLS_WENT_IN_H

#include "image/runtime.h"
#include "tools/checks.h"

/* The SHA-256 of a file, into the next free place of runtime->sboms. 0 or -errno; at most RUNTIME_SBOMS_MAX. */
int went_in_add(struct runtime *runtime, const char *path, struct reason *why);

/*
 * Between checks_start() and checks_free(). Like the functions of tools/checks.h, each adds one answer, and returns
 * -errno only where the system failed (no such document, no memory, reading).
 *
 * sbom: the file is one of those whose SHA-256 lies in the runtime ramdisk (image/runtime.h).
 * provenance: the file is an in-toto statement (v1) with SLSA provenance (v1), and one of its subjects has this file's
 * SHA-256 as "sha256" and this image's PCR0 as "pcr0". Who wrote it, it does not say: it is not signed.
 */
int went_in_sbom(struct checks *checks, const char *path, struct reason *why);
int went_in_provenance(struct checks *checks, const char *path, struct reason *why);

#endif
