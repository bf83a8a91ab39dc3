/* console: lines for people, written so that a console which takes none holds nobody up. */
#include "base/console.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#define NAP_MS 5

static bool lost; /* the last line did not go out */

bool console_write(const char *line, size_t size)
{
    int left = lost ? 0 : CONSOLE_PATIENCE_MS;

    while (size > 0) {
        ssize_t written = write(STDERR_FILENO, line, size);
        if (written >= 0) {
            line += written;
            size -= (size_t)written;
        } else if (errno == EAGAIN && left > 0) {
            (void)poll(NULL, 0, NAP_MS); /* not for room: another writer may hold the terminal itself */
            left -= NAP_MS;
        } else if (errno != EINTR) {
            break; /* there is nobody to tell */
        }
    }
    lost = size > 0;
    return !lost;
}

void console_offer(const char *line, size_t size)
{
    (void)!write(STDERR_FILENO, line, size);
}
