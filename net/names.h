/* names: remembers for a minute what host names resolved to, so that many connections share one lookup. */
#ifndef INGOT_NET_NAMES_H
#define INGOT_NET_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"
#include "net/loop.h"
#include "net/resolve.h"

/*
 *   names_find ── an answer at most NAMES_KEEP_MS old, at once
 *   names_wait ── looks up, or joins a lookup of the same name that is under way ── done(), or names_cancel()
 *   names_forget ─ the addresses did not answer: the next one looks up again
 *
 * Only answers are kept, failures are not: the next connection asks again. There is an entry for each name asked for in
 * the last minute; whoever takes names from strangers bounds them himself.
 */
#define NAMES_KEEP_MS (60 * 1000)

struct names_wait;

/* Reached through pointers: a program that never opens one, as the enclave's, links no resolver. */
struct names {
    size_t (*find)(struct names *names, const char *host, uint16_t port,
        union resolve_address addresses[static RESOLVE_ADDRESSES_MAX]);
    int (*wait)(
        struct names_wait **wait, struct names *names, const char *host, uint16_t port, resolve_done *done, void *arg);
    void (*cancel)(struct names_wait *wait);
    void (*forget)(struct names *names, const char *host);
};

/* 0 or -ENOMEM. */
int names_open(struct names **names, struct loop *loop);
/* Every names_wait() has ended or was cancelled before. NULL does nothing. */
void names_close(struct names *names);

/* The addresses of host, a name, with this port, or 0 where it must be looked up. */
static inline size_t names_find(
    struct names *names, const char *host, uint16_t port, union resolve_address addresses[static RESOLVE_ADDRESSES_MAX])
{
    return names->find(names, host, port, addresses);
}

/*
 * done is called once, never from inside, with what resolve_done says; the handle is gone when it is. 0 or an -errno of
 * resolve_start().
 */
static inline int names_wait(
    struct names_wait **wait, struct names *names, const char *host, uint16_t port, resolve_done *done, void *arg)
{
    return names->wait(wait, names, host, port, done, arg);
}

/* The lookup goes on for the others. A wait of NULL does nothing. */
static inline void names_cancel(struct names *names, struct names_wait *wait)
{
    if (wait != NULL) {
        names->cancel(wait);
    }
}

static inline void names_forget(struct names *names, const char *host)
{
    names->forget(names, host);
}

#endif
