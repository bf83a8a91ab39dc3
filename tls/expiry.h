/* expiry: when the end of a certificate is worth a word, and that word. */
#ifndef INGOT_TLS_EXPIRY_H
#define INGOT_TLS_EXPIRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/reason.h"

#define EXPIRY_DAYS 21 /* what renews by itself mostly does so 30 days before: by then it has failed for a while */

/*
 * What to say of a certificate that ends at until, seconds since 1970: "ends on … UTC, days left: 3", "has ended on …".
 * False: nothing; so for 0 and for what is no date.
 */
bool expiry_text(int64_t until, int64_t now, struct reason *text);

#endif
