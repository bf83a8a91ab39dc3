/* Tests of tools/emulator/peers: the heartbeat, and Unix sockets on the host, through a whole emulator. */
#include "tests/tools/fake_qemu.h"

static void the_heartbeat_is_answered_and_told_once(void **state)
{
    struct world *w = world_new();
    uint8_t byte = 0xB7;

    (void)state;
    start_guest(w);
    for (uint32_t port = 5; port < 7; port++) {
        uint8_t answer[8] = {0};
        send_packet(w, port, 9000, PACKET_REQUEST, 0, NULL, 0);
        expect_operation(w, PACKET_RESPONSE);
        send_packet(w, port, 9000, PACKET_RW, 0, &byte, 1);
        assert_int_equal(receive_packet(w, answer, sizeof answer).size, 1);
        assert_int_equal(answer[0], 0xB7);
        send_packet(w, port, 9000, PACKET_SHUTDOWN, PACKET_NEITHER, NULL, 0);
        expect_operation(w, PACKET_RST);
    }
    assert_int_equal(w->heartbeats, 1);
    byte = 0xB8;
    send_packet(w, 9, 9000, PACKET_REQUEST, 0, NULL, 0);
    expect_operation(w, PACKET_RESPONSE);
    send_packet(w, 9, 9000, PACKET_RW, 0, &byte, 1);
    expect_operation(w, PACKET_SHUTDOWN);
    world_free(w);
}

/* A guest that has room for one byte at a time, and asks again before it makes room. */
static void a_heartbeat_is_answered_when_its_time_has_come(void **state)
{
    struct world *w = world_suffering("heartbeat=wrong/1");
    const uint8_t beat = PEERS_HEARTBEAT_BYTE;
    uint32_t used;
    uint8_t answer;

    (void)state;
    start_device(w);
    offer_buffer(w, 0, PACKET_HEADER_SIZE + 1);
    offer_buffer(w, 1, PACKET_HEADER_SIZE + 1);
    send_packet(w, 5, 9000, PACKET_REQUEST, 0, NULL, 0);
    assert_int_equal(take_packet(w, &answer, 1, &used).operation, PACKET_RESPONSE);
    send_packet(w, 5, 9000, PACKET_RW, 0, &beat, 1);
    assert_int_equal(take_packet(w, &answer, 1, &used).size, 1);
    assert_int_equal(answer, 0);
    assert_int_equal(w->heartbeats, 0);
    send_packet(w, 5, 9000, PACKET_RW, 0, &beat, 1);
    offer_buffer(w, 2, PACKET_HEADER_SIZE + 1);
    assert_int_equal(take_packet(w, &answer, 1, &used).size, 1);
    assert_int_equal(answer, PEERS_HEARTBEAT_BYTE);
    turns(w, 5);
    assert_int_equal(w->heartbeats, 1);
    world_free(w);
}

static void the_guest_reaches_a_unix_socket(void **state)
{
    struct world *w = world_new();
    int listener = listen_at(w, "port_8101", 5);
    char bytes[100];

    (void)state;
    start_guest(w);
    send_packet(w, 5, 8101, PACKET_REQUEST, 0, NULL, 0);
    expect_operation(w, PACKET_RESPONSE);
    send_packet(w, 5, 8101, PACKET_RW, 0, "to the host", 11);
    int fd = accept(listener, NULL, NULL);
    assert_int_equal(read_host(w, fd, bytes, 11), 11);
    assert_memory_equal(bytes, "to the host", 11);
    assert_int_equal(send(fd, "to the guest", 12, 0), 12);
    assert_int_equal(receive_packet(w, bytes, sizeof bytes).size, 12);
    assert_memory_equal(bytes, "to the guest", 12);
    close(fd);
    struct packet_header end = receive_packet(w, bytes, sizeof bytes);
    assert_int_equal(end.operation, PACKET_SHUTDOWN);
    assert_int_equal(end.flags, PACKET_NEITHER);
    send_packet(w, 6, 8102, PACKET_REQUEST, 0, NULL, 0); /* nobody listens */
    expect_operation(w, PACKET_RST);
    close(listener);
    world_free(w);
}

static void half_closes_cross_both_ways(void **state)
{
    struct world *w = world_new();
    int listener = listen_at(w, "port_8101", 5);
    char bytes[100];

    (void)state;
    start_guest(w);
    send_packet(w, 5, 8101, PACKET_REQUEST, 0, NULL, 0);
    expect_operation(w, PACKET_RESPONSE);
    int fd = accept(listener, NULL, NULL);
    send_packet(w, 5, 8101, PACKET_RW, 0, "last", 4);
    send_packet(w, 5, 8101, PACKET_SHUTDOWN, PACKET_NO_SEND, NULL, 0);
    assert_int_equal(read_host(w, fd, bytes, sizeof bytes), 4); /* and then the end */
    assert_int_equal(send(fd, "answer", 6, 0), 6);
    assert_int_equal(receive_packet(w, bytes, sizeof bytes).size, 6);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    struct packet_header end = receive_packet(w, bytes, sizeof bytes);
    assert_int_equal(end.operation, PACKET_SHUTDOWN);
    assert_true(end.flags & PACKET_NO_SEND);
    close(fd);
    close(listener);
    world_free(w);
}

static void a_full_backlog_is_waited_for(void **state)
{
    struct world *w = world_new();
    int listener = listen_at(w, "port_8101", 0);
    int accepted[3];

    (void)state;
    start_guest(w);
    for (uint32_t port = 1; port <= 3; port++) {
        send_packet(w, port, 8101, PACKET_REQUEST, 0, NULL, 0);
    }
    expect_operation(w, PACKET_RESPONSE); /* the one that fits */
    turns(w, 50);
    for (int i = 0; i < 3; i++) {
        accepted[i] = accept(listener, NULL, NULL);
        turns(w, 20);
    }
    expect_operation(w, PACKET_RESPONSE);
    expect_operation(w, PACKET_RESPONSE);
    for (int i = 0; i < 3; i++) {
        close(accepted[i]);
    }
    close(listener);
    world_free(w);
}

static void the_host_reaches_the_guest_and_may_pipeline(void **state)
{
    struct world *w = world_new();
    char bytes[100] = {0};

    (void)state;
    start_guest(w);
    int fd = dial(w, "CONNECT 7777\n{}");
    struct packet_header request = receive_packet(w, bytes, sizeof bytes);
    assert_int_equal(request.operation, PACKET_REQUEST);
    assert_int_equal(request.dst_port, 7777);
    send_packet(w, 7777, request.src_port, PACKET_RESPONSE, 0, NULL, 0);
    assert_int_equal(receive_packet(w, bytes, sizeof bytes).size, 2);
    assert_memory_equal(bytes, "{}", 2);
    send_packet(w, 7777, request.src_port, PACKET_RW, 0, "bytes", 5);
    char line[32];
    int size = snprintf(line, sizeof line, "OK %u\nbytes", request.src_port);
    assert_int_equal(read_host(w, fd, bytes, (size_t)size), size);
    assert_memory_equal(bytes, line, (size_t)size);
    close(fd);
    world_free(w);
}

static void a_line_may_come_in_pieces(void **state)
{
    struct world *w = world_new();
    char bytes[100];

    (void)state;
    start_guest(w);
    int fd = dial(w, "CONN");
    turns(w, 5);
    assert_int_equal(send(fd, "ECT 7", 5, 0), 5);
    turns(w, 5);
    assert_int_equal(send(fd, "\n", 1, 0), 1);
    assert_int_equal(receive_packet(w, bytes, sizeof bytes).dst_port, 7);
    close(fd);
    world_free(w);
}

static void refusal_is_an_end_without_a_line(void **state)
{
    static const char *const bad[] = {"CONNECT x\n", "CONNECT -1\n", "CONNECT 4294967296\n", "connect 1\n", "\n",
        "CONNECT:1\n", "GET / HTTP/1.1\r\n", "CONNECT 11111111111111111111111111"};
    struct world *w = world_new();
    char bytes[100];

    (void)state;
    start_guest(w);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int fd = dial(w, bad[i]);
        assert_int_equal(read_host(w, fd, bytes, sizeof bytes), 0);
        close(fd);
    }
    int fd = dial(w, "CONNECT 7777\n");
    struct packet_header request = receive_packet(w, bytes, sizeof bytes);
    assert_int_equal(request.dst_port, 7777); /* and none for the lines before */
    send_packet(w, 7777, request.src_port, PACKET_RST, 0, NULL, 0);
    assert_int_equal(read_host(w, fd, bytes, sizeof bytes), 0);
    close(fd);
    world_free(w);
}

static void a_guest_that_is_not_up_refuses_after_a_while(void **state)
{
    struct world *w = world_new();
    char bytes[100];
    long start = now();

    (void)state;
    int fd = dial(w, "CONNECT 7777\n");
    assert_int_equal(read_host(w, fd, bytes, sizeof bytes), 0);
    assert_int_in_range(now() - start, PEERS_CALL_MS - 5, PEERS_CALL_MS + 2000);
    close(fd);
    start_guest(w);
    send_packet(w, 1, 1, PACKET_REQUEST, 0, NULL, 0);
    expect_operation(w, PACKET_RST); /* of that; the call is forgotten */
    world_free(w);
}

static void a_delay_comes_before_each_reading_and_each_writing(void **state)
{
    enum { DELAY = 100 };
    struct world *w = world_suffering("delay=100@8101");
    int listener = listen_at(w, "port_8101", 5);
    char byte;

    (void)state;
    start_guest(w);
    send_packet(w, 5, 8101, PACKET_REQUEST, 0, NULL, 0);
    expect_operation(w, PACKET_RESPONSE);
    int fd = accept(listener, NULL, NULL);
    for (int i = 0; i < 3; i++) {
        long start = now();
        assert_int_equal(send(fd, "a", 1, 0), 1);
        assert_int_equal(receive_packet(w, &byte, 1).size, 1);
        assert_true(now() - start >= DELAY - 5);
        start = now();
        send_packet(w, 5, 8101, PACKET_RW, 0, "b", 1);
        assert_int_equal(read_host(w, fd, &byte, 1), 1);
        assert_true(now() - start >= DELAY - 5);
        assert_int_equal(byte, 'b');
    }
    close(fd);
    close(listener);
    world_free(w);
}

static void a_delay_holds_up_no_other_connection(void **state)
{
    struct world *w = world_suffering("delay=200@8101/1");
    int listener = listen_at(w, "port_8101", 5);
    char byte;
    int fds[2];

    (void)state;
    start_guest(w);
    for (uint32_t i = 0; i < 2; i++) {
        send_packet(w, 5 + i, 8101, PACKET_REQUEST, 0, NULL, 0);
        expect_operation(w, PACKET_RESPONSE);
        fds[i] = accept(listener, NULL, NULL);
        assert_int_equal(send(fds[i], "a", 1, 0), 1);
    }
    assert_int_equal(receive_packet(w, &byte, 1).dst_port, 6);
    assert_int_equal(receive_packet(w, &byte, 1).dst_port, 5);
    close(fds[0]);
    close(fds[1]);
    close(listener);
    world_free(w);
}

static void an_end_comes_behind_the_delay_with_the_bytes(void **state)
{
    struct world *w = world_suffering("delay=100");
    int listener = listen_at(w, "port_8101", 5);
    char bytes[10];

    (void)state;
    start_guest(w);
    send_packet(w, 5, 8101, PACKET_REQUEST, 0, NULL, 0);
    expect_operation(w, PACKET_RESPONSE);
    int fd = accept(listener, NULL, NULL);
    send_packet(w, 5, 8101, PACKET_RW, 0, "last", 4);
    send_packet(w, 5, 8101, PACKET_SHUTDOWN, PACKET_NEITHER, NULL, 0);
    expect_operation(w, PACKET_RST);
    assert_int_equal(read_host(w, fd, bytes, sizeof bytes), 4); /* though the guest has forgotten it */
    assert_int_equal(emulator_connections(w->emulator), 0);
    close(fd);
    close(listener);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_heartbeat_is_answered_and_told_once),
        cmocka_unit_test(a_heartbeat_is_answered_when_its_time_has_come),
        cmocka_unit_test(the_guest_reaches_a_unix_socket),
        cmocka_unit_test(half_closes_cross_both_ways),
        cmocka_unit_test(a_full_backlog_is_waited_for),
        cmocka_unit_test(the_host_reaches_the_guest_and_may_pipeline),
        cmocka_unit_test(a_line_may_come_in_pieces),
        cmocka_unit_test(refusal_is_an_end_without_a_line),
        cmocka_unit_test(a_guest_that_is_not_up_refuses_after_a_while),
        cmocka_unit_test(a_delay_comes_before_each_reading_and_each_writing),
        cmocka_unit_test(a_delay_holds_up_no_other_connection),
        cmocka_unit_test(an_end_comes_behind_the_delay_with_the_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
