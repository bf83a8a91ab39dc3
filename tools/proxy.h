/* proxy: the parent's side of one image: every endpoint's way out and every inbound port's way in, in one process. */
#ifndef INGOT_TOOLS_PROXY_H
#define INGOT_TOOLS_PROXY_H

#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"
#include "image/config.h"
#include "net/relay_pool.h"

/*
 *   [endpoint]  vsock:any:PORT, or unix:FOLDER/port_PORT  ──►  tcp:host:port, or what connect_to says
 *   [inbound]   127.0.0.1:port of `to`, or what listen says ──► vsock:cid:PORT, or hybrid:FOLDER/enclave:PORT
 *
 * Only the endpoints of the configuration are reachable. Names are resolved for every connection, beside the loop.
 * options and its texts are borrowed during proxy_open() only, config too.
 */
#define PROXY_FOLDER_MAX 90 /* bytes: a Unix socket's path has at most 107 */

struct proxy_options {
    const struct config *config;
    const char *vsock_folder; /* the emulator's folder; NULL: AF_VSOCK */
    uint32_t cid;             /* the enclave's, with AF_VSOCK; 0: no inbound port is opened */
    char *const *connect_to;  /* connect_to_count texts HOST:PORT=ADDRESS, as written by the user */
    size_t connect_to_count;
    char *const *listen; /* listen_count texts LABEL=HOST:PORT */
    size_t listen_count;
    void (*log)(void *arg, const char *sentence); /* each route at the start */
    void *log_arg;
};

/*
 * Where each endpoint leads and where each inbound port is reached, in the configuration's order, which targets and
 * fronts have room for: as measured, then as connect_to and listen choose. 0; -EINVAL with a sentence.
 */
int proxy_routes(
    const struct proxy_options *options, struct address *targets, struct address *fronts, struct reason *why);

struct proxy;

/*
 * Opens every listener in the pool, which is the caller's and serves them. 0; -EINVAL (a text of the user's that names
 * no endpoint or inbound, or is no address) or another -errno with a sentence and the pool's listeners for the caller
 * to close, with the pool.
 */
int proxy_open(struct proxy **proxy, struct relay_pool *pool, const struct proxy_options *options, struct reason *why);
/* Removes the listeners' Unix sockets, after the pool was closed. NULL does nothing. */
void proxy_close(struct proxy *proxy);

#endif
