/* doctor: the verb that says, before a run, what is right and what is not, and what to do. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <jansson.h>

#include "base/text.h"
#include "tools/doctor.h"
#include "tools/proxy.h"
#include "tools/subject.h"
#include "tools/verbs.h"

extern const struct verb verb_doctor;

static const char *const outcomes[] = {[DOCTOR_OK] = "ok", [DOCTOR_WARN] = "warning", [DOCTOR_FAIL] = "not ok"};

static void print_line(void *arg, const struct doctor_line *line)
{
    (void)arg;
    printf("%-7s  %s: %s%s%s\n", outcomes[line->outcome], line->name, line->text, line->advice[0] != '\0' ? "; " : "",
        line->advice);
    fflush(stdout);
}

static void keep_line(void *arg, const struct doctor_line *line)
{
    (void)json_array_append_new(arg, json_pack("{s:s, s:s, s:s, s:s}", "check", line->name, "outcome",
                                         outcomes[line->outcome], "found", line->text, "advice", line->advice));
}

/* Runs the checks of a doctor that knows its subject, and prints what they say. An EXIT_…. */
static int examine(struct doctor *doctor, bool as_json)
{
    json_t *lines = as_json ? json_array() : NULL;
    struct reason why;

    doctor->say = as_json ? keep_line : print_line;
    doctor->arg = lines;
    int error = doctor_run(doctor, &why);
    if (error == 0 && as_json) {
        json_dumpf(lines, stdout, JSON_INDENT(2));
        putchar('\n');
    }
    json_decref(lines);
    if (error < 0) {
        return verb_fail(&verb_doctor, error, &why);
    }
    return doctor->failed > 0 ? EXIT_NO : EXIT_DONE;
}

/* The same, of an image or an enclave.ini. */
static int examine_subject(struct doctor *doctor, struct proxy_options *options, bool as_json)
{
    struct subject subject;
    struct reason why;
    struct stat status;
    int error = subject_open(&subject, doctor->path, &why);

    if (error < 0) {
        return verb_fail(&verb_doctor, error, &why);
    }
    options->config = doctor->config = subject_config(&subject);
    doctor->image = subject.is_image ? &subject.image : NULL;
    doctor->image_size = subject.is_image && stat(doctor->path, &status) == 0 ? (uint64_t)status.st_size : 0;
    struct address *targets = calloc(doctor->config->endpoint_count + 1, sizeof *targets);
    struct address *fronts = calloc(doctor->config->inbound_count + 1, sizeof *fronts);
    int code = EXIT_SYSTEM;
    if (targets == NULL || fronts == NULL) {
        (void)verb_fail(&verb_doctor, -ENOMEM, &(struct reason){"no memory"});
    } else if (proxy_routes(options, targets, fronts, &why) < 0) {
        code = verb_misuse(&verb_doctor, "%s", why.text);
    } else {
        doctor->targets = targets;
        doctor->fronts = fronts;
        code = examine(doctor, as_json);
    }
    free(targets);
    free(fronts);
    subject_close(&subject);
    return code;
}

static int run(int argc, char *argv[])
{
    static const struct option known[] = {{"json", no_argument, NULL, 'j'},
        {"connect-to", required_argument, NULL, 't'}, {"listen", required_argument, NULL, 'l'},
        {"vsock", required_argument, NULL, 'v'}, {"qemu", required_argument, NULL, 'q'},
        {"secrets", required_argument, NULL, 's'}, {0}};
    struct doctor doctor = {.paths = &doctor_usual_paths, .now = time(NULL)};
    char **connect_to = calloc((size_t)argc, sizeof *connect_to);
    char **listen = calloc((size_t)argc, sizeof *listen);
    struct proxy_options options = {.connect_to = connect_to, .listen = listen};
    bool as_json = false;
    int code = 0;
    int option;

    if (connect_to == NULL || listen == NULL) {
        code = verb_fail(&verb_doctor, -ENOMEM, &(struct reason){"no memory"});
    }
    opterr = 0;
    while (code == 0 && (option = getopt_long(argc, argv, ":", known, NULL)) != -1) {
        switch (option) {
        case 'j':
            as_json = true;
            break;
        case 't':
            connect_to[options.connect_to_count++] = optarg;
            break;
        case 'l':
            listen[options.listen_count++] = optarg;
            break;
        case 'v':
            doctor.vsock_folder = optarg;
            break;
        case 's':
            doctor.secrets = optarg;
            break;
        case 'q':
            doctor.qemu = optarg;
            break;
        default:
            code = verb_bad_option(&verb_doctor, argv, option);
        }
    }
    if (code == 0 && argc - optind > 1) {
        code = verb_misuse(&verb_doctor, "it takes one image or enclave.ini at most");
    } else if (code == 0 && optind == argc &&
               (doctor.secrets != NULL || options.connect_to_count + options.listen_count > 0)) {
        code = verb_misuse(&verb_doctor, "--secrets, --connect-to and --listen need the image that they are about");
    } else if (code == 0 && optind == argc) {
        code = examine(&doctor, as_json);
    } else if (code == 0) {
        doctor.path = argv[optind];
        code = examine_subject(&doctor, &options, as_json);
    }
    free(connect_to);
    free(listen);
    return code;
}

const struct verb verb_doctor = {
    .name = "doctor",
    .arguments = "[X.eif|enclave.ini] [--json] [--secrets FILE] [--connect-to HOST:PORT=ADDRESS]…\n"
                 "              [--listen LABEL=HOST:PORT]… [--vsock DIR] [--qemu PATH]",
    .summary = "say before a run what is missing here or on EC2, and what to do",
    .help =
        "Looks at what a run needs: one line each on standard output, `ok`, `warning` or `not ok`, with what was "
        "found\n"
        "and what to do. Where /dev/nitro_enclaves is, this is a parent instance of EC2: the device and the rights to\n"
        "it, nitro-cli, enclaves that run, memory and CPUs set apart, vsock ports. Elsewhere: QEMU, KVM, memory. With\n"
        "an image or an enclave.ini also what that one needs: files, memory, free ports, and each endpoint: that its\n"
        "name resolves and that it answers with TLS, judged by the image's own `tls`, `ca`, `pin` and `server-name`.\n"
        "All endpoints are tried at the same time, for 8 s at most. Nothing is changed.\n"
        "\n"
        "  --json                          an array of {check, outcome, found, advice}\n"
        "  --secrets FILE                  what will be pushed: its identity and authorities are used to try the "
        "endpoints\n"
        "  --connect-to HOST:PORT=ADDRESS  as of ingot run and ingot proxy\n"
        "  --listen LABEL=HOST:PORT        as of ingot run and ingot proxy\n"
        "  --vsock DIR                     the folder of sockets of ingot run --vsock\n"
        "  --qemu PATH                     as of ingot run\n"
        "\n"
        "Exit: 0 nothing is `not ok`, 1 something is. The checks of EC2 have not been tried on an instance.\n",
    .run = run,
};
