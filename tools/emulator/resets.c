/* resets: RST packets that wait for room in the ring to the guest. */
#include "tools/emulator/resets.h"

void resets_put(struct resets *resets, const struct packet_header *cause)
{
    if (resets->count < RESETS_MAX) {
        resets->each[(resets->first + resets->count++) % RESETS_MAX] = (struct packet_header){
            .src_cid = cause->dst_cid,
            .dst_cid = cause->src_cid,
            .src_port = cause->dst_port,
            .dst_port = cause->src_port,
            .type = cause->type,
            .operation = PACKET_RST,
        };
    }
}

struct packet_header resets_take(struct resets *resets)
{
    struct packet_header header = resets->each[resets->first];

    resets->first = (resets->first + 1) % RESETS_MAX;
    resets->count--;
    return header;
}
