/* fake_guest: a guest and a host made of arrays, between which the vsock engine runs without any I/O. */
#ifndef INGOT_TESTS_TOOLS_FAKE_GUEST_H
#define INGOT_TESTS_TOOLS_FAKE_GUEST_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tools/emulator/packet.h"
#include "tools/emulator/vsock.h"

/*
 * The guest: send() puts a packet into its tx ring; what the engine sends lies in `got`. It has rx_free buffers of
 * rx_size bytes. The host: ports below decide what dial() says; a peer has bytes to be read (`in`) and room for
 * what is written (`out`).
 */
enum { FAKE_CID = 16, FAKE_PORT_REFUSED = 1, FAKE_PORT_SLOW = 2 };
enum { FAKE_TX_MAX = 8192, FAKE_GOT_MAX = 16384, FAKE_PEERS_MAX = 2100, FAKE_RX_SIZE = 3776 };

struct fake_packet {
    struct packet_header header;
    uint8_t *data; /* header and payload, as they lie in the ring */
    size_t size;
    size_t cut; /* pieces are this long, so that fields straddle them; 0: one piece */
};

struct fake_peer {
    struct vsock_connection *connection;
    const uint8_t *in;
    size_t in_size;
    bool in_end;  /* the end is behind the bytes */
    int in_error; /* instead of the end */
    uint8_t *out;
    size_t out_size, out_room; /* taken, and how much more it takes */
    int out_error;
    unsigned interest;
    bool called, open; /* by vsock_call(); carries bytes */
    unsigned opened, closed, shut_read, shut_write;
};

struct fake {
    struct vsock *vsock;
    struct fake_packet tx[FAKE_TX_MAX];
    size_t tx_first, tx_count;
    size_t tx_pushed; /* tx chains given back */
    struct fake_packet got[FAKE_GOT_MAX];
    size_t got_count, got_seen;
    size_t rx_free, rx_size;
    uint8_t *rx_buffer;
    unsigned rx_armed;
    struct fake_peer peers[FAKE_PEERS_MAX];
    size_t peer_count;
};

static inline bool fake_pop(void *arg, enum vsock_ring ring, struct ring_chain *chain)
{
    struct fake *fake = arg;

    *chain = (struct ring_chain){0};
    if (ring == VSOCK_RX) {
        if (fake->rx_free == 0) {
            return false;
        }
        fake->rx_free--;
        free(fake->rx_buffer);
        fake->rx_buffer = malloc(fake->rx_size); /* its own, so that a write behind it is seen */
        chain->pieces[0] = (struct iovec){fake->rx_buffer, fake->rx_size};
        chain->count = 1;
        chain->size = fake->rx_size;
        return true;
    }
    if (fake->tx_first == fake->tx_count) {
        return false;
    }
    struct fake_packet *packet = &fake->tx[fake->tx_first++];
    size_t cut = packet->cut > 0 ? packet->cut : packet->size;
    for (size_t at = 0; at < packet->size && chain->count < RING_PIECES_MAX; at += cut) {
        bool last = chain->count == RING_PIECES_MAX - 1 || at + cut > packet->size;
        size_t size = last ? packet->size - at : cut;
        chain->pieces[chain->count++] = (struct iovec){packet->data + at, size};
        chain->size += size;
        if (last) {
            break;
        }
    }
    return true;
}

static inline void fake_unpop(void *arg, enum vsock_ring ring)
{
    struct fake *fake = arg;

    fake->rx_free += ring == VSOCK_RX;
}

static inline void fake_push(void *arg, enum vsock_ring ring, const struct ring_chain *chain, uint32_t written)
{
    struct fake *fake = arg;

    if (ring == VSOCK_TX) {
        fake->tx_pushed++;
        return;
    }
    if (written >= PACKET_HEADER_SIZE && fake->got_count < FAKE_GOT_MAX) {
        struct fake_packet *packet = &fake->got[fake->got_count++];
        packet->size = written;
        packet->data = malloc(written);
        memcpy(packet->data, chain->pieces[0].iov_base, written);
        memcpy(&packet->header, packet->data, PACKET_HEADER_SIZE);
    }
}

static inline void fake_signal(void *arg, enum vsock_ring ring)
{
    (void)arg;
    (void)ring;
}

static inline bool fake_arm(void *arg, enum vsock_ring ring)
{
    struct fake *fake = arg;

    fake->rx_armed += ring == VSOCK_RX;
    return false;
}

static inline struct fake_peer *fake_peer_new(struct fake *fake)
{
    struct fake_peer *peer = &fake->peers[fake->peer_count++];

    peer->out_room = SIZE_MAX;
    return peer;
}

static inline int fake_dial(void *arg, struct vsock_connection *connection, uint32_t port, void **of)
{
    struct fake *fake = arg;

    if (port == FAKE_PORT_REFUSED || fake->peer_count == FAKE_PEERS_MAX) {
        return -ECONNREFUSED;
    }
    struct fake_peer *peer = fake_peer_new(fake);
    peer->connection = connection;
    *of = peer;
    peer->open = port != FAKE_PORT_SLOW;
    return peer->open ? 0 : -EINPROGRESS;
}

static inline void fake_opened(void *arg, void *of)
{
    struct fake_peer *peer = of;

    (void)arg;
    peer->opened++;
    peer->open = true;
}

static inline ssize_t fake_read(void *arg, void *of, const struct iovec *pieces, int count)
{
    struct fake_peer *peer = of;
    size_t got = 0;

    (void)arg;
    for (int i = 0; i < count && peer->in_size > 0; i++) {
        size_t size = pieces[i].iov_len < peer->in_size ? pieces[i].iov_len : peer->in_size;
        memcpy(pieces[i].iov_base, peer->in, size);
        peer->in += size;
        peer->in_size -= size;
        got += size;
    }
    return got > 0 ? (ssize_t)got : peer->in_error != 0 ? peer->in_error : peer->in_end ? 0 : -EAGAIN;
}

static inline ssize_t fake_write(void *arg, void *of, const struct iovec *pieces, int count)
{
    struct fake_peer *peer = of;
    size_t taken = 0;

    (void)arg;
    if (peer->out_error != 0) {
        return peer->out_error;
    }
    for (int i = 0; i < count && peer->out_room > 0; i++) {
        size_t size = pieces[i].iov_len < peer->out_room ? pieces[i].iov_len : peer->out_room;
        peer->out = realloc(peer->out, peer->out_size + size + 1);
        memcpy(peer->out + peer->out_size, pieces[i].iov_base, size);
        peer->out_size += size;
        peer->out_room -= size;
        taken += size;
    }
    return taken > 0 ? (ssize_t)taken : -EAGAIN;
}

static inline void fake_shutdown(void *arg, void *of, int how)
{
    struct fake_peer *peer = of;

    (void)arg;
    peer->shut_write += how == SHUT_WR;
    peer->shut_read += how == SHUT_RD;
}

static inline void fake_interest(void *arg, void *of, unsigned events)
{
    struct fake_peer *peer = of;

    (void)arg;
    peer->interest = events;
}

static inline void fake_closed(void *arg, void *of)
{
    struct fake_peer *peer = of;

    (void)arg;
    peer->closed++;
    peer->connection = NULL;
}

/* faults: NULL for none */
static inline struct fake *fake_new(struct faults *faults)
{
    struct fake *fake = calloc(1, sizeof *fake);
    const struct vsock_options options = {.guest_cid = FAKE_CID, .faults = faults};
    const struct vsock_guest guest = {fake, fake_pop, fake_unpop, fake_push, fake_signal, fake_arm};
    const struct vsock_host host = {
        fake, fake_dial, fake_opened, fake_read, fake_write, fake_shutdown, fake_interest, fake_closed};

    if (fake == NULL || vsock_open(&fake->vsock, &options, &guest, &host) < 0) {
        abort();
    }
    fake->rx_free = FAKE_GOT_MAX;
    fake->rx_size = FAKE_RX_SIZE;
    return fake;
}

static inline void fake_free(struct fake *fake)
{
    vsock_close(fake->vsock);
    for (size_t i = 0; i < fake->tx_count; i++) {
        free(fake->tx[i].data);
    }
    for (size_t i = 0; i < fake->got_count; i++) {
        free(fake->got[i].data);
    }
    for (size_t i = 0; i < fake->peer_count; i++) {
        free(fake->peers[i].out);
    }
    free(fake->rx_buffer);
    free(fake);
}

/* A header as the guest writes it, with a buffer of 256 KiB of which nothing is used. */
static inline struct packet_header fake_header(uint32_t guest_port, uint32_t host_port, unsigned operation)
{
    return (struct packet_header){
        .src_cid = FAKE_CID,
        .dst_cid = VSOCK_HOST_CID,
        .src_port = guest_port,
        .dst_port = host_port,
        .type = PACKET_STREAM,
        .operation = (uint16_t)operation,
        .buf_alloc = 262144,
    };
}

/* Puts raw bytes into the tx ring. */
static inline struct fake_packet *fake_send_raw(struct fake *fake, const void *data, size_t size)
{
    struct fake_packet *packet = &fake->tx[fake->tx_count++];

    packet->data = malloc(size + 1);
    packet->size = size;
    memcpy(packet->data, data, size);
    return packet;
}

static inline struct fake_packet *fake_send_packet(
    struct fake *fake, struct packet_header header, const void *payload, size_t size)
{
    uint8_t *bytes = malloc(PACKET_HEADER_SIZE + size);

    header.size = (uint32_t)size;
    memcpy(bytes, &header, PACKET_HEADER_SIZE);
    if (size > 0) {
        memcpy(bytes + PACKET_HEADER_SIZE, payload, size);
    }
    struct fake_packet *packet = fake_send_raw(fake, bytes, PACKET_HEADER_SIZE + size);
    free(bytes);
    return packet;
}

/* Turns until the engine has nothing more to do (bounded: a thousand turns are a fault). */
static inline bool fake_turn(struct fake *fake)
{
    for (int i = 0; i < 1000; i++) {
        if (!vsock_turn(fake->vsock)) {
            return true;
        }
    }
    return false;
}

/* The next packet that the guest got; NULL: there is none. */
static inline const struct fake_packet *fake_next(struct fake *fake)
{
    return fake->got_seen < fake->got_count ? &fake->got[fake->got_seen++] : NULL;
}

#endif
