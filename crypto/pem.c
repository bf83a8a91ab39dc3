/* pem: finds and decodes the blocks of a PEM text (RFC 7468), strictly. */
#include "crypto/pem.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"

#define BEGIN "-----BEGIN "
#define END "-----END "
#define DASHES "-----"

/* Takes a line off *text, without its end and without white space at its own end. */
static bool line_take(struct bytes *text, struct bytes *line)
{
    const uint8_t *end;
    size_t taken;

    if (text->size == 0) {
        return false;
    }
    end = memchr(text->data, '\n', text->size);
    line->data = text->data;
    line->size = end != NULL ? (size_t)(end - text->data) : text->size;
    taken = end != NULL ? line->size + 1 : line->size;
    text->data += taken;
    text->size -= taken;
    while (line->size > 0 && memchr(" \t\r", line->data[line->size - 1], 3) != NULL) {
        line->size--;
    }
    return true;
}

static bool starts_with(struct bytes line, const char *word)
{
    size_t size = strlen(word);
    return line.size >= size && memcmp(line.data, word, size) == 0;
}

/* The label of a line "-----BEGIN LABEL-----"; false where the line is not of that form. */
static bool label_read(struct bytes line, const char *word, char label[static PEM_LABEL_MAX + 1])
{
    size_t edges = strlen(word) + strlen(DASHES);
    size_t size;

    if (!starts_with(line, word) || line.size <= edges ||
        memcmp(line.data + line.size - strlen(DASHES), DASHES, strlen(DASHES)) != 0) {
        return false;
    }
    size = line.size - edges;
    if (size > PEM_LABEL_MAX) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        uint8_t c = line.data[strlen(word) + i];
        if (c < ' ' || c > '~' || c == '-') {
            return false;
        }
        label[i] = (char)c;
    }
    label[size] = '\0';
    return true;
}

/* Says what is wrong with a line that begins a block and goes on. */
static int begin_refused(struct bytes line, struct reason *why)
{
    for (size_t i = 0; i + 1 < line.size; i++) {
        if (line.data[i] == '\\' && line.data[i + 1] == 'n') {
            return reason_set(why, -EINVAL,
                "its lines are joined by the two characters \\ and n: it was escaped twice, write real line ends");
        }
    }
    return reason_set(why, -EINVAL,
        "\"-----BEGIN …-----\" does not stand on a line of its own: line ends were lost, keep them as they were");
}

/* Takes the lines up to END; text starts behind the line BEGIN. */
static int body_take(struct bytes *text, struct pem_block *block, struct reason *why)
{
    char label[PEM_LABEL_MAX + 1];
    struct bytes line;

    block->base64 = (struct bytes){text->data, 0};
    while (line_take(text, &line)) {
        if (starts_with(line, DASHES)) {
            if (!label_read(line, END, label) || strcmp(label, block->label) != 0) {
                return reason_set(why, -EINVAL, "the block %s is cut short: another line %s comes before its END",
                    block->label, DASHES);
            }
            return 1;
        }
        if (memchr(line.data, ':', line.size) != NULL) {
            return reason_set(why, -EINVAL,
                "the block %s is encrypted or has headers: write it out plain with `openssl pkey`", block->label);
        }
        block->base64.size = (size_t)(text->data - block->base64.data);
    }
    return reason_set(
        why, -EINVAL, "the block %s is cut short: its line -----END %s----- is missing", block->label, block->label);
}

int pem_next(struct bytes *text, struct pem_block *block, struct reason *why)
{
    struct bytes line;

    while (line_take(text, &line)) {
        if (label_read(line, BEGIN, block->label)) {
            return body_take(text, block, why);
        }
        if (pem_looks_like((const char *)line.data, line.size)) {
            return begin_refused(line, why);
        }
    }
    return 0;
}

size_t pem_decoded_max(const struct pem_block *block)
{
    return block->base64.size / 4 * 3 + 3;
}

long pem_decode(const struct pem_block *block, uint8_t *out, struct reason *why)
{
    long size = text_base64_decode((const char *)block->base64.data, block->base64.size, out, pem_decoded_max(block));

    if (size <= 0) {
        return reason_set(why, -EINVAL, "the block %s is not base64 throughout, or is cut short", block->label);
    }
    return size;
}

bool pem_looks_like(const char *text, size_t size)
{
    return memmem(text, size, BEGIN, strlen(BEGIN)) != NULL;
}
