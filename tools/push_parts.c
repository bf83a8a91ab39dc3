/* push_parts: puts one push together out of files, values, an identity and AWS secrets; no name comes twice. */
#include "tools/push_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "base/wipe.h"
#include "image/config.h"
#include "tls/identity.h"
#include "tools/push.h"
#include "tools/push_aws.h"
#include "tools/secret_json.h"

#define NAME_MAX_BYTES 255

static int out_of_memory(struct reason *why)
{
    return reason_set(why, -ENOMEM, "out of memory");
}

/* Takes value over. NULL: it could not be made. */
static int add(json_t *push, const char *name, json_t *value, struct reason *why)
{
    if (value == NULL) {
        return out_of_memory(why);
    }
    if (json_object_get(push, name) != NULL) {
        json_decref(value);
        return reason_set(why, -EINVAL, "%s is given twice: leave one of the two out", text_quote_string(name).text);
    }
    return json_object_set_new(push, name, value) == 0
               ? 0
               : reason_set(why, -EINVAL, "the name %s is not UTF-8", text_quote_string(name).text);
}

static int read_bytes(const char *path, size_t max, char **data, size_t *size, struct reason *why)
{
    return strcmp(path, "-") == 0 ? file_read_descriptor(STDIN_FILENO, "standard input", max, data, size, why)
                                  : file_read(path, max, data, size, why);
}

/* What stands before the "=" into name; the rest is *value. The text itself is not quoted: it may be a secret. */
static int split(const char *assignment, const char *form, char name[static NAME_MAX_BYTES + 1], const char **value,
    struct reason *why)
{
    const char *equals = strchr(assignment, '=');
    size_t size = equals != NULL ? (size_t)(equals - assignment) : 0;

    if (size == 0 || size > NAME_MAX_BYTES) {
        return reason_set(why, -EINVAL, "write it as %s", form);
    }
    memcpy(name, assignment, size);
    name[size] = '\0';
    *value = equals + 1;
    return 0;
}

/* Bytes as a JSON string. Takes data over and wipes it. */
static int add_text(json_t *push, const char *name, char *data, size_t size, struct reason *why)
{
    json_t *text = json_stringn(data, size);
    int error = 0;

    if (text == NULL || memchr(data, '\0', size) != NULL) {
        json_decref(text);
        error =
            reason_set(why, -EINVAL, "%s: its value is not UTF-8 text without NUL: encode it, in base64 for example",
                text_quote_string(name).text);
    } else {
        error = add(push, name, text, why);
    }
    wipe_free(data, size);
    return error;
}

int push_parts_document(json_t *push, const char *path, struct reason *why)
{
    char *data;
    size_t size;
    json_t *document = NULL;
    const char *name;
    json_t *value;
    int error = read_bytes(path, PUSH_SECRETS_MAX, &data, &size, why);

    if (error < 0) {
        return error;
    }
    error = secret_json_read(data, size, path, &document, why);
    wipe_free(data, size);
    if (error < 0) {
        return error;
    }
    json_object_foreach(document, name, value)
    {
        if (error == 0) {
            error = add(push, name, json_incref(value), why);
        }
    }
    json_decref(document);
    return error;
}

int push_parts_set(json_t *push, const char *assignment, struct reason *why)
{
    char name[NAME_MAX_BYTES + 1];
    const char *value;
    int error = split(assignment, "--set NAME=TEXT", name, &value, why);

    if (error < 0) {
        return error;
    }
    char *copy = strdup(value);
    return copy != NULL ? add_text(push, name, copy, strlen(copy), why) : out_of_memory(why);
}

int push_parts_file(json_t *push, const char *assignment, struct reason *why)
{
    char name[NAME_MAX_BYTES + 1];
    const char *path;
    char *data;
    size_t size;
    int error = split(assignment, "--file NAME=PATH", name, &path, why);

    if (error == 0) {
        error = read_bytes(path, PUSH_SECRETS_MAX, &data, &size, why);
    }
    return error < 0 ? error : add_text(push, name, data, size, why);
}

int push_parts_identity(
    json_t *push, enum secrets_kind kind, const char *cert, const char *key, const char *ca, struct reason *why)
{
    const struct {
        const char *field;
        const char *path;
    } parts[] = {{kind == SECRETS_SERVER ? "server_cert" : "client_cert", cert},
        {kind == SECRETS_SERVER ? "server_key" : "client_key", key}, {"ca_cert", ca}};
    json_t *identity = json_object();
    int error = identity != NULL ? 0 : out_of_memory(why);

    for (size_t i = 0; error == 0 && i < sizeof parts / sizeof parts[0]; i++) {
        char *data;
        size_t size;
        error = read_bytes(parts[i].path, TLS_IDENTITY_PEM_MAX, &data, &size, why);
        if (error == 0) {
            error = add_text(identity, parts[i].field, data, size, why);
        }
    }
    if (error < 0) {
        json_decref(identity);
        return error;
    }
    return add(push, secrets_names[kind].pushed, identity, why);
}

int push_parts_secret(json_t *push, const char *assignment, const char *region, struct reason *why)
{
    char name[NAME_MAX_BYTES + 1];
    const char *secret;
    json_t *value;
    int error = split(assignment, "--secrets-manager NAME=SECRET", name, &secret, why);

    if (error == 0 && *secret == '\0') {
        error = reason_set(why, -EINVAL, "write it as --secrets-manager NAME=SECRET");
    }
    if (error == 0) {
        error = push_aws_secret(secret, region, &value, why);
    }
    return error < 0 ? error : add(push, name, value, why);
}
