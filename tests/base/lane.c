/* lane: tests: all bytes come through in their order, with a thread and without, and settling means settled. */
#include "base/lane.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct sum {
    uint64_t value; /* of an order-dependent sum */
    size_t size;
    pthread_t thread;
};

static void add(void *owner, const void *data, size_t size)
{
    struct sum *sum = owner;
    const uint8_t *bytes = data;

    for (size_t i = 0; i < size; i++) {
        sum->value = sum->value * 31 + bytes[i];
    }
    sum->size += size;
    sum->thread = pthread_self();
}

/* Puts `total` bytes in pieces of `piece`; both sums must agree after each settling. */
static void carry(size_t total, size_t piece, bool own_thread)
{
    uint8_t *bytes = malloc(piece);
    struct sum expected = {0};
    struct sum got = {0};
    struct lane *lane;

    assert_int_equal(lane_open(&lane, add, &got), 0);
    for (size_t done = 0; done < total; done += piece) {
        for (size_t i = 0; i < piece; i++) {
            bytes[i] = (uint8_t)((done + i) * 7 >> 3);
        }
        add(&expected, bytes, piece);
        lane_put(lane, bytes, piece);
        if (done / piece % 50 == 0) {
            lane_settle(lane);
            assert_int_equal(got.size, expected.size);
            assert_int_equal(got.value, expected.value);
        }
    }
    lane_settle(lane);
    lane_settle(lane); /* once more does nothing */
    assert_int_equal(got.value, expected.value);
    assert_int_equal(got.size, expected.size);
    assert_int_equal(!pthread_equal(got.thread, pthread_self()), own_thread);
    lane_close(lane);
    free(bytes);
}

static void short_streams_have_no_thread(void **state)
{
    (void)state;
    carry(1000, 100, false);
    carry(LANE_CHUNK - 1, LANE_CHUNK - 1, false);
}

static void long_streams_keep_their_order(void **state)
{
    (void)state;
    carry(LANE_CHUNK, LANE_CHUNK, true);
    carry(40 * LANE_CHUNK, 10007, true);
    carry(40 * LANE_CHUNK, 3 * LANE_CHUNK + 1, true);
}

static void closing_finishes_what_was_put(void **state)
{
    static const char bytes[3 * LANE_CHUNK];
    struct sum sum = {0};
    struct lane *lane;

    (void)state;
    assert_int_equal(lane_open(&lane, add, &sum), 0);
    lane_put(lane, bytes, sizeof bytes);
    lane_put(lane, bytes, 5);
    lane_close(lane);
    assert_int_equal(sum.size, sizeof bytes + 5);
    lane_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_streams_have_no_thread),
        cmocka_unit_test(long_streams_keep_their_order),
        cmocka_unit_test(closing_finishes_what_was_put),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
