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
 *   proxy_open ── proxy_enclave: it runs, with this CID ── proxy_reload: another configuration ── proxy_close
 *
 * Only the endpoints of the configuration are reachable, and on AF_VSOCK only for the one enclave; while it does not
 * run, connections in both directions are refused at once. options and its texts are borrowed during each call only,
 * config too.
 *
 * All enclaves call the same CID 3, and the ports of two images are often the same: proxies of one group and one pool
 * share those, and the caller's CID says whose connection it is.
 */
#define PROXY_FOLDER_MAX 90 /* bytes: a Unix socket's path has at most 107 */

struct proxy_group {
    struct proxy *first; /* NULL at the start */
};

struct proxy_options {
    const struct config *config;
    const char *vsock_folder;  /* the emulator's folder; NULL: AF_VSOCK */
    uint32_t cid;              /* the enclave's, with AF_VSOCK; VSOCK_CID_NONE: until proxy_enclave() none runs */
    const char *name;          /* stands in front of labels, to tell enclaves apart; NULL: there is only one */
    struct proxy_group *group; /* outlives the proxy; NULL: alone */
    char *const *connect_to;   /* connect_to_count texts HOST:PORT=ADDRESS, as written by the user */
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
/*
 * The enclave runs with this CID, or not (VSOCK_CID_NONE): for connections accepted from now on. Not with a folder.
 */
void proxy_enclave(struct proxy *proxy, uint32_t cid);
/*
 * The same proxy by another configuration or other choices: listeners that stay are not closed for a moment, new
 * connections go where the new configuration says, open ones go on. vsock_folder, cid and group as they were. 0; or as
 * proxy_open(), with everything as it was (only where the system has no memory left, with a listener missing).
 */
int proxy_reload(struct proxy *proxy, const struct proxy_options *options, struct reason *why);
/* Removes the listeners' Unix sockets, after the pool was closed. NULL does nothing. */
void proxy_close(struct proxy *proxy);

#endif
