/* secrets: what one accepted push holds, as a sealed memory file that a role hands to PID 1 and PID 1 to the app. */
#ifndef INGOT_APP_SECRETS_H
#define INGOT_APP_SECRETS_H

#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"

/*
 * Layout, native byte order (both ends are the same binary on the same machine):
 *
 *   struct secrets_header
 *   environment   env_size bytes: env_count strings "NAME=VALUE\0"
 *   certificate   cert_size bytes of PEM   ─┐
 *   key           key_size bytes of PEM     ├ all three 0 where no identity was pushed
 *   ca            ca_size bytes of PEM     ─┘
 *
 * Whoever reads one checks the header's sizes against the file's size (secrets_map() does); what the bytes mean was
 * checked by the role that wrote them.
 */
#define SECRETS_MAGIC 0x3174726373746769u
#define SECRETS_PUSH_MAX (256 * 1024) /* bytes of a pushed JSON text */
#define SECRETS_FILE_MAX (1024 * 1024)

struct secrets_header {
    uint64_t magic;
    uint32_t env_size;
    uint32_t env_count;
    uint32_t cert_size;
    uint32_t key_size;
    uint32_t ca_size;
    uint32_t reserved;  /* 0 */
    int64_t cert_until; /* seconds since 1970, the earliest end of a certificate in it; 0: not known */
    int64_t ca_until;
};
_Static_assert(sizeof(struct secrets_header) == 48, "header without holes");

/* A mapped memory file; the pointers lie inside the map. */
struct secrets {
    const struct secrets_header *header;
    const char *env;
    const char *cert; /* PEM, not NUL-terminated; the sizes are in the header */
    const char *key;
    const char *ca;
    void *map;
    size_t map_size;
};

/*
 * Writes a memory file (memfd, sealed against any change) from its parts. *fd is the caller's. 0 or -errno.
 * header's sizes say how long each part is; magic and reserved are set here.
 */
int secrets_write(const struct secrets_header *header, const char *env, const char *cert, const char *key,
    const char *ca, int *fd, struct reason *why);

/*
 * Maps such a file read-only and checks seals, magic and sizes; the descriptor can be closed afterwards.
 * 0, or -EINVAL, -errno. Release with secrets_unmap().
 */
int secrets_map(struct secrets *secrets, int fd, struct reason *why);
void secrets_unmap(struct secrets *secrets);

/*
 * Writes what first holds with the identity of second and its variables in the place of those of the same name: a
 * rotation. *fd is the caller's. 0 or as secrets_write().
 */
int secrets_merge(const struct secrets *first, const struct secrets *second, int *fd, struct reason *why);

/* The value of NAME in the environment block, NULL where it is not there. Lives as long as the map. */
const char *secrets_env(const struct secrets *secrets, const char *name);

#endif
