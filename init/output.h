/* output: what the application prints, where the image sends it to the log (`[log] app = yes`). */
#ifndef INGOT_INIT_OUTPUT_H
#define INGOT_INIT_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/reason.h"
#include "net/loop.h"

/*
 * Standard output and error of the application are one pipe, which PID 1 empties as it comes: into the journal's ring,
 * whose oldest lines go when nobody fetches them, and to the console as far as that takes it at once. So neither a
 * parent that does not read nor a slow console stops the application; it waits only while PID 1 itself has other work.
 *
 * A line is an event {"event": "app", "text": …}; one over OUTPUT_LINE_MAX bytes is several, all but the last with
 * "more": true. One for the whole process; PID 1 only.
 */
#define OUTPUT_LINE_MAX 320 /* six times that, escaped, is less than JOURNAL_LINE_MAX */
#define OUTPUT_PIPE 16384   /* bytes that the kernel may hold of it */

/* Lines out of bytes, by itself. */
struct output_lines {
    char line[OUTPUT_LINE_MAX];
    size_t size;
    bool begun; /* a part of this line has gone out */
    void (*put)(void *arg, const char *line, size_t size, bool more);
    void *arg;
};

void output_take(struct output_lines *lines, const char *data, size_t size);
/* The end: a line that has no newline yet is one all the same. */
void output_finish(struct output_lines *lines);

/* Makes the pipe, for the application's user. 0 or -errno. */
int output_open(struct loop *loop, struct reason *why);
/* Where the application is to write; -1: output_open() was not called, so to the console. */
int output_descriptor(void);
/* The application has ended: what it said comes before that. */
void output_drain(void);

#endif
