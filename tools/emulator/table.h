/* table: all connections, found by their two ports, and the queue of those that have something to say. */
#ifndef INGOT_TOOLS_EMULATOR_TABLE_H
#define INGOT_TOOLS_EMULATOR_TABLE_H

#include <stdint.h>

#include "tools/emulator/connection.h"

/*
 * Inside of the engine (vsock_engine.h). Both CIDs are fixed, so that the ports name a connection. One that lingers has
 * no name any more (table_forget()) but is still among all.
 */
#define TABLE_BUCKETS 1024

struct table {
    struct vsock_connection *buckets[TABLE_BUCKETS];
    struct vsock_connection *all;
    struct vsock_connection *first_ready, *last_ready;
    unsigned count;
};

struct vsock_connection *table_find(struct table *table, uint32_t guest_port, uint32_t host_port);
/* A zeroed connection of that name, which must be free. NULL: no memory. */
struct vsock_connection *table_add(struct table *table, uint32_t guest_port, uint32_t host_port);
/* Frees its name; once or more. */
void table_forget(struct vsock_connection *connection);
/* Takes it out of everything and frees it. */
void table_remove(struct vsock_connection *connection);

/* To the end of the queue, unless it is in it; out of the queue, if it is in it. */
void table_enlist(struct vsock_connection *connection);
void table_delist(struct vsock_connection *connection);

#endif
