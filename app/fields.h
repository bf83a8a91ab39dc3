/* fields: which fields of a request and of an answer pass through the gateway, and what it adds. */
#ifndef INGOT_APP_FIELDS_H
#define INGOT_APP_FIELDS_H

#include "base/bytes.h"
#include "image/config.h"
#include "net/http.h"

#define FIELDS_ID_MAX 64                 /* bytes of a request's id */
#define FIELDS_MAX (HTTP_FIELDS_MAX + 2) /* what passes, and what is added */
/* Client-Cert (RFC 9440 §2.1): the certificate as a byte sequence, ":base64:" */
#define FIELDS_CERTIFICATE_SIZE(der) (4 * (((der) + 2) / 3) + sizeof "::")

/*
 * The request's own X-Request-Id where it is 1–64 of [A-Za-z0-9._-], so that it can stand in any log; else 128 random
 * bits. 0 or -errno of getrandom(2).
 */
int fields_id(const struct http_head *head, char id[static FIELDS_ID_MAX + 1]);

/*
 * Of a request: those that every route and this one let through, without what Connection names; X-Request-Id; with
 * certificate (not NULL) Client-Cert. Nothing that says who the client is passes (the configuration refuses to list
 * such fields). How many; texts are borrowed from head, id and certificate.
 */
size_t fields_of_request(const struct http_head *head, const struct config_route *route, const char *id,
    const char *certificate, struct http_field fields[static FIELDS_MAX]);
/* Of an answer: all but those that belong to one connection (RFC 9110 §7.6.1) or say its framing; X-Request-Id. */
size_t fields_of_answer(const struct http_head *head, const char *id, struct http_field fields[static FIELDS_MAX]);

/*
 * How many seconds a connection may be kept after that answer, at most `most`: as long as the service promises to
 * (`Keep-Alive: timeout=5`, as servers of node and Python say), less a second for the way there. 0: not at all.
 */
unsigned fields_keep_alive(const struct http_head *head, unsigned most);

/* The value of Client-Cert; text holds FIELDS_CERTIFICATE_SIZE(certificate.size). */
void fields_certificate(struct bytes certificate, char *text);

#endif
