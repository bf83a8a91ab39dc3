/* connection: one vsock connection: what is under way to the guest, and what is held for the host. */
#include "tools/emulator/connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/emulator/packet.h"

#define HELD_FIRST_ROOM 4096

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint32_t connection_room(const struct vsock_connection *connection)
{
    const struct fault *fault = &connection->fault;
    uint64_t end = smaller(fault->drop, smaller(fault->reset, fault->half_close));
    uint32_t under_way = connection->sent - connection->guest_forwarded;
    uint32_t packets = connection->guest_buffer / VSOCK_BYTES_PER_PACKET;

    if (packets > VSOCK_PACKETS_UNREAD_MAX) {
        packets = VSOCK_PACKETS_UNREAD_MAX;
    }
    if (under_way >= connection->guest_buffer || end <= connection->to_guest ||
        (!fault->no_packet_limit && connection->packet_count >= packets)) {
        return 0;
    }
    uint64_t room = smaller(connection->guest_buffer - under_way, end - connection->to_guest);
    return fault->one_byte ? 1 : (uint32_t)room;
}

bool connection_may_read(const struct vsock_connection *connection)
{
    return connection->state == CONNECTION_OPEN && !(connection->host_ended & PACKET_NO_SEND) &&
           !(connection->guest_ended & PACKET_NO_RECEIVE) && connection_room(connection) > 0;
}

bool connection_must_reset(const struct vsock_connection *connection)
{
    return connection->state == CONNECTION_OPEN && connection->to_guest >= connection->fault.reset;
}

void connection_sent(struct vsock_connection *connection, uint32_t size)
{
    connection->sent += size;
    connection->to_guest += size;
    if (!connection->fault.no_packet_limit) {
        unsigned last = (connection->packet_first + connection->packet_count++) % VSOCK_PACKETS_UNREAD_MAX;
        connection->packet_ends[last] = connection->sent;
    }
}

void connection_credit(struct vsock_connection *connection, uint32_t guest_buffer, uint32_t guest_forwarded)
{
    connection->guest_buffer = guest_buffer;
    connection->guest_forwarded = guest_forwarded;
    while (connection->packet_count > 0 &&
           (int32_t)(guest_forwarded - connection->packet_ends[connection->packet_first]) >= 0) {
        connection->packet_first = (connection->packet_first + 1) % VSOCK_PACKETS_UNREAD_MAX;
        connection->packet_count--;
    }
}

bool connection_may_receive(const struct vsock_connection *connection, uint32_t size)
{
    uint32_t held = connection->received - connection->forwarded;

    return held <= VSOCK_BUFFER && size <= VSOCK_BUFFER - held;
}

bool connection_owes_credit(const struct vsock_connection *connection)
{
    uint32_t buffer = connection->guest_buffer < VSOCK_BUFFER ? connection->guest_buffer : VSOCK_BUFFER;

    return !connection->fault.no_credit && connection->forwarded - connection->forwarded_told > buffer / 4;
}

/* Room for size bytes behind those held: by moving them to the front, or into twice the space. */
static int make_room(struct vsock_connection *connection, size_t size)
{
    size_t room = connection->held_room == 0 ? HELD_FIRST_ROOM : connection->held_room;

    while (room < connection->held_size + size) {
        room *= 2;
    }
    if (room > connection->held_room) {
        uint8_t *held = malloc(room);
        if (held == NULL) {
            return -ENOMEM;
        }
        if (connection->held_size > 0) {
            memcpy(held, connection->held + connection->held_start, connection->held_size);
        }
        free(connection->held);
        connection->held = held;
        connection->held_room = room;
        connection->held_start = 0;
    } else if (connection->held_start + connection->held_size + size > room) {
        memmove(connection->held, connection->held + connection->held_start, connection->held_size);
        connection->held_start = 0;
    }
    return 0;
}

int connection_hold(struct vsock_connection *connection, const struct iovec *pieces, unsigned count, size_t skip)
{
    for (unsigned i = 0; i < count; i++) {
        const uint8_t *data = pieces[i].iov_base;
        size_t size = pieces[i].iov_len;
        if (skip >= size) {
            skip -= size;
            continue;
        }
        if (make_room(connection, size - skip) < 0) {
            return -ENOMEM;
        }
        memcpy(connection->held + connection->held_start + connection->held_size, data + skip, size - skip);
        connection->held_size += size - skip;
        skip = 0;
    }
    return 0;
}

void connection_release_held(struct vsock_connection *connection, size_t size)
{
    connection->held_start += size;
    connection->held_size -= size;
    if (connection->held_size == 0) {
        free(connection->held);
        connection->held = NULL;
        connection->held_start = 0;
        connection->held_room = 0;
    }
}

void connection_end_host(struct vsock_connection *connection, unsigned bits)
{
    if ((connection->host_ended | bits) != connection->host_ended) {
        connection->host_ended |= bits;
        connection->tell |= TELL_SHUTDOWN;
    }
}

void connection_go_deaf(struct vsock_connection *connection)
{
    connection_release_held(connection, connection->held_size);
    connection->forwarded = connection->received;
    connection_end_host(connection, PACKET_NO_RECEIVE);
}
