/* config: checks an enclave.ini and prints it with every default said. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "image/config.h"
#include "image/config_table.h"
#include "tools/verbs.h"

static int run_config(int argc, char *argv[]);

const struct verb verb_config = {
    .name = "config",
    .arguments = "enclave.ini | --keys",
    .summary = "check enclave.ini, and print it resolved with every default",
    .help = "Reads FILE as build and the enclave do. Where it is right, prints it with every default said: reading\n"
            "that again gives the same. Otherwise says everything that is wrong with it, each with its line, and\n"
            "exits 1. Warnings go to standard error.\n"
            "\n"
            "  --keys   list every section and key with its default and meaning\n",
    .run = run_config,
};

int verb_parse_config(const char *path, const char *text, size_t size, struct config *config, struct reason *why)
{
    struct config_report report;
    int error = config_parse(config, path, text, size, &report);

    for (size_t i = 0; i < report.warning_count; i++) {
        fprintf(stderr, "%s (warning)\n", report.warnings[i]);
    }
    for (size_t i = 0; i < report.error_count; i++) {
        fprintf(stderr, "%s\n", report.errors[i]);
    }
    if (error == -ENOMEM) {
        (void)reason_system(why, error, "%s: cannot be read", path);
    } else if (error < 0) {
        (void)reason_set(why, error, "%s: %zu error%s", path, report.error_count + report.lost,
            report.error_count + report.lost == 1 ? "" : "s");
    }
    if (error < 0) {
        config_free(config);
    }
    config_report_free(&report);
    return error;
}

/* The table of enclave.ini, for people. */
static void print_keys(void)
{
    for (size_t i = 0; i < CONFIG_SECTIONS; i++) {
        const struct config_group *group = &config_table[i];
        printf("%s[%s%s]  %s\n", i > 0 ? "\n" : "", group->name, group->labelled ? " LABEL" : "", group->help);
        if (group->free) {
            printf("  NAME = any text\n");
        }
        for (size_t k = 0; k < group->row_count; k++) {
            const struct config_row *row = &group->rows[k];
            printf("  %-12s %s", row->key, row->help);
            if (row->standard == NULL) {
                printf(" (must be said)");
            } else if (row->standard[0] != '\0') {
                printf(" (default: %s)", row->standard);
            }
            printf("%s%s%s\n", row->choices != NULL ? " [" : "", row->choices != NULL ? row->choices : "",
                row->choices != NULL ? "]" : "");
        }
    }
}

static int run_config(int argc, char *argv[])
{
    struct config config;
    struct reason why;
    char *text;
    size_t size;
    int error;

    if (argc == 2 && strcmp(argv[1], "--keys") == 0) {
        print_keys();
        return EXIT_DONE;
    }
    if (argc != 2 || argv[1][0] == '-') {
        return verb_misuse(&verb_config, "it takes one file");
    }
    error = file_read(argv[1], CONFIG_FILE_MAX, &text, &size, &why);
    if (error == 0) {
        error = verb_parse_config(argv[1], text, size, &config, &why);
        free(text);
    }
    if (error < 0) {
        return verb_fail(&verb_config, error, &why);
    }
    error = config_print(&config, &text);
    if (error == 0) {
        fputs(text, stdout);
        free(text);
    } else {
        (void)reason_system(&why, error, "cannot print it");
    }
    config_free(&config);
    return error < 0 ? verb_fail(&verb_config, error, &why) : EXIT_DONE;
}
