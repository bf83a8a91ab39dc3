/* der: reads the elements of strict DER (X.690 §10) out of a run of bytes, one after the other. */
#ifndef INGOT_CRYPTO_DER_H
#define INGOT_CRYPTO_DER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

/* Identifier octets; an element of a tag number over 30 is refused, nothing we read has one. */
enum {
    DER_BOOLEAN = 0x01,
    DER_INTEGER = 0x02,
    DER_BIT_STRING = 0x03,
    DER_OCTET_STRING = 0x04,
    DER_NULL = 0x05,
    DER_OID = 0x06,
    DER_UTC_TIME = 0x17,
    DER_GENERALIZED_TIME = 0x18,
    DER_UNIVERSAL_STRING = 0x1c,
    DER_BMP_STRING = 0x1e,
    DER_SEQUENCE = 0x30,
    DER_SET = 0x31,
    DER_CONTEXT = 0x80,            /* [n], primitive: DER_CONTEXT + n */
    DER_CONTEXT_CONSTRUCTED = 0xa0 /* [n], constructed */
};

struct der {
    uint8_t tag;
    struct bytes whole; /* with tag and length */
    struct bytes body;
};

/*
 * Takes the next element off *in. Lengths are definite, in their shortest form, and within *in. False: not such an
 * element, or nothing left; *in is then untouched. Everything points into *in's bytes.
 */
bool der_next(struct bytes *in, struct der *element);

/* The same where the next element must have this tag. */
bool der_take(struct bytes *in, uint8_t tag, struct bytes *body);

/* An INTEGER that is not negative, without leading zeros (0 is one byte of 0). */
bool der_take_unsigned(struct bytes *in, struct bytes *number);

/* Whether body are the contents of this OBJECT IDENTIFIER. */
bool der_is(struct bytes body, const char *contents, size_t size);
/* contents is a string literal. */
#define DER_IS(body, contents) der_is((body), (contents), sizeof(contents) - 1)

#endif
