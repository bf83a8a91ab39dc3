/* relay_target: where a listener leads, shared with the connections that were led there: it may change under them. */
#ifndef INGOT_NET_RELAY_TARGET_H
#define INGOT_NET_RELAY_TARGET_H

#include "net/address.h"

/* It goes with its last user. */
struct relay_target {
    unsigned users;
    struct address address;
};

/* With one user. NULL: no memory. */
struct relay_target *relay_target_new(const struct address *address);
/* One user more; returns target. */
struct relay_target *relay_target_use(struct relay_target *target);
/* One user less; NULL does nothing. */
void relay_target_leave(struct relay_target *target);

#endif
