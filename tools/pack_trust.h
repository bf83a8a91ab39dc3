/* pack_trust: whether the certificates and keys that an image packs are such as the enclave will take. */
#ifndef INGOT_TOOLS_PACK_TRUST_H
#define INGOT_TOOLS_PACK_TRUST_H

#include <stdint.h>

#include "image/config.h"
#include "image/tree.h"

typedef void pack_warn(void *arg, const char *sentence);

/*
 * Reads every `ca`, and each `cert` with its `key`, of a built-in application as that will; what a user's program takes
 * is its own matter. warn is told of those that end soon or have ended: an image that is rebuilt later must still be
 * the same. 0; -EINVAL with a sentence; -errno.
 */
int pack_trust(
    const struct tree *tree, const struct config *config, int64_t now, pack_warn *warn, void *arg, struct reason *why);

#endif
