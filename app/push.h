/* push: judges the JSON text of one push against the measured configuration, and sorts it into its parts. */
#ifndef INGOT_APP_PUSH_H
#define INGOT_APP_PUSH_H

#include <stdbool.h>
#include <stddef.h>

#include "app/secrets.h"
#include "base/reason.h"
#include "image/config.h"

/*
 * A push is one JSON object of at most SECRETS_PUSH_MAX bytes, no key twice, whose names are listed in
 * `[secrets] required` and `optional`, all of the required ones there. Values are strings without NUL; only the
 * identities may be objects. Three names mean something to us:
 *
 *   MTLS_CLIENT_CERT_JSON    an identity (tls/identity.h), checked in full
 *   MTLS_SERVER_CERT_JSON    the same, for those who call the enclave: server_cert, server_key, ca_cert
 *   ECS_WATERMARK_ENDPOINT   https://HOST[:PORT][/…], which must be one of the measured [endpoint] sections
 *
 * All other values are the application's to read. A pushed value only ever chooses among what was measured.
 */
#define PUSH_IDENTITY CONFIG_SECRET_IDENTITY
#define PUSH_ENDPOINT "ECS_WATERMARK_ENDPOINT"
#define PUSH_ANSWER_MAX 1024 /* bytes of an error answer */

/*
 * What an accepted push holds, ready for secrets_write(). Owned; push_free() wipes it. The environment block has every
 * pushed value, the identity's JSON text among them.
 */
struct push {
    struct secrets_header header;
    char *env;
    struct identity_pem identities[SECRETS_KINDS]; /* of NULLs where none was pushed */
    char *
        accepted; /* {"accepted": ["KEY", …]}\n: the answer, names in the order in which the configuration lists them */
};

/*
 * again: an earlier push was accepted, so with `again = identity` this one must hold identities and nothing else.
 * 0; -EINVAL with a sentence that never shows a value; -ENOMEM. On failure there is nothing to free.
 */
int push_read(
    struct push *push, const struct config *config, bool again, const char *text, size_t size, struct reason *why);
void push_free(struct push *push);

/* {"error": "SENTENCE"}\n, SENTENCE escaped and cut to fit. Returns answer. */
const char *push_refusal(const char *sentence, char answer[static PUSH_ANSWER_MAX]);

#endif
