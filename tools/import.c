/* import: [endpoint] sections from the allowed_endpoints.yaml that people have. */
#include "tools/import.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "tools/verbs.h"

static int run_import(int argc, char *argv[]);

const struct verb verb_import = {
    .name = "import",
    .arguments = "allowed_endpoints.yaml",
    .summary = "print [endpoint] sections for the hosts of a YAML file",
    .help =
        "Reads the list of hosts that other enclave projects keep (`endpoints:` and a host on each line), and prints "
        "an\n"
        "[endpoint] section for each, to be appended:\n"
        "\n"
        "  ingot import allowed_endpoints.yaml >> enclave.ini\n"
        "\n"
        "Taken are names, HOST:PORT, http(s) and ws(s) URLs, {host: NAME, port: NUMBER}, and AWS's vsock-proxy\n"
        "allow-list. The port is 443 where none is written; tls is app (your program does TLS), and none for http\n"
        "and ws. What was not plain is a warning on standard error, with its line: a path that is dropped, a host\n"
        "that stands there twice, a port that only a comment names.\n"
        "\n"
        "An address, a wildcard, localhost, or anything else that is no host is left out and said. The exit status\n"
        "is then 1, with the other sections printed; it is 1 too for a file that is no YAML, with nothing printed.\n",
    .run = run_import,
};

void import_print(const struct import *import, FILE *out)
{
    for (size_t i = 0; i < import->count; i++) {
        const struct import_endpoint *endpoint = &import->endpoints[i];
        /* The empty line first: what this is appended to may lack its last newline. */
        fprintf(out, "\n[endpoint %s]\n", endpoint->label);
        if (strcmp(endpoint->label, endpoint->host) != 0) {
            fprintf(out, "host = %s\n", endpoint->host);
        }
        fprintf(out, "port = %u\ntls = %s\n", (unsigned)endpoint->port, endpoint->clear ? "none" : "app");
    }
}

static void print_notes(const char *path, const struct import *import)
{
    for (size_t i = 0; i < import->note_count; i++) {
        const struct import_note *note = &import->notes[i];
        fprintf(
            stderr, "%s:%u: %s (%s)\n", path, note->line, note->sentence.text, note->left_out ? "left out" : "warning");
    }
    if (import->notes_lost > 0) {
        fprintf(stderr, "%s: %zu more such lines are not shown\n", path, import->notes_lost);
    }
}

static int import_file(const char *path, struct import *import, struct reason *why)
{
    char *text;
    size_t size;
    int error = file_read(path, IMPORT_FILE_MAX, &text, &size, why);

    if (error < 0) {
        return error;
    }
    error = import_read(import, text, size, why);
    free(text);
    print_notes(path, import);
    if (error < 0 && import->line > 0) {
        reason_prefix(why, "%s:%u", path, import->line);
        return error;
    }
    if (error < 0) {
        reason_prefix(why, "%s", path);
        return error;
    }
    import_print(import, stdout);
    return import->left_out == 0
               ? 0
               : reason_set(why, -EINVAL, "%s: %zu left out, %zu taken", path, import->left_out, import->count);
}

static int run_import(int argc, char *argv[])
{
    struct import import = {0};
    struct reason why;
    int error;

    if (argc != 2 || argv[1][0] == '-') {
        return verb_misuse(&verb_import, "it takes one file");
    }
    error = import_file(argv[1], &import, &why);
    import_free(&import);
    return error < 0 ? verb_fail(&verb_import, error, &why) : EXIT_DONE;
}
