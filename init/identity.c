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
#include "init/enclave.h"
#include "init/roles.h"
#include "tls/identity.h"

#define FOLDER ENCLAVE_ROOT ENCLAVE_IDENTITY_FOLDER
#define PATH_SIZE (sizeof FOLDER + sizeof "/v4294967295/client-ca.crt")

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
    (void)snprintf(path, PATH_SIZE, FOLDER "/v%u/%s", number, name);
    return path;
}

/* What an attempt left that failed, or what was current twice before: nothing points to it. */
static void remove_version(unsigned number)
{
    char path[PATH_SIZE];

    for (size_t i = 0; i < SECRETS_KINDS; i++) {
        (void)unlink(path_of(path, number, secrets_names[i].cert_file));
        (void)unlink(path_of(path, number, secrets_names[i].key_file));
        (void)unlink(path_of(path, number, secrets_names[i].ca_file));
    }
    (void)rmdir(path_of(path, number, ""));
}

/* One identity's files. */
static int write_files(const struct secrets *secrets, enum secrets_kind kind, unsigned number, struct reason *why)
{
    const struct secrets_sizes *sizes = &secrets->header->identities[kind];
    const struct secrets_names *names = &secrets_names[kind];
    char path[PATH_SIZE];
    int error = write_file(
        path_of(path, number, names->cert_file), secrets->identities[kind].cert, sizes->cert_size, 0644, 0, why);

    if (error == 0) {
        path_of(path, number, names->key_file);
        error = write_file(path, secrets->identities[kind].key, sizes->key_size, 0600, ROLE_UID_APP, why);
    }
    if (error == 0 && sizes->ca_size > 0) {
        path_of(path, number, names->ca_file);
        error = write_file(path, secrets->identities[kind].ca, sizes->ca_size, 0644, 0, why);
    }
    return error;
}

/* Of each kind what was pushed, else what the image holds. */
static int write_version(
    const struct secrets *pushed, const struct secrets *packed, unsigned number, struct reason *why)
{
    char path[PATH_SIZE];
    int error = 0;

    remove_version(number);
    if (mkdir(path_of(path, number, ""), 0755) < 0) {
        return reason_system(why, -errno, "cannot make %s", path);
    }
    for (size_t i = 0; i < SECRETS_KINDS && error == 0; i++) {
        const struct secrets *from = pushed->header->identities[i].cert_size > 0 ? pushed : packed;
        bool there = from->header != NULL && from->header->identities[i].cert_size > 0;
        error = there ? write_files(from, (enum secrets_kind)i, number, why) : 0;
    }
    return error;
}

int identity_write(const struct secrets *pushed, int packed_fd, struct reason *why)
{
    char link[sizeof "v4294967295"];
    struct secrets packed = {0};
    int error;

    if (pushed->header->identities[SECRETS_CLIENT].cert_size == 0 &&
        pushed->header->identities[SECRETS_SERVER].cert_size == 0) {
        return 0;
    }
    error = packed_fd >= 0 ? secrets_map(&packed, packed_fd, why) : 0;
    if (error == 0) {
        error = write_version(pushed, &packed, version + 1, why);
        secrets_unmap(&packed);
    }
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

int identity_read_measured(const char *file, size_t max, char **data, size_t *size, struct reason *why)
{
    char inside[512];
    char path[sizeof ENCLAVE_ROOT + sizeof inside];
    int error = config_packed_path(file, inside, sizeof inside);

    if (error < 0) {
        return reason_system(why, error, "%s", text_quote_string(file).text);
    }
    (void)snprintf(path, sizeof path, "%s%s", ENCLAVE_ROOT, inside);
    return file_read(path, max, data, size, why);
}

/* file may be NULL: empty. */
static int read_packed(const char *file, char **text, uint32_t *size, struct reason *why)
{
    size_t length = 0;
    int error = file != NULL ? identity_read_measured(file, TLS_IDENTITY_PEM_MAX, text, &length, why) : 0;

    *size = (uint32_t)length;
    return error;
}

static int read_identity(
    const struct config_identity *packed, struct identity_pem *pem, struct secrets_sizes *sizes, struct reason *why)
{
    int error = read_packed(packed->cert_file, &pem->cert, &sizes->cert_size, why);

    if (error == 0) {
        error = read_packed(packed->key_file, &pem->key, &sizes->key_size, why);
    }
    if (error == 0) {
        error = read_packed(packed->ca_file, &pem->ca, &sizes->ca_size, why);
    }
    if (error == 0) {
        sizes->cert_until = tls_pem_not_after(pem->cert, sizes->cert_size); /* measured: PID 1 may read these */
        sizes->ca_until = pem->ca != NULL ? tls_pem_not_after(pem->ca, sizes->ca_size) : 0;
    }
    return error;
}

int identity_pack(struct enclave *enclave, struct reason *why)
{
    struct identity_pem pem[SECRETS_KINDS] = {{0}};
    struct secrets_header header = {0};
    struct secrets secrets = {0};
    int error = 0;

    if (enclave->config.identity_count == 0) {
        return 0;
    }
    for (size_t i = 0; i < SECRETS_KINDS && error == 0; i++) {
        const struct config_identity *packed = config_identity_find(&enclave->config, i == SECRETS_SERVER);
        error = packed != NULL ? read_identity(packed, &pem[i], &header.identities[i], why) : 0;
    }
    if (error == 0) {
        error = secrets_write(&header, "", pem, &enclave->packed, why);
    }
    if (error == 0) {
        error = secrets_map(&secrets, enclave->packed, why);
    }
    if (error == 0) {
        error = identity_write(&secrets, -1, why);
        secrets_unmap(&secrets);
    }
    for (size_t i = 0; i < SECRETS_KINDS; i++) {
        identity_pem_free(&pem[i]);
    }
    return error;
}
