/* credentials: what the application is at this moment: its identities, the CAs pushed with it, and the chosen service.
 */
#include "app/credentials.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <errno.h>

#include "app/secrets.h"
#include "base/file.h"
#include "base/wipe.h"

#define PATH_SIZE 4096

static int read_packed(const char *file, size_t max, char **data, size_t *size, struct reason *why)
{
    char path[PATH_SIZE];
    int error = config_packed_path(file, path, sizeof path);

    if (error < 0) {
        return reason_system(why, error, "%s", file);
    }
    return file_read(path, max, data, size, why);
}

int credentials_read_trust(const char *file, struct tls_trust **trust, struct reason *why)
{
    char *pem;
    size_t size;
    int error = read_packed(file, TLS_TRUST_PEM_MAX, &pem, &size, why);

    if (error < 0) {
        return error;
    }
    error = tls_trust_load(pem, size, trust, why);
    if (error < 0) {
        reason_prefix(why, "%s", file);
    }
    free(pem);
    return error;
}

/* The [identity …] of that kind of the image, where there is one. */
static int load_packed(
    struct credential *credential, enum secrets_kind kind, const struct config *config, struct reason *why)
{
    const struct config_identity *packed = config_identity_find(config, kind == SECRETS_SERVER);
    char *cert = NULL;
    char *key = NULL;
    size_t cert_size = 0;
    size_t key_size = 0;
    int error;

    if (packed == NULL) {
        return 0;
    }
    error = read_packed(packed->cert_file, TLS_IDENTITY_PEM_MAX, &cert, &cert_size, why);
    if (error == 0) {
        error = read_packed(packed->key_file, TLS_IDENTITY_PEM_MAX, &key, &key_size, why);
    }
    if (error == 0) {
        error = tls_identity_load(secrets_names[kind].role, cert, cert_size, key, key_size, &credential->identity, why);
    }
    if (error == 0 && packed->ca_file != NULL) {
        error = credentials_read_trust(packed->ca_file, &credential->ca, why);
    }
    free(cert);
    wipe_free(key, key_size);
    return error;
}

static int load_pushed(
    struct credential *credential, enum secrets_kind kind, const struct secrets *secrets, struct reason *why)
{
    const struct secrets_sizes *sizes = &secrets->header->identities[kind];
    int error = tls_identity_load(secrets_names[kind].role, secrets->identities[kind].cert, sizes->cert_size,
        secrets->identities[kind].key, sizes->key_size, &credential->identity, why);

    return error == 0 ? tls_trust_load(secrets->identities[kind].ca, sizes->ca_size, &credential->ca, why) : error;
}

static int load(
    struct credentials *credentials, const struct config *config, const struct secrets *secrets, struct reason *why)
{
    struct credential *each[SECRETS_KINDS] = {&credentials->client, &credentials->server};
    const char *url = secrets->header != NULL ? secrets_env(secrets, SERVICE_ENV) : NULL;
    int error = 0;

    credentials->service_error = service_choose(&credentials->service, config, url, &credentials->service_why);
    for (size_t i = 0; i < SECRETS_KINDS && error == 0; i++) {
        bool pushed = secrets->header != NULL && secrets->header->identities[i].cert_size > 0;
        error = pushed ? load_pushed(each[i], (enum secrets_kind)i, secrets, why)
                       : load_packed(each[i], (enum secrets_kind)i, config, why);
    }
    return error;
}

int credentials_create(struct credentials **out, const struct config *config, int fd, struct reason *why)
{
    struct secrets secrets = {0};
    struct credentials *credentials;
    int error = fd >= 0 ? secrets_map(&secrets, fd, why) : 0;

    if (error < 0) {
        return error;
    }
    credentials = calloc(1, sizeof *credentials);
    if (credentials == NULL || tls_store_create(&credentials->client.sessions) < 0 ||
        (config_serves_tls(config) && tls_store_create(&credentials->server.sessions) < 0)) {
        error = reason_set(why, -ENOMEM, "no memory is left for the credentials");
    } else {
        error = load(credentials, config, &secrets, why);
    }
    secrets_unmap(&secrets);
    if (error < 0) {
        credentials_drop(credentials);
        return error;
    }
    credentials->references = 1;
    *out = credentials;
    return 0;
}

struct credentials *credentials_keep(struct credentials *credentials)
{
    credentials->references++;
    return credentials;
}

static void forget(struct credential *credential)
{
    tls_identity_free(credential->identity);
    tls_trust_free(credential->ca);
    tls_store_destroy(credential->sessions);
}

void credentials_drop(struct credentials *credentials)
{
    if (credentials == NULL || (credentials->references > 0 && --credentials->references > 0)) {
        return;
    }
    forget(&credentials->client);
    forget(&credentials->server);
    free(credentials);
}
