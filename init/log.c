/* log: lines on the console, each with the time since PID 1 started. */
#include "init/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/console.h"

static int64_t started;

void log_set_start(int64_t start)
{
    started = start;
}

int64_t log_start(void)
{
    return started;
}

int64_t log_clock(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void log_line(const char *subject, const char *format, ...)
{
    char line[LOG_LINE_MAX + 2];
    va_list args;
    int used = snprintf(line, LOG_LINE_MAX, "ingot: %5lld ms  %-10s  ", (long long)(log_clock() - started), subject);

    if (used < 0 || used >= LOG_LINE_MAX) {
        return;
    }
    va_start(args, format);
    (void)vsnprintf(line + used, LOG_LINE_MAX - (size_t)used, format, args);
    va_end(args);
    size_t length = strlen(line);
    line[length++] = '\n';
    (void)console_write(line, length);
}
