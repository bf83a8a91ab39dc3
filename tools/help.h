/* help: takes a verb's help apart, so that the man page and the completions say what `ingot VERB --help` says. */
#ifndef INGOT_TOOLS_HELP_H
#define INGOT_TOOLS_HELP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "tools/verbs.h"

/*
 * A help text has paragraphs that begin in the first column, and lines indented by two blanks: options, which begin
 * with
 * "-", and anything else as an example, which goes on in lines indented further. An option's line is its names with
 * what they take, at least two blanks, and its meaning, which goes on in lines indented further:
 *
 *   -o, --output X.eif  the image
 *   --accel kvm|tcg     what runs it,
 *                       or what else
 *
 * All texts are borrowed from the help.
 */
/* HELP_MORE: goes on with the option or the example above. */
enum help_kind { HELP_EMPTY, HELP_TEXT, HELP_OPTION, HELP_MORE, HELP_EXAMPLE };

struct help_line {
    enum help_kind kind;
    struct bytes names; /* of HELP_OPTION: "-o, --output X.eif" */
    struct bytes text;  /* without its indentation */
    size_t indent;      /* blanks */
};

/* The line at *at, which goes on to the next. False at the end of the help. */
bool help_next(const char **at, struct help_line *line);

struct help_option {
    struct bytes name;  /* "--output" */
    struct bytes value; /* "X.eif"; empty: it takes none, or the name beside it says it ("-o, --output X.eif") */
};

/* The next option of a line's names, which are shortened by it. */
bool help_option(struct bytes *names, struct help_option *option);

/* What an option or a verb takes, from the words that stand for it. */
enum help_takes { HELP_NOTHING, HELP_ANY, HELP_WORDS, HELP_FOLDER, HELP_FILE };

/* Of "kvm|tcg", "DIR", "FILE", "X.eif|enclave.ini", "N". */
enum help_takes help_takes(struct bytes value);

#define HELP_SUFFIX_MAX 8 /* of a file's name */

/*
 * The next suffix ("eif") among the names of files in value, which is shortened; false where no more is there. A value
 * that is HELP_FILE and has none takes any file.
 */
bool help_suffix(struct bytes *value, char suffix[static HELP_SUFFIX_MAX]);

/* The next word of a verb's arguments that is neither an option nor an option's value, as "X.eif|enclave.ini". */
bool help_operand(const struct verb *verb, const char **at, struct bytes *word);

/* What an option of the verb takes; false where its help has no such option. */
bool help_find(const struct verb *verb, struct bytes name, struct bytes *value);

#endif
