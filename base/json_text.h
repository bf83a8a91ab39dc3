/* json_text: writes JSON into memory that the caller has measured out; allocates nothing and never runs over it. */
#ifndef INGOT_BASE_JSON_TEXT_H
#define INGOT_BASE_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 *   json_text_start ── json_text_open … values … json_text_close ── json_text_finish
 *
 * key is NULL inside an array and for the outermost value. Strings are written as valid UTF-8 whatever comes in: each
 * byte that is none becomes U+FFFD; control characters are escaped, DEL and those of C1 as well, since a terminal may
 * see them.
 */
struct json_text {
    char *data;
    size_t size;
    size_t used;
    bool comma;    /* one is due before the next value */
    bool overflow; /* something did not fit; nothing is written from there on */
};

void json_text_start(struct json_text *json, char *data, size_t size);
/* bracket is '{' or '[', then '}' or ']'. */
void json_text_open(struct json_text *json, const char *key, char bracket);
void json_text_close(struct json_text *json, char bracket);
void json_text_string(struct json_text *json, const char *key, const char *value);
void json_text_bytes(struct json_text *json, const char *key, const void *data, size_t size);
void json_text_number(struct json_text *json, const char *key, int64_t value);
void json_text_unsigned(struct json_text *json, const char *key, uint64_t value);
void json_text_boolean(struct json_text *json, const char *key, bool value);

/* Bytes written, without the NUL that is put behind them; -ENOSPC where something did not fit. */
long json_text_finish(struct json_text *json);

#endif
