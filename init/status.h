/* status: PID 1's answer on the vsock port of [inbound status]: what happens inside, as one JSON document. */
#ifndef INGOT_INIT_STATUS_H
#define INGOT_INIT_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"
#include "image/budget.h"
#include "init/counters.h"
#include "net/loop.h"

/*
 *   the parent connects ── PID 1 asks the relay, waits STATUS_ASK_MS at most ── one document, and the end
 *
 * Only where it is measured, only for CID 3, STATUS_PLACES connections at a time; others wait in the queue. Who does
 * not read is cut off after STATUS_MS. Nothing that comes in is read. A role that does not answer is "unknown".
 *
 * docs/status.md says what the document holds: names, numbers and times; never a secret, a byte of a certificate or of
 * a connection.
 */
#define STATUS_PLACES BUDGET_STATUS_PLACES
#define STATUS_QUEUE 8
#define STATUS_MS 5000
#define STATUS_ASK_MS 250
#define STATUS_REPORT_MS 60000 /* between two lines of counters in the log, where the image has one */
/* Bytes of a document: its fixed part, one listener, one host or certificate, each at its longest. */
#define STATUS_FIXED BUDGET_STATUS_FIXED
#define STATUS_EACH BUDGET_STATUS_EACH

struct enclave;

struct status_place {
    struct enclave *enclave;
    struct loop_watch watch;
    struct loop_timer deadline;
    int fd; /* -1: free */
    char *text;
    size_t size;
    size_t sent;
};

struct status {
    struct loop_watch listener;
    struct loop_watch relay; /* on enclave.relay_control */
    struct loop_timer patience;
    bool asking;
    struct loop_timer report; /* the next line of counters for the log (init/journal.h) */
    bool report_due;
    struct counters counters;
    struct status_place places[STATUS_PLACES];
};

/* From here on it answers, where the image measures it, and counters go into its log. 0 or -errno. */
int status_open(struct enclave *enclave, struct reason *why);

/* roles.c: enclave->relay_control is about to be replaced, or has been. */
void status_relay_gone(struct enclave *enclave);
void status_relay_started(struct enclave *enclave);

/* status_text.c: the document, malloc'd, and its length; -errno. relay_known: the counters are those of now. */
long status_text(const struct enclave *enclave, bool relay_known, char **text);

#endif
