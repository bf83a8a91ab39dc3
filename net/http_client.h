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

/* Reads one response; zero it but for to_head, head_bytes.budget and content.budget. */
struct http_reader {
    bool to_head;                  /* the request was HEAD */
    struct http_buffer head_bytes; /* what head's texts lie in */
    struct http_buffer content;    /* the decoded body */
    struct http_head head;         /* valid once in_body is set */
    bool in_body;
    struct http_body body;
    size_t scanned;
    unsigned interim;
};

/*
 * Takes what has arrived; bytes behind the response are ignored (the connection is not used again).
 * 0; -EBADMSG: not a valid response, or its body is over HTTP_BODY_MAX; -ENOBUFS, -ENOMEM: no memory for it.
 */
int http_reader_take(struct http_reader *reader, const void *data, size_t size, struct reason *why);
/* The whole response is there. */
bool http_reader_done(const struct http_reader *reader);
/* The connection has ended well: whether the response is whole. */
bool http_reader_end(const struct http_reader *reader);
void http_reader_free(struct http_reader *reader);

#endif
