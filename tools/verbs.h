/* verbs: what every verb of ingot is made of, and the exit codes and last words they share. */
#ifndef INGOT_TOOLS_VERBS_H
#define INGOT_TOOLS_VERBS_H

#include <stddef.h>

#include "base/reason.h"

/*
 * A verb is one file, tools/NAME.c, that exports `const struct verb verb_NAME`, and one row of the table in ingot.c.
 * stdout is data, stderr is for people. `--help` is answered by ingot.c before run() is called.
 */
struct verb {
    const char *name;
    const char *arguments;              /* as the usage line shows them: "-c enclave.ini [-o X.eif]" */
    const char *summary;                /* half a line for the list of verbs */
    const char *help;                   /* what --help prints below the usage line; ends with a newline */
    int (*run)(int argc, char *argv[]); /* argv[0] is the verb's name, so getopt_long(3) works; returns an EXIT_… */
};

/* Exit codes, the same for all verbs (100 and 111 as in the skalibs and qmail families). */
enum {
    EXIT_DONE = 0,     /* it is done, or: yes */
    EXIT_NO = 1,       /* the answer is no: a file is malformed, a check failed, the enclave refused */
    EXIT_MISUSE = 100, /* the command line makes no sense */
    EXIT_SYSTEM = 111  /* the system failed: no such file, no memory, no connection */
};

/* Which code a library's -errno means: faults of content (-EINVAL, -EILSEQ, …) are EXIT_NO, others EXIT_SYSTEM. */
int verb_exit_code(int error);

/* Prints "ingot NAME: sentence" on stderr; returns verb_exit_code(error), so that run() can `return verb_fail(…)`. */
int verb_fail(const struct verb *verb, int error, const struct reason *why);

/* Prints the sentence and where to find help on stderr; returns EXIT_MISUSE. */
int verb_misuse(const struct verb *verb, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* After getopt_long(3) gave '?' or ':' with opterr = 0: names the option; returns EXIT_MISUSE. */
int verb_bad_option(const struct verb *verb, char *argv[], int answer);

/*
 * Parses the text of an enclave.ini; prints its warnings and all its errors on stderr, so that every verb that takes
 * one says the same of it. 0; -EINVAL with a sentence that counts the errors, -ENOMEM. config_free() after 0 only.
 */
struct config;
int verb_parse_config(const char *path, const char *text, size_t size, struct config *config, struct reason *why);

#endif
