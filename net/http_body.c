/* http_body: decodes a body byte by byte as its head has framed it, chunked coding included. */
#include "net/http.h"

#include "base/text.h"

/* Of the chunked coding, RFC 9112 §7.1, in the order in which they come; DATA also serves the other framings. */
enum state {
    SIZE_FIRST, /* a chunk's size: at least one digit */
    SIZE,
    EXTENSION_SPACE, /* blanks before the ";" of an extension */
    EXTENSION,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER_START, /* a trailer's first byte, or the CR of the empty line */
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    LAST_LF,
    DONE,
    REFUSED /* what follows a refused byte means nothing */
};

unsigned http_body_start(struct http_body *body, const struct http_head *head, uint64_t max, struct reason *why)
{
    *body = (struct http_body){.framing = head->framing, .max = max};
    switch (head->framing) {
    case HTTP_FRAMING_NONE:
        body->state = DONE;
        break;
    case HTTP_FRAMING_LENGTH:
        body->left = head->length;
        body->state = head->length > 0 ? DATA : DONE;
        break;
    case HTTP_FRAMING_CHUNKED:
        body->state = SIZE_FIRST;
        break;
    case HTTP_FRAMING_CLOSE:
        /* One more than may come, so that the byte over max is seen. */
        body->left = max < UINT64_MAX ? max + 1 : max;
        body->state = DATA;
        break;
    }
    if (head->framing == HTTP_FRAMING_LENGTH && head->length > max) {
        reason_set(why, 0, "the body is %llu bytes, over the %llu that are taken", (unsigned long long)head->length,
            (unsigned long long)max);
        return 413;
    }
    return 0;
}

static unsigned refuse_byte(struct reason *why, const char *where, char c)
{
    reason_set(why, 0, "chunked body: %s does not go on with %s", where, text_quote(&c, 1).text);
    return 400;
}

static unsigned refuse_size(const struct http_body *body, struct reason *why)
{
    reason_set(why, 0, "the body is over the %llu bytes that are taken", (unsigned long long)body->max);
    return 413;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_control(char c)
{
    return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7f;
}

static unsigned take_size(struct http_body *body, char c, struct reason *why)
{
    int digit = hex_digit(c);

    if (digit >= 0) {
        if (++body->digits > HTTP_CHUNK_DIGITS_MAX) {
            reason_set(why, 0, "chunked body: a size of over %d digits", HTTP_CHUNK_DIGITS_MAX);
            return 400;
        }
        body->left = body->left << 4 | (uint64_t)digit;
        body->state = SIZE;
        return 0;
    }
    if (body->state == SIZE_FIRST) {
        return refuse_byte(why, "a chunk's size", c);
    }
    if (c == '\r') {
        body->state = SIZE_LF;
        return 0;
    }
    body->state = c == ';' ? EXTENSION : EXTENSION_SPACE;
    body->extensions++;
    return c == ';' || c == ' ' || c == '\t' ? 0 : refuse_byte(why, "a chunk's size", c);
}

/* Blanks, then extensions: passed over within their bound; a lone CR or LF in one is how requests are smuggled. */
static unsigned take_extension(struct http_body *body, char c, struct reason *why)
{
    if (body->state == EXTENSION && c == '\r') {
        body->state = SIZE_LF;
        return 0;
    }
    if (body->state == EXTENSION_SPACE && c == ';') {
        body->state = EXTENSION;
    } else if (is_control(c) || (body->state == EXTENSION_SPACE && c != ' ' && c != '\t')) {
        return refuse_byte(why, "a chunk's extension", c);
    }
    if (++body->extensions > HTTP_CHUNK_EXTENSIONS_MAX) {
        reason_set(why, 0, "chunked body: over %d bytes of extensions", HTTP_CHUNK_EXTENSIONS_MAX);
        return 400;
    }
    return 0;
}

static unsigned take_size_end(struct http_body *body, char c, struct reason *why)
{
    if (c != '\n') {
        return refuse_byte(why, "a chunk's size line", c);
    }
    if (body->left > body->max - body->size) {
        return refuse_size(body, why);
    }
    body->state = body->left > 0 ? DATA : TRAILER_START;
    return 0;
}

static unsigned take_data_end(struct http_body *body, char c, struct reason *why)
{
    if (c != (body->state == DATA_CR ? '\r' : '\n')) {
        return refuse_byte(why, "a chunk's end", c);
    }
    body->state = body->state == DATA_CR ? DATA_LF : SIZE_FIRST;
    body->digits = 0;
    return 0;
}

/* Trailers are checked as fields are and mean nothing. */
static unsigned take_trailer(struct http_body *body, char c, struct reason *why)
{
    if (++body->trailers > HTTP_TRAILERS_MAX) {
        reason_set(why, 0, "chunked body: over %d bytes of trailers", HTTP_TRAILERS_MAX);
        return 431;
    }
    switch (body->state) {
    case TRAILER_START:
        body->state = c == '\r' ? LAST_LF : TRAILER_NAME;
        return c == '\r' || http_is_token_byte(c) ? 0 : refuse_byte(why, "the last chunk", c);
    case TRAILER_NAME:
        body->state = c == ':' ? TRAILER_VALUE : TRAILER_NAME;
        return c == ':' || http_is_token_byte(c) ? 0 : refuse_byte(why, "a trailer's name", c);
    case TRAILER_VALUE:
        body->state = c == '\r' ? TRAILER_LF : TRAILER_VALUE;
        return c == '\r' || !is_control(c) ? 0 : refuse_byte(why, "a trailer's value", c);
    default:
        body->state = body->state == LAST_LF ? DONE : TRAILER_START;
        return c == '\n' ? 0 : refuse_byte(why, "a trailer's line", c);
    }
}

static unsigned take_byte(struct http_body *body, char c, struct reason *why)
{
    switch (body->state) {
    case REFUSED:
        reason_set(why, 0, "the body was refused before");
        return 400;
    case SIZE_FIRST:
    case SIZE:
        return take_size(body, c, why);
    case EXTENSION_SPACE:
    case EXTENSION:
        return take_extension(body, c, why);
    case SIZE_LF:
        return take_size_end(body, c, why);
    case DATA_CR:
    case DATA_LF:
        return take_data_end(body, c, why);
    default:
        return take_trailer(body, c, why);
    }
}

static unsigned take_data(
    struct http_body *body, const char *data, size_t size, struct http_text *part, struct reason *why)
{
    *part = (struct http_text){data, size > body->left ? (size_t)body->left : size};
    body->size += part->size;
    body->left -= part->size;
    if (body->size > body->max) {
        return refuse_size(body, why);
    }
    if (body->left == 0) {
        body->state = body->framing == HTTP_FRAMING_CHUNKED ? DATA_CR : DONE;
    }
    return 0;
}

unsigned http_body_take(
    struct http_body *body, const char *data, size_t size, size_t *used, struct http_text *part, struct reason *why)
{
    unsigned status = 0;

    *part = (struct http_text){data, 0};
    *used = 0;
    while (*used < size && status == 0 && body->state != DATA && body->state != DONE) {
        status = take_byte(body, data[*used], why);
        (*used)++;
    }
    if (status == 0 && body->state == DATA && *used < size) {
        status = take_data(body, data + *used, size - *used, part, why);
        *used += part->size;
    }
    body->state = status != 0 ? REFUSED : body->state;
    return status;
}

bool http_body_done(const struct http_body *body)
{
    return body->state == DONE;
}

bool http_body_end(const struct http_body *body)
{
    return body->state == DONE || body->framing == HTTP_FRAMING_CLOSE;
}
