/* certificate: a signing certificate as nitro-cli shows it. */
#ifndef INGOT_TOOLS_CERTIFICATE_H
#define INGOT_TOOLS_CERTIFICATE_H

#include <jansson.h>

#include "base/bytes.h"
#include "base/reason.h"

/*
 * {"IssuerName": {OpenSSL's long names, sorted}, "Algorithm", "NotBefore", "NotAfter", "Signature"}. There is no
 * subject in it, as there. *json is a new reference. 0; -EINVAL with a sentence where a part can't be shown; -ENOMEM.
 */
int certificate_json(struct bytes der, json_t **json, struct reason *why);

#endif
