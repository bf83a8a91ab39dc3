/* diff: what differs between two images, and which PCRs move because of it. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "tools/compare.h"
#include "tools/verbs.h"

static int run_diff(int argc, char *argv[]);

const struct verb verb_diff = {
    .name = "diff",
    .arguments = "[--json] A.eif B.eif",
    .summary = "what differs between two images, and which PCRs move because of it",
    .help =
        "One line for each difference: section, file, and what of it: the kernel's version, the first byte of the\n"
        "command line, a key of the metadata, a file's mode or content, a key of app/enclave.ini (with its defaults).\n"
        "Then each PCR: whether it moves, and because of which section. Works on files made by others.\n"
        "\n"
        "  --json   the same as one object: {\"Same\", \"Differences\": [{\"Section\", \"Path\", \"Field\", \"From\", "
        "\"To\",\n"
        "           \"Byte\", \"PCRs\"}], \"PCRs\": {\"PCR0\": {\"From\", \"To\", \"Because\"}, …}}\n"
        "\n"
        "Exit code 0: the same bytes; 1: they differ. What `ingot verify` would refuse is on standard error.\n",
    .run = run_diff,
};

#define PCR_COUNT 4

struct pcr {
    const char *name;
    bool in_a;
    bool in_b;
    uint8_t a[EIF_PCR_SIZE];
    uint8_t b[EIF_PCR_SIZE];
};

/* ---- PCRs ---- */

static bool promised(const struct look *look)
{
    return (look->eif.flags & ~EIF_FLAG_AARCH64) == 0;
}

static void fill_pcrs(struct pcr pcrs[static PCR_COUNT], const struct look *a, const struct look *b)
{
    const uint8_t *from[] = {a->measurements.pcr0, a->measurements.pcr1, a->measurements.pcr2};
    const uint8_t *to[] = {b->measurements.pcr0, b->measurements.pcr1, b->measurements.pcr2};
    static const char *const names[PCR_COUNT] = {"PCR0", "PCR1", "PCR2", "PCR8"};

    for (size_t i = 0; i < PCR_COUNT; i++) {
        pcrs[i] = (struct pcr){.name = names[i], .in_a = promised(a), .in_b = promised(b)};
        if (i < PCR_COUNT - 1) {
            memcpy(pcrs[i].a, from[i], EIF_PCR_SIZE);
            memcpy(pcrs[i].b, to[i], EIF_PCR_SIZE);
        }
    }
    struct pcr *signing = &pcrs[PCR_COUNT - 1];
    signing->in_a = signing->in_a && a->is_signed;
    signing->in_b = signing->in_b && b->is_signed;
    if (signing->in_a) {
        signature_pcr8(&a->signature, signing->a);
    }
    if (signing->in_b) {
        signature_pcr8(&b->signature, signing->b);
    }
}

static bool moves(const struct pcr *pcr)
{
    return pcr->in_a != pcr->in_b || memcmp(pcr->a, pcr->b, EIF_PCR_SIZE) != 0;
}

/* The sections whose rows name this PCR, each once. A new reference. */
static json_t *because(const json_t *rows, const char *name)
{
    json_t *sections = json_array();
    size_t i;
    json_t *row;

    json_array_foreach(rows, i, row)
    {
        json_t *section = json_object_get(row, "Section");
        json_t *last = json_array_get(sections, json_array_size(sections) - 1); /* rows of a section stand together */
        json_t *pcr;
        size_t k;
        json_array_foreach(json_object_get(row, "PCRs"), k, pcr)
        {
            if (strcmp(json_string_value(pcr), name) == 0 && !json_equal(section, last)) {
                (void)json_array_append(sections, section);
                last = section;
            }
        }
    }
    return sections;
}

/* ---- Output ---- */

static json_t *pcr_json(const uint8_t pcr[static EIF_PCR_SIZE], bool there)
{
    char hex[2 * EIF_PCR_SIZE + 1];

    text_hex(pcr, EIF_PCR_SIZE, hex);
    return there ? json_string(hex) : json_null();
}

static int print_json(const json_t *rows, const struct pcr pcrs[static PCR_COUNT], struct reason *why)
{
    json_t *registers = json_object();
    json_t *json =
        json_pack("{s:b, s:O, s:O*}", "Same", json_array_size(rows) == 0, "Differences", rows, "PCRs", registers);
    int failed = json == NULL ? -1 : 0;

    for (size_t i = 0; i < PCR_COUNT; i++) {
        const struct pcr *pcr = &pcrs[i];
        if (pcr->in_a || pcr->in_b) {
            failed |= json_object_set_new(registers, pcr->name,
                json_pack("{s:o, s:o, s:o}", "From", pcr_json(pcr->a, pcr->in_a), "To", pcr_json(pcr->b, pcr->in_b),
                    "Because", moves(pcr) ? because(rows, pcr->name) : json_array()));
        }
    }
    failed |= failed == 0 ? json_dumpf(json, stdout, JSON_INDENT(2)) : 0;
    putchar('\n');
    json_decref(registers);
    json_decref(json);
    return failed == 0 ? 0 : reason_system(why, -ENOMEM, "no memory");
}

#define BEFORE 24 /* bytes that are shown before a difference within a line */

/* A value for a person: as it is where it can't be mistaken, else quoted; a long one from shortly before `byte` on. */
static void print_value(const json_t *value, json_int_t byte)
{
    const char *text = json_string_value(value);
    size_t size = json_string_length(value);
    size_t start = byte > BEFORE && (size_t)byte <= size ? (size_t)byte - BEFORE : 0;
    bool harmless = size > 0 && start == 0;

    if (text == NULL) {
        fputs("(none)", stdout);
        return;
    }
    for (size_t i = 0; i < size; i++) {
        harmless = harmless && text[i] > ' ' && text[i] < 0x7f && text[i] != '"';
    }
    if (harmless && size <= TEXT_QUOTE_INPUT) {
        fputs(text, stdout);
    } else {
        printf("%s%s", start > 0 ? "…" : "", text_quote(text + start, size - start).text);
    }
}

static void print_row(const json_t *row)
{
    const json_t *path = json_object_get(row, "Path");
    const json_t *byte = json_object_get(row, "Byte");
    const char *field = json_string_value(json_object_get(row, "Field"));

    printf("%s: ", json_string_value(json_object_get(row, "Section")));
    if (path != NULL) {
        print_value(path, 0);
        fputs(": ", stdout);
    }
    for (const char *p = field; *p != '\0'; p++) {
        putchar(*p >= ' ' && *p < 0x7f ? *p : '?'); /* a key of somebody's metadata */
    }
    if (byte != NULL) {
        printf(" (from byte %" JSON_INTEGER_FORMAT " on)", json_integer_value(byte));
    }
    fputs(": ", stdout);
    print_value(json_object_get(row, "From"), json_integer_value(byte));
    fputs(" → ", stdout);
    print_value(json_object_get(row, "To"), json_integer_value(byte));
    putchar('\n');
}

static void print_pcr(const json_t *rows, const struct pcr *pcr)
{
    char from[2 * EIF_PCR_SIZE + 1];
    char to[2 * EIF_PCR_SIZE + 1];
    json_t *sections = because(rows, pcr->name);
    json_t *section;
    size_t i;

    if (!moves(pcr)) {
        printf("%s stays\n", pcr->name);
    } else {
        text_hex(pcr->a, EIF_PCR_SIZE, from);
        text_hex(pcr->b, EIF_PCR_SIZE, to);
        printf("%s moves because of ", pcr->name);
        json_array_foreach(sections, i, section)
        {
            printf("%s%s", i > 0 ? ", " : "", json_string_value(section));
        }
        printf(":\n  %s\n  %s\n", pcr->in_a ? from : "(none)", pcr->in_b ? to : "(none)");
    }
    json_decref(sections);
}

static void print_text(const json_t *rows, const struct pcr pcrs[static PCR_COUNT])
{
    json_t *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        print_row(row);
    }
    for (i = 0; i < PCR_COUNT && json_array_size(rows) > 0; i++) {
        if (pcrs[i].in_a || pcrs[i].in_b) {
            print_pcr(rows, &pcrs[i]);
        }
    }
}

/* 0 the same, 1 they differ, or -errno. */
static int diff(const struct look *a, const struct look *b, bool as_json, struct reason *why)
{
    struct comparison comparison = {.a = a, .b = b, .rows = json_array()};
    struct pcr pcrs[PCR_COUNT];
    int result = compare_images(&comparison, why);

    if (result == 0) {
        fill_pcrs(pcrs, a, b);
        if (as_json) {
            result = print_json(comparison.rows, pcrs, why);
        } else {
            print_text(comparison.rows, pcrs);
        }
    }
    if (result == 0) {
        result = json_array_size(comparison.rows) > 0;
    }
    json_decref(comparison.rows);
    return result;
}

static int run_diff(int argc, char *argv[])
{
    static const struct option known[] = {{"json", no_argument, NULL, 'j'}, {0}};
    bool as_json = false;
    struct reason why;
    struct look a;
    struct look b;
    int result;
    int option;

    opterr = 0;
    optind = 1;
    while ((option = getopt_long(argc, argv, ":", known, NULL)) != -1) {
        if (option != 'j') {
            return verb_bad_option(&verb_diff, argv, option);
        }
        as_json = true;
    }
    if (optind + 2 != argc) {
        return verb_misuse(&verb_diff, "it takes two images");
    }
    result = look_at(&a, argv[optind], &why);
    if (result < 0) {
        return verb_fail(&verb_diff, result, &why);
    }
    result = look_at(&b, argv[optind + 1], &why);
    if (result == 0) {
        look_say(&a, verb_diff.name, argv[optind]);
        look_say(&b, verb_diff.name, argv[optind + 1]);
        result = diff(&a, &b, as_json, &why);
        look_end(&b);
    }
    look_end(&a);
    if (result < 0) {
        return verb_fail(&verb_diff, result, &why);
    }
    return result > 0 ? EXIT_NO : EXIT_DONE;
}
