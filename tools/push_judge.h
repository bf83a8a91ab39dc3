/* push_judge: what the enclave would say to a push, and what a certificate's dates say, before anything is sent. */
#ifndef INGOT_TOOLS_PUSH_JUDGE_H
#define INGOT_TOOLS_PUSH_JUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/reason.h"
#include "image/config.h"

/* A sentence about what is allowed and seldom meant. */
typedef void push_warn(void *arg, const char *sentence);

/*
 * Judges with the enclave's own readers: the identity's three forms, PEM, that key and certificate belong together
 * (tls/identity.h), and the dates of the certificates at `now`, which the enclave leaves to the peer. With a
 * configuration also the names (again: as of a further push), the endpoint and the sizes (app/push.h): push_read() is
 * what runs inside.
 *
 * Warned of: an authority outside of its dates, one that is none, a leaf that is not for clients, a chain out of order.
 * 0; -EINVAL with a sentence that shows no value; -ENOMEM. text is what will be sent, object the same read.
 */
int push_judge(const json_t *object, const char *text, size_t size, const struct config *config, bool again,
    int64_t now, push_warn *warn, void *arg, struct reason *why);

#endif
