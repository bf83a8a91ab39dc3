/* secrets: writes and maps the sealed memory file that carries one accepted push from process to process. */
#include "app/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/wipe.h"
#include "image/config.h"

#define SECRETS_NAME_SIZE (CONFIG_NAME_MAX + 1)
/* Nobody who holds the descriptor can change what another reader sees. */
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

#define PARTS (1 + 3 * SECRETS_KINDS)

const struct secrets_names secrets_names[SECRETS_KINDS] = {
    [SECRETS_CLIENT] = {CONFIG_SECRET_IDENTITY, "client", "client.crt", "client.key", "ecs-ca.crt"},
    [SECRETS_SERVER] = {CONFIG_SECRET_SERVER, "server", "server.crt", "server.key", "client-ca.crt"},
};

/* How long the parts are, in the order of the file. */
static void part_sizes(const struct secrets_header *header, uint32_t sizes[static PARTS])
{
    *sizes++ = header->env_size;
    for (size_t i = 0; i < SECRETS_KINDS; i++) {
        *sizes++ = header->identities[i].cert_size;
        *sizes++ = header->identities[i].key_size;
        *sizes++ = header->identities[i].ca_size;
    }
}

/* Header and parts together; -EINVAL over SECRETS_FILE_MAX. */
static int file_size(const struct secrets_header *header, size_t *size, struct reason *why)
{
    uint32_t parts[PARTS];

    part_sizes(header, parts);
    *size = sizeof *header;
    for (size_t i = 0; i < PARTS; i++) {
        if (!bytes_add(*size, parts[i], size) || *size > SECRETS_FILE_MAX) {
            return reason_set(why, -EINVAL, "secrets: the parts are over %d bytes together", SECRETS_FILE_MAX);
        }
    }
    return 0;
}

/* env_count strings "NAME=VALUE", the last byte a NUL: what lets readers walk the block without looking for its end. */
static int check_environment(const struct secrets_header *header, const char *env, struct reason *why)
{
    size_t count = 0;

    if (header->env_size > 0 && env[header->env_size - 1] != '\0') {
        return reason_set(why, -EINVAL, "secrets: the environment does not end with a NUL");
    }
    for (size_t at = 0; at < header->env_size; at += strlen(env + at) + 1) {
        const char *equals = strchr(env + at, '=');
        if (equals == NULL || equals == env + at) {
            return reason_set(why, -EINVAL, "secrets: entry %zu of the environment is not NAME=VALUE", count);
        }
        count++;
    }
    if (count != header->env_count) {
        return reason_set(why, -EINVAL, "secrets: the environment has %zu entries, the header says %u", count,
            (unsigned)header->env_count);
    }
    return 0;
}

static int write_parts(int fd, const struct secrets_header *header, const char *const parts[static PARTS])
{
    uint32_t sizes[PARTS];
    int error = file_write_all(fd, header, sizeof *header);

    part_sizes(header, sizes);
    for (size_t i = 0; i < PARTS && error == 0; i++) {
        error = sizes[i] > 0 ? file_write_all(fd, parts[i], sizes[i]) : 0;
    }
    if (error == 0 && fcntl(fd, F_ADD_SEALS, SEALS) < 0) {
        error = -errno;
    }
    return error;
}

int secrets_write(const struct secrets_header *header, const char *env,
    const struct identity_pem identities[static SECRETS_KINDS], int *fd, struct reason *why)
{
    const struct identity_pem *client = &identities[SECRETS_CLIENT];
    const struct identity_pem *server = &identities[SECRETS_SERVER];
    const char *parts[PARTS] = {env, client->cert, client->key, client->ca, server->cert, server->key, server->ca};
    struct secrets_header whole = *header;
    size_t size;
    int error = file_size(header, &size, why);

    if (error < 0) {
        return error;
    }
    whole.magic = SECRETS_MAGIC;
    for (size_t i = 0; i < SECRETS_KINDS; i++) {
        whole.identities[i].reserved = 0;
    }
    error = check_environment(&whole, env, why);
    if (error < 0) {
        return error;
    }
    int file = memfd_create("secrets", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (file < 0) {
        return reason_system(why, -errno, "secrets: cannot make a memory file");
    }
    error = write_parts(file, &whole, parts);
    if (error < 0) {
        close(file);
        return reason_system(why, error, "secrets: cannot write %zu bytes to the memory file", size);
    }
    *fd = file;
    return 0;
}

static int check_file(int fd, size_t *size, struct reason *why)
{
    struct stat status;
    int seals = fcntl(fd, F_GET_SEALS);

    if (seals < 0 || (seals & SEALS) != SEALS) {
        return reason_set(why, -EINVAL, "secrets: the descriptor is not a memory file sealed against changes");
    }
    if (fstat(fd, &status) < 0) {
        return reason_system(why, -errno, "secrets: cannot look at the memory file");
    }
    if (status.st_size < (off_t)sizeof(struct secrets_header) || status.st_size > SECRETS_FILE_MAX) {
        return reason_set(why, -EINVAL, "secrets: the memory file has %lld bytes, not %zu to %d",
            (long long)status.st_size, sizeof(struct secrets_header), SECRETS_FILE_MAX);
    }
    *size = (size_t)status.st_size;
    return 0;
}

static int check_header(const struct secrets_header *header, size_t map_size, struct reason *why)
{
    size_t size;
    int error;

    if (header->magic != SECRETS_MAGIC || header->identities[SECRETS_CLIENT].reserved != 0 ||
        header->identities[SECRETS_SERVER].reserved != 0) {
        return reason_set(why, -EINVAL, "secrets: the memory file does not begin as one");
    }
    error = file_size(header, &size, why);
    if (error == 0 && size != map_size) {
        error = reason_set(why, -EINVAL, "secrets: the memory file has %zu bytes, its header says %zu", map_size, size);
    }
    return error;
}

static void find_parts(struct secrets *secrets)
{
    const char *at = (const char *)secrets->map + sizeof *secrets->header;

    secrets->env = at;
    at += secrets->header->env_size;
    for (size_t i = 0; i < SECRETS_KINDS; i++) {
        const struct secrets_sizes *sizes = &secrets->header->identities[i];
        secrets->identities[i].cert = at;
        secrets->identities[i].key = at += sizes->cert_size;
        secrets->identities[i].ca = at += sizes->key_size;
        at += sizes->ca_size;
    }
}

int secrets_map(struct secrets *secrets, int fd, struct reason *why)
{
    size_t size = 0;
    int error = check_file(fd, &size, why);

    memset(secrets, 0, sizeof *secrets);
    if (error < 0) {
        return error;
    }
    void *map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED) {
        return reason_system(why, -errno, "secrets: cannot map %zu bytes", size);
    }
    secrets->map = map;
    secrets->map_size = size;
    secrets->header = map;
    error = check_header(secrets->header, size, why);
    if (error == 0) {
        find_parts(secrets);
        error = check_environment(secrets->header, secrets->env, why);
    }
    if (error < 0) {
        secrets_unmap(secrets);
    }
    return error;
}

void secrets_unmap(struct secrets *secrets)
{
    if (secrets->map != NULL) {
        munmap(secrets->map, secrets->map_size);
    }
    memset(secrets, 0, sizeof *secrets);
}

/* The block is at most twice SECRETS_FILE_MAX here; secrets_write() has the last word. */
static char *merge_environment(const struct secrets *first, const struct secrets *second, struct secrets_header *header)
{
    char *env = malloc((size_t)first->header->env_size + second->header->env_size + 1);
    uint32_t used = 0;

    header->env_count = second->header->env_count;
    for (size_t at = 0; env != NULL && at < first->header->env_size; at += strlen(first->env + at) + 1) {
        const char *entry = first->env + at;
        size_t size = strlen(entry) + 1;
        char name[SECRETS_NAME_SIZE];
        size_t length = strcspn(entry, "=");
        if (length < sizeof name) {
            memcpy(name, entry, length);
            name[length] = '\0';
        }
        if (length >= sizeof name || secrets_env(second, name) == NULL) {
            memcpy(env + used, entry, size);
            used += (uint32_t)size;
            header->env_count++;
        }
    }
    if (env != NULL) {
        memcpy(env + used, second->env, second->header->env_size);
        header->env_size = used + second->header->env_size;
    }
    return env;
}

int secrets_merge(const struct secrets *first, const struct secrets *second, int *fd, struct reason *why)
{
    struct identity_pem identities[SECRETS_KINDS];
    struct secrets_header header = *second->header;
    char *env = merge_environment(first, second, &header);
    int error;

    for (size_t i = 0; i < SECRETS_KINDS; i++) {
        const struct secrets *from = second->header->identities[i].cert_size > 0 ? second : first;
        header.identities[i] = from->header->identities[i];
        identities[i] = (struct identity_pem){/* which are only read */
            (char *)(uintptr_t)from->identities[i].cert, (char *)(uintptr_t)from->identities[i].key,
            (char *)(uintptr_t)from->identities[i].ca};
    }
    if (env == NULL) {
        return reason_set(why, -ENOMEM, "secrets: no memory to put the new ones beside the old ones");
    }
    error = secrets_write(&header, env, identities, fd, why);
    wipe_free(env, header.env_size);
    return error;
}

const char *secrets_env(const struct secrets *secrets, const char *name)
{
    size_t length = strlen(name);
    size_t size = secrets->header != NULL ? secrets->header->env_size : 0;

    for (size_t at = 0; at < size; at += strlen(secrets->env + at) + 1) {
        const char *entry = secrets->env + at;
        if (strncmp(entry, name, length) == 0 && entry[length] == '=') {
            return entry + length + 1;
        }
    }
    return NULL;
}
