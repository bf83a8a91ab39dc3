/* help: tests: how a verb's help is taken apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tools/help.h"

static const struct verb verb = {
    .name = "try",
    .arguments = "[--at TIME] A.eif|enclave.ini [--out X.eif]… [-q] B.eif | --list",
    .help = "Does it.\n"
            "\n"
            "  -o, --out X.eif   where\n"
            "                    to\n"
            "  --at TIME, -q     when; quiet\n"
            "  --pick A,B        these\n"
            "  --list\n"
            "\n"
            "So:\n"
            "  try it\n"
            "      again\n",
};

static void is(struct bytes got, const char *wanted)
{
    char text[200] = "";

    assert_true(got.size < sizeof text);
    memcpy(text, got.data, got.size);
    assert_string_equal(text, wanted);
}

static struct bytes bytes_of(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

static void lines_have_their_kinds(void **state)
{
    static const enum help_kind kinds[] = {HELP_TEXT, HELP_EMPTY, HELP_OPTION, HELP_MORE, HELP_OPTION, HELP_OPTION,
        HELP_OPTION, HELP_EMPTY, HELP_TEXT, HELP_EXAMPLE, HELP_MORE};
    const char *at = verb.help;
    struct help_line line;
    size_t count = 0;

    (void)state;
    while (help_next(&at, &line)) {
        assert_true(count < sizeof kinds / sizeof kinds[0]);
        assert_int_equal(line.kind, kinds[count]);
        if (count == 2) {
            is(line.names, "-o, --out X.eif");
            is(line.text, "where");
        }
        count++;
    }
    assert_int_equal(count, sizeof kinds / sizeof kinds[0]);
    is(line.text, "again");
    assert_int_equal(line.indent, 6);
}

static void names_of_a_line_are_options(void **state)
{
    struct bytes names = bytes_of("-o, --out X.eif, --pick A,B");
    struct help_option option;

    (void)state;
    assert_true(help_option(&names, &option));
    is(option.name, "-o");
    is(option.value, "");
    assert_true(help_option(&names, &option));
    is(option.name, "--out");
    is(option.value, "X.eif");
    assert_true(help_option(&names, &option));
    is(option.name, "--pick");
    is(option.value, "A,B");
    assert_false(help_option(&names, &option));
}

static void a_short_name_takes_what_the_long_one_takes(void **state)
{
    struct bytes value;

    (void)state;
    assert_true(help_find(&verb, bytes_of("-o"), &value));
    is(value, "X.eif");
    assert_true(help_find(&verb, bytes_of("-q"), &value));
    is(value, "");
    assert_true(help_find(&verb, bytes_of("--list"), &value));
    assert_int_equal(value.size, 0);
    assert_false(help_find(&verb, bytes_of("--lis"), &value));
}

static void operands_are_what_is_left_of_the_arguments(void **state)
{
    const char *at = verb.arguments;
    struct bytes word;

    (void)state;
    assert_true(help_operand(&verb, &at, &word));
    is(word, "A.eif|enclave.ini");
    assert_true(help_operand(&verb, &at, &word));
    is(word, "B.eif");
    assert_false(help_operand(&verb, &at, &word));
}

static void a_word_says_what_it_stands_for(void **state)
{
    static const struct {
        const char *value;
        enum help_takes takes;
        const char *first;
        const char *second;
    } rows[] = {{"", HELP_NOTHING, NULL, NULL}, {"DIR", HELP_FOLDER, NULL, NULL}, {"FILE", HELP_FILE, NULL, NULL},
        {"PATH", HELP_FILE, NULL, NULL}, {"X.eif", HELP_FILE, "eif", NULL},
        {"X.eif|enclave.ini", HELP_FILE, "eif", "ini"}, {"SECRETS.json|-", HELP_FILE, "json", NULL},
        {"kvm|tcg", HELP_WORDS, NULL, NULL}, {"N", HELP_ANY, NULL, NULL}, {"64M", HELP_ANY, NULL, NULL},
        {"0,1,2,8", HELP_ANY, NULL, NULL}, {"HOST:PORT=ADDRESS", HELP_ANY, NULL, NULL},
        {"x.toolongasuffix", HELP_ANY, NULL, NULL}, {".eif", HELP_ANY, NULL, NULL}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bytes value = bytes_of(rows[i].value);
        char suffix[HELP_SUFFIX_MAX];
        assert_int_equal(help_takes(value), rows[i].takes);
        assert_int_equal(help_suffix(&value, suffix), rows[i].first != NULL);
        if (rows[i].first != NULL) {
            assert_string_equal(suffix, rows[i].first);
            assert_int_equal(help_suffix(&value, suffix), rows[i].second != NULL);
        }
        if (rows[i].second != NULL) {
            assert_string_equal(suffix, rows[i].second);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_have_their_kinds),
        cmocka_unit_test(names_of_a_line_are_options),
        cmocka_unit_test(a_short_name_takes_what_the_long_one_takes),
        cmocka_unit_test(operands_are_what_is_left_of_the_arguments),
        cmocka_unit_test(a_word_says_what_it_stands_for),
    };

    return cmocka_run_group_tests_name("help", tests, NULL, NULL);
}
