/* policy: prints the KMS, IAM or Terraform policy that lets only these images use a key. */
#include "tools/policy.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "tools/checks.h"
#include "tools/verbs.h"

static int run_policy(int argc, char *argv[]);

const struct verb verb_policy = {
    .name = "policy",
    .arguments = "[--format kms|iam|terraform|json] [--pcrs 0,1,2,8] X.eif [Y.eif …]",
    .summary = "print the KMS, IAM or Terraform policy that lets only these images use a key",
    .help =
        "  --format kms         a key policy's statements, for the key (default); with --secret a second document, "
        "the\n"
        "                       secret's resource policy\n"
        "  --format iam         an identity policy for the parent's role, the same conditions in it\n"
        "  --format terraform   the key policy as data \"aws_iam_policy_document\"\n"
        "  --format json        {\"Images\": [{\"Image\", \"PCRs\"}]}: any one of them, with all of its PCRs\n"
        "  --pcrs 0,1,2,8       which of the images' PCRs to pin (default: 0,1,2, and 8 where all are signed)\n"
        "  --pcrs-file FILE     PCRs instead of an image, as X.pcrs.json has them; may be repeated\n"
        "  --image-sha384       call PCR0 by its other name, kms:RecipientAttestation:ImageSha384\n"
        "  --role-arn ARN       also pin PCR3: the parent has this IAM role; it is the principal, too\n"
        "  --instance-id ID     also pin PCR4: the parent is this instance\n"
        "  --principal ARN      who may ask (default: the role)\n"
        "  --actions A,B        of Decrypt, DeriveSharedSecret, GenerateDataKey, GenerateDataKeyPair, GenerateRandom:\n"
        "                       KMS has the conditions for these only (default: Decrypt)\n"
        "  --key ARN            the key, where the policy is not its own (--format iam; default: any key)\n"
        "  --secret ARN         also allow secretsmanager:GetSecretValue of this secret. Secrets Manager knows no\n"
        "                       attestation: the parent reads what is in the secret, so put in what the key has\n"
        "                       encrypted; and the secret's own encryption key must be another one\n"
        "\n"
        "Several images are alternatives, as in a rolling update: one statement lists their values, or each has its\n"
        "own where values of two images could be mixed. An image with a wrong CRC, unknown flags or a signature that\n"
        "does not hold is refused; so are PCR2 of an image with one ramdisk, PCR1 without PCR2 (and the reverse), and\n"
        "PCRs of a debug-mode enclave. To add the statements to a key policy:\n"
        "  jq '.Statement += input.Statement' key-policy.json <(ingot policy X.eif --role-arn ARN)\n",
    .run = run_policy,
};

struct options {
    struct policy policy;
    char *(*print)(const struct policy *policy);
    bool pcrs_given;
    bool from_file[POLICY_IMAGES_MAX];
};

/* ---- Options ---- */

static int take_format(struct options *options, const char *text)
{
    static const struct {
        const char *name;
        char *(*print)(const struct policy *policy);
    } formats[] = {{"kms", policy_kms}, {"iam", policy_iam}, {"terraform", policy_terraform}, {"json", policy_json}};

    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        if (strcmp(text, formats[i].name) == 0) {
            options->print = formats[i].print;
            return EXIT_DONE;
        }
    }
    return verb_misuse(&verb_policy, "--format %s: not one of kms, iam, terraform, json", text_quote_string(text).text);
}

static int take_pcrs(struct options *options, const char *text)
{
    options->pcrs_given = true;
    memset(options->policy.pinned, 0, sizeof options->policy.pinned);
    for (const char *next = text;; next += 2) {
        if (*next == '\0' || strchr("0128", *next) == NULL || (next[1] != ',' && next[1] != '\0')) {
            return verb_misuse(&verb_policy,
                "--pcrs %s: not a list of 0, 1, 2 and 8 (3 and 4 come with --role-arn and --instance-id)",
                text_quote_string(text).text);
        }
        options->policy.pinned[*next - '0'] = true;
        if (next[1] == '\0') {
            return EXIT_DONE;
        }
    }
}

static int take_actions(struct options *options, const char *text)
{
    static const char *const known[POLICY_ACTIONS_MAX] = {"kms:Decrypt", "kms:DeriveSharedSecret",
        "kms:GenerateDataKey", "kms:GenerateDataKeyPair", "kms:GenerateRandom"};
    struct policy *policy = &options->policy;
    const char *word = text;

    policy->action_count = 0;
    for (;;) {
        size_t length = strcspn(word, ",");
        size_t i = 0;
        bool twice = false;
        if (length > 4 && memcmp(word, "kms:", 4) == 0) {
            word += 4;
            length -= 4;
        }
        while (i < POLICY_ACTIONS_MAX && (strlen(known[i]) != length + 4 || memcmp(known[i] + 4, word, length) != 0)) {
            i++;
        }
        for (size_t k = 0; i < POLICY_ACTIONS_MAX && k < policy->action_count; k++) {
            twice = twice || policy->actions[k] == known[i];
        }
        if (i == POLICY_ACTIONS_MAX || twice) {
            return verb_misuse(&verb_policy, "--actions %s: %s is %s", text_quote_string(text).text,
                text_quote(word, length).text,
                twice ? "there twice" : "no action that KMS has these conditions for (--help lists them)");
        }
        policy->actions[policy->action_count++] = known[i];
        if (word[length] == '\0') {
            return EXIT_DONE;
        }
        word += length + 1;
    }
}

/* Nothing that JSON or Terraform would have to escape, and no wildcard. */
static bool is_arn(const char *text, const char *part)
{
    return strncmp(text, "arn:", 4) == 0 && strstr(text, part) != NULL && strlen(text) < 2048 &&
           text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:/_+=,.@-!")] == '\0';
}

static int take_arn(const char **arn, const char *option, const char *text, const char *part)
{
    if (!is_arn(text, part)) {
        return verb_misuse(
            &verb_policy, "%s %s: not an ARN with \"%s\" in it", option, text_quote_string(text).text, part);
    }
    *arn = text;
    return EXIT_DONE;
}

static int take_instance(struct options *options, const char *text)
{
    size_t digits = strncmp(text, "i-", 2) == 0 ? strspn(text + 2, "0123456789abcdef") : 0;

    if ((digits != 8 && digits != 17) || text[2 + digits] != '\0') {
        return verb_misuse(
            &verb_policy, "--instance-id %s: not i- and 8 or 17 hexadecimal digits", text_quote_string(text).text);
    }
    options->policy.instance = text;
    return EXIT_DONE;
}

static int add_input(struct options *options, const char *path, bool from_file)
{
    struct policy *policy = &options->policy;

    if (policy->count == POLICY_IMAGES_MAX) {
        return verb_misuse(&verb_policy, "more than %d images", POLICY_IMAGES_MAX);
    }
    options->from_file[policy->count] = from_file;
    policy->names[policy->count++] = path;
    return EXIT_DONE;
}

enum { FORMAT = 256, PCRS, PCRS_FILE, IMAGE_SHA384, ROLE, INSTANCE, PRINCIPAL, ACTIONS, KEY, SECRET };

static int take_option(struct options *options, int option, char *argv[])
{
    struct policy *policy = &options->policy;

    switch (option) {
    case FORMAT:
        return take_format(options, optarg);
    case PCRS:
        return take_pcrs(options, optarg);
    case PCRS_FILE:
        return add_input(options, optarg, true);
    case IMAGE_SHA384:
        policy->image_sha384 = true;
        return EXIT_DONE;
    case ROLE: /* an instance profile, or a session's assumed role, has another ARN, and would pin another PCR3 */
        return take_arn(&policy->role, "--role-arn", optarg, ":role/");
    case INSTANCE:
        return take_instance(options, optarg);
    case PRINCIPAL:
        return take_arn(&policy->principal, "--principal", optarg, ":iam::");
    case ACTIONS:
        return take_actions(options, optarg);
    case KEY:
        return take_arn(&policy->key, "--key", optarg, ":kms:");
    case SECRET:
        return take_arn(&policy->secret, "--secret", optarg, ":secretsmanager:");
    default:
        return verb_bad_option(&verb_policy, argv, option);
    }
}

static int check_options(const struct options *options)
{
    const struct policy *policy = &options->policy;

    if (policy->count == 0) {
        return verb_misuse(&verb_policy, "it takes at least one image");
    }
    if (policy->key != NULL && options->print != policy_iam) {
        return verb_misuse(&verb_policy, "--key is for --format iam: a key policy is about its own key");
    }
    if (policy->secret != NULL && options->print == policy_json) {
        return verb_misuse(&verb_policy, "--secret has no place in --format json");
    }
    return EXIT_DONE;
}

static int read_options(int argc, char *argv[], struct options *options)
{
    static const struct option known[] = {{"format", required_argument, NULL, FORMAT},
        {"pcrs", required_argument, NULL, PCRS}, {"pcrs-file", required_argument, NULL, PCRS_FILE},
        {"image-sha384", no_argument, NULL, IMAGE_SHA384}, {"role-arn", required_argument, NULL, ROLE},
        {"instance-id", required_argument, NULL, INSTANCE}, {"principal", required_argument, NULL, PRINCIPAL},
        {"actions", required_argument, NULL, ACTIONS}, {"key", required_argument, NULL, KEY},
        {"secret", required_argument, NULL, SECRET}, {0}};
    int code = EXIT_DONE;
    int option;

    *options = (struct options){.print = policy_kms, .policy = {.actions = {"kms:Decrypt"}, .action_count = 1}};
    opterr = 0;
    optind = 1;
    while (code == EXIT_DONE && (option = getopt_long(argc, argv, ":", known, NULL)) != -1) {
        code = take_option(options, option, argv);
    }
    for (; code == EXIT_DONE && optind < argc; optind++) {
        code = add_input(options, argv[optind], false);
    }
    options->policy.principal = options->policy.principal != NULL ? options->policy.principal : options->policy.role;
    return code == EXIT_DONE ? check_options(options) : code;
}

/* ---- The images ---- */

static int measure(const struct source *source, struct pcrs *pcrs, struct reason *why)
{
    const struct check *failed;
    struct checks checks;
    int error = checks_start(&checks, source, why);

    if (error == 0) {
        error = checks_signature(&checks, false, 0, why);
    }
    failed = checks_first_failed(&checks);
    if (error == 0 && failed != NULL) {
        error = reason_set(why, -EINVAL, "no policy for it, because of its %s: %s", failed->name, failed->text);
    }
    if (error == 0) {
        measurements_pcrs(&checks.measurements, checks.has_pcr8 ? checks.pcr8 : NULL, pcrs);
    }
    checks_free(&checks);
    return error;
}

static int measure_file(const char *path, struct pcrs *pcrs, struct reason *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct source source;
    int error = fd < 0 ? reason_system(why, -errno, "cannot open") : 0;

    if (error == 0) {
        error = source_file(&source, fd, why);
    }
    if (error == 0) {
        error = measure(&source, pcrs, why);
    }
    if (error < 0) {
        reason_prefix(why, "%s", path);
    }
    if (fd >= 0) {
        close(fd);
    }
    return error;
}

static int read_images(struct options *options, struct reason *why)
{
    struct policy *policy = &options->policy;
    bool all_signed = true;
    int error = 0;

    for (size_t i = 0; error == 0 && i < policy->count; i++) {
        error = options->from_file[i] ? measurements_read(policy->names[i], &policy->images[i], why)
                                      : measure_file(policy->names[i], &policy->images[i], why);
        all_signed = all_signed && policy->images[i].has[8];
    }
    if (!options->pcrs_given) {
        policy->pinned[0] = policy->pinned[1] = policy->pinned[2] = true;
        policy->pinned[8] = all_signed;
    }
    return error == 0 ? policy_check(policy, why) : error;
}

/* What the policy does not say by itself. */
static void say_notes(const struct options *options)
{
    const struct policy *policy = &options->policy;
    bool of_key = options->print == policy_kms || options->print == policy_terraform;

    if (of_key && policy->principal == NULL) {
        fprintf(stderr, "Fill in the principal, " POLICY_NO_PRINCIPAL ": AWS refuses it as it is (--principal ARN).\n");
    }
    if (options->print == policy_iam && policy->key == NULL) {
        fprintf(stderr, "It allows any key that allows this role: name yours with --key ARN.\n");
    }
    if (options->print != policy_json) {
        fprintf(stderr,
            "Another statement that allows the same (the account's root with kms:*, another policy of the role) is not "
            "bound by these conditions: see that there is none.\n");
    }
    if (!policy->pinned[0] && !policy->pinned[1]) {
        fprintf(stderr, "PCR8 alone lets in every image that is signed with that key, older ones too.\n");
    }
    if (policy->secret != NULL) {
        fprintf(stderr, "Secrets Manager knows no attestation: the parent instance reads what is in the secret.\n");
    }
}

static int run_policy(int argc, char *argv[])
{
    struct options options;
    struct reason why;
    int code = read_options(argc, argv, &options);
    char *text;
    int error;

    if (code != EXIT_DONE) {
        return code;
    }
    error = read_images(&options, &why);
    if (error == 0) {
        text = options.print(&options.policy);
        error = text == NULL ? reason_system(&why, -ENOMEM, "cannot print the policy") : 0;
    }
    if (error < 0) {
        return verb_fail(&verb_policy, error, &why);
    }
    fputs(text, stdout);
    free(text);
    say_notes(&options);
    return EXIT_DONE;
}
