/* relay_counters: what came of a listener's connections, or of many listeners'. */
#ifndef INGOT_NET_RELAY_COUNTERS_H
#define INGOT_NET_RELAY_COUNTERS_H

#include <stdint.h>

#include "net/relay.h"

/* Upper bounds of the connect times' classes, in milliseconds; one class more holds what took longer. */
#define RELAY_CONNECT_CLASSES 13
extern const unsigned relay_connect_bounds[RELAY_CONNECT_CLASSES];

struct relay_counters {
    uint64_t accepted;            /* all that follow included */
    uint64_t refused;             /* at the bound, or from a CID that is not allowed */
    uint64_t failed;              /* the target was not reached */
    uint64_t unresolved;          /* of these: its name has no address */
    uint64_t ended;               /* relayed to a clean end of both directions */
    uint64_t broken;              /* ended by a reset or a limit */
    struct relay_traffic traffic; /* a: the accepted sides, b: the targets; those that are open included; no time */
    uint64_t connect_count[RELAY_CONNECT_CLASSES + 1]; /* targets reached, by the time that it took */
    uint64_t connect_ms;                               /* the sum of these times */
    unsigned open;                                     /* now */
};

/* A plain value; zeroed memory is one that has counted nothing. */
void relay_counters_add(struct relay_counters *sum, const struct relay_counters *counters);
/* A target was reached after so many milliseconds. */
void relay_counters_connected(struct relay_counters *counters, int64_t milliseconds);
void relay_traffic_add(struct relay_traffic *sum, const struct relay_traffic *traffic);

#endif
