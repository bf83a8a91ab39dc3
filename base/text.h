/* text: quoting of foreign bytes for messages, strict numbers, base64 and hexadecimal. */
#ifndef INGOT_BASE_TEXT_H
#define INGOT_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of input that text_quote() shows at the most; longer input ends in "…" (outside the quotes). */
#define TEXT_QUOTE_INPUT 120
/* Room that holds any quote: each byte as \xNN, two quotes, the ellipsis, NUL. */
#define TEXT_QUOTE_SIZE (4 * TEXT_QUOTE_INPUT + 8)

struct text_quoted {
    char text[TEXT_QUOTE_SIZE];
};

/*
 * Foreign bytes made safe for a terminal and a log: "…" with printable ASCII as it is, `"` and `\` escaped, and
 * everything else as \xNN. Returned by value, so that `text_quote(p, n).text` can stand in a printf argument.
 */
struct text_quoted text_quote(const void *data, size_t size);
struct text_quoted text_quote_string(const char *string);

/* Bytes of the UTF-8 character at p (RFC 3629 §4), of which size ≥ 1 are there; 0 where there is none. */
size_t text_character(const unsigned char *p, size_t size);

/* Decimal digits only, no sign, no spaces, no leading zero but in "0", min..max. False: *value untouched. */
bool text_number(const char *text, uint64_t min, uint64_t max, uint64_t *value);

/*
 * Standard base64 (RFC 4648 §4) with padding; white space (space, tab, CR, LF) is passed over. Writes at most out_size
 * bytes; returns the number written, or -EINVAL (not base64), -ENOSPC.
 */
long text_base64_decode(const char *text, size_t size, uint8_t *out, size_t out_size);
/* out holds 4 * ((size + 2) / 3) + 1 bytes; NUL-terminated. */
void text_base64_encode(const void *data, size_t size, char *out);

/* Lower-case hexadecimal; out holds 2 * size + 1 bytes. */
void text_hex(const void *data, size_t size, char *out);
/* Exactly 2 * out_size hexadecimal digits of either case, then NUL. */
bool text_hex_decode(const char *text, uint8_t *out, size_t out_size);

/*
 * The edit distance of two words when it is at most 2, else 3: for "did you mean". Bounded: words over 64 bytes are
 * never near.
 */
unsigned text_distance(const char *a, const char *b);

#endif
