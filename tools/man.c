/* man: the manual pages, made from the table of verbs and the table of enclave.ini. */
#include "tools/man.h"

#include <inttypes.h>
#include <string.h>

#include "image/config_table.h"
#include "tools/help.h"

/* ---- man(7) ---- */

/* The length of the UTF-8 sequence that begins with this byte, and the bits that it holds. Our own texts are valid. */
static size_t sequence(unsigned char first, unsigned *bits)
{
    size_t size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

    *bits = size == 1 ? first : first & (0x7fu >> size);
    return size;
}

/* Text in which nothing is a request, an escape or a hyphen by accident. */
static void print_bytes(FILE *out, struct bytes text)
{
    if (text.size > 0 && (text.data[0] == '.' || text.data[0] == '\'')) {
        fputs("\\&", out);
    }
    for (size_t i = 0; i < text.size;) {
        unsigned code;
        size_t size = sequence(text.data[i], &code);
        for (size_t k = 1; k < size && i + k < text.size; k++) {
            code = code << 6 | (text.data[i + k] & 0x3fu);
        }
        if (code == '\\') {
            fputs("\\e", out);
        } else if (code == '-') {
            fputs("\\-", out);
        } else if (code == '"') {
            fputs("\\(dq", out); /* also inside of an argument */
        } else if (code >= 0x80) {
            fprintf(out, "\\[u%04X]", code);
        } else {
            fputc((int)code, out);
        }
        i += size;
    }
}

static struct bytes bytes_of(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

static void print_text(FILE *out, const char *text)
{
    print_bytes(out, bytes_of(text));
}

static void print_title(FILE *out, const char *name, const char *section)
{
    fprintf(out, ".TH %s %s \"\" \"ingot %s\"\n", name, section, INGOT_VERSION);
}

/* Lines as they are, in a type of one width. */
static void print_example(FILE *out, const char *text)
{
    fprintf(out, ".nf\n.RS 4\n");
    for (size_t size; *text != '\0'; text += size + (text[size] == '\n' ? 1 : 0)) {
        size = strcspn(text, "\n");
        print_bytes(out, (struct bytes){(const uint8_t *)text, size});
        fputc('\n', out);
    }
    fprintf(out, ".RE\n.fi\n");
}

/* ---- ingot(1) ---- */

static void print_option(FILE *out, struct bytes names)
{
    const char *separator = "";
    struct help_option option;

    fprintf(out, ".TP\n");
    while (help_option(&names, &option)) {
        fprintf(out, "%s\\fB", separator);
        print_bytes(out, option.name);
        fprintf(out, "\\fR");
        if (option.value.size > 0) {
            fprintf(out, " \\fI");
            print_bytes(out, option.value);
            fprintf(out, "\\fR");
        }
        separator = ", ";
    }
    fputc('\n', out);
}

static void print_help(FILE *out, const char *help)
{
    enum help_kind last = HELP_EMPTY;
    struct help_line line;

    while (help_next(&help, &line)) {
        line.kind = line.kind == HELP_MORE ? last : line.kind;
        if (last == HELP_EXAMPLE && line.kind != HELP_EXAMPLE) {
            fprintf(out, ".RE\n.fi\n");
        }
        if (line.kind == HELP_OPTION && line.names.size > 0) {
            print_option(out, line.names);
        } else if (line.kind == HELP_EXAMPLE && last != HELP_EXAMPLE) {
            fprintf(out, ".PP\n.nf\n.RS 4\n");
        } else if (line.kind == HELP_TEXT && last != HELP_TEXT) {
            fprintf(out, ".PP\n");
        }
        if (line.kind == HELP_EXAMPLE) {
            fprintf(out, "%*s", (int)line.indent - 2, "");
        }
        if (line.text.size > 0) {
            print_bytes(out, line.text);
            fputc('\n', out);
        }
        last = line.kind;
    }
    if (last == HELP_EXAMPLE) {
        fprintf(out, ".RE\n.fi\n");
    }
}

/* What the usage line shows, on one line. */
static void print_usage(FILE *out, const struct verb *verb)
{
    const char *at = verb->arguments;

    fprintf(out, ".PP\n\\fBingot %s\\fR", verb->name);
    while (*at != '\0') {
        at += strspn(at, " \n");
        size_t size = strcspn(at, " \n");
        fputc(' ', out);
        print_bytes(out, (struct bytes){(const uint8_t *)at, size});
        at += size;
    }
    fputc('\n', out);
}

void man_print_ingot(FILE *out, const struct verb *const verbs[], size_t count)
{
    print_title(out, "INGOT", "1");
    fprintf(out,
        ".SH NAME\ningot \\- build, read, run and serve AWS Nitro Enclave images\n"
        ".SH SYNOPSIS\n\\fBingot\\fR \\fIVERB\\fR ...\n.br\n"
        "\\fBingot\\fR \\fIVERB\\fR \\fB\\-\\-help\\fR\n"
        ".SH DESCRIPTION\n"
        "Turns an\n.BR enclave.ini (5)\nand an application into an enclave image (EIF) whose every byte can be\n"
        "rebuilt, and is what the parent instance needs to run it. Standard output is data, standard error is "
        "for people.\n"
        ".SH VERBS\n");
    for (size_t i = 0; i < count; i++) {
        fprintf(out, ".SS %s\n", verbs[i]->name);
        print_text(out, verbs[i]->summary);
        fputc('\n', out);
        print_usage(out, verbs[i]);
        print_help(out, verbs[i]->help);
    }
    fprintf(out, ".SH OPTIONS\n"
                 ".TP\n\\fB\\-\\-help\\fR, \\fB\\-h\\fR\nthe verbs; after a verb, its help\n"
                 ".TP\n\\fB\\-\\-version\\fR\nthe version\n"
                 ".TP\n\\fB\\-\\-man\\fR \\fIingot.1|enclave.ini.5\\fR\nprints that manual page\n"
                 ".TP\n\\fB\\-\\-completion\\fR \\fIbash|zsh\\fR\nprints that shell's completion\n"
                 ".SH EXIT STATUS\n"
                 ".TP\n0\ndone, or the answer is yes\n"
                 ".TP\n1\nthe answer is no: a file is malformed, a check failed, the enclave refused\n"
                 ".TP\n100\nmisuse: the command line makes no sense\n"
                 ".TP\n111\nthe system failed: no such file, no memory, no connection\n"
                 ".SH SEE ALSO\n.BR enclave.ini (5)\n");
}

/* ---- enclave.ini(5) ---- */

static const char example[] = "[image]\n"
                              "name = notary\n"
                              "\n"
                              "[app]\n"
                              "run = /server\n"
                              "\n"
                              "[secrets]\n"
                              "mode = plain\n"
                              "required = SIGNING_KEY\n"
                              "\n"
                              "; the only name that resolves inside\n"
                              "[endpoint api.example.com]\n"
                              "tls = app\n"
                              "\n"
                              "[inbound api]\n"
                              "vsock = 3000\n"
                              "to = 127.0.0.1:3000\n";

static void print_bounds(FILE *out, const struct config_row *row)
{
    if (row->type == &config_type_number || row->type == &config_type_port) {
        fprintf(out, " (%" PRIu64 " to %" PRIu64 ")", row->min, row->max);
    } else if (row->type == &config_type_size) {
        char least[CONFIG_SIZE_TEXT];
        char most[CONFIG_SIZE_TEXT];
        config_size_text(row, row->min, least);
        config_size_text(row, row->max, most);
        fprintf(out, " (%s to %s)", least, most);
    }
}

static void print_row(FILE *out, const struct config_row *row)
{
    bool choice = row->type == &config_type_choice;
    const char *form = choice ? row->choices : row->type->form;

    fprintf(out, ".TP\n\\fB");
    print_text(out, row->key);
    fprintf(out, "\\fR = \\fI");
    print_text(out, form);
    fprintf(out, "\\fR\n");
    print_text(out, row->help);
    print_bounds(out, row);
    if (row->standard == NULL) {
        fprintf(out, ". Must be said.\n");
    } else if (row->standard[0] != '\0') {
        fprintf(out, ". Default: ");
        print_text(out, row->standard);
        fprintf(out, ".\n");
    } else {
        fprintf(out, ".\n");
    }
}

static void print_group(FILE *out, const struct config_group *group)
{
    fprintf(
        out, ".SS [%s%s%s]\n", group->name, group->label != NULL ? " " : "", group->label != NULL ? group->label : "");
    print_text(out, group->help);
    if (group->required) {
        fprintf(out, ". Must be there.\n");
    } else if (group->max > 1) {
        fprintf(out, ". At most %zu of them.\n", group->max);
    } else {
        fprintf(out, ".\n");
    }
    if (group->free) {
        fprintf(out, ".TP\n\\fINAME\\fR = \\fITEXT\\fR\nsets a variable; any number of them up to %d.\n",
            CONFIG_VALUES_MAX);
    }
    for (size_t i = 0; i < group->row_count; i++) {
        print_row(out, &group->rows[i]);
    }
}

void man_print_ini(FILE *out)
{
    print_title(out, "ENCLAVE.INI", "5");
    fprintf(out,
        ".SH NAME\nenclave.ini \\- what an enclave image holds and may reach\n"
        ".SH DESCRIPTION\n"
        "The one file from which\n.BR ingot (1)\nbuilds an image. It is packed into the image as it is, measured in "
        "PCR2, "
        "and read again by the enclave when it starts.\n"
        ".PP\n"
        "It is UTF\\-8 text of at most %d KiB: sections in brackets, a \\fIkey = value\\fR on each line. A line that "
        "begins with ; or # is a comment; behind a value these characters belong to the value. Unknown sections and "
        "keys, "
        "keys that stand twice, and values out of bounds are errors, each with its line: \\fBingot config\\fR says "
        "them "
        "all.\n"
        ".SH SECTIONS\n",
        CONFIG_FILE_MAX / 1024);
    for (size_t i = 0; i < CONFIG_SECTIONS; i++) {
        print_group(out, &config_table[i]);
    }
    fprintf(out, ".SH EXAMPLE\n");
    print_example(out, example);
    fprintf(out, ".SH SEE ALSO\n.BR ingot (1)\n");
}
