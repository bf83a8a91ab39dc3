/* json_text: writes JSON into memory that the caller has measured out; allocates nothing and never runs over it. */
#include "base/json_text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define LONGEST_ESCAPE 6 /* \u00e9 */

static void put(struct json_text *json, const char *text, size_t size)
{
    if (json->overflow || size >= json->size - json->used) {
        json->overflow = true;
        return;
    }
    memcpy(json->data + json->used, text, size);
    json->used += size;
}

static void put_string(struct json_text *json, const unsigned char *p, size_t size)
{
    char escape[LONGEST_ESCAPE + 1];

    put(json, "\"", 1);
    while (size > 0 && !json->overflow) {
        size_t length = text_character(p, size);
        if (length == 0) {
            put(json, "\xef\xbf\xbd", 3);
            length = 1;
        } else if (p[0] == '"' || p[0] == '\\') {
            escape[0] = '\\';
            escape[1] = (char)p[0];
            put(json, escape, 2);
        } else if (p[0] < 0x20 || p[0] == 0x7f || (p[0] == 0xc2 && p[1] < 0xa0)) {
            (void)snprintf(escape, sizeof escape, "\\u%04x", (unsigned)p[length - 1]);
            put(json, escape, LONGEST_ESCAPE);
        } else {
            put(json, (const char *)p, length);
        }
        p += length;
        size -= length;
    }
    put(json, "\"", 1);
}

/* What stands before a value: a comma, its key. */
static void begin(struct json_text *json, const char *key)
{
    if (json->comma) {
        put(json, ",", 1);
    }
    if (key != NULL) {
        put_string(json, (const unsigned char *)key, strlen(key));
        put(json, ":", 1);
    }
    json->comma = true;
}

void json_text_start(struct json_text *json, char *data, size_t size)
{
    *json = (struct json_text){.data = data, .size = size, .overflow = size == 0};
}

void json_text_open(struct json_text *json, const char *key, char bracket)
{
    begin(json, key);
    put(json, &bracket, 1);
    json->comma = false;
}

void json_text_close(struct json_text *json, char bracket)
{
    put(json, &bracket, 1);
    json->comma = true;
}

void json_text_string(struct json_text *json, const char *key, const char *value)
{
    json_text_bytes(json, key, value, strlen(value));
}

void json_text_bytes(struct json_text *json, const char *key, const void *data, size_t size)
{
    begin(json, key);
    put_string(json, data, size);
}

void json_text_number(struct json_text *json, const char *key, int64_t value)
{
    char digits[24];

    begin(json, key);
    put(json, digits, (size_t)snprintf(digits, sizeof digits, "%" PRId64, value));
}

void json_text_unsigned(struct json_text *json, const char *key, uint64_t value)
{
    char digits[24];

    begin(json, key);
    put(json, digits, (size_t)snprintf(digits, sizeof digits, "%" PRIu64, value));
}

void json_text_boolean(struct json_text *json, const char *key, bool value)
{
    begin(json, key);
    put(json, value ? "true" : "false", value ? 4 : 5);
}

long json_text_finish(struct json_text *json)
{
    if (json->overflow) {
        return -ENOSPC;
    }
    json->data[json->used] = '\0';
    return (long)json->used;
}
