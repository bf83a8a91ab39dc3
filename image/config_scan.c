/* config_scan: finds bytes that no line of enclave.ini may have, before anything reads it as text. */
#include <stdint.h>

#include "image/config_parse.h"

/*
 * The size of the UTF-8 character at text (RFC 3629 §4: shortest form, no surrogates, at most U+10FFFF) and its code
 * point; 0 where there is none.
 */
static size_t utf8_character(const uint8_t *text, size_t left, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t size = text[0] < 0x80 ? 1 : text[0] >> 5 == 6 ? 2 : text[0] >> 4 == 14 ? 3 : text[0] >> 3 == 30 ? 4 : 0;

    if (size == 0 || size > left) {
        return 0;
    }
    *code = size == 1 ? text[0] : text[0] & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        if (text[i] >> 6 != 2) {
            return 0;
        }
        *code = *code << 6 | (text[i] & 0x3f);
    }
    return *code >= least[size] && *code <= 0x10ffff && (*code < 0xd800 || *code > 0xdfff) ? size : 0;
}

/* Characters that are not seen, or turn the direction of those around them: the file would not say what it shows. */
static const char *code_fault(uint32_t code)
{
    if (code == 0) {
        return "a NUL byte";
    }
    if (code == 0x2028 || code == 0x2029 || (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) ||
        code == 0x200e || code == 0x200f || code == 0x061c) {
        return "a character that changes the direction or the lines of the text";
    }
    return (code < 0x20 && code != '\t' && code != '\n') || code == 0x7f || (code >= 0x80 && code < 0xa0)
               ? "a control character"
               : NULL;
}

void config_scan(struct config_parser *parser, char *text, size_t size)
{
    unsigned line = 1;
    unsigned reported = 0;

    for (size_t i = 0; i < size;) {
        uint32_t code = 0;
        size_t length = utf8_character((const uint8_t *)text + i, size - i, &code);
        bool line_end = text[i] == '\r' && (i + 1 == size || text[i + 1] == '\n');
        const char *fault = length == 0 ? "bytes that are not UTF-8" : line_end ? NULL : code_fault(code);
        length = length == 0 ? 1 : length;
        if (fault != NULL) {
            if (reported != line) {
                config_error(parser, line, "there is %s in this line (byte %zu of the file); remove it", fault, i + 1);
                reported = line;
            }
            for (size_t k = 0; k < length; k++) {
                text[i + k] = '?';
            }
        }
        line += code == '\n';
        i += length;
    }
    parser->bad_lines = parser->report->error_count;
}
