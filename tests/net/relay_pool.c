/* relay_pool: tests net/relay_pool: many connections, the bound, targets that refuse, running out of descriptors. */
#include "net/relay_pool.h"

#include <sys/resource.h>

#include "net/vsock.h"
#include "tests/net/sockets.h"

struct fixture {
    struct loop *loop;
    struct relay_pool *pool;
    struct relay_listener *listener;
    struct address front;       /* where clients connect */
    struct address target;      /* tcp, what is behind */
    int server;                 /* its listener */
    char log[512];              /* the last sentence */
    struct relay_record record; /* the last one */
    char label[32];
    unsigned records;
    uint32_t target_port; /* of the last record */
    unsigned drained;
    unsigned logged;
};

static void log_line(void *arg, const char *sentence)
{
    struct fixture *fixture = arg;

    snprintf(fixture->log, sizeof fixture->log, "%s", sentence);
    fixture->logged++;
}

static void ended(void *arg, const struct relay_record *record)
{
    struct fixture *fixture = arg;

    fixture->record = *record;
    snprintf(fixture->label, sizeof fixture->label, "%s", record->label);
    fixture->target_port = record->target->port;
    fixture->records++;
}

static void drained(void *arg)
{
    struct fixture *fixture = arg;

    fixture->drained++;
}

static struct fixture *pool_with(unsigned connections, unsigned inbound, uint32_t only_cid)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct relay_pool_options options = {.connections = connections,
        .inbound = inbound,
        .connect_ms = 2000,
        .limits = {.tcp_buffer = 65536},
        .log = log_line,
        .ended = ended,
        .drained = drained,
        .arg = f};

    assert_int_equal(loop_open(&f->loop), 0);
    assert_int_equal(relay_pool_open(&f->pool, f->loop, &options), 0);
    f->server = sockets_listen_tcp(&f->target);
    int front = sockets_listen_tcp(&f->front);
    const struct relay_listener_options listener = {.target = &f->target, .label = "api", .only_cid = only_cid};
    assert_int_equal(relay_listener_open(&f->listener, f->pool, front, &listener), 0);
    return f;
}

static struct fixture *pool_of(unsigned connections, uint32_t only_cid)
{
    return pool_with(connections, 0, only_cid);
}

static struct relay_counters counted(const struct fixture *f)
{
    struct relay_counters counters;

    relay_pool_counters(f->pool, &counters);
    return counters;
}

static void pool_end(struct fixture *f)
{
    relay_pool_close(f->pool);
    loop_close(f->loop);
    if (f->server >= 0) {
        close(f->server);
    }
    free(f);
}

static int server_accept(struct fixture *f)
{
    int64_t end = sockets_now() + SOCKETS_PATIENCE;

    for (;;) {
        int fd = accept4(f->server, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            return fd;
        }
        loop_turn(f->loop, 10);
        assert_true(sockets_now() < end);
    }
}

/* One connection through the pool's listener at front, up to the server. */
static void passage_make(struct fixture *f, int *client, int *server)
{
    *client = sockets_connect_tcp(&f->front);
    *server = server_accept(f);
}

static void passage_break(struct fixture *f, int client, int server)
{
    close(client);
    close(server);
    sockets_turn_for(f->loop, 20);
}

/* A byte stream that both its ends can compute: xorshift32, its lowest byte. */
static uint32_t stream_step(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

/* One end of one connection: sends a stream in random pieces, checks the one that it receives. */
struct end {
    int fd;
    uint32_t out;
    uint32_t in;
    uint32_t sizes;
    size_t to_send;
    size_t to_receive;
    size_t pending; /* of piece */
    size_t offset;
    uint8_t piece[20000];
    bool finished;
};

static void end_send(struct end *end)
{
    if (end->offset == end->pending) {
        size_t size = 1 + stream_step(&end->sizes) % sizeof end->piece;
        end->pending = size < end->to_send ? size : end->to_send;
        end->offset = 0;
        for (size_t i = 0; i < end->pending; i++) {
            end->piece[i] = (uint8_t)stream_step(&end->out);
        }
    }
    ssize_t n = send(end->fd, end->piece + end->offset, end->pending - end->offset, MSG_NOSIGNAL);
    assert_true(n > 0 || errno == EAGAIN);
    end->offset += n > 0 ? (size_t)n : 0;
    end->to_send -= n > 0 ? (size_t)n : 0;
    if (end->to_send == 0) {
        shutdown(end->fd, SHUT_WR);
    }
}

static void end_receive(struct end *end)
{
    uint8_t data[20000];
    ssize_t n = recv(end->fd, data, 1 + stream_step(&end->sizes) % sizeof data, 0);

    assert_true(n >= 0 || errno == EAGAIN);
    if (n == 0) {
        assert_int_equal(end->to_receive, 0);
        end->finished = true;
    }
    for (ssize_t i = 0; i < n; i++) {
        assert_int_equal(data[i], (uint8_t)stream_step(&end->in));
    }
    end->to_receive -= n > 0 ? (size_t)n : 0;
}

static void end_init(struct end *end, int fd, uint32_t seed, uint32_t number, size_t to_send, size_t to_receive)
{
    *end = (struct end){.fd = fd,
        .out = seed * 1000003u + number + 1,
        .in = (1 - seed) * 1000003u + number + 1,
        .sizes = number * 7u + seed + 1,
        .to_send = to_send,
        .to_receive = to_receive};
}

static void random_sizes_both_ways_arrive_whole_on_64_connections(void **state)
{
    enum { COUNT = 64 };
    struct fixture *f = pool_of(COUNT, VSOCK_CID_ANY);
    struct end *ends = calloc(2 * COUNT, sizeof *ends);
    uint32_t sizes = 12345;
    size_t finished = 0;
    int64_t deadline = sockets_now() + 6 * SOCKETS_PATIENCE;

    (void)state;
    for (uint32_t i = 0; i < COUNT; i++) {
        size_t up = 1 + stream_step(&sizes) % 1000000;
        size_t down = 1 + stream_step(&sizes) % 1000000;
        end_init(&ends[2 * i], sockets_connect_tcp(&f->front), 0, i, up, down);
        end_init(&ends[2 * i + 1], server_accept(f), 1, i, down, up);
    }
    assert_int_equal(counted(f).open, COUNT);
    while (finished < 2 * COUNT) {
        finished = 0;
        for (size_t i = 0; i < 2 * COUNT; i++) {
            if (ends[i].to_send > 0) {
                end_send(&ends[i]);
            }
            if (!ends[i].finished) {
                end_receive(&ends[i]);
            }
            finished += ends[i].finished;
        }
        loop_turn(f->loop, 0);
        assert_true(sockets_now() < deadline);
    }
    sockets_turn_for(f->loop, 20);
    assert_int_equal(counted(f).open, 0);
    assert_int_equal(counted(f).ended, COUNT);
    for (size_t i = 0; i < 2 * COUNT; i++) {
        close(ends[i].fd);
    }
    free(ends);
    pool_end(f);
}

static void refusal_at_the_bound_leaves_old_ones_alive(void **state)
{
    (void)state;
    struct fixture *f = pool_of(2, VSOCK_CID_ANY);
    int client[2];
    int server[2];
    char data[2];

    for (int i = 0; i < 2; i++) {
        client[i] = sockets_connect_tcp(&f->front);
        server[i] = server_accept(f);
    }
    for (int i = 0; i < 3; i++) {
        int refused = sockets_connect_tcp(&f->front);
        assert_int_equal(sockets_read_end(f->loop, refused), -ECONNRESET);
        close(refused);
    }
    assert_int_equal(counted(f).refused, 3);
    assert_int_equal(f->logged, 1); /* once a second at the most */
    assert_non_null(strstr(f->log, "api: "));

    for (int i = 0; i < 2; i++) {
        assert_int_equal(send(client[i], "ok", 2, 0), 2);
        sockets_read(f->loop, server[i], data, 2);
    }
    close(client[0]);
    close(server[0]);
    sockets_turn_for(f->loop, 20);
    int fresh = sockets_connect_tcp(&f->front);
    close(server_accept(f));
    close(fresh);
    close(client[1]);
    close(server[1]);
    pool_end(f);
}

static void sentences_left_out_are_counted(void **state)
{
    (void)state;
    struct fixture *f = pool_of(1, VSOCK_CID_ANY);
    int client = sockets_connect_tcp(&f->front);
    int server = server_accept(f);

    for (int i = 0; i < 4; i++) {
        int refused = sockets_connect_tcp(&f->front);
        sockets_read_end(f->loop, refused);
        close(refused);
        if (i == 2) {
            sockets_turn_for(f->loop, 1050);
        }
    }
    assert_int_equal(f->logged, 2);
    assert_non_null(strstr(f->log, "(and 2 more like it)"));
    close(client);
    close(server);
    pool_end(f);
}

static void first_bytes_are_there_when_the_target_accepts(void **state)
{
    (void)state;
    struct fixture *f = pool_of(10, VSOCK_CID_ANY);
    int client = sockets_connect_tcp(&f->front);
    char data[5];

    assert_int_equal(send(client, "hello", 5, 0), 5);
    int server = server_accept(f);
    assert_int_equal(recv(server, data, sizeof data, 0), 5); /* the loop has not turned since */
    passage_break(f, client, server);
    pool_end(f);
}

static void target_that_speaks_first_is_heard(void **state)
{
    (void)state;
    struct fixture *f = pool_of(10, VSOCK_CID_ANY);
    int client = sockets_connect_tcp(&f->front);
    int server = server_accept(f);
    char data[5];

    assert_int_equal(send(server, "hello", 5, 0), 5);
    sockets_read(f->loop, client, data, 5);
    passage_break(f, client, server);
    pool_end(f);
}

static void refused_target_resets_the_client(void **state)
{
    (void)state;
    struct fixture *f = pool_of(10, VSOCK_CID_ANY);

    close(f->server);
    f->server = -1;
    int client = sockets_connect_tcp(&f->front);
    assert_int_equal(sockets_read_end(f->loop, client), -ECONNRESET);
    assert_int_equal(counted(f).failed, 1);
    assert_int_equal(counted(f).open, 0);
    assert_int_equal(strncmp(f->log, "can't connect to \"tcp:127.0.0.1:", 32), 0);
    assert_non_null(strstr(f->log, "Connection refused (api)"));
    close(client);
    pool_end(f);
}

/* There is no AF_VSOCK on most machines: that a socket of another family has no CID is enough to try the refusal. */
static void connection_without_the_right_cid_is_closed(void **state)
{
    (void)state;
    struct fixture *f = pool_of(10, VSOCK_CID_PARENT);
    int client = sockets_connect_tcp(&f->front);

    assert_int_equal(sockets_read_end(f->loop, client), -ECONNRESET);
    assert_int_equal(counted(f).refused, 1);
    assert_non_null(strstr(f->log, "it comes from no enclave"));
    close(client);
    pool_end(f);
}

static void cid_that_is_allowed_changes_for_new_connections(void **state)
{
    (void)state;
    struct fixture *f = pool_of(10, VSOCK_CID_ANY);
    int client;
    int server;
    char data[2];

    passage_make(f, &client, &server);
    relay_listener_allow(f->listener, 16);
    int stranger = sockets_connect_tcp(&f->front);
    assert_int_equal(sockets_read_end(f->loop, stranger), -ECONNRESET);
    close(stranger);
    assert_int_equal(counted(f).refused, 1);
    assert_non_null(strstr(f->log, "it comes from no enclave"));
    assert_int_equal(send(client, "ok", 2, 0), 2); /* an open one goes on */
    sockets_read(f->loop, server, data, 2);
    passage_break(f, client, server);

    relay_listener_allow(f->listener, VSOCK_CID_ANY);
    passage_make(f, &client, &server);
    passage_break(f, client, server);
    assert_int_equal(counted(f).refused, 1);
    pool_end(f);
}

static void listener_survives_running_out_of_descriptors(void **state)
{
    (void)state;
    struct fixture *f = pool_of(10, VSOCK_CID_ANY);
    struct rlimit old;
    struct rlimit none;
    int client = sockets_connect_tcp(&f->front);
    char data[2];

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    none = old;
    none.rlim_cur = 3;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    unsigned turns = sockets_turn_for(f->loop, 350);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_true(turns < 15); /* it rests, it does not spin */
    assert_non_null(strstr(f->log, "Too many open files"));

    int server = server_accept(f);
    assert_int_equal(send(client, "ok", 2, 0), 2);
    sockets_read(f->loop, server, data, 2);
    close(client);
    close(server);
    pool_end(f);
}

static void closing_the_pool_closes_all_connections(void **state)
{
    (void)state;
    struct fixture *f = pool_of(10, VSOCK_CID_ANY);
    int relayed = sockets_connect_tcp(&f->front);
    int server = server_accept(f);
    int connecting = sockets_connect_tcp(&f->front);

    loop_turn(f->loop, 100); /* accepted, perhaps not connected yet */
    relay_pool_close(f->pool);
    f->pool = NULL;
    assert_true(sockets_read_end(f->loop, relayed) <= 0);
    assert_true(sockets_read_end(f->loop, connecting) <= 0);
    close(relayed);
    close(connecting);
    close(server);
    pool_end(f);
}

static void bytes_times_and_ends_are_counted(void **state)
{
    (void)state;
    struct fixture *f = pool_of(4, VSOCK_CID_ANY);
    struct relay_counters counters;
    char data[5];
    int client;
    int server;
    uint64_t reached = 0;

    passage_make(f, &client, &server);
    assert_int_equal(send(client, "12345", 5, 0), 5);
    sockets_read(f->loop, server, data, 5);
    assert_int_equal(send(server, "123", 3, 0), 3);
    sockets_read(f->loop, client, data, 3);
    relay_listener_counters(f->listener, &counters);
    assert_int_equal(counters.open, 1);
    assert_int_equal(counters.traffic.a_to_b, 5); /* while it is open */
    assert_int_equal(counters.traffic.b_to_a, 3);
    passage_break(f, client, server);

    counters = counted(f);
    assert_int_equal(counters.accepted, 1);
    assert_int_equal(counters.ended, 1);
    assert_int_equal(counters.traffic.a_to_b, 5);
    for (size_t i = 0; i <= RELAY_CONNECT_CLASSES; i++) {
        reached += counters.connect_count[i];
    }
    assert_int_equal(reached, 1);
    assert_int_equal(f->records, 1);
    assert_string_equal(f->label, "api");
    assert_true(f->record.connected);
    assert_int_equal(f->record.error, 0);
    assert_int_equal(f->record.traffic.a_to_b, 5);
    assert_int_equal(f->record.traffic.b_to_a, 3);
    assert_true(f->record.total_ms >= f->record.connect_ms);
    pool_end(f);
}

static void open_connections_tell_how_far_they_are(void **state)
{
    (void)state;
    struct fixture *f = pool_of(4, VSOCK_CID_ANY);
    char data[3];
    int client;
    int server;

    relay_pool_each(f->pool, ended, f);
    assert_int_equal(f->records, 0);
    passage_make(f, &client, &server);
    assert_int_equal(send(client, "12", 2, 0), 2);
    sockets_read(f->loop, server, data, 2);
    relay_pool_each(f->pool, ended, f);
    assert_int_equal(f->records, 1);
    assert_string_equal(f->label, "api");
    assert_int_equal(f->target_port, f->target.port);
    assert_int_equal(f->record.error, 0);
    assert_false(f->record.inbound);
    assert_int_equal(f->record.traffic.a_to_b, 2);
    assert_int_equal(f->record.answer_ms, -1); /* the target has said nothing yet */

    sockets_turn_for(f->loop, 50);
    assert_int_equal(send(server, "123", 3, 0), 3);
    sockets_read(f->loop, client, data, 3);
    relay_pool_each(f->pool, ended, f);
    int64_t answer_ms = f->record.answer_ms;
    assert_true(answer_ms >= 50);
    assert_true(answer_ms <= f->record.total_ms);
    sockets_turn_for(f->loop, 50);
    assert_int_equal(send(server, "456", 3, 0), 3); /* later bytes are not the first */
    sockets_read(f->loop, client, data, 3);
    passage_break(f, client, server);
    assert_int_equal(f->record.answer_ms, answer_ms);
    assert_true(f->record.total_ms >= answer_ms + 50);
    assert_int_equal(f->record.traffic.b_to_a, 6);
    relay_pool_each(f->pool, ended, f);
    assert_int_equal(f->records, 3); /* two that were told, one that ended; none is open */
    pool_end(f);
}

static void name_without_an_address_is_counted_as_unresolved(void **state)
{
    (void)state;
    struct fixture *f = pool_of(4, VSOCK_CID_ANY);
    struct address nowhere = {.form = ADDRESS_TCP, .port = 1, .name = "no-such-host.invalid"};

    assert_int_equal(relay_listener_target(f->listener, &nowhere), 0);
    int client = sockets_connect_tcp(&f->front);
    int64_t end = sockets_now() + SOCKETS_PATIENCE;
    while (f->records == 0) {
        loop_turn(f->loop, 10);
        assert_true(sockets_now() < end);
    }
    assert_int_equal(counted(f).failed, 1);
    assert_int_equal(counted(f).unresolved, 1);
    assert_int_equal(f->record.error, -ENOENT);
    assert_false(f->record.connected);
    close(client);
    pool_end(f);
}

static void draining_lets_open_connections_go_on(void **state)
{
    (void)state;
    struct fixture *f = pool_of(4, VSOCK_CID_ANY);
    char data[2];
    int client;
    int server;

    passage_make(f, &client, &server);
    relay_pool_drain(f->pool);
    int late = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)f->front.port)};
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(late, (struct sockaddr *)&name, sizeof name), -1); /* nobody listens any more */
    close(late);
    assert_int_equal(send(client, "ok", 2, 0), 2);
    sockets_read(f->loop, server, data, 2);
    assert_int_equal(f->drained, 0);
    passage_break(f, client, server);
    assert_int_equal(f->drained, 1);
    assert_int_equal(counted(f).ended, 1); /* of a listener that is gone */
    pool_end(f);
}

static void draining_an_idle_pool_is_over_at_once(void **state)
{
    (void)state;
    struct fixture *f = pool_of(4, VSOCK_CID_ANY);

    relay_pool_drain(f->pool);
    sockets_turn_for(f->loop, 20);
    assert_int_equal(f->drained, 1);
    pool_end(f);
}

static void new_target_is_for_new_connections(void **state)
{
    (void)state;
    struct fixture *f = pool_of(4, VSOCK_CID_ANY);
    struct address other;
    char data[2];
    int client;
    int server;
    int listener = sockets_listen_tcp(&other);

    passage_make(f, &client, &server);
    int first = f->server;
    uint32_t first_port = f->target.port;
    f->server = listener;
    assert_int_equal(relay_listener_target(f->listener, &other), 0);
    int second_client;
    int second_server;
    passage_make(f, &second_client, &second_server);
    assert_int_equal(send(client, "ok", 2, 0), 2);
    sockets_read(f->loop, server, data, 2);
    passage_break(f, client, server);
    assert_int_equal(f->target_port, first_port); /* the record names where this one led, not where the next would */
    passage_break(f, second_client, second_server);
    assert_int_equal(f->target_port, other.port);
    close(first);
    pool_end(f);
}

static void no_more_come_in_than_their_share(void **state)
{
    (void)state;
    struct fixture *f = pool_with(4, 1, VSOCK_CID_ANY); /* its listener leads out */
    struct relay_listener_options options = {
        .target = &f->target, .label = "in", .only_cid = VSOCK_CID_ANY, .inbound = true};
    struct address inbound;
    int client[4];
    int server[4];

    assert_int_equal(relay_listener_open(NULL, f->pool, sockets_listen_tcp(&inbound), &options), 0);
    client[0] = sockets_connect_tcp(&inbound);
    server[0] = server_accept(f);
    int refused = sockets_connect_tcp(&inbound);
    assert_int_equal(sockets_read_end(f->loop, refused), -ECONNRESET);
    close(refused);
    assert_non_null(strstr(f->log, "all 1 that may be open into the enclave"));
    for (int i = 1; i < 4; i++) {
        passage_make(f, &client[i], &server[i]);
    }
    for (int i = 0; i < 4; i++) {
        close(client[i]);
        close(server[i]);
    }
    pool_end(f);
}

static void one_direction_never_holds_the_last_quarter(void **state)
{
    (void)state;
    struct fixture *f = pool_of(4, VSOCK_CID_ANY); /* its listener leads out */
    struct relay_listener_options options = {
        .target = &f->target, .label = "in", .only_cid = VSOCK_CID_ANY, .inbound = true};
    struct address inbound;
    int client[4];
    int server[4];

    assert_int_equal(relay_listener_open(NULL, f->pool, sockets_listen_tcp(&inbound), &options), 0);
    for (int i = 0; i < 3; i++) {
        passage_make(f, &client[i], &server[i]);
    }
    int refused = sockets_connect_tcp(&f->front);
    assert_int_equal(sockets_read_end(f->loop, refused), -ECONNRESET);
    close(refused);
    assert_non_null(strstr(f->log, "out of the enclave"));

    client[3] = sockets_connect_tcp(&inbound);
    server[3] = server_accept(f);
    refused = sockets_connect_tcp(&inbound); /* and now all are open */
    assert_int_equal(sockets_read_end(f->loop, refused), -ECONNRESET);
    close(refused);
    assert_int_equal(counted(f).refused, 2);
    for (int i = 0; i < 4; i++) {
        close(client[i]);
        close(server[i]);
    }
    pool_end(f);
}

/* Counted in turns of the loop, which a busy machine does not change: what is stalled must not wake it. */
static void stalled_readers_cost_no_turns_and_a_fresh_connection_is_answered(void **state)
{
    enum { COUNT = 200, PIECE = 65536 };
    static const char data[PIECE];
    (void)state;
    struct fixture *f = pool_of(COUNT + 1, VSOCK_CID_ANY);
    int client[COUNT];
    int server[COUNT];
    char answer[2];

    for (int i = 0; i < COUNT; i++) {
        passage_make(f, &client[i], &server[i]);
    }
    for (bool moved = true; moved;) { /* nobody reads: until nothing more is taken anywhere */
        moved = false;
        for (int i = 0; i < COUNT; i++) {
            while (send(client[i], data, sizeof data, MSG_NOSIGNAL) > 0) {
                moved = true;
            }
        }
        sockets_turn_for(f->loop, 20);
    }
    for (int i = 0; i < 20 && sockets_turn_for(f->loop, 300) > 2; i++) {
        /* the kernel probes closed windows, and moves a little more */
    }
    assert_true(sockets_turn_for(f->loop, 300) < 10);

    int fresh = sockets_connect_tcp(&f->front);
    int fresh_server = server_accept(f);
    assert_int_equal(send(fresh, "hi", 2, 0), 2);
    sockets_read(f->loop, fresh_server, answer, 2);
    assert_int_equal(counted(f).open, COUNT + 1);
    for (int i = 0; i < COUNT; i++) {
        close(client[i]);
        close(server[i]);
    }
    close(fresh);
    close(fresh_server);
    pool_end(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_sizes_both_ways_arrive_whole_on_64_connections),
        cmocka_unit_test(refusal_at_the_bound_leaves_old_ones_alive),
        cmocka_unit_test(sentences_left_out_are_counted),
        cmocka_unit_test(first_bytes_are_there_when_the_target_accepts),
        cmocka_unit_test(target_that_speaks_first_is_heard),
        cmocka_unit_test(refused_target_resets_the_client),
        cmocka_unit_test(connection_without_the_right_cid_is_closed),
        cmocka_unit_test(cid_that_is_allowed_changes_for_new_connections),
        cmocka_unit_test(listener_survives_running_out_of_descriptors),
        cmocka_unit_test(closing_the_pool_closes_all_connections),
        cmocka_unit_test(bytes_times_and_ends_are_counted),
        cmocka_unit_test(open_connections_tell_how_far_they_are),
        cmocka_unit_test(name_without_an_address_is_counted_as_unresolved),
        cmocka_unit_test(draining_lets_open_connections_go_on),
        cmocka_unit_test(draining_an_idle_pool_is_over_at_once),
        cmocka_unit_test(new_target_is_for_new_connections),
        cmocka_unit_test(no_more_come_in_than_their_share),
        cmocka_unit_test(one_direction_never_holds_the_last_quarter),
        cmocka_unit_test(stalled_readers_cost_no_turns_and_a_fresh_connection_is_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
