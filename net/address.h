/* address: where to listen or connect, written as text: vsock:CID:PORT, tcp:HOST:PORT, unix:PATH, hybrid:PATH:PORT. */
#ifndef INGOT_NET_ADDRESS_H
#define INGOT_NET_ADDRESS_H

#include <stdint.h>

#include "base/reason.h"

/*
 *   vsock:CID:PORT     CID a number, or `any` (to listen), PORT 0..4294967294
 *   tcp:HOST:PORT      HOST a name, an IPv4 address, or an IPv6 address in brackets; PORT 1..65535 (0 to listen: any)
 *   unix:PATH          a stream socket in the file system, at most ADDRESS_PATH_MAX bytes
 *   hybrid:PATH:PORT   a vsock port behind a Unix socket: connect to PATH, write `CONNECT PORT\n`, read `OK N\n`
 *                      (N any number), and from there on the bytes are the connection's. To connect only.
 *
 * A struct address is a plain value, owns nothing and may be copied.
 */
#define ADDRESS_HOST_MAX 253 /* RFC 1035 §2.3.4 */
#define ADDRESS_PATH_MAX 107 /* sun_path with its NUL */
#define ADDRESS_TEXT_SIZE (sizeof "hybrid:" + ADDRESS_HOST_MAX + sizeof "[]:4294967295")

enum address_form { ADDRESS_VSOCK, ADDRESS_TCP, ADDRESS_UNIX, ADDRESS_HYBRID };

struct address {
    enum address_form form;
    uint32_t cid;                    /* vsock */
    uint32_t port;                   /* vsock, tcp, hybrid */
    char name[ADDRESS_HOST_MAX + 1]; /* tcp: the host, without brackets; unix, hybrid: the path */
};

/* 0; -EINVAL with a sentence that quotes text and says which forms there are. */
int address_parse(struct address *address, const char *text, struct reason *why);

/* As address_parse(); a text without a known form in front is taken as HOST:PORT of TCP, as curl's --connect-to does.
 */
int address_parse_host(struct address *address, const char *text, struct reason *why);

/* The text that address_parse() reads back. Returns text. */
const char *address_print(const struct address *address, char text[static ADDRESS_TEXT_SIZE]);

/*
 * Listens: a non-blocking, close-on-exec descriptor, or -errno with a sentence. TCP takes addresses and `localhost`
 * (127.0.0.1), with SO_REUSEADDR. A Unix socket is its owner's alone (0600); at its path one that nobody listens on any
 * more is replaced, a live one is -EADDRINUSE, any other file -EEXIST. A hybrid address is -EINVAL.
 */
int address_listen(const struct address *address, int backlog, struct reason *why);

/* Removes the file of a Unix listener after its descriptor was closed; for other forms nothing. */
void address_remove(const struct address *address);

#endif
