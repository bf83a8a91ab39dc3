/* clock: the system's time follows the NSM's, which the parent cannot forge. */
#ifndef INGOT_INIT_CLOCK_H
#define INGOT_INIT_CLOCK_H

#include <stdint.h>

/*
 * At the boot the clock is set, in either direction. Afterwards, every CLOCK_EVERY_MS: less than CLOCK_STEP_MS apart is
 * slewed; behind by more is stepped forward; ahead by more is slewed back and logged, because programs that saw a time
 * may not see it again.
 */
#define CLOCK_EVERY_MS (10 * 60 * 1000)
#define CLOCK_STEP_MS 1000

/* What was corrected since the boot set it: how often, and the last time. */
struct clock_record {
    unsigned corrections;
    int64_t last_at; /* log_clock() */
    int64_t last_ms; /* we were behind by so much; negative: ahead */
};

enum clock_action { CLOCK_KEEP, CLOCK_SLEW, CLOCK_STEP };

/* What to do when the clock says ours and the NSM theirs, both milliseconds since 1970. */
enum clock_action clock_decide(int64_t ours, int64_t theirs);

#endif
