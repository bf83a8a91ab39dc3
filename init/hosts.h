/* hosts: which names resolve inside the enclave, and to which loopback addresses. */
#ifndef INGOT_INIT_HOSTS_H
#define INGOT_INIT_HOSTS_H

#include <stddef.h>

#include "image/config.h"

/* The text of /etc/hosts: localhost, then each distinct endpoint host once. malloc'd; NULL: no memory. */
char *hosts_text(const struct config *config);

/*
 * The text of /etc/resolv.conf: a name that is not in hosts does not resolve, and says so at once. Nothing listens on
 * 127.0.0.1:53, which musl does not notice: without a timeout it would wait 5 s.
 */
#define HOSTS_RESOLV "nameserver 127.0.0.1\noptions timeout:0 attempts:1\n"

#endif
