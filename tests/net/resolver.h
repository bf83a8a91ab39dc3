/* resolver: names and a clock of the tests' own, in place of the C library's: included by one file of a program. */
#ifndef INGOT_TESTS_NET_RESOLVER_H
#define INGOT_TESTS_NET_RESOLVER_H

#include <netdb.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>

#include "net/resolve.h"
#include "tests/net/sockets.h"

/*
 * The C library's resolver knows only what this machine and its network happen to know, so here it is another one: it
 * knows `known`; `slow.test` takes its time and is not known; `moving.test` is where `moved` says.
 */
static atomic_uint lookups;
static _Atomic(const char *) moved;
static const struct {
    const char *name;
    const char *addresses[3];
} known[] = {
    {"several.test", {"127.0.0.3", "127.0.0.2", "127.0.0.1"}},
    {"six.test", {"::1"}},
    {"six-first.test", {"::1", "127.0.0.1"}},
    {"four-first.test", {"127.0.0.2", "::1"}},
};
#define SLOW_MS 1000

static struct addrinfo *address_before(struct addrinfo *next, const char *text)
{
    struct addrinfo *info = calloc(1, sizeof *info);
    union resolve_address *address = calloc(1, sizeof *address);
    int family = resolve_literal(text, 0, address);

    assert_int_not_equal(family, 0);
    *info = (struct addrinfo){.ai_family = family,
        .ai_addr = &address->any,
        .ai_addrlen = family == AF_INET6 ? sizeof address->v6 : sizeof address->v4,
        .ai_next = next};
    return info;
}

int getaddrinfo(const char *restrict name, const char *restrict service, const struct addrinfo *restrict hints,
    struct addrinfo **restrict list)
{
    struct addrinfo *next = NULL;

    lookups++;
    assert_null(service);
    assert_int_equal(hints->ai_socktype, SOCK_STREAM);
    if (strcmp(name, "slow.test") == 0) {
        usleep(SLOW_MS * 1000);
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        for (size_t k = 3; k > 0 && strcmp(name, known[i].name) == 0; k--) {
            next = known[i].addresses[k - 1] != NULL ? address_before(next, known[i].addresses[k - 1]) : next;
        }
    }
    if (strcmp(name, "moving.test") == 0) {
        next = address_before(NULL, moved);
    }
    *list = next;
    return next != NULL ? 0 : EAI_NONAME;
}

void freeaddrinfo(struct addrinfo *list)
{
    while (list != NULL) {
        struct addrinfo *next = list->ai_next;
        free(list->ai_addr);
        free(list);
        list = next;
    }
}

/* The loop's clock may be ahead of the machine's: what happens after a minute is tried at once. */
static time_t seconds_ahead;

int clock_gettime(clockid_t clock, struct timespec *time)
{
    int result = (int)syscall(SYS_clock_gettime, clock, time);

    time->tv_sec += clock == CLOCK_MONOTONIC ? seconds_ahead : 0;
    return result;
}

#endif
