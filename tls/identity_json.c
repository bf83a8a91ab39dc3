/* identity_json: the three PEM texts of a pushed identity, checked in full. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/wipe.h"
#include "crypto/pem.h"
#include "tls/identity.h"
#include "tls/trust.h"

#define FIELD_SIZE sizeof "client_cert"

/* base64 of PEM text, decoded; *pem is malloc'd with a NUL behind. */
static int base64_take(const char *text, size_t size, char **pem, struct reason *why)
{
    size_t room = size / 4 * 3 + 3;
    char *decoded = calloc(1, room + 1);
    long used;

    if (decoded == NULL) {
        return reason_set(why, -ENOMEM, "out of memory");
    }
    used = text_base64_decode(text, size, (uint8_t *)decoded, room);
    if (used < 0 || memchr(decoded, '\0', (size_t)used) != NULL || !pem_looks_like(decoded, (size_t)used)) {
        wipe_free(decoded, room + 1);
        return reason_set(why, -EINVAL, "neither PEM (\"-----BEGIN …\") nor base64 of PEM, or cut short");
    }
    *pem = decoded;
    return 0;
}

static int text_take(const json_t *value, char **pem, struct reason *why)
{
    const char *text = json_string_value(value);
    size_t size = json_string_length(value);

    if (text == NULL) {
        return reason_set(why, -EINVAL, "%s: PEM text, or base64 of it, is expected here",
            value == NULL ? "missing" : "not a string");
    }
    if (size > TLS_IDENTITY_PEM_MAX) {
        return reason_set(why, -EINVAL, "more than %d bytes", TLS_IDENTITY_PEM_MAX);
    }
    if (memchr(text, '\0', size) != NULL) {
        return reason_set(why, -EINVAL, "there is a NUL in it");
    }
    if (!pem_looks_like(text, size)) {
        return base64_take(text, size, pem, why);
    }
    *pem = strdup(text);
    return *pem != NULL ? 0 : reason_set(why, -ENOMEM, "out of memory");
}

static int pem_check(const struct identity_pem *pem, const char *role, struct reason *why)
{
    struct tls_identity *identity = NULL;
    struct tls_trust *trust = NULL;
    int error = tls_identity_load(role, pem->cert, strlen(pem->cert), pem->key, strlen(pem->key), &identity, why);

    if (error == 0) {
        error = tls_trust_load(pem->ca, strlen(pem->ca), &trust, why);
        if (error != 0) {
            reason_prefix(why, "ca_cert");
        }
    }
    tls_identity_free(identity);
    tls_trust_free(trust);
    return error;
}

static int object_parse(const json_t *object, const char *role, struct identity_pem *out, struct reason *why)
{
    struct identity_pem pem = {NULL, NULL, NULL};
    const struct {
        const char *role;
        const char *part;
        char **text;
    } fields[] = {{role, "_cert", &pem.cert}, {role, "_key", &pem.key}, {"ca", "_cert", &pem.ca}};
    int error = 0;

    for (size_t i = 0; error == 0 && i < sizeof fields / sizeof fields[0]; i++) {
        char name[FIELD_SIZE];
        (void)snprintf(name, sizeof name, "%s%s", fields[i].role, fields[i].part);
        error = text_take(json_object_get(object, name), fields[i].text, why);
        if (error != 0) {
            reason_prefix(why, "%s", name);
        }
    }
    if (error == 0) {
        error = pem_check(&pem, role, why);
    }
    if (error != 0) {
        identity_pem_free(&pem);
    }
    *out = pem;
    return error;
}

int identity_parse(const json_t *value, const char *role, struct identity_pem *out, struct reason *why)
{
    json_error_t position;
    json_t *inner;
    int error;

    *out = (struct identity_pem){NULL, NULL, NULL};
    if (json_is_object(value)) {
        return object_parse(value, role, out, why);
    }
    if (!json_is_string(value)) {
        return reason_set(why, -EINVAL,
            "an object {\"%s_cert\", \"%s_key\", \"ca_cert\"}, or a string that holds one, is expected", role, role);
    }
    inner = json_loadb(json_string_value(value), json_string_length(value), JSON_REJECT_DUPLICATES, &position);
    if (inner == NULL) {
        /* jansson's own text may quote what it read, which may be a key. */
        return reason_set(why, -EINVAL, "the string in it is not a JSON object (line %d, column %d of that string)",
            position.line, position.column);
    }
    error = json_is_object(inner) ? object_parse(inner, role, out, why)
                                  : reason_set(why, -EINVAL, "the string in it holds JSON that is not an object");
    json_decref(inner);
    return error;
}

void identity_pem_free(struct identity_pem *pem)
{
    char *const texts[] = {pem->cert, pem->key, pem->ca};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        wipe_free(texts[i], texts[i] != NULL ? strlen(texts[i]) : 0);
    }
    *pem = (struct identity_pem){NULL, NULL, NULL};
}
