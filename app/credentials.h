/* credentials: what the application is at this moment: its identities, the CAs pushed with them, and the chosen
 * service. */
#ifndef INGOT_APP_CREDENTIALS_H
#define INGOT_APP_CREDENTIALS_H

#include "app/secrets.h"
#include "app/service.h"
#include "tls/identity.h"
#include "tls/store.h"
#include "tls/trust.h"

/* Who we are to one side. */
struct credential {
    struct tls_identity *identity; /* NULL: none was pushed or packed */
    struct tls_trust *ca;          /* the CA that came with it; NULL: none */
    struct tls_store *sessions;    /* to be resumed: gone with the identity that they are of */
};

/*
 * Counted, since calls and connections that are under way go on with what they began with when a push brings
 * new ones:
 *
 *   credentials_create ── credentials_keep ── credentials_drop, as often; the last one wipes
 */
struct credentials {
    unsigned references;
    struct credential client; /* to services */
    struct credential server; /* to our clients; sessions is NULL where no [inbound] speaks TLS */
    int service_error;        /* why there is no service; 0: there is one */
    struct service service;
    struct reason service_why;
};

/*
 * From the memory file fd of a push (app/secrets.h; stays the caller's), or with -1 from what the image itself holds:
 * a packed [identity …] stands in where none of its kind is pushed. 0 with one reference, -EINVAL, -errno.
 */
int credentials_create(struct credentials **credentials, const struct config *config, int fd, struct reason *why);
struct credentials *credentials_keep(struct credentials *credentials);
/* NULL does nothing. */
void credentials_drop(struct credentials *credentials);

/* Reads a trust file of the image (`ca = FILE`). 0, or -errno with a sentence. */
int credentials_read_trust(const char *file, struct tls_trust **trust, struct reason *why);

#endif
