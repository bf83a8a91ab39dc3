/* pack_trust: whether the certificates and keys that an image packs are such as the enclave will take. */
#include "tools/pack_trust.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>

#include "app/secrets.h"
#include "base/file.h"
#include "base/text.h"
#include "base/wipe.h"
#include "tls/expiry.h"
#include "tls/identity.h"
#include "tls/trust.h"

struct checking {
    const struct tree *tree;
    int64_t now;
    pack_warn *warn;
    void *arg;
};

/* pack_tree() has found it in the tree. *data is malloc'd. */
static int read_file(
    const struct checking *checking, const char *file, size_t max, char **data, size_t *size, struct reason *why)
{
    char inside[PATH_MAX];
    int error = config_packed_path(file, inside, sizeof inside);
    const struct tree_entry *entry = error == 0 ? tree_resolve(checking->tree, inside) : NULL;

    if (entry == NULL || entry->from == NULL) {
        return reason_system(why, error < 0 ? error : -ENOENT, "%s", text_quote_string(file).text);
    }
    return file_read(entry->from, max, data, size, why);
}

static void tell_end(const struct checking *checking, const char *file, int64_t until)
{
    struct reason text;

    if (expiry_text(until, checking->now, &text)) {
        reason_prefix(&text, "%s", text_quote_string(file).text);
        checking->warn(checking->arg, text.text);
    }
}

/* file may be NULL. */
static int check_authority(const struct checking *checking, const char *file, struct reason *why)
{
    struct tls_trust *trust;
    char *pem;
    size_t size;
    int error = file != NULL ? read_file(checking, file, TLS_TRUST_PEM_MAX, &pem, &size, why) : 0;

    if (error < 0 || file == NULL) {
        return error;
    }
    error = tls_trust_load(pem, size, &trust, why);
    if (error == 0) {
        tell_end(checking, file, tls_trust_not_after(trust));
        tls_trust_free(trust);
    } else {
        reason_prefix(why, "%s", text_quote_string(file).text);
    }
    free(pem);
    return error;
}

static int check_identity(
    const struct checking *checking, const struct config_identity *packed, bool server, struct reason *why)
{
    struct tls_identity *identity;
    char *cert = NULL;
    char *key = NULL;
    size_t cert_size = 0;
    size_t key_size = 0;
    int error = read_file(checking, packed->cert_file, TLS_IDENTITY_PEM_MAX, &cert, &cert_size, why);

    if (error == 0) {
        error = read_file(checking, packed->key_file, TLS_IDENTITY_PEM_MAX, &key, &key_size, why);
    }
    if (error == 0) {
        error = tls_identity_load(secrets_names[server ? SECRETS_SERVER : SECRETS_CLIENT].role, cert, cert_size, key,
            key_size, &identity, why);
    }
    if (error == 0) {
        tell_end(checking, packed->cert_file, tls_identity_not_after(identity));
        tls_identity_free(identity);
    }
    free(cert);
    wipe_free(key, key_size);
    return error == 0 ? check_authority(checking, packed->ca_file, why) : error;
}

int pack_trust(
    const struct tree *tree, const struct config *config, int64_t now, pack_warn *warn, void *arg, struct reason *why)
{
    const struct checking checking = {tree, now, warn, arg};
    int error = 0;

    for (size_t i = 0; config->app.built_in && error == 0 && i < config_ca_count(config); i++) {
        error = check_authority(&checking, config_ca_file(config, i), why);
    }
    for (size_t i = 0; config->app.built_in && error == 0 && i < config->identity_count; i++) {
        const struct config_identity *packed = &config->identities[i];
        error = check_identity(&checking, packed, config_identity_find(config, true) == packed, why);
        if (error < 0) {
            reason_prefix(why, "[identity %s]", packed->label);
        }
    }
    return error;
}
