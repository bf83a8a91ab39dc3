/* supervise: tests init/supervise: real children are started again after a growing pause, orphans are reaped. */
#include "init/supervise.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct loop *loop;
static struct supervisor *supervisor;

struct trial {
    struct service service;
    int exit_code; /* of each process; -1: it kills itself */
    int wanted;    /* processes; then it rests */
    int starts;
    int last_status;
    int64_t times[8];
};

static int trial_start(struct service *service, pid_t *pid, struct reason *why)
{
    struct trial *trial = service->owner;

    (void)why;
    trial->times[trial->starts++] = loop_now(loop);
    *pid = fork();
    if (*pid == 0) {
        supervise_unblock();
        if (trial->exit_code < 0) {
            (void)kill(getpid(), SIGKILL);
        }
        _exit(trial->exit_code);
    }
    return 0;
}

static int trial_cannot(struct service *service, pid_t *pid, struct reason *why)
{
    struct trial *trial = service->owner;

    (void)pid;
    trial->times[trial->starts++] = loop_now(loop);
    return reason_set(why, -ENOENT, "there is no such program");
}

static enum service_next trial_ended(struct service *service, int status)
{
    struct trial *trial = service->owner;

    trial->last_status = status;
    if (trial->starts < trial->wanted) {
        return SERVICE_AGAIN;
    }
    loop_stop(loop);
    return SERVICE_REST;
}

static void run(struct trial *trial)
{
    trial->service = (struct service){
        .name = "trial",
        .start = trial_start,
        .ended = trial_ended,
        .owner = trial,
    };
    service_start(supervisor, &trial->service);
    assert_int_equal(loop_run(loop), 0);
    assert_int_equal(trial->starts, trial->wanted);
    assert_false(service_running(&trial->service));
}

static void a_process_that_ends_starts_again_after_a_growing_pause(void **state)
{
    struct trial trial = {.exit_code = 3, .wanted = 4};

    (void)state;
    run(&trial);
    assert_true(WIFEXITED(trial.last_status));
    assert_int_equal(WEXITSTATUS(trial.last_status), 3);
    assert_true(trial.times[1] - trial.times[0] >= 100);
    assert_true(trial.times[2] - trial.times[1] >= 200);
    assert_true(trial.times[3] - trial.times[2] >= 400);
    assert_true(trial.times[3] - trial.times[0] < 5000);
}

static void a_signal_is_an_end_too(void **state)
{
    struct trial trial = {.exit_code = -1, .wanted = 2};

    (void)state;
    run(&trial);
    assert_true(WIFSIGNALED(trial.last_status));
    assert_int_equal(WTERMSIG(trial.last_status), SIGKILL);
}

static void a_start_that_fails_is_tried_again(void **state)
{
    struct trial trial = {.wanted = 3};

    (void)state;
    trial.service = (struct service){.name = "trial", .start = trial_cannot, .ended = trial_ended, .owner = &trial};
    service_start(supervisor, &trial.service);
    while (trial.starts < 3) {
        assert_int_equal(loop_turn(loop, 1000), 0);
    }
    assert_int_equal(trial.last_status, SUPERVISE_NOT_STARTED);
    assert_true(trial.times[2] - trial.times[1] >= 200);
}

static void many_ends_at_once_are_all_seen(void **state)
{
    struct trial trials[20] = {0};
    int running = 1;

    (void)state;
    for (size_t i = 0; i < 20; i++) {
        trials[i] = (struct trial){.wanted = 1};
        trials[i].service =
            (struct service){.name = "trial", .start = trial_start, .ended = trial_ended, .owner = &trials[i]};
        service_start(supervisor, &trials[i].service);
    }
    for (unsigned turn = 0; running > 0 && turn < 1000; turn++) {
        assert_int_equal(loop_turn(loop, 1000), 0);
        running = 0;
        for (size_t i = 0; i < 20; i++) {
            running += service_running(&trials[i].service);
        }
    }
    assert_int_equal(running, 0);
}

static void orphans_are_reaped(void **state)
{
    int ends[2];
    char byte;

    (void)state;
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
    assert_int_equal(pipe(ends), 0);
    if (fork() == 0) { /* its child outlives it, and then belongs to us */
        if (fork() == 0) {
            (void)usleep(50000);
        }
        _exit(0);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 0); /* both have ended */
    close(ends[0]);
    for (unsigned turn = 0; turn < 100 && (waitpid(-1, NULL, WNOHANG | WNOWAIT) != -1 || errno != ECHILD); turn++) {
        assert_int_equal(loop_turn(loop, 20), 0);
    }
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void pauses_double_to_ten_seconds_and_start_anew_after_a_steady_minute(void **state)
{
    static const unsigned expected[] = {100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000};
    unsigned delay = 0;

    (void)state;
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        delay = supervise_delay(delay, 59999);
        assert_int_equal(delay, expected[i]);
    }
    assert_int_equal(supervise_delay(10000, 60000), 100);
}

static void an_end_is_told_in_words(void **state)
{
    char text[SUPERVISE_STATUS_SIZE];

    (void)state;
    assert_string_equal(supervise_status(3 << 8, text), "exit code 3");
    assert_string_equal(supervise_status(SIGSEGV, text), "killed by signal 11 (Segmentation fault)");
    assert_string_equal(supervise_status(SUPERVISE_NOT_STARTED, text), "it could not be started");
}

static int open_all(void **state)
{
    struct reason why;

    (void)state;
    return loop_open(&loop) < 0 || supervise_open(&supervisor, loop, &why) < 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_that_ends_starts_again_after_a_growing_pause),
        cmocka_unit_test(a_signal_is_an_end_too),
        cmocka_unit_test(a_start_that_fails_is_tried_again),
        cmocka_unit_test(many_ends_at_once_are_all_seen),
        cmocka_unit_test(orphans_are_reaped),
        cmocka_unit_test(pauses_double_to_ten_seconds_and_start_anew_after_a_steady_minute),
        cmocka_unit_test(an_end_is_told_in_words),
    };
    return cmocka_run_group_tests_name("supervise", tests, open_all, NULL);
}
