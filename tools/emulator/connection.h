/* connection: one vsock connection: what is under way to the guest, and what is held for the host. */
#ifndef INGOT_TOOLS_EMULATOR_CONNECTION_H
#define INGOT_TOOLS_EMULATOR_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/emulator/vsock.h"

/*
 * Inside of the engine (vsock_engine.h); arithmetic and a buffer, no packets. Counts of bytes run modulo 2^32, as on
 * the wire.
 *
 *   to the guest:    `sent` ahead of `guest_forwarded`, never by more than `guest_buffer`
 *   from the guest:  `received` ahead of `forwarded` by exactly the bytes held, never by more than VSOCK_BUFFER
 */
enum connection_state {
    CONNECTION_DIALLED, /* the guest's request waits for the host */
    CONNECTION_CALLED,  /* the host's request waits for the guest */
    CONNECTION_OPEN,
    CONNECTION_LINGERING /* over for the guest, forgotten in the table; held bytes still go to the host */
};

/* What waits to be told to the guest. */
enum { TELL_REQUEST = 1, TELL_RESPONSE = 2, TELL_SHUTDOWN = 4, TELL_CREDIT = 8 };

struct table;

struct vsock_connection {
    struct vsock *vsock;
    struct table *table;
    void *peer;
    struct vsock_connection *next_in_bucket;
    struct vsock_connection *previous, *next;             /* of all connections */
    struct vsock_connection *previous_ready, *next_ready; /* of those with something to say */
    bool listed;                                          /* among the ready */
    uint32_t guest_port;
    uint32_t host_port;
    enum connection_state state;
    unsigned tell;
    unsigned interest;    /* last told to the host */
    unsigned host_ended;  /* PACKET_NO_SEND: its end was read; PACKET_NO_RECEIVE: it takes nothing any more */
    unsigned guest_ended; /* SHUTDOWN's bits, added up */
    bool write_shut;      /* the guest's end was passed to the host */
    bool readable;        /* the host may have bytes for us */
    struct fault fault;
    uint64_t to_guest; /* bytes, all told */
    bool hung;         /* both directions are over at the host: readable until its end was read */

    uint32_t sent;
    uint32_t guest_forwarded;
    uint32_t guest_buffer;
    uint32_t packet_ends[VSOCK_PACKETS_UNREAD_MAX]; /* `sent` behind each packet under way, oldest at packet_first */
    unsigned packet_first, packet_count;

    uint32_t received;
    uint32_t forwarded;
    uint32_t forwarded_told;
    uint8_t *held; /* the held_size bytes at held_start are for the host; NULL while there are none */
    size_t held_start, held_size, held_room;
};

/* Bytes that the next packet to the guest may carry now; 0: wait for its credit, or there is an end here (fault). */
uint32_t connection_room(const struct vsock_connection *connection);
/* Whether bytes of the host have somewhere to go now. */
bool connection_may_read(const struct vsock_connection *connection);
/* Whether it is to end by RST here (fault). */
bool connection_must_reset(const struct vsock_connection *connection);
/* A packet of size bytes was sent. */
void connection_sent(struct vsock_connection *connection, uint32_t size);
/* What every packet of the guest says of its buffer. */
void connection_credit(struct vsock_connection *connection, uint32_t guest_buffer, uint32_t guest_forwarded);

/* Whether the guest keeps within VSOCK_BUFFER if it has sent size bytes more. */
bool connection_may_receive(const struct vsock_connection *connection, uint32_t size);
/* Whether so much was written on since we last said so that the guest may be waiting to hear of it. */
bool connection_owes_credit(const struct vsock_connection *connection);

/* Keeps the bytes of pieces behind the first skip for the host. 0 or -ENOMEM. At most VSOCK_BUFFER are ever held. */
int connection_hold(struct vsock_connection *connection, const struct iovec *pieces, unsigned count, size_t skip);
/* The host took size of the held bytes. */
void connection_release_held(struct vsock_connection *connection, size_t size);

/* The host has ended in these directions (PACKET_NO_SEND, PACKET_NO_RECEIVE): the guest is told, once. */
void connection_end_host(struct vsock_connection *connection, unsigned bits);
/* The host takes nothing any more: what is held, and what comes, counts as taken. */
void connection_go_deaf(struct vsock_connection *connection);

#endif
