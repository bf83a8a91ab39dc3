/* status: PID 1's answer on the vsock port of [inbound status]: what happens inside, as one JSON document. */
#include "init/status.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "init/enclave.h"
#include "init/journal.h"
#include "init/limits.h"
#include "init/log.h"
#include "init/roles.h"
#include "net/vsock.h"

#define NAME "status"

/* ---- Connections ---- */

static void place_over(struct status_place *place)
{
    struct enclave *enclave = place->enclave;

    loop_cancel(enclave->loop, &place->deadline);
    loop_unwatch(enclave->loop, &place->watch);
    close(place->fd);
    free(place->text);
    place->fd = -1;
    place->text = NULL;
    loop_change(enclave->loop, &enclave->status.listener, LOOP_READ); /* there is a place again */
}

static void deadline_passed(struct loop_timer *timer)
{
    place_over(timer->owner);
}

/* Writes what goes; after the last byte there is nothing to wait for. */
static void place_ready(struct loop_watch *watch, unsigned events)
{
    struct status_place *place = watch->owner;

    if ((events & LOOP_HANGUP) != 0) {
        place_over(place);
        return;
    }
    while (place->sent < place->size) {
        size_t left = place->size - place->sent;
        ssize_t sent = send(place->fd, place->text + place->sent, left < VSOCK_WRITE_MAX ? left : VSOCK_WRITE_MAX,
            MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (sent < 0) {
            break;
        }
        place->sent += (size_t)sent;
    }
    (void)shutdown(place->fd, SHUT_WR);
    place_over(place);
}

static void report(struct enclave *enclave, bool relay_known)
{
    const struct counters *counters = &enclave->status.counters;
    uint64_t available = 0;

    enclave->status.report_due = false;
    (void)limits_available(&available, NULL);
    journal_counters(available / 1024, relay_known ? &counters->rows[counters->row_count - 1] : NULL);
}

/* The counters have come, or will not: whoever waits is answered. */
static void answer(struct enclave *enclave, bool relay_known)
{
    enclave->status.asking = false;
    loop_cancel(enclave->loop, &enclave->status.patience);
    if (enclave->status.report_due) {
        report(enclave, relay_known);
    }
    for (size_t i = 0; i < STATUS_PLACES; i++) {
        struct status_place *place = &enclave->status.places[i];
        if (place->fd < 0 || place->text != NULL) {
            continue;
        }
        long size = status_text(enclave, relay_known, &place->text);
        if (size < 0) {
            log_line(NAME, "no memory for an answer");
            place_over(place);
            continue;
        }
        place->size = (size_t)size;
        loop_change(enclave->loop, &place->watch, LOOP_WRITE);
    }
}

/* ---- The relay's part ---- */

static void patience_over(struct loop_timer *timer)
{
    answer(timer->owner, false);
}

static void ask(struct enclave *enclave)
{
    struct status *status = &enclave->status;

    if (status->asking) {
        return;
    }
    if (!status->relay.active || counters_ask(&status->counters, enclave->relay_control) < 0 ||
        loop_after(enclave->loop, &status->patience, STATUS_ASK_MS) < 0) {
        answer(enclave, false);
        return;
    }
    status->asking = true;
}

static void report_due(struct loop_timer *timer)
{
    struct enclave *enclave = timer->owner;

    (void)loop_after(enclave->loop, timer, STATUS_REPORT_MS); /* the timer has its place: it can't fail */
    enclave->status.report_due = true;
    ask(enclave);
}

static void relay_ready(struct loop_watch *watch, unsigned events)
{
    struct enclave *enclave = watch->owner;
    char message[sizeof(struct counters_message) + 1];
    ssize_t got = recv(watch->fd, message, sizeof message, MSG_DONTWAIT);
    int error = 0;

    (void)events;
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (got > 0 && counters_take(&enclave->status.counters, message, (size_t)got, &error)) {
        answer(enclave, true);
    }
    if (got <= 0 || error < 0) {
        if (got > 0) {
            log_line(ROLE_RELAY, "the role does not keep to its protocol");
        }
        loop_unwatch(enclave->loop, watch); /* its end is seen as that of a process */
    }
}

void status_relay_gone(struct enclave *enclave)
{
    loop_unwatch(enclave->loop, &enclave->status.relay);
    enclave->status.counters.due = 0;
}

void status_relay_started(struct enclave *enclave)
{
    if (enclave->status.counters.rows != NULL &&
        loop_watch(enclave->loop, &enclave->status.relay, enclave->relay_control, LOOP_READ) < 0) {
        log_line(NAME, "cannot listen to the relay");
    }
}

/* ---- The listener ---- */

static void accept_ready(struct loop_watch *watch, unsigned events)
{
    struct enclave *enclave = watch->owner;
    struct status_place *place = NULL;
    uint32_t cid;
    int fd;

    (void)events;
    for (size_t i = 0; i < STATUS_PLACES && place == NULL; i++) {
        place = enclave->status.places[i].fd < 0 ? &enclave->status.places[i] : NULL;
    }
    if (place == NULL) {
        loop_change(enclave->loop, watch, 0); /* until place_over() */
        return;
    }
    fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        return;
    }
    if (vsock_peer(fd, &cid) < 0 || cid != ROLE_PARENT_CID || loop_watch(enclave->loop, &place->watch, fd, 0) < 0) {
        close(fd);
        return;
    }
    place->fd = fd;
    place->size = 0;
    place->sent = 0;
    if (loop_after(enclave->loop, &place->deadline, STATUS_MS) < 0) {
        place_over(place);
        return;
    }
    ask(enclave);
}

int status_open(struct enclave *enclave, struct reason *why)
{
    struct status *status = &enclave->status;
    int error;

    if (enclave->status_fd < 0 && enclave->config.log_port == 0) {
        return 0;
    }
    status->counters.row_count = counters_rows(&enclave->config);
    status->counters.rows = calloc(status->counters.row_count, sizeof *status->counters.rows);
    if (status->counters.rows == NULL) {
        return reason_set(why, -ENOMEM, "no memory for the relay's counters");
    }
    for (size_t i = 0; i < STATUS_PLACES; i++) {
        struct status_place *place = &status->places[i];
        *place = (struct status_place){.enclave = enclave, .fd = -1};
        place->watch.ready = place_ready;
        place->watch.owner = place;
        place->deadline.fired = deadline_passed;
        place->deadline.owner = place;
    }
    status->relay.ready = relay_ready;
    status->relay.owner = enclave;
    status->patience.fired = patience_over;
    status->patience.owner = enclave;
    status->listener.ready = accept_ready;
    status->listener.owner = enclave;
    status->report.fired = report_due;
    status->report.owner = enclave;
    error = enclave->status_fd >= 0 ? loop_watch(enclave->loop, &status->listener, enclave->status_fd, LOOP_READ) : 0;
    if (error == 0 && enclave->config.log_port != 0) {
        error = loop_after(enclave->loop, &status->report, STATUS_REPORT_MS);
    }
    return error < 0 ? reason_system(why, error, "cannot wait for [inbound status]") : 0;
}
