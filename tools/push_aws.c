/* push_aws: reads one secret from AWS Secrets Manager through the `aws` command. */
#include "tools/push_aws.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "base/wipe.h"

#define ARGUMENT_MAX 2048 /* a secret's name has 512 characters at the most, its ARN somewhat more */

extern char **environ;

struct stream {
    int fd; /* -1: at its end */
    char *data;
    size_t size;
    size_t max; /* what is longer is read and dropped, with `over` set */
    bool over;
};

struct child {
    pid_t pid;
    struct stream out;
    struct stream err;
};

static int64_t clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int spawn(struct child *child, char *const arguments[], int out, int err)
{
    posix_spawn_file_actions_t actions;
    int error = posix_spawn_file_actions_init(&actions);

    if (error != 0) {
        return -error;
    }
    error = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (error == 0) {
        error = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    }
    if (error == 0) {
        error = posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
    }
    if (error == 0) {
        error = posix_spawnp(&child->pid, arguments[0], &actions, NULL, arguments, environ);
    }
    posix_spawn_file_actions_destroy(&actions);
    return -error;
}

static int start(struct child *child, char *const arguments[], struct reason *why)
{
    int out[2] = {-1, -1};
    int err[2] = {-1, -1};
    int error = pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0 ? -errno : 0;

    if (error == 0) {
        error = spawn(child, arguments, out[1], err[1]);
    }
    if (out[1] >= 0) {
        close(out[1]);
    }
    if (err[1] >= 0) {
        close(err[1]);
    }
    child->out.fd = out[0];
    child->err.fd = err[0];
    if (error == -ENOENT) {
        return reason_set(why, error, "there is no command `aws` on this machine: install the AWS CLI, or push a file");
    }
    return error < 0 ? reason_system(why, error, "can't run aws") : 0;
}

static void stream_read(struct stream *stream)
{
    char beyond[4096];
    size_t room = stream->max - stream->size;
    ssize_t n =
        room > 0 ? read(stream->fd, stream->data + stream->size, room) : read(stream->fd, beyond, sizeof beyond);

    if (n > 0 && room > 0) {
        stream->size += (size_t)n;
    } else if (n > 0) {
        wipe(beyond, sizeof beyond);
        stream->over = true;
    } else if (n == 0 || errno != EINTR) {
        close(stream->fd);
        stream->fd = -1;
    }
}

/* Until both ends are closed. */
static int read_all(struct child *child, struct reason *why)
{
    int64_t until = clock_ms() + PUSH_AWS_MS;

    while (child->out.fd >= 0 || child->err.fd >= 0) {
        struct pollfd waiting[] = {
            {.fd = child->out.fd, .events = POLLIN}, {.fd = child->err.fd, .events = POLLIN}}; /* -1 is passed over */
        int64_t left = until - clock_ms();
        int ready = left > 0 ? poll(waiting, 2, (int)left) : 0;
        if (ready == 0) {
            return reason_set(why, -ETIMEDOUT, "aws did not end within %d s", PUSH_AWS_MS / 1000);
        }
        if (ready < 0 && errno != EINTR) {
            return reason_system(why, -errno, "can't wait for aws");
        }
        if (ready > 0 && waiting[0].revents != 0) {
            stream_read(&child->out);
        }
        if (ready > 0 && waiting[1].revents != 0) {
            stream_read(&child->err);
        }
    }
    return 0;
}

/* aws's own words on one line: blanks for what is not printable, none at either end. */
static const char *said(const struct stream *err, char text[static 480])
{
    size_t used = 0;

    for (size_t i = 0; i < err->size && used < 479; i++) {
        char byte = err->data[i] > 0x20 && err->data[i] < 0x7f ? err->data[i] : ' ';
        if (byte != ' ' || (used > 0 && text[used - 1] != ' ')) {
            text[used++] = byte;
        }
    }
    while (used > 0 && text[used - 1] == ' ') {
        used--;
    }
    text[used] = '\0';
    return used > 0 ? text : "nothing";
}

/* Reaps it; how it ended. */
static int finish(struct child *child, int error, struct reason *why)
{
    char words[480];
    int status = 0;

    if (error < 0) {
        kill(child->pid, SIGKILL);
    }
    while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (error < 0) {
        return error;
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        return reason_set(why, -EINVAL, "aws %s %d and said: %s",
            WIFEXITED(status) ? "ended with exit code" : "was ended by signal",
            WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status), said(&child->err, words));
    }
    return 0;
}

/* What aws printed is one JSON string, or null for a secret that has only SecretBinary. */
static int answer_read(const struct stream *out, json_t **value, struct reason *why)
{
    json_error_t fault;
    json_t *root;

    if (out->over) {
        return reason_set(why, -EINVAL, "aws printed more than %d bytes", PUSH_AWS_OUTPUT_MAX);
    }
    root = json_loadb(out->data, out->size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &fault);
    wipe(&fault, sizeof fault);
    if (json_is_string(root)) {
        *value = root;
        return 0;
    }
    int error = json_is_null(root)
                    ? reason_set(why, -EINVAL, "it holds bytes (SecretBinary) and no text: store it as SecretString")
                    : reason_set(why, -EINVAL, "aws answered something else than the secret's text");
    json_decref(root);
    return error;
}

int push_aws_secret(const char *name, const char *region, json_t **value, struct reason *why)
{
    char id[ARGUMENT_MAX];
    char where[ARGUMENT_MAX];
    char *const arguments[] = {"aws", "secretsmanager", "get-secret-value", "--query", "SecretString", "--output",
        "json", id, region != NULL ? where : NULL, NULL};
    struct child child = {.pid = -1,
        .out = {.fd = -1, .data = malloc(PUSH_AWS_OUTPUT_MAX), .max = PUSH_AWS_OUTPUT_MAX},
        .err = {.fd = -1, .data = malloc(PUSH_AWS_ERROR_MAX), .max = PUSH_AWS_ERROR_MAX}};
    int error = 0;

    /* With "=", so that a name that begins with "-" is a name all the same. */
    if (snprintf(id, sizeof id, "--secret-id=%s", name) >= (int)sizeof id ||
        snprintf(where, sizeof where, "--region=%s", region != NULL ? region : "") >= (int)sizeof where) {
        error = reason_set(why, -EINVAL, "the name is too long");
    }
    if (error == 0 && (child.out.data == NULL || child.err.data == NULL)) {
        error = reason_set(why, -ENOMEM, "out of memory");
    }
    if (error == 0) {
        error = start(&child, arguments, why);
    }
    if (error == 0) {
        error = finish(&child, read_all(&child, why), why);
    }
    if (error == 0) {
        error = answer_read(&child.out, value, why);
    }
    if (error < 0) {
        reason_prefix(why, "the secret %s", text_quote_string(name).text);
    }
    if (child.out.fd >= 0) {
        close(child.out.fd);
    }
    if (child.err.fd >= 0) {
        close(child.err.fd);
    }
    wipe_free(child.out.data, child.out.data != NULL ? PUSH_AWS_OUTPUT_MAX : 0);
    free(child.err.data);
    return error;
}
