/* Tests of tools/emulator/ring and memory: chains as a driver writes them, and as a hostile one does. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tools/emulator/ring.h"

/* The guest's memory: two regions with a hole between them, as a PC has; the rings lie in the second. */
enum { LOW = 0xf000, GAP = 0x100000, HIGH = 0x10000, SIZE = 8 };
#define USER UINT64_C(0x7f0000000000)

struct guest {
    uint8_t *low, *high;
    struct memory memory;
    struct ring_setup setup;
    struct ring ring;
    struct ring_descriptor *descriptors; /* at GAP */
    uint16_t *available;                 /* at GAP + 0x1000 */
    uint8_t *used;                       /* at GAP + 0x2000 */
};

static struct guest *guest_new(bool device_writes, bool event_index)
{
    struct guest *g = calloc(1, sizeof *g);

    g->low = calloc(1, LOW);
    g->high = aligned_alloc(4096, HIGH);
    memset(g->high, 0, HIGH);
    g->memory = (struct memory){
        .regions = {{.guest = 0, .user = USER, .size = LOW, .data = g->low},
            {.guest = GAP, .user = USER + GAP, .size = HIGH, .data = g->high}},
        .count = 2,
    };
    g->setup = (struct ring_setup){
        .memory = &g->memory,
        .descriptors = USER + GAP,
        .available = USER + GAP + 0x1000,
        .used = USER + GAP + 0x2000,
        .size = SIZE,
        .device_writes = device_writes,
        .event_index = event_index,
        .indirect = true,
    };
    g->descriptors = (struct ring_descriptor *)g->high;
    g->available = (uint16_t *)(g->high + 0x1000);
    g->used = g->high + 0x2000;
    assert_int_equal(ring_start(&g->ring, &g->setup, NULL), 0);
    return g;
}

static void guest_free(struct guest *g)
{
    free(g->low);
    free(g->high);
    free(g);
}

static void describe(struct guest *g, unsigned index, uint64_t address, uint32_t size, uint16_t flags, uint16_t next)
{
    g->descriptors[index] = (struct ring_descriptor){address, size, flags, next};
}

static void offer(struct guest *g, uint16_t head)
{
    g->available[2 + (g->available[1] % SIZE)] = head;
    g->available[1]++;
}

static uint16_t used_index(const struct guest *g)
{
    uint16_t index;

    memcpy(&index, g->used + 2, sizeof index);
    return index;
}

static void a_chain_is_popped_in_its_order(void **state)
{
    struct guest *g = guest_new(false, false);
    struct ring_chain chain;

    (void)state;
    describe(g, 5, GAP + 0x4000, 44, RING_NEXT, 2);
    describe(g, 2, 0x100, 1000, RING_NEXT, 7);
    describe(g, 7, GAP + HIGH - 1, 1, 0, 0);
    offer(g, 5);
    assert_int_equal(ring_pop(&g->ring, &chain, NULL), 1);
    assert_int_equal(chain.count, 3);
    assert_int_equal(chain.size, 1045);
    assert_ptr_equal(chain.pieces[0].iov_base, g->high + 0x4000);
    assert_ptr_equal(chain.pieces[1].iov_base, g->low + 0x100);
    assert_ptr_equal(chain.pieces[2].iov_base, g->high + HIGH - 1);
    assert_int_equal(ring_pop(&g->ring, &chain, NULL), 0);
    guest_free(g);
}

static void a_chain_put_back_is_popped_again(void **state)
{
    struct guest *g = guest_new(true, false);
    struct ring_chain chain;

    (void)state;
    describe(g, 0, 0, 100, RING_WRITE, 0);
    offer(g, 0);
    assert_int_equal(ring_pop(&g->ring, &chain, NULL), 1);
    ring_unpop(&g->ring);
    assert_int_equal(ring_pop(&g->ring, &chain, NULL), 1);
    assert_int_equal(chain.size, 100);
    guest_free(g);
}

static void an_indirect_table_is_followed(void **state)
{
    struct guest *g = guest_new(true, false);
    struct ring_descriptor *table = (struct ring_descriptor *)(g->high + 0x5000);
    struct ring_chain chain;

    (void)state;
    table[0] = (struct ring_descriptor){0x200, 10, RING_WRITE | RING_NEXT, 1};
    table[1] = (struct ring_descriptor){0x300, 20, RING_WRITE, 0};
    describe(g, 3, GAP + 0x5000, 2 * sizeof *table, RING_INDIRECT, 0);
    offer(g, 3);
    assert_int_equal(ring_pop(&g->ring, &chain, NULL), 1);
    assert_int_equal(chain.count, 2);
    assert_int_equal(chain.size, 30);
    assert_int_equal(chain.head, 3);
    guest_free(g);
}

static void what_is_pushed_lies_in_the_used_ring(void **state)
{
    struct guest *g = guest_new(true, false);
    struct ring_chain chain;

    (void)state;
    for (unsigned i = 0; i < 3 * SIZE; i++) { /* around its end */
        uint32_t entry[2];
        describe(g, i % SIZE, 0, 100, RING_WRITE, 0);
        offer(g, (uint16_t)(i % SIZE));
        assert_int_equal(ring_pop(&g->ring, &chain, NULL), 1);
        ring_push(&g->ring, &chain, 50 + i);
        memcpy(entry, g->used + 4 + 8 * (size_t)(i % SIZE), sizeof entry);
        assert_int_equal(entry[0], i % SIZE);
        assert_int_equal(entry[1], 50 + i);
        assert_int_equal(used_index(g), i + 1);
    }
    guest_free(g);
}

static void push_one(struct guest *g)
{
    struct ring_chain chain;

    describe(g, 0, 0, 100, RING_WRITE, 0);
    offer(g, 0);
    assert_int_equal(ring_pop(&g->ring, &chain, NULL), 1);
    ring_push(&g->ring, &chain, 0);
}

static void the_guest_is_interrupted_unless_it_says_not_to(void **state)
{
    struct guest *g = guest_new(true, false);

    (void)state;
    assert_false(ring_must_signal(&g->ring)); /* nothing was pushed */
    push_one(g);
    assert_true(ring_must_signal(&g->ring));
    assert_false(ring_must_signal(&g->ring));
    g->available[0] = 1; /* VIRTQ_AVAIL_F_NO_INTERRUPT */
    push_one(g);
    assert_false(ring_must_signal(&g->ring));
    guest_free(g);
}

static void the_guest_is_interrupted_when_its_event_index_is_passed(void **state)
{
    struct guest *g = guest_new(true, true);

    (void)state;
    g->available[2 + SIZE] = 2; /* used_event: with the third */
    push_one(g);
    push_one(g);
    assert_false(ring_must_signal(&g->ring));
    push_one(g);
    assert_true(ring_must_signal(&g->ring));
    push_one(g);
    assert_false(ring_must_signal(&g->ring));
    guest_free(g);
}

static void arming_asks_for_a_kick_and_sees_what_came_meanwhile(void **state)
{
    struct guest *g = guest_new(true, true);
    struct guest *plain = guest_new(true, false);
    uint16_t event;

    (void)state;
    push_one(g);
    assert_false(ring_arm(&g->ring, true));
    memcpy(&event, g->used + 4 + 8 * SIZE, sizeof event);
    assert_int_equal(event, 1);
    offer(g, 0);
    assert_true(ring_arm(&g->ring, true));
    assert_false(ring_arm(&plain->ring, false));
    assert_int_equal(plain->used[0], 1); /* VIRTQ_USED_F_NO_NOTIFY */
    assert_false(ring_arm(&plain->ring, true));
    assert_int_equal(plain->used[0], 0);
    guest_free(g);
    guest_free(plain);
}

static void a_ring_goes_on_where_it_was_stopped(void **state)
{
    struct guest *g = guest_new(true, false);
    struct ring_chain chain;

    (void)state;
    push_one(g);
    g->setup.base = g->ring.next_available;
    assert_int_equal(ring_start(&g->ring, &g->setup, NULL), 0);
    assert_int_equal(ring_pop(&g->ring, &chain, NULL), 0);
    push_one(g);
    assert_int_equal(used_index(g), 2);
    guest_free(g);
}

static void rings_that_do_not_fit_are_refused(void **state)
{
    static const struct {
        const char *what;
        uint64_t descriptors, available, used;
        uint32_t size;
    } rows[] = {
        {"no entries", GAP, GAP + 0x1000, GAP + 0x2000, 0},
        {"not a power of two", GAP, GAP + 0x1000, GAP + 0x2000, 7},
        {"too many", GAP, GAP + 0x1000, GAP + 0x2000, 65536},
        {"descriptors in the hole", LOW, GAP + 0x1000, GAP + 0x2000, 8},
        {"descriptors that begin before the end of a region", LOW - 16, GAP + 0x1000, GAP + 0x2000, 8},
        {"descriptors behind everything", GAP + HIGH, GAP + 0x1000, GAP + 0x2000, 8},
        {"descriptors not aligned", GAP + 8, GAP + 0x1000, GAP + 0x2000, 8},
        {"available ring cut by the end", GAP, GAP + HIGH - 20, GAP + 0x2000, 8},
        {"available ring not aligned", GAP, GAP + 0x1001, GAP + 0x2000, 8},
        {"used ring cut by the end", GAP, GAP + 0x1000, GAP + HIGH - 68, 8},
        {"used ring not aligned", GAP, GAP + 0x1000, GAP + 0x2002, 8},
        {"addresses that overflow", UINT64_MAX - USER - 15, GAP + 0x1000, GAP + 0x2000, 8},
    };
    struct guest *g = guest_new(true, false);

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct reason why = {""};
        struct ring_chain chain;
        struct ring_setup setup = g->setup;
        setup.descriptors = USER + rows[i].descriptors;
        setup.available = USER + rows[i].available;
        setup.used = USER + rows[i].used;
        setup.size = rows[i].size;
        if (ring_start(&g->ring, &setup, &why) != -EINVAL || why.text[0] == '\0' ||
            ring_pop(&g->ring, &chain, NULL) != -EPROTO) {
            fail_msg("%s", rows[i].what);
        }
    }
    guest_free(g);
}

/* What a driver must not write; each breaks the ring until it is started again. */
static void write_head_outside(struct guest *g)
{
    offer(g, SIZE);
}

static void write_too_many(struct guest *g)
{
    g->available[1] = SIZE + 1;
}

static void write_wrong_direction(struct guest *g)
{
    describe(g, 0, 0, 100, RING_WRITE, 0);
    offer(g, 0);
}

static void write_hole(struct guest *g)
{
    describe(g, 0, LOW - 1, 2, 0, 0);
    offer(g, 0);
}

static void write_overflow(struct guest *g)
{
    describe(g, 0, UINT64_MAX, UINT32_MAX, 0, 0);
    offer(g, 0);
}

static void write_loop(struct guest *g)
{
    describe(g, 0, 0, 1, RING_NEXT, 1);
    describe(g, 1, 0, 1, RING_NEXT, 0);
    offer(g, 0);
}

static void write_loop_of_nothing(struct guest *g)
{
    describe(g, 0, 0, 0, RING_NEXT, 0);
    offer(g, 0);
}

static void write_link_outside(struct guest *g)
{
    describe(g, 0, 0, 1, RING_NEXT, SIZE);
    offer(g, 0);
}

static void write_indirect(struct guest *g, uint64_t address, uint32_t size, uint16_t flags)
{
    describe(g, 0, address, size, (uint16_t)(RING_INDIRECT | flags), 0);
    offer(g, 0);
}

static void write_indirect_cut(struct guest *g)
{
    write_indirect(g, GAP + HIGH - 16, 32, 0);
}

static void write_indirect_odd(struct guest *g)
{
    write_indirect(g, GAP + 0x5000, 17, 0);
}

static void write_indirect_empty(struct guest *g)
{
    write_indirect(g, GAP + 0x5000, 0, 0);
}

static void write_indirect_with_successor(struct guest *g)
{
    write_indirect(g, GAP + 0x5000, 16, RING_NEXT);
}

static void write_indirect_nested(struct guest *g)
{
    struct ring_descriptor inner = {GAP + 0x5000, 16, RING_INDIRECT, 0};

    memcpy(g->high + 0x5000, &inner, sizeof inner);
    write_indirect(g, GAP + 0x5000, 16, 0);
}

static void write_indirect_link_outside(struct guest *g)
{
    struct ring_descriptor inner = {0, 16, RING_NEXT, 1};

    memcpy(g->high + 0x5000, &inner, sizeof inner);
    write_indirect(g, GAP + 0x5000, 16, 0);
}

static void hostile_chains_break_the_ring(void **state)
{
    static void (*const rows[])(struct guest * g) = {
        write_head_outside,
        write_too_many,
        write_wrong_direction,
        write_hole,
        write_overflow,
        write_loop,
        write_loop_of_nothing,
        write_link_outside,
        write_indirect_cut,
        write_indirect_odd,
        write_indirect_empty,
        write_indirect_with_successor,
        write_indirect_nested,
        write_indirect_link_outside,
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct guest *g = guest_new(false, true);
        struct ring_chain chain;
        struct reason why = {""};
        rows[i](g);
        if (ring_pop(&g->ring, &chain, &why) != -EPROTO || why.text[0] == '\0' || !g->ring.broken) {
            fail_msg("row %zu", i);
        }
        assert_int_equal(ring_pop(&g->ring, &chain, &why), -EPROTO);
        assert_false(ring_must_signal(&g->ring));
        assert_false(ring_arm(&g->ring, true));
        guest_free(g);
    }
}

static void indirect_tables_are_refused_where_they_were_not_agreed_on(void **state)
{
    struct guest *g = guest_new(true, false);
    struct ring_chain chain;

    (void)state;
    g->setup.indirect = false;
    assert_int_equal(ring_start(&g->ring, &g->setup, NULL), 0);
    write_indirect(g, GAP + 0x5000, 16, 0);
    assert_int_equal(ring_pop(&g->ring, &chain, NULL), -EPROTO);
    guest_free(g);
}

static void memory_is_found_only_whole(void **state)
{
    struct guest *g = guest_new(true, false);

    (void)state;
    assert_ptr_equal(memory_at_guest(&g->memory, 0, LOW), g->low);
    assert_null(memory_at_guest(&g->memory, 0, LOW + 1));
    assert_null(memory_at_guest(&g->memory, LOW, 1));
    assert_null(memory_at_guest(&g->memory, 5, 0));
    assert_null(memory_at_guest(&g->memory, 1, UINT64_MAX));
    assert_ptr_equal(memory_at_guest(&g->memory, GAP + HIGH - 1, 1), g->high + HIGH - 1);
    assert_ptr_equal(memory_at_user(&g->memory, USER + GAP, 1), g->high);
    assert_null(memory_at_user(&g->memory, 0, 1));
    guest_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_is_popped_in_its_order),
        cmocka_unit_test(a_chain_put_back_is_popped_again),
        cmocka_unit_test(an_indirect_table_is_followed),
        cmocka_unit_test(what_is_pushed_lies_in_the_used_ring),
        cmocka_unit_test(the_guest_is_interrupted_unless_it_says_not_to),
        cmocka_unit_test(the_guest_is_interrupted_when_its_event_index_is_passed),
        cmocka_unit_test(arming_asks_for_a_kick_and_sees_what_came_meanwhile),
        cmocka_unit_test(a_ring_goes_on_where_it_was_stopped),
        cmocka_unit_test(rings_that_do_not_fit_are_refused),
        cmocka_unit_test(hostile_chains_break_the_ring),
        cmocka_unit_test(indirect_tables_are_refused_where_they_were_not_agreed_on),
        cmocka_unit_test(memory_is_found_only_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
