/* say: a line of a built-in application on the console. */
#include "app/say.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/console.h"

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
    (void)console_write(line, (size_t)size + 1);
}
