/* expiry: warns of certificates that come to their end, for as long as somebody can still do something about it. */
#ifndef INGOT_INIT_EXPIRY_H
#define INGOT_INIT_EXPIRY_H

#include "base/reason.h"

/*
 * Of each certificate that the application relies on, pushed, packed or a measured CA, one line on the console and one
 * event in the log: at the start, with each accepted push, and then every EXPIRY_EVERY_MS, from EXPIRY_DAYS
 * (tls/expiry.h) before its end on.
 */
#define EXPIRY_EVERY_MS (24 * 60 * 60 * 1000)

struct enclave;

/* Reads the measured CAs' dates, and warns in the loop's next turn for the first time. 0; -ENOMEM, or as the files. */
int expiry_open(struct enclave *enclave, struct reason *why);
/* In the loop's next turn once more: something was pushed. */
void expiry_look(struct enclave *enclave);

#endif
