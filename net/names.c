/* names: remembers for a minute what host names resolved to, so that many connections share one lookup. */
#include "net/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct names_wait {
    struct names_wait *next;
    struct names_wait **place; /* what points to this one */
    uint16_t port;
    resolve_done *done;
    void *arg;
};

struct name {
    struct name *next;
    struct remembered *names;
    struct resolve *resolve; /* under way; NULL: none */
    struct names_wait *waiting;
    int64_t until; /* loop_now() from which the answer is not used any more */
    size_t count;
    union resolve_address addresses[RESOLVE_ADDRESSES_MAX];
    char host[];
};

struct remembered {
    struct names names; /* must be first */
    struct loop *loop;
    struct name *first;
};

static struct remembered *of(struct names *names)
{
    return (struct remembered *)(void *)names;
}

static struct name *find(const struct remembered *names, const char *host)
{
    struct name *name = names->first;

    while (name != NULL && strcmp(name->host, host) != 0) {
        name = name->next;
    }
    return name;
}

/* Drops what is of no use any more. */
static void sweep(struct remembered *names)
{
    int64_t now = loop_now(names->loop);

    for (struct name **place = &names->first; *place != NULL;) {
        struct name *name = *place;
        if (name->resolve == NULL && name->until <= now) {
            *place = name->next;
            free(name);
        } else {
            place = &name->next;
        }
    }
}

static size_t copy_addresses(union resolve_address to[static RESOLVE_ADDRESSES_MAX], const union resolve_address *from,
    size_t count, uint16_t port)
{
    memcpy(to, from, count * sizeof from[0]);
    for (size_t i = 0; i < count; i++) {
        resolve_set_port(&to[i], port);
    }
    return count;
}

static void wait_push(struct names_wait **list, struct names_wait *wait)
{
    wait->next = *list;
    wait->place = list;
    if (wait->next != NULL) {
        wait->next->place = &wait->next;
    }
    *list = wait;
}

static void wait_free(struct names_wait *wait)
{
    *wait->place = wait->next;
    if (wait->next != NULL) {
        wait->next->place = wait->place;
    }
    free(wait);
}

static void resolved(void *arg, const union resolve_address *addresses, size_t count, const struct reason *why)
{
    struct name *name = arg;
    struct names_wait *list = name->waiting; /* its own list: who asks again meanwhile waits for the next answer */
    union resolve_address copy[RESOLVE_ADDRESSES_MAX];

    if (list != NULL) {
        list->place = &list;
    }
    name->waiting = NULL;
    name->resolve = NULL;
    name->count = copy_addresses(name->addresses, addresses, count, 0);
    name->until = count > 0 ? loop_now(name->names->loop) + NAMES_KEEP_MS : 0;
    while (list != NULL) {
        resolve_done *done = list->done;
        void *done_arg = list->arg;
        copy_addresses(copy, addresses, count, list->port);
        wait_free(list);
        done(done_arg, copy, count, why);
    }
}

static size_t find_addresses(
    struct names *base, const char *host, uint16_t port, union resolve_address addresses[static RESOLVE_ADDRESSES_MAX])
{
    const struct remembered *names = of(base);
    const struct name *name;

    name = find(names, host);
    return name != NULL && loop_now(names->loop) < name->until
               ? copy_addresses(addresses, name->addresses, name->count, port)
               : 0;
}

static int wait_for(
    struct names_wait **out, struct names *base, const char *host, uint16_t port, resolve_done *done, void *arg)
{
    struct remembered *names = of(base);
    struct names_wait *wait = malloc(sizeof *wait);
    struct name *name;

    if (wait == NULL) {
        return -ENOMEM;
    }
    *wait = (struct names_wait){.port = port, .done = done, .arg = arg};
    sweep(names);
    name = find(names, host);
    if (name == NULL) {
        name = calloc(1, sizeof *name + strlen(host) + 1);
        if (name == NULL) {
            free(wait);
            return -ENOMEM;
        }
        name->names = names;
        memcpy(name->host, host, strlen(host) + 1);
        name->next = names->first;
        names->first = name;
    }
    if (name->resolve == NULL) {
        int error = resolve_start(&name->resolve, names->loop, host, port, resolved, name);
        if (error < 0) {
            free(wait);
            return error;
        }
    }
    wait_push(&name->waiting, wait);
    *out = wait;
    return 0;
}

static void forget(struct names *names, const char *host)
{
    struct name *name = find(of(names), host);

    if (name != NULL) {
        name->until = 0;
    }
}

int names_open(struct names **out, struct loop *loop)
{
    struct remembered *names = calloc(1, sizeof *names);

    if (names == NULL) {
        return -ENOMEM;
    }
    names->names = (struct names){find_addresses, wait_for, wait_free, forget};
    names->loop = loop;
    *out = &names->names;
    return 0;
}

void names_close(struct names *base)
{
    struct remembered *names = of(base);

    if (base == NULL) {
        return;
    }
    while (names->first != NULL) {
        struct name *name = names->first;
        names->first = name->next;
        resolve_cancel(name->resolve);
        free(name);
    }
    free(names);
}
