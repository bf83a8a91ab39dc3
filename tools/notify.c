/* notify: tells systemd how a service is doing, as sd_notify(3) does, without its library. */
#include "tools/notify.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/text.h"

void notify_send(const char *assignments)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    size_t size = path != NULL ? strlen(path) : 0;

    if (size < 2 || size >= sizeof name.sun_path || (path[0] != '/' && path[0] != '@')) {
        return;
    }
    memcpy(name.sun_path, path, size);
    if (path[0] == '@') {
        name.sun_path[0] = '\0';
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
        (void)!sendto(
            fd, assignments, strlen(assignments), MSG_NOSIGNAL | MSG_DONTWAIT, (const struct sockaddr *)&name, length);
        close(fd);
    }
}

int64_t notify_watchdog_ms(void)
{
    const char *text = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");
    uint64_t number;

    if (pid != NULL && (!text_number(pid, 1, INT32_MAX, &number) || number != (uint64_t)getpid())) {
        return 0; /* meant for another process */
    }
    return text != NULL && text_number(text, 2000, INT64_MAX / 2, &number) ? (int64_t)(number / 2000) : 0;
}
