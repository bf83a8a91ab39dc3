/* push_verb: ingot push: puts the secrets together, checks them as the enclave will, and sends them. */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "base/wipe.h"
#include "tools/push.h"
#include "tools/push_judge.h"
#include "tools/push_parts.h"
#include "tools/reach.h"
#include "tools/secret_json.h"
#include "tools/subject.h"
#include "tools/verbs.h"

#define DEFAULT_PORT 7777

extern const struct verb verb_push;

/* One source on the command line, in its order. The words are argv's. */
enum source_kind { SOURCE_SET, SOURCE_FILE, SOURCE_IDENTITY, SOURCE_SERVER, SOURCE_SECRET };
struct source_word {
    enum source_kind kind;
    char *word;
    char *more[2]; /* KEY and CA of an identity */
};

struct request {
    struct push_options options;
    struct source_word *sources; /* argc of them at the most */
    size_t source_count;
    unsigned stdin_uses;
    const char *document; /* NULL: none */
    const char *region;
    const char *image;
    struct reach reach;
    bool has_to;
    bool rotate;
    bool check_only;
};

struct outcome {
    struct loop *loop;
    int code;
};

static void told_waiting(void *arg, const struct reason *why)
{
    (void)arg;
    fprintf(stderr, "ingot push: waiting for the enclave: %s\n", why->text);
}

static void warned(void *arg, const char *sentence)
{
    (void)arg;
    fprintf(stderr, "ingot push: warning: %s\n", sentence);
}

static void pushed(void *arg, enum push_result result, const char *answer, const struct reason *why)
{
    static const int codes[] = {[PUSH_ACCEPTED] = EXIT_DONE, [PUSH_REFUSED] = EXIT_NO, [PUSH_UNREACHED] = EXIT_SYSTEM};
    struct outcome *outcome = arg;

    if (answer != NULL) {
        printf("%s\n", answer);
    }
    if (why != NULL) {
        fprintf(stderr, "ingot push: %s\n", why->text);
    }
    outcome->code = codes[result];
    loop_stop(outcome->loop);
}

/* Sends what was read and waits; an EXIT_…. */
static int push_and_wait(const struct push_options *options)
{
    struct outcome outcome = {.code = EXIT_SYSTEM};
    struct push *push = NULL;
    struct reason why;
    int error = loop_open(&outcome.loop);

    if (error == 0) {
        error = push_start(&push, outcome.loop, options, pushed, &outcome);
    }
    if (error == 0) {
        error = loop_run(outcome.loop);
    }
    loop_close(outcome.loop);
    if (error < 0) {
        reason_system(&why, error, "can't start");
        return verb_fail(&verb_push, error, &why);
    }
    return outcome.code;
}

static int gather_one(json_t *push, const struct request *request, const struct source_word *source, struct reason *why)
{
    switch (source->kind) {
    case SOURCE_SET:
        return push_parts_set(push, source->word, why);
    case SOURCE_FILE:
        return push_parts_file(push, source->word, why);
    case SOURCE_IDENTITY:
        return push_parts_identity(push, SECRETS_CLIENT, source->word, source->more[0], source->more[1], why);
    case SOURCE_SERVER:
        return push_parts_identity(push, SECRETS_SERVER, source->word, source->more[0], source->more[1], why);
    case SOURCE_SECRET:
        return push_parts_secret(push, source->word, request->region, why);
    }
    return -EINVAL;
}

/* All sources as one object, and as the text that is sent (malloc'd, wiped by the caller). */
static int gather(const struct request *request, json_t *push, char **text, size_t *size, struct reason *why)
{
    int error = request->document != NULL ? push_parts_document(push, request->document, why) : 0;

    for (size_t i = 0; error == 0 && i < request->source_count; i++) {
        error = gather_one(push, request, &request->sources[i], why);
    }
    if (error < 0) {
        return error;
    }
    *size = json_dumpb(push, NULL, 0, JSON_COMPACT);
    if (*size > PUSH_SECRETS_MAX) {
        return reason_set(why, -EFBIG, "the secrets together are over %d bytes", PUSH_SECRETS_MAX);
    }
    *text = *size > 0 ? malloc(*size) : NULL;
    if (*text == NULL) {
        return reason_set(why, -ENOMEM, "out of memory");
    }
    (void)json_dumpb(push, *text, *size, JSON_COMPACT);
    return 0;
}

/* --cid, --enclave, --vsock: the port is the image's, or the default. */
static int address_make(struct request *request, const struct config *config, struct reason *why)
{
    uint32_t port = config != NULL ? config->secrets.port : DEFAULT_PORT;

    return request->has_to ? 0 : reach_port(&request->reach, port, &request->options.to, why);
}

static void say_rotation(const struct config *config)
{
    switch (config->secrets.again) {
    case CONFIG_AGAIN_REFUSE:
        fprintf(stderr, "ingot push: the image measured again = refuse: once it has accepted a push it refuses every "
                        "further one; to change its secrets start the enclave anew and push to that\n");
        break;
    case CONFIG_AGAIN_IDENTITY:
        fprintf(stderr, "ingot push: the image measured again = identity: this replaces the identity; new connections "
                        "use it, open ones go on\n");
        break;
    case CONFIG_AGAIN_RESTART:
        fprintf(stderr, "ingot push: the image measured again = restart: this replaces all secrets; the application "
                        "starts again, and its open connections end\n");
        break;
    }
}

/* That nothing was wrong, and with what. */
static void say_checked(json_t *push, const struct config *config)
{
    const char *separator = " ";
    const char *name;
    json_t *value;

    fprintf(stderr, "ingot push: nothing was sent; %s",
        config != NULL ? "the enclave would accept" : "well-formed, and --image X.eif would check the names too:");
    json_object_foreach(push, name, value)
    {
        fprintf(stderr, "%s%s", separator, text_quote_string(name).text);
        separator = ", ";
    }
    fputc('\n', stderr);
}

/* Checks, and sends unless that is all; an EXIT_…. */
static int check_and_send(struct request *request, const struct config *config)
{
    struct reason why;
    char *text = NULL;
    size_t size = 0;
    int code = EXIT_DONE;
    json_t *push = json_object();
    int error = push != NULL ? address_make(request, config, &why) : reason_set(&why, -ENOMEM, "out of memory");

    if (error == 0) {
        error = gather(request, push, &text, &size, &why);
    }
    if (error == 0) {
        error = push_judge(push, text, size, config, request->rotate, (int64_t)time(NULL), warned, NULL, &why);
    }
    if (error < 0) {
        code = verb_fail(&verb_push, error, &why);
    } else if (request->check_only) {
        say_checked(push, config);
    } else {
        request->options.secrets = text;
        request->options.size = size;
        if (request->rotate) {
            say_rotation(config);
        }
        code = push_and_wait(&request->options);
    }
    json_decref(push);
    wipe_free(text, text != NULL ? size : 0);
    return code;
}

/* ---- options ---- */

enum {
    OPTION_TO = 256,
    OPTION_WAIT,
    OPTION_SET,
    OPTION_FILE,
    OPTION_IDENTITY,
    OPTION_SERVER,
    OPTION_SECRET,
    OPTION_REGION,
    OPTION_RETRIES,
    OPTION_DELAY,
    OPTION_IMAGE,
    OPTION_CID,
    OPTION_ENCLAVE,
    OPTION_VSOCK,
    OPTION_ROTATE,
    OPTION_CHECK
};

static int number_read(const char *name, const char *what, uint64_t min, uint64_t max, uint64_t *value)
{
    if (text_number(optarg, min, max, value)) {
        return EXIT_DONE;
    }
    return verb_misuse(&verb_push, "%s %s: not a number of %s from %llu to %llu", name, text_quote_string(optarg).text,
        what, (unsigned long long)min, (unsigned long long)max);
}

/* Whether a word reads standard input; there is only one. */
static unsigned reads_stdin(const struct source_word *source)
{
    const char *value = strchr(source->word, '=');
    unsigned count = 0;

    if (source->kind == SOURCE_FILE) {
        return value != NULL && strcmp(value + 1, "-") == 0;
    }
    if (source->kind == SOURCE_IDENTITY || source->kind == SOURCE_SERVER) {
        const char *const paths[] = {source->word, source->more[0], source->more[1]};
        for (size_t i = 0; i < 3; i++) {
            count += strcmp(paths[i], "-") == 0;
        }
    }
    return count;
}

static int source_add(struct request *request, int argc, char *argv[], int option)
{
    struct source_word *source = &request->sources[request->source_count++];

    *source = (struct source_word){.kind = option == OPTION_SET        ? SOURCE_SET
                                           : option == OPTION_FILE     ? SOURCE_FILE
                                           : option == OPTION_IDENTITY ? SOURCE_IDENTITY
                                           : option == OPTION_SERVER   ? SOURCE_SERVER
                                                                       : SOURCE_SECRET,
        .word = optarg};
    if (option == OPTION_IDENTITY || option == OPTION_SERVER) {
        /* With a file left out the next option would be taken for one. */
        if (argc - optind < 2 || strncmp(optarg, "--", 2) == 0 || strncmp(argv[optind], "--", 2) == 0 ||
            strncmp(argv[optind + 1], "--", 2) == 0) {
            return verb_misuse(
                &verb_push, "--%sidentity takes three files: CERT KEY CA", option == OPTION_SERVER ? "server-" : "");
        }
        source->more[0] = argv[optind++];
        source->more[1] = argv[optind++];
    }
    request->stdin_uses += reads_stdin(source);
    return EXIT_DONE;
}

static int document_take(struct request *request, const char *path)
{
    if (request->document != NULL) {
        return verb_misuse(&verb_push, "one file of secrets at the most, not %s too", text_quote_string(path).text);
    }
    request->document = path;
    request->stdin_uses += strcmp(path, "-") == 0;
    return EXIT_DONE;
}

static int option_take(struct request *request, int argc, char *argv[], int option)
{
    struct reason why;
    uint64_t number = 0;
    int code = EXIT_DONE;

    switch (option) {
    case 1:
        return document_take(request, optarg);
    case OPTION_TO:
        request->has_to = true;
        return address_parse(&request->options.to, optarg, &why) == 0 ? EXIT_DONE
                                                                      : verb_misuse(&verb_push, "--to %s", why.text);
    case OPTION_WAIT:
        code = number_read("--wait", "seconds", 1, 86400, &number);
        request->options.wait_ms = (int64_t)number * 1000;
        return code;
    case OPTION_RETRIES:
        code = number_read("--retries", "attempts", 0, 100000, &number);
        request->options.attempts = (uint32_t)number + 1;
        return code;
    case OPTION_DELAY:
        code = number_read("--delay", "seconds", 1, 3600, &number);
        request->options.delay_ms = (int64_t)number * 1000;
        return code;
    case OPTION_REGION:
        request->region = optarg;
        return EXIT_DONE;
    case OPTION_IMAGE:
        request->image = optarg;
        return EXIT_DONE;
    case OPTION_ENCLAVE:
        request->reach.enclave = optarg;
        return EXIT_DONE;
    case OPTION_CID:
        request->reach.cid = optarg;
        return EXIT_DONE;
    case OPTION_VSOCK:
        request->reach.folder = optarg;
        return EXIT_DONE;
    case OPTION_ROTATE:
        request->rotate = true;
        return EXIT_DONE;
    case OPTION_CHECK:
        request->check_only = true;
        return EXIT_DONE;
    case OPTION_SET:
    case OPTION_FILE:
    case OPTION_IDENTITY:
    case OPTION_SERVER:
    case OPTION_SECRET:
        return source_add(request, argc, argv, option);
    default:
        return verb_bad_option(&verb_push, argv, option);
    }
}

/* What the options make together. */
static int request_check(struct request *request)
{
    unsigned ways = request->has_to + reach_ways(&request->reach);

    if (request->document == NULL && request->source_count == 0) {
        return verb_misuse(&verb_push, "name a file of secrets, or - for standard input, or --set, --file, --identity, "
                                       "--secrets-manager");
    }
    if (request->stdin_uses > 1) {
        return verb_misuse(&verb_push, "standard input (-) can be read only once");
    }
    if (ways > 1 || (ways == 0 && !request->check_only)) {
        return verb_misuse(&verb_push,
            "say once where the enclave listens: --to vsock:CID:7777, --cid CID, --enclave NAME or --vsock DIR");
    }
    if (request->check_only) {
        request->has_to = true; /* nothing is sent, so nobody is looked for */
    }
    if (request->rotate && request->image == NULL) {
        return verb_misuse(&verb_push, "--rotate needs --image X.eif, which says what a second push does");
    }
    return EXIT_DONE;
}

static int read_options(int argc, char *argv[], struct request *request)
{
    static const struct option options[] = {{"to", required_argument, NULL, OPTION_TO},
        {"wait", required_argument, NULL, OPTION_WAIT}, {"set", required_argument, NULL, OPTION_SET},
        {"file", required_argument, NULL, OPTION_FILE}, {"identity", required_argument, NULL, OPTION_IDENTITY},
        {"server-identity", required_argument, NULL, OPTION_SERVER},
        {"secrets-manager", required_argument, NULL, OPTION_SECRET}, {"region", required_argument, NULL, OPTION_REGION},
        {"retries", required_argument, NULL, OPTION_RETRIES}, {"delay", required_argument, NULL, OPTION_DELAY},
        {"image", required_argument, NULL, OPTION_IMAGE}, {"cid", required_argument, NULL, OPTION_CID},
        {"enclave", required_argument, NULL, OPTION_ENCLAVE}, {"vsock", required_argument, NULL, OPTION_VSOCK},
        {"rotate", no_argument, NULL, OPTION_ROTATE}, {"check", no_argument, NULL, OPTION_CHECK}, {0}};
    int code = EXIT_DONE;
    int option;

    /* "-": words that are no options come in their place (as 1), so that --identity can take three. */
    opterr = 0;
    while (code == EXIT_DONE) {
        option = getopt_long(argc, argv, "-:", options, NULL);
        if (option != -1) {
            code = option_take(request, argc, argv, option);
        } else if (optind < argc && strcmp(argv[optind], "-") == 0 && strcmp(argv[optind - 1], "--") != 0) {
            code = document_take(request, argv[optind++]); /* musl ends at a lone "-", and options may follow it */
        } else {
            break;
        }
    }
    for (; code == EXIT_DONE && optind < argc; optind++) { /* behind "--" */
        code = document_take(request, argv[optind]);
    }
    return code == EXIT_DONE ? request_check(request) : code;
}

static int run(int argc, char *argv[])
{
    struct request request = {.options = {.wait_ms = PUSH_WAIT_MS, .waiting = told_waiting}};
    struct subject subject;
    struct reason why;
    int code = EXIT_SYSTEM;

    secret_json_memory();
    request.sources = calloc((size_t)argc, sizeof *request.sources);
    if (request.sources == NULL) {
        reason_system(&why, -ENOMEM, "can't read the options");
        return verb_fail(&verb_push, -ENOMEM, &why);
    }
    code = read_options(argc, argv, &request);
    if (code != EXIT_DONE) {
        goto out;
    }
    if (request.image == NULL) {
        code = check_and_send(&request, NULL);
        goto out;
    }
    int error = subject_open(&subject, request.image, &why);
    if (error < 0) {
        code = verb_fail(&verb_push, error, &why);
        goto out;
    }
    code = check_and_send(&request, subject_config(&subject));
    subject_close(&subject);
out:
    free(request.sources);
    return code;
}

const struct verb verb_push = {
    .name = "push",
    .arguments =
        "[SECRETS.json|-] --to ADDRESS|--cid CID|--enclave NAME|--vsock DIR [--image X.eif] [--set NAME=TEXT]…\n"
        "             [--file NAME=PATH]… [--identity CERT KEY CA] [--server-identity CERT KEY CA]\n"
        "             [--secrets-manager NAME=SECRET]…",
    .summary = "hand secrets to a running enclave, and say what it accepted",
    .help =
        "Puts the secrets together from all that is named (a name given twice is an error), checks JSON, PEM, that\n"
        "key and certificate belong together and the dates, sends them, and prints the enclave's answer:\n"
        "{\"accepted\": [\"NAME\", …]} or {\"error\": \"…\"}. While the enclave is not up it tries again.\n"
        "\n"
        "  --to ADDRESS          where the enclave takes secrets: vsock:CID:7777 on EC2, or hybrid:DIR/enclave:7777\n"
        "                        with a local one (ingot run); tcp:HOST:PORT and unix:PATH work too\n"
        "  --cid CID             the enclave on this EC2 instance, at the image's port (7777)\n"
        "  --enclave NAME        the same, by its name: nitro-cli is asked for the CID\n"
        "  --vsock DIR           the folder of a local enclave, at the image's port (7777)\n"
        "  --image X.eif         or enclave.ini: checks names and endpoint before sending as the enclave will, and\n"
        "                        takes the port from it\n"
        "  --set NAME=TEXT       a value; everyone on this machine sees it in `ps`: for what is no secret\n"
        "  --file NAME=PATH      a value out of a file, - for standard input, as it is, with its last newline\n"
        "  --identity CERT       and KEY and CA, three PEM files, become MTLS_CLIENT_CERT_JSON\n"
        "  --server-identity CERT\n"
        "                        and KEY and CA (of the clients) become MTLS_SERVER_CERT_JSON\n"
        "  --secrets-manager NAME=SECRET\n"
        "                        a value out of AWS Secrets Manager, through the aws command and its credentials\n"
        "  --region REGION       for it (aws's own default)\n"
        "  --wait SECONDS        for an answer, all attempts together (120)\n"
        "  --retries N           attempts after the first (as many as the wait allows)\n"
        "  --delay SECONDS       before the second attempt, then twice as long each time up to 2 s (0.1 s)\n"
        "  --rotate              to an enclave that has secrets: says what the image measured for that, and sends\n"
        "  --check               checks only, and sends nothing\n"
        "\n"
        "Exit: 0 accepted, 1 refused, here or by the enclave, 111 no answer.\n",
    .run = run,
};
