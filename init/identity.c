/* identity: the certificate, key and CA as files for the application, switched all at once. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "base/wipe.h"
#include "init/enclave.h"
#include "init/roles.h"
#include "tls/identity.h"

#define FOLDER ENCLAVE_ROOT ENCLAVE_IDENTITY_FOLDER
#define PATH_SIZE (sizeof FOLDER + sizeof "/v4294967295/client.crt")

static unsigned version; /* of the files that FOLDER/now leads to; 0: none yet */

static int write_file(const char *path, const char *data, size_t size, mode_t mode, uid_t owner, struct reason *why)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int error = fd < 0 ? -errno : file_write_all(fd, data, size);

    if (error == 0 && (fchown(fd, owner, owner) < 0 || fchmod(fd, mode) < 0)) {
        error = -errno;
    }
    if (fd >= 0) {
        close(fd);
    }
    return error < 0 ? reason_system(why, error, "cannot write %s", path) : 0;
}

static const char *path_of(char path[static PATH_SIZE], unsigned number, const char *name)
{
    (void)snprintf(path, PATH_SIZE, FOLDER "/v%u%s", number, name);
    return path;
}

/* What an attempt left that failed, or what was current twice before: nothing points to it. */
static void remove_version(unsigned number)
{
    char path[PATH_SIZE];

    (void)unlink(path_of(path, number, "/client.crt"));
    (void)unlink(path_of(path, number, "/client.key"));
    (void)unlink(path_of(path, number, "/ecs-ca.crt"));
    (void)rmdir(path_of(path, number, ""));
}

static int write_version(const struct secrets *secrets, unsigned number, struct reason *why)
{
    const struct secrets_header *header = secrets->header;
    char path[PATH_SIZE];
    int error;

    remove_version(number);
    if (mkdir(path_of(path, number, ""), 0755) < 0) {
        return reason_system(why, -errno, "cannot make %s", path);
    }
    error = write_file(path_of(path, number, "/client.crt"), secrets->cert, header->cert_size, 0644, 0, why);
    if (error == 0) {
        path_of(path, number, "/client.key");
        error = write_file(path, secrets->key, header->key_size, 0600, ROLE_UID_APP, why);
    }
    if (error == 0 && header->ca_size > 0) {
        error = write_file(path_of(path, number, "/ecs-ca.crt"), secrets->ca, header->ca_size, 0644, 0, why);
    }
    return error;
}

int identity_write(const struct secrets *secrets, struct reason *why)
{
    char link[sizeof "v4294967295"];
    int error;

    if (secrets->header->cert_size == 0) {
        return 0;
    }
    error = write_version(secrets, version + 1, why);
    (void)snprintf(link, sizeof link, "v%u", version + 1);
    if (error == 0 && ((unlink(FOLDER "/next") < 0 && errno != ENOENT) || symlink(link, FOLDER "/next") < 0 ||
                          rename(FOLDER "/next", FOLDER "/now") < 0)) {
        error = reason_system(why, -errno, "cannot switch " FOLDER "/now to the new identity");
    }
    if (error == 0 && version++ > 1) {
        remove_version(version - 2); /* the one before may be open just now */
    }
    return error;
}

/* A measured file, as text. file may be NULL: empty. */
static int read_packed(const char *file, char **text, uint32_t *size, struct reason *why)
{
    char inside[512];
    char path[sizeof ENCLAVE_ROOT + sizeof inside];
    size_t length = 0;
    int error;

    if (file == NULL) {
        return 0;
    }
    error = config_packed_path(file, inside, sizeof inside);
    if (error < 0) {
        return reason_system(why, error, "[identity] %s", text_quote_string(file).text);
    }
    (void)snprintf(path, sizeof path, "%s%s", ENCLAVE_ROOT, inside);
    error = file_read(path, TLS_IDENTITY_PEM_MAX, text, &length, why);
    *size = (uint32_t)length;
    return error;
}

int identity_pack(struct enclave *enclave, struct reason *why)
{
    const struct config_identity *packed = enclave->config.identities;
    struct secrets_header header = {0};
    struct secrets secrets = {0};
    char *cert = NULL;
    char *key = NULL;
    char *ca = NULL;
    int error;

    if (enclave->config.identity_count == 0) {
        return 0;
    }
    error = read_packed(packed->cert_file, &cert, &header.cert_size, why);
    if (error == 0) {
        error = read_packed(packed->key_file, &key, &header.key_size, why);
    }
    if (error == 0) {
        error = read_packed(packed->ca_file, &ca, &header.ca_size, why);
    }
    if (error == 0) {
        header.cert_until = tls_pem_not_after(cert, header.cert_size); /* measured: PID 1 may read these */
        header.ca_until = ca != NULL ? tls_pem_not_after(ca, header.ca_size) : 0;
        error = secrets_write(&header, "", cert, key, ca, &enclave->packed, why);
    }
    if (error == 0) {
        error = secrets_map(&secrets, enclave->packed, why);
    }
    if (error == 0) {
        error = identity_write(&secrets, why);
        secrets_unmap(&secrets);
    }
    free(cert);
    wipe_free(key, header.key_size);
    free(ca);
    return error;
}
