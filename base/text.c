/* text: quoting of foreign bytes for messages, strict numbers, base64 and hexadecimal. */
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char digits[] = "0123456789abcdef";

struct text_quoted text_quote(const void *data, size_t size)
{
    const uint8_t *bytes = data;
    size_t shown = size > TEXT_QUOTE_INPUT ? TEXT_QUOTE_INPUT : size;
    struct text_quoted quoted;
    char *out = quoted.text;

    *out++ = '"';
    for (size_t i = 0; i < shown; i++) {
        if (bytes[i] == '"' || bytes[i] == '\\') {
            *out++ = '\\';
            *out++ = (char)bytes[i];
        } else if (bytes[i] >= 0x20 && bytes[i] < 0x7f) {
            *out++ = (char)bytes[i];
        } else {
            *out++ = '\\';
            *out++ = 'x';
            *out++ = digits[bytes[i] >> 4];
            *out++ = digits[bytes[i] & 15];
        }
    }
    *out++ = '"';
    memcpy(out, shown < size ? "…" : "", shown < size ? sizeof "…" : 1);
    return quoted;
}

struct text_quoted text_quote_string(const char *string)
{
    return text_quote(string, strlen(string));
}

bool text_number(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
    uint64_t number = 0;

    if (text[0] == '\0' || (text[0] == '0' && text[1] != '\0')) {
        return false;
    }
    for (const char *p = text; *p != '\0'; p++) {
        if (*p < '0' || *p > '9' || __builtin_mul_overflow(number, 10u, &number) ||
            __builtin_add_overflow(number, (uint64_t)(*p - '0'), &number)) {
            return false;
        }
    }
    if (number < min || number > max) {
        return false;
    }
    *value = number;
    return true;
}

static const char base64_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int base64_value(char c)
{
    const char *at = c != '\0' ? strchr(base64_alphabet, c) : NULL;
    return at != NULL ? (int)(at - base64_alphabet) : -1;
}

/* Writes the bytes of one group of four characters, pad of which are '='. */
static long base64_group(const int value[static 4], unsigned pad, uint8_t *out, size_t room)
{
    uint32_t bits = (uint32_t)value[0] << 18 | (uint32_t)value[1] << 12 | (uint32_t)value[2] << 6 | (uint32_t)value[3];
    unsigned count = 3 - pad;

    if ((pad == 1 && (bits & 0xff) != 0) || (pad == 2 && (bits & 0xffff) != 0)) {
        return -EINVAL; /* bits behind the end: two texts for the same bytes */
    }
    if (count > room) {
        return -ENOSPC;
    }
    for (unsigned i = 0; i < count; i++) {
        out[i] = (uint8_t)(bits >> (16 - 8 * i));
    }
    return (long)count;
}

long text_base64_decode(const char *text, size_t size, uint8_t *out, size_t out_size)
{
    int value[4];
    unsigned have = 0;
    unsigned pad = 0;
    size_t used = 0;

    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
            continue;
        }
        int v = c == '=' ? 0 : base64_value(c);
        bool padding_misplaced = c == '=' ? have < 2 : pad > 0;
        if (v < 0 || padding_misplaced) {
            return -EINVAL;
        }
        pad += c == '=';
        value[have++] = v;
        if (have == 4) {
            long n = base64_group(value, pad, out + used, out_size - used);
            if (n < 0) {
                return n;
            }
            used += (size_t)n;
            have = 0; /* after padding only white space may follow: anything else is misplaced above */
        }
    }
    return have == 0 ? (long)used : -EINVAL;
}

void text_base64_encode(const void *data, size_t size, char *out)
{
    const uint8_t *in = data;

    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t bits = (uint32_t)in[i] << 16 | (left > 1 ? (uint32_t)in[i + 1] << 8 : 0) | (left > 2 ? in[i + 2] : 0u);
        *out++ = base64_alphabet[bits >> 18 & 63];
        *out++ = base64_alphabet[bits >> 12 & 63];
        *out++ = left > 1 ? base64_alphabet[bits >> 6 & 63] : '=';
        *out++ = left > 2 ? base64_alphabet[bits & 63] : '=';
    }
    *out = '\0';
}

void text_hex(const void *data, size_t size, char *out)
{
    const uint8_t *in = data;

    for (size_t i = 0; i < size; i++) {
        *out++ = digits[in[i] >> 4];
        *out++ = digits[in[i] & 15];
    }
    *out = '\0';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool text_hex_decode(const char *text, uint8_t *out, size_t out_size)
{
    for (size_t i = 0; i < out_size; i++) {
        int high = hex_value(text[0]);
        int low = high < 0 ? -1 : hex_value(text[1]);
        if (low < 0) {
            return false;
        }
        out[i] = (uint8_t)(high << 4 | low);
        text += 2;
    }
    return *text == '\0';
}

#define WORD_MAX 64
#define FAR 3

unsigned text_distance(const char *a, const char *b)
{
    size_t rows = strnlen(a, WORD_MAX + 1);
    size_t columns = strnlen(b, WORD_MAX + 1);
    unsigned above[WORD_MAX + 1];

    if (rows > WORD_MAX || columns > WORD_MAX) {
        return FAR;
    }
    for (unsigned j = 0; j <= columns; j++) {
        above[j] = j;
    }
    for (unsigned i = 1; i <= rows; i++) {
        unsigned diagonal = above[0];
        above[0] = i;
        for (unsigned j = 1; j <= columns; j++) {
            unsigned best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = above[j];
            best = above[j] + 1 < best ? above[j] + 1 : best;
            best = above[j - 1] + 1 < best ? above[j - 1] + 1 : best;
            above[j] = best;
        }
    }
    return above[columns] < FAR ? above[columns] : FAR;
}

size_t text_character(const unsigned char *p, size_t size)
{
    size_t length = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;

    if (length == 0 || length > size) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
    bool beyond = (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf4 && p[1] > 0x8f); /* surrogates, U+110000 */
    return overlong || beyond ? 0 : length;
}
