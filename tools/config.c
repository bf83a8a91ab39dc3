/* config: checks an enclave.ini and prints it with every default said, or as AWS's tools want it. */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "base/file.h"
#include "base/text.h"
#include "image/config.h"
#include "image/config_table.h"
#include "net/vsock.h"
#include "tools/verbs.h"

static int run_config(int argc, char *argv[]);

const struct verb verb_config = {
    .name = "config",
    .arguments = "enclave.ini [--vsock-proxy | --nitro-cli [--eif X.eif] [--cid N]] | --keys",
    .summary = "check enclave.ini, and print it resolved with every default",
    .help =
        "Reads enclave.ini as build and the enclave do. Where it is right, prints it with every default said: reading\n"
        "that again gives the same. Otherwise says everything that is wrong with it, each with its line, and\n"
        "exits 1. Warnings go to standard error.\n"
        "\n"
        "  --vsock-proxy   print the allow-list of AWS's vsock-proxy (its --config) with every [endpoint], and as\n"
        "                  comments the commands that serve them; `ingot proxy` needs neither\n"
        "  --nitro-cli     print what `nitro-cli run-enclave --config` takes: CPUs, memory, image, no debug mode\n"
        "  --eif X.eif     the image's path in it (default: NAME.eif, as ingot build has it)\n"
        "  --cid N         the enclave's CID in it, 4 or more (default: nitro-cli chooses)\n"
        "  --keys          list every section and key with its default and meaning\n",
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
        printf("%s[%s%s%s]  %s\n", i > 0 ? "\n" : "", group->name, group->label != NULL ? " " : "",
            group->label != NULL ? group->label : "", group->help);
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

/* ---- For AWS's tools ---- */

/* Names are quoted: YAML takes `no` for a switch and `1.e5` for a number, and both can be hosts. */
static void print_allow_list(const struct config *config)
{
    printf("allowlist:%s\n", config->endpoint_count == 0 ? " []" : "");
    for (size_t i = 0; i < config->endpoint_count; i++) {
        const struct config_endpoint *endpoint = &config->endpoints[i];
        printf("- {address: \"%s\", port: %u}\n", endpoint->host, (unsigned)endpoint->port);
    }
    for (size_t i = 0; i < config->endpoint_count; i++) {
        const struct config_endpoint *endpoint = &config->endpoints[i];
        printf("# vsock-proxy --config THIS-FILE %u %s %u\n", (unsigned)endpoint->vsock, endpoint->host,
            (unsigned)endpoint->port);
    }
}

/* The fields of nitro-cli's RunEnclavesArgs. */
static int print_run_arguments(const struct config *config, const char *eif, uint64_t cid, struct reason *why)
{
    char standard[CONFIG_NAME_MAX + sizeof ".eif"];
    json_t *json = json_object();
    int failed = 0;

    (void)snprintf(standard, sizeof standard, "%s.eif", config->image.name);
    failed |= json_object_set_new(json, "enclave_name", json_string(config->image.name));
    failed |= json_object_set_new(json, "cpu_count", json_integer(config->image.cpus));
    failed |= json_object_set_new(json, "memory_mib", json_integer((json_int_t)(config->image.memory >> 20)));
    failed |= json_object_set_new(json, "eif_path", json_string(eif != NULL ? eif : standard));
    if (cid != 0) {
        failed |= json_object_set_new(json, "enclave_cid", json_integer((json_int_t)cid));
    }
    failed |= json_object_set_new(json, "debug_mode", json_false());
    if (failed != 0) {
        json_decref(json);
        return reason_set(why, -EINVAL, "the image's path can't stand in JSON (is it UTF-8?), or no memory");
    }
    (void)json_dumpf(json, stdout, JSON_INDENT(2)); /* main() sees whether stdout took it */
    putchar('\n');
    json_decref(json);
    return 0;
}

static int print_resolved(const struct config *config, struct reason *why)
{
    char *text;
    int error = config_print(config, &text);

    if (error < 0) {
        return reason_system(why, error, "cannot print it");
    }
    fputs(text, stdout);
    free(text);
    return 0;
}

/* ---- The verb ---- */

struct options {
    const char *path;
    const char *eif;
    uint64_t cid; /* 0: none was said */
    bool vsock_proxy;
    bool nitro_cli;
    bool keys;
};

static int read_options(int argc, char *argv[], struct options *options)
{
    enum { VSOCK_PROXY = 256, NITRO_CLI, EIF, CID, KEYS };
    static const struct option known[] = {{"vsock-proxy", no_argument, NULL, VSOCK_PROXY},
        {"nitro-cli", no_argument, NULL, NITRO_CLI}, {"eif", required_argument, NULL, EIF},
        {"cid", required_argument, NULL, CID}, {"keys", no_argument, NULL, KEYS}, {0}};
    int option;

    opterr = 0;
    while ((option = getopt_long(argc, argv, ":", known, NULL)) != -1) {
        switch (option) {
        case VSOCK_PROXY:
            options->vsock_proxy = true;
            break;
        case NITRO_CLI:
            options->nitro_cli = true;
            break;
        case EIF:
            options->eif = optarg;
            break;
        case CID:
            if (!text_number(optarg, VSOCK_CID_ENCLAVE_MIN, VSOCK_CID_ENCLAVE_MAX, &options->cid)) {
                return verb_misuse(
                    &verb_config, "--cid %s: not the CID of an enclave (4 or more)", text_quote_string(optarg).text);
            }
            break;
        case KEYS:
            options->keys = true;
            break;
        default:
            return verb_bad_option(&verb_config, argv, option);
        }
    }
    if (options->vsock_proxy + options->nitro_cli + options->keys > 1) {
        return verb_misuse(&verb_config, "--vsock-proxy, --nitro-cli and --keys exclude one another");
    }
    if ((options->eif != NULL || options->cid != 0) && !options->nitro_cli) {
        return verb_misuse(&verb_config, "--eif and --cid belong to --nitro-cli");
    }
    if (argc - optind != (options->keys ? 0 : 1)) {
        return verb_misuse(&verb_config, options->keys ? "--keys takes no file" : "it takes one file");
    }
    options->path = argv[optind];
    return EXIT_DONE;
}

static int print_config(const struct options *options, struct reason *why)
{
    struct config config;
    char *text;
    size_t size;
    int error = file_read(options->path, CONFIG_FILE_MAX, &text, &size, why);

    if (error < 0) {
        return error;
    }
    error = verb_parse_config(options->path, text, size, &config, why);
    free(text);
    if (error < 0) {
        return error;
    }
    if (options->vsock_proxy) {
        print_allow_list(&config);
    } else if (options->nitro_cli) {
        error = print_run_arguments(&config, options->eif, options->cid, why);
    } else {
        error = print_resolved(&config, why);
    }
    config_free(&config);
    return error;
}

static int run_config(int argc, char *argv[])
{
    struct options options = {0};
    struct reason why;
    int code = read_options(argc, argv, &options);
    int error;

    if (code != EXIT_DONE) {
        return code;
    }
    if (options.keys) {
        print_keys();
        return EXIT_DONE;
    }
    error = print_config(&options, &why);
    return error < 0 ? verb_fail(&verb_config, error, &why) : EXIT_DONE;
}
