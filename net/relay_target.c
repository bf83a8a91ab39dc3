/* relay_target: where a listener leads, shared with the connections that were led there: it may change under them. */
#include "net/relay_target.h"

#include <stdlib.h>

struct relay_target *relay_target_new(const struct address *address)
{
    struct relay_target *target = malloc(sizeof *target);

    if (target != NULL) {
        *target = (struct relay_target){.users = 1, .address = *address};
    }
    return target;
}

struct relay_target *relay_target_use(struct relay_target *target)
{
    target->users++;
    return target;
}

void relay_target_leave(struct relay_target *target)
{
    if (target != NULL && --target->users == 0) {
        free(target);
    }
}
