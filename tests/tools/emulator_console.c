/* Tests of tools/emulator/console: lines out of a serial console's bytes, and how the enclave ended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tools/emulator/console.h"

struct heard {
    struct console console;
    char text[3 * CONSOLE_LINE_MAX];
    unsigned lines;
};

static void on_line(void *arg, const char *line, size_t size)
{
    struct heard *heard = arg;
    size_t used = strlen(heard->text);

    assert_int_equal(strlen(line), size);
    snprintf(heard->text + used, sizeof heard->text - used, "%s|", line);
    heard->lines++;
}

static struct heard *hear(const char *data, size_t size, size_t step)
{
    struct heard *heard = calloc(1, sizeof *heard);

    heard->console.line_ready = on_line;
    heard->console.arg = heard;
    for (size_t at = 0; at < size; at += step) {
        console_feed(&heard->console, data + at, size - at < step ? size - at : step);
    }
    console_finish(&heard->console);
    return heard;
}

static void lines_are_whole_however_they_come(void **state)
{
    static const char data[] = "one\r\ntwo\r\n\r\nthe last without an end";

    (void)state;
    for (size_t step = 1; step < sizeof data; step++) {
        struct heard *heard = hear(data, sizeof data - 1, step);
        assert_string_equal(heard->text, "one|two||the last without an end|");
        assert_string_equal(heard->console.last, "the last without an end");
        free(heard);
    }
}

static void control_characters_do_not_reach_the_terminal(void **state)
{
    static const char data[] = "\033[2Ja\tb\0c\177d\a\n";
    struct heard *heard = hear(data, sizeof data - 1, 100);

    (void)state;
    assert_string_equal(heard->text, "?[2Ja\tb?c?d?|");
    free(heard);
}

static void only_characters_that_steer_nothing_pass(void **state)
{
    static const char data[] = "caf\xc3\xa9 \xc2\x9b"
                               "31m \x9b \xe2\x80 \xf0\x9f\x98\x80\xc3\n";

    (void)state;
    for (size_t step = 1; step < sizeof data; step++) {
        struct heard *heard = hear(data, sizeof data - 1, step);
        assert_string_equal(heard->text, "caf\xc3\xa9 ??31m ? ?? \xf0\x9f\x98\x80?|");
        free(heard);
    }
}

static void long_lines_come_in_pieces(void **state)
{
    struct heard *heard;
    char *data = malloc(CONSOLE_LINE_MAX + 2);

    (void)state;
    memset(data, 'x', CONSOLE_LINE_MAX + 2);
    heard = hear(data, CONSOLE_LINE_MAX + 2, 1000);
    assert_int_equal(heard->lines, 2);
    assert_string_equal(heard->console.last, "xx");
    free(heard);
    free(data);
}

static void the_end_is_what_was_said_last(void **state)
{
    static const struct {
        const char *data;
        enum console_end end;
        const char *last;
    } rows[] = {
        {"booting\n", CONSOLE_NO_END, "booting"},
        {"", CONSOLE_NO_END, ""},
        {"ingot: the enclave ends: nsm: no NSM here\nreboot: Restarting system\n", CONSOLE_ENCLAVE_ENDED,
            "ingot: the enclave ends: nsm: no NSM here"},
        {"ingot: the application has ended: exit status 0\r\nreboot: machine restart\r\n", CONSOLE_IN_ORDER,
            "ingot: the application has ended: exit status 0"},
        {"ingot: the application has ended: x\ningot: the enclave ends: y\n", CONSOLE_ENCLAVE_ENDED,
            "ingot: the enclave ends: y"},
        {"the app says: ingot: the application has ended: no\n", CONSOLE_NO_END,
            "the app says: ingot: the application has ended: no"},
        {"ingot: the application has ended: no newline", CONSOLE_IN_ORDER,
            "ingot: the application has ended: no newline"},
        {"[    0.51] Kernel panic - not syncing: No init\n[    0.52] Kernel Offset: disabled\n", CONSOLE_NO_END,
            "[    0.51] Kernel panic - not syncing: No init"},
        {"the app says: Kernel panic - not syncing\nand goes on\n", CONSOLE_NO_END, "and goes on"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct heard *heard = hear(rows[i].data, strlen(rows[i].data), 7);
        assert_int_equal(heard->console.end, rows[i].end);
        assert_string_equal(heard->console.last, rows[i].last);
        assert_int_equal(heard->console.any, rows[i].data[0] != '\0');
        free(heard);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_whole_however_they_come),
        cmocka_unit_test(control_characters_do_not_reach_the_terminal),
        cmocka_unit_test(only_characters_that_steer_nothing_pass),
        cmocka_unit_test(long_lines_come_in_pieces),
        cmocka_unit_test(the_end_is_what_was_said_last),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
