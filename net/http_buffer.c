/* http_buffer: growing bytes whose memory is counted against one bound that many connections share. */
#include "net/http_buffer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define FIRST_ROOM 512

static int resize(struct http_buffer *buffer, size_t room)
{
    struct http_budget *budget = buffer->budget;

    if (budget != NULL && room - buffer->room > budget->max - budget->used) {
        return -ENOBUFS;
    }
    char *data = realloc(buffer->data, room);
    if (data == NULL) {
        return -ENOMEM;
    }
    if (budget != NULL) {
        budget->used += room - buffer->room;
    }
    buffer->data = data;
    buffer->room = room;
    return 0;
}

static int grow(struct http_buffer *buffer, size_t needed)
{
    size_t room = buffer->room == 0 ? FIRST_ROOM : buffer->room;

    while (room < needed) {
        if (!bytes_multiply(room, 2, &room)) {
            return -ENOBUFS;
        }
    }
    return resize(buffer, room);
}

int http_buffer_reserve(struct http_buffer *buffer, size_t size)
{
    size_t needed;

    if (!bytes_add(buffer->size, size, &needed)) {
        return -ENOBUFS;
    }
    return needed > buffer->room ? resize(buffer, needed) : 0;
}

int http_buffer_append(struct http_buffer *buffer, const void *data, size_t size)
{
    size_t needed;

    if (size == 0) {
        return 0;
    }
    if (!bytes_add(buffer->size, size, &needed)) {
        return -ENOBUFS;
    }
    if (needed > buffer->room) {
        int error = grow(buffer, needed);
        if (error < 0) {
            return error;
        }
    }
    memcpy(buffer->data + buffer->size, data, size);
    buffer->size = needed;
    return 0;
}

void http_buffer_free(struct http_buffer *buffer)
{
    free(buffer->data);
    if (buffer->budget != NULL) {
        buffer->budget->used -= buffer->room;
    }
    *buffer = (struct http_buffer){.budget = buffer->budget};
}
