/* journal: what PID 1 has to report, as JSON lines to the parent's vsock port of `[log] to`; bounded, never waited for.
 */
#include "init/journal.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json_text.h"
#include "init/counters.h"
#include "init/log.h"
#include "init/roles.h"
#include "net/vsock.h"

/* ---- The ring ---- */

static char ring_at(const struct journal_ring *ring, size_t place)
{
    return ring->data[(ring->first + place) % JOURNAL_RING];
}

static size_t oldest_size(const struct journal_ring *ring)
{
    size_t size = 0;

    while (size < ring->used && ring_at(ring, size) != '\n') {
        size++;
    }
    return size + 1;
}

static void forget_oldest(struct journal_ring *ring)
{
    size_t size = oldest_size(ring);

    ring->first = (ring->first + size) % JOURNAL_RING;
    ring->used -= size;
}

void journal_ring_put(struct journal_ring *ring, const char *line, size_t size)
{
    ring->lines++;
    if (size + 1 > JOURNAL_LINE_MAX) {
        ring->dropped++;
        ring->untold++;
        return;
    }
    while (ring->used + size + 1 > JOURNAL_RING) {
        forget_oldest(ring);
        ring->dropped++;
        ring->untold++;
    }
    for (size_t i = 0; i <= size; i++) {
        ring->data[(ring->first + ring->used++) % JOURNAL_RING] = i < size ? line[i] : '\n';
    }
}

size_t journal_ring_take(struct journal_ring *ring, char line[static JOURNAL_LINE_MAX])
{
    size_t size;

    if (ring->untold > 0) {
        int length = snprintf(line, JOURNAL_LINE_MAX, "{\"event\":\"dropped\",\"lines\":%" PRIu64 "}\n", ring->untold);
        ring->untold = 0;
        return (size_t)length;
    }
    if (ring->used == 0) {
        return 0;
    }
    size = oldest_size(ring);
    for (size_t i = 0; i < size; i++) {
        line[i] = ring_at(ring, i);
    }
    forget_oldest(ring);
    return size;
}

/* ---- Sending ---- */

static struct {
    struct journal_ring ring;
    uint32_t port;
    bool off; /* the image wants none */

    struct loop *loop; /* NULL until journal_open() */
    struct loop_watch watch;
    struct loop_timer again;
    int fd; /* where loop is not NULL; -1: none */
    bool connected;
    int64_t pause;
    char line[JOURNAL_LINE_MAX]; /* on its way */
    size_t size;
    size_t sent;
} journal;

/* Sends what goes. 0: all is out; -EAGAIN: more another time; another -errno: the connection is no more. */
static int send_lines(void)
{
    for (;;) {
        if (journal.sent == journal.size) {
            journal.size = journal_ring_take(&journal.ring, journal.line);
            journal.sent = 0;
        }
        if (journal.size == 0) {
            return 0;
        }
        ssize_t sent =
            send(journal.fd, journal.line + journal.sent, journal.size - journal.sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EINTR) {
            return -errno;
        }
        journal.sent += sent > 0 ? (size_t)sent : 0;
    }
}

static void disconnect(void)
{
    loop_unwatch(journal.loop, &journal.watch);
    if (journal.fd >= 0) {
        close(journal.fd);
    }
    journal.fd = -1;
    journal.connected = false;
    journal.sent = 0; /* the line goes again, whole */
    (void)loop_after(journal.loop, &journal.again, journal.pause);
    journal.pause = journal.pause < JOURNAL_LAST_MS / 2 ? journal.pause * 2 : JOURNAL_LAST_MS;
}

static int connect_result(void)
{
    int error = 0;
    socklen_t size = sizeof error;

    return getsockopt(journal.fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 ? -errno : -error;
}

static void ready(struct loop_watch *watch, unsigned events)
{
    char nothing[256]; /* nobody has to say anything here; its end is seen */
    int error = 0;

    (void)watch;
    if (!journal.connected) {
        error = connect_result();
        journal.connected = error == 0;
    }
    if (error == 0 && (events & (LOOP_READ | LOOP_HANGUP)) != 0) {
        ssize_t got = recv(journal.fd, nothing, sizeof nothing, MSG_DONTWAIT);
        error = got == 0 ? -EPIPE : got < 0 && errno != EAGAIN && errno != EINTR ? -errno : 0;
    }
    if (error == 0) {
        error = send_lines();
        if (error == 0) {
            journal.pause = JOURNAL_FIRST_MS;
        }
        loop_change(journal.loop, &journal.watch, error == -EAGAIN ? LOOP_READ | LOOP_WRITE : LOOP_READ);
    }
    if (error < 0 && error != -EAGAIN) {
        disconnect();
    }
}

static void again(struct loop_timer *timer)
{
    (void)timer;
    journal.fd = vsock_connect(ROLE_PARENT_CID, journal.port, VSOCK_BUFFER_MIN);
    if (journal.fd < 0 || loop_watch(journal.loop, &journal.watch, journal.fd, LOOP_WRITE) < 0) {
        disconnect();
    }
}

int journal_open(struct loop *loop, struct reason *why)
{
    if (journal.off || journal.port == 0) {
        return 0;
    }
    journal.loop = loop;
    journal.fd = -1;
    journal.pause = JOURNAL_FIRST_MS;
    journal.watch.ready = ready;
    journal.again.fired = again;
    int error = loop_after(loop, &journal.again, 0);
    return error < 0 ? reason_system(why, error, "cannot send a log") : 0;
}

/* Waits until the socket is as asked, or the time is over. */
static bool wait_for(short events, int64_t until)
{
    struct pollfd waiting = {.fd = journal.fd, .events = events};
    int64_t left = until - log_clock();

    return left > 0 && poll(&waiting, 1, (int)left) > 0;
}

void journal_flush(void)
{
    int64_t until = log_clock() + JOURNAL_FLUSH_MS;
    int error = -EAGAIN;
    char nothing[256];

    if (journal.port == 0) {
        return;
    }
    if (journal.loop == NULL || journal.fd < 0) {
        journal.fd = vsock_connect(ROLE_PARENT_CID, journal.port, VSOCK_BUFFER_MIN);
        journal.connected = false;
    }
    while (journal.fd >= 0 && error == -EAGAIN && wait_for(POLLOUT, until)) {
        if (!journal.connected) {
            error = connect_result();
            journal.connected = error == 0;
        }
        error = journal.connected ? send_lines() : error;
    }
    /* The machine stops behind this: the receiver has all of it when it closes its side. */
    if (journal.fd >= 0 && error == 0 && shutdown(journal.fd, SHUT_WR) == 0) {
        while (wait_for(POLLIN, until) && recv(journal.fd, nothing, sizeof nothing, MSG_DONTWAIT) > 0) {
        }
    }
}

/* ---- Lines ---- */

static void begin(struct json_text *json, char *line, const char *event)
{
    json_text_start(json, line, JOURNAL_LINE_MAX);
    json_text_open(json, NULL, '{');
    json_text_number(json, "ms", log_clock() - log_start());
    json_text_string(json, "event", event);
}

static void keep(struct json_text *json)
{
    json_text_close(json, '}');
    long size = json_text_finish(json);
    journal_ring_put(&journal.ring, json->data, size >= 0 ? (size_t)size : JOURNAL_LINE_MAX);
    if (journal.loop != NULL && journal.connected) {
        loop_change(journal.loop, &journal.watch, LOOP_READ | LOOP_WRITE);
    }
}

void journal_event(const char *event, const char *key, const char *value, const char *text)
{
    char line[JOURNAL_LINE_MAX];
    struct json_text json;

    if (journal.off) {
        return;
    }
    begin(&json, line, event);
    if (key != NULL) {
        json_text_string(&json, key, value);
    }
    if (text != NULL) {
        json_text_string(&json, "text", text);
    }
    keep(&json);
}

void journal_output(const char *text, size_t size, bool more)
{
    char line[JOURNAL_LINE_MAX];
    struct json_text json;

    begin(&json, line, "app");
    json_text_bytes(&json, "text", text, size);
    if (more) {
        json_text_boolean(&json, "more", true);
    }
    keep(&json);
}

void journal_counters(uint64_t available_kib, const struct counters_row *sum)
{
    char line[JOURNAL_LINE_MAX];
    struct json_text json;

    if (journal.off) {
        return;
    }
    begin(&json, line, "counters");
    json_text_unsigned(&json, "available_kib", available_kib);
    if (sum != NULL) {
        json_text_unsigned(&json, "open", sum->open);
        json_text_unsigned(&json, "accepted", sum->accepted);
        json_text_unsigned(&json, "broken", sum->broken);
        json_text_unsigned(&json, "refused", sum->refused);
        json_text_unsigned(&json, "failed", sum->failed);
        json_text_unsigned(&json, "bytes_out", sum->bytes_out);
        json_text_unsigned(&json, "bytes_in", sum->bytes_in);
    }
    keep(&json);
}

void journal_port(uint32_t port)
{
    journal.port = port;
    journal.off = port == 0;
}

void journal_counts(uint64_t *lines, uint64_t *dropped)
{
    *lines = journal.ring.lines;
    *dropped = journal.ring.dropped;
}
