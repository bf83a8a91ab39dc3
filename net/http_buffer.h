/* http_buffer: growing bytes whose memory is counted against one bound that many connections share. */
#ifndef INGOT_NET_HTTP_BUFFER_H
#define INGOT_NET_HTTP_BUFFER_H

#include <stddef.h>

/*
 * A budget is a plain counter: {.max = bytes}. A buffer, zeroed but for its budget, takes memory from it only as bytes
 * arrive, doubling its room, so an announced length costs nothing. http_buffer_free() gives all of it back and leaves
 * an empty buffer. Assigning one buffer to another moves it: then the first must be forgotten.
 */
struct http_budget {
    size_t max;
    size_t used;
};

struct http_buffer {
    char *data;
    size_t size;
    size_t room;
    struct http_budget *budget; /* NULL: not counted */
};

/* Both: 0; -ENOBUFS where the budget does not have the room; -ENOMEM. On failure the buffer is as it was. */
/* Makes room for size bytes more, and not for more than that: for who knows how many will come. */
int http_buffer_reserve(struct http_buffer *buffer, size_t size);
int http_buffer_append(struct http_buffer *buffer, const void *data, size_t size);
void http_buffer_free(struct http_buffer *buffer);

#endif
