/* listing: what is in the ramdisks of an image, file by file, as JSON. */
#ifndef INGOT_TOOLS_LISTING_H
#define INGOT_TOOLS_LISTING_H

#include <jansson.h>

#include "image/contents.h"
#include "image/eif.h"

/*
 * Prints, as the next members of an object that stands open on stdout:
 *
 *   "Ramdisks": [{"Ramdisk": 1, "Form": "gzip", "Size": bytes, "Unpacked": bytes, "Files": [
 *     {"Path", "Type": "file" | "folder" | "link" | "other", "Mode": "0755", "Size", "SHA384"[, "Target"]}, …]}, …],
 *   "Faults": ["ramdisk 2: \"init\" shadows the one of ramdisk 1", …]
 *
 * SHA384 is that of a file's content; links have their Target, folders neither. "Files" is null for a ramdisk that is
 * not opened. Each file is printed as it is read, so memory does not grow with their number. 0 or -errno.
 */
int listing_print(const struct eif *eif, const struct contents_faults *faults, struct reason *why);

/* A JSON string of foreign bytes: as they are where they are UTF-8, else quoted. NULL without memory. */
json_t *listing_text(const char *text, size_t size);

/* "file", "folder", "link", "other". */
const char *listing_type(uint32_t mode);

/* The SHA-384 of all bytes of a source. 0 or -errno. */
int listing_digest(const struct source *content, uint8_t digest[static HASH_SHA384_SIZE], struct reason *why);

#endif
