/* completion: what bash and zsh complete for ingot, made from the table of verbs. */
#include "tools/completion.h"

#include <string.h>

#include "tools/help.h"

#define OPTIONS "--help --version --man --completion" /* without a verb */
#define PAGES "ingot.1 enclave.ini.5"
#define SHELLS "bash zsh"

/* One option of a verb, as it goes to a shell's printer. */
struct choice {
    const struct verb *verb;
    struct bytes name;  /* "--output" */
    struct bytes value; /* "X.eif", also where it stands beside the other name */
    struct bytes text;  /* the first line of its meaning */
    bool has_lines;     /* a line for each word that it takes: "--format kms", "--format iam" */
};

static bool same(struct bytes a, struct bytes b)
{
    return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

/* The next option in the verb's help, with its line, from which its names are taken away. */
static bool next_option(const char **at, struct help_line *line, struct help_option *option)
{
    do {
        if (line->kind == HELP_OPTION && help_option(&line->names, option)) {
            return true;
        }
    } while (help_next(at, line));
    return false;
}

/* How often the option stands in the help before stop (NULL: the end). */
static size_t count_option(const struct verb *verb, struct bytes name, const char *stop)
{
    const char *at = verb->help;
    struct help_line line = {.kind = HELP_EMPTY};
    struct help_option option;
    size_t count = 0;

    while (next_option(&at, &line, &option)) {
        count += same(option.name, name) && (stop == NULL || (const char *)option.name.data < stop) ? 1 : 0;
    }
    return count;
}

static void for_options(FILE *out, const struct verb *verb, void (*print)(FILE *out, const struct choice *choice))
{
    const char *at = verb->help;
    struct help_line line = {.kind = HELP_EMPTY};
    struct help_option option;

    while (next_option(&at, &line, &option)) {
        struct choice choice = {.verb = verb, .name = option.name, .text = line.text};
        if (count_option(verb, option.name, (const char *)option.name.data) == 0) {
            (void)help_find(verb, option.name, &choice.value);
            choice.has_lines = count_option(verb, option.name, NULL) > 1;
            print(out, &choice);
        }
    }
}

static enum help_takes takes_of(const struct choice *choice)
{
    return choice->has_lines ? HELP_WORDS : help_takes(choice->value);
}

static void print_bytes(FILE *out, struct bytes text)
{
    (void)fwrite(text.data, 1, text.size, out);
}

/* The suffixes of the files in value, with separator between them. YAML has two. */
static void print_suffixes(FILE *out, struct bytes value, const char *separator)
{
    char suffix[HELP_SUFFIX_MAX];
    size_t count = 0;

    while (help_suffix(&value, suffix)) {
        fprintf(out, "%s%s", count > 0 ? separator : "", suffix);
        count++;
        if (strcmp(suffix, "yaml") == 0) {
            fprintf(out, "%syml", separator);
        }
    }
}

/* "kvm|tcg" as "kvm tcg"; of an option that has a line for each word, all of them. */
static void print_words(FILE *out, const struct choice *choice)
{
    const char *at = choice->verb->help;
    struct help_line line = {.kind = HELP_EMPTY};
    struct help_option option;
    const char *separator = "";

    while (next_option(&at, &line, &option)) {
        if (same(option.name, choice->name)) {
            fputs(separator, out);
            for (size_t i = 0; i < option.value.size; i++) {
                fputc(option.value.data[i] == '|' ? ' ' : option.value.data[i], out);
            }
            separator = " ";
        }
    }
}

/* The first of the verb's operands that is a file; its size is 0 where there is none. */
static struct bytes file_operand(const struct verb *verb)
{
    const char *at = verb->arguments;
    struct bytes word;

    while (help_operand(verb, &at, &word)) {
        if (help_takes(word) == HELP_FILE) {
            return word;
        }
    }
    return (struct bytes){0};
}

/* ---- bash ---- */

static const char bash_begin[] =
    "# bash completion for ingot, printed by: ingot --completion bash\n"
    "\n"
    "_ingot_words() { mapfile -t COMPREPLY < <(compgen -W \"$*\" -- \"$current\"); }\n"
    "\n"
    "_ingot_folders() {\n"
    "    mapfile -t COMPREPLY < <(compgen -d -- \"$current\")\n"
    "    compopt -o filenames 2>/dev/null || :\n"
    "}\n"
    "\n"
    "# SUFFIX…: files that end so, any without one; and folders\n"
    "_ingot_files() {\n"
    "    local suffix\n"
    "    mapfile -t COMPREPLY < <({\n"
    "        compgen -d -- \"$current\"\n"
    "        for suffix in \"${@:-}\"; do compgen -f -X \"!*${suffix:+.$suffix}\" -- \"$current\"; done\n"
    "    } | sort -u)\n"
    "    compopt -o filenames 2>/dev/null || :\n"
    "}\n"
    "\n"
    "_ingot() {\n"
    "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} verb=${COMP_WORDS[1]}\n"
    "    COMPREPLY=()\n"
    "    # --option=value is three words here\n"
    "    [ \"$previous\" != = ] || previous=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "    [ \"$current\" != = ] || current=''\n"
    "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
    "        _ingot_words";

static void print_bash_name(FILE *out, const struct choice *choice)
{
    fputc(' ', out);
    print_bytes(out, choice->name);
}

/* What follows an option: one case, none where it takes nothing. */
static void print_bash_value(FILE *out, const struct choice *choice)
{
    enum help_takes takes = takes_of(choice);

    if (takes == HELP_NOTHING) {
        return;
    }
    fprintf(out, "    '%s ", choice->verb->name);
    print_bytes(out, choice->name);
    fprintf(out, "')\n        ");
    if (takes == HELP_FOLDER) {
        fprintf(out, "_ingot_folders\n        ");
    } else if (takes == HELP_FILE) {
        fprintf(out, "_ingot_files ");
        print_suffixes(out, choice->value, " ");
        fprintf(out, "\n        ");
    } else if (takes == HELP_WORDS) {
        fprintf(out, "_ingot_words ");
        print_words(out, choice);
        fprintf(out, "\n        ");
    }
    fprintf(out, "return\n        ;;\n");
}

static void print_bash_verb(FILE *out, const struct verb *verb)
{
    struct bytes operand = file_operand(verb);

    fprintf(out, "    %s)\n        case $current in\n        -*) _ingot_words --help", verb->name);
    for_options(out, verb, print_bash_name);
    fprintf(out, " ;;\n");
    if (operand.size > 0) {
        fprintf(out, "        *) _ingot_files ");
        print_suffixes(out, operand, " ");
        fprintf(out, " ;;\n");
    }
    fprintf(out, "        esac\n        ;;\n");
}

void completion_print_bash(FILE *out, const struct verb *const verbs[], size_t count)
{
    fputs(bash_begin, out);
    for (size_t i = 0; i < count; i++) {
        fprintf(out, " %s", verbs[i]->name);
    }
    fprintf(out, " " OPTIONS "\n        return\n    fi\n    case \"$verb $previous\" in\n"
                 "    '--man --man') _ingot_words " PAGES " ;;\n"
                 "    '--completion --completion') _ingot_words " SHELLS " ;;\n");
    for (size_t i = 0; i < count; i++) {
        for_options(out, verbs[i], print_bash_value);
    }
    fprintf(out, "    esac\n    case $verb in\n");
    for (size_t i = 0; i < count; i++) {
        print_bash_verb(out, verbs[i]);
    }
    fprintf(out, "    esac\n}\n\ncomplete -F _ingot ingot\n");
}

/* ---- zsh ---- */

/* Text inside of '…' and of _arguments' brackets. */
static void print_zsh_text(FILE *out, struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '\'') {
            fputs("'\\'", out);
        } else if (strchr("[]:\\", text.data[i]) != NULL) {
            fputc('\\', out);
        }
        fputc(text.data[i], out);
    }
}

/* "*.eif" for one suffix: "*.(eif)" would be qualifiers of a pattern. */
static void print_zsh_files(FILE *out, struct bytes value)
{
    struct bytes rest = value;
    char suffix[HELP_SUFFIX_MAX];
    bool any = help_suffix(&rest, suffix);
    bool many = any && (help_suffix(&rest, suffix) || strcmp(suffix, "yaml") == 0);

    fprintf(out, "_files");
    if (any) {
        fprintf(out, " -g \"*.%s", many ? "(" : "");
        print_suffixes(out, value, "|");
        fprintf(out, "%s\"", many ? ")" : "");
    }
}

static void print_zsh_option(FILE *out, const struct choice *choice)
{
    enum help_takes takes = takes_of(choice);

    fprintf(out, " \\\n            '*");
    print_bytes(out, choice->name);
    fputc('[', out);
    print_zsh_text(out, choice->text);
    fputc(']', out);
    if (takes != HELP_NOTHING) {
        fputc(':', out);
        print_zsh_text(out, choice->value);
        fputc(':', out);
    }
    if (takes == HELP_FOLDER) {
        fprintf(out, "_files -/");
    } else if (takes == HELP_FILE) {
        print_zsh_files(out, choice->value);
    } else if (takes == HELP_WORDS) {
        fputc('(', out);
        print_words(out, choice);
        fputc(')', out);
    }
    fputc('\'', out);
}

static void print_zsh_verb(FILE *out, const struct verb *verb)
{
    struct bytes operand = file_operand(verb);

    fprintf(out, "    %s)\n        _arguments '--help[what the verb does, and its options]'", verb->name);
    for_options(out, verb, print_zsh_option);
    if (operand.size > 0) {
        fprintf(out, " \\\n            '*:");
        print_zsh_text(out, operand);
        fputc(':', out);
        print_zsh_files(out, operand);
        fputc('\'', out);
    }
    fprintf(out, "\n        ;;\n");
}

void completion_print_zsh(FILE *out, const struct verb *const verbs[], size_t count)
{
    fprintf(out, "#compdef ingot\n"
                 "# zsh completion for ingot, printed by: ingot --completion zsh\n"
                 "\n"
                 "_ingot() {\n"
                 "    local -a verbs=(\n");
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "        '%s:", verbs[i]->name);
        print_zsh_text(out, (struct bytes){(const uint8_t *)verbs[i]->summary, strlen(verbs[i]->summary)});
        fprintf(out, "'\n");
    }
    fprintf(out, "    )\n"
                 "    if ((CURRENT == 2)); then\n"
                 "        _describe verb verbs\n"
                 "        compadd -- " OPTIONS "\n"
                 "        return\n"
                 "    fi\n"
                 "    shift words\n"
                 "    ((CURRENT--))\n"
                 "    case $words[1] in\n"
                 "    --man) compadd -- " PAGES " ;;\n"
                 "    --completion) compadd -- " SHELLS " ;;\n");
    for (size_t i = 0; i < count; i++) {
        print_zsh_verb(out, verbs[i]);
    }
    fprintf(out, "    esac\n"
                 "}\n"
                 "\n"
                 "# loaded by name, or sourced\n"
                 "if [ \"${funcstack[1]-}\" = _ingot ]; then _ingot \"$@\"; else compdef _ingot ingot; fi\n");
}
