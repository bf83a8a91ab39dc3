/* output: what the application prints, where the image sends it to the log (`[log] app = yes`). */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/console.h"
#include "init/journal.h"
#include "init/output.h"
#include "init/roles.h"

#define READS_PER_TURN 4

/* ---- Lines ---- */

void output_take(struct output_lines *lines, const char *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (data[i] == '\n') {
            lines->put(lines->arg, lines->line, lines->size, false);
            lines->size = 0;
            lines->begun = false;
            continue;
        }
        if (lines->size == sizeof lines->line) {
            lines->put(lines->arg, lines->line, lines->size, true);
            lines->size = 0;
            lines->begun = true;
        }
        lines->line[lines->size++] = data[i];
    }
}

void output_finish(struct output_lines *lines)
{
    if (lines->size > 0 || lines->begun) {
        lines->put(lines->arg, lines->line, lines->size, false);
    }
    lines->size = 0;
    lines->begun = false;
}

/* ---- The pipe ---- */

static struct {
    struct loop_watch watch;
    struct output_lines lines;
    int in; /* the application's end */
    bool open;
} output;

static void put(void *arg, const char *line, size_t size, bool more)
{
    char copy[OUTPUT_LINE_MAX + 1];

    (void)arg;
    journal_output(line, size, more);
    memcpy(copy, line, size);
    copy[size] = '\n';
    console_offer(copy, size + (more ? 0 : 1)); /* PID 1 has better to do than to wait for a console */
}

/* One read(2). False: there is nothing more now. */
static bool read_some(void)
{
    char data[4096];
    ssize_t size = read(output.watch.fd, data, sizeof data);

    if (size > 0) {
        output_take(&output.lines, data, (size_t)size);
    }
    return size > 0;
}

static void ready(struct loop_watch *watch, unsigned events)
{
    (void)watch;
    (void)events;
    for (int i = 0; i < READS_PER_TURN && read_some(); i++) {
    }
}

int output_open(struct loop *loop, struct reason *why)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0) {
        return reason_system(why, -errno, "no pipe for the application's output");
    }
    output.watch.ready = ready;
    output.lines.put = put;
    output.in = ends[1];
    (void)fcntl(ends[1], F_SETPIPE_SZ, OUTPUT_PIPE); /* larger is no harm */
    /* Its own, so that it can open /dev/stdout. */
    if (fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0 || fchown(ends[1], ROLE_UID_APP, ROLE_UID_APP) < 0) {
        return reason_system(why, -errno, "cannot set up the application's output");
    }
    int error = loop_watch(loop, &output.watch, ends[0], LOOP_READ);
    output.open = error == 0;
    return error < 0 ? reason_system(why, error, "cannot wait for the application's output") : 0;
}

int output_descriptor(void)
{
    return output.open ? output.in : -1;
}

void output_drain(void)
{
    /* What it left behind may go on printing: as much as the pipe holds, and no more. */
    for (size_t size = 0; output.open && size < OUTPUT_PIPE && read_some(); size += 4096) {
    }
    if (output.open) {
        output_finish(&output.lines);
    }
}
