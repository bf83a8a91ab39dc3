/* vsock_engine: what the two halves of the vsock engine share: what becomes of packets, and what is said to the guest.
 */
#ifndef INGOT_TOOLS_EMULATOR_VSOCK_ENGINE_H
#define INGOT_TOOLS_EMULATOR_VSOCK_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/emulator/connection.h"
#include "tools/emulator/resets.h"
#include "tools/emulator/table.h"
#include "tools/emulator/vsock.h"

/* Inside of the engine: vsock.c takes packets of the guest and words of the host, vsock_send.c fills the guest's ring.
 */
struct vsock {
    struct vsock_options options;
    struct vsock_guest guest;
    struct vsock_host host;
    struct table table;
    uint32_t next_host_port;
    struct resets resets;
};

/* After any change: puts it among the ready if it has something to say, and tells the host what is waited for. */
void vsock_settle(struct vsock_connection *connection);

/* Sends resets, then a packet of each ready connection in turn, within a bound. True: there is more. */
bool vsock_send_packets(struct vsock *vsock);

#endif
