/* loop: tests net/loop: events, timers, and callbacks that take each other away. */
#include "net/loop.h"

#include "tests/net/sockets.h"

struct seen {
    struct loop *loop;
    unsigned count;
    unsigned events;
    struct loop_watch *victim;
    struct loop_timer *again;
    int order[64];
};

static void count_ready(struct loop_watch *watch, unsigned events)
{
    struct seen *seen = watch->owner;

    seen->count++;
    seen->events = events;
}

static void watch_pair(struct seen *seen, struct loop_watch *watch, int pair[2], unsigned events)
{
    assert_int_equal(loop_open(&seen->loop), 0);
    sockets_pair(AF_UNIX, pair);
    *watch = (struct loop_watch){.ready = count_ready, .owner = seen};
    assert_int_equal(loop_watch(seen->loop, watch, pair[0], events), 0);
}

static void events_come_as_asked_until_they_are_served(void **state)
{
    struct seen seen = {0};
    struct loop_watch watch;
    int pair[2];
    char byte;

    (void)state;
    watch_pair(&seen, &watch, pair, LOOP_READ);
    loop_turn(seen.loop, 0);
    assert_int_equal(seen.count, 0);
    assert_int_equal(send(pair[1], "x", 1, 0), 1);
    loop_turn(seen.loop, 1000);
    loop_turn(seen.loop, 1000); /* level-triggered */
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.events, LOOP_READ);
    loop_change(seen.loop, &watch, LOOP_WRITE);
    loop_turn(seen.loop, 1000);
    assert_int_equal(seen.events, LOOP_WRITE);
    loop_change(seen.loop, &watch, LOOP_READ);
    assert_int_equal(recv(pair[0], &byte, 1, 0), 1);
    loop_turn(seen.loop, 0);
    assert_int_equal(seen.count, 3);
    shutdown(pair[1], SHUT_WR);
    loop_turn(seen.loop, 1000);
    assert_int_equal(seen.events, LOOP_READ | LOOP_LAST); /* the end is something to read */
    loop_unwatch(seen.loop, &watch);
    loop_unwatch(seen.loop, &watch);
    loop_turn(seen.loop, 0);
    assert_int_equal(seen.count, 4);
    close(pair[0]);
    close(pair[1]);
    loop_close(seen.loop);
}

static void hang_up_is_reported_without_being_asked_for(void **state)
{
    struct seen seen = {0};
    struct loop_watch watch;
    int pair[2];

    (void)state;
    watch_pair(&seen, &watch, pair, 0);
    shutdown(pair[1], SHUT_WR);
    loop_turn(seen.loop, 20);
    assert_int_equal(seen.count, 0);
    close(pair[1]);
    loop_turn(seen.loop, 1000);
    assert_true(seen.events & LOOP_HANGUP);
    loop_unwatch(seen.loop, &watch);
    close(pair[0]);
    loop_close(seen.loop);
}

static void take_away_the_other(struct loop_watch *watch, unsigned events)
{
    struct seen *seen = watch->owner;

    (void)events;
    seen->count++;
    loop_unwatch(seen->loop, seen->victim == watch ? watch : seen->victim);
    memset(seen->victim, 0xa5, sizeof *seen->victim); /* as if it were freed */
}

static void watch_taken_away_by_another_in_the_same_turn_is_not_called(void **state)
{
    struct seen seen[2] = {{0}, {0}};
    struct loop_watch *watches[2] = {calloc(1, sizeof **watches), calloc(1, sizeof **watches)};
    struct loop *loop;
    int pairs[2][2];

    (void)state;
    assert_int_equal(loop_open(&loop), 0);
    for (int i = 0; i < 2; i++) {
        sockets_pair(AF_UNIX, pairs[i]);
        seen[i] = (struct seen){.loop = loop, .victim = watches[1 - i]};
        *watches[i] = (struct loop_watch){.ready = take_away_the_other, .owner = &seen[i]};
        assert_int_equal(loop_watch(loop, watches[i], pairs[i][0], LOOP_READ), 0);
        assert_int_equal(send(pairs[i][1], "x", 1, 0), 1);
    }
    loop_turn(loop, 1000);
    assert_int_equal(seen[0].count + seen[1].count, 1);
    for (int i = 0; i < 2; i++) {
        close(pairs[i][0]);
        close(pairs[i][1]);
        free(watches[i]);
    }
    loop_close(loop);
}

static void note_order(struct loop_timer *timer)
{
    struct seen *seen = timer->owner;

    seen->order[seen->count++] = (int)timer->due;
}

static void timers_fire_in_the_order_of_their_deadlines(void **state)
{
    enum { COUNT = 40 };
    struct seen seen = {0};
    struct loop_timer timers[COUNT];
    uint32_t random = 1;

    (void)state;
    assert_int_equal(loop_open(&seen.loop), 0);
    memset(timers, 0, sizeof timers);
    for (int i = 0; i < COUNT; i++) {
        random = random * 1103515245u + 12345u;
        timers[i].fired = note_order;
        timers[i].owner = &seen;
        assert_int_equal(loop_after(seen.loop, &timers[i], (random >> 16) % 50), 0);
    }
    for (int i = 0; i < COUNT; i += 4) {
        assert_int_equal(loop_after(seen.loop, &timers[i], 60 + i), 0); /* moved */
        loop_cancel(seen.loop, &timers[i + 1]);
        loop_cancel(seen.loop, &timers[i + 1]);
    }
    sockets_turn_for(seen.loop, 150);
    assert_int_equal(seen.count, COUNT * 3 / 4);
    for (unsigned i = 1; i < seen.count; i++) {
        assert_true(seen.order[i - 1] <= seen.order[i]);
    }
    loop_close(seen.loop);
}

static void timer_is_never_early(void **state)
{
    struct seen seen = {0};
    struct loop_timer timer = {.fired = note_order, .owner = &seen};

    (void)state;
    assert_int_equal(loop_open(&seen.loop), 0);
    loop_turn(seen.loop, 0);
    int64_t start = sockets_now();
    assert_int_equal(loop_after(seen.loop, &timer, 50), 0);
    while (seen.count == 0) {
        loop_turn(seen.loop, -1);
    }
    assert_int_in_range(sockets_now() - start, 49, 500);
    loop_close(seen.loop);
}

static void set_again(struct loop_timer *timer)
{
    struct seen *seen = timer->owner;

    seen->count++;
    assert_int_equal(loop_after(seen->loop, timer, 0), 0);
    if (seen->again != NULL) {
        loop_cancel(seen->loop, seen->again);
    }
}

static void timer_that_sets_itself_again_lets_events_pass(void **state)
{
    struct seen ready = {0};
    struct loop_watch watch;
    int pair[2];

    (void)state;
    watch_pair(&ready, &watch, pair, LOOP_WRITE);
    struct seen fired = {.loop = ready.loop};
    struct loop_timer timer = {.fired = set_again, .owner = &fired};
    assert_int_equal(loop_after(ready.loop, &timer, 0), 0);
    for (unsigned turns = 1; fired.count < 10; turns++) {
        loop_turn(ready.loop, -1);
        assert_int_equal(ready.count, turns);
        assert_true(fired.count <= turns);
    }
    close(pair[0]);
    close(pair[1]);
    loop_close(ready.loop);
}

static void stop_in(struct loop_timer *timer)
{
    loop_stop(timer->owner);
}

static void set_next(struct loop_timer *timer)
{
    struct seen *seen = timer->owner;

    seen->count++;
    assert_int_equal(loop_next(seen->loop, timer), 0);
}

/* Each in each turn, which none of them makes wait, whatever else is due. */
static void timers_that_go_on_fire_once_a_turn(void **state)
{
    struct seen seen[3] = {{0}};
    struct loop_timer timers[3];
    struct loop *loop;

    (void)state;
    assert_int_equal(loop_open(&loop), 0);
    for (int i = 0; i < 3; i++) {
        seen[i] = (struct seen){.loop = loop};
        timers[i] = (struct loop_timer){.fired = set_next, .owner = &seen[i]};
        assert_int_equal(loop_next(loop, &timers[i]), 0);
    }
    struct loop_timer late = {.fired = stop_in, .owner = loop};
    assert_int_equal(loop_after(loop, &late, 20), 0);
    for (unsigned turn = 1; turn <= 1000; turn++) {
        assert_int_equal(loop_turn(loop, -1), 0);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(seen[i].count, turn);
        }
    }
    assert_int_equal(loop_run(loop), 0); /* a later one still gets its turn */
    loop_close(loop);
}

static void timer_cancelled_by_another_in_the_same_turn_does_not_fire(void **state)
{
    struct seen seen[2] = {{0}, {0}};
    struct loop_timer timers[2];
    struct loop *loop;

    (void)state;
    assert_int_equal(loop_open(&loop), 0);
    for (int i = 0; i < 2; i++) {
        seen[i] = (struct seen){.loop = loop, .again = &timers[1 - i]};
        timers[i] = (struct loop_timer){.fired = set_again, .owner = &seen[i]};
        assert_int_equal(loop_after(loop, &timers[i], 0), 0);
    }
    loop_turn(loop, 100);
    assert_int_equal(seen[0].count + seen[1].count, 1);
    loop_close(loop);
}

static void run_ends_with_stop_and_can_run_again(void **state)
{
    struct loop *loop;

    (void)state;
    assert_int_equal(loop_open(&loop), 0);
    struct loop_timer timer = {.fired = stop_in, .owner = loop};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(loop_after(loop, &timer, 10), 0);
        assert_int_equal(loop_run(loop), 0);
    }
    loop_close(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_come_as_asked_until_they_are_served),
        cmocka_unit_test(hang_up_is_reported_without_being_asked_for),
        cmocka_unit_test(watch_taken_away_by_another_in_the_same_turn_is_not_called),
        cmocka_unit_test(timers_fire_in_the_order_of_their_deadlines),
        cmocka_unit_test(timer_is_never_early),
        cmocka_unit_test(timer_that_sets_itself_again_lets_events_pass),
        cmocka_unit_test(timers_that_go_on_fire_once_a_turn),
        cmocka_unit_test(timer_cancelled_by_another_in_the_same_turn_does_not_fire),
        cmocka_unit_test(run_ends_with_stop_and_can_run_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
