/* contents: looks into the sections of anybody's image for what makes it unfit to run, though its structure is right.
 */
#ifndef INGOT_IMAGE_CONTENTS_H
#define INGOT_IMAGE_CONTENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"
#include "image/cpio.h"
#include "image/eif.h"

/*
 * Files from strangers have faults of two levels. Structure (table, walk, end, bounds, CBOR, an archive that can't be
 * parsed) is refused by every verb: eif_read() and contents_check() fail. Content is named by the verbs that only look
 * (describe, extract, diff) and refused by those that answer for the image (verify, build, sign, run):
 *
 *   - a kernel that is no bzImage, or no arm64 Image where the header says aarch64;
 *   - a ramdisk that is empty, or neither an archive nor compressed data that a kernel knows;
 *   - in the archives a path that is absolute or has "..", a path that stands there twice or shadows one of an earlier
 *     ramdisk (a folder in both is none), and one that lies behind a symbolic link or a file.
 *
 * The CRC and the signature are other callers' (eif_measure(), signature_holds()). Ramdisks in compressions other than
 * gzip are not looked into: that is said in `unopened`.
 */
#define CONTENTS_FAULTS_MAX 100

struct contents_faults {
    char *sentences[CONTENTS_FAULTS_MAX]; /* one line each, quoted and bounded */
    size_t count;
    size_t lost;     /* beyond CONTENTS_FAULTS_MAX */
    size_t unopened; /* ramdisks whose compression is not read here */
};

/*
 * 0 with the faults of content in *faults, in the file's order; -EINVAL with a sentence where an archive can't be
 * parsed; -ENOMEM; -errno of reading. Memory: 16 bytes for each path at the most. contents_free() in either case.
 */
int contents_check(const struct eif *eif, struct contents_faults *faults, struct reason *why);
void contents_free(struct contents_faults *faults);
/* Puts a fault that the caller found (CRC, signature) at the end of the list. 0 or -ENOMEM. */
int contents_add(struct contents_faults *faults, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Whether this is an arm64 Image (Documentation/arch/arm64/booting.rst: "ARM\x64" at byte 56). 0 or -EINVAL. */
int contents_arm64_image(const struct source *kernel, struct reason *why);

/*
 * The path that a kernel unpacks a name of an archive to, relative to the root: without a leading "/" and without "."
 * or empty parts; "" for the root itself. What is wrong with the name, or NULL.
 */
const char *contents_path(const char *name, char path[static CPIO_NAME_MAX + 1]);

#endif
