/* timeline: a picture (SVG) of one boot, step by step, and of each connection, on one axis of time. */
#ifndef INGOT_TOOLS_TIMELINE_H
#define INGOT_TOOLS_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * An engine: events in, one picture out, the same for the same events. Times are milliseconds since QEMU's start. Texts
 * are foreign and copied up to their bounds; the picture shows them escaped, '?' for what is no printable UTF-8. It has
 * no script and asks for no other file. Events beyond the bounds are counted, and the picture says how many.
 *
 * A zeroed struct timeline has no event.
 */
#define TIMELINE_MARKS 48
#define TIMELINE_CONNECTIONS 100
#define TIMELINE_NAME 40 /* bytes, with the NUL */
#define TIMELINE_TEXT 72

struct timeline_mark {
    int64_t at;
    char name[TIMELINE_NAME], text[TIMELINE_TEXT];
    bool boot; /* the time since the mark before went into this one; else: a moment */
};

struct timeline_connection {
    int64_t opened, ended;
    int64_t connect_ms; /* of these, until the target was reached */
    char name[TIMELINE_NAME];
    uint64_t sent, received; /* bytes from the accepted side to the target, and back */
    int error;               /* 0: in order; -errno */
};

struct timeline {
    struct timeline_mark marks[TIMELINE_MARKS];
    struct timeline_connection connections[TIMELINE_CONNECTIONS];
    size_t mark_count, connection_count;
    uint64_t more_marks, more_connections;
    bool kernel, up; /* the kernel has spoken; the boot is over */
};

/* A line of the console: the kernel's first one, and each of PID 1's, are marks. */
void timeline_line(struct timeline *timeline, int64_t at, const char *line);
/* A moment that the parent saw. */
void timeline_moment(struct timeline *timeline, int64_t at, const char *name, const char *text);
/* connection is copied but for its name, which is `name`. */
void timeline_connection(struct timeline *timeline, const struct timeline_connection *connection, const char *name);

/* The picture of a run that ended at `end`, malloc'd, for the caller to free. NULL without memory. */
char *timeline_draw(const struct timeline *timeline, const char *image, int64_t end, const char *how, size_t *size);

#endif
