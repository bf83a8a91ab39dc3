/* doctor_endpoints: whether each endpoint's name resolves and somebody answers there, all of them at the same time. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/connect.h"
#include "tools/doctor.h"

#define REACH_MS 5000 /* for all: they are tried side by side */

struct attempts {
    struct doctor *doctor;
    size_t open;
};

struct attempt {
    struct attempts *all;
    int error; /* 0: reached */
    struct reason why;
};

static void attempt_ended(void *arg, int fd, const struct reason *why)
{
    struct attempt *attempt = arg;

    attempt->error = fd < 0 ? fd : 0;
    if (fd >= 0) {
        close(fd);
    } else {
        attempt->why = *why;
    }
    if (--attempt->all->open == 0) {
        loop_stop(attempt->all->doctor->loop);
    }
}

static void attempts_start(struct attempts *all, struct attempt *attempts)
{
    struct doctor *doctor = all->doctor;

    for (size_t i = 0; i < doctor->config->endpoint_count; i++) {
        struct connect *connect;
        attempts[i].all = all;
        int error = connect_start(&connect, doctor->loop, &doctor->targets[i], REACH_MS, attempt_ended, &attempts[i]);
        if (error < 0) {
            attempts[i].error = reason_system(&attempts[i].why, error, "can't be tried");
        } else {
            all->open++;
        }
    }
}

void doctor_endpoints(struct doctor *doctor)
{
    const struct config *config = doctor->config;
    struct attempts all = {.doctor = doctor};
    struct attempt *attempts = calloc(config->endpoint_count + 1, sizeof *attempts);
    int error = attempts == NULL ? -ENOMEM : 0;

    if (error == 0) {
        attempts_start(&all, attempts);
        error = all.open > 0 ? loop_run(doctor->loop) : 0;
    }
    if (error < 0) {
        doctor_say(doctor, DOCTOR_FAIL, "try again", "the endpoints can't be tried: %s", strerror(-error));
    }
    for (size_t i = 0; error == 0 && i < config->endpoint_count; i++) {
        char target[ADDRESS_TEXT_SIZE];
        address_print(&doctor->targets[i], target);
        if (attempts[i].error == 0) {
            doctor_say(doctor, DOCTOR_OK, NULL, "%s: %s answers", config->endpoints[i].label, target);
        } else {
            doctor_say(doctor, DOCTOR_FAIL,
                attempts[i].error == -ENOENT ? "--connect-to leads it elsewhere" /* the sentence says the rest */
                : doctor->on_ec2             ? "check the route and the security group; --connect-to leads it elsewhere"
                                             : "is the service up? --connect-to leads it elsewhere",
                "%s: %s", config->endpoints[i].label, attempts[i].why.text);
        }
    }
    free(attempts);
}
