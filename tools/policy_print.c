/* policy_print: a policy as JSON for KMS and IAM, as Terraform, and as plain JSON. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "tools/policy.h"

#define HEX_SIZE (2 * EIF_PCR_SIZE + 1)
#define CONDITION_TEST "StringEqualsIgnoreCase" /* as AWS's own examples; KMS compares lower-case hexadecimal */
#define CONDITION_PREFIX "kms:RecipientAttestation:"

/*
 * A condition that is lost for want of memory would make a policy that allows more. So what can't be added takes the
 * whole away: *json becomes NULL, nothing is added to NULL, and NULL is not printed.
 */
static void keep(json_t **json, int failed)
{
    if (failed != 0) {
        json_decref(*json);
        *json = NULL;
    }
}

static void set(json_t **json, const char *key, json_t *value)
{
    keep(json, json_object_set_new(*json, key, value));
}

static void append(json_t **json, json_t *value)
{
    keep(json, json_array_append_new(*json, value));
}

/* ---- Which values stand in which condition ---- */

static bool differs(const struct policy *policy, size_t index)
{
    for (size_t i = 1; i < policy->count; i++) {
        if (memcmp(policy->images[i].value[index], policy->images[0].value[index], EIF_PCR_SIZE) != 0) {
            return true;
        }
    }
    return false;
}

bool policy_needs_own_statements(const struct policy *policy)
{
    unsigned different = 0;

    for (size_t index = 0; index < MEASUREMENTS_PCRS; index++) {
        bool fixed = policy->pinned[0] && (index == 1 || index == 2);
        different += policy->pinned[index] && !fixed && differs(policy, index);
    }
    return different > 1;
}

/* The values of one PCR over images, each once: text, or a list where there are several. */
static json_t *values_json(const struct policy *policy, size_t index, size_t first, size_t end)
{
    json_t *list = json_array();
    char hex[HEX_SIZE];

    for (size_t i = first; i < end; i++) {
        size_t same = first;
        while (memcmp(policy->images[same].value[index], policy->images[i].value[index], EIF_PCR_SIZE) != 0) {
            same++;
        }
        if (same == i) {
            text_hex(policy->images[i].value[index], EIF_PCR_SIZE, hex);
            append(&list, json_string(hex));
        }
    }
    if (json_array_size(list) == 1) {
        json_t *only = json_incref(json_array_get(list, 0));
        json_decref(list);
        return only;
    }
    return list;
}

static void add_parent(json_t **json, const char *prefix, const char *name, const char *text)
{
    uint8_t pcr[EIF_PCR_SIZE];
    char hex[HEX_SIZE];
    char key[64];

    if (text != NULL) {
        policy_parent_pcr(text, pcr);
        text_hex(pcr, EIF_PCR_SIZE, hex);
        (void)snprintf(key, sizeof key, "%s%s", prefix, name);
        set(json, key, json_string(hex));
    }
}

/* {"PREFIXPCR0": …}: what is pinned of the images from first to end, and of the parent. */
static json_t *pcrs_json(const struct policy *policy, const char *prefix, size_t first, size_t end)
{
    json_t *json = json_object();
    char key[64];

    for (size_t index = 0; index < MEASUREMENTS_PCRS; index++) {
        if (policy->pinned[index]) {
            if (index == 0 && policy->image_sha384) {
                (void)snprintf(key, sizeof key, "%sImageSha384", prefix);
            } else {
                (void)snprintf(key, sizeof key, "%sPCR%zu", prefix, index);
            }
            set(&json, key, values_json(policy, index, first, end));
        }
    }
    add_parent(&json, prefix, "PCR3", policy->role);
    add_parent(&json, prefix, "PCR4", policy->instance);
    return json;
}

/* ---- Policies of AWS: statements ---- */

/* A value, or a list of them where there are several. */
static json_t *actions_json(const struct policy *policy)
{
    json_t *list = json_array();

    if (policy->action_count == 1) {
        json_decref(list);
        return json_string(policy->actions[0]);
    }
    for (size_t i = 0; i < policy->action_count; i++) {
        append(&list, json_string(policy->actions[i]));
    }
    return list;
}

/* principal may be NULL: the policy belongs to whom it allows. */
static json_t *statement_json(const char *sid, const char *principal, json_t *actions, const char *resource)
{
    json_t *json = json_object();

    set(&json, "Sid", json_string(sid));
    set(&json, "Effect", json_string("Allow"));
    if (principal != NULL) {
        set(&json, "Principal", json_pack("{s:s}", "AWS", principal));
    }
    set(&json, "Action", actions);
    set(&json, "Resource", json_string(resource));
    return json;
}

static void add_enclaves(const struct policy *policy, const char *principal, const char *resource, json_t **statements)
{
    size_t step = policy_needs_own_statements(policy) ? 1 : policy->count;
    char sid[32];

    for (size_t first = 0; first < policy->count; first += step) {
        (void)snprintf(sid, sizeof sid, step < policy->count ? "Enclave%zu" : "Enclave", first + 1);
        json_t *statement = statement_json(sid, principal, actions_json(policy), resource);
        json_t *pcrs = pcrs_json(policy, CONDITION_PREFIX, first, first + step);
        set(&statement, "Condition", json_pack("{s:o}", CONDITION_TEST, pcrs));
        append(statements, statement);
    }
}

static void add_secret(const struct policy *policy, const char *principal, json_t **statements)
{
    append(statements,
        statement_json("EnclaveSecret", principal, json_string("secretsmanager:GetSecretValue"), policy->secret));
}

static json_t *document_json(json_t *statements)
{
    return json_pack("{s:s, s:o}", "Version", "2012-10-17", "Statement", statements);
}

static const char *principal_of(const struct policy *policy)
{
    return policy->principal != NULL ? policy->principal : POLICY_NO_PRINCIPAL;
}

static json_t *key_policy(const struct policy *policy)
{
    json_t *statements = json_array();

    add_enclaves(policy, principal_of(policy), "*", &statements); /* in a key's policy "*" is that key */
    return document_json(statements);
}

static json_t *secret_policy(const struct policy *policy)
{
    json_t *statements = json_array();

    add_secret(policy, principal_of(policy), &statements);
    return document_json(statements);
}

/* Its text with an end of line; takes the reference. */
static char *print_json(json_t *json)
{
    char *text = json_dumps(json, JSON_INDENT(2));
    char *line = NULL;

    if (text != NULL && asprintf(&line, "%s\n", text) < 0) {
        line = NULL;
    }
    free(text);
    json_decref(json);
    return line;
}

char *policy_kms(const struct policy *policy)
{
    char *key = print_json(key_policy(policy));
    char *secret = policy->secret != NULL ? print_json(secret_policy(policy)) : strdup("");
    char *both = NULL;

    if (key == NULL || secret == NULL || asprintf(&both, "%s%s", key, secret) < 0) {
        both = NULL;
    }
    free(key);
    free(secret);
    return both;
}

char *policy_iam(const struct policy *policy)
{
    json_t *statements = json_array();

    add_enclaves(policy, NULL, policy->key != NULL ? policy->key : "*", &statements);
    if (policy->secret != NULL) {
        add_secret(policy, NULL, &statements);
    }
    return print_json(document_json(statements));
}

char *policy_json(const struct policy *policy)
{
    json_t *list = json_array();

    for (size_t i = 0; i < policy->count; i++) {
        (void)json_array_append_new(
            list, json_pack("{s:s, s:o}", "Image", policy->names[i], "PCRs", pcrs_json(policy, "", i, i + 1)));
    }
    return print_json(json_pack("{s:o}", "Images", list));
}

/* ---- Terraform ---- */

/* As terraform fmt has it. All values are ARNs, hexadecimal and names of AWS, which policy_check() has seen: nothing in
 * them needs escaping. */
static void put_values(FILE *out, const char *indent, const char *name, int width, const json_t *values)
{
    size_t count = json_is_array(values) ? json_array_size(values) : 1;

    if (count == 1) {
        fprintf(out, "%s%-*s = [\"%s\"]\n", indent, width, name,
            json_string_value(json_is_array(values) ? json_array_get(values, 0) : values));
        return;
    }
    fprintf(out, "%s%s = [\n", indent, name);
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "%s  \"%s\",\n", indent, json_string_value(json_array_get(values, i)));
    }
    fprintf(out, "%s]\n", indent);
}

static void put_statement(FILE *out, const json_t *statement)
{
    json_t *conditions = json_object_get(json_object_get(statement, "Condition"), CONDITION_TEST);
    const char *variable;
    json_t *values;

    fprintf(out, "  statement {\n    sid    = \"%s\"\n    effect = \"Allow\"\n",
        json_string_value(json_object_get(statement, "Sid")));
    fprintf(out, "    principals {\n      type        = \"AWS\"\n");
    put_values(out, "      ", "identifiers", 0, json_object_get(json_object_get(statement, "Principal"), "AWS"));
    fprintf(out, "    }\n");
    put_values(out, "    ", "actions", 9, json_object_get(statement, "Action"));
    put_values(out, "    ", "resources", 0, json_object_get(statement, "Resource"));
    json_object_foreach(conditions, variable, values)
    {
        fprintf(out, "    condition {\n      test     = \"%s\"\n      variable = \"%s\"\n", CONDITION_TEST, variable);
        put_values(out, "      ", "values", 8, values);
        fprintf(out, "    }\n");
    }
    fprintf(out, "  }\n");
}

static void put_document(FILE *out, const char *name, const char *suffix, json_t *document)
{
    json_t *statement;
    size_t i;

    fprintf(out, "data \"aws_iam_policy_document\" \"%s%s\" {\n", name, suffix);
    json_array_foreach(json_object_get(document, "Statement"), i, statement)
    {
        put_statement(out, statement);
    }
    fprintf(out, "}\n");
    json_decref(document);
}

/* build/my-app.eif → my_app: Terraform takes letters, digits and underlines, and a letter first. */
static void terraform_name(const char *path, char name[static 64])
{
    const char *slash = strrchr(path, '/');
    const char *base = slash != NULL ? slash + 1 : path;
    size_t length = strcspn(base, ".");
    size_t at = 0;

    if (!isalpha((unsigned char)base[0])) {
        at = (size_t)(stpcpy(name, "enclave_") - name);
    }
    for (size_t i = 0; i < length && at < 63; i++) {
        name[at++] = (char)(isalnum((unsigned char)base[i]) ? base[i] : '_');
    }
    name[at] = '\0';
}

char *policy_terraform(const struct policy *policy)
{
    char name[64];
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (out == NULL) {
        return NULL;
    }
    terraform_name(policy->names[0], name);
    put_document(out, name, "", key_policy(policy));
    if (policy->secret != NULL) {
        fprintf(out, "\n");
        put_document(out, name, "_secret", secret_policy(policy));
    }
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
