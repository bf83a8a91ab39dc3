/* Tests of tools/timeline: what lines become, hostile names, bounds, and the same picture for the same events. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tools/timeline.h"

static char *draw(const struct timeline *timeline, const char *image)
{
    size_t size;
    char *svg = timeline_draw(timeline, image, 2000, "the enclave came up", &size);

    assert_non_null(svg);
    assert_int_equal(strlen(svg), size);
    return svg;
}

static void steps_come_from_the_lines_of_pid_1(void **state)
{
    static struct timeline timeline;

    (void)state;
    timeline_line(&timeline, 300, "Linux version 6.12");
    timeline_line(&timeline, 310, "Command line: ingot:    3 ms  x");
    timeline_line(&timeline, 900, "ingot:     3 ms  console     ingot 0.1.0");
    timeline_line(&timeline, 905, "ingot: the enclave ends: x");
    timeline_line(&timeline, 950, "ingot:    50 ms  heartbeat   answered");
    timeline_line(&timeline, 1200, "ingot:   300 ms  secrets     accepted");
    assert_int_equal(timeline.mark_count, 5);
    assert_string_equal(timeline.marks[0].name, "QEMU");
    assert_string_equal(timeline.marks[1].name, "kernel");
    assert_string_equal(timeline.marks[2].name, "console");
    assert_string_equal(timeline.marks[2].text, "ingot 0.1.0");
    assert_true(timeline.marks[3].boot);
    assert_string_equal(timeline.marks[4].name, "secrets");
    assert_false(timeline.marks[4].boot);
    assert_int_equal(timeline.marks[4].at, 1200);
}

static void hostile_names_stay_text(void **state)
{
    static struct timeline timeline;
    static const struct timeline_connection connection = {.opened = 100, .ended = 5000, .error = -ECONNRESET};

    (void)state;
    timeline_moment(&timeline, -5, "</text><script>&\033\xff", "\xc2\x9b\xef\xbf\xbf]]>");
    timeline_connection(&timeline, &connection, "0123456789012345678901234567890123456789");
    char *svg = draw(&timeline, "a\"&<b>");
    assert_null(strstr(svg, "<script"));
    assert_non_null(strstr(svg, ">&lt;/text&gt;&lt;script&gt;&amp;?"
                                "?<"));
    assert_non_null(strstr(svg, " · ?"
                                "?]]&gt;<")); /* U+009B and U+FFFF */
    assert_non_null(strstr(svg, ">a\"&amp;&lt;b&gt;<"));
    assert_non_null(strstr(svg, ">012345678901234567890123456789012…<"));
    free(svg);
}

static void what_is_too_much_is_counted(void **state)
{
    static struct timeline timeline;
    static const struct timeline_connection connection = {.opened = 100, .ended = 200};

    (void)state;
    for (int i = 0; i < TIMELINE_MARKS + 3; i++) {
        timeline_moment(&timeline, i, "x", "");
    }
    for (int i = 0; i < TIMELINE_CONNECTIONS + 7; i++) {
        timeline_connection(&timeline, &connection, "api");
    }
    char *svg = draw(&timeline, "image");
    assert_non_null(strstr(svg, "and 3 more moments"));
    assert_non_null(strstr(svg, "and 7 more connections"));
    char *again = draw(&timeline, "image");
    assert_string_equal(svg, again);
    free(again);
    free(svg);
}

static void a_run_without_an_event_is_a_picture_too(void **state)
{
    static const struct timeline timeline;
    size_t size;
    char *svg = timeline_draw(&timeline, "", 0, "", &size);

    (void)state;
    assert_non_null(strstr(svg, "</svg>"));
    assert_null(strstr(svg, "nan"));
    free(svg);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_come_from_the_lines_of_pid_1),
        cmocka_unit_test(hostile_names_stay_text),
        cmocka_unit_test(what_is_too_much_is_counted),
        cmocka_unit_test(a_run_without_an_event_is_a_picture_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
