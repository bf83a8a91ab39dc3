/* ingot: the table of verbs, and what is said when none of them fits. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "tools/verbs.h"

#ifndef INGOT_VERSION
#error "INGOT_VERSION comes from the file VERSION: compile with -DINGOT_VERSION='\"0.1.0\"'"
#endif

extern const struct verb verb_build, verb_config, verb_describe, verb_diff, verb_extract, verb_import, verb_proxy, verb_push, verb_run,
    verb_sign, verb_verify;

/* In the order in which a newcomer meets them. */
static const struct verb *const verbs[] = {
    &verb_build,
    &verb_describe,
    &verb_verify,
    &verb_sign,
    &verb_extract,
    &verb_diff,
    &verb_config,
    &verb_import,
    &verb_run,
    &verb_push,
    &verb_proxy,
};
#define VERB_COUNT (sizeof verbs / sizeof verbs[0])

static void print_usage(FILE *out)
{
    fprintf(out, "usage: ingot VERB …   (ingot VERB --help says more)\n\n");
    for (size_t i = 0; i < VERB_COUNT; i++) {
        fprintf(out, "  %-9s %s\n", verbs[i]->name, verbs[i]->summary);
    }
    fprintf(out, "\nExit codes: %d done, %d the answer is no, %d misuse, %d the system failed.\n", EXIT_DONE, EXIT_NO,
        EXIT_MISUSE, EXIT_SYSTEM);
}

static int print_help(const struct verb *verb)
{
    printf("usage: ingot %s %s\n\n%s", verb->name, verb->arguments, verb->help);
    return EXIT_DONE;
}

static int refuse_unknown(const char *word)
{
    const struct verb *nearest = NULL;
    unsigned best = 3;

    for (size_t i = 0; i < VERB_COUNT; i++) {
        unsigned distance = text_distance(word, verbs[i]->name);
        if (distance < best) {
            best = distance;
            nearest = verbs[i];
        }
    }
    fprintf(stderr, "ingot: no such verb: %s", text_quote_string(word).text);
    if (nearest != NULL) {
        fprintf(stderr, " (did you mean %s?)\n", nearest->name);
    } else {
        fprintf(stderr, " (ingot --help lists them)\n");
    }
    return EXIT_MISUSE;
}

/* Whether one of the arguments before a "--" asks for help. */
static int asks_for_help(int argc, char *argv[])
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            return 1;
        }
    }
    return 0;
}

int main(int argc, char *argv[])
{
    if (argc < 2) {
        print_usage(stderr);
        return EXIT_MISUSE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_usage(stdout);
        return EXIT_DONE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("ingot %s\n", INGOT_VERSION);
        return EXIT_DONE;
    }
    for (size_t i = 0; i < VERB_COUNT; i++) {
        if (strcmp(argv[1], verbs[i]->name) == 0) {
            int code = asks_for_help(argc - 1, argv + 1) ? print_help(verbs[i]) : verbs[i]->run(argc - 1, argv + 1);
            /* A full disk or a closed pipe shows only now; data that nobody got is no success. */
            if (fflush(stdout) != 0 || ferror(stdout)) {
                fprintf(stderr, "ingot: cannot write to standard output\n");
                return EXIT_SYSTEM;
            }
            return code;
        }
    }
    return refuse_unknown(argv[1]);
}
