/* gzip: a gzip file (RFC 1952) as a source of what it inflates to, in bounded memory. */
#ifndef INGOT_IMAGE_GZIP_H
#define INGOT_IMAGE_GZIP_H

#include "base/reason.h"
#include "image/source.h"

/*
 * Nothing inflated is kept but the last GZIP_WINDOW bytes: reading on, or a bit back, is cheap; further back starts
 * again from the beginning. Only `ingot` reads gzip, /init never does.
 */
#define GZIP_WINDOW ((size_t)128 << 10)
#define GZIP_OUTPUT_MAX (UINT64_C(4) << 30) /* bytes that one ramdisk may inflate to */

struct gzip;

/*
 * Inflates all of `packed` once, so that its size is known and damage is seen before any byte is believed: its CRC and
 * length, one member, nothing but zeros behind it, at most max bytes. *source then reads the inflated bytes, until
 * gzip_close(). 0; -EINVAL with a sentence that names the offset in `packed`; -ENOMEM; -errno of reading.
 */
int gzip_open(struct gzip **gzip, const struct source *packed, uint64_t max, struct source *source, struct reason *why);
void gzip_close(struct gzip *gzip); /* NULL does nothing */

#endif
