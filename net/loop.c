/* loop: waits for descriptors and deadlines and calls back; the only place that knows epoll. */
#include "net/loop.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_PER_TURN 64
#define FIRST_TIMERS 16

struct loop {
    int epoll;
    bool stopped;
    bool firing;    /* inside fire_due() … */
    uint64_t round; /* … for this time */
    int64_t now;
    struct epoll_event events[EVENTS_PER_TURN];
    int event_count;
    struct loop_timer **heap; /* [1 … timer_count], earliest first */
    unsigned timer_count;
    unsigned timer_room;
};

static int64_t monotonic(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

int loop_open(struct loop **out)
{
    struct loop *loop = calloc(1, sizeof *loop);

    if (loop == NULL) {
        return -ENOMEM;
    }
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll < 0) {
        int error = -errno;
        free(loop);
        return error;
    }
    loop->now = monotonic();
    *out = loop;
    return 0;
}

void loop_close(struct loop *loop)
{
    if (loop != NULL) {
        close(loop->epoll);
        free(loop->heap);
        free(loop);
    }
}

int64_t loop_now(const struct loop *loop)
{
    return loop->now;
}

static struct epoll_event wanted(struct loop_watch *watch, unsigned events)
{
    struct epoll_event event = {.data.ptr = watch};

    if (events & LOOP_READ) {
        event.events |= EPOLLIN | EPOLLRDHUP;
    }
    if (events & LOOP_WRITE) {
        event.events |= EPOLLOUT;
    }
    return event;
}

int loop_watch(struct loop *loop, struct loop_watch *watch, int fd, unsigned events)
{
    struct epoll_event event = wanted(watch, events);

    if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
        return -errno;
    }
    watch->fd = fd;
    watch->events = events;
    watch->active = true;
    return 0;
}

void loop_change(struct loop *loop, struct loop_watch *watch, unsigned events)
{
    if (watch->active && watch->events != events) {
        struct epoll_event event = wanted(watch, events);
        epoll_ctl(loop->epoll, EPOLL_CTL_MOD, watch->fd, &event);
        watch->events = events;
    }
}

void loop_unwatch(struct loop *loop, struct loop_watch *watch)
{
    if (!watch->active) {
        return;
    }
    epoll_ctl(loop->epoll, EPOLL_CTL_DEL, watch->fd, NULL);
    watch->active = false;
    for (int i = 0; i < loop->event_count; i++) {
        if (loop->events[i].data.ptr == watch) {
            loop->events[i].data.ptr = NULL;
        }
    }
}

static void heap_put(struct loop *loop, unsigned place, struct loop_timer *timer)
{
    loop->heap[place] = timer;
    timer->place = place;
}

static bool before(const struct loop_timer *a, const struct loop_timer *b)
{
    return a->due < b->due || (a->due == b->due && a->round < b->round);
}

/* Moves a timer from place to where its deadline belongs. */
static void heap_settle(struct loop *loop, unsigned place, struct loop_timer *timer)
{
    while (place > 1 && before(timer, loop->heap[place / 2])) {
        heap_put(loop, place, loop->heap[place / 2]);
        place /= 2;
    }
    for (unsigned child = place * 2; child <= loop->timer_count; child = place * 2) {
        if (child < loop->timer_count && before(loop->heap[child + 1], loop->heap[child])) {
            child++;
        }
        if (!before(loop->heap[child], timer)) {
            break;
        }
        heap_put(loop, place, loop->heap[child]);
        place = child;
    }
    heap_put(loop, place, timer);
}

static int heap_grow(struct loop *loop)
{
    unsigned room = loop->timer_room == 0 ? FIRST_TIMERS : loop->timer_room * 2;
    struct loop_timer **heap = NULL;

    if (room <= UINT_MAX / (2 * sizeof *heap)) {
        heap = realloc(loop->heap, (room + 1) * sizeof(struct loop_timer *));
    }
    if (heap == NULL) {
        return -ENOMEM;
    }
    loop->heap = heap;
    loop->timer_room = room;
    return 0;
}

static int set(struct loop *loop, struct loop_timer *timer, int64_t due, uint64_t round)
{
    timer->due = due;
    timer->round = round;
    if (timer->place == 0) {
        if (loop->timer_count == loop->timer_room) {
            int error = heap_grow(loop);
            if (error < 0) {
                return error;
            }
        }
        timer->place = ++loop->timer_count;
        loop->heap[timer->place] = timer;
    }
    heap_settle(loop, timer->place, timer);
    return 0;
}

int loop_after(struct loop *loop, struct loop_timer *timer, int64_t milliseconds)
{
    /* Not in this turn any more: two could keep each other awake. */
    int64_t least = loop->firing ? 1 : 0;

    return set(loop, timer, loop->now + (milliseconds > least ? milliseconds : least), 0);
}

int loop_next(struct loop *loop, struct loop_timer *timer)
{
    return set(loop, timer, loop->now, loop->firing ? loop->round : 0);
}

void loop_cancel(struct loop *loop, struct loop_timer *timer)
{
    unsigned place = timer->place;

    if (place == 0) {
        return;
    }
    timer->place = 0;
    struct loop_timer *last = loop->heap[loop->timer_count--];
    if (last != timer) {
        heap_settle(loop, place, last);
    }
}

static int wait_at_most(const struct loop *loop, int milliseconds)
{
    if (loop->timer_count > 0) {
        int64_t left = loop->heap[1]->due - monotonic();
        left = left < 0 ? 0 : left > INT_MAX ? INT_MAX : left;
        if (milliseconds < 0 || left < milliseconds) {
            return (int)left;
        }
    }
    return milliseconds;
}

static void fire_due(struct loop *loop)
{
    loop->firing = true;
    loop->round++;
    while (loop->timer_count > 0 && loop->heap[1]->due <= loop->now) {
        struct loop_timer *timer = loop->heap[1];
        if (timer->round == loop->round) {
            break; /* it is the next turn's, as all behind it are */
        }
        loop_cancel(loop, timer);
        timer->fired(timer);
    }
    loop->firing = false;
}

int loop_turn(struct loop *loop, int milliseconds)
{
    int count = epoll_wait(loop->epoll, loop->events, EVENTS_PER_TURN, wait_at_most(loop, milliseconds));

    loop->now = monotonic();
    if (count < 0) {
        return errno == EINTR ? 0 : -errno;
    }
    loop->event_count = count;
    for (int i = 0; i < count; i++) {
        struct loop_watch *watch = loop->events[i].data.ptr;
        uint32_t got = loop->events[i].events;
        unsigned events = 0;

        if (watch == NULL) {
            continue;
        }
        events |= got & (EPOLLIN | EPOLLRDHUP) ? LOOP_READ : 0;
        events |= got & EPOLLRDHUP ? LOOP_LAST : 0;
        events |= got & EPOLLOUT ? LOOP_WRITE : 0;
        events |= got & (EPOLLHUP | EPOLLERR) ? LOOP_HANGUP : 0;
        watch->ready(watch, events);
    }
    loop->event_count = 0;
    fire_due(loop);
    return 0;
}

int loop_run(struct loop *loop)
{
    loop->stopped = false;
    while (!loop->stopped) {
        int error = loop_turn(loop, -1);
        if (error < 0) {
            return error;
        }
    }
    return 0;
}

void loop_stop(struct loop *loop)
{
    loop->stopped = true;
}
