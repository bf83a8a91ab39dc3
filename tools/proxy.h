/* proxy: the parent's side of one image: every endpoint's way out and every inbound port's way in, in one process. */
#ifndef INGOT_TOOLS_PROXY_H
#define INGOT_TOOLS_PROXY_H

#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"
#include "image/config.h"
#include "net/loop.h"

/*
 *   [endpoint]  vsock:any:PORT, or unix:FOLDER/port_PORT  ──►  tcp:host:port, or what connect_to says
 *   [inbound]   127.0.0.1:port of `to`, or what listen says ──► vsock:cid:PORT, or hybrid:FOLDER/enclave:PORT
 *
 * Only the endpoints of the configuration are reachable. Names are resolved for every connection, beside the loop.
 * options and its texts are borrowed during proxy_open() only, config too.
 */
#define PROXY_CONNECTIONS 1024 /* at the same time, over all listeners */
#define PROXY_FOLDER_MAX 90    /* bytes: a Unix socket's path has at most 107 */

struct proxy_options {
    const struct config *config;
    const char *vsock_folder; /* the emulator's folder; NULL: AF_VSOCK */
    uint32_t cid;             /* the enclave's, with AF_VSOCK; 0: no inbound port is opened */
    char *const *connect_to;  /* connect_to_count texts HOST:PORT=ADDRESS, as written by the user */
    size_t connect_to_count;
    char *const *listen; /* listen_count texts LABEL=HOST:PORT */
    size_t listen_count;
    unsigned connections;                         /* 0: PROXY_CONNECTIONS */
    void (*log)(void *arg, const char *sentence); /* each route at the start; then rare: what failed, and why */
    void *log_arg;
};

struct proxy;

/*
 * Opens every listener and serves from the loop. 0; -EINVAL (a text of the user's that names no endpoint or inbound, or
 * is no address) or another -errno with a sentence and nothing left open.
 */
int proxy_open(struct proxy **proxy, struct loop *loop, const struct proxy_options *options, struct reason *why);
/* Ends all connections, closes the listeners and removes their Unix sockets. NULL does nothing. */
void proxy_close(struct proxy *proxy);

#endif
