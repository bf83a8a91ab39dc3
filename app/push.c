/* push: judges the JSON text of one push against the measured configuration, and sorts it into its parts. */
#include "app/push.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/service.h"
#include "base/text.h"
#include "base/wipe.h"
#include "tls/identity.h"

/* Linux' MAX_ARG_STRLEN: "NAME=VALUE\0" of 32 pages at the most, or exec fails with E2BIG. */
#define VARIABLE_MAX (32u * 4096u)

#define SCHEME "https://"
#define DEFAULT_PORT 443

/* jansson's own text is not used: it quotes the input, which is secret. */
static int not_json(const json_error_t *error, struct reason *why)
{
    switch (json_error_code(error)) {
    case json_error_unknown: /* what an allocation that failed leaves */
    case json_error_out_of_memory:
        return reason_set(why, -ENOMEM, "the push takes too much memory");
    case json_error_stack_overflow:
        return reason_set(why, -EINVAL, "the JSON is nested too deeply, at line %d", error->line);
    case json_error_duplicate_key:
        return reason_set(why, -EINVAL, "a key is given twice, at line %d, column %d", error->line, error->column);
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return reason_set(why, -EINVAL, "a text with a NUL in it, at line %d, column %d", error->line, error->column);
    case json_error_premature_end_of_input:
        return reason_set(why, -EINVAL, "the JSON is cut short: it ends in line %d", error->line);
    default:
        return reason_set(why, -EINVAL, "this is not one JSON object: the fault is at line %d, column %d", error->line,
            error->column);
    }
}

static bool is_identity(const char *name)
{
    return strcmp(name, PUSH_IDENTITY) == 0 || strcmp(name, CONFIG_SECRET_SERVER) == 0;
}

/* New identities in the place of the old ones; everything else stays. */
static int check_identities_alone(const json_t *top, struct reason *why)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)top, name, value)
    {
        if (!is_identity(name)) {
            return reason_set(why, -EINVAL,
                "%s: a further push replaces the identity alone ([secrets] again = identity): " PUSH_IDENTITY
                " or " CONFIG_SECRET_SERVER ", or both, and nothing else",
                text_quote_string(name).text);
        }
    }
    return json_object_size(top) > 0
               ? 0
               : reason_set(why, -EINVAL, PUSH_IDENTITY " is missing, and " CONFIG_SECRET_SERVER " as well");
}

static int check_names(const json_t *top, const struct config *config, bool again, struct reason *why)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)top, name, value)
    {
        if (!config_secret_listed(config, name)) {
            return reason_set(why, -EINVAL, "the name %s is not listed in [secrets] required or optional",
                text_quote_string(name).text);
        }
        if (json_is_object(value) && !is_identity(name)) {
            return reason_set(why, -EINVAL,
                "%s: an object; only " PUSH_IDENTITY " and " CONFIG_SECRET_SERVER " may be one, others are strings",
                name);
        }
        if (!json_is_string(value) && !json_is_object(value)) {
            return reason_set(why, -EINVAL, "%s: must be a string", name);
        }
    }
    if (again && config->secrets.again == CONFIG_AGAIN_IDENTITY) {
        return check_identities_alone(top, why);
    }
    for (size_t i = 0; i < config->secrets.required_count; i++) {
        if (json_object_get(top, config->secrets.required[i]) == NULL) {
            return reason_set(why, -EINVAL, "%s is missing: [secrets] required lists it", config->secrets.required[i]);
        }
    }
    return 0;
}

/* Splits what stands between the scheme and the path. The port is there or DEFAULT_PORT. */
static bool split_authority(const char *text, size_t size, char host[static CONFIG_HOST_MAX + 1], uint16_t *port)
{
    const char *colon = memchr(text, ':', size);
    size_t host_size = colon != NULL ? (size_t)(colon - text) : size;
    uint64_t number = DEFAULT_PORT;
    char digits[6] = "";

    if (colon != NULL) {
        size_t digit_count = size - host_size - 1;
        if (digit_count >= sizeof digits) {
            return false;
        }
        memcpy(digits, colon + 1, digit_count);
        if (!text_number(digits, 1, UINT16_MAX, &number)) {
            return false;
        }
    }
    if (host_size == 0 || host_size > CONFIG_HOST_MAX ||
        strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") < host_size) {
        return false;
    }
    memcpy(host, text, host_size);
    host[host_size] = '\0';
    *port = (uint16_t)number;
    return true;
}

static int check_endpoint(const json_t *value, const struct config *config, struct reason *why)
{
    const char *url = json_string_value(value);
    char host[CONFIG_HOST_MAX + 1];
    uint16_t port;

    if (strncmp(url, SCHEME, strlen(SCHEME)) != 0) {
        return reason_set(why, -EINVAL, PUSH_ENDPOINT ": must begin with " SCHEME);
    }
    url += strlen(SCHEME);
    size_t authority = strcspn(url, "/");
    for (const char *p = url; *p != '\0'; p++) {
        if (*p <= 0x20 || *p >= 0x7f || strchr("?#\\\"<>", *p) != NULL) {
            return reason_set(why, -EINVAL, PUSH_ENDPOINT ": only " SCHEME "HOST[:PORT][/PATH], no query, no spaces");
        }
    }
    if (memchr(url, '@', authority) != NULL) {
        return reason_set(why, -EINVAL, PUSH_ENDPOINT ": must not hold a user or a password (an @ before the host)");
    }
    if (!split_authority(url, authority, host, &port)) {
        return reason_set(why, -EINVAL, PUSH_ENDPOINT ": only " SCHEME "HOST[:PORT][/PATH], PORT 1-65535");
    }
    const struct config_endpoint *endpoint = config_endpoint_find(config, host, port);
    if (endpoint != NULL && config->app.built_in && endpoint->tls != CONFIG_TLS_MUTUAL &&
        endpoint->tls != CONFIG_TLS_SERVER) {
        return reason_set(why, -EINVAL,
            PUSH_ENDPOINT ": [endpoint %s] has neither tls = mutual nor tls = server: it can't be called",
            text_quote_string(endpoint->label).text);
    }
    if (endpoint != NULL && strlen(url + authority) > SERVICE_PREFIX_MAX) {
        return reason_set(why, -EINVAL, PUSH_ENDPOINT ": its path is over %d bytes", SERVICE_PREFIX_MAX);
    }
    if (endpoint != NULL) {
        return 0;
    }
    for (size_t i = 0; i < config->endpoint_count; i++) {
        if (config_endpoint_find(config, host, config->endpoints[i].port) != NULL) {
            return reason_set(why, -EINVAL, PUSH_ENDPOINT ": port %u of %s is no [endpoint]; port %u is", port,
                text_quote_string(host).text, config->endpoints[i].port);
        }
    }
    return reason_set(why, -EINVAL,
        "failed to resolve hostname %s: " PUSH_ENDPOINT " must name an [endpoint] of enclave.ini",
        text_quote_string(host).text);
}

/* An identity's PEM texts become parts of the push. */
static int take_identity(const json_t *value, enum secrets_kind kind, struct push *push, struct reason *why)
{
    struct secrets_sizes *sizes = &push->header.identities[kind];
    struct identity_pem *pem = &push->identities[kind];
    int error = identity_parse(value, secrets_names[kind].role, pem, why);

    if (error < 0) {
        reason_prefix(why, "%s", secrets_names[kind].pushed);
        return error;
    }
    *sizes = (struct secrets_sizes){
        .cert_size = (uint32_t)strlen(pem->cert),
        .key_size = (uint32_t)strlen(pem->key),
        .ca_size = (uint32_t)strlen(pem->ca),
    };
    sizes->cert_until = tls_pem_not_after(pem->cert, sizes->cert_size);
    sizes->ca_until = tls_pem_not_after(pem->ca, sizes->ca_size);
    return 0;
}

static int take_identities(const json_t *top, struct push *push, struct reason *why)
{
    int error = 0;

    for (size_t i = 0; i < SECRETS_KINDS && error == 0; i++) {
        const json_t *value = json_object_get(top, secrets_names[i].pushed);
        error = value != NULL ? take_identity(value, (enum secrets_kind)i, push, why) : 0;
    }
    return error;
}

/* A value as JSON text, malloc'd: json_dumps() would take its memory from jansson's allocator, which a role replaces.
 */
static char *json_text(const json_t *value, size_t flags)
{
    size_t size = json_dumpb(value, NULL, 0, flags);
    char *text = size > 0 ? malloc(size + 1) : NULL;

    if (text != NULL) {
        text[json_dumpb(value, text, size, flags)] = '\0';
    }
    return text;
}

/* A value as a variable has it: a string as it is, an identity's object as JSON text. malloc'd. */
static char *variable_text(const json_t *value)
{
    return json_is_string(value) ? strdup(json_string_value(value)) : json_text(value, JSON_COMPACT);
}

static int add_variable(struct push *push, size_t room, const char *name, const json_t *value, struct reason *why)
{
    char *text = variable_text(value);
    size_t name_size = strlen(name);
    size_t size;
    int error = 0;

    if (text == NULL) {
        return reason_set(why, -ENOMEM, "the push takes too much memory");
    }
    size = strlen(text);
    if (name_size + 1 + size + 1 > VARIABLE_MAX || name_size + size + 2 > room - push->header.env_size) {
        error = reason_set(why, -EINVAL, "%s: over %u bytes, the most that a variable can hold", name,
            VARIABLE_MAX - 2 - (unsigned)name_size);
    } else {
        char *at = push->env + push->header.env_size;
        memcpy(at, name, name_size);
        at[name_size] = '=';
        memcpy(at + name_size + 1, text, size + 1);
        push->header.env_size += (uint32_t)(name_size + size + 2);
        push->header.env_count++;
    }
    wipe(text, size);
    free(text);
    return error;
}

/* One list of names: adds those that were pushed to the environment and to the answer. */
static int take_listed(struct push *push, size_t room, const json_t *top, char *const *names, size_t count,
    json_t *accepted, struct reason *why)
{
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_object_get(top, names[i]);
        if (value == NULL) {
            continue;
        }
        int error = add_variable(push, room, names[i], value, why);
        if (error < 0) {
            return error;
        }
        if (json_array_append_new(accepted, json_string(names[i])) < 0) {
            return reason_set(why, -ENOMEM, "the push takes too much memory");
        }
    }
    return 0;
}

/* {"accepted": […]}\n, malloc'd. */
static char *acceptance(json_t *accepted)
{
    json_t *answer = json_object();
    char *text = json_object_set(answer, "accepted", accepted) == 0 ? json_text(answer, 0) : NULL;
    char *line = text != NULL ? malloc(strlen(text) + 2) : NULL;

    if (line != NULL) {
        strcpy(line, text);
        strcat(line, "\n");
    }
    free(text);
    json_decref(answer);
    return line;
}

static int take_parts(
    struct push *push, const struct config *config, const json_t *top, size_t size, struct reason *why)
{
    /* "NAME": "VALUE" is longer than NAME=VALUE and a NUL, and jansson writes no text longer than it was read from. */
    size_t room = size;
    const json_t *endpoint = json_object_get(top, PUSH_ENDPOINT);
    json_t *accepted = json_array();
    int error = 0;

    push->env = malloc(room);
    if (push->env == NULL || accepted == NULL) {
        error = reason_set(why, -ENOMEM, "the push takes too much memory");
    }
    if (error == 0 && endpoint != NULL) {
        error = check_endpoint(endpoint, config, why);
    }
    if (error == 0) {
        error = take_identities(top, push, why);
    }
    if (error == 0) {
        error = take_listed(push, room, top, config->secrets.required, config->secrets.required_count, accepted, why);
    }
    if (error == 0) {
        error = take_listed(push, room, top, config->secrets.optional, config->secrets.optional_count, accepted, why);
    }
    if (error == 0 && (push->accepted = acceptance(accepted)) == NULL) {
        error = reason_set(why, -ENOMEM, "the push takes too much memory");
    }
    json_decref(accepted);
    return error;
}

int push_read(
    struct push *push, const struct config *config, bool again, const char *text, size_t size, struct reason *why)
{
    json_error_t fault;
    json_t *top = NULL;
    int error;

    *push = (struct push){0};
    if (size > SECRETS_PUSH_MAX) {
        return reason_set(why, -EINVAL, "the push is over %d bytes", SECRETS_PUSH_MAX);
    }
    if (size == 0) {
        return reason_set(why, -EINVAL, "the push is empty: one JSON object is wanted");
    }
    top = json_loadb(text, size, JSON_REJECT_DUPLICATES, &fault);
    if (top == NULL) {
        return not_json(&fault, why);
    }
    if (json_is_object(top)) {
        error = check_names(top, config, again, why);
    } else {
        error = reason_set(why, -EINVAL, "the push is not a JSON object, but an array");
    }
    if (error == 0) {
        error = take_parts(push, config, top, size, why);
    }
    json_decref(top);
    if (error < 0) {
        push_free(push);
    }
    return error;
}

void push_free(struct push *push)
{
    wipe_free(push->env, push->header.env_size);
    for (size_t i = 0; i < SECRETS_KINDS; i++) {
        identity_pem_free(&push->identities[i]);
    }
    free(push->accepted);
    *push = (struct push){0};
}

const char *push_refusal(const char *sentence, char answer[static PUSH_ANSWER_MAX])
{
    static const char head[] = "{\"error\": \"";
    size_t used = sizeof head - 1;
    const unsigned char *p = (const unsigned char *)sentence;

    memcpy(answer, head, used);
    for (; *p != '\0' && used < PUSH_ANSWER_MAX - 16; p++) {
        if (*p == '"' || *p == '\\') {
            answer[used++] = '\\';
        }
        answer[used++] = *p < 0x20 ? ' ' : (char)*p;
    }
    /* A cut, here or by struct reason, may have fallen into a character. */
    while (
        (*p != '\0' || strlen(sentence) == REASON_SIZE - 1) && used > sizeof head && (answer[used - 1] & 0x80) != 0) {
        used--;
    }
    memcpy(answer + used, "\"}\n", 4);
    return answer;
}
