/* secrets_role: reads and judges one push in a process of its own, offers it to PID 1, and answers the sender. */
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/push.h"
#include "base/pass.h"
#include "base/wipe.h"
#include "init/confine.h"
#include "init/log.h"
#include "init/pushes.h"
#include "init/roles.h"

#define VERDICT_MS 10000 /* for PID 1's answer: it writes three small files in between */

/* jansson's copies of the secrets are wiped when they are freed: each block knows its size. */
union block {
    size_t size;
    max_align_t aligned;
};

static void *block_make(size_t size)
{
    union block *block = size <= SIZE_MAX - sizeof *block ? malloc(sizeof *block + size) : NULL;

    if (block == NULL) {
        return NULL;
    }
    block->size = size;
    return block + 1;
}

static void block_free(void *data)
{
    if (data != NULL) {
        union block *block = (union block *)data - 1;
        wipe_free(block, sizeof *block + block->size);
    }
}

/* What happens once, before confinement takes the way to it. */
static int prepare(struct config *config, struct reason *why)
{
    size_t seed;

    if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed) {
        return reason_system(why, -errno, "no random bytes");
    }
    json_set_alloc_funcs(block_make, block_free);
    json_object_seed(seed);
    return role_config(config, why);
}

static int wait_for(int fd, short events, int64_t until)
{
    int64_t left = until - log_clock();
    struct pollfd waiting = {.fd = fd, .events = events};
    int ready = left > 0 ? poll(&waiting, 1, (int)left) : 0;

    return ready > 0 ? 0 : ready == 0 ? -ETIMEDOUT : -errno;
}

/*
 * Reads up to the end of the sender's bytes, keeping SECRETS_PUSH_MAX + 1 of them: what is longer is read to its end
 * all the same, so that the sender is there to read the answer.
 */
static int read_push(int connection, char *text, size_t *size, struct reason *why)
{
    int64_t until = log_clock() + PUSH_SECONDS * 1000;
    char beyond[4096];

    *size = 0;
    for (;;) {
        size_t room = SECRETS_PUSH_MAX + 1 - *size;
        int error = wait_for(connection, POLLIN, until);
        ssize_t got;
        if (error == -ETIMEDOUT) {
            return reason_set(
                why, error, "the end did not come within %d s: close the sending side after the JSON", PUSH_SECONDS);
        }
        got = room > 0 ? read(connection, text + *size, room) : read(connection, beyond, sizeof beyond);
        if (got == 0) {
            return 0;
        }
        if (got < 0 && errno != EAGAIN && errno != EINTR) {
            return reason_system(why, -errno, "the connection broke");
        }
        *size += got > 0 && room > 0 ? (size_t)got : 0;
    }
}

/* What PID 1 says to an offer (fd -1: there is none); PUSH_FAILED, with a sentence, where it says nothing. */
static uint8_t ask(int fd, struct reason *why)
{
    int none;
    uint8_t verdict = PUSH_FAILED;
    int error = pass_send(ROLE_CONTROL, fd >= 0 ? PUSH_OFFER : PUSH_NOTHING, fd);

    if (error == 0) {
        error = wait_for(ROLE_CONTROL, POLLIN, log_clock() + VERDICT_MS);
    }
    if (error < 0 || pass_receive(ROLE_CONTROL, &verdict, &none) <= 0) {
        (void)reason_set(why, -EPIPE, "PID 1 does not answer");
    }
    return verdict;
}

static int offer(const struct push *push, struct reason *why)
{
    int fd = -1;
    uint8_t verdict;
    int error = secrets_write(&push->header, push->env, push->identities, &fd, why);

    if (error < 0) {
        return error;
    }
    (void)reason_set(why, -EIO, "the enclave could not store the secrets");
    verdict = ask(fd, why);
    close(fd);
    return verdict == PUSH_ACCEPTED ? 0 : verdict == PUSH_CONFIGURED ? -EEXIST : -EIO;
}

/* The sender may be gone, or slow; it has the rest of its time. What was accepted stays so. */
static void answer(int connection, const char *line)
{
    int64_t until = log_clock() + PUSH_SECONDS * 1000 / 6;
    size_t left = strlen(line);

    while (left > 0 && wait_for(connection, POLLOUT, until) == 0) {
        ssize_t sent = send(connection, line, left, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN && errno != EINTR) {
            return;
        }
        line += sent > 0 ? sent : 0;
        left -= sent > 0 ? (size_t)sent : 0;
    }
    (void)shutdown(connection, SHUT_WR);
}

static uint8_t standing(void)
{
    struct reason unsaid;

    return ask(-1, &unsaid);
}

static int judge(const struct config *config, const char *text, size_t size, struct push *push, struct reason *why)
{
    uint8_t before = standing();
    int error = before == PUSH_CONFIGURED ? -EEXIST : push_read(push, config, before == PUSH_AGAIN, text, size, why);

    return error < 0 ? error : offer(push, why);
}

int role_secrets(void)
{
    struct config config;
    struct push push = {0};
    struct reason why;
    char refusal[PUSH_ANSWER_MAX];
    size_t size = 0;
    char *text = malloc(SECRETS_PUSH_MAX + 1);
    int error = prepare(&config, &why);

    if (error == 0) {
        error = confine_role(ROLE_SECRETS, &config, &why);
    }
    if (error < 0 || text == NULL) {
        log_line(ROLE_SECRETS, "%s", text != NULL ? why.text : "no memory");
        return 111;
    }
    error = read_push(ROLE_FIRST, text, &size, &why);
    if (error == 0) {
        error = judge(&config, text, size, &push, &why);
    }
    wipe(text, size);
    if (error < 0) {
        if (error == -EEXIST || standing() == PUSH_CONFIGURED) {
            (void)reason_set(&why, -EEXIST, "already configured");
        }
        log_line(ROLE_SECRETS, "a push is refused: %s", why.text);
    }
    answer(ROLE_FIRST, error < 0 ? push_refusal(why.text, refusal) : push.accepted);
    push_free(&push);
    free(text);
    config_free(&config);
    return 0;
}
