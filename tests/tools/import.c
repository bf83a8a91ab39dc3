/* import: tests: lists of hosts in YAML, whole, cut and malformed, and the ports that comments name. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "image/config.h"
#include "tools/import.h"

static struct import import;
static struct reason why;

static int read_text(const char *text)
{
    return import_read(&import, text, strlen(text), &why);
}

static void hosts_come_in_the_order_of_the_file(void **state)
{
    (void)state;
    assert_int_equal(read_text("endpoints:\n - b.example\n - https://A.example:8443/x\n - http://c.example\n"), 0);
    assert_int_equal(import.count, 3);
    assert_string_equal(import.endpoints[0].host, "b.example");
    assert_int_equal(import.endpoints[0].port, 443);
    assert_int_equal(import.endpoints[0].line, 2);
    assert_string_equal(import.endpoints[1].host, "a.example");
    assert_int_equal(import.endpoints[1].port, 8443);
    assert_false(import.endpoints[1].clear);
    assert_int_equal(import.endpoints[2].port, 80);
    assert_true(import.endpoints[2].clear);
    assert_int_equal(import.left_out, 0);
    import_free(&import);
}

static void a_second_port_of_a_host_gets_a_label_of_its_own(void **state)
{
    (void)state;
    assert_int_equal(read_text("[a.example, 'a.example:81', a.example-82, 'a.example:82', 'a.example:83']"), 0);
    assert_int_equal(import.count, 4);
    assert_string_equal(import.endpoints[1].label, "a.example-81");
    assert_string_equal(import.endpoints[1].host, "a.example");
    assert_string_equal(import.endpoints[2].label, "a.example-82"); /* a host of that name */
    assert_int_equal(import.left_out, 1);                           /* so port 82 finds no label */
    assert_int_equal(import.endpoints[3].port, 83);
    import_free(&import);
}

/* Each is refused whole, at this line and with these words. */
static const struct {
    const char *text;
    unsigned line;
    const char *words;
} refused[] = {
    {"just words\n", 1, "no list of hosts"},
    {"- 'open\n", 2, "not YAML"},
    {"- \"\\q\"\n", 1, "not YAML"},
    {"- [a\n", 2, "not YAML"},
    {"- {a\n", 2, "not YAML"},
    {"- ]\n", 1, "not YAML"},
    {"a: b: c\n", 1, "not YAML"},
    {"endpoints:\n- a\n b: c\n- d\n", 3, "not YAML"},
    {"endpoints:\n- a\n\t- b\n", 3, "not YAML"},
    {"endpoints:\n\t- a\n", 2, "a tab"},
    {"- @a\n", 1, "not YAML"},
    {"- `a`\n", 1, "not YAML"},
    {"- %a\n", 1, "not YAML"},
    {"- *.example\n", 1, "wildcard"},
    {"- *a\n", 1, "an alias"},
    {"- &a b\n", 1, "an anchor"},
    {"&a [b]\n", 1, "an anchor"},
    {"endpoints: &a\n - b\n", 1, "an anchor"},
    {"- !a b\n", 1, "a tag"},
    {"- !!str b\n", 1, "a tag"},
    {"!!set {a}\n", 1, "a tag"},
    {"- !!map {host: a.example}\n", 1, "a tag"},
    {"x:\n - &a b\n", 2, "an anchor"},
    {"x: {y: [*a]}\n", 1, "an alias"},
    {"{[a]: b}\n", 1, "itself a list"},
    {"- {[a]: b}\n", 1, "itself a list"},
    {"- {{ host }}\n", 1, "itself a list"},
    {"? [a]\n: b\n", 1, "itself a list"},
    {"[[[[[[[[[]]]]]]]]]\n", 1, "too deep"},
    {"x: {a: {a: {a: {a: {a: {a: {a: {a: 1}}}}}}}}\n", 1, "too deep"},
    {"%YAML 9.9\n---\n- a\n", 1, "not YAML"},
    {"%YAML 1.1\n%YAML 1.1\n---\n- a\n", 2, "not YAML"},
    {"- a\x02\n", 1, "control characters"},
    {"- a\n- \xff\n", 2, "UTF-8"},
    {"- \xc0\xaf\n", 1, "UTF-8"},
    {"- \xed\xa0\x80\n", 1, "UTF-8"},
    {"- \xf0\x9f\n", 1, "UTF-8"},
    {"\xff\xfe-\n", 0, "UTF-16"},
};

static void what_is_no_list_is_refused_with_its_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        int error = read_text(refused[i].text);
        if (error != -EINVAL || import.line != refused[i].line || strstr(why.text, refused[i].words) == NULL) {
            fail_msg("%s: %d, line %u: %s", refused[i].text, error, import.line, error < 0 ? why.text : "taken");
        }
        import_free(&import);
    }
}

static void no_nesting_costs_more_than_its_bytes(void **state)
{
    static const char *const units[] = {
        "[", "{", "- ", "? ", "{a: ", "[a, {", "!a ", "&a ", "'", "\"", "|\n", "#", "a: "};
    char *text = malloc(IMPORT_FILE_MAX);

    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        size_t unit = strlen(units[i]);
        size_t size = 0;
        for (; size + unit <= IMPORT_FILE_MAX; size += unit) {
            memcpy(text + size, units[i], unit);
        }
        (void)import_read(&import, text, size, &why); /* ends soon, with the memory that it took given back */
        assert_true(import.count <= 1);
        import_free(&import);
    }
    free(text);
}

static void a_file_cut_anywhere_is_read_or_refused(void **state)
{
    static const char text[] =
        "%YAML 1.1\n---\n# port 1\nv: [1, {a: b}]\nendpoints: # port 2\n  - a.example # port 80\n"
        "  - {host: 'b.example', port: 81, x: [y]}\n  - \"c\\x2eexample\"\n  - d.example: 8443\n"
        "  - |\n    e.example\n  - b\xc3\xbc.example\n...\n---\n- z\n";

    (void)state;
    for (size_t size = 0; size < sizeof text; size++) {
        char *copy = malloc(size + 1); /* its end is where it ends: the sanitizer sees a byte too far */
        assert_non_null(copy);
        memcpy(copy, text, size);
        int error = import_read(&import, copy, size, &why);
        assert_true(error == 0 || error == -EINVAL);
        assert_true(import.count <= 4);
        import_free(&import);
        free(copy);
    }
}

static void a_byte_too_many_is_refused(void **state)
{
    char *text = malloc(IMPORT_FILE_MAX + 1);

    (void)state;
    assert_non_null(text);
    memset(text, '#', IMPORT_FILE_MAX + 1);
    assert_int_equal(import_read(&import, text, IMPORT_FILE_MAX + 1, &why), -EINVAL);
    assert_int_equal(import_read(&import, text, IMPORT_FILE_MAX, &why), 0);
    import_free(&import);
    free(text);
}

static void notes_are_bounded_and_counted(void **state)
{
    char text[3 * (IMPORT_NOTES_MAX + 5) + 1] = "";

    (void)state;
    for (size_t i = 0; i < IMPORT_NOTES_MAX + 5; i++) {
        memcpy(text + 3 * i, "- \n", 3);
    }
    assert_int_equal(import_read(&import, text, sizeof text - 1, &why), 0);
    assert_int_equal(import.note_count, IMPORT_NOTES_MAX);
    assert_int_equal(import.notes_lost, 6); /* the last of them says that there are no hosts */
    import_free(&import);
}

static const struct {
    const char *comment;
    unsigned port;
} comments[] = {
    {"# port 8080", 8080},
    {"# Port: 8080", 8080},
    {"# port=8080.", 8080},
    {"# (ports 8443, 9000)", 8443},
    {"# API (port #81)", 81},
    {"# listens on :8080", 8080},
    {"# see a.example:9000/x", 9000},
    {"#port:1", 1},
    {"# port 65535", 65535},
    {"# port 65536", 0},
    {"# port 0", 0},
    {"# port 80800000000000", 0},
    {"# port 8080th", 0},
    {"# transport 8080", 0},
    {"# report 8080", 0},
    {"# since 2024", 0},
    {"# at 12:30", 0},
    {"# port", 0},
    {"#", 0},
    {"", 0},
};

static void a_port_in_a_comment_is_seen(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof comments / sizeof comments[0]; i++) {
        unsigned port = import_port_in_comment(comments[i].comment, strlen(comments[i].comment));
        if (port != comments[i].port) {
            fail_msg("%s: %u", comments[i].comment, port);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_come_in_the_order_of_the_file),
        cmocka_unit_test(a_second_port_of_a_host_gets_a_label_of_its_own),
        cmocka_unit_test(what_is_no_list_is_refused_with_its_line),
        cmocka_unit_test(no_nesting_costs_more_than_its_bytes),
        cmocka_unit_test(a_file_cut_anywhere_is_read_or_refused),
        cmocka_unit_test(a_byte_too_many_is_refused),
        cmocka_unit_test(notes_are_bounded_and_counted),
        cmocka_unit_test(a_port_in_a_comment_is_seen),
    };

    return cmocka_run_group_tests_name("import", tests, NULL, NULL);
}
