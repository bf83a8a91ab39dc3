/* Tests of tools/timeline: what lines and connections become, who may say what, hostile names, bounds. */
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

static const struct timeline_mark *mark(const struct timeline *timeline, size_t i, const char *name)
{
    assert_true(i < timeline->mark_count);
    assert_string_equal(timeline->marks[i].name, name);
    return &timeline->marks[i];
}

/* A boot up to where the application starts. */
static void boot_to_roles(struct timeline *timeline, const char *roles)
{
    char line[128];

    *timeline = (struct timeline){0};
    timeline_line(timeline, 300, "Linux version 6.12");
    timeline_line(timeline, 310, "Command line: ingot:    3 ms  x");
    timeline_line(timeline, 900, "ingot:     3 ms  console     ingot 0.1.0");
    timeline_line(timeline, 905, "ingot: the enclave ends: x");
    timeline_line(timeline, 920, "ingot:    23 ms  listeners   2 endpoints");
    snprintf(line, sizeof line, "ingot:    43 ms  roles       %s", roles);
    timeline_line(timeline, 940, line);
}

static void steps_come_from_the_lines_of_pid_1(void **state)
{
    static struct timeline timeline;

    (void)state;
    boot_to_roles(&timeline, "relay, watermark");
    timeline_heartbeat(&timeline, 950);
    timeline_line(&timeline, 951, "ingot:    50 ms  heartbeat   answered");
    timeline_line(&timeline, 1200, "ingot:   300 ms  secrets     accepted");
    assert_int_equal(mark(&timeline, 0, "start")->at, 300);
    assert_int_equal(mark(&timeline, 1, "kernel")->at, 900);
    assert_string_equal(mark(&timeline, 2, "console")->text, "ingot 0.1.0");
    assert_int_equal(mark(&timeline, 3, "listeners")->kind, TIMELINE_STEP);
    assert_int_equal(mark(&timeline, 4, "roles")->kind, TIMELINE_STEP);
    assert_int_equal(mark(&timeline, 5, "application")->at, 940);
    assert_int_equal(mark(&timeline, 6, "parent")->kind, TIMELINE_SEEN);
    assert_int_equal(mark(&timeline, 7, "heartbeat")->kind, TIMELINE_STEP);
    assert_int_equal(mark(&timeline, 8, "secrets")->kind, TIMELINE_SAID);
    assert_int_equal(timeline.marks[8].at, 1200);
    assert_int_equal(timeline.mark_count, 9);
}

static void an_application_forges_no_step(void **state)
{
    static struct timeline timeline;

    (void)state;
    boot_to_roles(&timeline, "relay, /app");
    timeline_line(&timeline, 941, "ingot:    44 ms  roles       again");
    timeline_line(&timeline, 942, "ingot:    44 ms  image       of another");
    timeline_line(&timeline, 943, "ingot:    44 ms  heartbeat   before the parent has answered");
    timeline_heartbeat(&timeline, 990);
    timeline_line(&timeline, 991, "ingot:    90 ms  heartbeat   answered");
    timeline_line(&timeline, 992, "ingot:    90 ms  heartbeat   and again");
    for (size_t i = 6; i < timeline.mark_count; i++) {
        bool genuine = timeline.marks[i].at == 991;
        assert_int_equal(timeline.marks[i].kind == TIMELINE_STEP, genuine);
    }
    assert_int_equal(timeline.mark_count, 12);
}

static void before_its_start_ends_an_application_forges_only_that_step(void **state)
{
    static struct timeline timeline;

    (void)state;
    timeline_line(&timeline, 900, "ingot:     3 ms  console     ingot 0.1.0");
    timeline_line(&timeline, 920, "ingot:    23 ms  listeners   2 endpoints");
    timeline_line(&timeline, 925, "ingot:    23 ms  listeners   3 endpoints");
    timeline_line(&timeline, 926, "ingot:    23 ms  nsm         mine");
    timeline_line(&timeline, 940, "ingot:    43 ms  roles       relay, /app");
    assert_int_equal(mark(&timeline, 4, "listeners")->kind, TIMELINE_SAID);
    assert_int_equal(mark(&timeline, 5, "nsm")->kind, TIMELINE_SAID);
    assert_int_equal(mark(&timeline, 6, "roles")->kind, TIMELINE_STEP);
}

static void an_application_that_waits_starts_with_its_secrets(void **state)
{
    static struct timeline timeline;

    (void)state;
    boot_to_roles(&timeline, "relay, /app after the first accepted push");
    assert_int_equal(timeline.mark_count, 5);
    timeline_line(&timeline, 1100, "ingot:   200 ms  secrets     a push is refused: no");
    assert_int_equal(timeline.mark_count, 6);
    timeline_line(&timeline, 1200, "ingot:   300 ms  secrets     accepted");
    timeline_line(&timeline, 1300, "ingot:   400 ms  secrets     accepted");
    assert_int_equal(mark(&timeline, 7, "application")->at, 1200);
    assert_int_equal(timeline.mark_count, 9);
}

static void sayings_leave_room_for_what_the_parent_saw(void **state)
{
    static struct timeline timeline;

    (void)state;
    boot_to_roles(&timeline, "relay, /app");
    for (int i = 0; i < 1000; i++) {
        timeline_line(&timeline, 941 + i, "ingot:    44 ms  noise       much");
    }
    timeline_heartbeat(&timeline, 1990);
    timeline_line(&timeline, 1991, "ingot:    90 ms  heartbeat   answered");
    assert_int_equal(mark(&timeline, 6 + TIMELINE_SAYINGS, "parent")->at, 1990);
    assert_int_equal(mark(&timeline, 7 + TIMELINE_SAYINGS, "heartbeat")->kind, TIMELINE_STEP);
    assert_int_equal(timeline.more_marks, 1000 - TIMELINE_SAYINGS);
}

/* Whether `then` is drawn, behind `first`. */
static bool in_order(const char *svg, const char *first, const char *then)
{
    const char *at = strstr(svg, first);

    return at != NULL && strstr(at, then) != NULL;
}

static void connections_are_drawn_by_how_they_end(void **state)
{
    static struct timeline timeline;
    static const struct timeline_connection ends[] = {
        {.opened = 400, .ended = 2000, .connect_ms = 9, .answer_ms = -1, .connected = true, .end = TIMELINE_OPEN},
        {.opened = 300, .ended = 800, .connect_ms = 9, .answer_ms = 70, .connected = true, .end = TIMELINE_CUT},
        {.opened = 200, .ended = 900, .connect_ms = 700, .answer_ms = -1, .error = -ECONNREFUSED},
        {.opened = 100,
            .ended = 150,
            .connect_ms = 9,
            .answer_ms = 30,
            .connected = true,
            .sent = 70000,
            .received = 8},
    };

    (void)state;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        timeline_connection(&timeline, &ends[i], "[endpoint a]");
    }
    char *svg = draw(&timeline, "image");
    assert_true(in_order(svg, "class=\"good\" ", ">50 ms · target 9, answer 30 ms · → 68.4 KiB ← 8 B<"));
    assert_true(in_order(svg, ">50 ms", ">refused after 700 ms · not reached · → 0 B ← 0 B<"));
    assert_true(in_order(svg, ">refused", "class=\"cut\" "));
    assert_true(in_order(svg, ">refused", ">cut after 500 ms · target 9, answer 70 ms"));
    assert_true(in_order(svg, ">cut after", "<path class=\"open\" "));
    assert_true(in_order(svg, ">cut after", ">still open after 1600 ms · target 9 ms ·"));
    assert_non_null(strstr(svg, " · 4 connections, 1 of them cut, 1 still open at the end<"));
    assert_null(strstr(svg, "first answer")); /* none of them leads into the enclave */
    free(svg);
}

static void the_first_answer_is_a_mark_at_its_time(void **state)
{
    static struct timeline timeline;
    struct timeline_connection connection = {
        .opened = 1000, .ended = 1500, .connect_ms = 1, .answer_ms = -1, .connected = true, .inbound = true};

    (void)state;
    timeline_moment(&timeline, 900, "earlier", "");
    timeline_moment(&timeline, 1400, "later", "");
    timeline_connection(&timeline, &connection, "[inbound silent]");
    connection.answer_ms = 300;
    timeline_connection(&timeline, &connection, "[inbound late]");
    connection.answer_ms = 200;
    timeline_connection(&timeline, &connection, "[inbound api]");
    char *svg = draw(&timeline, "image");
    assert_true(in_order(svg, ">earlier<", ">first answer<"));
    assert_true(in_order(svg, ">first answer<", ">at 1.200 s · [inbound api]<"));
    assert_true(in_order(svg, ">first answer<", ">later<"));
    free(svg);
}

static void hostile_names_stay_text(void **state)
{
    static struct timeline timeline;
    static const struct timeline_connection connection = {
        .opened = 100, .ended = 5000, .answer_ms = -1, .error = -ECONNRESET};

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
    assert_non_null(strstr(svg, ">0123456789012345678901234567890…<"));
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
        cmocka_unit_test(an_application_forges_no_step),
        cmocka_unit_test(before_its_start_ends_an_application_forges_only_that_step),
        cmocka_unit_test(an_application_that_waits_starts_with_its_secrets),
        cmocka_unit_test(sayings_leave_room_for_what_the_parent_saw),
        cmocka_unit_test(connections_are_drawn_by_how_they_end),
        cmocka_unit_test(the_first_answer_is_a_mark_at_its_time),
        cmocka_unit_test(hostile_names_stay_text),
        cmocka_unit_test(what_is_too_much_is_counted),
        cmocka_unit_test(a_run_without_an_event_is_a_picture_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
