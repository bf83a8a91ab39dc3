/* http_write: heads and chunks as they go out. */
#include "net/http_write.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int http_write_text(struct http_buffer *out, const char *text)
{
    return http_buffer_append(out, text, strlen(text));
}

/* Those that a next hop must not take from us as they came, RFC 9110 §7.6.1. */
static bool is_hop_field(struct http_text name)
{
    static const char *const names[] = {"Connection", "Content-Length", "Keep-Alive", "Proxy-Connection", "TE",
        "Trailer", "Transfer-Encoding", "Upgrade"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (http_text_is_word(name, names[i])) {
            return true;
        }
    }
    return false;
}

static int write_field(struct http_buffer *out, const struct http_field *field)
{
    const struct http_text parts[] = {field->name, {": ", 2}, field->value, {"\r\n", 2}};
    int error = http_field_valid(field) && !is_hop_field(field->name) ? 0 : -EINVAL;

    for (size_t i = 0; i < sizeof parts / sizeof *parts && error == 0; i++) {
        error = http_buffer_append(out, parts[i].data, parts[i].size);
    }
    return error;
}

int http_write_fields(struct http_buffer *out, const struct http_field *fields, size_t count)
{
    int error = 0;

    for (size_t i = 0; i < count && error == 0; i++) {
        error = write_field(out, &fields[i]);
    }
    return error;
}

int http_write_framing(struct http_buffer *out, enum http_framing framing, uint64_t length)
{
    char text[64];

    if (framing == HTTP_FRAMING_LENGTH) {
        (void)snprintf(text, sizeof text, "Content-Length: %llu\r\n", (unsigned long long)length);
        return http_write_text(out, text);
    }
    return framing == HTTP_FRAMING_CHUNKED ? http_write_text(out, "Transfer-Encoding: chunked\r\n") : 0;
}

int http_write_chunk(struct http_buffer *out, const void *data, size_t size)
{
    char line[HTTP_CHUNK_EXTRA];
    int line_size = snprintf(line, sizeof line, "%x\r\n", (unsigned)(size & 0xffff));
    int error = http_buffer_append(out, line, (size_t)line_size);

    if (error == 0) {
        error = http_buffer_append(out, data, size);
    }
    return error == 0 ? http_buffer_append(out, "\r\n", 2) : error;
}

int http_write_last_chunk(struct http_buffer *out)
{
    return http_buffer_append(out, "0\r\n\r\n", HTTP_CHUNK_LAST);
}
