/* secrets: what one accepted push holds, as a sealed memory file that a role hands to PID 1 and PID 1 to the app. */
#ifndef INGOT_APP_SECRETS_H
#define INGOT_APP_SECRETS_H

#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"
#include "tls/identity.h"

/*
 * Layout, native byte order (both ends are the same binary on the same machine):
 *
 *   struct secrets_header
 *   environment   env_size bytes: env_count strings "NAME=VALUE\0"
 *   certificate   cert_size bytes of PEM   ─┐
 *   key           key_size bytes of PEM     ├ of the client's identity, then of the server's: all three 0 where none
 *   ca            ca_size bytes of PEM     ─┘ was pushed
 *
 * Whoever reads one checks the header's sizes against the file's size (secrets_map() does); what the bytes mean was
 * checked by the role that wrote them.
 */
#define SECRETS_MAGIC 0x3174726373746769u
#define SECRETS_PUSH_MAX (256 * 1024) /* bytes of a pushed JSON text */
#define SECRETS_FILE_MAX (1024 * 1024)

/* Who we are to services, and to our own clients. */
enum secrets_kind { SECRETS_CLIENT, SECRETS_SERVER, SECRETS_KINDS };

/* What each kind is called; the files lie in CONFIG_CERTS_FOLDER. */
struct secrets_names {
    const char *pushed; /* the name in a push */
    const char *role;   /* as tls_identity_load() takes it */
    const char *cert_file;
    const char *key_file;
    const char *ca_file;
};
extern const struct secrets_names secrets_names[SECRETS_KINDS];

struct secrets_sizes {
    uint32_t cert_size;
    uint32_t key_size;
    uint32_t ca_size;
    uint32_t reserved;  /* 0 */
    int64_t cert_until; /* seconds since 1970, the earliest end of a certificate in it; 0: not known */
    int64_t ca_until;
};

struct secrets_header {
    uint64_t magic;
    uint32_t env_size;
    uint32_t env_count;
    struct secrets_sizes identities[SECRETS_KINDS];
};
_Static_assert(sizeof(struct secrets_header) == 80, "header without holes");

/* A mapped memory file; the pointers lie inside the map. */
struct secrets {
    const struct secrets_header *header;
    const char *env;
    struct {
        const char *cert; /* PEM, not NUL-terminated; the sizes are in the header */
        const char *key;
        const char *ca;
    } identities[SECRETS_KINDS];
    void *map;
    size_t map_size;
};

/*
 * Writes a memory file (memfd, sealed against any change) from its parts. *fd is the caller's. 0 or -errno.
 * header's sizes say how long each part is; magic and reserved are set here.
 */
int secrets_write(const struct secrets_header *header, const char *env,
    const struct identity_pem identities[static SECRETS_KINDS], int *fd, struct reason *why);

/*
 * Maps such a file read-only and checks seals, magic and sizes; the descriptor can be closed afterwards.
 * 0, or -EINVAL, -errno. Release with secrets_unmap().
 */
int secrets_map(struct secrets *secrets, int fd, struct reason *why);
void secrets_unmap(struct secrets *secrets);

/*
 * Writes what first holds with the identities of second and its variables in the place of those of the same name: a
 * rotation. *fd is the caller's. 0 or as secrets_write().
 */
int secrets_merge(const struct secrets *first, const struct secrets *second, int *fd, struct reason *why);

/* The value of NAME in the environment block, NULL where it is not there. Lives as long as the map. */
const char *secrets_env(const struct secrets *secrets, const char *name);

#endif
