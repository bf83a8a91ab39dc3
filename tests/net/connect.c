/* connect: tests net/connect and net/resolve: every form, time limits, full backlogs, names. */
#include "net/connect.h"

#include <sys/un.h>

#include "net/names.h"
#include "net/resolve.h"
#include "tests/net/resolver.h"
#include "tests/net/sockets.h"

struct fixture {
    struct loop *loop;
    struct names *names;
    struct connect *connect;
    struct address address;
    bool done;
    int fd;
    struct reason why;
};

static void done(void *arg, int fd, const struct reason *why)
{
    struct fixture *f = arg;

    assert_false(f->done);
    f->done = true;
    f->fd = fd;
    assert_int_equal(fd < 0, why != NULL);
    if (why != NULL) {
        f->why = *why;
    }
}

static void start(struct fixture *f, int64_t milliseconds)
{
    memset(&f->why, 0, sizeof f->why);
    f->done = false;
    const struct connect_options options = {.names = f->names};
    assert_int_equal(connect_start(&f->connect, f->loop, &f->address, milliseconds, &options, done, f), 0);
    assert_false(f->done); /* never from inside */
}

static void begin(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    assert_int_equal(loop_open(&f->loop), 0);
    assert_int_equal(names_open(&f->names, f->loop), 0);
}

static void finish(struct fixture *f)
{
    names_close(f->names);
    loop_close(f->loop);
}

static void tcp_is_connected_without_blocking_afterwards(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    int listener = sockets_listen_tcp(&f.address);
    start(&f, 2000);
    sockets_turn_until(f.loop, &f.done);
    assert_true(f.fd >= 0);
    assert_true(fcntl(f.fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(f.fd, F_GETFD) & FD_CLOEXEC);
    close(f.fd);

    close(listener);
    start(&f, 2000);
    sockets_turn_until(f.loop, &f.done);
    assert_int_equal(f.fd, -ECONNREFUSED);
    assert_non_null(strstr(f.why.text, "can't connect to \"tcp:127.0.0.1:"));
    finish(&f);
}

static void all_addresses_of_a_name_are_tried(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    int listener = sockets_listen_tcp(&f.address); /* on 127.0.0.1, the last of them */
    strcpy(f.address.name, "several.test");
    start(&f, 2000);
    sockets_turn_until(f.loop, &f.done);
    assert_true(f.fd >= 0);
    close(f.fd);
    close(listener);
    start(&f, 2000);
    sockets_turn_until(f.loop, &f.done);
    assert_int_equal(f.fd, -ECONNREFUSED);
    finish(&f);
}

/* Connects to a name of known[] that has both families, where only text answers, on a port of its own. 0 or -errno. */
static int connect_where_only(const char *text, const char *name)
{
    struct fixture f;
    struct sockaddr_in6 bound;
    socklen_t size = sizeof bound;

    begin(&f);
    assert_int_equal(address_parse(&f.address, text, NULL), 0);
    int listener = address_listen(&f.address, 8, NULL);
    if (listener == -EADDRNOTAVAIL || listener == -EAFNOSUPPORT) {
        finish(&f);
        skip(); /* a machine without IPv6 */
    }
    assert_true(listener >= 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&bound, &size), 0);
    f.address.port = ntohs(bound.sin6_port); /* at the same place in both families */
    strcpy(f.address.name, name);
    start(&f, 2000);
    sockets_turn_until(f.loop, &f.done);
    close(listener);
    if (f.fd >= 0) {
        close(f.fd);
    }
    finish(&f);
    return f.fd < 0 ? f.fd : 0;
}

static void name_with_only_an_ipv6_address_is_reached(void **state)
{
    (void)state;
    assert_int_equal(connect_where_only("tcp:[::1]:0", "six.test"), 0);
    assert_int_equal(connect_where_only("tcp:127.0.0.1:0", "six.test"), -ECONNREFUSED);
}

static void family_that_does_not_answer_is_passed_over(void **state)
{
    (void)state;
    assert_int_equal(connect_where_only("tcp:[::1]:0", "six-first.test"), 0);
    assert_int_equal(connect_where_only("tcp:127.0.0.1:0", "six-first.test"), 0);
    assert_int_equal(connect_where_only("tcp:[::1]:0", "four-first.test"), 0);
}

/* A listener whose backlog is full answers nothing at all, as a host behind a firewall does. */
static void silent_address_costs_no_more_than_its_share(void **state)
{
    enum { FILLERS = 4 };
    struct fixture f;
    struct address silent;
    int filler[FILLERS];

    (void)state;
    begin(&f);
    int listener = sockets_listen_tcp(&f.address); /* on 127.0.0.1, the last of them */
    silent = f.address;
    strcpy(silent.name, "127.0.0.3"); /* the first */
    int deaf = address_listen(&silent, 0, NULL);
    assert_true(deaf >= 0);
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)silent.port)};
    assert_int_equal(inet_pton(AF_INET, silent.name, &name.sin_addr), 1);
    for (int i = 0; i < FILLERS; i++) {
        filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        connect(filler[i], (struct sockaddr *)&name, sizeof name);
    }
    strcpy(f.address.name, "several.test");
    int64_t started = sockets_now();
    start(&f, 900);
    sockets_turn_until(f.loop, &f.done);
    assert_true(f.fd >= 0);
    assert_true(sockets_now() - started >= 290); /* it was tried, for a third of the time; clocks are rounded */
    close(f.fd);
    for (int i = 0; i < FILLERS; i++) {
        close(filler[i]);
    }
    close(deaf);
    close(listener);
    finish(&f);
}

static void slow_lookup_does_not_block_the_loop(void **state)
{
    struct fixture f;
    int64_t begun = sockets_now();

    (void)state;
    begin(&f);
    assert_int_equal(address_parse(&f.address, "tcp:slow.test:80", NULL), 0);
    start(&f, 5000);
    while (!f.done) {
        int64_t before = sockets_now();
        assert_int_equal(loop_turn(f.loop, 20), 0);
        assert_true(sockets_now() - before < SLOW_MS / 2);
    }
    assert_true(sockets_now() - begun >= SLOW_MS);
    assert_int_equal(f.fd, -ENOENT);
    assert_int_equal(strncmp(f.why.text, "failed to resolve hostname \"slow.test\": ", 40), 0);
    finish(&f);
}

static void lookup_that_is_given_up_is_forgotten(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    assert_int_equal(address_parse(&f.address, "tcp:slow.test:80", NULL), 0);
    start(&f, 5000);
    connect_cancel(f.connect);
    start(&f, 50);
    sockets_turn_until(f.loop, &f.done);
    assert_int_equal(f.fd, -ETIMEDOUT);
    sockets_turn_for(f.loop, SLOW_MS + 100); /* both threads end meanwhile, and nobody is told */
    finish(&f);
}

static void lookups_at_the_same_time_are_bounded(void **state)
{
    struct fixture f[RESOLVE_LOOKUPS_MAX + 1];
    struct loop *loop;

    (void)state;
    assert_int_equal(loop_open(&loop), 0);
    memset(f, 0, sizeof f);
    for (size_t i = 0; i <= RESOLVE_LOOKUPS_MAX; i++) {
        f[i].loop = loop;
        assert_int_equal(names_open(&f[i].names, loop), 0); /* of its own: they share no lookup */
        assert_int_equal(address_parse(&f[i].address, "tcp:slow.test:80", NULL), 0);
        start(&f[i], 5000);
    }
    for (size_t i = 0; i <= RESOLVE_LOOKUPS_MAX; i++) {
        sockets_turn_until(loop, &f[i].done);
        names_close(f[i].names);
    }
    assert_int_equal(f[0].fd, -ENOENT);
    assert_int_equal(f[RESOLVE_LOOKUPS_MAX].fd, -EAGAIN);
    loop_close(loop);
}

static void literal_addresses_need_no_lookup(void **state)
{
    union resolve_address address;

    (void)state;
    assert_int_equal(resolve_literal("127.0.0.1", 80, &address), AF_INET);
    assert_int_equal(ntohs(address.v4.sin_port), 80);
    assert_int_equal(resolve_literal("localhost", 80, &address), AF_INET);
    assert_int_equal(ntohl(address.v4.sin_addr.s_addr), INADDR_LOOPBACK);
    assert_int_equal(resolve_literal("::1", 443, &address), AF_INET6);
    assert_int_equal(ntohs(address.v6.sin6_port), 443);
    assert_int_equal(resolve_literal("127.1", 80, &address), 0);
    assert_int_equal(resolve_literal("example.com", 80, &address), 0);
}

static void names_do_not_resolve_where_there_is_no_resolver(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    names_close(f.names);
    f.names = NULL;
    int listener = sockets_listen_tcp(&f.address);
    start(&f, 2000);
    sockets_turn_until(f.loop, &f.done);
    assert_true(f.fd >= 0); /* an address is reached */
    close(f.fd);
    strcpy(f.address.name, "several.test");
    start(&f, 2000);
    sockets_turn_until(f.loop, &f.done);
    assert_int_equal(f.fd, -ENOENT);
    assert_string_equal(
        f.why.text, "failed to resolve hostname \"several.test\": only addresses are reached from here");
    close(listener);
    finish(&f);
}

static void unix_address(struct fixture *f, char folder[static 32], const char *form)
{
    char text[96];

    strcpy(folder, "/tmp/ingot-connect-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(text, sizeof text, "%s:%s/s%s", form, folder, strcmp(form, "hybrid") == 0 ? ":52" : "");
    assert_int_equal(address_parse(&f->address, text, NULL), 0);
}

static int listen_unix(const struct fixture *f, int backlog)
{
    struct address address = f->address;

    address.form = ADDRESS_UNIX;
    int fd = address_listen(&address, backlog, NULL);
    assert_true(fd >= 0);
    return fd;
}

static void remove_unix(struct fixture *f, const char *folder)
{
    f->address.form = ADDRESS_UNIX;
    address_remove(&f->address);
    assert_int_equal(rmdir(folder), 0);
    finish(f);
}

/* A full backlog gives EAGAIN and nothing to wait for. */
static void full_unix_backlog_is_waited_out(void **state)
{
    struct fixture f;
    char folder[32];
    int waiting[8];
    int count = 0;

    (void)state;
    begin(&f);
    unix_address(&f, folder, "unix");
    int listener = listen_unix(&f, 1);
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    strcpy(name.sun_path, f.address.name);
    for (;;) {
        waiting[count] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (connect(waiting[count++], (struct sockaddr *)&name, sizeof name) < 0) {
            break;
        }
        assert_true(count < 8);
    }
    start(&f, 5000);
    unsigned turns = sockets_turn_for(f.loop, 200);
    assert_false(f.done);
    assert_int_in_range(turns, 3, 60); /* every 5 ms */
    close(accept(listener, NULL, NULL));
    sockets_turn_until(f.loop, &f.done);
    assert_true(f.fd >= 0);
    close(f.fd);

    start(&f, 150); /* and full again, until the time is over */
    sockets_turn_until(f.loop, &f.done);
    assert_int_equal(f.fd, -ETIMEDOUT);
    while (count > 0) {
        close(waiting[--count]);
    }
    close(listener);
    remove_unix(&f, folder);
}

/* Accepts, checks the line, sends reply in two pieces, closes. */
static void hybrid_reply(struct fixture *f, int listener, const char *reply, size_t first)
{
    char line[11];
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);

    assert_true(fd >= 0);
    sockets_read(f->loop, fd, line, sizeof line);
    assert_memory_equal(line, "CONNECT 52\n", sizeof line);
    assert_int_equal(send(fd, reply, first, 0), first);
    sockets_turn_for(f->loop, 20);
    if (reply[first] != '\0') {
        assert_int_equal(send(fd, reply + first, strlen(reply + first), MSG_NOSIGNAL), strlen(reply + first));
    }
    sockets_turn_for(f->loop, 20);
    close(fd);
}

static void hybrid_line_is_taken_and_not_one_byte_more(void **state)
{
    static const char reply[] = "OK 7\nOK 8\npayload";
    struct fixture f;
    char folder[32];

    (void)state;
    begin(&f);
    unix_address(&f, folder, "hybrid");
    int listener = listen_unix(&f, 8);
    for (size_t first = 1; first < sizeof reply; first++) {
        char data[12];
        start(&f, 2000);
        hybrid_reply(&f, listener, reply, first);
        sockets_turn_until(f.loop, &f.done);
        assert_true(f.fd >= 0);
        sockets_read(f.loop, f.fd, data, sizeof data);
        assert_memory_equal(data, "OK 8\npayload", sizeof data);
        close(f.fd);
    }
    close(listener);
    remove_unix(&f, folder);
}

static void other_hybrid_answers_are_refused(void **state)
{
    static const struct {
        const char *reply;
        int error;
    } bad[] = {{"", -ECONNREFUSED}, {"OK 7", -ECONNREFUSED}, {"OK\n", -EPROTO}, {"OK x\n", -EPROTO},
        {"NO 7\n", -EPROTO}, {"OK 7 \n", -EPROTO}, {"OK 99999999999999999999999999999999999", -EPROTO}};
    struct fixture f;
    char folder[32];

    (void)state;
    begin(&f);
    unix_address(&f, folder, "hybrid");
    int listener = listen_unix(&f, 8);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        start(&f, 2000);
        hybrid_reply(&f, listener, bad[i].reply, strlen(bad[i].reply));
        sockets_turn_until(f.loop, &f.done);
        assert_int_equal(f.fd, bad[i].error);
        assert_true(f.why.text[0] != '\0');
    }
    start(&f, 100); /* an enclave that says nothing */
    sockets_turn_until(f.loop, &f.done);
    assert_int_equal(f.fd, -ETIMEDOUT);
    close(listener);
    start(&f, 100);
    sockets_turn_until(f.loop, &f.done);
    assert_int_equal(f.fd, -ECONNREFUSED);
    remove_unix(&f, folder);
}

static void cancelled_connect_does_not_call_back(void **state)
{
    struct fixture f;
    char folder[32];

    (void)state;
    begin(&f);
    unix_address(&f, folder, "hybrid");
    int listener = listen_unix(&f, 8);
    start(&f, 2000);
    connect_cancel(f.connect);
    start(&f, 2000);
    sockets_turn_for(f.loop, 10); /* waits for the line */
    connect_cancel(f.connect);
    f.address.form = ADDRESS_UNIX;
    start(&f, 2000); /* connected at once, not told yet */
    connect_cancel(f.connect);
    sockets_turn_for(f.loop, 20);
    assert_false(f.done);
    close(listener);
    remove_unix(&f, folder);
}

/* One connect through remembered names. Returns the error, or 0 with the socket closed again. */
static int connect_named(struct fixture *f)
{
    const struct connect_options options = {.names = f->names};

    f->done = false;
    assert_int_equal(connect_start(&f->connect, f->loop, &f->address, 2000, &options, done, f), 0);
    sockets_turn_until(f->loop, &f->done);
    if (f->fd >= 0) {
        close(f->fd);
    }
    return f->fd < 0 ? f->fd : 0;
}

static void remembered_name_is_looked_up_again_when_it_does_not_answer(void **state)
{
    (void)state;
    struct fixture f;

    begin(&f);
    int server = sockets_listen_tcp(&f.address);
    strcpy(f.address.name, "moving.test");
    moved = "127.0.0.1";
    lookups = 0;
    assert_int_equal(connect_named(&f), 0);
    moved = "127.0.0.9"; /* nobody asks: the answer is remembered */
    assert_int_equal(connect_named(&f), 0);
    assert_int_equal(lookups, 1);

    close(server);
    assert_int_equal(connect_named(&f), -ECONNREFUSED); /* of the new address as well */
    assert_int_equal(lookups, 2);
    moved = "127.0.0.1";
    uint32_t port = f.address.port;
    assert_int_equal(address_parse(&f.address, "tcp:127.0.0.1:0", NULL), 0);
    f.address.port = port;
    server = address_listen(&f.address, 8, NULL);
    assert_true(server >= 0);
    strcpy(f.address.name, "moving.test");
    assert_int_equal(connect_named(&f), 0); /* at once, though the last answer is fresh */
    assert_int_equal(lookups, 3);
    close(server);
    finish(&f);
}

static void remembered_name_is_looked_up_again_after_a_minute(void **state)
{
    (void)state;
    struct fixture f;

    begin(&f);
    int server = sockets_listen_tcp(&f.address);
    strcpy(f.address.name, "moving.test");
    moved = "127.0.0.1";
    lookups = 0;
    assert_int_equal(connect_named(&f), 0);
    seconds_ahead += 55;
    loop_turn(f.loop, 0);
    assert_int_equal(connect_named(&f), 0);
    assert_int_equal(lookups, 1);
    seconds_ahead += 6;
    loop_turn(f.loop, 0);
    assert_int_equal(connect_named(&f), 0);
    assert_int_equal(lookups, 2);
    close(server);
    finish(&f);
}

static void concurrent_lookups_of_a_name_are_one(void **state)
{
    enum { COUNT = 20 };
    (void)state;
    struct fixture f[COUNT] = {0};
    struct names *names;
    struct loop *loop;

    assert_int_equal(loop_open(&loop), 0);
    assert_int_equal(names_open(&names, loop), 0);
    const struct connect_options options = {.names = names};
    lookups = 0;
    for (int i = 0; i < COUNT; i++) {
        f[i].loop = loop;
        f[i].address = (struct address){.form = ADDRESS_TCP, .port = 1, .name = "slow.test"};
        assert_int_equal(connect_start(&f[i].connect, loop, &f[i].address, SOCKETS_PATIENCE, &options, done, &f[i]), 0);
    }
    connect_cancel(f[3].connect); /* the others' lookup goes on */
    for (int i = 0; i < COUNT; i++) {
        if (i != 3) {
            sockets_turn_until(loop, &f[i].done);
            assert_int_equal(f[i].fd, -ENOENT);
        }
    }
    assert_int_equal(lookups, 1);
    assert_false(f[3].done);
    names_close(names);
    loop_close(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tcp_is_connected_without_blocking_afterwards),
        cmocka_unit_test(all_addresses_of_a_name_are_tried),
        cmocka_unit_test(name_with_only_an_ipv6_address_is_reached),
        cmocka_unit_test(family_that_does_not_answer_is_passed_over),
        cmocka_unit_test(silent_address_costs_no_more_than_its_share),
        cmocka_unit_test(slow_lookup_does_not_block_the_loop),
        cmocka_unit_test(lookup_that_is_given_up_is_forgotten),
        cmocka_unit_test(lookups_at_the_same_time_are_bounded),
        cmocka_unit_test(literal_addresses_need_no_lookup),
        cmocka_unit_test(names_do_not_resolve_where_there_is_no_resolver),
        cmocka_unit_test(full_unix_backlog_is_waited_out),
        cmocka_unit_test(hybrid_line_is_taken_and_not_one_byte_more),
        cmocka_unit_test(other_hybrid_answers_are_refused),
        cmocka_unit_test(cancelled_connect_does_not_call_back),
        cmocka_unit_test(remembered_name_is_looked_up_again_when_it_does_not_answer),
        cmocka_unit_test(remembered_name_is_looked_up_again_after_a_minute),
        cmocka_unit_test(concurrent_lookups_of_a_name_are_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
