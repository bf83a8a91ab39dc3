/* gzip: a gzip file (RFC 1952) as a source of what it inflates to, in bounded memory. */
#include "image/gzip.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define INPUT_SIZE ((size_t)64 << 10)
#define HALF (GZIP_WINDOW / 2)
#define WINDOW_BITS_GZIP (16 + MAX_WBITS) /* a gzip header and trailer, and no other (zlib.h, inflateInit2) */

struct gzip {
    struct source packed;
    z_stream stream;
    bool started;      /* stream is to be released */
    bool ended;        /* the member's end was reached */
    uint64_t consumed; /* bytes of packed that were read */
    uint64_t end;      /* offset of the inflated byte behind the window */
    size_t used;       /* inflated bytes in the window */
    uint8_t input[INPUT_SIZE];
    uint8_t window[GZIP_WINDOW];
};

static int start(struct gzip *gzip, struct reason *why)
{
    if (gzip->started) {
        (void)inflateEnd(&gzip->stream);
    }
    gzip->stream = (z_stream){0};
    gzip->ended = false;
    gzip->consumed = gzip->end = 0;
    gzip->used = 0;
    gzip->started = inflateInit2(&gzip->stream, WINDOW_BITS_GZIP) == Z_OK;
    return gzip->started ? 0 : reason_system(why, -ENOMEM, "no memory for inflating");
}

static int read_input(struct gzip *gzip, struct reason *why)
{
    uint64_t left = gzip->packed.size - gzip->consumed;
    size_t size = left < INPUT_SIZE ? (size_t)left : INPUT_SIZE;
    int error;

    if (size == 0) {
        return reason_set(why, -EINVAL, "the gzip data is cut: it has no end at byte %" PRIu64, gzip->packed.size);
    }
    error = source_read(&gzip->packed, gzip->consumed, gzip->input, size, why);
    gzip->consumed += size;
    gzip->stream.next_in = gzip->input;
    gzip->stream.avail_in = (uInt)size;
    return error;
}

/* Some bytes more behind the window's end, of which the older half goes when it is full. */
static int inflate_more(struct gzip *gzip, struct reason *why)
{
    size_t room;
    int error = gzip->stream.avail_in == 0 ? read_input(gzip, why) : 0;
    int answer;

    if (error < 0) {
        return error;
    }
    if (gzip->used == GZIP_WINDOW) {
        memcpy(gzip->window, gzip->window + HALF, HALF);
        gzip->used = HALF;
    }
    room = GZIP_WINDOW - gzip->used;
    gzip->stream.next_out = gzip->window + gzip->used;
    gzip->stream.avail_out = (uInt)room;
    answer = inflate(&gzip->stream, Z_NO_FLUSH);
    if (answer == Z_MEM_ERROR) {
        return reason_system(why, -ENOMEM, "no memory for inflating");
    }
    if (answer != Z_OK && answer != Z_STREAM_END) {
        return reason_set(why, -EINVAL, "the gzip data is damaged before byte %" PRIu64 " (%s)",
            gzip->consumed - gzip->stream.avail_in, gzip->stream.msg != NULL ? gzip->stream.msg : "no progress");
    }
    room -= gzip->stream.avail_out;
    gzip->used += room;
    gzip->end += room;
    gzip->ended = answer == Z_STREAM_END;
    return 0;
}

/* A source_pull. */
static int pull(void *owner, uint64_t offset, void *buffer, size_t size, struct reason *why)
{
    struct gzip *gzip = owner;
    uint8_t *next = buffer;
    int error = offset < gzip->end - gzip->used ? start(gzip, why) : 0;

    while (error == 0 && size > 0) {
        if (offset < gzip->end) {
            uint64_t there = gzip->end - offset;
            size_t part = there < size ? (size_t)there : size;
            memcpy(next, gzip->window + gzip->used - (size_t)there, part);
            next += part;
            offset += part;
            size -= part;
        } else if (gzip->ended) {
            error = reason_set(why, -EINVAL, "the gzip data has become shorter while it was read");
        } else {
            error = inflate_more(gzip, why);
        }
    }
    return error;
}

/* Behind the member there may be zeros, as behind any archive (the kernel passes over them). */
static int check_rest(struct gzip *gzip, struct reason *why)
{
    int error = 0;

    while (error == 0) {
        for (; gzip->stream.avail_in > 0; gzip->stream.avail_in--, gzip->stream.next_in++) {
            if (*gzip->stream.next_in != 0) {
                return reason_set(why, -EINVAL, "something stands behind the end of the gzip data, at byte %" PRIu64,
                    gzip->consumed - gzip->stream.avail_in);
            }
        }
        if (gzip->consumed == gzip->packed.size) {
            break;
        }
        error = read_input(gzip, why);
    }
    return error;
}

int gzip_open(struct gzip **gzip, const struct source *packed, uint64_t max, struct source *source, struct reason *why)
{
    struct gzip *g = calloc(1, sizeof *g);
    int error;

    *gzip = NULL;
    if (g == NULL) {
        return reason_system(why, -ENOMEM, "no memory for inflating");
    }
    g->packed = *packed;
    error = start(g, why);
    while (error == 0 && !g->ended) {
        error = inflate_more(g, why);
        if (error == 0 && g->end > max) {
            error = reason_set(why, -EINVAL, "the gzip data inflates to more than %" PRIu64 " bytes", max);
        }
    }
    if (error == 0) {
        error = check_rest(g, why);
    }
    if (error < 0) {
        gzip_close(g);
        return error;
    }
    *source = (struct source){.fd = -1, .pull = pull, .owner = g, .size = g->end};
    *gzip = g;
    return 0;
}

void gzip_close(struct gzip *gzip)
{
    if (gzip != NULL && gzip->started) {
        (void)inflateEnd(&gzip->stream);
    }
    free(gzip);
}
