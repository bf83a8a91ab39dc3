/* push_parts: puts one push together out of files, values, an identity and AWS secrets; no name comes twice. */
#ifndef INGOT_TOOLS_PUSH_PARTS_H
#define INGOT_TOOLS_PUSH_PARTS_H

#include <jansson.h>

#include "app/secrets.h"
#include "base/reason.h"

/*
 * Each adds to the JSON object `push`. 0; -EINVAL, -EFBIG with a sentence that holds no value; -ENOMEM, -errno.
 * secret_json_memory() comes first, so that all copies are wiped.
 */

/* Every name of the JSON object in a file, "-" for standard input. */
int push_parts_document(json_t *push, const char *path, struct reason *why);

/* "NAME=TEXT". */
int push_parts_set(json_t *push, const char *assignment, struct reason *why);

/* "NAME=PATH": the file's bytes as text. "-" is standard input. */
int push_parts_file(json_t *push, const char *assignment, struct reason *why);

/* MTLS_CLIENT_CERT_JSON or MTLS_SERVER_CERT_JSON out of three PEM files. */
int push_parts_identity(
    json_t *push, enum secrets_kind kind, const char *cert, const char *key, const char *ca, struct reason *why);

/* "NAME=SECRET": the text of that secret, read through `aws` (tools/push_aws.h). region may be NULL. */
int push_parts_secret(json_t *push, const char *assignment, const char *region, struct reason *why);

#endif
