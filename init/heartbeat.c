/* heartbeat: tells the parent's launcher that the enclave runs: one byte to CID 3 port 9000, and the same byte back. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "init/enclave.h"
#include "init/limits.h"
#include "init/log.h"
#include "init/roles.h"
#include "net/vsock.h"

#define PATIENCE_MS (180 * 1000) /* nitro-cli's own */
#define FIRST_PAUSE_MS 20
#define LAST_PAUSE_MS 1000
#define ANSWER_MS 5000 /* for one attempt */

struct heartbeat {
    struct loop *loop;
    struct loop_watch watch;
    struct loop_timer timer; /* the pause before an attempt, or the bound of one */
    int fd;
    bool sent;
    bool done;
    int64_t pause;
    int error; /* of the last attempt */
};

static void attempt_failed(struct heartbeat *heartbeat, int error)
{
    loop_unwatch(heartbeat->loop, &heartbeat->watch);
    if (heartbeat->fd >= 0) {
        close(heartbeat->fd);
        heartbeat->fd = -1;
    }
    heartbeat->error = error;
    (void)loop_after(heartbeat->loop, &heartbeat->timer, heartbeat->pause);
    heartbeat->pause = heartbeat->pause < LAST_PAUSE_MS / 2 ? heartbeat->pause * 2 : LAST_PAUSE_MS;
}

static int send_byte(struct heartbeat *heartbeat)
{
    const uint8_t byte = ROLE_HEARTBEAT_BYTE;
    int error = 0;
    socklen_t size = sizeof error;

    if (getsockopt(heartbeat->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 || error != 0) {
        return error != 0 ? -error : -errno;
    }
    if (send(heartbeat->fd, &byte, 1, MSG_NOSIGNAL) != 1) {
        return -errno;
    }
    heartbeat->sent = true;
    loop_change(heartbeat->loop, &heartbeat->watch, LOOP_READ);
    return 0;
}

static int receive_byte(struct heartbeat *heartbeat)
{
    uint8_t byte = 0;
    ssize_t got = recv(heartbeat->fd, &byte, 1, 0);

    if (got < 0) {
        return errno == EAGAIN ? 0 : -errno;
    }
    if (got == 0 || byte != ROLE_HEARTBEAT_BYTE) {
        return got == 0 ? -ECONNRESET : -EPROTO;
    }
    heartbeat->done = true;
    loop_cancel(heartbeat->loop, &heartbeat->timer);
    loop_unwatch(heartbeat->loop, &heartbeat->watch);
    close(heartbeat->fd);
    heartbeat->fd = -1;
    return 0;
}

static void ready(struct loop_watch *watch, unsigned events)
{
    struct heartbeat *heartbeat = watch->owner;
    int error = heartbeat->sent ? receive_byte(heartbeat) : send_byte(heartbeat);

    (void)events;
    if (error < 0) {
        attempt_failed(heartbeat, error);
    }
}

static void attempt(struct loop_timer *timer)
{
    struct heartbeat *heartbeat = timer->owner;
    int error;

    if (heartbeat->fd >= 0) {
        attempt_failed(heartbeat, -ETIMEDOUT);
        return;
    }
    heartbeat->sent = false;
    heartbeat->fd = vsock_connect(ROLE_PARENT_CID, ROLE_HEARTBEAT_PORT, 0);
    error =
        heartbeat->fd < 0 ? heartbeat->fd : loop_watch(heartbeat->loop, &heartbeat->watch, heartbeat->fd, LOOP_WRITE);
    if (error < 0) {
        attempt_failed(heartbeat, error);
        return;
    }
    (void)loop_after(heartbeat->loop, timer, ANSWER_MS);
}

int step_heartbeat(struct enclave *enclave, struct reason *said)
{
    struct heartbeat heartbeat = {
        .loop = enclave->loop,
        .watch.ready = ready,
        .timer.fired = attempt,
        .fd = -1,
        .pause = FIRST_PAUSE_MS,
    };
    uint64_t available;
    int64_t until = loop_now(enclave->loop) + PATIENCE_MS;
    int error = loop_after(enclave->loop, &heartbeat.timer, 0);

    heartbeat.watch.owner = &heartbeat;
    heartbeat.timer.owner = &heartbeat;
    while (error == 0 && !heartbeat.done) {
        int64_t left = until - loop_now(enclave->loop);
        if (left <= 0) {
            return reason_system(said, heartbeat.error < 0 ? heartbeat.error : -ETIMEDOUT,
                "CID %u port %u did not answer for %d s", ROLE_PARENT_CID, ROLE_HEARTBEAT_PORT, PATIENCE_MS / 1000);
        }
        error = loop_turn(enclave->loop, (int)left);
    }
    if (error < 0) {
        return reason_system(said, error, "the loop of PID 1 has ended");
    }
    error = limits_available(&available, said);
    return error < 0 ? error
                     : reason_set(said, 0, "answered; the enclave is up, %llu KiB of memory are available",
                           (unsigned long long)(available / 1024));
}
