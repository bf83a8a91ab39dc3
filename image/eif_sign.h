/* eif_sign: writes an image once more with another signature section, or its first, and nothing else changed. */
#ifndef INGOT_IMAGE_EIF_SIGN_H
#define INGOT_IMAGE_EIF_SIGN_H

#include "base/bytes.h"
#include "image/eif.h"

/*
 * Copies the image to fd (empty, from its offset 0 on), leaves its signature section out where it has one, puts this
 * one at the end, and sets number, table and CRC right. The caller has seen that the image's own CRC is right: it is
 * computed anew here. 0; -EINVAL where the table has no room for one more section; -errno of reading and writing.
 */
int eif_sign(const struct eif *eif, struct bytes section, int fd, struct reason *why);

#endif
