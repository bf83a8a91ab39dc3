/* packet: a vsock packet in the guest's buffers, taken apart and put together (virtio 1.2 §5.10.6). */
#ifndef INGOT_TOOLS_EMULATOR_PACKET_H
#define INGOT_TOOLS_EMULATOR_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "tools/emulator/ring.h"

/* Little-endian on the wire; in memory of ours, the machine's own order. */
struct packet_header {
    uint64_t src_cid;
    uint64_t dst_cid;
    uint32_t src_port;
    uint32_t dst_port;
    uint32_t size; /* of the payload */
    uint16_t type;
    uint16_t operation;
    uint32_t flags;     /* PACKET_SHUTDOWN: who will not do what any more */
    uint32_t buf_alloc; /* bytes of the sender's receive buffer */
    uint32_t fwd_cnt;   /* bytes of all time that the sender's application has taken, modulo 2^32 */
} __attribute__((packed));
#define PACKET_HEADER_SIZE 44
_Static_assert(sizeof(struct packet_header) == PACKET_HEADER_SIZE, "virtio 1.2 §5.10.6");
_Static_assert(offsetof(struct packet_header, fwd_cnt) == 40, "virtio 1.2 §5.10.6");

#define PACKET_PAYLOAD_MAX 65536 /* Linux: VIRTIO_VSOCK_MAX_PKT_BUF_SIZE */

enum { PACKET_STREAM = 1 }; /* type */

enum packet_operation {
    PACKET_REQUEST = 1,
    PACKET_RESPONSE = 2,
    PACKET_RST = 3,
    PACKET_SHUTDOWN = 4,
    PACKET_RW = 5,
    PACKET_CREDIT_UPDATE = 6,
    PACKET_CREDIT_REQUEST = 7
};

/* flags of PACKET_SHUTDOWN; they add up over the packets of a connection. */
enum { PACKET_NO_RECEIVE = 1, PACKET_NO_SEND = 2, PACKET_NEITHER = 3 };

/* A packet of the guest, taken apart: the header in our memory, the payload still in the guest's. */
struct packet {
    struct packet_header header;
    struct iovec pieces[RING_PIECES_MAX];
    unsigned count;
    size_t room; /* bytes behind the header; header.size is the guest's claim */
};

/* Takes a chain apart. False where it is too short to say even who sent it. */
bool packet_read(struct packet *packet, const struct ring_chain *chain);
/* Writes a header to the front of a chain of at least PACKET_HEADER_SIZE bytes. */
void packet_write(const struct ring_chain *chain, const struct packet_header *header);

/* What of a chain lies behind the header; returns how many pieces that is. */
unsigned packet_payload(struct iovec pieces[static RING_PIECES_MAX], const struct ring_chain *chain);
/* Cuts pieces down to their first size bytes (at most their sum); returns how many pieces are left. */
unsigned packet_cut(struct iovec *pieces, unsigned count, size_t size);

#endif
