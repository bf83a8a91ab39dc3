/* resolve: a host name's addresses, looked up beside the loop by a thread of its own. */
#include "net/resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"

#define HOST_SIZE 256
#define THREAD_STACK (256 * 1024) /* musl's getaddrinfo holds whole answers on it */

/* What the thread sends back: one message of a SOCK_SEQPACKET pair, so it arrives whole or not at all. */
struct answer {
    int error; /* of getaddrinfo(3) */
    size_t count;
    union resolve_address addresses[RESOLVE_ADDRESSES_MAX];
};

/* The thread's own copy of the question. It may outlive the resolve that asked, and then answers a closed socket. */
struct lookup {
    int fd;
    char host[HOST_SIZE];
};

struct resolve {
    struct loop *loop;
    struct loop_watch watch;
    struct loop_timer timer; /* literal addresses: answered in the next turn */
    uint16_t port;
    char host[HOST_SIZE];
    union resolve_address literal;
    resolve_done *done;
    void *arg;
};

static atomic_uint lookups;

void resolve_set_port(union resolve_address *address, uint16_t port)
{
    if (address->any.sa_family == AF_INET6) {
        address->v6.sin6_port = htons(port);
    } else {
        address->v4.sin_port = htons(port);
    }
}

int resolve_literal(const char *host, uint16_t port, union resolve_address *address)
{
    memset(address, 0, sizeof *address);
    if (inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, &address->v4.sin_addr) == 1) {
        address->any.sa_family = AF_INET;
    } else if (inet_pton(AF_INET6, host, &address->v6.sin6_addr) == 1) {
        address->any.sa_family = AF_INET6;
    } else {
        return 0;
    }
    resolve_set_port(address, port);
    return address->any.sa_family;
}

static void collect(struct answer *answer, const struct addrinfo *list)
{
    for (const struct addrinfo *at = list; at != NULL && answer->count < RESOLVE_ADDRESSES_MAX; at = at->ai_next) {
        union resolve_address *address = &answer->addresses[answer->count];
        if ((at->ai_family == AF_INET && at->ai_addrlen == sizeof address->v4) ||
            (at->ai_family == AF_INET6 && at->ai_addrlen == sizeof address->v6)) {
            memcpy(address, at->ai_addr, at->ai_addrlen);
            answer->count++;
        }
    }
}

static void *look_up(void *arg)
{
    struct lookup *lookup = arg;
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    struct answer answer;

    memset(&answer, 0, sizeof answer);
    answer.error = getaddrinfo(lookup->host, NULL, &hints, &list);
    if (answer.error == 0) {
        collect(&answer, list);
        freeaddrinfo(list);
    }
    /* Nobody listens any more after resolve_cancel(): nothing to do about that. */
    (void)!send(lookup->fd, &answer, sizeof answer, MSG_NOSIGNAL);
    close(lookup->fd);
    free(lookup);
    atomic_fetch_sub(&lookups, 1);
    return NULL;
}

static void finish(struct resolve *resolve, const struct answer *answer)
{
    resolve_done *done = resolve->done;
    void *arg = resolve->arg;
    struct reason why;

    if (answer->count == 0) {
        const char *cause = answer->error != 0 ? gai_strerror(answer->error) : "it has no address";
        reason_set(&why, -ENOENT,
            "failed to resolve hostname %s: %s; check its spelling, and the name servers in /etc/resolv.conf",
            text_quote_string(resolve->host).text, cause);
    }
    resolve_cancel(resolve);
    done(arg, answer->addresses, answer->count, answer->count == 0 ? &why : NULL);
}

static void answered(struct loop_watch *watch, unsigned events)
{
    struct resolve *resolve = watch->owner;
    struct answer answer;

    (void)events;
    if (recv(watch->fd, &answer, sizeof answer, 0) != (ssize_t)sizeof answer) {
        memset(&answer, 0, sizeof answer);
        answer.error = EAI_FAIL;
    }
    for (size_t i = 0; i < answer.count; i++) {
        resolve_set_port(&answer.addresses[i], resolve->port);
    }
    finish(resolve, &answer);
}

static void literal_answered(struct loop_timer *timer)
{
    struct resolve *resolve = timer->owner;
    struct answer answer;

    memset(&answer, 0, sizeof answer);
    answer.count = 1;
    answer.addresses[0] = resolve->literal;
    finish(resolve, &answer);
}

static int thread_start(struct lookup *lookup)
{
    pthread_attr_t attributes;
    pthread_t thread;
    int error = pthread_attr_init(&attributes);

    if (error != 0) {
        return -error;
    }
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, THREAD_STACK);
    error = pthread_create(&thread, &attributes, look_up, lookup);
    pthread_attr_destroy(&attributes);
    return -error;
}

/* Starts a thread and watches for its answer. */
static int lookup_start(struct resolve *resolve)
{
    struct lookup *lookup = malloc(sizeof *lookup);
    int pair[2] = {-1, -1};
    int error = -ENOMEM;

    if (atomic_fetch_add(&lookups, 1) >= RESOLVE_LOOKUPS_MAX) {
        error = -EAGAIN;
        goto out;
    }
    if (lookup == NULL) {
        goto out;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        error = -errno;
        goto out;
    }
    lookup->fd = pair[1];
    memcpy(lookup->host, resolve->host, sizeof lookup->host);
    error = loop_watch(resolve->loop, &resolve->watch, pair[0], LOOP_READ);
    if (error == 0) {
        error = thread_start(lookup);
    }
    if (error == 0) {
        return 0;
    }
    loop_unwatch(resolve->loop, &resolve->watch);
out:
    if (pair[0] >= 0) {
        close(pair[0]);
        close(pair[1]);
    }
    free(lookup);
    atomic_fetch_sub(&lookups, 1);
    return error;
}

int resolve_start(
    struct resolve **out, struct loop *loop, const char *host, uint16_t port, resolve_done *done, void *arg)
{
    struct resolve *resolve = NULL;
    int error;

    if (strlen(host) >= HOST_SIZE) {
        return -ENAMETOOLONG;
    }
    resolve = calloc(1, sizeof *resolve);
    if (resolve == NULL) {
        return -ENOMEM;
    }
    *resolve = (struct resolve){.loop = loop, .port = port, .done = done, .arg = arg};
    memcpy(resolve->host, host, strlen(host) + 1);
    resolve->watch.ready = answered;
    resolve->watch.owner = resolve;
    resolve->timer.fired = literal_answered;
    resolve->timer.owner = resolve;
    if (resolve_literal(host, port, &resolve->literal) != 0) {
        error = loop_after(loop, &resolve->timer, 0);
    } else {
        error = lookup_start(resolve);
    }
    if (error < 0) {
        free(resolve);
        return error;
    }
    *out = resolve;
    return 0;
}

void resolve_cancel(struct resolve *resolve)
{
    if (resolve == NULL) {
        return;
    }
    loop_cancel(resolve->loop, &resolve->timer);
    if (resolve->watch.active) {
        loop_unwatch(resolve->loop, &resolve->watch);
        close(resolve->watch.fd);
    }
    free(resolve);
}
