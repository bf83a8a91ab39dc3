/* Tests of tools/emulator as a whole: a QEMU and a driver made by hand in front of it, real Unix sockets behind it. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tools/emulator/emulator.h"
#include "tools/emulator/packet.h"
#include "tools/emulator/peers.h"

/* Guest memory: [rx ring][tx ring][buffers]; guest-physical addresses from GUEST, QEMU's own from USER. */
enum { MEMORY = 1 << 20, ENTRIES = 64, RING_STRIDE = 0x4000, BUFFERS = 0x10000, BUFFER = 4096, PATIENCE_MS = 10000 };
#define GUEST UINT64_C(0x100000)
#define USER UINT64_C(0x7f1234500000)

struct world {
    char folder[64];
    struct faults faults;
    struct loop *loop;
    struct emulator *emulator;
    int qemu; /* our end of vhost-user */
    int memory_fd;
    uint8_t *memory;
    int kick[2], call[2];
    uint16_t seen[2]; /* used entries looked at */
    unsigned heartbeats, ends, logs;
    char end_reason[REASON_SIZE];
};

static void on_heartbeat(void *arg)
{
    ((struct world *)arg)->heartbeats++;
}

static void on_ended(void *arg, const struct reason *why)
{
    struct world *w = arg;

    w->ends++;
    snprintf(w->end_reason, sizeof w->end_reason, "%s", why != NULL ? why->text : "");
}

static void on_log(void *arg, const char *sentence)
{
    assert_true(sentence[0] != '\0');
    ((struct world *)arg)->logs++;
}

static long now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static void turns(struct world *w, int milliseconds)
{
    long start = now();

    do {
        assert_int_equal(loop_turn(w->loop, 1), 0);
    } while (now() - start < milliseconds);
}

/* fault: NULL for none */
static struct world *world_suffering(const char *fault)
{
    struct world *w = calloc(1, sizeof *w);
    struct reason why = {""};

    if (fault != NULL && faults_add(&w->faults, fault, &why) < 0) {
        fail_msg("%s", why.text);
    }
    snprintf(
        w->folder, sizeof w->folder, "%s/emulator.XXXXXX", getenv("TEST_TMP") != NULL ? getenv("TEST_TMP") : "/tmp");
    assert_non_null(mkdtemp(w->folder));
    assert_int_equal(loop_open(&w->loop), 0);
    const struct emulator_options options = {
        .folder = w->folder,
        .guest_cid = 77,
        .heartbeat = on_heartbeat,
        .ended = on_ended,
        .log = on_log,
        .faults = &w->faults,
        .arg = w,
    };
    if (emulator_open(&w->emulator, w->loop, &options, &why) < 0) {
        fail_msg("%s", why.text);
    }
    w->qemu = emulator_descriptor(w->emulator);
    w->memory_fd = memfd_create("guest", MFD_CLOEXEC);
    assert_int_equal(ftruncate(w->memory_fd, MEMORY), 0);
    w->memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, w->memory_fd, 0);
    assert_ptr_not_equal(w->memory, MAP_FAILED);
    for (int i = 0; i < 2; i++) {
        w->kick[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        w->call[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    }
    return w;
}

static struct world *world_new(void)
{
    return world_suffering(NULL);
}

static void world_free(struct world *w)
{
    char command[128];

    emulator_close(w->emulator);
    loop_close(w->loop);
    munmap(w->memory, MEMORY);
    close(w->memory_fd);
    if (w->qemu >= 0) {
        close(w->qemu);
    }
    for (int i = 0; i < 2; i++) {
        close(w->kick[i]);
        close(w->call[i]);
    }
    snprintf(command, sizeof command, "rm -rf '%s'", w->folder);
    assert_int_equal(system(command), 0);
    free(w);
}

/* ---- QEMU ---- */

struct wire_message {
    uint32_t request, flags, size;
    uint8_t payload[300];
};

static void ask(struct world *w, uint32_t request, uint32_t flags, const void *payload, uint32_t size, const int *fds,
    unsigned fd_count)
{
    struct wire_message m = {request, flags | 1, size, {0}};
    union {
        char room[CMSG_SPACE(sizeof(int) * 8)];
        struct cmsghdr align;
    } control;
    struct iovec piece = {&m, 12 + size};
    struct msghdr header = {.msg_iov = &piece, .msg_iovlen = 1};

    if (size > 0) {
        memcpy(m.payload, payload, size);
    }
    memset(&control, 0, sizeof control);
    if (fd_count > 0) {
        header.msg_control = &control;
        header.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
        struct cmsghdr *c = CMSG_FIRSTHDR(&header);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
        memcpy(CMSG_DATA(c), fds, sizeof(int) * fd_count);
    }
    assert_int_equal(sendmsg(w->qemu, &header, MSG_NOSIGNAL), 12 + size);
}

static void expect_reply(struct world *w, uint32_t request, void *payload, uint32_t size)
{
    struct wire_message m;

    turns(w, 2);
    assert_int_equal(recv(w->qemu, &m, 12 + size, MSG_DONTWAIT), 12 + size);
    assert_int_equal(m.request, request);
    assert_int_equal(m.flags, 5);
    assert_int_equal(m.size, size);
    memcpy(payload, m.payload, size);
}

static void set_vring(struct world *w, uint32_t request, uint32_t index, uint32_t number)
{
    const uint32_t state[2] = {index, number};

    ask(w, request, 0, state, sizeof state, NULL, 0);
}

static void set_memory(struct world *w)
{
    const struct {
        uint32_t count, padding;
        uint64_t guest, size, user, offset;
    } table = {1, 0, GUEST, MEMORY, USER, 0};
    uint64_t answer;

    ask(w, 5, 8, &table, sizeof table, &w->memory_fd, 1);
    expect_reply(w, 5, &answer, 8);
    assert_int_equal(answer, 0);
}

static void start_ring(struct world *w, uint32_t index)
{
    const uint64_t base = USER + (uint64_t)index * RING_STRIDE;
    const struct {
        uint32_t index, flags;
        uint64_t descriptors, used, available, log;
    } address = {index, 0, base, base + 0x2000, base + 0x1000, 0};
    const uint64_t number = index;
    uint64_t answer;

    set_vring(w, 8, index, ENTRIES);
    set_vring(w, 10, index, 0);
    ask(w, 9, 0, &address, sizeof address, NULL, 0);
    ask(w, 12, 0, &number, 8, &w->kick[index], 1);
    ask(w, 13, 0, &number, 8, &w->call[index], 1);
    const uint32_t enable[2] = {index, 1};
    ask(w, 18, 8, enable, sizeof enable, NULL, 0);
    expect_reply(w, 18, &answer, 8);
    assert_int_equal(answer, 0);
}

/* ---- the driver: rx buffers are descriptors 0…, tx packets use one descriptor each, in turn ---- */

static void descriptor(struct world *w, unsigned ring, unsigned index, uint64_t address, uint32_t size, uint16_t flags)
{
    struct ring_descriptor d = {address, size, flags, 0};

    memcpy(w->memory + ring * RING_STRIDE + index * sizeof d, &d, sizeof d);
}

static void offer(struct world *w, unsigned ring, uint16_t head)
{
    volatile uint16_t *available = (volatile uint16_t *)(w->memory + ring * RING_STRIDE + 0x1000);
    const uint64_t one = 1;

    available[2 + available[1] % ENTRIES] = head;
    __atomic_store_n(&available[1], (uint16_t)(available[1] + 1), __ATOMIC_RELEASE);
    assert_int_equal(write(w->kick[ring], &one, sizeof one), sizeof one);
}

static uint8_t *buffer_at(struct world *w, unsigned ring, unsigned index, uint64_t *address)
{
    size_t offset = BUFFERS + (size_t)(ring * ENTRIES + index) * BUFFER;

    *address = GUEST + offset;
    return w->memory + offset;
}

static void offer_buffer(struct world *w, unsigned index, uint32_t size)
{
    uint64_t address;

    buffer_at(w, 0, index, &address);
    descriptor(w, 0, index, address, size, RING_WRITE);
    offer(w, 0, (uint16_t)index);
}

/* A guest without buffers. */
static void start_device(struct world *w)
{
    const uint64_t features = UINT64_C(0x70000000);

    memset(w->memory, 0, MEMORY);
    w->seen[0] = w->seen[1] = 0;
    ask(w, 2, 0, &features, 8, NULL, 0);
    set_memory(w);
    start_ring(w, 0);
    start_ring(w, 1);
}

static void start_guest(struct world *w)
{
    start_device(w);
    for (unsigned i = 0; i < ENTRIES; i++) {
        offer_buffer(w, i, BUFFER);
    }
}

static void send_packet(struct world *w, uint32_t guest_port, uint32_t host_port, unsigned operation, uint32_t flags,
    const void *payload, size_t size)
{
    const struct packet_header header = {
        .src_cid = 77,
        .dst_cid = VSOCK_HOST_CID,
        .src_port = guest_port,
        .dst_port = host_port,
        .size = (uint32_t)size,
        .type = PACKET_STREAM,
        .operation = (uint16_t)operation,
        .flags = flags,
        .buf_alloc = 262144,
    };
    volatile uint16_t *available = (volatile uint16_t *)(w->memory + RING_STRIDE + 0x1000);
    unsigned index = available[1] % ENTRIES;
    uint64_t address;
    uint8_t *buffer = buffer_at(w, 1, index, &address);

    memcpy(buffer, &header, sizeof header);
    if (size > 0) {
        memcpy(buffer + sizeof header, payload, size);
    }
    descriptor(w, 1, index, address, (uint32_t)(sizeof header + size), 0);
    offer(w, 1, (uint16_t)index);
}

/* The next packet from the device; its buffer stays used. */
static struct packet_header take_packet(struct world *w, void *payload, size_t room, uint32_t *index)
{
    volatile uint16_t *used = (volatile uint16_t *)(w->memory + 0x2000);
    struct packet_header header;
    uint32_t entry[2];
    uint64_t address;

    for (int i = 0; i < PATIENCE_MS && used[1] == w->seen[0]; i++) {
        turns(w, 1);
    }
    if (used[1] == w->seen[0]) {
        fail_msg("no packet came");
    }
    memcpy(entry, w->memory + 0x2004 + 8 * (size_t)(w->seen[0]++ % ENTRIES), sizeof entry);
    *index = entry[0];
    const uint8_t *buffer = buffer_at(w, 0, entry[0], &address);
    memcpy(&header, buffer, sizeof header);
    assert_int_equal(entry[1], sizeof header + header.size);
    assert_true(header.size <= room);
    if (header.size > 0) {
        memcpy(payload, buffer + sizeof header, header.size);
    }
    return header;
}

/* The same, and its buffer is offered again. */
static struct packet_header receive_packet(struct world *w, void *payload, size_t room)
{
    uint32_t index;
    struct packet_header header = take_packet(w, payload, room, &index);

    offer(w, 0, (uint16_t)index);
    return header;
}

static void expect_operation(struct world *w, unsigned operation)
{
    uint8_t bytes[BUFFER];

    assert_int_equal(receive_packet(w, bytes, sizeof bytes).operation, operation);
}

/* ---- the host ---- */

static struct sockaddr_un name_of(struct world *w, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", w->folder, name);
    return address;
}

static int listen_at(struct world *w, const char *name, int backlog)
{
    struct sockaddr_un address = name_of(w, name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, backlog), 0);
    return fd;
}

static int dial(struct world *w, const char *text)
{
    struct sockaddr_un address = name_of(w, "enclave");
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
    return fd;
}

/* Reads until size bytes or the end have come; returns how many. */
static size_t read_host(struct world *w, int fd, char *bytes, size_t size)
{
    size_t have = 0;

    for (int i = 0; i < PATIENCE_MS && have < size; i++) {
        ssize_t got = recv(fd, bytes + have, size - have, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN)) {
            return have;
        }
        have += got > 0 ? (size_t)got : 0;
        turns(w, 1);
    }
    if (have < size) {
        fail_msg("neither the bytes nor the end came");
    }
    return have;
}

/* ---- tests ---- */

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
        cmocka_unit_test(the_heartbeat_is_answered_and_told_once),
        cmocka_unit_test(a_heartbeat_is_answered_when_its_time_has_come),
        cmocka_unit_test(the_guest_reaches_a_unix_socket),
        cmocka_unit_test(what_was_offered_before_the_start_is_taken),
        cmocka_unit_test(half_closes_cross_both_ways),
        cmocka_unit_test(a_full_backlog_is_waited_for),
        cmocka_unit_test(the_host_reaches_the_guest_and_may_pipeline),
        cmocka_unit_test(a_line_may_come_in_pieces),
        cmocka_unit_test(refusal_is_an_end_without_a_line),
        cmocka_unit_test(a_guest_that_is_not_up_refuses_after_a_while),
        cmocka_unit_test(a_reset_of_the_guest_drops_every_connection),
        cmocka_unit_test(a_broken_ring_is_reported_and_drops_every_connection),
        cmocka_unit_test(a_delay_comes_before_each_reading_and_each_writing),
        cmocka_unit_test(a_delay_holds_up_no_other_connection),
        cmocka_unit_test(an_end_comes_behind_the_delay_with_the_bytes),
        cmocka_unit_test(messages_that_make_no_sense_end_the_conversation),
        cmocka_unit_test(the_sockets_are_their_owners_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
