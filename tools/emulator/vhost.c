/* vhost: a vhost-user back end for a socket device: QEMU's messages, the guest's memory, two rings and their kicks. */
#include "tools/emulator/vhost.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "tools/emulator/vhost_message.h"

enum {
    GET_FEATURES = 1,
    SET_FEATURES = 2,
    SET_OWNER = 3,
    SET_MEM_TABLE = 5,
    SET_VRING_NUM = 8,
    SET_VRING_ADDR = 9,
    SET_VRING_BASE = 10,
    GET_VRING_BASE = 11,
    SET_VRING_KICK = 12,
    SET_VRING_CALL = 13,
    SET_VRING_ERR = 14,
    GET_PROTOCOL_FEATURES = 15,
    SET_PROTOCOL_FEATURES = 16,
    GET_QUEUE_NUM = 17,
    SET_VRING_ENABLE = 18,
    GET_CONFIG = 24
};

#define FEATURE_INDIRECT (UINT64_C(1) << 28)
#define FEATURE_EVENT_INDEX (UINT64_C(1) << 29)
#define FEATURE_PROTOCOL (UINT64_C(1) << 30)
#define FEATURE_VERSION_1 (UINT64_C(1) << 32)
#define FEATURES (FEATURE_INDIRECT | FEATURE_EVENT_INDEX | FEATURE_PROTOCOL | FEATURE_VERSION_1)

#define PROTOCOL_MQ (UINT64_C(1) << 0)
#define PROTOCOL_REPLY_ACK (UINT64_C(1) << 3)
#define PROTOCOL_CONFIG (UINT64_C(1) << 9)
#define PROTOCOL_FEATURES (PROTOCOL_MQ | PROTOCOL_REPLY_ACK | PROTOCOL_CONFIG)

#define FILE_INDEX_MASK 0xffu        /* of the number that comes with a kick or call descriptor */
#define FILE_NONE (UINT64_C(1) << 8) /* no descriptor comes with it */

struct vring {
    struct vhost *vhost;
    struct ring ring;
    struct ring_setup setup;
    bool addressed; /* setup has addresses */
    bool enabled;
    bool started; /* ring is in use */
    int kick;
    int call;
    struct loop_watch kick_watch;
};

struct vhost {
    struct loop *loop;
    const struct vhost_events *events;
    void *arg;
    uint64_t guest_cid;
    uint64_t features;
    int fd;
    struct loop_watch watch;
    struct vhost_message message;
    struct memory memory;
    struct vring vrings[VHOST_RINGS];
};

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

/* ---- rings ---- */

static void stop_vring(struct vring *vring)
{
    loop_unwatch(vring->vhost->loop, &vring->kick_watch);
    if (vring->started) {
        vring->started = false;
        vring->setup.base = vring->ring.next_available;
    }
}

static void kick_ready(struct loop_watch *watch, unsigned events)
{
    struct vring *vring = watch->owner;
    uint64_t count;

    (void)events;
    if (read(vring->kick, &count, sizeof count) < 0 && errno != EAGAIN && errno != EINTR) {
        loop_unwatch(vring->vhost->loop, watch);
    }
    vring->vhost->events->kicked(vring->vhost->arg);
}

/* Starts a ring for which everything has come. 0 also where something is still missing. */
static int start_vring(struct vhost *vhost, struct vring *vring, struct reason *why)
{
    if (vring->started || !vring->enabled || !vring->addressed || vring->kick < 0 || vhost->memory.count == 0) {
        return 0;
    }
    vring->setup.memory = &vhost->memory;
    vring->setup.event_index = vhost->features & FEATURE_EVENT_INDEX;
    vring->setup.indirect = vhost->features & FEATURE_INDIRECT;
    int error = ring_start(&vring->ring, &vring->setup, why);
    if (error < 0) {
        return error;
    }
    error = loop_watch(vhost->loop, &vring->kick_watch, vring->kick, LOOP_READ);
    if (error < 0) {
        return reason_system(why, error, "a kick descriptor can't be watched");
    }
    vring->started = true;
    vhost->events->kicked(vhost->arg); /* chains may have been there before */
    return 0;
}

static int start_vrings(struct vhost *vhost, struct reason *why)
{
    int error = 0;

    for (unsigned i = 0; i < VHOST_RINGS && error == 0; i++) {
        error = start_vring(vhost, &vhost->vrings[i], why);
    }
    return error;
}

static void stop_all(struct vhost *vhost)
{
    for (unsigned i = 0; i < VHOST_RINGS; i++) {
        stop_vring(&vhost->vrings[i]);
    }
}

struct ring *vhost_ring(struct vhost *vhost, unsigned index)
{
    return vhost->vrings[index].started ? &vhost->vrings[index].ring : NULL;
}

void vhost_signal(struct vhost *vhost, unsigned index)
{
    struct vring *vring = &vhost->vrings[index];
    const uint64_t one = 1;

    if (vring->started && ring_must_signal(&vring->ring) && vring->call >= 0) {
        /* EAGAIN: so many interrupts are pending that one more makes no difference. */
        ssize_t unused = write(vring->call, &one, sizeof one);
        (void)unused;
    }
}

/* ---- messages ---- */

static int reply_number(struct vhost *vhost, uint64_t number, struct reason *why)
{
    vhost->message.payload.number = number;
    return vhost_message_reply(&vhost->message, vhost->fd, sizeof number, why);
}

/* The ring that a message names, or NULL with a sentence. */
static struct vring *named_vring(struct vhost *vhost, uint64_t index, struct reason *why)
{
    if (index >= VHOST_RINGS) {
        reason_set(why, -EPROTO, "a message for ring %llu", (unsigned long long)index);
        return NULL;
    }
    return &vhost->vrings[index];
}

static int on_get_features(struct vhost *vhost, struct reason *why)
{
    return reply_number(vhost, FEATURES, why);
}

static int on_set_features(struct vhost *vhost, struct reason *why)
{
    vhost->features = vhost->message.payload.number;
    if (vhost->features & ~FEATURES) {
        return reason_set(why, -EPROTO, "features %#llx were not offered", (unsigned long long)vhost->features);
    }
    return 0;
}

static int on_nothing(struct vhost *vhost, struct reason *why)
{
    (void)vhost;
    (void)why;
    return 0;
}

static int on_get_protocol_features(struct vhost *vhost, struct reason *why)
{
    return reply_number(vhost, PROTOCOL_FEATURES, why);
}

static int on_get_queue_num(struct vhost *vhost, struct reason *why)
{
    return reply_number(vhost, VHOST_RINGS, why);
}

static int on_set_mem_table(struct vhost *vhost, struct reason *why)
{
    const struct vhost_message *m = &vhost->message;
    const struct vhost_memory_table *table = &m->payload.memory;
    int error = 0;

    if (m->header.size < 8 || table->count > MEMORY_REGIONS_MAX || table->count != m->fd_count ||
        m->header.size < 8 + sizeof table->regions[0] * table->count) {
        return reason_set(why, -EPROTO, "a memory table of %u regions in %u bytes with %u descriptors", table->count,
            m->header.size, m->fd_count);
    }
    stop_all(vhost);
    memory_clear(&vhost->memory);
    for (unsigned i = 0; i < table->count && error == 0; i++) {
        const struct vhost_region *d = &table->regions[i];
        error = memory_add(&vhost->memory, d->guest, d->user, d->size, m->fds[i], d->offset, why);
    }
    return error < 0 ? error : start_vrings(vhost, why);
}

static int on_set_vring_num(struct vhost *vhost, struct reason *why)
{
    const struct vhost_state *state = &vhost->message.payload.state;
    struct vring *vring = named_vring(vhost, state->index, why);

    if (vring == NULL) {
        return -EPROTO;
    }
    vring->setup.size = state->number;
    return 0;
}

static int on_set_vring_base(struct vhost *vhost, struct reason *why)
{
    const struct vhost_state *state = &vhost->message.payload.state;
    struct vring *vring = named_vring(vhost, state->index, why);

    if (vring == NULL) {
        return -EPROTO;
    }
    vring->setup.base = (uint16_t)state->number;
    return 0;
}

static int on_set_vring_addr(struct vhost *vhost, struct reason *why)
{
    const struct vhost_address *address = &vhost->message.payload.address;
    struct vring *vring = named_vring(vhost, address->index, why);

    if (vring == NULL) {
        return -EPROTO;
    }
    stop_vring(vring);
    vring->setup.descriptors = address->descriptors;
    vring->setup.available = address->available;
    vring->setup.used = address->used;
    vring->addressed = true;
    return start_vring(vhost, vring, why);
}

/* The guest's reset. The ring keeps nothing: the driver sets it up again from the beginning. */
static int on_get_vring_base(struct vhost *vhost, struct reason *why)
{
    struct vhost_state *state = &vhost->message.payload.state;
    struct vring *vring = named_vring(vhost, state->index, why);

    if (vring == NULL) {
        return -EPROTO;
    }
    stop_vring(vring);
    vring->addressed = false;
    close_fd(&vring->kick);
    vhost->events->stopped(vhost->arg);
    state->number = vring->setup.base;
    return vhost_message_reply(&vhost->message, vhost->fd, sizeof *state, why);
}

/* Puts the descriptor that came with a message in the place of *fd. */
static int replace_fd(struct vhost *vhost, int *fd, struct reason *why)
{
    struct vhost_message *m = &vhost->message;
    unsigned wanted = m->payload.number & FILE_NONE ? 0 : 1;

    if (m->fd_count != wanted) {
        return reason_set(why, -EPROTO, "%u descriptors where %u was expected", m->fd_count, wanted);
    }
    close_fd(fd);
    if (wanted > 0) {
        *fd = m->fds[0];
        m->fd_count = 0;
    }
    return 0;
}

static int on_set_vring_kick(struct vhost *vhost, struct reason *why)
{
    struct vring *vring = named_vring(vhost, vhost->message.payload.number & FILE_INDEX_MASK, why);

    if (vring == NULL) {
        return -EPROTO;
    }
    stop_vring(vring);
    int error = replace_fd(vhost, &vring->kick, why);
    return error < 0 ? error : start_vring(vhost, vring, why);
}

static int on_set_vring_call(struct vhost *vhost, struct reason *why)
{
    struct vring *vring = named_vring(vhost, vhost->message.payload.number & FILE_INDEX_MASK, why);

    return vring == NULL ? -EPROTO : replace_fd(vhost, &vring->call, why);
}

static int on_set_vring_enable(struct vhost *vhost, struct reason *why)
{
    const struct vhost_state *state = &vhost->message.payload.state;
    struct vring *vring = named_vring(vhost, state->index, why);

    if (vring == NULL) {
        return -EPROTO;
    }
    vring->enabled = state->number != 0;
    if (!vring->enabled) {
        stop_vring(vring);
    }
    return start_vring(vhost, vring, why);
}

static int on_get_config(struct vhost *vhost, struct reason *why)
{
    struct vhost_configuration *configuration = &vhost->message.payload.configuration;

    if (configuration->offset != 0 || configuration->size != sizeof configuration->guest_cid) {
        return reason_set(
            why, -EPROTO, "a question for %u bytes of configuration at %u", configuration->size, configuration->offset);
    }
    configuration->guest_cid = htole64(vhost->guest_cid);
    return vhost_message_reply(&vhost->message, vhost->fd, sizeof *configuration, why);
}

/* Every message that QEMU sends to a device of this kind; size is what its payload has at least. */
static const struct handler {
    uint32_t request;
    uint32_t size;
    bool replies; /* always, so that no acknowledgement is due */
    int (*handle)(struct vhost *vhost, struct reason *why);
} handlers[] = {
    {GET_FEATURES, 0, true, on_get_features},
    {SET_FEATURES, 8, false, on_set_features},
    {SET_OWNER, 0, false, on_nothing},
    {SET_MEM_TABLE, 8, false, on_set_mem_table},
    {SET_VRING_NUM, 8, false, on_set_vring_num},
    {SET_VRING_ADDR, 40, false, on_set_vring_addr},
    {SET_VRING_BASE, 8, false, on_set_vring_base},
    {GET_VRING_BASE, 8, true, on_get_vring_base},
    {SET_VRING_KICK, 8, false, on_set_vring_kick},
    {SET_VRING_CALL, 8, false, on_set_vring_call},
    {SET_VRING_ERR, 8, false, on_nothing}, /* errors are told by ended() */
    {GET_PROTOCOL_FEATURES, 0, true, on_get_protocol_features},
    {SET_PROTOCOL_FEATURES, 8, false, on_nothing},
    {GET_QUEUE_NUM, 0, true, on_get_queue_num},
    {SET_VRING_ENABLE, 8, false, on_set_vring_enable},
    {GET_CONFIG, 20, true, on_get_config},
};

static int handle_message(struct vhost *vhost, struct reason *why)
{
    const struct vhost_message *m = &vhost->message;
    bool wants_reply = m->header.flags & VHOST_NEED_REPLY;

    for (size_t i = 0; i < sizeof handlers / sizeof handlers[0]; i++) {
        const struct handler *handler = &handlers[i];
        if (handler->request != m->header.request) {
            continue;
        }
        if (m->header.size < handler->size) {
            return reason_set(why, -EPROTO, "message %u with %u bytes", m->header.request, m->header.size);
        }
        int error = handler->handle(vhost, why);
        if (error == 0 && wants_reply && !handler->replies) {
            return reply_number(vhost, 0, why);
        }
        return error;
    }
    return reason_set(why, -EPROTO, "message %u is not known here", m->header.request);
}

/* One message. 1: handled; 0: not all of it has come; -ENODATA: QEMU is gone; another -errno with a sentence. */
static int next_message(struct vhost *vhost, struct reason *why)
{
    int got = vhost_message_read(&vhost->message, vhost->fd, why);

    if (got <= 0) {
        return got;
    }
    int error = handle_message(vhost, why);
    vhost_message_done(&vhost->message);
    return error < 0 ? error : 1;
}

static void socket_ready(struct loop_watch *watch, unsigned events)
{
    struct vhost *vhost = watch->owner;
    struct reason why = {""};
    int result;

    (void)events;
    do {
        result = next_message(vhost, &why);
    } while (result == 1);
    if (result < 0) {
        loop_unwatch(vhost->loop, &vhost->watch);
        stop_all(vhost);
        reason_prefix(&why, "vhost-user");
        vhost->events->ended(vhost->arg, result == -ENODATA ? NULL : &why);
    }
}

int vhost_open(
    struct vhost **out, struct loop *loop, int fd, uint64_t guest_cid, const struct vhost_events *events, void *arg)
{
    struct vhost *vhost = calloc(1, sizeof *vhost);

    if (vhost == NULL) {
        return -ENOMEM;
    }
    vhost->loop = loop;
    vhost->events = events;
    vhost->arg = arg;
    vhost->guest_cid = guest_cid;
    vhost->fd = fd;
    vhost->watch.owner = vhost;
    vhost->watch.ready = socket_ready;
    for (unsigned i = 0; i < VHOST_RINGS; i++) {
        struct vring *vring = &vhost->vrings[i];
        vring->vhost = vhost;
        vring->setup.device_writes = i == 0;
        vring->kick = -1;
        vring->call = -1;
        vring->kick_watch.owner = vring;
        vring->kick_watch.ready = kick_ready;
    }
    int error = loop_watch(loop, &vhost->watch, fd, LOOP_READ);
    if (error < 0) {
        free(vhost);
        return error;
    }
    *out = vhost;
    return 0;
}

void vhost_close(struct vhost *vhost)
{
    if (vhost == NULL) {
        return;
    }
    loop_unwatch(vhost->loop, &vhost->watch);
    stop_all(vhost);
    for (unsigned i = 0; i < VHOST_RINGS; i++) {
        close_fd(&vhost->vrings[i].kick);
        close_fd(&vhost->vrings[i].call);
    }
    vhost_message_done(&vhost->message);
    memory_clear(&vhost->memory);
    close(vhost->fd);
    free(vhost);
}
