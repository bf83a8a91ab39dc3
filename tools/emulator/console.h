/* console: the guest's serial console as lines: printed when they are whole, and read for how the enclave ended. */
#ifndef INGOT_TOOLS_EMULATOR_CONSOLE_H
#define INGOT_TOOLS_EMULATOR_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Foreign bytes: control characters (but the tab) are shown as '?', those of Unicode's second block too (U+009B begins
 * a sequence as ESC [ does) and whatever is not UTF-8, so that no line moves the terminal's cursor or rewrites another;
 * carriage returns are dropped. A line that is longer is passed on in pieces.
 */
#define CONSOLE_LINE_MAX 4096

/* The beginnings of the lines by which PID 1 says how it ends; one of the two is the last of every run. */
#define CONSOLE_ENCLAVE_ENDS "ingot: the enclave ends: "
#define CONSOLE_APPLICATION_ENDED "ingot: the application has ended: "
/* The kernel's, behind the time; where its memory lies follows. */
#define CONSOLE_PANIC "Kernel panic - not syncing"

enum console_end {
    CONSOLE_NO_END,        /* nothing was said: a panic, a kill */
    CONSOLE_ENCLAVE_ENDED, /* PID 1 gave up */
    CONSOLE_IN_ORDER       /* the application has ended, as it may */
};

struct console {
    /* line has no newline, size ≤ CONSOLE_LINE_MAX, and is NUL-terminated. */
    void (*line_ready)(void *arg, const char *line, size_t size);
    void *arg;
    char line[CONSOLE_LINE_MAX + 1];
    size_t size;
    bool any;                        /* something was said at all */
    enum console_end end;            /* what the last such line said */
    bool said_end;                   /* last is one of those lines, or a panic's */
    char last[CONSOLE_LINE_MAX + 1]; /* the last that says how it ended; until then the last that was not empty */
};

void console_feed(struct console *console, const void *data, size_t size);
/* Passes on a last line without a newline, if there is one. */
void console_finish(struct console *console);

#endif
