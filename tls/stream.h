/* stream: the bytes of one connection through TLS, as net/stream.h has them. */
#ifndef INGOT_TLS_STREAM_H
#define INGOT_TLS_STREAM_H

#include "net/stream.h"
#include "tls/session.h"

/*
 * stream_start() is the handshake. An end without close_notify, and every other fault, is -EPROTO to whoever reads or
 * writes, and tls_session_error() of tls_stream_session() has its sentence; where the other side stops taking bytes,
 * what it has said before can still be read.
 *
 * What the server's or client's description borrows must live as long as the stream. 0; -ENOMEM; as
 * tls_session_start_…(), with a sentence. On failure fd stays the caller's.
 */
int tls_stream_accept(struct stream **stream, int fd, const struct tls_server *server, struct reason *why);
int tls_stream_connect(struct stream **stream, int fd, const struct tls_client *client, struct reason *why);

/* Hangs something on a stream that was opened here: closed(owner) is called when stream_close() has ended it. */
void tls_stream_own(struct stream *stream, void *owner, void (*closed)(void *owner));
/* NULL: nothing hangs on it, or it is a stream of another kind. */
void *tls_stream_owner(const struct stream *stream);

/* Of a stream that was opened here. */
const struct tls_session *tls_stream_session(const struct stream *stream);
/* The other side has said something, be it no TLS. */
bool tls_stream_heard(const struct stream *stream);

#endif
