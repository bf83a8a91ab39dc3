/* table: all connections, found by their two ports, and the queue of those that have something to say. */
#include "tools/emulator/table.h"

#include <stdlib.h>

static struct vsock_connection **bucket_of(struct table *table, uint32_t guest_port, uint32_t host_port)
{
    uint32_t hash = (guest_port * 2654435761u) ^ (host_port * 2246822519u);

    return &table->buckets[(hash ^ hash >> 15) % TABLE_BUCKETS];
}

struct vsock_connection *table_find(struct table *table, uint32_t guest_port, uint32_t host_port)
{
    struct vsock_connection *connection = *bucket_of(table, guest_port, host_port);

    while (connection != NULL && (connection->guest_port != guest_port || connection->host_port != host_port)) {
        connection = connection->next_in_bucket;
    }
    return connection;
}

struct vsock_connection *table_add(struct table *table, uint32_t guest_port, uint32_t host_port)
{
    struct vsock_connection *connection = calloc(1, sizeof *connection);

    if (connection != NULL) {
        struct vsock_connection **bucket = bucket_of(table, guest_port, host_port);
        connection->table = table;
        connection->guest_port = guest_port;
        connection->host_port = host_port;
        connection->next_in_bucket = *bucket;
        *bucket = connection;
        connection->next = table->all;
        if (table->all != NULL) {
            table->all->previous = connection;
        }
        table->all = connection;
        table->count++;
    }
    return connection;
}

void table_forget(struct vsock_connection *connection)
{
    struct vsock_connection **place = bucket_of(connection->table, connection->guest_port, connection->host_port);

    while (*place != NULL && *place != connection) {
        place = &(*place)->next_in_bucket;
    }
    if (*place != NULL) {
        *place = connection->next_in_bucket;
    }
}

void table_enlist(struct vsock_connection *connection)
{
    struct table *table = connection->table;

    if (!connection->listed) {
        connection->listed = true;
        connection->next_ready = NULL;
        connection->previous_ready = table->last_ready;
        *(table->last_ready != NULL ? &table->last_ready->next_ready : &table->first_ready) = connection;
        table->last_ready = connection;
    }
}

void table_delist(struct vsock_connection *connection)
{
    struct table *table = connection->table;

    if (connection->listed) {
        connection->listed = false;
        *(connection->previous_ready != NULL ? &connection->previous_ready->next_ready : &table->first_ready) =
            connection->next_ready;
        *(connection->next_ready != NULL ? &connection->next_ready->previous_ready : &table->last_ready) =
            connection->previous_ready;
    }
}

void table_remove(struct vsock_connection *connection)
{
    struct table *table = connection->table;

    table_forget(connection);
    table_delist(connection);
    *(connection->previous != NULL ? &connection->previous->next : &table->all) = connection->next;
    if (connection->next != NULL) {
        connection->next->previous = connection->previous;
    }
    table->count--;
    free(connection->held);
    free(connection);
}
