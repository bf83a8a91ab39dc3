/* lane: hands bytes to a function in a thread of its own, so that several digests of one stream go side by side. */
#include "base/lane.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct chunk {
    size_t used;
    char bytes[LANE_CHUNK];
};

/* A ring of chunks: the caller fills the one at `filled`, the thread works on those from `worked` up to it. */
struct lane {
    lane_work *work;
    void *owner;
    pthread_t thread;
    bool threaded;
    bool tried; /* whether a thread could be had is settled */
    pthread_mutex_t lock;
    pthread_cond_t moved; /* filled, worked or ending have changed */
    size_t filled;        /* chunks handed over, ever */
    size_t worked;        /* chunks done, ever */
    bool ending;
    struct chunk chunks[LANE_DEPTH];
};

static void *run(void *argument)
{
    struct lane *lane = argument;

    pthread_mutex_lock(&lane->lock);
    for (;;) {
        while (lane->worked == lane->filled && !lane->ending) {
            pthread_cond_wait(&lane->moved, &lane->lock);
        }
        if (lane->worked == lane->filled) {
            break;
        }
        struct chunk *chunk = &lane->chunks[lane->worked % LANE_DEPTH];
        pthread_mutex_unlock(&lane->lock);
        lane->work(lane->owner, chunk->bytes, chunk->used);
        chunk->used = 0;
        pthread_mutex_lock(&lane->lock);
        lane->worked++;
        pthread_cond_signal(&lane->moved);
    }
    pthread_mutex_unlock(&lane->lock);
    return NULL;
}

int lane_open(struct lane **lane, lane_work *work, void *owner)
{
    struct lane *l = malloc(sizeof *l);

    *lane = l;
    if (l == NULL) {
        return -ENOMEM;
    }
    l->work = work;
    l->owner = owner;
    l->threaded = l->tried = l->ending = false;
    l->filled = l->worked = 0;
    for (size_t i = 0; i < LANE_DEPTH; i++) {
        l->chunks[i].used = 0;
    }
    (void)pthread_mutex_init(&l->lock, NULL);
    (void)pthread_cond_init(&l->moved, NULL);
    return 0;
}

/* The chunk that is being filled goes to work; returns when at most `behind` chunks are left to be worked on. */
static void hand_over(struct lane *lane, size_t behind)
{
    struct chunk *chunk = &lane->chunks[lane->filled % LANE_DEPTH];

    if (!lane->tried && chunk->used == LANE_CHUNK) {
        lane->tried = true;
        lane->threaded = pthread_create(&lane->thread, NULL, run, lane) == 0;
    }
    if (!lane->threaded) {
        lane->work(lane->owner, chunk->bytes, chunk->used);
        chunk->used = 0;
        return;
    }
    pthread_mutex_lock(&lane->lock);
    if (chunk->used > 0) {
        lane->filled++;
        pthread_cond_signal(&lane->moved);
    }
    while (lane->filled - lane->worked > behind) {
        pthread_cond_wait(&lane->moved, &lane->lock);
    }
    pthread_mutex_unlock(&lane->lock);
}

void lane_put(struct lane *lane, const void *data, size_t size)
{
    const char *next = data;

    while (size > 0) {
        struct chunk *chunk = &lane->chunks[lane->filled % LANE_DEPTH];
        size_t room = LANE_CHUNK - chunk->used;
        size_t part = size < room ? size : room;
        memcpy(chunk->bytes + chunk->used, next, part);
        chunk->used += part;
        next += part;
        size -= part;
        if (chunk->used == LANE_CHUNK) {
            hand_over(lane, LANE_DEPTH - 1); /* so that the next one is free */
        }
    }
}

void lane_settle(struct lane *lane)
{
    hand_over(lane, 0);
}

void lane_close(struct lane *lane)
{
    if (lane == NULL) {
        return;
    }
    lane_settle(lane);
    if (lane->threaded) {
        pthread_mutex_lock(&lane->lock);
        lane->ending = true;
        pthread_cond_signal(&lane->moved);
        pthread_mutex_unlock(&lane->lock);
        (void)pthread_join(lane->thread, NULL);
    }
    (void)pthread_cond_destroy(&lane->moved);
    (void)pthread_mutex_destroy(&lane->lock);
    free(lane);
}
