/* http_client: the client's half of one exchange, without I/O: writes a request, reads the response. */
#ifndef INGOT_NET_HTTP_CLIENT_H
#define INGOT_NET_HTTP_CLIENT_H

#include "net/http.h"
#include "net/http_buffer.h"

#define HTTP_INTERIM_MAX 8 /* 1xx responses before the final one */

/*
 * Appends the head of a request with Connection: close. method, authority and target are put in as they are: the
 * caller has checked them. type is NULL where there is no body. 0, or as http_buffer_append().
 */
int http_request_write(struct http_buffer *out, const char *method, const char *authority, const char *target,
    const char *type, size_t length);

/*
 * Appends the head of a request with fields as they are, Host (authority) and the body's framing: NONE, LENGTH or
 * CHUNKED. The connection is kept. 0; -EINVAL: something that would not be read as it was meant; or as
 * http_buffer_append().
 */
int http_request_start(struct http_buffer *out, struct http_text method, const char *authority, struct http_text target,
    const struct http_field *fields, size_t count, enum http_framing framing, uint64_t length);

/* Reads one response; zero it but for to_head, max, head_bytes.budget and content.budget. */
struct http_reader {
    bool to_head;                  /* the request was HEAD */
    uint64_t max;                  /* decoded bytes of the body; 0: HTTP_BODY_MAX */
    struct http_buffer head_bytes; /* what head's texts lie in */
    struct http_buffer content;    /* the decoded body */
    struct http_head head;         /* valid once in_body is set */
    bool in_body;
    struct http_body body;
    size_t scanned;
    unsigned interim;
};

/*
 * The response piece by piece, its body not kept: *used of the size bytes were taken, up to the end of a head, or a
 * run of the body, *part, which lies in data. Call again with what is left; it takes nothing only when the response is
 * whole or size is 0. Once in_body is set, head is valid: before the first byte of the body. (Of an answer to
 * HEAD, which has none, head.length says what a Content-Length has announced.) 0, or as below.
 */
int http_reader_part(struct http_reader *reader, const void *data, size_t size, size_t *used, struct http_text *part,
    struct reason *why);
/* The response is whole, and the connection can take another request: where no byte has come behind it. */
bool http_reader_kept(const struct http_reader *reader);

/*
 * Takes what has arrived; bytes behind the response are ignored (the connection is not used again).
 * 0; -EBADMSG: not a valid response, or its body is over max; -ENOBUFS, -ENOMEM: no memory for it.
 */
int http_reader_take(struct http_reader *reader, const void *data, size_t size, struct reason *why);
/* The whole response is there. */
bool http_reader_done(const struct http_reader *reader);
/* The connection has ended well: whether the response is whole. */
bool http_reader_end(const struct http_reader *reader);
void http_reader_free(struct http_reader *reader);

#endif
