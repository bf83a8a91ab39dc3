/* packet: a vsock packet in the guest's buffers, taken apart and put together (virtio 1.2 §5.10.6). */
#include "tools/emulator/packet.h"

#include <endian.h>
#include <string.h>

unsigned packet_payload(struct iovec pieces[static RING_PIECES_MAX], const struct ring_chain *chain)
{
    size_t skip = PACKET_HEADER_SIZE;
    unsigned count = 0;

    for (unsigned i = 0; i < chain->count; i++) {
        struct iovec piece = chain->pieces[i];
        size_t cut = skip < piece.iov_len ? skip : piece.iov_len;
        skip -= cut;
        if (cut < piece.iov_len) {
            pieces[count++] = (struct iovec){(uint8_t *)piece.iov_base + cut, piece.iov_len - cut};
        }
    }
    return count;
}

static struct packet_header read_header(const struct ring_chain *chain)
{
    struct packet_header h;
    size_t have = 0;

    for (unsigned i = 0; have < sizeof h; i++) {
        size_t left = sizeof h - have;
        size_t take = chain->pieces[i].iov_len < left ? chain->pieces[i].iov_len : left;
        memcpy((uint8_t *)&h + have, chain->pieces[i].iov_base, take);
        have += take;
    }
    return (struct packet_header){
        .src_cid = le64toh(h.src_cid),
        .dst_cid = le64toh(h.dst_cid),
        .src_port = le32toh(h.src_port),
        .dst_port = le32toh(h.dst_port),
        .size = le32toh(h.size),
        .type = le16toh(h.type),
        .operation = le16toh(h.operation),
        .flags = le32toh(h.flags),
        .buf_alloc = le32toh(h.buf_alloc),
        .fwd_cnt = le32toh(h.fwd_cnt),
    };
}

bool packet_read(struct packet *packet, const struct ring_chain *chain)
{
    if (chain->size < PACKET_HEADER_SIZE) {
        return false;
    }
    packet->header = read_header(chain);
    packet->count = packet_payload(packet->pieces, chain);
    packet->room = chain->size - PACKET_HEADER_SIZE;
    return true;
}

unsigned packet_cut(struct iovec *pieces, unsigned count, size_t size)
{
    for (unsigned i = 0; i < count; i++) {
        if (pieces[i].iov_len >= size) {
            pieces[i].iov_len = size;
            return size > 0 ? i + 1 : i;
        }
        size -= pieces[i].iov_len;
    }
    return count;
}

void packet_write(const struct ring_chain *chain, const struct packet_header *header)
{
    const struct packet_header wire = {
        .src_cid = htole64(header->src_cid),
        .dst_cid = htole64(header->dst_cid),
        .src_port = htole32(header->src_port),
        .dst_port = htole32(header->dst_port),
        .size = htole32(header->size),
        .type = htole16(header->type),
        .operation = htole16(header->operation),
        .flags = htole32(header->flags),
        .buf_alloc = htole32(header->buf_alloc),
        .fwd_cnt = htole32(header->fwd_cnt),
    };
    const uint8_t *from = (const uint8_t *)&wire;
    size_t left = sizeof wire;

    for (unsigned i = 0; left > 0; i++) {
        size_t take = chain->pieces[i].iov_len < left ? chain->pieces[i].iov_len : left;
        memcpy(chain->pieces[i].iov_base, from, take);
        from += take;
        left -= take;
    }
}
