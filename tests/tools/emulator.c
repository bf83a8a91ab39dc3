/* Tests of tools/emulator as a whole: what QEMU asks and says, and what a guest does to its rings. */
#include "tests/tools/fake_qemu.h"

static void qemu_is_told_what_the_device_is(void **state)
{
    struct world *w = world_new();
    uint64_t number;
    struct {
        uint32_t offset, size, flags;
        uint8_t cid[8];
    } config = {0, 8, 0, {0}};

    (void)state;
    ask(w, 1, 0, NULL, 0, NULL, 0);
    expect_reply(w, 1, &number, 8);
    assert_int_equal(number, UINT64_C(0x170000000));
    ask(w, 15, 0, NULL, 0, NULL, 0);
    expect_reply(w, 15, &number, 8);
    assert_int_equal(number, 1 << 9 | 1 << 3 | 1);
    ask(w, 17, 0, NULL, 0, NULL, 0);
    expect_reply(w, 17, &number, 8);
    assert_int_equal(number, 2);
    ask(w, 24, 0, &config, 20, NULL, 0);
    expect_reply(w, 24, &config, 20);
    assert_int_equal(config.cid[0], 77);
    assert_int_equal(w->ends, 0);
    close(w->qemu);
    w->qemu = -1;
    turns(w, 2);
    assert_int_equal(w->ends, 1);
    assert_string_equal(w->end_reason, "");
    world_free(w);
}

static void what_was_offered_before_the_start_is_taken(void **state)
{
    struct world *w = world_new();
    const uint64_t features = UINT64_C(0x70000000);
    uint64_t kicks;

    (void)state;
    ask(w, 2, 0, &features, 8, NULL, 0);
    set_memory(w);
    send_packet(w, 5, 8101, PACKET_REQUEST, 0, NULL, 0);
    assert_int_equal(read(w->kick[1], &kicks, sizeof kicks), sizeof kicks); /* nobody will say it again */
    start_ring(w, 1);
    turns(w, 5);
    volatile uint16_t *used = (volatile uint16_t *)(w->memory + RING_STRIDE + 0x2000);
    assert_int_equal(used[1], 1);
    world_free(w);
}

static void a_reset_of_the_guest_drops_every_connection(void **state)
{
    struct world *w = world_new();
    int listener = listen_at(w, "port_8101", 5);
    uint32_t base[2];
    char byte;

    (void)state;
    start_guest(w);
    send_packet(w, 5, 8101, PACKET_REQUEST, 0, NULL, 0);
    expect_operation(w, PACKET_RESPONSE);
    int fd = accept(listener, NULL, NULL);
    for (uint32_t i = 0; i < 2; i++) {
        set_vring(w, 18, i, 0);
        set_vring(w, 11, i, 0);
        expect_reply(w, 11, base, 8);
        assert_int_equal(base[0], i);
        assert_int_equal(base[1], 1);
    }
    assert_int_equal(read_host(w, fd, &byte, 1), 0);
    assert_int_equal(emulator_connections(w->emulator), 0);
    close(fd);
    start_guest(w); /* and it comes up again */
    send_packet(w, 5, 8101, PACKET_REQUEST, 0, NULL, 0);
    expect_operation(w, PACKET_RESPONSE);
    close(listener);
    world_free(w);
}

static void a_broken_ring_is_reported_and_drops_every_connection(void **state)
{
    struct world *w = world_new();
    int listener = listen_at(w, "port_8101", 5);
    char byte;

    (void)state;
    start_guest(w);
    send_packet(w, 5, 8101, PACKET_REQUEST, 0, NULL, 0);
    expect_operation(w, PACKET_RESPONSE);
    int fd = accept(listener, NULL, NULL);
    descriptor(w, 1, 9, UINT64_C(1) << 40, 100, 0);
    offer(w, 1, 9);
    assert_int_equal(read_host(w, fd, &byte, 1), 0);
    assert_int_equal(w->logs, 1);
    close(fd);
    close(listener);
    world_free(w);
}

static void messages_that_make_no_sense_end_the_conversation(void **state)
{
    static const struct {
        const char *what;
        uint32_t request, flags, size;
        uint64_t payload[6];
        unsigned fds;
    } rows[] = {
        {"an unknown request", 99, 0, 0, {0}, 0},
        {"version 2", 1, 2, 0, {0}, 0},
        {"a payload that is too short", 9, 0, 8, {0}, 0},
        {"features that were not offered", 2, 0, 8, {1}, 0},
        {"a third ring", 8, 0, 8, {2}, 0},
        {"a kick without its descriptor", 12, 0, 8, {0}, 0},
        {"a call with two descriptors", 13, 0, 8, {0}, 2},
        {"nine regions", 5, 0, 8, {9}, 1},
        {"a region without its bytes", 5, 0, 8, {1}, 1},
        {"a region without its descriptor", 5, 0, 40, {1, GUEST, MEMORY, USER, 0}, 0},
        {"a region larger than its file", 5, 0, 40, {1, GUEST, MEMORY + 1, USER, 0}, 1},
        {"a region behind its file's end", 5, 0, 40, {1, GUEST, MEMORY, USER, 1}, 1},
        {"a region that overflows", 5, 0, 40, {1, GUEST, MEMORY, USER, UINT64_MAX}, 1},
        {"a region at the end of all addresses", 5, 0, 40, {1, UINT64_MAX - 10, MEMORY, USER, 0}, 1},
        {"an empty region", 5, 0, 40, {1, GUEST, 0, USER, 0}, 1},
        {"another part of the configuration", 24, 0, 20, {UINT64_C(8) << 32 | 8, 0, 0}, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world *w = world_new();
        const int fds[2] = {w->memory_fd, w->memory_fd};
        ask(w, rows[i].request, rows[i].flags, rows[i].payload, rows[i].size, fds, rows[i].fds);
        turns(w, 2);
        if (w->ends != 1 || w->end_reason[0] == '\0') {
            fail_msg("%s", rows[i].what);
        }
        world_free(w);
    }
}

static void the_sockets_are_their_owners_alone(void **state)
{
    struct world *w = world_new();
    struct sockaddr_un name = name_of(w, "enclave");
    struct emulator *second;
    struct reason why = {""};
    struct stat status;
    char folder[128];

    (void)state;
    assert_int_equal(lstat(name.sun_path, &status), 0);
    assert_int_equal(status.st_mode, S_IFSOCK | 0600);
    const struct emulator_options in_use = {.folder = w->folder, .heartbeat = on_heartbeat, .ended = on_ended};
    assert_int_equal(emulator_open(&second, w->loop, &in_use, &why), -EADDRINUSE);
    snprintf(folder, sizeof folder, "%s/new", w->folder);
    const struct emulator_options made = {.folder = folder, .heartbeat = on_heartbeat, .ended = on_ended};
    assert_int_equal(emulator_open(&second, w->loop, &made, &why), 0);
    assert_int_equal(stat(folder, &status), 0);
    assert_int_equal(status.st_mode, S_IFDIR | 0700);
    emulator_close(second);
    assert_int_equal(chmod(folder, 0777), 0);
    assert_int_equal(emulator_open(&second, w->loop, &made, &why), -EPERM);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(qemu_is_told_what_the_device_is),
        cmocka_unit_test(what_was_offered_before_the_start_is_taken),
        cmocka_unit_test(a_reset_of_the_guest_drops_every_connection),
        cmocka_unit_test(a_broken_ring_is_reported_and_drops_every_connection),
        cmocka_unit_test(messages_that_make_no_sense_end_the_conversation),
        cmocka_unit_test(the_sockets_are_their_owners_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
