/* notify: tells systemd how a service is doing, as sd_notify(3) does, without its library. */
#ifndef INGOT_TOOLS_NOTIFY_H
#define INGOT_TOOLS_NOTIFY_H

#include <stdint.h>

/*
 * Sends assignments (`READY=1`, several parted by line feeds) to the datagram socket that $NOTIFY_SOCKET names: a path,
 * or `@` and an abstract name. Does nothing where there is none, and nothing about a message that can't be sent: a
 * service goes on without its supervisor's knowing.
 */
void notify_send(const char *assignments);

/* How often the supervisor wants to hear `WATCHDOG=1`, in milliseconds: half of $WATCHDOG_USEC; 0: never. */
int64_t notify_watchdog_ms(void);

#endif
