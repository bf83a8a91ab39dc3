/* fake_qemu: a QEMU and a driver made by hand, in front of an emulator with real Unix sockets behind it. */
#ifndef INGOT_TESTS_TOOLS_FAKE_QEMU_H
#define INGOT_TESTS_TOOLS_FAKE_QEMU_H

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

static inline void on_heartbeat(void *arg)
{
    ((struct world *)arg)->heartbeats++;
}

static inline void on_ended(void *arg, const struct reason *why)
{
    struct world *w = arg;

    w->ends++;
    snprintf(w->end_reason, sizeof w->end_reason, "%s", why != NULL ? why->text : "");
}

static inline void on_log(void *arg, const char *sentence)
{
    assert_true(sentence[0] != '\0');
    ((struct world *)arg)->logs++;
}

static inline long now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static inline void turns(struct world *w, int milliseconds)
{
    long start = now();

    do {
        assert_int_equal(loop_turn(w->loop, 1), 0);
    } while (now() - start < milliseconds);
}

/* fault: NULL for none */
static inline struct world *world_suffering(const char *fault)
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

static inline struct world *world_new(void)
{
    return world_suffering(NULL);
}

static inline void world_free(struct world *w)
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

static inline void ask(struct world *w, uint32_t request, uint32_t flags, const void *payload, uint32_t size,
    const int *fds, unsigned fd_count)
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

static inline void expect_reply(struct world *w, uint32_t request, void *payload, uint32_t size)
{
    struct wire_message m;

    turns(w, 2);
    assert_int_equal(recv(w->qemu, &m, 12 + size, MSG_DONTWAIT), 12 + size);
    assert_int_equal(m.request, request);
    assert_int_equal(m.flags, 5);
    assert_int_equal(m.size, size);
    memcpy(payload, m.payload, size);
}

static inline void set_vring(struct world *w, uint32_t request, uint32_t index, uint32_t number)
{
    const uint32_t state[2] = {index, number};

    ask(w, request, 0, state, sizeof state, NULL, 0);
}

static inline void set_memory(struct world *w)
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

static inline void start_ring(struct world *w, uint32_t index)
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

static inline void descriptor(
    struct world *w, unsigned ring, unsigned index, uint64_t address, uint32_t size, uint16_t flags)
{
    struct ring_descriptor d = {address, size, flags, 0};

    memcpy(w->memory + ring * RING_STRIDE + index * sizeof d, &d, sizeof d);
}

static inline void offer(struct world *w, unsigned ring, uint16_t head)
{
    volatile uint16_t *available = (volatile uint16_t *)(w->memory + ring * RING_STRIDE + 0x1000);
    const uint64_t one = 1;

    available[2 + available[1] % ENTRIES] = head;
    __atomic_store_n(&available[1], (uint16_t)(available[1] + 1), __ATOMIC_RELEASE);
    assert_int_equal(write(w->kick[ring], &one, sizeof one), sizeof one);
}

static inline uint8_t *buffer_at(struct world *w, unsigned ring, unsigned index, uint64_t *address)
{
    size_t offset = BUFFERS + (size_t)(ring * ENTRIES + index) * BUFFER;

    *address = GUEST + offset;
    return w->memory + offset;
}

static inline void offer_buffer(struct world *w, unsigned index, uint32_t size)
{
    uint64_t address;

    buffer_at(w, 0, index, &address);
    descriptor(w, 0, index, address, size, RING_WRITE);
    offer(w, 0, (uint16_t)index);
}

/* A guest without buffers. */
static inline void start_device(struct world *w)
{
    const uint64_t features = UINT64_C(0x70000000);

    memset(w->memory, 0, MEMORY);
    w->seen[0] = w->seen[1] = 0;
    ask(w, 2, 0, &features, 8, NULL, 0);
    set_memory(w);
    start_ring(w, 0);
    start_ring(w, 1);
}

static inline void start_guest(struct world *w)
{
    start_device(w);
    for (unsigned i = 0; i < ENTRIES; i++) {
        offer_buffer(w, i, BUFFER);
    }
}

static inline void send_packet(struct world *w, uint32_t guest_port, uint32_t host_port, unsigned operation,
    uint32_t flags, const void *payload, size_t size)
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
static inline struct packet_header take_packet(struct world *w, void *payload, size_t room, uint32_t *index)
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
static inline struct packet_header receive_packet(struct world *w, void *payload, size_t room)
{
    uint32_t index;
    struct packet_header header = take_packet(w, payload, room, &index);

    offer(w, 0, (uint16_t)index);
    return header;
}

static inline void expect_operation(struct world *w, unsigned operation)
{
    uint8_t bytes[BUFFER];

    assert_int_equal(receive_packet(w, bytes, sizeof bytes).operation, operation);
}

/* ---- the host ---- */

static inline struct sockaddr_un name_of(struct world *w, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", w->folder, name);
    return address;
}

static inline int listen_at(struct world *w, const char *name, int backlog)
{
    struct sockaddr_un address = name_of(w, name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, backlog), 0);
    return fd;
}

static inline int dial(struct world *w, const char *text)
{
    struct sockaddr_un address = name_of(w, "enclave");
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
    return fd;
}

/* Reads until size bytes or the end have come; returns how many. */
static inline size_t read_host(struct world *w, int fd, char *bytes, size_t size)
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

#endif
