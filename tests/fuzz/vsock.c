/* fuzz vsock: any order of packets, host events and free buffers: every packet is whole, every peer is closed exactly
 * once. */
#include "tests/tools/fake_guest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS_MAX = 400, PORTS = 4, STREAM_SIZE = 1 << 20 };

struct input {
    const uint8_t *data;
    size_t size;
};

static uint8_t stream[STREAM_SIZE];

static void require(bool true_always)
{
    if (!true_always) {
        abort();
    }
}

static unsigned take(struct input *in)
{
    if (in->size == 0) {
        return 0;
    }
    in->size--;
    return *in->data++;
}

/* A packet of the guest, mostly sane: the ports come from few, so that packets meet. */
static void guest_speaks(struct fake *fake, struct input *in)
{
    static const uint32_t buffers[] = {262144, 0, 512, 4096, 65536, UINT32_MAX};
    struct packet_header header = fake_header(take(in) % PORTS, take(in) % PORTS, take(in) % 9);
    unsigned odd = take(in);
    size_t size = take(in) * 300u % 66000u;

    header.flags = take(in) % 5;
    header.buf_alloc = buffers[take(in) % (sizeof buffers / sizeof buffers[0])];
    header.fwd_cnt = take(in) * 256u;
    header.src_cid += odd == 1;
    header.dst_cid += odd == 2;
    header.type = (uint16_t)(header.type + (odd == 3));
    struct fake_packet *packet = fake_send_packet(fake, header, stream, size);
    packet->cut = odd % 50;
    packet->size -= odd == 4 && packet->size > 0;
}

/* One of the peers that have a connection, or NULL. */
static struct fake_peer *some_peer(struct fake *fake, struct input *in)
{
    struct fake_peer *peer = fake->peer_count > 0 ? &fake->peers[take(in) % fake->peer_count] : NULL;

    return peer != NULL && peer->connection != NULL ? peer : NULL;
}

static void host_speaks(struct fake *fake, struct input *in)
{
    struct fake_peer *peer = some_peer(fake, in);
    unsigned what = take(in);

    if (peer == NULL || !peer->open) {
        return;
    }
    peer->out_room = what & 0x80 ? SIZE_MAX : take(in) * 1000u;
    switch (what % 6) {
    case 0:
        peer->in = stream;
        peer->in_size = take(in) * 2000u;
        vsock_readable(peer->connection);
        break;
    case 1:
        vsock_writable(peer->connection);
        break;
    case 2:
        peer->in_end = true;
        vsock_readable(peer->connection);
        break;
    case 3:
        peer->in_end = true;
        peer->out_error = -EPIPE;
        vsock_hangup(peer->connection);
        break;
    case 4:
        vsock_drop(peer->connection);
        break;
    default:
        peer->out_error = -EPIPE;
        peer->in_error = -ECONNRESET;
        break;
    }
}

/* Answers to what only some states allow are given only there: the engine's owner knows the state. */
static void decide(struct fake *fake, struct input *in)
{
    for (size_t i = 0; i < fake->peer_count; i++) {
        struct fake_peer *peer = &fake->peers[i];
        if (!peer->open && !peer->called && peer->connection != NULL) {
            if (take(in) % 2 == 0) {
                peer->open = true;
                vsock_accept(peer->connection);
            } else {
                vsock_drop(peer->connection);
            }
            return;
        }
    }
}

static void host_calls(struct fake *fake, struct input *in)
{
    struct fake_peer *peer = fake_peer_new(fake);
    const struct packet_header *request;

    int error = vsock_call(fake->vsock, take(in) % PORTS, peer, &peer->connection);
    if (error < 0) {
        require(error == -ECONNREFUSED); /* a fault: the peer stays ours */
        fake->peer_count--;
        return;
    }
    peer->called = true;
    fake_turn(fake);
    if (fake->got_count > 0) {
        request = &fake->got[fake->got_count - 1].header;
        if (request->operation == PACKET_REQUEST) {
            fake_send_packet(fake, fake_header(request->dst_port, request->src_port, PACKET_RESPONSE), NULL, 0);
        }
    }
}

static void check_packets(struct fake *fake)
{
    for (const struct fake_packet *packet; (packet = fake_next(fake)) != NULL;) {
        require(packet->size == PACKET_HEADER_SIZE + packet->header.size && packet->size <= fake->rx_size);
        require(packet->header.operation >= PACKET_REQUEST && packet->header.operation <= PACKET_CREDIT_UPDATE);
        require(packet->header.size == 0 || packet->header.operation == PACKET_RW);
        require(packet->header.operation != PACKET_SHUTDOWN || packet->header.flags != 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    static const char *const words[] = {
        "no-packet-limit", "one-byte", "reset=100", "drop=100", "half-close=100", "stall", "no-credit", "refuse/1"};
    struct faults faults = {0};
    struct reason why;
    unsigned chosen = take(&in);

    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (chosen >> i & 1) {
            faults_add(&faults, words[i], &why);
        }
    }
    struct fake *fake = fake_new(&faults);

    fake->rx_free = 4;
    for (int i = 0; i < STEPS_MAX && in.size > 0; i++) {
        switch (take(&in) % 8) {
        case 0:
        case 1:
        case 2:
            guest_speaks(fake, &in);
            break;
        case 3:
            host_speaks(fake, &in);
            break;
        case 4:
            decide(fake, &in);
            break;
        case 5:
            fake->rx_free += take(&in) % 64;
            break;
        case 6:
            host_calls(fake, &in);
            break;
        default:
            require(fake_turn(fake));
            break;
        }
        check_packets(fake);
    }
    require(fake_turn(fake));
    vsock_reset(fake->vsock);
    require(vsock_count(fake->vsock) == 0);
    for (size_t i = 0; i < fake->peer_count; i++) {
        require(fake->peers[i].closed == 1);
    }
    fake_free(fake);
    return 0;
}
