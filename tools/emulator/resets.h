/* resets: RST packets that wait for room in the ring to the guest. */
#ifndef INGOT_TOOLS_EMULATOR_RESETS_H
#define INGOT_TOOLS_EMULATOR_RESETS_H

#include "tools/emulator/packet.h"

#define RESETS_MAX 4096 /* beyond, the guest waits for its own timeout */

/* Zeroed: none. First in, first out. */
struct resets {
    struct packet_header each[RESETS_MAX];
    unsigned first, count;
};

/* The answer to a packet with these fields; dst_cid is whom it thought it was talking to. */
void resets_put(struct resets *resets, const struct packet_header *cause);
/* The header that answers; count must not be 0. */
struct packet_header resets_take(struct resets *resets);

#endif
