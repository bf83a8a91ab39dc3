/* clock: the system's time follows the NSM's, which the parent cannot forge. */
#include "init/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "attest/nsm.h"
#include "crypto/x509.h"
#include "init/enclave.h"
#include "init/log.h"

#define PTP "/dev/ptp0" /* PTP_1588_CLOCK_KVM: the hypervisor's clock, where it has one */
/* A clock by its descriptor (clock_gettime(2), "Dynamic clocks"). */
#define CLOCK_OF(fd) ((clockid_t)(~(unsigned)(fd) << 3 | 3u))
#define SLEW_MAX_MS 1000000 /* what adjtime(3) takes at once; the rest follows the next time */

enum clock_action clock_decide(int64_t ours, int64_t theirs)
{
    int64_t behind = theirs - ours;

    if (behind == 0) {
        return CLOCK_KEEP;
    }
    return behind >= CLOCK_STEP_MS ? CLOCK_STEP : CLOCK_SLEW;
}

static int64_t milliseconds(clockid_t clock)
{
    struct timespec now;

    return clock_gettime(clock, &now) < 0 ? -1 : (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int step_to(int64_t time)
{
    struct timespec to = {.tv_sec = (time_t)(time / 1000), .tv_nsec = (long)(time % 1000) * 1000000};

    return clock_settime(CLOCK_REALTIME, &to) < 0 ? -errno : 0;
}

static int slew_by(int64_t by)
{
    int64_t bounded = by > SLEW_MAX_MS ? SLEW_MAX_MS : by < -SLEW_MAX_MS ? -SLEW_MAX_MS : by;
    struct timex change = {.modes = ADJ_OFFSET_SINGLESHOT, .offset = (long)(bounded * 1000)};

    return adjtimex(&change) < 0 ? -errno : 0;
}

/* The second opinion is only told: a parent's machine may be behind it. */
static void compare_ptp(int64_t theirs)
{
    int fd = open(PTP, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        return;
    }
    int64_t apart = milliseconds(CLOCK_OF(fd)) - theirs;
    if (apart >= CLOCK_STEP_MS || apart <= -CLOCK_STEP_MS) {
        log_line("clock", PTP " and the NSM are %lld ms apart", (long long)apart);
    }
    close(fd);
}

static int follow(int nsm, struct clock_record *record, struct reason *why)
{
    uint64_t answer;
    int error = nsm_time(nsm, &answer, why);

    if (error < 0) {
        return error;
    }
    int64_t theirs = (int64_t)answer;
    int64_t behind = theirs - milliseconds(CLOCK_REALTIME);
    switch (clock_decide(theirs - behind, theirs)) {
    case CLOCK_STEP:
        error = step_to(theirs);
        log_line("clock", "was %lld ms behind the NSM: stepped", (long long)behind);
        break;
    case CLOCK_SLEW:
        error = slew_by(behind);
        if (behind <= -CLOCK_STEP_MS) {
            log_line("clock", "is %lld ms ahead of the NSM: slowed down", (long long)-behind);
        }
        break;
    case CLOCK_KEEP:
        break;
    }
    if (error == 0 && behind != 0) {
        *record = (struct clock_record){record->corrections + 1, log_clock(), behind};
    }
    compare_ptp(theirs);
    return error < 0 ? reason_system(why, error, "the clock cannot be changed") : 0;
}

static void again(struct loop_timer *timer)
{
    struct enclave *enclave = timer->owner;
    struct reason why;

    if (follow(enclave->nsm, &enclave->clock, &why) < 0) {
        log_line("clock", "%s", why.text);
    }
    (void)loop_after(enclave->loop, timer, CLOCK_EVERY_MS); /* the timer has its place: it can't fail */
}

int step_clock(struct enclave *enclave, struct reason *said)
{
    uint64_t answer;
    char text[X509_DATE_SIZE];
    int error = nsm_time(enclave->nsm, &answer, said);

    if (error < 0) {
        return error;
    }
    error = step_to((int64_t)answer);
    if (error < 0) {
        return reason_system(said, error, "the clock cannot be set");
    }
    compare_ptp((int64_t)answer);
    error = loop_open(&enclave->loop);
    enclave->clock_timer.fired = again;
    enclave->clock_timer.owner = enclave;
    if (error == 0) {
        error = loop_after(enclave->loop, &enclave->clock_timer, CLOCK_EVERY_MS);
    }
    if (error < 0) {
        return reason_system(said, error, "cannot wait for the next look at the NSM's time");
    }
    x509_date_text((int64_t)(answer / 1000), text); /* strftime() would bring all that is known of time zones */
    return reason_set(said, 0, "%s from the NSM", text);
}
