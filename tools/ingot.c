/* ingot: the table of verbs, and what is said when none of them fits. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "tools/completion.h"
#include "tools/man.h"
#include "tools/verbs.h"

#ifndef INGOT_VERSION
#error "INGOT_VERSION comes from the file VERSION: compile with -DINGOT_VERSION='\"0.1.0\"'"
#endif

extern const struct verb verb_build, verb_call, verb_config, verb_describe, verb_diff, verb_doctor, verb_extract,
    verb_import, verb_logs, verb_policy, verb_proxy, verb_push, verb_relay, verb_run, verb_sign, verb_status,
    verb_verify;

/* In the order in which a newcomer meets them. */
static const struct verb *const verbs[] = {
    &verb_build,
    &verb_describe,
    &verb_verify,
    &verb_sign,
    &verb_policy,
    &verb_extract,
    &verb_diff,
    &verb_config,
    &verb_import,
    &verb_doctor,
    &verb_run,
    &verb_push,
    &verb_proxy,
    &verb_relay,
    &verb_status,
    &verb_logs,
    &verb_call,
};
#define VERB_COUNT (sizeof verbs / sizeof verbs[0])

static void print_exit_codes(FILE *out)
{
    fprintf(out, "\nExit codes: %d done, %d the answer is no, %d misuse, %d the system failed.\n", EXIT_DONE, EXIT_NO,
        EXIT_MISUSE, EXIT_SYSTEM);
}

static void print_usage(FILE *out)
{
    fprintf(out, "usage: ingot VERB …   (ingot VERB --help says more)\n\n");
    for (size_t i = 0; i < VERB_COUNT; i++) {
        fprintf(out, "  %-9s %s\n", verbs[i]->name, verbs[i]->summary);
    }
    print_exit_codes(out);
    fprintf(out, "\nManual pages: ingot --man ingot.1|enclave.ini.5. Completion: ingot --completion bash|zsh.\n");
}

static int print_help(const struct verb *verb)
{
    printf("usage: ingot %s %s\n\n%s", verb->name, verb->arguments, verb->help);
    print_exit_codes(stdout);
    return EXIT_DONE;
}

/* ingot --man PAGE, ingot --completion SHELL */
static int print_page(int argc, char *argv[])
{
    const char *what = argc == 3 ? argv[2] : "";

    if (strcmp(argv[1], "--man") == 0 && strcmp(what, "ingot.1") == 0) {
        man_print_ingot(stdout, verbs, VERB_COUNT);
    } else if (strcmp(argv[1], "--man") == 0 && strcmp(what, "enclave.ini.5") == 0) {
        man_print_ini(stdout);
    } else if (strcmp(argv[1], "--completion") == 0 && strcmp(what, "bash") == 0) {
        completion_print_bash(stdout, verbs, VERB_COUNT);
    } else if (strcmp(argv[1], "--completion") == 0 && strcmp(what, "zsh") == 0) {
        completion_print_zsh(stdout, verbs, VERB_COUNT);
    } else {
        fprintf(stderr, "ingot: it is --man ingot.1|enclave.ini.5, or --completion bash|zsh\n");
        return EXIT_MISUSE;
    }
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

static int run_verb(const struct verb *verb, int argc, char *argv[])
{
    return asks_for_help(argc, argv) ? print_help(verb) : verb->run(argc, argv);
}

static int run(int argc, char *argv[])
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
    if (strcmp(argv[1], "--man") == 0 || strcmp(argv[1], "--completion") == 0) {
        return print_page(argc, argv);
    }
    for (size_t i = 0; i < VERB_COUNT; i++) {
        if (strcmp(argv[1], verbs[i]->name) == 0) {
            return run_verb(verbs[i], argc - 1, argv + 1);
        }
    }
    return refuse_unknown(argv[1]);
}

int main(int argc, char *argv[])
{
    signal(SIGCHLD, SIG_DFL); /* a caller may have left it ignored, and no end of ours would be told */
    int code = run(argc, argv);

    /* A full disk or a closed pipe shows only now; data that nobody got is no success. */
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "ingot: cannot write to standard output\n");
        return EXIT_SYSTEM;
    }
    return code;
}
