/* vsock: the connections between the guest and the host, as packets on one side and bytes on the other; no I/O. */
#include "tools/emulator/vsock.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "tools/emulator/packet.h"
#include "tools/emulator/vsock_engine.h"

#define FIRST_HOST_PORT 0x40000000u /* of calls; far from the ports that a guest dials */
#define TX_PER_TURN 64              /* so that no ring keeps the other, or the host's descriptors, waiting */

static void destroy(struct vsock_connection *connection)
{
    struct vsock *vsock = connection->vsock;
    void *peer = connection->peer;

    table_remove(connection);
    vsock->host.closed(vsock->host.arg, peer);
}

/* ---- what a connection waits for ---- */

/* An unlucky parent's end comes behind a number of bytes. */
static void suffer(struct vsock_connection *connection)
{
    const struct fault *fault = &connection->fault;
    const struct vsock_host *host = &connection->vsock->host;

    if (connection->state == CONNECTION_OPEN && connection->to_guest >= fault->half_close &&
        !(connection->host_ended & PACKET_NO_SEND)) {
        connection_end_host(connection, PACKET_NO_SEND);
        host->shutdown(host->arg, connection->peer, SHUT_RD); /* what the host still says goes nowhere */
    }
    if (connection->state == CONNECTION_OPEN && connection->to_guest >= fault->drop) {
        connection_end_host(connection, PACKET_NO_SEND);
        connection_go_deaf(connection);
    }
}

void vsock_settle(struct vsock_connection *connection)
{
    const struct vsock *vsock = connection->vsock;
    unsigned interest = 0;

    suffer(connection);
    bool reads = connection_may_read(connection);
    if (connection->state == CONNECTION_LINGERING) {
        connection->tell = 0; /* the guest has forgotten it */
    }
    if (connection->tell != 0 || (reads && connection->readable) || connection_must_reset(connection)) {
        table_enlist(connection);
    }
    if (connection->state == CONNECTION_OPEN || connection->state == CONNECTION_LINGERING) {
        interest |= reads && !connection->readable ? VSOCK_READ : 0;
        interest |= connection->held_size > 0 && !connection->fault.stall ? VSOCK_WRITE : 0;
        if (interest != connection->interest) {
            connection->interest = interest;
            vsock->host.interest(vsock->host.arg, connection->peer, interest);
        }
    }
}

/* ---- towards the host ---- */

/* Passes the guest's end of sending on, once everything before it was written. */
static void pass_end(struct vsock_connection *connection)
{
    struct vsock *vsock = connection->vsock;

    if (connection->guest_ended & PACKET_NO_SEND && connection->held_size == 0 && !connection->write_shut) {
        connection->write_shut = true;
        vsock->host.shutdown(vsock->host.arg, connection->peer, SHUT_WR);
    }
}

static void note_forwarded(struct vsock_connection *connection, size_t size)
{
    connection->forwarded += (uint32_t)size;
    if (connection_owes_credit(connection)) {
        connection->tell |= TELL_CREDIT;
    }
}

/* Writes a payload to the host, or holds what it does not take. -ENOMEM: it can't be held. */
static int deliver(struct vsock_connection *connection, const struct packet *packet)
{
    struct vsock *vsock = connection->vsock;
    ssize_t written = 0;

    connection->received += packet->header.size;
    if (packet->header.size > 0 && connection->held_size == 0 && !connection->fault.stall &&
        !(connection->host_ended & PACKET_NO_RECEIVE)) {
        written = vsock->host.write(vsock->host.arg, connection->peer, packet->pieces, (int)packet->count);
    }
    if (written < 0 && written != -EAGAIN) {
        connection_go_deaf(connection);
    }
    if (connection->host_ended & PACKET_NO_RECEIVE) {
        connection->forwarded = connection->received;
        return 0;
    }
    written = written < 0 ? 0 : written;
    note_forwarded(connection, (size_t)written);
    return connection_hold(connection, packet->pieces, packet->count, (size_t)written);
}

/* The guest is done with it and has forgotten it; bytes that it sent before still reach the host. */
static void bid_farewell(struct vsock_connection *connection)
{
    table_forget(connection);
    if (connection->held_size == 0 || connection->fault.stall) {
        destroy(connection);
        return;
    }
    table_delist(connection);
    connection->state = CONNECTION_LINGERING;
    vsock_settle(connection);
}

void vsock_writable(struct vsock_connection *connection)
{
    struct vsock *vsock = connection->vsock;

    if (connection->held_size > 0) {
        struct iovec piece = {connection->held + connection->held_start, connection->held_size};
        ssize_t written = vsock->host.write(vsock->host.arg, connection->peer, &piece, 1);
        if (written >= 0) {
            connection_release_held(connection, (size_t)written);
            note_forwarded(connection, (size_t)written);
        } else if (written != -EAGAIN) {
            connection_go_deaf(connection);
        }
    }
    if (connection->state == CONNECTION_LINGERING && connection->held_size == 0) {
        destroy(connection);
        return;
    }
    pass_end(connection);
    vsock_settle(connection);
}

void vsock_readable(struct vsock_connection *connection)
{
    if (connection->readable) {
        /* It was said before and there was no room in the ring: stop asking, or the owner would turn for nothing. */
        vsock_settle(connection);
    } else if (connection->state == CONNECTION_OPEN) {
        connection->readable = true;
        table_enlist(connection);
    }
}

void vsock_hangup(struct vsock_connection *connection)
{
    if (connection->state == CONNECTION_LINGERING) {
        destroy(connection);
        return;
    }
    connection->hung = true;
    connection->readable = true;
    if (connection->held_size > 0) {
        connection_go_deaf(connection);
    }
    if (connection->host_ended & PACKET_NO_SEND || connection->guest_ended & PACKET_NO_RECEIVE) {
        connection_end_host(connection, PACKET_NEITHER);
    }
    vsock_settle(connection);
}

/* ---- from the guest ---- */

static void queue_reset_of(const struct vsock_connection *connection)
{
    const struct packet_header cause = {
        .src_cid = connection->vsock->options.guest_cid,
        .dst_cid = VSOCK_HOST_CID,
        .src_port = connection->guest_port,
        .dst_port = connection->host_port,
        .type = PACKET_STREAM,
    };

    resets_put(&connection->vsock->resets, &cause);
}

static void take_request(struct vsock *vsock, const struct packet_header *h)
{
    struct vsock_connection *connection =
        vsock->table.count < VSOCK_CONNECTIONS_MAX ? table_add(&vsock->table, h->src_port, h->dst_port) : NULL;

    if (connection == NULL) {
        resets_put(&vsock->resets, h);
        return;
    }
    connection->vsock = vsock;
    connection->state = CONNECTION_DIALLED;
    connection->fault = faults_pick(vsock->options.faults, h->dst_port);
    connection_credit(connection, h->buf_alloc, h->fwd_cnt);
    int error = connection->fault.refuse
                    ? -ECONNREFUSED
                    : vsock->host.dial(vsock->host.arg, connection, h->dst_port, &connection->peer);
    if (error == 0) {
        vsock_accept(connection);
    } else if (error != -EINPROGRESS) {
        table_remove(connection);
        resets_put(&vsock->resets, h);
    }
}

static void take_shutdown(struct vsock_connection *connection, const struct packet_header *h)
{
    struct vsock *vsock = connection->vsock;
    unsigned before = connection->guest_ended;

    connection->guest_ended |= h->flags & PACKET_NEITHER;
    if (connection->guest_ended == PACKET_NEITHER) {
        resets_put(&vsock->resets, h);
        bid_farewell(connection);
        return;
    }
    if (connection->guest_ended & ~before & PACKET_NO_RECEIVE) {
        vsock->host.shutdown(vsock->host.arg, connection->peer, SHUT_RD);
        if (connection->hung) {
            connection_end_host(connection, PACKET_NEITHER);
        }
    }
    pass_end(connection);
    vsock_settle(connection);
}

/* A packet on an open connection. -EPROTO: not allowed there. */
static int take_open(struct vsock_connection *connection, const struct packet *packet)
{
    const struct packet_header *h = &packet->header;

    connection_credit(connection, h->buf_alloc, h->fwd_cnt);
    switch (h->operation) {
    case PACKET_RW:
        if (connection->guest_ended & PACKET_NO_SEND || !connection_may_receive(connection, h->size)) {
            return -EPROTO;
        }
        if (deliver(connection, packet) < 0) {
            return -ENOMEM;
        }
        break;
    case PACKET_SHUTDOWN:
        take_shutdown(connection, h);
        return 0;
    case PACKET_CREDIT_REQUEST:
        connection->tell |= TELL_CREDIT;
        break;
    case PACKET_CREDIT_UPDATE:
        break;
    default:
        return -EPROTO;
    }
    vsock_settle(connection);
    return 0;
}

/* A packet on any connection that exists. -EPROTO: not allowed in its state. */
static int take_on(struct vsock_connection *connection, const struct packet *packet)
{
    struct vsock *vsock = connection->vsock;
    const struct packet_header *h = &packet->header;

    switch (connection->state) {
    case CONNECTION_OPEN:
        return take_open(connection, packet);
    case CONNECTION_CALLED:
        if (h->operation != PACKET_RESPONSE || connection->tell & TELL_REQUEST) {
            return -EPROTO;
        }
        connection_credit(connection, h->buf_alloc, h->fwd_cnt);
        connection->state = CONNECTION_OPEN;
        vsock->host.opened(vsock->host.arg, connection->peer);
        vsock_settle(connection);
        return 0;
    case CONNECTION_DIALLED:
    case CONNECTION_LINGERING: /* never found in the table */
        break;
    }
    return -EPROTO;
}

static void take_packet(struct vsock *vsock, struct packet *packet)
{
    const struct packet_header *h = &packet->header;
    struct vsock_connection *connection = NULL;

    if (h->src_cid != vsock->options.guest_cid) {
        return; /* forged: an answer would go to nobody */
    }
    if (h->dst_cid == VSOCK_HOST_CID && h->type == PACKET_STREAM) {
        connection = table_find(&vsock->table, h->src_port, h->dst_port);
    }
    if (h->operation == PACKET_RST) {
        if (connection != NULL) {
            bid_farewell(connection);
        }
        return;
    }
    bool fits = h->size <= packet->room && h->size <= PACKET_PAYLOAD_MAX;
    if (fits) {
        packet->count = packet_cut(packet->pieces, packet->count, h->size);
    }
    if (fits && h->operation == PACKET_REQUEST && h->dst_cid == VSOCK_HOST_CID && h->type == PACKET_STREAM) {
        if (connection != NULL) {
            bid_farewell(connection); /* the guest has forgotten it, and uses the port anew */
        }
        take_request(vsock, h);
    } else if (connection == NULL || !fits || take_on(connection, packet) < 0) {
        if (connection != NULL) {
            destroy(connection);
        }
        resets_put(&vsock->resets, h);
    }
}

static bool take_packets(struct vsock *vsock)
{
    struct ring_chain chain;
    struct packet packet;

    for (unsigned i = 0; i < TX_PER_TURN; i++) {
        if (vsock->guest.pop(vsock->guest.arg, VSOCK_TX, &chain)) {
            if (packet_read(&packet, &chain)) {
                take_packet(vsock, &packet);
            }
            vsock->guest.push(vsock->guest.arg, VSOCK_TX, &chain, 0);
        } else if (!vsock->guest.arm(vsock->guest.arg, VSOCK_TX)) {
            return false;
        }
    }
    return true;
}

bool vsock_turn(struct vsock *vsock)
{
    bool more = take_packets(vsock);

    more |= vsock_send_packets(vsock);
    vsock->guest.signal(vsock->guest.arg, VSOCK_TX);
    vsock->guest.signal(vsock->guest.arg, VSOCK_RX);
    return more;
}

/* ---- lifetimes ---- */

int vsock_open(struct vsock **out, const struct vsock_options *options, const struct vsock_guest *guest,
    const struct vsock_host *host)
{
    struct vsock *vsock = calloc(1, sizeof *vsock);

    if (vsock == NULL) {
        return -ENOMEM;
    }
    vsock->options = *options;
    vsock->guest = *guest;
    vsock->host = *host;
    vsock->next_host_port = FIRST_HOST_PORT;
    *out = vsock;
    return 0;
}

void vsock_close(struct vsock *vsock)
{
    if (vsock != NULL) {
        vsock_reset(vsock);
        free(vsock);
    }
}

void vsock_reset(struct vsock *vsock)
{
    while (vsock->table.all != NULL) {
        destroy(vsock->table.all);
    }
    vsock->resets.count = 0;
}

int vsock_call(struct vsock *vsock, uint32_t port, void *peer, struct vsock_connection **out)
{
    struct fault fault = faults_pick(vsock->options.faults, port);

    if (fault.refuse) {
        return -ECONNREFUSED;
    }
    if (vsock->table.count >= VSOCK_CONNECTIONS_MAX) {
        return -ENFILE;
    }
    while (table_find(&vsock->table, port, vsock->next_host_port) != NULL) {
        vsock->next_host_port++;
    }
    struct vsock_connection *connection = table_add(&vsock->table, port, vsock->next_host_port++);
    if (connection == NULL) {
        return -ENOMEM;
    }
    connection->vsock = vsock;
    connection->state = CONNECTION_CALLED;
    connection->fault = fault;
    connection->peer = peer;
    connection->tell = TELL_REQUEST;
    vsock_settle(connection);
    *out = connection;
    return 0;
}

void vsock_accept(struct vsock_connection *connection)
{
    connection->state = CONNECTION_OPEN;
    connection->tell |= TELL_RESPONSE;
    vsock_settle(connection);
}

void vsock_drop(struct vsock_connection *connection)
{
    if (connection->state != CONNECTION_LINGERING && !(connection->tell & TELL_REQUEST)) {
        queue_reset_of(connection);
    }
    destroy(connection);
}

const struct fault *vsock_fault(const struct vsock_connection *connection)
{
    return &connection->fault;
}

uint32_t vsock_host_port(const struct vsock_connection *connection)
{
    return connection->host_port;
}

unsigned vsock_count(const struct vsock *vsock)
{
    return vsock->table.count;
}
