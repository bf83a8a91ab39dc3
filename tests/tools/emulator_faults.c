/* tests of faults: how they are written, whom they concern, and what the guest gets to see of each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/tools/fake_guest.h"

enum { GUEST_PORT = 1234, HOST_PORT = 8101, BUFFER = 262144 };

static const uint8_t bytes[VSOCK_BUFFER];
static struct faults faults;

static struct fake *suffering(const char *const *texts)
{
    struct reason why;

    memset(&faults, 0, sizeof faults);
    faults.secrets_port = 7777;
    for (size_t i = 0; texts[i] != NULL; i++) {
        if (faults_add(&faults, texts[i], &why) < 0) {
            fail_msg("%s", why.text);
        }
    }
    return fake_new(&faults);
}
#define SUFFERING(...) suffering((const char *const[]){__VA_ARGS__, NULL})

static unsigned next_operation(struct fake *fake)
{
    const struct fake_packet *packet = fake_next(fake);

    return packet != NULL ? packet->header.operation : 0;
}

static struct fake_peer *dial(struct fake *fake, uint32_t from)
{
    struct packet_header header = fake_header(from, HOST_PORT, PACKET_REQUEST);
    size_t index = fake->peer_count;

    header.buf_alloc = BUFFER;
    fake_send_packet(fake, header, NULL, 0);
    fake_turn(fake);
    assert_int_equal(next_operation(fake), PACKET_RESPONSE);
    return &fake->peers[index];
}

static void give(struct fake *fake, struct fake_peer *peer, size_t size)
{
    peer->in = bytes;
    peer->in_size = size;
    vsock_readable(peer->connection);
    fake_turn(fake);
}

/* Bytes in packets of data; the operation behind them, 0 for none. */
static size_t taken(struct fake *fake, size_t *packets, unsigned *behind, uint32_t *flags)
{
    size_t size = 0;
    const struct fake_packet *packet;

    *packets = 0;
    *behind = 0;
    *flags = 0;
    while ((packet = fake_next(fake)) != NULL) {
        if (packet->header.operation != PACKET_RW) {
            *behind = packet->header.operation;
            *flags = packet->header.flags;
            return size;
        }
        size += packet->header.size;
        ++*packets;
    }
    return size;
}

/* ---- how they are written ---- */

static void what_is_no_fault_is_told(void **state)
{
    static const struct {
        const char *text;
        const char *says;
    } wrong[] = {
        {"", "no such fault"},
        {"explode", "parent-restart"},
        {"delay", "takes milliseconds"},
        {"delay=0", "takes milliseconds"},
        {"delay=60001", "takes milliseconds"},
        {"reset=-1", "takes a number of bytes"},
        {"stall=3", "takes no value"},
        {"no-packet-limit=3", "takes no value"},
        {"heartbeat", "takes late or wrong"},
        {"heartbeat=early", "takes late or wrong"},
        {"heartbeat=late@9000", "concerns no port"},
        {"delay=5@9000", "heartbeat=late"},
        {"reset@0", "numbers from 1"},
        {"reset@x", "numbers from 1"},
        {"reset/0", "numbers from 1"},
        {"reset@8101/", "numbers from 1"},
        {"reset=5@8101@8102", "takes a number"},
    };
    struct reason why;

    (void)state;
    memset(&faults, 0, sizeof faults);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(faults_add(&faults, wrong[i].text, &why), -EINVAL);
        if (strstr(why.text, wrong[i].says) == NULL) {
            fail_msg("%s: %s", wrong[i].text, why.text);
        }
    }
    for (int i = 0; i < FAULTS_MAX; i++) {
        assert_int_equal(faults_add(&faults, "stall", &why), 0);
    }
    assert_int_equal(faults_add(&faults, "stall", &why), -EINVAL);
}

static void a_fault_concerns_its_port_and_its_count(void **state)
{
    struct fake *fake = SUFFERING("reset=5@8101/2", "stall", "heartbeat=wrong/1");

    (void)state;
    assert_int_equal(faults_pick(&faults, 8102).reset, FAULTS_NEVER);
    assert_int_equal(faults_pick(&faults, 8101).reset, 5);
    assert_int_equal(faults_pick(&faults, 8101).reset, 5);
    assert_int_equal(faults_pick(&faults, 8101).reset, FAULTS_NEVER);
    assert_true(faults_pick(&faults, 8101).stall);
    assert_false(faults_pick(&faults, 9000).stall); /* heartbeat and secrets are meant only by their ports */
    assert_false(faults_pick(&faults, 7777).stall);
    assert_false(faults_pick(NULL, 8101).stall);
    assert_int_equal(faults_heartbeat(&faults), FAULT_HEARTBEAT_WRONG);
    assert_int_equal(faults_heartbeat(&faults), FAULT_HEARTBEAT_RIGHT);
    fake_free(fake);
}

/* ---- what the guest sees ---- */

static void refused(void **state)
{
    struct fake *fake = SUFFERING("refuse/2");
    struct vsock_connection *connection;

    (void)state;
    fake_send_packet(fake, fake_header(GUEST_PORT, HOST_PORT, PACKET_REQUEST), NULL, 0);
    fake_turn(fake);
    assert_int_equal(next_operation(fake), PACKET_RST);
    assert_int_equal(vsock_call(fake->vsock, 3000, &fake->peers[0], &connection), -ECONNREFUSED);
    dial(fake, GUEST_PORT + 1);
    fake_free(fake);
}

static void reset_behind_its_bytes(void **state)
{
    struct fake *fake = SUFFERING("reset=1000/1");
    struct fake_peer *peer = dial(fake, GUEST_PORT);
    size_t packets;
    unsigned behind;
    uint32_t flags;

    (void)state;
    give(fake, peer, 5000);
    assert_int_equal(taken(fake, &packets, &behind, &flags), 1000);
    assert_int_equal(behind, PACKET_RST);
    assert_int_equal(peer->closed, 1);
    assert_int_equal(vsock_count(fake->vsock), 0);
    give(fake, dial(fake, GUEST_PORT + 1), 5000);
    assert_int_equal(taken(fake, &packets, &behind, &flags), 5000);
    fake_free(fake);
}

static void reset_at_once(void **state)
{
    struct fake *fake = SUFFERING("reset");

    (void)state;
    dial(fake, GUEST_PORT);
    assert_int_equal(next_operation(fake), PACKET_RST);
    assert_int_equal(vsock_count(fake->vsock), 0);
    fake_free(fake);
}

static void dropped_behind_its_bytes(void **state)
{
    struct fake *fake = SUFFERING("drop=1000");
    struct fake_peer *peer = dial(fake, GUEST_PORT);
    size_t packets;
    unsigned behind;
    uint32_t flags;

    (void)state;
    give(fake, peer, 5000);
    assert_int_equal(taken(fake, &packets, &behind, &flags), 1000);
    assert_int_equal(behind, PACKET_SHUTDOWN);
    assert_int_equal(flags, PACKET_NEITHER);
    struct packet_header answer = fake_header(GUEST_PORT, HOST_PORT, PACKET_RST);
    fake_send_packet(fake, answer, NULL, 0);
    fake_turn(fake);
    assert_int_equal(peer->closed, 1);
    fake_free(fake);
}

static void half_closed_behind_its_bytes(void **state)
{
    struct fake *fake = SUFFERING("half-close=1000");
    struct fake_peer *peer = dial(fake, GUEST_PORT);
    size_t packets;
    unsigned behind;
    uint32_t flags;

    (void)state;
    peer->out_room = 100;
    give(fake, peer, 5000);
    assert_int_equal(taken(fake, &packets, &behind, &flags), 1000);
    assert_int_equal(behind, PACKET_SHUTDOWN);
    assert_int_equal(flags, PACKET_NO_SEND);
    fake_send_packet(fake, fake_header(GUEST_PORT, HOST_PORT, PACKET_RW), bytes, 100);
    fake_turn(fake);
    assert_int_equal(peer->out_size, 100);
    fake_free(fake);
}

static void one_byte_in_each_packet(void **state)
{
    struct fake *fake = SUFFERING("one-byte");
    size_t packets;
    unsigned behind;
    uint32_t flags;

    (void)state;
    give(fake, dial(fake, GUEST_PORT), 50);
    assert_int_equal(taken(fake, &packets, &behind, &flags), 50);
    assert_int_equal(packets, 50);
    fake_free(fake);
}

static void as_many_packets_as_the_buffer_has_room_for(void **state)
{
    struct fake *fake = SUFFERING("one-byte/2", "no-packet-limit/1");
    size_t packets;
    unsigned behind;
    uint32_t flags;

    (void)state;
    give(fake, dial(fake, GUEST_PORT), 1000);
    assert_int_equal(taken(fake, &packets, &behind, &flags), 1000);
    assert_int_equal(packets, 1000);
    give(fake, dial(fake, GUEST_PORT + 1), 1000);
    assert_int_equal(taken(fake, &packets, &behind, &flags), VSOCK_PACKETS_UNREAD_MAX);
    fake_free(fake);
}

static void without_a_limit_of_packets_the_buffer_is_one(void **state)
{
    struct fake *fake = SUFFERING("no-packet-limit");
    struct fake_peer *peer = dial(fake, GUEST_PORT);
    size_t packets;
    unsigned behind;
    uint32_t flags;

    (void)state;
    give(fake, peer, BUFFER);
    assert_int_equal(taken(fake, &packets, &behind, &flags), BUFFER);
    give(fake, peer, 10);
    assert_int_equal(taken(fake, &packets, &behind, &flags), 0);
    fake_free(fake);
}

static void a_parent_that_takes_nothing_holds_what_credit_allows(void **state)
{
    struct fake *fake = SUFFERING("stall");
    struct fake_peer *peer = dial(fake, GUEST_PORT);

    (void)state;
    peer->out_room = 2 * VSOCK_BUFFER;
    for (unsigned at = 0; at < VSOCK_BUFFER; at += 16384) {
        fake_send_packet(fake, fake_header(GUEST_PORT, HOST_PORT, PACKET_RW), bytes, 16384);
    }
    fake_turn(fake);
    assert_int_equal(next_operation(fake), 0); /* no credit, no end */
    assert_int_equal(peer->out_size, 0);
    fake_send_packet(fake, fake_header(GUEST_PORT, HOST_PORT, PACKET_RST), NULL, 0);
    fake_turn(fake);
    assert_int_equal(peer->closed, 1); /* what was held is not kept for a reader that never comes */
    fake_free(fake);
}

static void a_parent_that_never_tells_credit_still_takes(void **state)
{
    struct fake *fake = SUFFERING("no-credit");
    struct fake_peer *peer = dial(fake, GUEST_PORT);
    const struct fake_packet *packet;

    (void)state;
    peer->out_room = 2 * VSOCK_BUFFER;
    for (unsigned at = 0; at < VSOCK_BUFFER; at += 16384) {
        fake_send_packet(fake, fake_header(GUEST_PORT, HOST_PORT, PACKET_RW), bytes, 16384);
    }
    fake_turn(fake);
    assert_int_equal(peer->out_size, VSOCK_BUFFER);
    assert_int_equal(next_operation(fake), 0);
    give(fake, peer, 10);
    packet = fake_next(fake);
    assert_non_null(packet);
    assert_int_equal(packet->header.fwd_cnt, 0);
    fake_free(fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_fault_is_told),
        cmocka_unit_test(a_fault_concerns_its_port_and_its_count),
        cmocka_unit_test(refused),
        cmocka_unit_test(reset_behind_its_bytes),
        cmocka_unit_test(reset_at_once),
        cmocka_unit_test(dropped_behind_its_bytes),
        cmocka_unit_test(half_closed_behind_its_bytes),
        cmocka_unit_test(one_byte_in_each_packet),
        cmocka_unit_test(as_many_packets_as_the_buffer_has_room_for),
        cmocka_unit_test(without_a_limit_of_packets_the_buffer_is_one),
        cmocka_unit_test(a_parent_that_takes_nothing_holds_what_credit_allows),
        cmocka_unit_test(a_parent_that_never_tells_credit_still_takes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
