/* http: HTTP/1.1 heads and bodies over bytes, without I/O: one strict reading, everything ambiguous refused. */
#ifndef INGOT_NET_HTTP_H
#define INGOT_NET_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"

/*
 * RFC 9110 and 9112, read so that no other reader of the same bytes can see another message: lines end in CRLF only,
 * no folded fields, no space before a colon, no two lengths, no Transfer-Encoding but "chunked", one Host. Bytes may
 * arrive in pieces of any size.
 *
 *   bytes ── http_head_find() until there is a whole head ── http_request_parse() or http_response_parse()
 *         ── http_body_start() ── http_body_take() until http_body_done(), or http_body_end() at the end of input
 *
 * What a message breaks is told as the status with which a server answers it (400 …), 0 where all is well, and as a
 * sentence. A client takes any status from a parser as "not a valid response".
 *
 * All bounds of foreign lengths:
 */
#define HTTP_HEAD_MAX (16 * 1024)      /* bytes of a head, its empty line included: 431 */
#define HTTP_FIELDS_MAX 100            /* fields of a head: 431 */
#define HTTP_METHOD_MAX 32             /* bytes of a method: 501 */
#define HTTP_BODY_MAX (1024 * 1024)    /* decoded bytes of a body; one more: 413 */
#define HTTP_CHUNK_DIGITS_MAX 16       /* hexadecimal digits of a chunk's size: 400 */
#define HTTP_CHUNK_EXTENSIONS_MAX 4096 /* bytes of extensions in all chunks of a body together: 400 */
#define HTTP_TRAILERS_MAX 4096         /* bytes of trailers (checked, and dropped): 431 */

/* A run of bytes inside a head; not NUL-terminated. */
struct http_text {
    const char *data;
    size_t size;
};

struct http_field {
    struct http_text name;
    struct http_text value; /* without the white space around it */
};

enum http_framing {
    HTTP_FRAMING_NONE,    /* no body */
    HTTP_FRAMING_LENGTH,  /* Content-Length */
    HTTP_FRAMING_CHUNKED, /* Transfer-Encoding: chunked */
    HTTP_FRAMING_CLOSE    /* a response's: up to the end of the connection */
};

/* A parsed head; its texts lie in the bytes that were parsed and live as long as those. */
struct http_head {
    struct http_text method; /* of a request: any token; compare it, case matters */
    struct http_text target; /* of a request: begins with "/", or is "*" with OPTIONS; the query included */
    struct http_text host;   /* of a request: Host's value, may be empty with HTTP/1.0 */
    unsigned status;         /* of a response: 100–599 */
    struct http_text phrase; /* of a response: may be empty */
    unsigned minor;          /* HTTP/1.minor: 0 or 1 */
    bool keep_alive;         /* the sender allows another message on this connection; never with HTTP/1.0 */
    bool expect_continue;    /* Expect: 100-continue */
    enum http_framing framing;
    uint64_t length; /* with HTTP_FRAMING_LENGTH */
    size_t field_count;
    struct http_field fields[HTTP_FIELDS_MAX];
};

/*
 * Looks for the end of a head in all the bytes that have arrived. *scanned (0 at first) keeps the place between calls;
 * *head_size is the head's size with its empty line, 0 where it is not whole yet. A lone CR or LF, a NUL and an
 * over-long head are told at once. 0 or a status.
 */
unsigned http_head_find(const char *data, size_t size, size_t *scanned, size_t *head_size, struct reason *why);

/*
 * Parses a whole head of a request (an absolute-form target is taken where its scheme is http and its authority is
 * Host's, and is cut to its path). 0; 400; 413 is not decided here; 417; 431; 501; 505.
 */
unsigned http_request_parse(struct http_head *head, const char *data, size_t size, struct reason *why);

/* The same of a response to a request; to_head: the request was HEAD, so no body follows. 0 or 400 and the like. */
unsigned http_response_parse(struct http_head *head, const char *data, size_t size, bool to_head, struct reason *why);

/* The first field of that name (any case), NULL where there is none. */
const struct http_text *http_head_field(const struct http_head *head, const char *name);
/* The target without its query. */
struct http_text http_head_path(const struct http_head *head);

/* Same bytes; same bytes but for the case of ASCII letters. */
bool http_text_is(struct http_text text, const char *string);
bool http_text_is_word(struct http_text text, const char *string);
/* Whether a list of words between commas has that one (RFC 9110 §5.6.1), in any case. */
bool http_list_has(struct http_text list, struct http_text word);

/* Whether its name is a token and its value has no control characters: it can go out as it is. */
bool http_field_valid(const struct http_field *field);

/* A byte of a token: a method, a field's name (RFC 9110 §5.6.2). */
bool http_is_token_byte(char c);

/* Whether host is letters, digits, "-", ".", "_" or an address in brackets, and port, where given, 1 to 5 digits. */
bool http_authority_valid(struct http_text authority);

/* How far a body was decoded. */
struct http_body {
    enum http_framing framing;
    unsigned state;
    uint64_t max;
    uint64_t size; /* decoded so far */
    uint64_t left; /* of the body (length) or of this chunk */
    unsigned digits;
    size_t extensions;
    size_t trailers;
};

/* Prepares for the body of that head. 0, or 413 where it is announced to be over max bytes. */
unsigned http_body_start(struct http_body *body, const struct http_head *head, uint64_t max, struct reason *why);

/*
 * Decodes from the size bytes at data: *used were consumed, *part is a run of decoded bytes in them (may be empty).
 * Call again with what is left; it consumes nothing only when the body is done or size is 0. 0, or 400, 413, 431.
 */
unsigned http_body_take(
    struct http_body *body, const char *data, size_t size, size_t *used, struct http_text *part, struct reason *why);

/* Whether the last byte of the body was seen; never with HTTP_FRAMING_CLOSE. */
bool http_body_done(const struct http_body *body);
/* The connection has ended: whether the body is whole. */
bool http_body_end(const struct http_body *body);

/* The usual words for a status, "" for one that is not known. */
const char *http_status_phrase(unsigned status);

#endif
