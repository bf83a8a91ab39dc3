/* http_reader: reads a response to a request of net/http_client.h, whole or piece by piece. */
#include <errno.h>

#include "net/http_client.h"

/* A whole head has arrived: an interim response is forgotten, a final one's body begins. */
static int start_body(struct http_reader *reader, struct reason *why)
{
    if (http_response_parse(&reader->head, reader->head_bytes.data, reader->head_bytes.size, reader->to_head, why) !=
        0) {
        return -EBADMSG;
    }
    if (reader->head.status == 101) {
        return reason_set(why, -EBADMSG, "the service switches to another protocol (101), which was not asked for");
    }
    if (reader->head.status < 200) {
        if (++reader->interim > HTTP_INTERIM_MAX) {
            return reason_set(why, -EBADMSG, "over %d interim responses (1xx)", HTTP_INTERIM_MAX);
        }
        reader->head_bytes.size = 0;
        reader->scanned = 0;
        return 0;
    }
    reader->in_body = true;
    uint64_t max = reader->max > 0 ? reader->max : HTTP_BODY_MAX;
    return http_body_start(&reader->body, &reader->head, max, why) == 0 ? 0 : -EBADMSG;
}

/* Takes bytes up to the end of a head; what is behind it is not consumed. */
static int take_head(struct http_reader *reader, const char *data, size_t size, size_t *used, struct reason *why)
{
    size_t before = reader->head_bytes.size;
    size_t room = HTTP_HEAD_MAX - before;
    size_t head_size;
    int error = http_buffer_append(&reader->head_bytes, data, size < room ? size : room);

    *used = size < room ? size : room;
    if (error < 0) {
        return reason_set(why, error, "no memory is left for the response");
    }
    if (http_head_find(reader->head_bytes.data, reader->head_bytes.size, &reader->scanned, &head_size, why) != 0) {
        return -EBADMSG;
    }
    if (head_size == 0) {
        return 0;
    }
    *used = head_size - before;
    reader->head_bytes.size = head_size;
    return start_body(reader, why);
}

int http_reader_part(
    struct http_reader *reader, const void *data, size_t size, size_t *used, struct http_text *part, struct reason *why)
{
    *part = (struct http_text){data, 0};
    *used = 0;
    if (size == 0 || http_reader_done(reader)) {
        return 0;
    }
    if (!reader->in_body) {
        return take_head(reader, data, size, used, why);
    }
    return http_body_take(&reader->body, data, size, used, part, why) == 0 ? 0 : -EBADMSG;
}

static int keep(struct http_reader *reader, struct http_text part, struct reason *why)
{
    int error = http_buffer_append(&reader->content, part.data, part.size);

    return error < 0 ? reason_set(why, error, "no memory is left for the response") : 0;
}

int http_reader_take(struct http_reader *reader, const void *data, size_t size, struct reason *why)
{
    const char *at = data;
    int error = 0;

    while (error == 0 && size > 0 && !http_reader_done(reader)) {
        struct http_text part;
        size_t used;
        error = http_reader_part(reader, at, size, &used, &part, why);
        if (error == 0) {
            error = keep(reader, part, why);
        }
        at += used;
        size -= used;
    }
    return error;
}

bool http_reader_done(const struct http_reader *reader)
{
    return reader->in_body && http_body_done(&reader->body);
}

bool http_reader_kept(const struct http_reader *reader)
{
    return http_reader_done(reader) && reader->head.keep_alive;
}

bool http_reader_end(const struct http_reader *reader)
{
    return reader->in_body && http_body_end(&reader->body);
}

void http_reader_free(struct http_reader *reader)
{
    http_buffer_free(&reader->head_bytes);
    http_buffer_free(&reader->content);
}
