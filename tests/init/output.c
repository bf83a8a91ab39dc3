/* output: tests init/output: lines out of bytes that come in any pieces. */
#include "init/output.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char got[4096]; /* each line in brackets; one that goes on ends in "+" */

static void put(void *arg, const char *line, size_t size, bool more)
{
    size_t used = strlen(got);

    (void)arg;
    (void)snprintf(got + used, sizeof got - used, "[%.*s]%s", (int)size, line, more ? "+" : "");
}

static struct output_lines lines;

static int setup(void **state)
{
    (void)state;
    lines = (struct output_lines){.put = put};
    got[0] = '\0';
    return 0;
}

static void take(const char *text)
{
    output_take(&lines, text, strlen(text));
}

static void lines_come_in_any_pieces(void **state)
{
    (void)state;
    take("on");
    assert_string_equal(got, "");
    take("e\n\ntwo\nth");
    assert_string_equal(got, "[one][][two]");
    take("ree\n");
    assert_string_equal(got, "[one][][two][three]");
    output_finish(&lines);
    assert_string_equal(got, "[one][][two][three]");
}

static void the_end_is_the_end_of_a_line(void **state)
{
    (void)state;
    take("last words");
    output_finish(&lines);
    output_finish(&lines);
    assert_string_equal(got, "[last words]");
    take("next\n");
    assert_string_equal(got, "[last words][next]");
}

static void a_long_line_is_several(void **state)
{
    char text[2 * OUTPUT_LINE_MAX + 2];

    (void)state;
    memset(text, 'x', sizeof text);
    text[OUTPUT_LINE_MAX] = '\0';
    take(text);
    assert_string_equal(got, "");
    take("\n"); /* exactly as long as one may be */
    assert_int_equal(strlen(got), OUTPUT_LINE_MAX + 2);
    got[0] = '\0';
    text[OUTPUT_LINE_MAX] = 'x';
    text[2 * OUTPUT_LINE_MAX + 1] = '\0';
    take(text);
    output_finish(&lines);
    assert_int_equal(strlen(got), 2 * OUTPUT_LINE_MAX + 1 + 3 + 3 + 2);
    assert_string_equal(got + strlen(got) - 4, "+[x]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(lines_come_in_any_pieces, setup),
        cmocka_unit_test_setup(the_end_is_the_end_of_a_line, setup),
        cmocka_unit_test_setup(a_long_line_is_several, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
