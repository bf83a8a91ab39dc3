/* journal: tests init/journal: the ring keeps the newest lines whole, and says how many it has dropped. */
#include "init/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct journal_ring ring;
static char line[JOURNAL_LINE_MAX];

static int setup(void **state)
{
    (void)state;
    memset(&ring, 0, sizeof ring);
    return 0;
}

static void put(const char *text)
{
    journal_ring_put(&ring, text, strlen(text));
}

static void take(const char *text)
{
    size_t size = journal_ring_take(&ring, line);

    assert_int_equal(size, strlen(text));
    assert_memory_equal(line, text, size);
}

static void lines_come_out_as_they_went_in(void **state)
{
    (void)state;
    put("one");
    put("");
    put("three");
    take("one\n");
    put("four");
    take("\n");
    take("three\n");
    take("four\n");
    take("");
    assert_int_equal(ring.lines, 4);
    assert_int_equal(ring.dropped, 0);
}

static void the_oldest_are_dropped_and_counted(void **state)
{
    char text[100];
    unsigned count = 5000;
    unsigned next;
    unsigned long long told;

    (void)state;
    for (unsigned i = 0; i < count; i++) {
        (void)snprintf(text, sizeof text, "%u %.*s", i, (int)(i % 80),
            "................................................................................");
        put(text);
    }
    assert_true(journal_ring_take(&ring, line) > 0);
    assert_int_equal(sscanf(line, "{\"event\":\"dropped\",\"lines\":%llu}", &told), 1);
    assert_int_equal(told, ring.dropped);
    assert_true(told > 0);
    for (next = (unsigned)told; next < count; next++) { /* all the others, whole and in order */
        size_t size = journal_ring_take(&ring, line);
        assert_true(size > 1);
        line[size - 1] = '\0';
        assert_int_equal(strtoul(line, NULL, 10), next);
    }
    take("");
}

static void a_line_that_is_too_long_is_dropped_alone(void **state)
{
    static char text[2 * JOURNAL_LINE_MAX];

    (void)state;
    memset(text, 'x', sizeof text - 1);
    put("before");
    put(text);
    journal_ring_put(&ring, text, JOURNAL_LINE_MAX - 1);
    take("{\"event\":\"dropped\",\"lines\":1}\n");
    take("before\n");
    assert_int_equal(journal_ring_take(&ring, line), JOURNAL_LINE_MAX);
    take("");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(lines_come_out_as_they_went_in, setup),
        cmocka_unit_test_setup(the_oldest_are_dropped_and_counted, setup),
        cmocka_unit_test_setup(a_line_that_is_too_long_is_dropped_alone, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
