/* faults: what a hostile or unlucky parent does, as the user asks for it: which connections, and from which byte on. */
#ifndef INGOT_TOOLS_EMULATOR_FAULTS_H
#define INGOT_TOOLS_EMULATOR_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/reason.h"

#define FAULTS_MAX 32 /* of one run */
#define FAULTS_NEVER UINT64_MAX
#define FAULTS_DELAY_MAX 60000u

/* What one connection suffers; a byte count is of those towards the enclave. All zero but the counts: nothing. */
struct fault {
    uint32_t delay_ms;    /* before each read and write on the parent's side */
    uint64_t drop;        /* behind so many bytes the parent closes both directions, as a service that ends */
    uint64_t reset;       /* behind so many bytes: RST */
    uint64_t half_close;  /* behind so many bytes the parent ends its own direction, and still takes the other */
    bool refuse;          /* RST in place of an acceptance */
    bool stall;           /* the parent takes no byte from the enclave */
    bool one_byte;        /* each packet to the enclave carries one byte */
    bool no_credit;       /* the parent never says that it has taken bytes */
    bool no_packet_limit; /* only the enclave's buffer bounds what is sent, not the number of packets */
};

/* How one heartbeat is answered. */
enum fault_heartbeat { FAULT_HEARTBEAT_RIGHT, FAULT_HEARTBEAT_LATE, FAULT_HEARTBEAT_WRONG };
#define FAULT_LATE_MS 7000 /* later than the enclave waits for one answer */

enum fault_word {
    FAULT_DELAY,
    FAULT_DROP,
    FAULT_RESET,
    FAULT_HALF_CLOSE,
    FAULT_REFUSE,
    FAULT_STALL,
    FAULT_ONE_BYTE,
    FAULT_NO_CREDIT,
    FAULT_NO_PACKET_LIMIT,
    FAULT_HEARTBEAT,
    FAULT_SECRETS_TWICE,
    FAULT_PARENT_RESTART,
    FAULT_WORDS
};

struct fault_rule {
    enum fault_word word;
    uint64_t value;
    uint32_t port; /* vsock port of the side that is called; 0: any but heartbeat and secrets */
    uint64_t left; /* connections that it still concerns */
};

/* Zeroed: none. */
struct faults {
    struct fault_rule rules[FAULTS_MAX];
    unsigned count;
    uint32_t secrets_port; /* spared by rules without a port; 0: there is none */
};

/*
 * Adds WORD[=VALUE][@PORT][/COUNT]: for connections to PORT, to the first COUNT of them. 0, or -EINVAL with a sentence
 * that says what there is; the caller puts the text in front of it.
 */
int faults_add(struct faults *faults, const char *text, struct reason *why);

/* What a new connection to port suffers; counts it. */
struct fault faults_pick(struct faults *faults, uint32_t port);
/* The same of a heartbeat. */
enum fault_heartbeat faults_heartbeat(struct faults *faults);
/* Whether there is such a fault of the whole run; *value is its value, where it is given. */
bool faults_has(const struct faults *faults, enum fault_word word, uint64_t *value);

#endif
