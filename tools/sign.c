/* sign: signs an image, with a key that is here or elsewhere, after everything was checked and before anything changes.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "image/eif_sign.h"
#include "image/signature.h"
#include "tools/checks.h"
#include "tools/moment.h"
#include "tools/signer.h"
#include "tools/verbs.h"

static int run_sign(int argc, char *argv[]);

const struct verb verb_sign = {
    .name = "sign",
    .arguments = "X.eif --signing-certificate C.pem (--private-key K.pem | --prepare FILE | --attach SIG) [-o Y.eif]",
    .summary = "sign an image (PCR8), with a key that is here, in an HSM or in KMS",
    .help =
        "  --signing-certificate FILE  PEM; its first certificate, whose key is on P-256, P-384 or P-521\n"
        "  --private-key FILE          PEM, not encrypted (PKCS#8 or SEC1): signs with ES256, ES384 or ES512\n"
        "  --prepare FILE              writes the bytes to be signed, and changes nothing\n"
        "  --attach FILE               takes their signature, made elsewhere: DER, or raw (r and s one behind the\n"
        "                              other: 64, 96 or 132 bytes); which of them it is shows in the bytes\n"
        "  -o, --output Y.eif          the signed image (default: in place; written beside and renamed either way)\n"
        "  --replace                   an image that is signed already gets this signature instead\n"
        "  --at TIME                   judge the certificate's dates then and not now\n"
        "\n"
        "Everything is checked before anything is written: that the key belongs to the certificate, its dates, the\n"
        "image's structure, CRC and content. The same key and image give the same file (RFC 6979). Only the first\n"
        "certificate goes into the image. Prints the measurements, with PCR8, as build does.\n"
        "\n"
        "With the key elsewhere, for P-384 (P-256: sha256, P-521: sha512):\n"
        "  ingot sign X.eif --signing-certificate C.pem --prepare tbs.bin\n"
        "  openssl dgst -sha384 -sign K.pem -out sig.der tbs.bin\n"
        "or\n"
        "  aws kms sign --key-id alias/NAME --message-type RAW --signing-algorithm ECDSA_SHA_384 \\\n"
        "      --message fileb://tbs.bin --query Signature --output text | base64 -d > sig.der\n"
        "and then\n"
        "  ingot sign X.eif --signing-certificate C.pem --attach sig.der\n",
    .run = run_sign,
};

#define ATTACHED_MAX 1024 /* bytes of a signature made elsewhere */

struct options {
    const char *image;
    const char *certificate;
    const char *key;
    const char *prepare;
    const char *attach;
    const char *output;
    int64_t at;
    bool replace;
};

static int check_options(const struct options *options)
{
    int ways = (options->key != NULL) + (options->prepare != NULL) + (options->attach != NULL);

    if (options->certificate == NULL) {
        return verb_misuse(&verb_sign, "--signing-certificate is missing");
    }
    if (ways != 1) {
        return verb_misuse(&verb_sign, "one of --private-key, --prepare and --attach is needed");
    }
    if (options->prepare != NULL && options->output != NULL) {
        return verb_misuse(&verb_sign, "--prepare writes no image: leave -o out");
    }
    return EXIT_DONE;
}

static int read_options(int argc, char *argv[], struct options *options)
{
    enum { CERTIFICATE = 256, KEY, PREPARE, ATTACH, REPLACE, AT };
    static const struct option known[] = {{"signing-certificate", required_argument, NULL, CERTIFICATE},
        {"private-key", required_argument, NULL, KEY}, {"prepare", required_argument, NULL, PREPARE},
        {"attach", required_argument, NULL, ATTACH}, {"output", required_argument, NULL, 'o'},
        {"replace", no_argument, NULL, REPLACE}, {"at", required_argument, NULL, AT}, {0}};
    int option;

    *options = (struct options){.at = time(NULL)};
    opterr = 0;
    optind = 1;
    while ((option = getopt_long(argc, argv, ":o:", known, NULL)) != -1) {
        switch (option) {
        case CERTIFICATE:
            options->certificate = optarg;
            break;
        case KEY:
            options->key = optarg;
            break;
        case PREPARE:
            options->prepare = optarg;
            break;
        case ATTACH:
            options->attach = optarg;
            break;
        case 'o':
            options->output = optarg;
            break;
        case REPLACE:
            options->replace = true;
            break;
        case AT:
            if (!moment_parse(optarg, &options->at)) {
                return verb_misuse(
                    &verb_sign, "--at %s: not a time (" MOMENT_FORMS ")", text_quote_string(optarg).text);
            }
            break;
        default:
            return verb_bad_option(&verb_sign, argv, option);
        }
    }
    if (optind != argc - 1) {
        return verb_misuse(&verb_sign, "it takes one image");
    }
    options->image = argv[optind];
    return check_options(options);
}

/* ---- The image ---- */

/* Refuses what verify would fail, and one that is signed already unless it is to be replaced. */
static int check_image(
    struct checks *checks, const struct options *options, const struct source *source, struct reason *why)
{
    const struct check *failed;
    int error = checks_start(checks, source, why);

    if (error == 0) {
        error = checks_content(checks, why);
    }
    if (error < 0) {
        return error;
    }
    failed = checks_first_failed(checks);
    if (failed != NULL) {
        return reason_set(why, -EINVAL, "not signed, because of its %s: %s%s", failed->name, failed->text,
            checks->failed > 1 ? " (ingot verify says what else)" : "");
    }
    if (checks->is_signed && !options->replace) {
        return reason_set(why, -EINVAL, "it is signed already (--replace puts this signature in its place)");
    }
    return 0;
}

static int attach(struct signature *signature, const char *path, struct reason *why)
{
    char *value;
    size_t size;
    int error = file_read(path, ATTACHED_MAX, &value, &size, why);

    if (error < 0) {
        return error;
    }
    error = signature_attach(signature, (struct bytes){(uint8_t *)value, size}, why);
    if (error < 0) {
        reason_prefix(why, "%s", path);
    }
    free(value);
    return error;
}

static int prepare(const struct signature *signature, const char *path, struct reason *why)
{
    uint8_t *message;
    size_t size;
    int error = signature_message(signature, &message, &size, why);

    if (error == 0) {
        error = file_write(path, message, size, 0644, why);
        free(message);
    }
    if (error == 0) {
        fprintf(stderr, "%s: %zu bytes to be signed with ECDSA and %s; then: ingot sign … --attach\n", path, size,
            signature_hash(signature));
    }
    return error;
}

/* Writes the image with this section to a new file beside `path`, which it then becomes. */
static int write_signed(const struct eif *eif, struct bytes section, const char *path, mode_t mode, struct reason *why)
{
    char beside[PATH_MAX];
    int length = snprintf(beside, sizeof beside, "%s.XXXXXX", path);
    int error;
    int fd;

    if (length < 0 || (size_t)length >= sizeof beside) {
        return reason_set(why, -ENAMETOOLONG, "%s: the path is too long", text_quote_string(path).text);
    }
    fd = mkostemp(beside, O_CLOEXEC);
    if (fd < 0) {
        return reason_system(why, -errno, "%s: cannot write a file there", path);
    }
    error = eif_sign(eif, section, fd, why);
    if (error == 0 && fchmod(fd, mode & 0777) < 0) {
        error = reason_system(why, -errno, "%s: cannot set its mode", path);
    }
    if (close(fd) < 0 && error == 0) {
        error = reason_system(why, -errno, "%s: cannot write", path);
    }
    if (error == 0 && rename(beside, path) < 0) {
        error = reason_system(why, -errno, "%s: cannot write", path);
    }
    if (error < 0) {
        (void)unlink(beside);
    }
    return error;
}

static int print_measurements(const struct checks *checks, const struct signature *signature, struct reason *why)
{
    uint8_t pcr8[EIF_PCR_SIZE];
    json_t *json;

    signature_pcr8(signature, pcr8);
    json = json_pack("{s:o*}", "Measurements", measurements_json(&checks->measurements, pcr8));
    if (json == NULL) {
        return reason_system(why, -ENOMEM, "cannot print the measurements");
    }
    (void)json_dumpf(json, stdout, JSON_INDENT(2)); /* main() sees whether stdout took it */
    putchar('\n');
    json_decref(json);
    return 0;
}

/* In place, a symbolic link stays one: the file that it leads to is replaced. */
static int output_path(const struct options *options, char path[static PATH_MAX], struct reason *why)
{
    if (options->output == NULL) {
        return realpath(options->image, path) != NULL ? 0 : reason_system(why, -errno, "cannot find its place");
    }
    if (strlen(options->output) >= PATH_MAX) {
        return reason_set(why, -ENAMETOOLONG, "%s: the path is too long", text_quote_string(options->output).text);
    }
    strcpy(path, options->output);
    return 0;
}

/* What the options ask for, with a signature whose value is still missing. */
static int sign(const struct options *options, const struct signer *signer, const struct checks *checks,
    struct signature *signature, mode_t mode, struct reason *why)
{
    char path[PATH_MAX];
    uint8_t *section;
    size_t size;
    int error;

    if (options->prepare != NULL) {
        return prepare(signature, options->prepare, why);
    }
    error = options->attach != NULL ? attach(signature, options->attach, why)
                                    : signature_sign(signature, &signer->key, why);
    if (error == 0) {
        error = output_path(options, path, why);
    }
    if (error == 0) {
        error = signature_write(signature, &section, &size, why);
    }
    if (error < 0) {
        return error;
    }
    error = write_signed(&checks->eif, (struct bytes){section, size}, path, mode, why);
    free(section);
    return error == 0 ? print_measurements(checks, signature, why) : error;
}

static int sign_file(const struct options *options, const struct signer *signer, struct reason *why)
{
    int fd = open(options->image, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct signature signature = {0};
    struct checks checks = {0};
    struct source source;
    struct stat status;
    int error = fd < 0 || fstat(fd, &status) < 0 ? reason_system(why, -errno, "cannot open") : 0;

    if (error == 0) {
        error = source_file(&source, fd, why);
    }
    if (error == 0) {
        error = check_image(&checks, options, &source, why);
    }
    if (error == 0) {
        const struct bytes certificate = {signer->certificate_der, signer->certificate_size};
        error = signature_prepare(&signature, certificate, checks.measurements.pcr0, why);
    }
    if (error == 0) {
        error = sign(options, signer, &checks, &signature, status.st_mode, why);
    }
    if (error < 0) {
        reason_prefix(why, "%s", options->image);
    }
    signature_free(&signature);
    checks_free(&checks);
    if (fd >= 0) {
        close(fd);
    }
    return error;
}

static int run_sign(int argc, char *argv[])
{
    struct options options;
    struct signer signer;
    struct reason why;
    int code = read_options(argc, argv, &options);
    int error;

    if (code != EXIT_DONE) {
        return code;
    }
    error = signer_read(&signer, options.certificate, options.key, options.at, &why);
    if (error == 0) {
        error = sign_file(&options, &signer, &why);
        signer_free(&signer);
    }
    return error < 0 ? verb_fail(&verb_sign, error, &why) : EXIT_DONE;
}
