/* timeline: a picture (SVG) of one boot, step by step, and of each connection, on one axis of time. */
#ifndef INGOT_TOOLS_TIMELINE_H
#define INGOT_TOOLS_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * An engine: events in, one picture out, the same for the same events. Times are milliseconds since the enclave's start
 * (QEMU's). Texts are foreign and copied up to their bounds; the picture shows them escaped, '?' for what is no
 * printable UTF-8. It has no script and asks for no other file. Events beyond the bounds are counted, and the picture
 * says how many.
 *
 * The console belongs to PID 1 alone until the step `roles` starts the application, which may then print lines of the
 * same form. From the step before on, therefore, PID 1's next step (`roles`), and after the parent has answered the
 * heartbeat its last one, are taken once each; whatever else is said is a mark of its own kind, and few of those are
 * kept, so that they do not drive out what the parent saw.
 *
 * A zeroed struct timeline has no event.
 */
#define TIMELINE_MARKS 48
#define TIMELINE_SAYINGS 16 /* of these, TIMELINE_SAID */
#define TIMELINE_CONNECTIONS 100
#define TIMELINE_NAME 40 /* bytes, with the NUL */
#define TIMELINE_TEXT 128

enum timeline_kind {
    TIMELINE_STEP, /* of the boot: the time since the step before went into it */
    TIMELINE_SEEN, /* a moment */
    TIMELINE_SAID, /* a moment when the console had a line like PID 1's: by PID 1, or by the application */
};

struct timeline_mark {
    int64_t at;
    char name[TIMELINE_NAME], text[TIMELINE_TEXT];
    enum timeline_kind kind;
};

enum timeline_end {
    TIMELINE_ENDED,
    TIMELINE_CUT,  /* by the parent, which went */
    TIMELINE_OPEN, /* it had not ended when the run did */
};

struct timeline_connection {
    int64_t opened, ended;
    int64_t connect_ms; /* of these, until the target was reached, or given up */
    int64_t answer_ms;  /* until the target's first byte was back; -1: none was */
    char name[TIMELINE_NAME];
    uint64_t sent, received; /* bytes from the accepted side to the target, and back */
    int error;               /* 0: in order; -errno */
    bool connected;          /* the target was reached */
    bool inbound;            /* into the enclave */
    enum timeline_end end;
};

struct timeline {
    struct timeline_mark marks[TIMELINE_MARKS];                   /* in the order in which they came */
    struct timeline_connection connections[TIMELINE_CONNECTIONS]; /* in that in which they were opened */
    size_t mark_count, connection_count, sayings;
    uint64_t more_marks, more_connections;
    uint64_t open, cut;          /* connections, drawn or not */
    struct timeline_mark answer; /* the first byte from the enclave to a caller; without a name: none yet */
    enum {
        TIMELINE_START,  /* nothing was said yet */
        TIMELINE_KERNEL, /* the kernel speaks */
        TIMELINE_ALONE,  /* PID 1 */
        TIMELINE_ROLES,  /* the step that starts the application is going on */
        TIMELINE_SHARED, /* the console is the application's too; the step `heartbeat` is going on */
        TIMELINE_UP,     /* the boot is over */
    } stage;
    bool answered;       /* the heartbeat */
    bool awaits_secrets; /* the application is not started yet */
};

/* A line of the console: the kernel's first one, and those of PID 1's form, are marks. */
void timeline_line(struct timeline *timeline, int64_t at, const char *line);
/* The parent has answered the heartbeat. */
void timeline_heartbeat(struct timeline *timeline, int64_t at);
/* A moment that the parent saw. */
void timeline_moment(struct timeline *timeline, int64_t at, const char *name, const char *text);
/* connection is copied but for its name, which is `name`. */
void timeline_connection(struct timeline *timeline, const struct timeline_connection *connection, const char *name);

/* The picture of a run that ended at `end`, malloc'd, for the caller to free. NULL without memory. */
char *timeline_draw(const struct timeline *timeline, const char *image, int64_t end, const char *how, size_t *size);

#endif
