/* expiry: warns of certificates that come to their end, for as long as somebody can still do something about it. */
#ifndef INGOT_INIT_EXPIRY_H
#define INGOT_INIT_EXPIRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/reason.h"

/*
 * Of each certificate that the application relies on, pushed, packed or a measured CA, one line on the console and one
 * event in the log: at the start, with each accepted push, and then every EXPIRY_EVERY_MS, from EXPIRY_DAYS before its
 * end on. What renews by itself mostly does so 30 days before: by then it has failed for a while.
 */
#define EXPIRY_DAYS 21
#define EXPIRY_EVERY_MS (24 * 60 * 60 * 1000)

/* What to say of a certificate that ends at until, seconds since 1970; false: nothing. 0 or what is no date: unknown.
 */
bool expiry_text(int64_t until, int64_t now, struct reason *text);

struct enclave;

/* Reads the measured CAs' dates, and warns in the loop's next turn for the first time. 0; -ENOMEM, or as the files. */
int expiry_open(struct enclave *enclave, struct reason *why);
/* In the loop's next turn once more: something was pushed. */
void expiry_look(struct enclave *enclave);

#endif
