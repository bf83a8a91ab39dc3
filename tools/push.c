/* push: hands secrets to an enclave and waits for its answer. */
#include "tools/push.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <jansson.h>

#include "base/text.h"
#include "net/connect.h"
#include "net/vsock.h"
#include "tools/secret_json.h"

#define ALREADY_CONFIGURED "already configured" /* the enclave's word after an acceptance */

struct push {
    struct loop *loop;
    struct names *names;
    struct push_options options;
    push_done *done;
    void *arg;
    int64_t deadline;
    int64_t delay;     /* before the next attempt */
    uint32_t attempts; /* that failed */
    bool told;         /* options.waiting was called */
    bool unsure;       /* an attempt delivered everything and no answer came */

    struct connect *connect; /* this attempt: connecting … */
    struct loop_watch watch; /* … or talking on fd … */
    struct loop_timer timer; /* … and its end, or the start of the next one */
    int fd;
    size_t sent;
    bool half_closed;
    char *answer; /* PUSH_REPLY_MAX + 1 bytes */
    size_t answer_size;
    struct reason why; /* what became of the last attempt */
};

static void attempt_start(struct push *push);

static void attempt_drop(struct push *push)
{
    connect_cancel(push->connect);
    push->connect = NULL;
    loop_unwatch(push->loop, &push->watch);
    loop_cancel(push->loop, &push->timer);
    if (push->fd >= 0) {
        close(push->fd);
        push->fd = -1;
    }
}

void push_cancel(struct push *push)
{
    if (push != NULL) {
        attempt_drop(push);
        names_close(push->names);
        free(push->answer);
        free(push);
    }
}

static void finish(struct push *push, enum push_result result, const char *answer)
{
    push_done *done = push->done;
    void *arg = push->arg;
    struct reason why = push->why;

    push_cancel(push);
    done(arg, result, answer, result == PUSH_ACCEPTED ? NULL : &why);
}

/* Whether waiting can't help: the address itself is wrong for this machine or user. */
static bool is_final(int error)
{
    return error == -EACCES || error == -EPERM || error == -EAFNOSUPPORT || error == -EPROTO || error == -ENOMEM;
}

/* push->why says what went wrong: tries again later, or gives up. */
static void attempt_failed(struct push *push, int error)
{
    int64_t left = push->deadline - loop_now(push->loop);

    push->unsure = push->unsure || push->half_closed;
    attempt_drop(push);
    if (is_final(error)) {
        finish(push, PUSH_UNREACHED, NULL);
        return;
    }
    push->attempts++;
    if (left <= 0 || (push->options.attempts > 0 && push->attempts >= push->options.attempts)) {
        const char *unsure =
            push->unsure ? "; the secrets were sent in full, and may be accepted, but the answer was lost" : "";
        if (left <= 0) {
            reason_prefix(&push->why, "no answer in %lld s%s", (long long)(push->options.wait_ms + 500) / 1000, unsure);
        } else {
            reason_prefix(
                &push->why, "no answer in %u attempt%s%s", push->attempts, push->attempts > 1 ? "s" : "", unsure);
        }
        finish(push, PUSH_UNREACHED, NULL);
        return;
    }
    if (!push->told && push->options.waiting != NULL) {
        push->options.waiting(push->options.arg, &push->why);
    }
    push->told = true;
    loop_after(push->loop, &push->timer, push->delay < left ? push->delay : left);
    if (push->delay < PUSH_RETRY_MAX_MS) {
        push->delay = 2 * push->delay < PUSH_RETRY_MAX_MS ? 2 * push->delay : PUSH_RETRY_MAX_MS;
    }
}

/* The enclave's sentence, which has quoted its own input: as it is where it is printable ASCII and "…", else quoted. */
static struct text_quoted quote_once(const char *error)
{
    static const char ellipsis[] = "…";
    struct text_quoted plain;
    size_t at = 0;

    while (error[at] != '\0') {
        size_t size = strncmp(error + at, ellipsis, sizeof ellipsis - 1) == 0 ? sizeof ellipsis - 1 : 1;
        if (at + size >= sizeof plain.text || (size == 1 && (error[at] < 0x20 || error[at] > 0x7e))) {
            return text_quote_string(error);
        }
        at += size;
    }
    snprintf(plain.text, sizeof plain.text, "%s", error);
    return plain;
}

/* A refusal in the enclave's words, with ours where it may be about an earlier attempt of this very push. */
static void explain_refusal(struct push *push, const char *error)
{
    reason_set(&push->why, -EPERM, "the enclave refused the secrets: %s", quote_once(error).text);
    if (strcmp(error, ALREADY_CONFIGURED) != 0) {
        return;
    }
    if (push->unsure) {
        reason_set(&push->why, -EPERM,
            "the enclave is already configured: an earlier attempt of this push was sent in full and its answer lost, "
            "so "
            "most likely it is the one that was accepted, but nobody saw it: check what the enclave does before you "
            "rely on it");
    } else {
        reason_set(&push->why, -EPERM,
            "the enclave is already configured: it accepted other secrets before these, and its image takes no more "
            "(again = refuse): start it anew to change them");
    }
}

/* The answer is complete: one line, or all up to the end. False: it is no answer at all. */
static bool answer_read(struct push *push)
{
    json_t *root = json_loadb(push->answer, push->answer_size, JSON_REJECT_DUPLICATES, NULL);
    const char *error = json_string_value(json_object_get(root, "error"));
    bool accepted = error == NULL && json_is_array(json_object_get(root, "accepted"));
    char *line = NULL;
    json_malloc_t make;
    json_free_t release; /* what json_dumps() gives is its allocator's, which the verb replaces */

    json_get_alloc_funcs(&make, &release);
    if (error != NULL) {
        explain_refusal(push, error);
    }
    if (error != NULL || accepted) {
        line = json_dumps(root, JSON_COMPACT | JSON_ENSURE_ASCII); /* what comes from outside goes to a terminal */
    }
    json_decref(root);
    if (line == NULL) {
        return false;
    }
    finish(push, accepted ? PUSH_ACCEPTED : PUSH_REFUSED, line);
    release(line);
    return true;
}

static void answer_bad(struct push *push)
{
    int error = reason_set(&push->why, -EPROTO, "%s is no answer of an enclave: does another program listen there?",
        text_quote(push->answer, push->answer_size).text);
    attempt_failed(push, error);
}

static void answer_ready(struct push *push)
{
    size_t room = PUSH_REPLY_MAX - push->answer_size;
    ssize_t n = recv(push->fd, push->answer + push->answer_size, room, 0);
    char *newline = NULL;

    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n > 0) {
        newline = memchr(push->answer + push->answer_size, '\n', (size_t)n);
        push->answer_size = newline != NULL ? (size_t)(newline - push->answer) : push->answer_size + (size_t)n;
        if (newline == NULL && push->answer_size < PUSH_REPLY_MAX) {
            return;
        }
        if (!answer_read(push)) {
            answer_bad(push);
        }
        return;
    }
    int error = n < 0 ? -errno : -ECONNRESET;
    if (push->answer_size > 0 && answer_read(push)) {
        return;
    }
    reason_set(&push->why, error, "the connection ended without an answer: is the enclave still starting?");
    attempt_failed(push, error);
}

/* Sends what is left; after the last byte the half-close, which tells the enclave that it has all. */
static void send_some(struct push *push)
{
    while (push->sent < push->options.size) {
        size_t left = push->options.size - push->sent;
        ssize_t n = send(push->fd, push->options.secrets + push->sent, left < VSOCK_WRITE_MAX ? left : VSOCK_WRITE_MAX,
            MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno != EAGAIN) { /* the reason is in the answer, if there is one */
            loop_change(push->loop, &push->watch, LOOP_READ);
            return;
        }
        if (n < 0) {
            return;
        }
        push->sent += (size_t)n;
    }
    shutdown(push->fd, SHUT_WR);
    push->half_closed = true;
    loop_change(push->loop, &push->watch, LOOP_READ);
}

static void talk_ready(struct loop_watch *watch, unsigned events)
{
    struct push *push = watch->owner;

    if (events & LOOP_WRITE) {
        send_some(push);
    }
    if (events & (LOOP_READ | LOOP_HANGUP)) {
        answer_ready(push);
    }
}

static void connected(void *arg, int fd, const struct reason *why)
{
    struct push *push = arg;

    push->connect = NULL;
    if (fd < 0) {
        push->why = *why;
        attempt_failed(push, fd);
        return;
    }
    push->fd = fd;
    push->sent = 0;
    push->half_closed = false;
    push->answer_size = 0;
    int64_t left = push->deadline - loop_now(push->loop);
    int error = loop_watch(push->loop, &push->watch, fd, LOOP_READ | LOOP_WRITE);
    if (error == 0) {
        error = loop_after(push->loop, &push->timer, left < PUSH_ANSWER_MS ? left : PUSH_ANSWER_MS);
    }
    if (error < 0) {
        reason_system(&push->why, error, "can't wait for an answer");
        attempt_failed(push, error);
        return;
    }
    if (push->options.sending != NULL) {
        push->options.sending(push->options.arg);
    }
}

static void timer_fired(struct loop_timer *timer)
{
    struct push *push = timer->owner;

    if (push->fd >= 0) {
        reason_set(&push->why, -ETIMEDOUT, "the enclave took the connection, and no answer came in time");
        attempt_failed(push, -ETIMEDOUT);
    } else {
        attempt_start(push);
    }
}

static void attempt_start(struct push *push)
{
    int64_t left = push->deadline - loop_now(push->loop);

    if (left <= 0) {
        attempt_failed(push, -ETIMEDOUT); /* push->why is that of the attempt before */
        return;
    }
    int error = connect_start(&push->connect, push->loop, &push->options.to, left < CONNECT_MS ? left : CONNECT_MS,
        &(struct connect_options){.names = push->names}, connected, push);

    if (error < 0) {
        reason_system(&push->why, error, "can't start a connection");
        attempt_failed(push, error);
    }
}

int push_start(struct push **out, struct loop *loop, const struct push_options *options, push_done *done, void *arg)
{
    struct push *push = calloc(1, sizeof *push);

    if (push == NULL) {
        return -ENOMEM;
    }
    *push =
        (struct push){.loop = loop, .options = *options, .done = done, .arg = arg, .delay = PUSH_RETRY_MS, .fd = -1};
    if (options->delay_ms > 0) {
        push->delay = options->delay_ms;
    }
    push->deadline = loop_now(loop) + options->wait_ms;
    push->watch.ready = talk_ready;
    push->watch.owner = push;
    push->timer.fired = timer_fired;
    push->timer.owner = push;
    push->answer = malloc(PUSH_REPLY_MAX);
    if (push->answer == NULL || names_open(&push->names, loop) < 0 ||
        loop_after(loop, &push->timer, 0) < 0) { /* the first attempt: in the next turn */
        names_close(push->names);
        free(push->answer);
        free(push);
        return -ENOMEM;
    }
    *out = push;
    return 0;
}

int push_check(const char *data, size_t size, const char *name, struct reason *why)
{
    json_t *object;
    json_malloc_t make;
    json_free_t release;

    json_get_alloc_funcs(&make, &release);
    secret_json_memory();
    int error = secret_json_read(data, size, name, &object, why);
    if (error == 0) {
        json_decref(object);
    }
    json_set_alloc_funcs(make, release);
    return error;
}
