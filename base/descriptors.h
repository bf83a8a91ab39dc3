/* descriptors: raises this process's limit of open descriptors to what its work needs. */
#ifndef INGOT_BASE_DESCRIPTORS_H
#define INGOT_BASE_DESCRIPTORS_H

#include <stdint.h>

#include "base/reason.h"

/*
 * Raises the soft limit (RLIMIT_NOFILE) to need where it is lower, as far as the hard limit lets it; nothing is ever
 * lowered. 0; -EMFILE with a sentence where the hard limit is lower than need: all that is allowed is set then.
 */
int descriptors_raise(uint64_t need, struct reason *why);

#endif
