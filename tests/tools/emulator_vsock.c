/* Tests of tools/emulator/vsock: what a parent owes a guest, on a guest and a host made of arrays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/tools/fake_guest.h"
#include "tools/emulator/resets.h"

enum { GUEST_PORT = 1234, HOST_PORT = 8101 };

static uint8_t pattern[1 << 20];

static int fill_pattern(void **state)
{
    uint32_t x = 1;

    (void)state;
    for (size_t i = 0; i < sizeof pattern; i++) {
        x = x * 1664525 + 1013904223;
        pattern[i] = (uint8_t)(x >> 24);
    }
    return 0;
}

static struct faults *faults_of(const char *text)
{
    static struct faults faults;
    struct reason why;

    memset(&faults, 0, sizeof faults);
    if (faults_add(&faults, text, &why) < 0) {
        fail_msg("%s", why.text);
    }
    return &faults;
}

static void turn(struct fake *fake)
{
    assert_true(fake_turn(fake));
}

static struct packet_header header_of(unsigned operation)
{
    return fake_header(GUEST_PORT, HOST_PORT, operation);
}

static void send_operation(struct fake *fake, unsigned operation, uint32_t flags)
{
    struct packet_header header = header_of(operation);

    header.flags = flags;
    fake_send_packet(fake, header, NULL, 0);
}

static void send_bytes(struct fake *fake, const uint8_t *data, size_t size)
{
    fake_send_packet(fake, header_of(PACKET_RW), data, size);
}

/* What the guest's application took, and how large its buffer is. */
static void send_credit(struct fake *fake, uint32_t buffer, uint32_t forwarded)
{
    struct packet_header header = header_of(PACKET_CREDIT_UPDATE);

    header.buf_alloc = buffer;
    header.fwd_cnt = forwarded;
    fake_send_packet(fake, header, NULL, 0);
}

static const struct fake_packet *expect(struct fake *fake, unsigned operation)
{
    const struct fake_packet *packet = fake_next(fake);

    assert_non_null(packet);
    assert_int_equal(packet->header.operation, operation);
    assert_int_equal(packet->header.dst_cid, FAKE_CID);
    assert_int_equal(packet->header.size, packet->size - PACKET_HEADER_SIZE);
    return packet;
}

static void expect_nothing(struct fake *fake)
{
    assert_null(fake_next(fake));
}

/* An open connection from GUEST_PORT to HOST_PORT, by a guest with that buffer. */
static struct fake_peer *connect_with(struct fake *fake, uint32_t buffer)
{
    struct packet_header header = header_of(PACKET_REQUEST);
    size_t index = fake->peer_count;

    header.buf_alloc = buffer;
    fake_send_packet(fake, header, NULL, 0);
    turn(fake);
    expect(fake, PACKET_RESPONSE);
    return &fake->peers[index];
}

static struct fake_peer *connect_default(struct fake *fake)
{
    return connect_with(fake, 262144);
}

static void give(struct fake_peer *peer, const uint8_t *data, size_t size)
{
    peer->in = data;
    peer->in_size = size;
    vsock_readable(peer->connection);
}

/* Reads packets of data until there are none; returns their bytes, *packets how many they were. */
static size_t take_all(struct fake *fake, size_t *packets)
{
    const struct fake_packet *packet;
    size_t size = 0;

    *packets = 0;
    while ((packet = fake_next(fake)) != NULL) {
        assert_int_equal(packet->header.operation, PACKET_RW);
        size += packet->header.size;
        ++*packets;
    }
    return size;
}

/* ---- opening ---- */

static void a_request_is_answered_with_our_credit(void **state)
{
    struct fake *fake = fake_new(NULL);
    const struct fake_packet *response;

    (void)state;
    send_operation(fake, PACKET_REQUEST, 0);
    turn(fake);
    response = expect(fake, PACKET_RESPONSE);
    assert_int_equal(response->header.src_cid, VSOCK_HOST_CID);
    assert_int_equal(response->header.src_port, HOST_PORT);
    assert_int_equal(response->header.dst_port, GUEST_PORT);
    assert_int_equal(response->header.type, PACKET_STREAM);
    assert_int_equal(response->header.buf_alloc, 262144);
    assert_int_equal(response->header.fwd_cnt, 0);
    assert_int_equal(fake->peers[0].interest, VSOCK_READ);
    fake_free(fake);
}

static void a_refused_port_is_reset(void **state)
{
    struct fake *fake = fake_new(NULL);

    (void)state;
    fake_send_packet(fake, fake_header(GUEST_PORT, FAKE_PORT_REFUSED, PACKET_REQUEST), NULL, 0);
    turn(fake);
    assert_int_equal(expect(fake, PACKET_RST)->header.src_port, FAKE_PORT_REFUSED);
    assert_int_equal(vsock_count(fake->vsock), 0);
    fake_free(fake);
}

static void another_cid_is_reset_in_its_own_name(void **state)
{
    struct fake *fake = fake_new(NULL);
    struct packet_header header = header_of(PACKET_REQUEST);

    (void)state;
    header.dst_cid = 2;
    fake_send_packet(fake, header, NULL, 0);
    turn(fake);
    assert_int_equal(expect(fake, PACKET_RST)->header.src_cid, 2);
    assert_int_equal(fake->peer_count, 0);
    fake_free(fake);
}

static void a_slow_connect_is_answered_when_it_is_decided(void **state)
{
    struct fake *fake = fake_new(NULL);

    (void)state;
    for (uint32_t port = 1; port <= 2; port++) {
        fake_send_packet(fake, fake_header(port, FAKE_PORT_SLOW, PACKET_REQUEST), NULL, 0);
    }
    turn(fake);
    expect_nothing(fake);
    vsock_accept(fake->peers[0].connection);
    vsock_drop(fake->peers[1].connection);
    turn(fake);
    assert_int_equal(expect(fake, PACKET_RST)->header.dst_port, 2);
    assert_int_equal(expect(fake, PACKET_RESPONSE)->header.dst_port, 1);
    assert_int_equal(fake->peers[1].closed, 1);
    fake_free(fake);
}

static void a_request_on_a_live_connection_replaces_it(void **state)
{
    struct fake *fake = fake_new(NULL);
    struct fake_peer *old = connect_default(fake);
    struct fake_peer *new = connect_default(fake);

    (void)state;
    assert_int_equal(old->closed, 1);
    send_bytes(fake, pattern, 10);
    turn(fake);
    assert_int_equal(old->out_size, 0);
    assert_int_equal(new->out_size, 10);
    fake_free(fake);
}

static void the_host_calls_the_guest(void **state)
{
    struct fake *fake = fake_new(NULL);
    struct fake_peer *peer = fake_peer_new(fake);
    struct packet_header answer;

    (void)state;
    assert_int_equal(vsock_call(fake->vsock, 7777, peer, &peer->connection), 0);
    turn(fake);
    const struct fake_packet *request = expect(fake, PACKET_REQUEST);
    assert_int_equal(request->header.dst_port, 7777);
    assert_int_equal(request->header.src_port, vsock_host_port(peer->connection));
    answer = fake_header(7777, request->header.src_port, PACKET_RESPONSE);
    answer.buf_alloc = 1000000;
    fake_send_packet(fake, answer, NULL, 0);
    turn(fake);
    assert_int_equal(peer->opened, 1);
    give(peer, pattern, 5000);
    turn(fake);
    size_t packets;
    assert_int_equal(take_all(fake, &packets), 5000);
    fake_free(fake);
}

static void a_call_that_the_guest_refuses_is_closed(void **state)
{
    struct fake *fake = fake_new(NULL);
    struct fake_peer *peer = fake_peer_new(fake);

    (void)state;
    assert_int_equal(vsock_call(fake->vsock, 7777, peer, &peer->connection), 0);
    turn(fake);
    fake_send_packet(fake, fake_header(7777, expect(fake, PACKET_REQUEST)->header.src_port, PACKET_RST), NULL, 0);
    turn(fake);
    assert_int_equal(peer->closed, 1);
    assert_int_equal(peer->opened, 0);
    expect_nothing(fake);
    fake_free(fake);
}

static void a_call_given_up_is_reset_only_if_the_guest_knows_of_it(void **state)
{
    struct fake *fake = fake_new(NULL);
    struct fake_peer *peer = fake_peer_new(fake);

    (void)state;
    fake->rx_free = 0;
    assert_int_equal(vsock_call(fake->vsock, 7777, peer, &peer->connection), 0);
    turn(fake);
    vsock_drop(peer->connection);
    fake->rx_free = 100;
    turn(fake);
    expect_nothing(fake);
    assert_int_equal(vsock_call(fake->vsock, 7777, peer, &peer->connection), 0);
    turn(fake);
    expect(fake, PACKET_REQUEST);
    vsock_drop(peer->connection);
    turn(fake);
    expect(fake, PACKET_RST);
    fake_free(fake);
}

static void connections_beyond_the_bound_are_refused(void **state)
{
    struct fake *fake = fake_new(NULL);
    struct vsock_connection *connection;

    (void)state;
    for (uint32_t i = 0; i < VSOCK_CONNECTIONS_MAX + 1; i++) {
        fake_send_packet(fake, fake_header(i, HOST_PORT, PACKET_REQUEST), NULL, 0);
    }
    turn(fake);
    assert_int_equal(vsock_count(fake->vsock), VSOCK_CONNECTIONS_MAX);
    assert_int_equal(vsock_call(fake->vsock, 1, &fake->peers[0], &connection), -ENFILE);
    size_t resets = 0;
    for (const struct fake_packet *packet; (packet = fake_next(fake)) != NULL;) {
        resets += packet->header.operation == PACKET_RST;
    }
    assert_int_equal(resets, 1);
    fake_free(fake);
}

/* ---- bytes ---- */

static void bytes_arrive_however_the_guest_cuts_its_descriptors(void **state)
{
    struct fake *fake = fake_new(NULL);
    struct fake_peer *peer = connect_default(fake);
    size_t sum = 0;

    (void)state;
    for (size_t cut = 1; cut < 60; cut++) {
        fake_send_packet(fake, header_of(PACKET_RW), pattern + sum, 100)->cut = cut;
        sum += 100;
    }
    fake_send_packet(fake, header_of(PACKET_RW), pattern + sum, 65536);
    turn(fake);
    assert_int_equal(peer->out_size, sum + 65536);
    assert_memory_equal(peer->out, pattern, sum + 65536);
    assert_int_equal(fake->tx_pushed, fake->tx_count);
    fake_free(fake);
}

static void bytes_to_the_guest_fill_its_buffers(void **state)
{
    struct fake *fake = fake_new(NULL);
    struct fake_peer *peer = connect_default(fake);
    size_t sum = 0;

    (void)state;
    give(peer, pattern, 100000);
    turn(fake);
    for (const struct fake_packet *packet; (packet = fake_next(fake)) != NULL;) {
        assert_memory_equal(packet->data + PACKET_HEADER_SIZE, pattern + sum, packet->header.size);
        sum += packet->header.size;
        assert_true(sum == 100000 || packet->size == FAKE_RX_SIZE);
    }
    assert_int_equal(sum, 100000);
    assert_int_equal(peer->interest, VSOCK_READ);
    fake_free(fake);
}

static void two_peers_take_turns(void **state)
{
    struct fake *fake = fake_new(NULL);
    struct fake_peer *first = connect_default(fake);

    (void)state;
    fake_send_packet(fake, fake_header(GUEST_PORT + 1, HOST_PORT, PACKET_REQUEST), NULL, 0);
    turn(fake);
    expect(fake, PACKET_RESPONSE);
    give(first, pattern, 50000);
    give(&fake->peers[1], pattern, 50000);
    turn(fake);
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(expect(fake, PACKET_RW)->header.dst_port, GUEST_PORT + i % 2);
    }
    fake_free(fake);
}

static void a_turn_is_bounded(void **state)
{
    struct fake *fake = fake_new(faults_of("no-packet-limit"));
    struct fake_peer *peer = connect_with(fake, UINT32_MAX);

    (void)state;
    give(peer, pattern, sizeof pattern);
    assert_true(vsock_turn(fake->vsock));
    assert_true(fake->got_count >= 1 && fake->got_count <= 200);
    for (int i = 0; i < 1000; i++) {
        send_operation(fake, PACKET_CREDIT_REQUEST, 0);
    }
    assert_true(vsock_turn(fake->vsock));
    assert_true(fake->tx_pushed >= 1 && fake->tx_pushed <= 100);
    fake_free(fake);
}

/* ---- credit ---- */

static void bytes_to_the_guest_keep_within_its_credit(void **state)
{
    struct fake *fake = fake_new(NULL);
    struct fake_peer *peer = connect_with(fake, 65536);
    size_t packets;

    (void)state;
    give(peer, pattern, 200000);
    turn(fake);
    assert_int_equal(take_all(fake, &packets), 65536);
    assert_int_equal(peer->interest, 0); /* or the loop would report readable for ever */
    send_credit(fake, 65536, 1000);
    turn(fake);
    assert_int_equal(take_all(fake, &packets), 1000);
    send_credit(fake, 65536, 65536);
    turn(fake);
    assert_int_equal(take_all(fake, &packets), 64536);
    fake_free(fake);
}

static void the_guests_credit_is_taken_from_every_packet(void **state)
{
    struct fake *fake = fake_new(NULL);
    struct fake_peer *peer = connect_with(fake, 4096);
    struct packet_header header = header_of(PACKET_RW);
    size_t packets;

    (void)state;
    give(peer, pattern, 20000);
    turn(fake);
    assert_int_equal(take_all(fake, &packets), 4096);
    header.buf_alloc = 8192;
    header.fwd_cnt = 4096;
    fake_send_packet(fake, header, pattern, 1);
    turn(fake);
    assert_int_equal(take_all(fake, &packets), 8192);
    fake_free(fake);
}

static void a_count_that_makes_no_sense_only_stops_the_guest(void **state)
{
    struct fake *fake = fake_new(NULL);
    struct fake_peer *peer = connect_default(fake);

    (void)state;
    give(peer, pattern, 1000);
    send_credit(fake, 262144, 77); /* more than it ever got */
    turn(fake);
    expect_nothing(fake);
    assert_int_equal(peer->closed, 0);
    fake_free(fake);
}

static void credit_is_told_after_a_quarter_of_the_smaller_buffer(void **state)
{
    struct fake *fake = fake_new(NULL);

    (void)state;
    connect_with(fake, 32768);
    for (int i = 0; i < 8; i++) {
        struct packet_header header = header_of(PACKET_RW);
        header.buf_alloc = 32768;
        fake_send_packet(fake, header, pattern, 1024);
    }
    turn(fake);
    expect_nothing(fake);
    struct packet_header header = header_of(PACKET_RW);
    header.buf_alloc = 32768;
    fake_send_packet(fake, header, pattern, 1);
    turn(fake);
    assert_int_equal(expect(fake, PACKET_CREDIT_UPDATE)->header.fwd_cnt, 8193);
    fake_free(fake);
}

static void credit_is_told_when_the_guest_asks(void **state)
{
    struct fake *fake = fake_new(NULL);

    (void)state;
    connect_default(fake);
    send_bytes(fake, pattern, 10);
    send_operation(fake, PACKET_CREDIT_REQUEST, 0);
    turn(fake);
    assert_int_equal(expect(fake, PACKET_CREDIT_UPDATE)->header.fwd_cnt, 10);
    expect_nothing(fake);
    fake_free(fake);
}

static void any_packet_tells_credit(void **state)
{
    struct fake *fake = fake_new(NULL);
    struct fake_peer *peer = connect_default(fake);

    (void)state;
    for (int i = 0; i < 2; i++) {
        send_bytes(fake, pattern, 65536);
    }
    give(peer, pattern, 1);
    turn(fake);
    assert_int_equal(expect(fake, PACKET_RW)->header.fwd_cnt, 131072);
    expect_nothing(fake);
    fake_free(fake);
}

static void what_the_host_does_not_take_is_held_and_not_called_taken(void **state)
{
    struct fake *fake = fake_new(NULL);
    struct fake_peer *peer = connect_default(fake);

    (void)state;
    peer->out_room = 1000;
    for (size_t sent = 0; sent < 262144; sent += 65536) {
        send_bytes(fake, pattern + sent, 65536);
    }
    send_operation(fake, PACKET_CREDIT_REQUEST, 0);
    turn(fake);
    assert_int_equal(expect(fake, PACKET_CREDIT_UPDATE)->header.fwd_cnt, 1000);
    assert_true(peer->interest & VSOCK_WRITE);
    while (peer->out_size < 262144) {
        peer->out_room = 50000;
        vsock_writable(peer->connection);
    }
    assert_memory_equal(peer->out, pattern, 262144);
    assert_false(peer->interest & VSOCK_WRITE);
    turn(fake);
    assert_int_equal(expect(fake, PACKET_CREDIT_UPDATE)->header.fwd_cnt, 262144);
    fake_free(fake);
}

static void a_guest_that_exceeds_our_credit_is_reset(void **state)
{
    struct fake *fake = fake_new(NULL);
    struct fake_peer *peer = connect_default(fake);

    (void)state;
    peer->out_room = 0;
    for (int i = 0; i < 4; i++) {
        send_bytes(fake, pattern, 65536);
    }
    turn(fake);
    expect_nothing(fake);
    send_bytes(fake, pattern, 1);
    turn(fake);
    expect(fake, PACKET_RST);
    assert_int_equal(peer->closed, 1);
    fake_free(fake);
}

/* ---- packets under way: a guest resets the connection when (unread packets + 1) × 576 exceed its buffer ---- */

static size_t flood(struct fake *fake, struct fake_peer *peer, size_t count, size_t size)
{
    size_t packets, sum = 0;

    for (size_t i = 0; i < count; i++) {
        give(peer, pattern, size);
        turn(fake);
        take_all(fake, &packets);
        sum += packets;
    }
    return sum;
}

static void small_packets_keep_within_what_a_guest_can_queue(void **state)
{
    static const uint32_t buffers[] = {1024, 16384, 65536, 262144, 1u << 20, 1u << 30};

    (void)state;
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++) {
        struct fake *fake = fake_new(NULL);
        struct fake_peer *peer = connect_with(fake, buffers[i]);
        size_t sent = flood(fake, peer, 600, 140);
        assert_true(sent >= 1); /* one packet goes to any guest that can take one */
        assert_true(sent == 1 || (sent + 1) * 576 <= buffers[i]);
        assert_true(sent <= VSOCK_PACKETS_UNREAD_MAX);
        assert_int_equal(peer->interest, 0);
        fake_free(fake);
    }
}

static void what_waited_leaves_in_one_packet(void **state)
{
    struct fake *fake = fake_new(NULL);
    struct fake_peer *peer = connect_default(fake);
    size_t packets;

    (void)state;
    assert_int_equal(flood(fake, peer, 300, 140), VSOCK_PACKETS_UNREAD_MAX);
    peer->in = pattern;
    peer->in_size = 300 * 10; /* written by the host meanwhile */
    vsock_readable(peer->connection);
    send_credit(fake, 262144, 139); /* not even one packet has been read */
    turn(fake);
    expect_nothing(fake);
    send_credit(fake, 262144, 140);
    turn(fake);
    assert_int_equal(take_all(fake, &packets), 3000);
    assert_int_equal(packets, 1);
    fake_free(fake);
}

static void the_packet_limit_can_be_switched_off(void **state)
{
    struct fake *fake = fake_new(faults_of("no-packet-limit"));
    struct fake_peer *peer = connect_default(fake);

    (void)state;
    assert_int_equal(flood(fake, peer, 600, 140), 600);
    fake_free(fake);
}

/* ---- rings that are full ---- */

static void a_full_rx_ring_never_stops_the_tx_ring(void **state)
{
    struct fake *fake = fake_new(NULL);
    struct fake_peer *peer = connect_default(fake);

    (void)state;
    fake->rx_free = 0;
    for (uint32_t i = 0; i < 500; i++) {
        fake_send_packet(fake, fake_header(5000 + i, i % 2 ? HOST_PORT : FAKE_PORT_REFUSED, PACKET_REQUEST), NULL, 0);
        send_bytes(fake, pattern, 1000);
    }
    turn(fake);
    assert_int_equal(fake->tx_pushed, fake->tx_count);
    assert_int_equal(peer->out_size, 500 * 1000);
    assert_true(fake->rx_armed > 0);
    expect_nothing(fake);
    fake->rx_free = 10000;
    turn(fake);
    size_t responses = 0, resets = 0, credits = 0;
    for (const struct fake_packet *packet; (packet = fake_next(fake)) != NULL;) {
        responses += packet->header.operation == PACKET_RESPONSE;
        resets += packet->header.operation == PACKET_RST;
        credits += packet->header.operation == PACKET_CREDIT_UPDATE;
    }
    assert_int_equal(responses, 250);
    assert_int_equal(resets, 250);
    assert_int_equal(credits, 1);
    fake_free(fake);
}

static void a_host_is_not_asked_again_while_there_is_no_room(void **state)
{
    struct fake *fake = fake_new(NULL);
    struct fake_peer *peer = connect_default(fake);
    size_t packets;

    (void)state;
    fake->rx_free = 0;
    give(peer, pattern, 1000);
    turn(fake);
    vsock_readable(peer->connection); /* the loop says it once more */
    assert_int_equal(peer->interest, 0);
    fake->rx_free = 10;
    turn(fake);
    assert_int_equal(take_all(fake, &packets), 1000);
    assert_int_equal(peer->interest, VSOCK_READ);
    fake_free(fake);
}

static void buffers_without_room_for_a_byte_are_given_back(void **state)
{
    struct fake *fake = fake_new(NULL);
    struct fake_peer *peer = connect_default(fake);

    (void)state;
    fake->rx_size = PACKET_HEADER_SIZE;
    fake->rx_free = 500;
    give(peer, pattern, 1000);
    turn(fake); /* and comes to an end */
    assert_int_equal(fake->rx_free, 0);
    fake_free(fake);
}

static void waiting_resets_are_bounded(void **state)
{
    struct fake *fake = fake_new(NULL);

    (void)state;
    fake->rx_free = 0;
    for (uint32_t i = 0; i < RESETS_MAX + 100; i++) {
        fake_send_packet(fake, fake_header(i, HOST_PORT, PACKET_RW), NULL, 0);
    }
    turn(fake);
    fake->rx_free = FAKE_GOT_MAX;
    turn(fake);
    assert_int_equal(fake->got_count, RESETS_MAX);
    fake_free(fake);
}

/* ---- endings ---- */

static void the_guests_close_is_answered_at_once_and_its_bytes_still_arrive(void **state)
{
    struct fake *fake = fake_new(NULL);
    struct fake_peer *peer = connect_default(fake);

    (void)state;
    peer->out_room = 10;
    send_bytes(fake, pattern, 65536);
    send_bytes(fake, pattern + 65536, 65536);
    send_operation(fake, PACKET_SHUTDOWN, PACKET_NEITHER);
    turn(fake);
    expect(fake, PACKET_RST);
    assert_int_equal(peer->closed, 0);
    assert_int_equal(peer->interest, VSOCK_WRITE);
    peer->out_room = 100000; /* more than what would make credit due */
    vsock_writable(peer->connection);
    turn(fake);
    expect_nothing(fake); /* the guest has forgotten it: no credit, no shutdown */
    peer->out_room = SIZE_MAX;
    vsock_writable(peer->connection);
    assert_int_equal(peer->closed, 1);
    assert_int_equal(peer->out_size, 131072);
    assert_memory_equal(peer->out, pattern, peer->out_size);
    fake_free(fake);
}

static void a_lingering_connection_does_not_hold_its_name(void **state)
{
    struct fake *fake = fake_new(NULL);
    struct fake_peer *old = connect_default(fake);

    (void)state;
    old->out_room = 0;
    send_bytes(fake, pattern, 100);
    send_operation(fake, PACKET_SHUTDOWN, PACKET_NEITHER);
    turn(fake);
    expect(fake, PACKET_RST);
    struct fake_peer *new = connect_default(fake);
    send_bytes(fake, pattern + 500, 7);
    turn(fake);
    assert_int_equal(new->out_size, 7);
    old->out_room = SIZE_MAX;
    vsock_writable(old->connection);
    assert_int_equal(old->out_size, 100);
    send_bytes(fake, pattern, 1);
    turn(fake);
    assert_int_equal(new->out_size, 8);
    fake_free(fake);
}

static void half_close_of_the_guest_reaches_the_host_after_its_bytes(void **state)
{
    struct fake *fake = fake_new(NULL);
    struct fake_peer *peer = connect_default(fake);
    size_t packets;

    (void)state;
    peer->out_room = 50;
    send_bytes(fake, pattern, 100);
    send_operation(fake, PACKET_SHUTDOWN, PACKET_NO_SEND);
    turn(fake);
    assert_int_equal(peer->shut_write, 0);
    peer->out_room = 50;
    vsock_writable(peer->connection);
    assert_int_equal(peer->shut_write, 1);
    give(peer, pattern, 10); /* the other direction goes on */
    turn(fake);
    assert_int_equal(take_all(fake, &packets), 10);
    assert_int_equal(peer->shut_write, 1);
    fake_free(fake);
}

static void shutdown_bits_of_the_guest_add_up(void **state)
{
    struct fake *fake = fake_new(NULL);
    struct fake_peer *peer = connect_default(fake);

    (void)state;
    send_operation(fake, PACKET_SHUTDOWN, PACKET_NO_RECEIVE);
    turn(fake);
    expect_nothing(fake);
    assert_int_equal(peer->shut_read, 1);
    assert_int_equal(peer->interest, 0);
    send_operation(fake, PACKET_SHUTDOWN, PACKET_NO_SEND);
    turn(fake);
    expect(fake, PACKET_RST);
    assert_int_equal(peer->closed, 1);
    fake_free(fake);
}

static void half_close_of_the_host_is_the_send_bit_alone(void **state)
{
    struct fake *fake = fake_new(NULL);
    struct fake_peer *peer = connect_default(fake);

    (void)state;
    peer->in_end = true;
    give(peer, pattern, 10);
    turn(fake);
    vsock_readable(peer->connection);
    turn(fake);
    assert_int_equal(expect(fake, PACKET_RW)->header.size, 10);
    assert_int_equal(expect(fake, PACKET_SHUTDOWN)->header.flags, PACKET_NO_SEND);
    assert_int_equal(peer->interest, 0);
    send_bytes(fake, pattern, 20);
    turn(fake);
    assert_int_equal(peer->out_size, 20);
    vsock_hangup(peer->connection); /* and then it goes altogether */
    turn(fake);
    assert_int_equal(expect(fake, PACKET_SHUTDOWN)->header.flags, PACKET_NEITHER);
    fake_free(fake);
}

static void close_of_the_host_comes_after_its_bytes(void **state)
{
    struct fake *fake = fake_new(NULL);
    struct fake_peer *peer = connect_with(fake, 4096);
    size_t packets;

    (void)state;
    peer->in_end = true;
    peer->in = pattern;
    peer->in_size = 10000;
    vsock_hangup(peer->connection);
    turn(fake);
    assert_int_equal(take_all(fake, &packets), 4096);
    send_credit(fake, 65536, 4096); /* nobody says readable any more: the engine goes on by itself */
    turn(fake);
    size_t sum = 4096;
    while (sum < 10000) {
        sum += expect(fake, PACKET_RW)->header.size;
    }
    assert_int_equal(expect(fake, PACKET_SHUTDOWN)->header.flags, PACKET_NEITHER);
    expect_nothing(fake);
    send_operation(fake, PACKET_RST, 0); /* which is how Linux answers that */
    turn(fake);
    assert_int_equal(peer->closed, 1);
    fake_free(fake);
}

static void a_reset_of_the_host_is_a_close(void **state)
{
    struct fake *fake = fake_new(NULL);
    struct fake_peer *peer = connect_default(fake);

    (void)state;
    peer->in_error = -ECONNRESET;
    vsock_readable(peer->connection);
    turn(fake);
    assert_int_equal(expect(fake, PACKET_SHUTDOWN)->header.flags, PACKET_NEITHER);
    fake_free(fake);
}

static void a_host_that_takes_nothing_is_told_as_such(void **state)
{
    struct fake *fake = fake_new(NULL);
    struct fake_peer *peer = connect_default(fake);
    size_t packets;

    (void)state;
    peer->out_error = -EPIPE;
    for (int i = 0; i < 10; i++) {
        send_bytes(fake, pattern, 65536); /* more than our buffer: nothing is held */
    }
    turn(fake);
    const struct fake_packet *shut = expect(fake, PACKET_SHUTDOWN);
    assert_int_equal(shut->header.flags, PACKET_NO_RECEIVE);
    assert_int_equal(shut->header.fwd_cnt, 655360);
    give(peer, pattern, 100); /* what it sends still arrives */
    turn(fake);
    assert_int_equal(take_all(fake, &packets), 100);
    fake_free(fake);
}

static void held_bytes_that_nobody_takes_count_as_taken(void **state)
{
    struct fake *fake = fake_new(NULL);
    struct fake_peer *peer = connect_default(fake);

    (void)state;
    peer->out_room = 0;
    send_bytes(fake, pattern, 1000);
    turn(fake);
    peer->out_error = -EPIPE;
    vsock_writable(peer->connection);
    turn(fake);
    const struct fake_packet *shut = expect(fake, PACKET_SHUTDOWN);
    assert_int_equal(shut->header.flags, PACKET_NO_RECEIVE);
    assert_int_equal(shut->header.fwd_cnt, 1000);
    fake_free(fake);
}

static void a_hangup_drops_what_nobody_will_take(void **state)
{
    struct fake *fake = fake_new(NULL);
    struct fake_peer *peer = connect_default(fake);

    (void)state;
    peer->out_room = 0;
    send_bytes(fake, pattern, 100);
    turn(fake);
    peer->out_error = -EPIPE;
    peer->in_end = true;
    vsock_hangup(peer->connection);
    send_operation(fake, PACKET_SHUTDOWN, PACKET_NEITHER);
    turn(fake);
    assert_int_equal(peer->closed, 1);
    assert_int_equal(vsock_count(fake->vsock), 0);
    fake_free(fake);
}

static void a_reset_of_the_guest_ends_it_without_an_answer(void **state)
{
    struct fake *fake = fake_new(NULL);
    struct fake_peer *peer = connect_default(fake);

    (void)state;
    send_operation(fake, PACKET_RST, 0);
    send_operation(fake, PACKET_RST, 0);
    turn(fake);
    expect_nothing(fake);
    assert_int_equal(peer->closed, 1);
    fake_free(fake);
}

static void a_guest_that_was_reset_has_no_connections(void **state)
{
    struct fake *fake = fake_new(NULL);
    struct fake_peer *open = connect_default(fake);
    struct fake_peer *called = fake_peer_new(fake);

    (void)state;
    fake->rx_free = 0;
    assert_int_equal(vsock_call(fake->vsock, 1, called, &called->connection), 0);
    fake_send_packet(fake, fake_header(9, FAKE_PORT_REFUSED, PACKET_REQUEST), NULL, 0);
    turn(fake);
    vsock_reset(fake->vsock);
    assert_int_equal(open->closed, 1);
    assert_int_equal(called->closed, 1);
    fake->rx_free = 10;
    turn(fake);
    expect_nothing(fake); /* the resets that waited were for the guest of before */
    connect_default(fake);
    fake_free(fake);
}

/* ---- packets that make no sense ---- */

static void a_forged_source_is_not_answered(void **state)
{
    struct fake *fake = fake_new(NULL);
    struct fake_peer *peer = connect_default(fake);
    struct packet_header header = header_of(PACKET_RST);

    (void)state;
    header.src_cid = FAKE_CID + 1;
    fake_send_packet(fake, header, NULL, 0);
    turn(fake);
    expect_nothing(fake);
    assert_int_equal(peer->closed, 0);
    fake_free(fake);
}

static void packets_for_no_connection_are_reset(void **state)
{
    (void)state;
    for (unsigned operation = 0; operation < 12; operation++) {
        struct fake *fake = fake_new(NULL);
        if (operation == PACKET_REQUEST) {
            fake_free(fake);
            continue;
        }
        send_operation(fake, operation, 0);
        turn(fake);
        if (operation != PACKET_RST) {
            expect(fake, PACKET_RST);
        }
        expect_nothing(fake);
        fake_free(fake);
    }
}

static void malformed_packets_end_their_connection(void **state)
{
    static const struct {
        const char *what;
        unsigned operation;
        uint32_t claimed; /* size in the header */
        size_t carried;   /* bytes behind the header */
        uint16_t type;
        bool closes;
    } rows[] = {
        {"more bytes claimed than carried", PACKET_RW, 101, 100, PACKET_STREAM, true},
        {"the largest claim there is", PACKET_RW, UINT32_MAX, 100, PACKET_STREAM, true},
        {"over 64 KiB", PACKET_RW, 65537, 65537, PACKET_STREAM, true},
        {"an operation that does not exist", 99, 0, 0, PACKET_STREAM, true},
        {"operation 0", 0, 0, 0, PACKET_STREAM, true},
        {"an answer to nothing", PACKET_RESPONSE, 0, 0, PACKET_STREAM, true},
        {"a datagram", PACKET_RW, 0, 0, 3, false},
        {"SOCK_SEQPACKET", PACKET_REQUEST, 0, 0, 2, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fake *fake = fake_new(NULL);
        struct fake_peer *peer = connect_default(fake);
        struct packet_header header = header_of(rows[i].operation);
        uint8_t *bytes = calloc(1, PACKET_HEADER_SIZE + rows[i].carried);

        header.size = rows[i].claimed;
        header.type = rows[i].type;
        memcpy(bytes, &header, PACKET_HEADER_SIZE);
        fake_send_raw(fake, bytes, PACKET_HEADER_SIZE + rows[i].carried);
        free(bytes);
        turn(fake);
        assert_int_equal(expect(fake, PACKET_RST)->header.type, rows[i].type);
        if (peer->closed != rows[i].closes) {
            fail_msg("%s", rows[i].what);
        }
        fake_free(fake);
    }
}

static void packets_shorter_than_a_header_are_passed_over(void **state)
{
    struct fake *fake = fake_new(NULL);
    struct packet_header header = header_of(PACKET_REQUEST);

    (void)state;
    for (size_t size = 0; size < PACKET_HEADER_SIZE; size++) {
        fake_send_raw(fake, &header, size);
    }
    turn(fake);
    expect_nothing(fake);
    assert_int_equal(fake->tx_pushed, PACKET_HEADER_SIZE);
    fake_free(fake);
}

static void bytes_after_the_guests_end_are_reset(void **state)
{
    struct fake *fake = fake_new(NULL);
    struct fake_peer *peer = connect_default(fake);

    (void)state;
    send_operation(fake, PACKET_SHUTDOWN, PACKET_NO_SEND);
    send_bytes(fake, pattern, 1);
    turn(fake);
    expect(fake, PACKET_RST);
    assert_int_equal(peer->closed, 1);
    fake_free(fake);
}

static void bytes_before_the_answer_are_reset(void **state)
{
    struct fake *fake = fake_new(NULL);

    (void)state;
    fake_send_packet(fake, fake_header(1, FAKE_PORT_SLOW, PACKET_REQUEST), NULL, 0);
    fake_send_packet(fake, fake_header(1, FAKE_PORT_SLOW, PACKET_RW), pattern, 10);
    turn(fake);
    expect(fake, PACKET_RST);
    assert_int_equal(fake->peers[0].closed, 1);
    fake_free(fake);
}

static void a_thousand_connections_carry_bytes(void **state)
{
    struct fake *fake = fake_new(NULL);

    (void)state;
    for (uint32_t i = 0; i < 1000; i++) {
        fake_send_packet(fake, fake_header(i, HOST_PORT, PACKET_REQUEST), NULL, 0);
    }
    turn(fake);
    for (uint32_t i = 0; i < 1000; i++) {
        fake_send_packet(fake, fake_header(i, HOST_PORT, PACKET_RW), pattern + i, 100);
        give(&fake->peers[i], pattern + i, 50);
    }
    turn(fake);
    assert_int_equal(fake->got_count, 2000);
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(fake->peers[i].out_size, 100);
        assert_memory_equal(fake->peers[i].out, pattern + i, 100);
        const struct fake_packet *packet = &fake->got[1000 + i];
        assert_memory_equal(packet->data + PACKET_HEADER_SIZE, pattern + packet->header.dst_port, 50);
    }
    fake_free(fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_answered_with_our_credit),
        cmocka_unit_test(a_refused_port_is_reset),
        cmocka_unit_test(another_cid_is_reset_in_its_own_name),
        cmocka_unit_test(a_slow_connect_is_answered_when_it_is_decided),
        cmocka_unit_test(a_request_on_a_live_connection_replaces_it),
        cmocka_unit_test(the_host_calls_the_guest),
        cmocka_unit_test(a_call_that_the_guest_refuses_is_closed),
        cmocka_unit_test(a_call_given_up_is_reset_only_if_the_guest_knows_of_it),
        cmocka_unit_test(connections_beyond_the_bound_are_refused),
        cmocka_unit_test(bytes_arrive_however_the_guest_cuts_its_descriptors),
        cmocka_unit_test(bytes_to_the_guest_fill_its_buffers),
        cmocka_unit_test(two_peers_take_turns),
        cmocka_unit_test(a_turn_is_bounded),
        cmocka_unit_test(bytes_to_the_guest_keep_within_its_credit),
        cmocka_unit_test(the_guests_credit_is_taken_from_every_packet),
        cmocka_unit_test(a_count_that_makes_no_sense_only_stops_the_guest),
        cmocka_unit_test(credit_is_told_after_a_quarter_of_the_smaller_buffer),
        cmocka_unit_test(credit_is_told_when_the_guest_asks),
        cmocka_unit_test(any_packet_tells_credit),
        cmocka_unit_test(what_the_host_does_not_take_is_held_and_not_called_taken),
        cmocka_unit_test(a_guest_that_exceeds_our_credit_is_reset),
        cmocka_unit_test(small_packets_keep_within_what_a_guest_can_queue),
        cmocka_unit_test(what_waited_leaves_in_one_packet),
        cmocka_unit_test(the_packet_limit_can_be_switched_off),
        cmocka_unit_test(a_full_rx_ring_never_stops_the_tx_ring),
        cmocka_unit_test(a_host_is_not_asked_again_while_there_is_no_room),
        cmocka_unit_test(buffers_without_room_for_a_byte_are_given_back),
        cmocka_unit_test(waiting_resets_are_bounded),
        cmocka_unit_test(the_guests_close_is_answered_at_once_and_its_bytes_still_arrive),
        cmocka_unit_test(a_lingering_connection_does_not_hold_its_name),
        cmocka_unit_test(half_close_of_the_guest_reaches_the_host_after_its_bytes),
        cmocka_unit_test(shutdown_bits_of_the_guest_add_up),
        cmocka_unit_test(half_close_of_the_host_is_the_send_bit_alone),
        cmocka_unit_test(close_of_the_host_comes_after_its_bytes),
        cmocka_unit_test(a_reset_of_the_host_is_a_close),
        cmocka_unit_test(a_host_that_takes_nothing_is_told_as_such),
        cmocka_unit_test(held_bytes_that_nobody_takes_count_as_taken),
        cmocka_unit_test(a_hangup_drops_what_nobody_will_take),
        cmocka_unit_test(a_reset_of_the_guest_ends_it_without_an_answer),
        cmocka_unit_test(a_guest_that_was_reset_has_no_connections),
        cmocka_unit_test(a_forged_source_is_not_answered),
        cmocka_unit_test(packets_for_no_connection_are_reset),
        cmocka_unit_test(malformed_packets_end_their_connection),
        cmocka_unit_test(packets_shorter_than_a_header_are_passed_over),
        cmocka_unit_test(bytes_after_the_guests_end_are_reset),
        cmocka_unit_test(bytes_before_the_answer_are_reset),
        cmocka_unit_test(a_thousand_connections_carry_bytes),
    };

    return cmocka_run_group_tests(tests, fill_pattern, NULL);
}
