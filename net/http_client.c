/* http_client: writes requests; responses are read in http_reader.c. */
#include "net/http_client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "net/http_write.h"

int http_request_write(struct http_buffer *out, const char *method, const char *authority, const char *target,
    const char *type, size_t length)
{
    char number[32];
    const char *const parts[] = {
        method, " ", target, " HTTP/1.1\r\nHost: ", authority, "\r\nAccept: application/json\r\nConnection: close\r\n"};
    const char *const body_parts[] = {"Content-Type: ", type, "\r\nContent-Length: ", number, "\r\n"};
    int error = 0;

    (void)snprintf(number, sizeof number, "%zu", length);
    for (size_t i = 0; i < sizeof parts / sizeof *parts && error == 0; i++) {
        error = http_write_text(out, parts[i]);
    }
    for (size_t i = 0; type != NULL && i < sizeof body_parts / sizeof *body_parts && error == 0; i++) {
        error = http_write_text(out, body_parts[i]);
    }
    return error == 0 ? http_write_text(out, "\r\n") : error;
}

/* It goes between the spaces of a request's first line. */
static bool is_word(struct http_text text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] <= 0x20 || text.data[i] >= 0x7f) {
            return false;
        }
    }
    return text.size > 0;
}

static bool has_host(const struct http_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (http_text_is_word(fields[i].name, "Host")) {
            return true;
        }
    }
    return false;
}

int http_request_start(struct http_buffer *out, struct http_text method, const char *authority, struct http_text target,
    const struct http_field *fields, size_t count, enum http_framing framing, uint64_t length)
{
    const struct http_text parts[] = {
        method, {" ", 1}, target, {" HTTP/1.1\r\nHost: ", 17}, {authority, strlen(authority)}, {"\r\n", 2}};
    int error = is_word(method) && is_word(target) && is_word(parts[4]) && !has_host(fields, count) ? 0 : -EINVAL;

    for (size_t i = 0; i < sizeof parts / sizeof *parts && error == 0; i++) {
        error = http_buffer_append(out, parts[i].data, parts[i].size);
    }
    if (error == 0) {
        error = http_write_fields(out, fields, count);
    }
    if (error == 0) {
        error = http_write_framing(out, framing, length);
    }
    return error == 0 ? http_write_text(out, "\r\n") : error;
}
