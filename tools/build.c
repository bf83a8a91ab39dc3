/* build: packs an application, its configuration and the runtime into an EIF, and says what the image protects. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "tools/emulator/qemu.h"
#include "tools/look.h"
#include "tools/measurements.h"
#include "tools/pack.h"
#include "tools/pack_trust.h"
#include "tools/parts.h"
#include "tools/verbs.h"
#include "tools/went_in.h"

static int run_build(int argc, char *argv[]);

const struct verb verb_build = {
    .name = "build",
    .arguments = "-c enclave.ini [--root DIR] [--sbom FILE] [-o X.eif] | --parts DIR [-o X.eif]",
    .summary = "pack enclave.ini and an application into an enclave image",
    .help =
        "  -c, --config FILE    enclave.ini\n"
        "  --root DIR           becomes app/rootfs: modes, symbolic links and empty folders are kept, owners and\n"
        "                       times dropped; sockets, devices and hard links are refused\n"
        "  -o, --output X.eif   the image (default: NAME.eif, from [image] name); X.pcrs.json beside it gets the PCRs\n"
        "  --kernel FILE        a bzImage (default: bzImage beside this program)\n"
        "  --init FILE          PID 1 (default: init beside this program)\n"
        "  --cmdline TEXT       the kernel's command line (default: AWS's for x86, and rootfstype=ramfs)\n"
        "  --sbom FILE          a bill of materials of kernel and init: its SHA-256 goes into the runtime ramdisk, so "
        "PCR1\n"
        "                       covers it (ingot verify --sbom); up to four times\n"
        "  --parts DIR          instead of all that: pack the sections that `ingot extract` wrote into DIR; unchanged\n"
        "                       ones give back the same file, byte for byte (default output: DIR.eif)\n"
        "  --epoch SECONDS      BuildTime of the metadata, which is not measured (default: SOURCE_DATE_EPOCH, or 0)\n"
        "\n"
        "The same inputs give the same file, byte for byte. Prints the measurements as nitro-cli build-enclave does;\n"
        "what the image protects, and what not, goes to standard error.\n",
    .run = run_build,
};

struct options {
    const char *config;
    const char *root;
    const char *parts;
    const char *output;
    bool replaced; /* --kernel, --init or --cmdline */
    const char *cmdline;
    const char *epoch;
    const char *sboms[RUNTIME_SBOMS_MAX];
    size_t sbom_count;
    char kernel[PATH_MAX];
    char init[PATH_MAX];
};

#define EPOCH_MAX UINT64_C(253402300799) /* the last second of the year 9999 */

/* The path of a file beside this program. */
static void set_beside(char path[static PATH_MAX], const char *name)
{
    ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);
    char *slash;

    path[length > 0 ? length : 0] = '\0';
    slash = strrchr(path, '/');
    length = slash != NULL ? slash + 1 - path : 0;
    (void)snprintf(path + length, (size_t)(PATH_MAX - length), "%s", name);
}

static int read_options(int argc, char *argv[], struct options *options)
{
    enum { ROOT = 256, PARTS, KERNEL, INIT, CMDLINE, EPOCH, SBOM };
    static const struct option known[] = {{"config", required_argument, NULL, 'c'},
        {"output", required_argument, NULL, 'o'}, {"root", required_argument, NULL, ROOT},
        {"parts", required_argument, NULL, PARTS}, {"kernel", required_argument, NULL, KERNEL},
        {"init", required_argument, NULL, INIT}, {"cmdline", required_argument, NULL, CMDLINE},
        {"epoch", required_argument, NULL, EPOCH}, {"sbom", required_argument, NULL, SBOM}, {0}};
    int option;

    *options = (struct options){.cmdline = PACK_CMDLINE, .epoch = getenv("SOURCE_DATE_EPOCH")};
    set_beside(options->kernel, "bzImage");
    set_beside(options->init, "init");
    opterr = 0;
    optind = 1;
    while ((option = getopt_long(argc, argv, ":c:o:", known, NULL)) != -1) {
        switch (option) {
        case 'c':
            options->config = optarg;
            break;
        case 'o':
            options->output = optarg;
            break;
        case ROOT:
            options->root = optarg;
            break;
        case PARTS:
            options->parts = optarg;
            break;
        case KERNEL:
            options->replaced = true;
            (void)snprintf(options->kernel, sizeof options->kernel, "%s", optarg);
            break;
        case INIT:
            options->replaced = true;
            (void)snprintf(options->init, sizeof options->init, "%s", optarg);
            break;
        case CMDLINE:
            options->replaced = true;
            options->cmdline = optarg;
            break;
        case SBOM:
            if (options->sbom_count == RUNTIME_SBOMS_MAX) {
                return verb_misuse(&verb_build, "--sbom: at most %d", RUNTIME_SBOMS_MAX);
            }
            options->sboms[options->sbom_count++] = optarg;
            break;
        case EPOCH:
            options->epoch = optarg;
            break;
        default:
            return verb_bad_option(&verb_build, argv, option);
        }
    }
    if (optind != argc) {
        return verb_misuse(&verb_build, "%s: one word too many", text_quote_string(argv[optind]).text);
    }
    if (options->parts != NULL &&
        (options->config != NULL || options->root != NULL || options->replaced || options->sbom_count > 0)) {
        return verb_misuse(&verb_build, "--parts DIR has all that goes into the image: only -o goes with it");
    }
    return options->config != NULL || options->parts != NULL ? EXIT_DONE
                                                             : verb_misuse(&verb_build, "-c enclave.ini is missing");
}

/* ---- What the image protects, in words ---- */

static void say_secrets(const struct config *config)
{
    if (config->secrets.mode == CONFIG_SECRETS_NONE) {
        fprintf(stderr, "  secrets: none are taken.\n");
    } else {
        fprintf(stderr,
            "  secrets: plain. The parent instance reads what it pushes: it knows the keys and can use them.\n");
    }
    for (size_t i = 0; i < config->identity_count; i++) {
        fprintf(stderr, "  [identity %s]: packed. Whoever has this file has the key.\n", config->identities[i].label);
    }
}

static void say_endpoint(const struct config_endpoint *endpoint)
{
    fprintf(stderr, "  %s:%u: ", endpoint->host, (unsigned)endpoint->port);
    switch (endpoint->tls) {
    case CONFIG_TLS_MUTUAL:
    case CONFIG_TLS_SERVER:
        if (endpoint->has_pin) {
            fprintf(
                stderr, "the server's key is pinned and measured: the parent instance can't pose as the service.\n");
        } else if (endpoint->ca_pushed) {
            fprintf(stderr,
                "the CA is pushed: the parent instance can pose as the service, and read and change this traffic.\n");
        } else {
            fprintf(stderr,
                "the CA (%s) is measured: the parent instance can't pose as the service; it can only refuse.\n",
                endpoint->ca_file);
        }
        break;
    case CONFIG_TLS_APP:
        fprintf(stderr,
            "the application does TLS itself, or nobody does: what the parent instance can do depends on it.\n");
        break;
    case CONFIG_TLS_NONE:
        fprintf(
            stderr, "in clear: the parent instance, and every network behind it, reads and changes this traffic.\n");
        break;
    }
}

/* A user's program may speak TLS there: who knows. */
static void say_inbound(const struct config *config, const struct config_inbound *inbound)
{
    if (!config->app.built_in) {
        return;
    }
    fprintf(stderr, "  [inbound %s]: ", inbound->label);
    if (inbound->tls != CONFIG_INBOUND_MUTUAL) {
        fprintf(stderr, "in clear: the parent instance reads and changes requests and answers.\n");
    } else if (inbound->ca_pushed) {
        fprintf(stderr, "mutual TLS; its CA is pushed: the parent instance can pass for a client.\n");
    } else {
        fprintf(stderr, "mutual TLS; its CA (%s) is measured: the parent instance can't pass for a client%s.\n",
            inbound->ca_file, inbound->allow_count > 0 ? ", and only those listed may come" : "");
    }
}

static void say_result(const struct config *config, const struct packed *packed, const char *image, const char *pcrs)
{
    char qemu[QEMU_PATH_MAX];
    struct reason why;

    fprintf(stderr, "%s: %" PRIu64 " bytes, needs %" PRIu64 "M of memory (it asks for %" PRIu64 "M)\n", image,
        packed->size, packed->memory >> 20, config->image.memory >> 20);
    fprintf(stderr,
        "What it protects: code, configuration and the list of endpoints can't change without a PCR moving.\n"
        "PCR1 alone proves nothing of the application: pin PCR0, or PCR1 with PCR2.\n");
    say_secrets(config);
    for (size_t i = 0; i < config->endpoint_count; i++) {
        say_endpoint(&config->endpoints[i]);
    }
    for (size_t i = 0; i < config->inbound_count; i++) {
        say_inbound(config, &config->inbound[i]);
    }
    fprintf(stderr, "The PCRs are in %s. To try it here: %s run %s", pcrs, program_invocation_name, image);
    if (qemu_find(qemu, NULL, &why) < 0) {
        fprintf(stderr, " (%s)", why.text);
    }
    fprintf(stderr, "\n");
}

/* ---- Building ---- */

/* X.eif → X.pcrs.json */
static int pcrs_path(const char *image, char path[static PATH_MAX])
{
    size_t length = strlen(image);
    bool eif = length > 4 && strcmp(image + length - 4, ".eif") == 0;
    int written = snprintf(path, PATH_MAX, "%.*s.pcrs.json", (int)(eif ? length - 4 : length), image);

    return written < 0 || written >= PATH_MAX ? -ENAMETOOLONG : 0;
}

/* pcr8 may be NULL. */
static int write_pcrs(
    const struct eif_measurements *measurements, const uint8_t *pcr8, const char *path, struct reason *why)
{
    json_t *json = json_pack("{s:o*}", "Measurements", measurements_json(measurements, pcr8));
    char *text = json != NULL ? json_dumps(json, JSON_INDENT(2)) : NULL;
    char line[1024];
    int length = text != NULL ? snprintf(line, sizeof line, "%s\n", text) : -1;
    int error = length < 0 || (size_t)length >= sizeof line ? reason_system(why, -ENOMEM, "no memory") : 0;

    if (error == 0) {
        error = file_write(path, line, (size_t)length, 0644, why);
    }
    if (error == 0) {
        fputs(line, stdout);
        (void)fflush(stdout); /* whole before the notes, where both go to one place; main() sees a failure */
    }
    free(text);
    json_decref(json);
    return error;
}

static void warn_of_file(void *arg, const char *sentence)
{
    fprintf(stderr, "%s: %s (warning)\n", (const char *)arg, sentence);
}

static int build(const struct options *options, const struct config *config, const char *ini, size_t ini_size,
    int64_t epoch, struct reason *why)
{
    char output[PATH_MAX];
    char pcrs[PATH_MAX];
    struct packed packed;
    struct tree tree;
    int length = options->output != NULL ? snprintf(output, sizeof output, "%s", options->output)
                                         : snprintf(output, sizeof output, "%s.eif", config->image.name);
    int error = pack_tree(&tree, config, options->config, ini, ini_size, options->root, why);

    if (error == 0) {
        error = pack_trust(&tree, config, (int64_t)time(NULL), warn_of_file, (void *)(uintptr_t)options->config, why);
    }
    if (error == 0 && (length < 0 || (size_t)length >= sizeof output || pcrs_path(output, pcrs) < 0)) {
        error = reason_set(why, -ENAMETOOLONG, "%s: the path is too long", text_quote_string(options->output).text);
    }
    if (error == 0) {
        struct pack pack = {.config = config,
            .tree = &tree,
            .kernel = options->kernel,
            .init = options->init,
            .cmdline = options->cmdline,
            .epoch = epoch,
            .tool_version = INGOT_VERSION};
        for (size_t i = 0; error == 0 && i < options->sbom_count; i++) {
            error = went_in_add(&pack.runtime, options->sboms[i], why);
        }
        if (error == 0) {
            error = pack_write(&pack, output, &packed, why);
        }
    }
    if (error == 0) {
        error = write_pcrs(&packed.measurements, NULL, pcrs, why);
    }
    if (error == 0) {
        say_result(config, &packed, output, pcrs);
    }
    tree_free(&tree);
    return error;
}

/* ---- Packing parts ---- */

/* What was written, seen as anybody's image: a copy keeps its faults, anything else must have none. */
static int judge_parts(
    const char *beside, const char *output, const struct parts_built *built, const char *pcrs, struct reason *why)
{
    uint8_t pcr8[EIF_PCR_SIZE];
    struct look look;
    int error = look_at(&look, beside, why);

    if (error < 0) {
        return error;
    }
    look_say(&look, verb_build.name, NULL);
    if (look.is_signed) {
        signature_pcr8(&look.signature, pcr8);
    }
    if (!built->copy && look.faults.count > 0) {
        error = reason_set(
            why, -EINVAL, "the parts are not those of the file that was extracted, and %s", look.faults.sentences[0]);
    }
    if (error == 0 && rename(beside, output) < 0) {
        error = reason_system(why, -errno, "%s: cannot write", output);
    }
    if (error == 0) {
        error = write_pcrs(&look.measurements, look.is_signed ? pcr8 : NULL, pcrs, why);
    }
    look_end(&look);
    return error;
}

static int build_parts(const struct options *options, struct reason *why)
{
    size_t length = strlen(options->parts);
    struct parts_built built;
    char output[PATH_MAX];
    char beside[PATH_MAX];
    char pcrs[PATH_MAX];
    int error;
    int fd;

    while (length > 1 && options->parts[length - 1] == '/') {
        length--;
    }
    if ((size_t)(options->output != NULL ? snprintf(output, sizeof output, "%s", options->output)
                                         : snprintf(output, sizeof output, "%.*s.eif", (int)length, options->parts)) >=
            sizeof output - sizeof ".XXXXXX" ||
        pcrs_path(output, pcrs) < 0) {
        return reason_set(why, -ENAMETOOLONG, "the path of the output is too long");
    }
    (void)snprintf(beside, sizeof beside, "%.*s.XXXXXX", (int)(sizeof beside - sizeof ".XXXXXX"), output);
    fd = mkostemp(beside, O_CLOEXEC);
    if (fd < 0) {
        return reason_system(why, -errno, "%s: cannot write a file there", output);
    }
    error = parts_pack(options->parts, fd, &built, why);
    if (error == 0 && fchmod(fd, 0644) < 0) {
        error = reason_system(why, -errno, "%s: cannot set its mode", output);
    }
    if (close(fd) < 0 && error == 0) {
        error = reason_system(why, -errno, "%s: cannot write", output);
    }
    if (error == 0) {
        error = judge_parts(beside, output, &built, pcrs, why);
    }
    if (error == 0) {
        fprintf(stderr, "%s: %" PRIu64 " bytes, %s\n", output, built.size,
            built.copy ? "the file that was extracted" : "another file than was extracted");
    } else {
        (void)unlink(beside);
    }
    return error;
}

static int run_build(int argc, char *argv[])
{
    struct options options;
    struct config config;
    struct reason why;
    uint64_t epoch = 0;
    char *ini;
    size_t ini_size;
    int code = read_options(argc, argv, &options);
    int error;

    if (code != EXIT_DONE) {
        return code;
    }
    if (options.parts != NULL) {
        error = build_parts(&options, &why);
        return error < 0 ? verb_fail(&verb_build, error, &why) : EXIT_DONE;
    }
    if (options.epoch != NULL && !text_number(options.epoch, 0, EPOCH_MAX, &epoch)) {
        return verb_misuse(&verb_build, "%s: not a time in seconds since 1970 (--epoch, SOURCE_DATE_EPOCH)",
            text_quote_string(options.epoch).text);
    }
    error = file_read(options.config, CONFIG_FILE_MAX, &ini, &ini_size, &why);
    if (error < 0) {
        return verb_fail(&verb_build, error, &why);
    }
    error = verb_parse_config(options.config, ini, ini_size, &config, &why);
    if (error == 0) {
        error = build(&options, &config, ini, ini_size, (int64_t)epoch, &why);
        config_free(&config);
    }
    free(ini);
    return error < 0 ? verb_fail(&verb_build, error, &why) : EXIT_DONE;
}
