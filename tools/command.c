/* command: runs another program beside the loop: its output bounded, its complaint kept, its time limited. */
#include "tools/command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"

extern char **environ;

struct stream {
    struct loop_watch watch;
    int fd; /* -1: at its end */
    char *data;
    size_t size;
    size_t max;
    bool over; /* there was more than max */
};

struct command {
    struct loop *loop;
    struct loop_timer timer; /* the next look at whether it has ended */
    int64_t deadline;
    int64_t milliseconds;
    char name[64];
    pid_t pid; /* 0: reaped */
    struct stream out;
    struct stream err;
    command_done *done;
    void *arg;
};

/* ---- what it says ---- */

static void stream_close(struct command *command, struct stream *stream)
{
    loop_unwatch(command->loop, &stream->watch);
    if (stream->fd >= 0) {
        close(stream->fd);
        stream->fd = -1;
    }
}

/* False: there is no more just now. */
static bool stream_read(struct command *command, struct stream *stream)
{
    char beyond[4096];
    size_t room = stream->max - stream->size;

    if (stream->fd < 0) {
        return false;
    }
    ssize_t got =
        room > 0 ? read(stream->fd, stream->data + stream->size, room) : read(stream->fd, beyond, sizeof beyond);
    if (got > 0 && room > 0) {
        stream->size += (size_t)got;
    } else if (got > 0) {
        stream->over = true;
    } else if (got == 0 || (errno != EINTR && errno != EAGAIN)) {
        stream_close(command, stream);
    }
    return got > 0;
}

static void out_ready(struct loop_watch *watch, unsigned events)
{
    struct command *command = watch->owner;

    (void)events;
    stream_read(command, &command->out);
}

static void err_ready(struct loop_watch *watch, unsigned events)
{
    struct command *command = watch->owner;

    (void)events;
    stream_read(command, &command->err);
}

/* ---- its end ---- */

static void release(struct command *command)
{
    loop_cancel(command->loop, &command->timer);
    stream_close(command, &command->out);
    stream_close(command, &command->err);
    free(command->out.data);
    free(command->err.data);
    free(command);
}

static void kill_and_reap(struct command *command)
{
    if (command->pid > 0) {
        kill(command->pid, SIGKILL);
        while (waitpid(command->pid, NULL, 0) < 0 && errno == EINTR) {
        }
        command->pid = 0;
    }
}

static void finish(struct command *command, const struct reason *why)
{
    command->out.data[command->out.size] = '\0';
    command->done(command->arg, why == NULL ? command->out.data : NULL, why == NULL ? command->out.size : 0, why);
    release(command);
}

static void fail(struct command *command, struct reason *why)
{
    kill_and_reap(command);
    reason_prefix(why, "%s", command->name);
    finish(command, why);
}

static void judge(struct command *command, int status)
{
    struct reason why;

    /* What it wrote before its end is in the pipes; an heir of them may write for ever, so no more than the bounds. */
    for (size_t left = command->out.max + 1; left > 0 && stream_read(command, &command->out) && !command->out.over;
         left--) {
    }
    for (size_t left = COMMAND_ERROR_MAX; left > 0 && stream_read(command, &command->err) && !command->err.over;
         left--) {
    }
    if (command->out.over) {
        reason_set(&why, -EFBIG, "it printed more than %zu bytes", command->out.max);
        fail(command, &why);
    } else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        reason_set(&why, -EIO, "it %s %d and said: %s",
            WIFEXITED(status) ? "ended with exit status" : "was ended by signal",
            WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status),
            command->err.size > 0 ? text_quote(command->err.data, command->err.size).text : "nothing");
        fail(command, &why);
    } else {
        finish(command, NULL);
    }
}

static void look(struct loop_timer *timer)
{
    struct command *command = timer->owner;
    struct reason why;
    int status;

    if (waitpid(command->pid, &status, WNOHANG) == command->pid) {
        command->pid = 0;
        judge(command, status);
    } else if (command->out.over) {
        reason_set(&why, -EFBIG, "it printed more than %zu bytes", command->out.max);
        fail(command, &why);
    } else if (loop_now(command->loop) >= command->deadline) {
        reason_set(&why, -ETIMEDOUT, "it did not end within %lld ms", (long long)command->milliseconds);
        fail(command, &why);
    } else {
        loop_after(command->loop, timer, COMMAND_POLL_MS); /* a timer that was set once has its place: never fails */
    }
}

/* ---- its start ---- */

static int spawn(struct command *command, const char *const arguments[], int out, int err)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, defaults;
    int error = posix_spawn_file_actions_init(&actions);

    if (error != 0) {
        return -error;
    }
    error = posix_spawnattr_init(&attributes);
    if (error != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return -error;
    }
    /* What this program blocks and ignores for itself is not the other one's to inherit. */
    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    if ((error = posix_spawnattr_setsigmask(&attributes, &none)) == 0 &&
        (error = posix_spawnattr_setsigdefault(&attributes, &defaults)) == 0 &&
        (error = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF)) == 0 &&
        (error = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)) == 0 &&
        (error = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO)) == 0 &&
        (error = posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO)) == 0) {
        /* posix_spawnp() leaves the texts alone; its type is older than const. */
        error = posix_spawnp(
            &command->pid, arguments[0], &actions, &attributes, (char *const *)(uintptr_t)arguments, environ);
    }
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return -error;
}

static int stream_open(struct command *command, struct stream *stream, int fd, size_t max, loop_ready *ready)
{
    stream->fd = fd;
    stream->max = max;
    stream->data = malloc(max + 1);
    if (stream->data == NULL) {
        return -ENOMEM;
    }
    if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
        return -errno;
    }
    stream->watch = (struct loop_watch){.ready = ready, .owner = command};
    return loop_watch(command->loop, &stream->watch, fd, LOOP_READ);
}

int command_start(struct command **out, struct loop *loop, const struct command_options *options, command_done *done,
    void *arg, struct reason *why)
{
    struct command *command = calloc(1, sizeof *command);
    int output[2] = {-1, -1};
    int errors[2] = {-1, -1};
    int error;

    if (command == NULL) {
        return reason_system(why, -ENOMEM, "%s can't be started", text_quote_string(options->arguments[0]).text);
    }
    *command = (struct command){.loop = loop,
        .milliseconds = options->milliseconds,
        .deadline = loop_now(loop) + options->milliseconds,
        .out = {.fd = -1},
        .err = {.fd = -1},
        .timer = {.fired = look, .owner = command},
        .done = done,
        .arg = arg};
    snprintf(command->name, sizeof command->name, "%s", options->arguments[0]);
    error = pipe2(output, O_CLOEXEC) < 0 || pipe2(errors, O_CLOEXEC) < 0 ? -errno : 0;
    if (error == 0 && (error = stream_open(command, &command->out, output[0], options->output_max, out_ready)) == 0 &&
        (error = stream_open(command, &command->err, errors[0], COMMAND_ERROR_MAX, err_ready)) == 0 &&
        (error = loop_after(loop, &command->timer, COMMAND_POLL_MS)) == 0) {
        error = spawn(command, options->arguments, output[1], errors[1]);
    }
    const int ends[] = {
        output[1], errors[1], command->out.fd < 0 ? output[0] : -1, command->err.fd < 0 ? errors[0] : -1};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        if (ends[i] >= 0) {
            close(ends[i]);
        }
    }
    if (error < 0) {
        reason_system(why, error, "%s can't be started", text_quote_string(command->name).text);
        release(command);
        return error;
    }
    *out = command;
    return 0;
}

void command_cancel(struct command *command)
{
    if (command != NULL) {
        kill_and_reap(command);
        release(command);
    }
}
