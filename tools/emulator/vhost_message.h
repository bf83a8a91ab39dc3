/* vhost_message: one message of vhost-user: its wire form, with the descriptors that come with it, and its answer. */
#ifndef INGOT_TOOLS_EMULATOR_VHOST_MESSAGE_H
#define INGOT_TOOLS_EMULATOR_VHOST_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"
#include "tools/emulator/memory.h"

/*
 * Inside of the device (vhost.c). QEMU sends one after the other on a stream:
 *
 *   vhost_message_read() ── 0: wait for more ── 1: whole ── vhost_message_reply(), where one is due
 *                                                       ── vhost_message_done(): the next one
 */
#define VHOST_PAYLOAD_MAX 512 /* bytes behind a message's header */
#define VHOST_FDS_MAX MEMORY_REGIONS_MAX

enum { VHOST_NEED_REPLY = 8 }; /* flags: a request that has no reply of its own is answered by 0 */

struct vhost_header {
    uint32_t request;
    uint32_t flags;
    uint32_t size;
};
_Static_assert(sizeof(struct vhost_header) == 12, "vhost-user, \"Header\"");

struct vhost_state {
    uint32_t index;
    uint32_t number;
};
_Static_assert(sizeof(struct vhost_state) == 8, "vhost-user, \"A vring state description\"");

struct vhost_address {
    uint32_t index;
    uint32_t flags;
    uint64_t descriptors;
    uint64_t used;
    uint64_t available;
    uint64_t log;
};
_Static_assert(sizeof(struct vhost_address) == 40, "vhost-user, \"A vring address description\"");

struct vhost_region {
    uint64_t guest;
    uint64_t size;
    uint64_t user;
    uint64_t offset; /* of its first byte in the descriptor */
};

struct vhost_memory_table {
    uint32_t count;
    uint32_t padding;
    struct vhost_region regions[MEMORY_REGIONS_MAX];
};
_Static_assert(
    sizeof(struct vhost_memory_table) == 8 + 32 * MEMORY_REGIONS_MAX, "vhost-user, \"Memory regions description\"");

struct vhost_configuration {
    uint32_t offset;
    uint32_t size;
    uint32_t flags;
    uint64_t guest_cid; /* virtio 1.2 §5.10.4 */
} __attribute__((packed));
_Static_assert(sizeof(struct vhost_configuration) == 20, "vhost-user, \"Virtio device config space\"");

/* One message while it is read and answered. Integers of vhost-user are in the machine's own order. */
struct vhost_message {
    struct vhost_header header;
    union {
        uint8_t bytes[VHOST_PAYLOAD_MAX];
        uint64_t number;
        struct vhost_state state;
        struct vhost_address address;
        struct vhost_memory_table memory;
        struct vhost_configuration configuration;
    } payload;
    size_t have;            /* bytes that have come: header, then payload */
    int fds[VHOST_FDS_MAX]; /* whoever keeps one takes it out of the count */
    unsigned fd_count;
};

/*
 * Reads towards a whole message from a non-blocking fd. 1: there; 0: not all of it has come; -ENODATA: an end between
 * two messages; another -errno with a sentence. A zeroed message is one of which nothing has come.
 */
int vhost_message_read(struct vhost_message *message, int fd, struct reason *why);
/* Sends the first size bytes of the payload as the answer to the message. 0, or -errno with a sentence. */
int vhost_message_reply(struct vhost_message *message, int fd, uint32_t size, struct reason *why);
/* Closes the descriptors that nobody has taken; nothing of the next message has come. */
void vhost_message_done(struct vhost_message *message);

#endif
