/* http_write: heads and chunks as they go out. */
#ifndef INGOT_NET_HTTP_WRITE_H
#define INGOT_NET_HTTP_WRITE_H

#include "net/http.h"
#include "net/http_buffer.h"

/* Bytes around those of a chunk of less than 64 KiB: at most four digits, two CRLF. And the last chunk's, "0". */
#define HTTP_CHUNK_EXTRA (4 + 2 + 2)
#define HTTP_CHUNK_LAST (1 + 2 + 2)

/* All append to out: 0, or as http_buffer_append(). */
int http_write_text(struct http_buffer *out, const char *text);
/* -EINVAL: a name that is no token, a value with control characters, or a field that says how its message is framed or
 * what becomes of its connection: that is for whoever frames it to say.
 */
int http_write_fields(struct http_buffer *out, const struct http_field *fields, size_t count);
/* Content-Length or Transfer-Encoding; nothing for the other framings. */
int http_write_framing(struct http_buffer *out, enum http_framing framing, uint64_t length);
/* A chunk of size bytes, 1 … 65535. */
int http_write_chunk(struct http_buffer *out, const void *data, size_t size);
/* The end of a chunked body, without trailers. */
int http_write_last_chunk(struct http_buffer *out);

#endif
