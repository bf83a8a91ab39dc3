/* inbound: the application's inbound ports, in clear or through mutual TLS: who comes in, and how often that went well.
 */
#ifndef INGOT_APP_INBOUND_H
#define INGOT_APP_INBOUND_H

#include "app/credentials.h"
#include "net/http_server.h"

/*
 *   inbound_open ── inbound_listen ── inbound_renew, with each new credentials ── inbound_close, behind the server's
 *
 * A port with tls = mutual lets those in who show a certificate of its CA, with one of the names in `allow` where it
 * has that list. While there is no identity for clients (and no CA), connections are closed at once, which is said
 * once. Each handshake is one line on the console, with the client's names and the SHA-256 of its certificate, or with
 * the failure's sentence, and is counted. A connection that ends before a byte came is only counted: something looked
 * whether the port is open.
 *
 * Sessions are resumed among all ports, each of which judges the client again by its own list; none is once
 * inbound_renew() has brought other credentials. Connections that are there go on with those that they began with.
 */
struct inbound;

/* 0; -ENOMEM; -errno or -EINVAL of a CA file, with a sentence. */
int inbound_open(struct inbound **inbound, const struct config *config, struct reason *why);
/* NULL does nothing. No connection may be there any more. */
void inbound_close(struct inbound *inbound);

/* Accepts on config->inbound_count sockets. 0 or as http_server_listen(). */
int inbound_listen(struct inbound *inbound, struct http_server *server, const int *listeners);
/* Who we are from now on; keeps a reference. */
void inbound_renew(struct inbound *inbound, struct credentials *credentials);

/* A connection of one of the ports has begun, or failed to: what http_started is told. */
void inbound_started(const struct stream *stream, int error);

/* Whether what goes through this connection is hidden from the parent instance. */
bool inbound_private(const struct stream *stream);

/* Both write as app/metrics.h does: the counters; the days that the CA files have left. 0, or as http_buffer_append().
 */
int inbound_metrics(const struct inbound *inbound, struct http_buffer *out);
int inbound_certificates(const struct inbound *inbound, int64_t now, struct http_buffer *out);

#endif
