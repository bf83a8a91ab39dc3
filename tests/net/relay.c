/* relay: tests net/relay on real sockets: ends, resets, stalls, limits. */
#include "net/relay.h"

#include <linux/tcp.h>
#include <sys/ioctl.h>

#include "tests/net/sockets.h"

struct fixture {
    struct loop *loop;
    struct relay *relay;
    struct relay_limits limits;
    struct relay_traffic traffic;
    int client; /* our ends */
    int server;
    int inner[2]; /* the relay's: of the client, of the server */
    bool done;
    int error;
};

static void done(void *arg, int error)
{
    struct fixture *fixture = arg;

    assert_false(fixture->done);
    fixture->done = true;
    fixture->error = error;
    fixture->relay = NULL;
}

static struct fixture *open_between(int client_family, int server_family, struct relay_limits limits)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    int client[2];
    int server[2];

    sockets_pair(client_family, client);
    sockets_pair(server_family, server);
    fixture->client = client[0];
    fixture->inner[0] = client[1];
    fixture->inner[1] = server[1];
    fixture->server = server[0];
    fixture->limits = limits;
    assert_int_equal(loop_open(&fixture->loop), 0);
    const struct relay_socket a = {client[1], client_family};
    const struct relay_socket b = {server[1], server_family};
    relay_prepare(a, &fixture->limits);
    relay_prepare(b, &fixture->limits);
    assert_int_equal(
        relay_open(&fixture->relay, fixture->loop, a, b, &fixture->limits, &fixture->traffic, done, fixture), 0);
    return fixture;
}

static void close_all(struct fixture *fixture)
{
    relay_close(fixture->relay);
    loop_close(fixture->loop);
    if (fixture->client >= 0) {
        close(fixture->client);
    }
    if (fixture->server >= 0) {
        close(fixture->server);
    }
    free(fixture);
}

static const struct relay_limits unlimited;
static const int families[][2] = {{AF_INET, AF_INET}, {AF_INET, AF_UNIX}, {AF_UNIX, AF_INET}, {AF_UNIX, AF_UNIX}};
#define FAMILIES (sizeof families / sizeof families[0])

static void half_close_reaches_the_other_side(void **state)
{
    char data[5];

    (void)state;
    for (size_t i = 0; i < FAMILIES; i++) {
        struct fixture *f = open_between(families[i][0], families[i][1], unlimited);

        assert_int_equal(send(f->client, "ask", 3, 0), 3);
        shutdown(f->client, SHUT_WR);
        sockets_read(f->loop, f->server, data, 3);
        assert_memory_equal(data, "ask", 3);
        assert_int_equal(sockets_read_end(f->loop, f->server), 0);
        assert_false(f->done);

        sockets_turn_for(f->loop, 20);
        assert_int_equal(send(f->server, "reply", 5, 0), 5);
        sockets_read(f->loop, f->client, data, 5);
        assert_memory_equal(data, "reply", 5);
        shutdown(f->server, SHUT_WR);
        assert_int_equal(sockets_read_end(f->loop, f->client), 0);
        sockets_turn_until(f->loop, &f->done);
        assert_int_equal(f->error, 0);
        close_all(f);
    }
}

/* Packets that a TCP socket has received. */
static unsigned packets_in(int fd)
{
    struct tcp_info info = {0};
    socklen_t size = sizeof info;

    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size), 0);
    return info.tcpi_segs_in;
}

static void last_bytes_and_the_end_travel_in_one_packet(void **state)
{
    (void)state;
    struct fixture *f = open_between(AF_INET, AF_INET, unlimited);
    unsigned before = packets_in(f->server);
    char data[4];

    assert_int_equal(send(f->client, "last", 4, 0), 4);
    shutdown(f->client, SHUT_WR);
    sockets_read(f->loop, f->server, data, 4);
    assert_memory_equal(data, "last", 4);
    assert_int_equal(sockets_read_end(f->loop, f->server), 0);
    assert_int_equal(packets_in(f->server) - before, 1);
    close_all(f);
}

static void half_close_comes_after_all_the_bytes_of_a_slow_reader(void **state)
{
    (void)state;
    for (size_t i = 0; i < FAMILIES; i++) {
        struct fixture *f = open_between(families[i][0], families[i][1], unlimited);
        size_t sent = sockets_fill(f->loop, f->client);
        size_t received = 0;
        char data[8192];
        int64_t end = sockets_now() + SOCKETS_PATIENCE;

        shutdown(f->client, SHUT_WR);
        for (ssize_t n = 1; n != 0;) {
            assert_true(sockets_now() < end);
            n = recv(f->server, data, sizeof data, 0);
            assert_true(n >= 0 || errno == EAGAIN);
            received += n > 0 ? (size_t)n : 0;
            loop_turn(f->loop, n > 0 ? 0 : 10);
        }
        assert_int_equal(received, sent);
        close_all(f);
    }
}

static void reset_passes_between_tcp_and_tcp_both_ways(void **state)
{
    (void)state;
    for (int direction = 0; direction < 2; direction++) {
        struct fixture *f = open_between(AF_INET, AF_INET, unlimited);
        int *from = direction == 0 ? &f->client : &f->server;
        int *to = direction == 0 ? &f->server : &f->client;
        char data[3];

        assert_int_equal(send(*from, "abc", 3, 0), 3);
        sockets_read(f->loop, *to, data, 3);
        relay_refuse(*from);
        *from = -1;
        assert_int_equal(sockets_read_end(f->loop, *to), -ECONNRESET);
        sockets_turn_until(f->loop, &f->done);
        assert_int_equal(f->error, -ECONNRESET);
        close_all(f);
    }
}

static void reset_passes_after_a_half_close(void **state)
{
    (void)state;
    struct fixture *f = open_between(AF_INET, AF_INET, unlimited);

    shutdown(f->client, SHUT_WR);
    assert_int_equal(sockets_read_end(f->loop, f->server), 0);
    relay_refuse(f->client);
    f->client = -1;
    sockets_turn_until(f->loop, &f->done);
    assert_true(f->error < 0);
    assert_true(send(f->server, "x", 1, MSG_NOSIGNAL) < 0);
    close_all(f);
}

static void reset_of_a_sender_ends_a_stalled_relay(void **state)
{
    (void)state;
    struct fixture *f = open_between(AF_INET, AF_INET, unlimited);

    sockets_fill(f->loop, f->client);
    relay_refuse(f->client);
    f->client = -1;
    sockets_turn_until(f->loop, &f->done);
    assert_int_equal(f->error, -ECONNRESET);
    close_all(f);
}

/* It writes all that it has before it reads, as an echo server does: nobody is left to read that. */
static void writer_to_nobody_comes_to_read_what_waits_for_it(void **state)
{
    enum { TOTAL = 4 * 1024 * 1024 };
    static char data[65536];

    (void)state;
    for (int server_family = 0; server_family < 2; server_family++) {
        struct fixture *f = open_between(AF_INET, server_family == 0 ? AF_INET : AF_UNIX, unlimited);
        int64_t end = sockets_now() + SOCKETS_PATIENCE;
        size_t received = 0;

        sockets_fill(f->loop, f->client);
        sockets_fill(f->loop, f->server);
        close(f->client); /* with bytes unread: a reset */
        f->client = -1;
        for (size_t sent = 0; sent < TOTAL;) {
            ssize_t n = send(f->server, data, sizeof data, MSG_NOSIGNAL);
            sent += n > 0 ? (size_t)n : 0;
            loop_turn(f->loop, 0);
            assert_true(sockets_now() < end);
        }
        assert_false(f->done);
        while (!f->done) {
            ssize_t n = recv(f->server, data, sizeof data, 0);
            received += n > 0 ? (size_t)n : 0;
            loop_turn(f->loop, 0);
            assert_true(sockets_now() < end);
        }
        assert_true(received > 0);
        assert_true(f->error < 0); /* bytes of the server were lost */
        close_all(f);
    }
}

static void full_close_off_tcp_ends_the_relay_without_waiting_for_the_other_side(void **state)
{
    (void)state;
    for (int server_family = 0; server_family < 2; server_family++) {
        struct fixture *f = open_between(AF_UNIX, server_family == 0 ? AF_INET : AF_UNIX, unlimited);
        char data[4];

        assert_int_equal(send(f->client, "last", 4, 0), 4);
        close(f->client);
        f->client = -1;
        sockets_read(f->loop, f->server, data, 4);
        assert_memory_equal(data, "last", 4);
        sockets_turn_until(f->loop, &f->done);
        assert_int_equal(sockets_read_end(f->loop, f->server), 0);
        close_all(f);
    }
}

static void close_after_a_half_close_ends_the_relay(void **state)
{
    (void)state;
    struct fixture *f = open_between(AF_UNIX, AF_INET, unlimited);

    shutdown(f->client, SHUT_WR);
    assert_int_equal(sockets_read_end(f->loop, f->server), 0);
    assert_false(f->done);
    close(f->client);
    f->client = -1;
    sockets_turn_until(f->loop, &f->done);
    close_all(f);
}

/* A server that answers before it has read all, and closes: the client still gets the answer. */
static void early_answer_arrives(void **state)
{
    (void)state;
    for (size_t i = 0; i < FAMILIES; i++) {
        struct fixture *f = open_between(families[i][0], families[i][1], unlimited);
        char data[3];

        sockets_fill(f->loop, f->client);
        assert_int_equal(send(f->server, "413", 3, 0), 3);
        sockets_turn_for(f->loop, 20);
        close(f->server);
        f->server = -1;
        sockets_read(f->loop, f->client, data, 3);
        assert_memory_equal(data, "413", 3);
        sockets_turn_until(f->loop, &f->done);
        assert_true(f->error < 0);
        close_all(f);
    }
}

static size_t unread(int fd)
{
    int count = 0;

    assert_int_equal(ioctl(fd, FIONREAD, &count), 0);
    return (size_t)count;
}

static void stalled_reader_holds_no_more_than_the_bound(void **state)
{
    (void)state;
    struct fixture *f = open_between(AF_UNIX, AF_UNIX, unlimited);
    size_t sent = sockets_fill(f->loop, f->client);
    size_t held = sent - unread(f->server) - unread(f->inner[0]);

    assert_true(held > 0);
    assert_true(held <= RELAY_READ);
    assert_true(sockets_turn_for(f->loop, 100) < 5); /* and it costs no CPU */
    close_all(f);
}

/* Writes all that fits without a turn of the loop in between; returns how much that was. */
static size_t burst(int fd)
{
    static const char data[16384];
    size_t taken = 0;

    for (ssize_t n = 1; n > 0;) {
        n = send(fd, data, sizeof data, MSG_NOSIGNAL);
        taken += n > 0 ? (size_t)n : 0;
    }
    return taken;
}

/* Reads all there is; returns how much that was. */
static size_t drain(int fd)
{
    static char data[65536];
    size_t taken = 0;

    for (ssize_t n = 1; n > 0;) {
        n = recv(fd, data, sizeof data, 0);
        taken += n > 0 ? (size_t)n : 0;
    }
    return taken;
}

static void little_is_held_for_a_slow_reader_even_of_a_fast_stream(void **state)
{
    (void)state;
    struct fixture *f = open_between(AF_UNIX, AF_UNIX, (struct relay_limits){.read = RELAY_READ_MAX});
    size_t sent = 0;
    size_t received = 0;

    while (received < 32 * RELAY_READ_MAX) { /* fast: the pieces grow */
        sent += burst(f->client);
        loop_turn(f->loop, 10);
        received += drain(f->server);
    }
    for (unsigned i = 0; i < 100; i++) { /* slow: a few KiB at a time */
        char data[8192];
        sent += burst(f->client);
        ssize_t n = recv(f->server, data, sizeof data, 0);
        received += n > 0 ? (size_t)n : 0;
        loop_turn(f->loop, 10);
    }
    size_t held = sent - received - unread(f->server) - unread(f->inner[0]);
    assert_true(held <= RELAY_READ);
    close_all(f);
}

static void socket_buffers_are_bounded_by_the_limits(void **state)
{
    (void)state;
    struct fixture *f = open_between(AF_INET, AF_INET, (struct relay_limits){.tcp_buffer = 16384});
    size_t room = 6 * 1024 * 1024; /* what the client's and server's own, unbounded buffers may take */
    int size = 0;
    socklen_t length = sizeof size;

    for (int i = 0; i < 2; i++) {
        assert_int_equal(getsockopt(f->inner[i], SOL_SOCKET, SO_SNDBUF, &size, &length), 0);
        assert_int_equal(size, 2 * 16384);
        assert_int_equal(getsockopt(f->inner[i], SOL_SOCKET, SO_RCVBUF, &size, &length), 0);
        assert_int_equal(size, 2 * 16384);
    }
    assert_true(sockets_fill(f->loop, f->client) < room);
    close_all(f);
}

static void both_sides_only_writing_do_not_lock_each_other(void **state)
{
    enum { TOTAL = 8 * 1024 * 1024 };
    static char data[65536];

    (void)state;
    for (size_t i = 0; i < FAMILIES; i++) {
        struct fixture *f = open_between(families[i][0], families[i][1], unlimited);
        int fd[2] = {f->client, f->server};
        size_t sent[2] = {sockets_fill(f->loop, fd[0]), sockets_fill(f->loop, fd[1])};
        size_t received[2] = {0, 0};
        int64_t end = sockets_now() + SOCKETS_PATIENCE;

        while (received[0] < TOTAL || received[1] < TOTAL) {
            for (int side = 0; side < 2; side++) {
                ssize_t n = send(fd[side], data, sizeof data, MSG_NOSIGNAL);
                sent[side] += n > 0 ? (size_t)n : 0;
                n = recv(fd[side], data, sizeof data, 0);
                received[side] += n > 0 ? (size_t)n : 0;
            }
            loop_turn(f->loop, 0);
            assert_true(sockets_now() < end);
        }
        assert_true(received[1] <= sent[0] && received[0] <= sent[1]);
        close_all(f);
    }
}

/* A buffer that takes a few bytes at a time: what waits is given in many pieces. */
static void waiting_bytes_keep_their_order_through_a_small_buffer(void **state)
{
    enum { TOTAL = 400000 };
    uint8_t data[1000];
    size_t sent = 0;
    size_t received = 0;
    int small = 1;

    (void)state;
    for (int client_family = 0; client_family < 2; client_family++) { /* small windows of TCP wait for its timers */
        struct fixture *f = open_between(client_family == 0 ? AF_INET : AF_UNIX, AF_UNIX, unlimited);
        setsockopt(f->inner[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
        int64_t end = sockets_now() + SOCKETS_PATIENCE;
        for (sent = received = 0; received < TOTAL;) {
            assert_true(sockets_now() < end);
            for (size_t k = 0; k < sizeof data; k++) {
                data[k] = (uint8_t)((sent + k) % 251);
            }
            ssize_t n = sent < TOTAL ? send(f->client, data, sizeof data, MSG_NOSIGNAL) : 0;
            sent += n > 0 ? (size_t)n : 0;
            n = recv(f->server, data, 1 + received % 700, 0);
            for (ssize_t k = 0; k < n; k++) {
                assert_int_equal(data[k], (received + (size_t)k) % 251);
            }
            received += n > 0 ? (size_t)n : 0;
            loop_turn(f->loop, 0);
        }
        close_all(f);
    }
}

/* Both FINs have been exchanged while bytes are still unread: epoll reports a hang-up without end. */
static void hang_up_of_a_stalled_side_does_not_spin(void **state)
{
    (void)state;
    struct fixture *f = open_between(AF_INET, AF_INET, unlimited);
    size_t sent = 0;
    size_t received = 0;
    char data[8192] = {0};
    int64_t end = sockets_now() + SOCKETS_PATIENCE;

    for (int quiet = 0; quiet < 5;) { /* until bytes lie unread before the relay, but all of them: then the FIN too */
        ssize_t n = quiet == 0 ? send(f->client, data, sizeof data, 0) : 0;
        assert_true(n >= 0);
        sent += (size_t)n;
        loop_turn(f->loop, 1);
        quiet = unread(f->inner[0]) > 0 ? quiet + 1 : 0;
    }
    shutdown(f->server, SHUT_WR);
    assert_int_equal(sockets_read_end(f->loop, f->client), 0);
    shutdown(f->client, SHUT_WR);
    sockets_turn_for(f->loop, 20);
    assert_true(sockets_turn_for(f->loop, 100) < 5);
    while (!f->done || received < sent) {
        assert_true(sockets_now() < end);
        ssize_t n = recv(f->server, data, sizeof data, 0);
        assert_true(n > 0 || (n < 0 && errno == EAGAIN) || received == sent);
        received += n > 0 ? (size_t)n : 0;
        loop_turn(f->loop, n > 0 ? 0 : 10);
    }
    assert_int_equal(received, sent);
    assert_int_equal(f->error, 0);
    close_all(f);
}

static void silence_ends_a_relay_after_the_limit(void **state)
{
    (void)state;
    struct fixture *f = open_between(AF_INET, AF_INET, (struct relay_limits){.idle_ms = 1000});
    char data[1];

    sockets_turn_for(f->loop, 600);
    assert_int_equal(send(f->client, "x", 1, 0), 1);
    sockets_read(f->loop, f->server, data, 1);
    sockets_turn_for(f->loop, 600); /* 1200 ms after the start, 600 after the last byte */
    assert_false(f->done);
    sockets_turn_until(f->loop, &f->done);
    assert_int_equal(f->error, -ETIMEDOUT);
    assert_int_equal(sockets_read_end(f->loop, f->client), -ECONNRESET);
    close_all(f);
}

static void half_open_relay_ends_after_its_own_limit(void **state)
{
    (void)state;
    struct fixture *f = open_between(AF_INET, AF_INET, (struct relay_limits){.idle_ms = 60000, .half_open_ms = 50});

    sockets_turn_for(f->loop, 100);
    assert_false(f->done);
    shutdown(f->client, SHUT_WR);
    sockets_turn_until(f->loop, &f->done);
    assert_int_equal(f->error, -ETIMEDOUT);
    close_all(f);
}

static void busy_connection_ends_at_its_total_limit(void **state)
{
    (void)state;
    struct fixture *f = open_between(AF_INET, AF_INET, (struct relay_limits){.idle_ms = 60000, .total_ms = 200});
    int64_t end = sockets_now() + SOCKETS_PATIENCE;

    while (!f->done) {
        (void)!send(f->client, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
        loop_turn(f->loop, 10);
        assert_true(sockets_now() < end);
    }
    assert_int_equal(f->error, -ETIMEDOUT);
    assert_true(f->traffic.a_to_b > 0);
    assert_int_equal(f->traffic.b_to_a, 0);
    close_all(f);
}

static void closed_relay_closes_both_sides_and_does_not_call_back(void **state)
{
    (void)state;
    struct fixture *f = open_between(AF_INET, AF_INET, unlimited);

    sockets_fill(f->loop, f->client);
    relay_close(f->relay);
    f->relay = NULL;
    sockets_turn_for(f->loop, 20);
    assert_false(f->done);
    assert_int_equal(sockets_read_end(f->loop, f->client), -ECONNRESET);
    close_all(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(half_close_reaches_the_other_side),
        cmocka_unit_test(last_bytes_and_the_end_travel_in_one_packet),
        cmocka_unit_test(half_close_comes_after_all_the_bytes_of_a_slow_reader),
        cmocka_unit_test(reset_passes_between_tcp_and_tcp_both_ways),
        cmocka_unit_test(reset_passes_after_a_half_close),
        cmocka_unit_test(reset_of_a_sender_ends_a_stalled_relay),
        cmocka_unit_test(writer_to_nobody_comes_to_read_what_waits_for_it),
        cmocka_unit_test(full_close_off_tcp_ends_the_relay_without_waiting_for_the_other_side),
        cmocka_unit_test(close_after_a_half_close_ends_the_relay),
        cmocka_unit_test(early_answer_arrives),
        cmocka_unit_test(stalled_reader_holds_no_more_than_the_bound),
        cmocka_unit_test(little_is_held_for_a_slow_reader_even_of_a_fast_stream),
        cmocka_unit_test(socket_buffers_are_bounded_by_the_limits),
        cmocka_unit_test(both_sides_only_writing_do_not_lock_each_other),
        cmocka_unit_test(waiting_bytes_keep_their_order_through_a_small_buffer),
        cmocka_unit_test(hang_up_of_a_stalled_side_does_not_spin),
        cmocka_unit_test(silence_ends_a_relay_after_the_limit),
        cmocka_unit_test(half_open_relay_ends_after_its_own_limit),
        cmocka_unit_test(busy_connection_ends_at_its_total_limit),
        cmocka_unit_test(closed_relay_closes_both_sides_and_does_not_call_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
