/* credentials: what the application is at this moment: its identity, the CA pushed with it, and the chosen service. */
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

/* The [identity …] of the image, where there is one. */
static int load_packed(struct credentials *credentials, const struct config *config, struct reason *why)
{
    const struct config_identity *packed = config->identities;
    char *cert = NULL;
    char *key = NULL;
    size_t cert_size = 0;
    size_t key_size = 0;
    int error;

    if (config->identity_count == 0) {
        return 0;
    }
    error = read_packed(packed->cert_file, TLS_IDENTITY_PEM_MAX, &cert, &cert_size, why);
    if (error == 0) {
        error = read_packed(packed->key_file, TLS_IDENTITY_PEM_MAX, &key, &key_size, why);
    }
    if (error == 0) {
        error = tls_identity_load(cert, cert_size, key, key_size, &credentials->identity, why);
    }
    if (error == 0 && packed->ca_file != NULL) {
        error = credentials_read_trust(packed->ca_file, &credentials->ca, why);
    }
    free(cert);
    wipe_free(key, key_size);
    return error;
}

static int load_pushed(struct credentials *credentials, const struct secrets *secrets, struct reason *why)
{
    const struct secrets_header *header = secrets->header;
    int error = tls_identity_load(
        secrets->cert, header->cert_size, secrets->key, header->key_size, &credentials->identity, why);

    return error == 0 ? tls_trust_load(secrets->ca, header->ca_size, &credentials->ca, why) : error;
}

static int load(
    struct credentials *credentials, const struct config *config, const struct secrets *secrets, struct reason *why)
{
    const char *url = secrets->header != NULL ? secrets_env(secrets, SERVICE_ENV) : NULL;

    credentials->service_error = service_choose(&credentials->service, config, url, &credentials->service_why);
    if (secrets->header != NULL && secrets->header->cert_size > 0) {
        return load_pushed(credentials, secrets, why);
    }
    return load_packed(credentials, config, why);
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
    if (credentials == NULL || tls_store_create(&credentials->sessions) < 0) {
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

void credentials_drop(struct credentials *credentials)
{
    if (credentials == NULL || (credentials->references > 0 && --credentials->references > 0)) {
        return;
    }
    tls_identity_free(credentials->identity);
    tls_trust_free(credentials->ca);
    tls_store_destroy(credentials->sessions);
    free(credentials);
}
