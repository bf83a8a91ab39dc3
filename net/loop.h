/* loop: waits for descriptors and deadlines and calls back; the only place that knows epoll. */
#ifndef INGOT_NET_LOOP_H
#define INGOT_NET_LOOP_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Single-threaded. A watch and a timer are members of their owner's structure: the loop allocates nothing after
 * loop_open() and owns no descriptor but its own.
 *
 *   loop_watch() ── ready(watch, events), level-triggered ── loop_change() ── loop_unwatch()
 *   loop_after() ── fired(timer), once ─────────────────────────────────────── or loop_cancel()
 *
 * A callback may stop, change or free any watch or timer, its own too: loop_unwatch() drops events of this turn that
 * are not delivered yet. Close a descriptor after loop_unwatch() of its watch, never before.
 */
struct loop;
struct loop_watch;
struct loop_timer;

enum {
    LOOP_READ = 1,   /* readable, or the other side has ended */
    LOOP_WRITE = 2,  /* writable */
    LOOP_HANGUP = 4, /* both directions are gone, or an error waits; always reported, never asked for */
    LOOP_LAST = 8    /* beside LOOP_READ: the end follows what there is to read; never asked for */
};

typedef void loop_ready(struct loop_watch *watch, unsigned events);
typedef void loop_fired(struct loop_timer *timer);

struct loop_watch {
    loop_ready *ready;
    void *owner; /* the callback's own; the loop does not look at it */
    int fd;
    unsigned events; /* what is asked for; change it through loop_change() */
    bool active;
};

struct loop_timer {
    loop_fired *fired;
    void *owner;
    int64_t due;    /* loop_now() at which it fires */
    unsigned place; /* in the heap, from 1; 0 while not set */
    uint64_t round; /* of timers, in which loop_next() has set it: those of before come first */
};

/* 0, or -EMFILE, -ENFILE, -ENOMEM. */
int loop_open(struct loop **loop);
/* Watches and timers that are still set are forgotten, not called. NULL does nothing. */
void loop_close(struct loop *loop);

/* Monotonic milliseconds, read once a turn. */
int64_t loop_now(const struct loop *loop);

/* Starts watching fd; watch->ready and watch->owner are set by the caller. 0, or -errno of epoll_ctl(2). */
int loop_watch(struct loop *loop, struct loop_watch *watch, int fd, unsigned events);
/* Asks for other events; the same ones cost nothing. */
void loop_change(struct loop *loop, struct loop_watch *watch, unsigned events);
/* Does nothing to a watch that is not active (zeroed memory is one). */
void loop_unwatch(struct loop *loop, struct loop_watch *watch);

/*
 * Sets, or moves, a timer to fire in milliseconds (0: this turn's end, or the next millisecond where a timer's callback
 * asks). 0 or -ENOMEM; a move never fails.
 */
int loop_after(struct loop *loop, struct loop_timer *timer, int64_t milliseconds);
/*
 * The same for what goes on when others have had their turn: this turn's end, or the next turn's where a timer's
 * callback asks. No turn waits meanwhile.
 */
int loop_next(struct loop *loop, struct loop_timer *timer);
void loop_cancel(struct loop *loop, struct loop_timer *timer);

/* One turn: waits until something is ready or due (at most milliseconds, -1: for ever), then calls back. 0 or -errno.
 */
int loop_turn(struct loop *loop, int milliseconds);

/* Turns until loop_stop(). 0, or -errno of a turn that failed. */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

#endif
