/* console: lines for people, written so that a console which takes none holds nobody up. */
#ifndef INGOT_BASE_CONSOLE_H
#define INGOT_BASE_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * One write(2) to stderr. PID 1 opens the console non-blocking and its roles inherit it, because all of them share one
 * terminal with a program that is not ours: where somebody else is writing or the terminal is full, this waits for at
 * most CONSOLE_PATIENCE_MS, and after a line that was lost not at all, until one goes out again.
 */
#define CONSOLE_PATIENCE_MS 500

/* False: it did not go out, or not all of it. */
bool console_write(const char *line, size_t size);

/* For what may be lost, and must not make anybody wait: one attempt. */
void console_offer(const char *line, size_t size);

#endif
