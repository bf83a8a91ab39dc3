/* vsock_send: what the engine says to the guest: of one connection after the other, a packet for each free buffer. */
#include <errno.h>

#include "tools/emulator/packet.h"
#include "tools/emulator/vsock_engine.h"

#define RX_PER_TURN 128 /* so that this ring keeps neither the other nor the host's descriptors waiting */

static void send_packet(struct vsock_connection *connection, const struct ring_chain *chain,
    enum packet_operation operation, uint32_t flags, uint32_t size)
{
    struct vsock *vsock = connection->vsock;
    const struct packet_header header = {
        .src_cid = VSOCK_HOST_CID,
        .dst_cid = vsock->options.guest_cid,
        .src_port = connection->host_port,
        .dst_port = connection->guest_port,
        .size = size,
        .type = PACKET_STREAM,
        .operation = (uint16_t)operation,
        .flags = flags,
        .buf_alloc = VSOCK_BUFFER,
        .fwd_cnt = connection->fault.no_credit ? 0 : connection->forwarded,
    };

    packet_write(chain, &header);
    vsock->guest.push(vsock->guest.arg, VSOCK_RX, chain, PACKET_HEADER_SIZE + size);
    /* Every header carries our credit. */
    connection->forwarded_told = connection->forwarded;
    connection->tell &= ~(unsigned)TELL_CREDIT;
}

static void send_reset(struct vsock *vsock, const struct ring_chain *chain)
{
    const struct packet_header header = resets_take(&vsock->resets);

    packet_write(chain, &header);
    vsock->guest.push(vsock->guest.arg, VSOCK_RX, chain, PACKET_HEADER_SIZE);
}

/* Reads from the host straight into the guest's buffer. False: nothing was there, the chain is still free. */
static bool send_bytes(struct vsock_connection *connection, const struct ring_chain *chain)
{
    struct vsock *vsock = connection->vsock;
    size_t room = connection_room(connection);
    struct iovec pieces[RING_PIECES_MAX];
    unsigned count = packet_payload(pieces, chain);

    room = room < chain->size - PACKET_HEADER_SIZE ? room : chain->size - PACKET_HEADER_SIZE;
    room = room < PACKET_PAYLOAD_MAX ? room : PACKET_PAYLOAD_MAX;
    if (room == 0) {
        return false;
    }
    count = packet_cut(pieces, count, room);
    ssize_t got = vsock->host.read(vsock->host.arg, connection->peer, pieces, (int)count);
    connection->readable = connection->hung || got == (ssize_t)room;
    if (got > 0) {
        connection_sent(connection, (uint32_t)got);
        send_packet(connection, chain, PACKET_RW, 0, (uint32_t)got);
        return true;
    }
    if (got == 0) {
        connection_end_host(connection, connection->hung ? PACKET_NEITHER : PACKET_NO_SEND);
    } else if (got != -EAGAIN) {
        connection_end_host(connection, PACKET_NEITHER);
    }
    return false;
}

/* Uses the chain for what the connection has to say first. False: it had nothing after all. */
static bool send_next(struct vsock_connection *connection, const struct ring_chain *chain)
{
    if (connection->tell & TELL_REQUEST) {
        connection->tell &= ~(unsigned)TELL_REQUEST;
        send_packet(connection, chain, PACKET_REQUEST, 0, 0);
        return true;
    }
    if (connection->tell & TELL_RESPONSE) {
        connection->tell &= ~(unsigned)TELL_RESPONSE;
        send_packet(connection, chain, PACKET_RESPONSE, 0, 0);
        return true;
    }
    if (connection->readable && connection_may_read(connection) && send_bytes(connection, chain)) {
        return true;
    }
    if (connection->tell & TELL_SHUTDOWN) {
        connection->tell &= ~(unsigned)TELL_SHUTDOWN;
        send_packet(connection, chain, PACKET_SHUTDOWN, connection->host_ended, 0);
        return true;
    }
    if (connection->tell & TELL_CREDIT) {
        send_packet(connection, chain, PACKET_CREDIT_UPDATE, 0, 0);
        return true;
    }
    return false;
}

bool vsock_send_packets(struct vsock *vsock)
{
    struct ring_chain chain;

    for (unsigned i = 0; i < RX_PER_TURN; i++) {
        struct vsock_connection *connection = vsock->table.first_ready;
        if (connection == NULL && vsock->resets.count == 0) {
            return false;
        }
        if (!vsock->guest.pop(vsock->guest.arg, VSOCK_RX, &chain)) {
            if (!vsock->guest.arm(vsock->guest.arg, VSOCK_RX)) {
                return false;
            }
        } else if (chain.size <= PACKET_HEADER_SIZE) {
            /* Useless: kept, it would block the ring; put back, we would find it again at once. */
            vsock->guest.push(vsock->guest.arg, VSOCK_RX, &chain, 0);
        } else if (vsock->resets.count > 0) {
            send_reset(vsock, &chain);
        } else if (connection_must_reset(connection) && !(connection->tell & TELL_RESPONSE)) {
            vsock->guest.unpop(vsock->guest.arg, VSOCK_RX);
            vsock_drop(connection);
        } else {
            table_delist(connection);
            if (!send_next(connection, &chain)) {
                vsock->guest.unpop(vsock->guest.arg, VSOCK_RX);
            }
            vsock_settle(connection);
        }
    }
    return true;
}
