/* say: a line of a built-in application on the console. */
#include "app/say.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

void say(const char *format, ...)
{
    char line[SAY_MAX + 2];
    va_list args;

    va_start(args, format);
    int size = vsnprintf(line, SAY_MAX + 1, format, args);
    va_end(args);
    if (size < 0) {
        return;
    }
    size = size > SAY_MAX ? SAY_MAX : size;
    line[size] = '\n';
    /* A console that does not take it: there is nobody to tell. */
    ssize_t written = write(STDERR_FILENO, line, (size_t)size + 1);
    (void)written;
}
