/* run: boots an image, here in QEMU or on EC2 by nitro-cli, and is its parent: vsock, proxy, secrets, console. */
#include <getopt.h>
#include <stdbool.h>
#include <string.h>

#include "base/text.h"
#include "net/vsock.h"
#include "tools/local.h"
#include "tools/run_ec2.h"
#include "tools/verbs.h"

#define CPUS_MAX 64
#define MEMORY_MAX (UINT64_C(1) << 40)

extern const struct verb verb_run;

/* "64M", "1G": whole MiB. */
static bool read_memory(const char *text, uint64_t *memory)
{
    char digits[24];
    size_t size = strspn(text, "0123456789");
    unsigned shift = text[size] == 'M' ? 20 : text[size] == 'G' ? 30 : 0;
    uint64_t number;

    if (size == 0 || size >= sizeof digits || shift == 0 || text[size + 1] != '\0') {
        return false;
    }
    memcpy(digits, text, size);
    digits[size] = '\0';
    if (!text_number(digits, 1, MEMORY_MAX >> shift, &number)) {
        return false;
    }
    *memory = number << shift;
    return true;
}

static bool read_accelerator(const char *text, enum qemu_accelerator *accelerator)
{
    *accelerator = strcmp(text, "kvm") == 0 ? QEMU_KVM : QEMU_TCG;
    return strcmp(text, "kvm") == 0 || strcmp(text, "tcg") == 0;
}

static bool add_choice(char *list[static LOCAL_CHOICES_MAX], size_t *count, char *text)
{
    if (*count == LOCAL_CHOICES_MAX) {
        return false;
    }
    list[(*count)++] = text;
    return true;
}

enum {
    OPTION_SECRETS = 256,
    OPTION_CONNECT,
    OPTION_LISTEN,
    OPTION_MEMORY,
    OPTION_CPUS,
    OPTION_VSOCK,
    OPTION_QEMU,
    OPTION_ACCEL,
    OPTION_CONSOLE,
    OPTION_TIMES,
    OPTION_TIMELINE,
    OPTION_FAULT,
    OPTION_ON,
    OPTION_CID,
    OPTION_DEBUG
};

static const struct option long_options[] = {
    {"secrets", required_argument, NULL, OPTION_SECRETS},
    {"connect-to", required_argument, NULL, OPTION_CONNECT},
    {"listen", required_argument, NULL, OPTION_LISTEN},
    {"memory", required_argument, NULL, OPTION_MEMORY},
    {"cpus", required_argument, NULL, OPTION_CPUS},
    {"vsock", required_argument, NULL, OPTION_VSOCK},
    {"qemu", required_argument, NULL, OPTION_QEMU},
    {"accel", required_argument, NULL, OPTION_ACCEL},
    {"console", required_argument, NULL, OPTION_CONSOLE},
    {"times", required_argument, NULL, OPTION_TIMES},
    {"timeline", required_argument, NULL, OPTION_TIMELINE},
    {"fault", required_argument, NULL, OPTION_FAULT},
    {"on", required_argument, NULL, OPTION_ON},
    {"cid", required_argument, NULL, OPTION_CID},
    {"debug", no_argument, NULL, OPTION_DEBUG},
    {0},
};

/* One option. NULL, or what is wrong with its argument. */
static const char *take_option(struct local_options *options, int option, char *text)
{
    static struct reason why;
    uint64_t number;

    switch (option) {
    case OPTION_SECRETS:
        options->secrets = text;
        return NULL;
    case OPTION_CONNECT:
        return add_choice(options->connect_to, &options->connect_to_count, text) ? NULL : "too many of them";
    case OPTION_LISTEN:
        return add_choice(options->listen, &options->listen_count, text) ? NULL : "too many of them";
    case OPTION_MEMORY:
        return read_memory(text, &options->memory) ? NULL : "not an amount of memory, as 64M or 1G";
    case OPTION_CPUS:
        if (!text_number(text, 1, CPUS_MAX, &number)) {
            return "not a number of CPUs from 1 to 64";
        }
        options->cpus = (unsigned)number;
        return NULL;
    case OPTION_VSOCK:
        options->folder = text;
        return NULL;
    case OPTION_QEMU:
        options->qemu = text;
        return NULL;
    case OPTION_ACCEL:
        return read_accelerator(text, &options->accelerator) ? NULL : "neither kvm nor tcg";
    case OPTION_CONSOLE:
        options->console = text;
        return NULL;
    case OPTION_TIMELINE:
        options->timeline = text;
        return NULL;
    case OPTION_TIMES:
        options->no_times = strcmp(text, "no") == 0;
        return options->no_times || strcmp(text, "yes") == 0 ? NULL : "neither yes nor no";
    case OPTION_ON:
        options->on_ec2 = strcmp(text, "ec2") == 0;
        return options->on_ec2 || strcmp(text, "here") == 0 ? NULL : "neither ec2 nor here";
    case OPTION_CID:
        if (!text_number(text, VSOCK_CID_ENCLAVE_MIN, VSOCK_CID_ENCLAVE_MAX, &number)) {
            return "not a CID (4 or more)";
        }
        options->cid = (uint32_t)number;
        return NULL;
    case OPTION_DEBUG:
        options->debug = true;
        return NULL;
    default:
        return faults_add(options->faults, text, &why) == 0 ? NULL : why.text;
    }
}

/* NULL, or what does not go together. */
static const char *check_place(const struct local_options *options)
{
    if (!options->on_ec2) {
        return options->debug      ? "--debug is for EC2: here the console is always there"
               : options->cid != 0 ? "--cid is for EC2: here the enclave's is always the same"
                                   : NULL;
    }
    return options->qemu != NULL                         ? "--qemu is for a run here, not on EC2 (--on here)"
           : options->accelerator != QEMU_ANY            ? "--accel is for a run here, not on EC2 (--on here)"
           : options->faults->count > 0                  ? "--fault is for a run here, not on EC2 (--on here)"
           : options->console != NULL && !options->debug ? "--console: an enclave has none without --debug"
                                                         : NULL;
}

static int run_run(int argc, char *argv[])
{
    struct faults faults = {0};
    struct local_options options = {.accelerator = QEMU_ANY, .faults = &faults, .on_ec2 = run_ec2_is_here()};
    struct reason why;
    int option;
    int code;

    opterr = 0;
    while ((option = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
        if (option == '?' || option == ':') {
            return verb_bad_option(&verb_run, argv, option);
        }
        const char *wrong = take_option(&options, option, optarg);
        if (wrong != NULL) {
            return verb_misuse(&verb_run, "%s: %s", text_quote_string(optarg).text, wrong);
        }
    }
    if (optind != argc - 1) {
        return verb_misuse(&verb_run, "it takes one image: ingot run X.eif");
    }
    options.image = argv[optind];
    const char *wrong = check_place(&options);
    if (wrong != NULL) {
        return verb_misuse(&verb_run, "%s", wrong);
    }
    int error = local_run(&options, &code, &why);
    if (error < 0) {
        return code == EXIT_MISUSE ? verb_misuse(&verb_run, "%s", why.text) : verb_fail(&verb_run, error, &why);
    }
    return code;
}

const struct verb verb_run = {
    .name = "run",
    .arguments = "X.eif [--secrets FILE] [--connect-to HOST:PORT=ADDRESS]… [--listen LABEL=HOST:PORT]… [--memory 64M]\n"
                 "           [--cpus N] [--vsock DIR] [--accel kvm|tcg] [--qemu PATH] [--console FILE]\n"
                 "           [--times yes|no] [--timeline FILE.svg] [--fault FAULT]…\n"
                 "           [--on here|ec2] [--cid N] [--debug]",
    .summary = "boot an image, with the parent's side and the console on the terminal",
    .help =
        "Boots the image in QEMU's nitro-enclave machine and is its parent: answers the heartbeat, carries every\n"
        "[endpoint] and [inbound] port, pushes the secrets. The console goes to standard output, everything else to\n"
        "standard error; when all is up, a line `ingot run: ready: LABEL on http://HOST:PORT …`.\n"
        "\n"
        "  --secrets FILE                  one JSON object, pushed until the enclave answers\n"
        "  --connect-to HOST:PORT=ADDRESS  reach that endpoint there instead (HOST:PORT, unix:PATH), as curl does\n"
        "  --listen LABEL=HOST:PORT        where an [inbound] port is reached; default: the address of its `to`\n"
        "  --memory 64M, --cpus N          instead of what the image says\n"
        "  --vsock DIR                     keep the sockets there: DIR/enclave leads to the enclave's ports (`CONNECT\n"
        "                                  PORT`), and it reaches what listens on DIR/port_N. Default: a folder of "
        "its\n"
        "                                  own, removed at the end\n"
        "  --accel kvm|tcg                 default: KVM where it works, else software\n"
        "  --qemu PATH                     default: $INGOT_QEMU, the one that make built beside ingot, that of the "
        "PATH\n"
        "  --console FILE                  the console's lines there too, as the enclave wrote them\n"
        "  --times yes|no                  default yes: each line on standard output begins with [seconds since the "
        "start]\n"
        "  --timeline FILE.svg             at the end, a picture of the boot's steps and of each connection\n"
        "  --fault FAULT                   be a hostile or unlucky parent: see below\n"
        "\n"
        "  --on here|ec2                   default: ec2 where /dev/nitro_enclaves is, else here\n"
        "  --cid N                         on EC2: the enclave's CID; default: the first from 16 on that is free\n"
        "  --debug                         on EC2: with a console; the PCRs in attestation documents are then zeros\n"
        "\n"
        "Ctrl-C ends all of it (exit status 0). When the enclave ends by itself: 0 if its application ended in order,\n"
        "1 for every other end (the console's last line says why) or refused secrets, 111 if QEMU failed.\n"
        "\n"
        "On EC2 nitro-cli ($INGOT_NITRO_CLI, or that of the PATH) boots the image: run-enclave, describe-enclaves\n"
        "every 2 s, at the end terminate-enclave; the rest is as here, over AF_VSOCK (--vsock DIR: over sockets in\n"
        "DIR). How an enclave ended by itself only --debug shows: without it the exit status is then always 1. It is\n"
        "111 if nitro-cli failed. This way was tried with a script in nitro-cli's place, never on an instance.\n"
        "\n"
        "A FAULT is WORD[=VALUE][@PORT][/COUNT]: of connections to that vsock port (default: all but heartbeat and\n"
        "secrets), the first COUNT of them (default: all). BYTES counts what went towards the enclave; default 0.\n"
        "  delay=MS               before each reading and each writing\n"
        "  drop[=BYTES]           behind them both directions are closed, as by a service that ends\n"
        "  reset[=BYTES]          behind them the connection is reset\n"
        "  half-close[=BYTES]     behind them the parent ends its direction, and still takes the other\n"
        "  refuse                 the connection is refused\n"
        "  stall                  the parent takes no byte\n"
        "  one-byte               each packet to the enclave carries one byte\n"
        "  no-credit              the parent never says that it has taken bytes\n"
        "  no-packet-limit        as many packets as the enclave's buffer has room for\n"
        "  heartbeat=late|wrong   answered after 7 s, or with another byte\n"
        "  secrets-twice          the same secrets are pushed once more\n"
        "  parent-restart[=MS]    after being ready for MS (1000), all of the parent's side goes away for a second\n",
    .run = run_run,
};
