/* stream: the bytes of one connection, as they are or through TLS (tls/stream.h): what protocols read and write. */
#ifndef INGOT_NET_STREAM_H
#define INGOT_NET_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

/*
 * Nothing blocks. The owner watches stream->fd for stream_events() of what it wants, LOOP_READ or LOOP_WRITE, and asks
 * again after every call:
 *
 *   open ── stream_start() until 0 ── stream_read(), stream_write(), stream_flush() … ── stream_shutdown() ── close
 *
 * Bytes that are in memory already cause no event: read until -EAGAIN, or ask stream_waiting().
 */
struct stream;

struct stream_class {
    int (*start)(struct stream *stream);
    ssize_t (*read)(struct stream *stream, void *to, size_t size);
    ssize_t (*write)(struct stream *stream, const struct iovec *parts, int count);
    int (*flush)(struct stream *stream);
    int (*peek)(struct stream *stream);
    bool (*waiting)(const struct stream *stream);
    unsigned (*events)(const struct stream *stream, unsigned wanted);
    void (*shutdown)(struct stream *stream);
    void (*close)(struct stream *stream);
};

/* The first member of every kind of stream. */
struct stream {
    const struct stream_class *class;
    int fd; /* closed with the stream */
};

/* Makes a stream of an accepted or connected, non-blocking socket, which is its own from then on. 0 or -ENOMEM. */
typedef int stream_opener(void *arg, int fd, struct stream **stream);

/* The socket's bytes as they are. arg is not used. */
int stream_open_plain(void *arg, int fd, struct stream **stream);

/* What comes before the first byte. 0: done; -EAGAIN; another -errno: it failed. */
static inline int stream_start(struct stream *stream)
{
    return stream->class->start(stream);
}

/* 1…size; 0: the other side has ended well; -EAGAIN; another -errno: the connection has failed, or was cut short. */
static inline ssize_t stream_read(struct stream *stream, void *to, size_t size)
{
    return stream->class->read(stream, to, size);
}

/* How many bytes were taken, which may stay here until stream_flush(); -EAGAIN; another -errno. */
static inline ssize_t stream_write(struct stream *stream, const struct iovec *parts, int count)
{
    return stream->class->write(stream, parts, count);
}

/* 0: all that was written has gone to the kernel; -EAGAIN; another -errno. */
static inline int stream_flush(struct stream *stream)
{
    return stream->class->flush(stream);
}

/* Without taking them: 1: bytes wait; 0: the other side has ended; -EAGAIN; another -errno. */
static inline int stream_peek(struct stream *stream)
{
    return stream->class->peek(stream);
}

/* stream_read() would give bytes now, without an event. */
static inline bool stream_waiting(const struct stream *stream)
{
    return stream->class->waiting(stream);
}

/* What to watch the socket for, where LOOP_READ or LOOP_WRITE is wanted of the stream. */
static inline unsigned stream_events(const struct stream *stream, unsigned wanted)
{
    return stream->class->events(stream, wanted);
}

/* Nothing more is written; the socket is shut for writing, as far as it takes the goodbye at once. */
static inline void stream_shutdown(struct stream *stream)
{
    stream->class->shutdown(stream);
}

/* Closes the socket; unwatch it before. NULL does nothing. */
static inline void stream_close(struct stream *stream)
{
    if (stream != NULL) {
        stream->class->close(stream);
    }
}

#endif
