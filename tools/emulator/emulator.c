/* emulator: the parent of a local enclave: the vsock device behind QEMU's nitro-enclave machine, as Unix sockets. */
#include "tools/emulator/emulator.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tools/emulator/peers.h"
#include "tools/emulator/vhost.h"
#include "tools/emulator/vsock.h"

struct emulator {
    struct loop *loop;
    struct emulator_options options;
    struct vhost *vhost;
    struct vsock *vsock;
    struct peers *peers;
    struct loop_timer turn; /* due at once whenever the engine may have something to do */
    int qemu_fd;            /* until emulator_descriptor(); else -1 */
    struct reason broken;   /* why a ring is broken; "" when none is */
};

static void wake(void *arg)
{
    struct emulator *emulator = arg;

    loop_after(emulator->loop, &emulator->turn, 0);
}

static void take_turn(struct loop_timer *timer)
{
    struct emulator *emulator = timer->owner;
    bool more = vsock_turn(emulator->vsock);

    if (emulator->broken.text[0] != '\0') {
        if (emulator->options.log != NULL) {
            emulator->options.log(emulator->options.arg, emulator->broken.text);
        }
        emulator->broken.text[0] = '\0';
        vsock_reset(emulator->vsock);
    } else if (more) {
        wake(emulator);
    }
}

/* ---- the rings ---- */

static bool on_pop(void *arg, enum vsock_ring which, struct ring_chain *chain)
{
    struct emulator *emulator = arg;
    struct ring *ring = vhost_ring(emulator->vhost, which);

    if (ring == NULL || ring->broken) {
        return false;
    }
    return ring_pop(ring, chain, &emulator->broken) == 1;
}

static void on_unpop(void *arg, enum vsock_ring which)
{
    struct emulator *emulator = arg;

    ring_unpop(vhost_ring(emulator->vhost, which));
}

static void on_push(void *arg, enum vsock_ring which, const struct ring_chain *chain, uint32_t written)
{
    struct emulator *emulator = arg;

    ring_push(vhost_ring(emulator->vhost, which), chain, written);
}

static void on_signal(void *arg, enum vsock_ring which)
{
    struct emulator *emulator = arg;

    vhost_signal(emulator->vhost, which);
}

static bool on_arm(void *arg, enum vsock_ring which)
{
    struct emulator *emulator = arg;
    struct ring *ring = vhost_ring(emulator->vhost, which);

    return ring != NULL && ring_arm(ring, true);
}

static void on_stopped(void *arg)
{
    struct emulator *emulator = arg;

    vsock_reset(emulator->vsock);
}

static void on_ended(void *arg, const struct reason *why)
{
    struct emulator *emulator = arg;

    vsock_reset(emulator->vsock);
    emulator->options.ended(emulator->options.arg, why);
}

static const struct vhost_events vhost_events = {.kicked = wake, .stopped = on_stopped, .ended = on_ended};

static void on_heartbeat(void *arg)
{
    struct emulator *emulator = arg;

    emulator->options.heartbeat(emulator->options.arg);
}

/* ---- lifetimes ---- */

static int open_peers(struct emulator *emulator, struct reason *why)
{
    const struct peers_options options = {
        .loop = emulator->loop,
        .folder = emulator->options.folder,
        .wake = wake,
        .heartbeat = on_heartbeat,
        .faults = emulator->options.faults,
        .arg = emulator,
    };

    return peers_open(&emulator->peers, &options, why);
}

static int open_vsock(struct emulator *emulator, struct reason *why)
{
    const struct vsock_options options = {
        .guest_cid = emulator->options.guest_cid,
        .faults = emulator->options.faults,
    };
    const struct vsock_guest guest = {
        .arg = emulator,
        .pop = on_pop,
        .unpop = on_unpop,
        .push = on_push,
        .signal = on_signal,
        .arm = on_arm,
    };
    const struct vsock_host host = peers_host(emulator->peers);

    if (vsock_open(&emulator->vsock, &options, &guest, &host) < 0) {
        return reason_system(why, -ENOMEM, "no vsock device");
    }
    peers_attach(emulator->peers, emulator->vsock);
    return 0;
}

static int open_vhost(struct emulator *emulator, struct reason *why)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        return reason_system(why, -errno, "no socket pair for QEMU");
    }
    int error =
        vhost_open(&emulator->vhost, emulator->loop, pair[0], emulator->options.guest_cid, &vhost_events, emulator);
    if (error < 0) {
        close(pair[0]);
        close(pair[1]);
        return reason_system(why, error, "no vhost-user device");
    }
    emulator->qemu_fd = pair[1];
    return 0;
}

int emulator_open(struct emulator **out, struct loop *loop, const struct emulator_options *options, struct reason *why)
{
    struct emulator *emulator = calloc(1, sizeof *emulator);
    int error;

    if (emulator == NULL) {
        return reason_system(why, -ENOMEM, "no emulator");
    }
    emulator->loop = loop;
    emulator->options = *options;
    emulator->qemu_fd = -1;
    emulator->turn.fired = take_turn;
    emulator->turn.owner = emulator;
    if (emulator->options.guest_cid == 0) {
        emulator->options.guest_cid = EMULATOR_GUEST_CID;
    }
    error = open_peers(emulator, why);
    if (error == 0) {
        error = open_vsock(emulator, why);
    }
    if (error == 0) {
        error = open_vhost(emulator, why);
    }
    if (error < 0) {
        emulator_close(emulator);
        return error;
    }
    emulator->options.folder = NULL; /* borrowed no longer */
    *out = emulator;
    return 0;
}

int emulator_descriptor(struct emulator *emulator)
{
    int fd = emulator->qemu_fd;

    emulator->qemu_fd = -1;
    return fd;
}

unsigned emulator_connections(const struct emulator *emulator)
{
    return vsock_count(emulator->vsock);
}

void emulator_close(struct emulator *emulator)
{
    if (emulator == NULL) {
        return;
    }
    loop_cancel(emulator->loop, &emulator->turn);
    vsock_close(emulator->vsock);
    peers_close(emulator->peers);
    vhost_close(emulator->vhost);
    if (emulator->qemu_fd >= 0) {
        close(emulator->qemu_fd);
    }
    free(emulator);
}
