/* log: lines on the console, each with the time since PID 1 started. */
#ifndef INGOT_INIT_LOG_H
#define INGOT_INIT_LOG_H

#include <stdint.h>

/*
 * `ingot:    12 ms  image       41 files as measured`
 *
 * One write(2) a line, so that lines of several processes never mix. Foreign text is the caller's to quote
 * (text_quote()); what is longer than LOG_LINE_MAX is cut.
 */
#define LOG_LINE_MAX 1024

/* When PID 1 started, in milliseconds of CLOCK_BOOTTIME; main() sets it in every role. */
void log_set_start(int64_t start);
int64_t log_start(void);
/* Milliseconds of CLOCK_BOOTTIME. */
int64_t log_clock(void);

/* subject is a step or a role. */
void log_line(const char *subject, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
