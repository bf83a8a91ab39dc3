/* verify: makes every check that an image can stand without being run, and says each answer on its own line. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "tools/checks.h"
#include "tools/moment.h"
#include "tools/verbs.h"
#include "tools/went_in.h"

static int run_verify(int argc, char *argv[]);

const struct verb verb_verify = {
    .name = "verify",
    .arguments = "X.eif [--pcrs FILE] [--at TIME] [--signed] [--sbom FILE] [--provenance FILE] [--json]",
    .summary = "check an image in full: structure, CRC, content, signature, expected PCRs, what went in",
    .help =
        "Prints a line for each check: `ok`, `failed` or `skipped`, its name, and what was found. Exits 0 when none\n"
        "failed, 1 when one did. Takes images of any maker.\n"
        "\n"
        "  structure    the section table, the walk from section to section and the file's end agree\n"
        "  flags        the header has none but aarch64\n"
        "  crc          the header's CRC is the file's\n"
        "  content      the kernel is a bzImage (an arm64 Image for aarch64); in the ramdisks no path hides another "
        "or\n"
        "               leads through a symbolic link (a folder may occur in each)\n"
        "  build        an image of ours is exactly as ingot build makes it, and its files are those of its manifest\n"
        "  signature    it is the certificate's, and over this image's PCR0\n"
        "  certificate  its dates\n"
        "  PCR0 …       those that --pcrs expects\n"
        "  sbom         the file's digest lies in the measured runtime ramdisk\n"
        "  provenance   the statement's subject is this file and this image's PCR0\n"
        "\n"
        "  --pcrs FILE  expected PCRs: X.pcrs.json, or anything with {\"Measurements\": {\"PCR0\": …}} or the inner\n"
        "               object alone; HashAlgorithm is passed over\n"
        "  --at TIME    judge the certificate's dates then and not now (" MOMENT_FORMS ")\n"
        "  --signed     an image that is not signed fails\n"
        "  --sbom FILE  the bill of materials that came with the image, SPDX or CycloneDX; up to four times\n"
        "  --provenance FILE  the SLSA provenance that came with it, as it is made before the image is signed\n"
        "  --json       {\"Image\", \"Passed\", \"Checks\": [{\"Check\", \"State\", \"Text\"}], \"Measurements\"}\n"
        "\n"
        "A signature says who signed, not that you trust them: compare PCR8, or put it into --pcrs.\n",
    .run = run_verify,
};

struct options {
    const char *image;
    const char *pcrs;
    const char *sboms[RUNTIME_SBOMS_MAX];
    size_t sbom_count;
    const char *provenance;
    int64_t at;
    bool must_be_signed;
    bool json;
};

static int read_options(int argc, char *argv[], struct options *options)
{
    enum { PCRS = 256, AT, SIGNED, SBOM, PROVENANCE, JSON };
    static const struct option known[] = {{"pcrs", required_argument, NULL, PCRS}, {"at", required_argument, NULL, AT},
        {"signed", no_argument, NULL, SIGNED}, {"sbom", required_argument, NULL, SBOM},
        {"provenance", required_argument, NULL, PROVENANCE}, {"json", no_argument, NULL, JSON}, {0}};
    int option;

    *options = (struct options){.at = time(NULL)};
    opterr = 0;
    optind = 1;
    while ((option = getopt_long(argc, argv, ":", known, NULL)) != -1) {
        switch (option) {
        case PCRS:
            options->pcrs = optarg;
            break;
        case AT:
            if (!moment_parse(optarg, &options->at)) {
                return verb_misuse(
                    &verb_verify, "--at %s: not a time (" MOMENT_FORMS ")", text_quote_string(optarg).text);
            }
            break;
        case SIGNED:
            options->must_be_signed = true;
            break;
        case SBOM:
            if (options->sbom_count == RUNTIME_SBOMS_MAX) {
                return verb_misuse(&verb_verify, "--sbom: at most %d", RUNTIME_SBOMS_MAX);
            }
            options->sboms[options->sbom_count++] = optarg;
            break;
        case PROVENANCE:
            options->provenance = optarg;
            break;
        case JSON:
            options->json = true;
            break;
        default:
            return verb_bad_option(&verb_verify, argv, option);
        }
    }
    if (optind != argc - 1) {
        return verb_misuse(&verb_verify, "it takes one image");
    }
    options->image = argv[optind];
    return EXIT_DONE;
}

/* ---- The answers ---- */

static const char *state_name(enum check_state state)
{
    return state == CHECK_OK ? "ok" : state == CHECK_FAILED ? "failed" : "skipped";
}

static void print_lines(const struct checks *checks)
{
    for (size_t i = 0; i < checks->count; i++) {
        const struct check *check = &checks->items[i];
        printf("%-8s %-11s  %s\n", state_name(check->state), check->name, check->text);
    }
}

static int print_json(const struct options *options, const struct checks *checks, struct reason *why)
{
    json_t *list = json_array();
    json_t *json = json_object();
    int failed = 0;

    for (size_t i = 0; i < checks->count; i++) {
        const struct check *check = &checks->items[i];
        failed |= json_array_append_new(list,
            json_pack("{s:s, s:s, s:s}", "Check", check->name, "State", state_name(check->state), "Text", check->text));
    }
    json_t *name = json_string(options->image); /* NULL where it is not UTF-8 */
    failed |=
        json_object_set_new(json, "Image", name != NULL ? name : json_string(text_quote_string(options->image).text));
    failed |= json_object_set_new(json, "Passed", json_boolean(checks->failed == 0));
    failed |= json_object_set_new(json, "Checks", list);
    if (checks->whole) {
        failed |= json_object_set_new(
            json, "Measurements", measurements_json(&checks->measurements, checks->has_pcr8 ? checks->pcr8 : NULL));
    }
    if (failed == 0) {
        (void)json_dumpf(json, stdout, JSON_INDENT(2)); /* main() sees whether stdout took it */
        putchar('\n');
    }
    json_decref(json);
    return failed == 0 ? 0 : reason_system(why, -ENOMEM, "cannot print the answers");
}

static int make_checks(const struct options *options, const struct source *source, const struct pcrs *expected,
    struct checks *checks, struct reason *why)
{
    int error = checks_start(checks, source, why);

    if (error == 0) {
        error = checks_content(checks, why);
    }
    if (error == 0) {
        error = checks_signature(checks, true, options->at, why);
    }
    if (error == 0 && options->must_be_signed) {
        error = checks_demand_signature(checks, why);
    }
    if (error == 0) {
        error = checks_pcrs(checks, expected, why);
    }
    for (size_t i = 0; error == 0 && i < options->sbom_count; i++) {
        error = went_in_sbom(checks, options->sboms[i], why);
    }
    if (error == 0 && options->provenance != NULL) {
        error = went_in_provenance(checks, options->provenance, why);
    }
    return error;
}

static int verify(const struct options *options, const struct pcrs *expected, bool *passed, struct reason *why)
{
    int fd = open(options->image, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct checks checks = {0};
    struct source source;
    int error = fd < 0 ? reason_system(why, -errno, "cannot open") : 0;

    if (error == 0) {
        error = source_file(&source, fd, why);
    }
    if (error == 0) {
        error = make_checks(options, &source, expected, &checks, why);
    }
    if (error < 0) {
        reason_prefix(why, "%s", options->image);
    } else if (options->json) {
        error = print_json(options, &checks, why);
    } else {
        print_lines(&checks);
    }
    *passed = checks.failed == 0;
    checks_free(&checks);
    if (fd >= 0) {
        close(fd);
    }
    return error;
}

static int run_verify(int argc, char *argv[])
{
    struct pcrs expected = {0};
    struct options options;
    struct reason why;
    bool passed = false;
    int code = read_options(argc, argv, &options);
    int error = 0;

    if (code != EXIT_DONE) {
        return code;
    }
    if (options.pcrs != NULL) {
        error = measurements_read(options.pcrs, &expected, &why);
    }
    if (error == 0) {
        error = verify(&options, &expected, &passed, &why);
    }
    if (error < 0) {
        return verb_fail(&verb_verify, error, &why);
    }
    return passed ? EXIT_DONE : EXIT_NO;
}
