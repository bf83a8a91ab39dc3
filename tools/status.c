/* status: asks a running enclave what happens inside, and prints it. */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <jansson.h>

#include "base/text.h"
#include "net/connect.h"
#include "tools/reach.h"
#include "tools/subject.h"
#include "tools/verbs.h"

#define DOCUMENT_MAX (4 << 20) /* bytes; that of an image with 1024 endpoints is under 3 MiB */
#define ANSWER_MS 15000        /* connecting included */

extern const struct verb verb_status;

struct query {
    struct loop *loop;
    struct names *names;
    struct connect *connect; /* under way; NULL: none */
    struct loop_watch watch;
    struct loop_timer timer;
    int fd;
    char *text;
    size_t size;
    int error; /* 1 while it goes on */
    struct reason why;
};

static void end(struct query *query, int error)
{
    query->error = error;
    loop_stop(query->loop);
}

static void ready(struct loop_watch *watch, unsigned events)
{
    struct query *query = watch->owner;
    ssize_t got = recv(query->fd, query->text + query->size, DOCUMENT_MAX - query->size, 0);

    (void)events;
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (got > 0 && query->size + (size_t)got < DOCUMENT_MAX) {
        query->size += (size_t)got;
        return;
    }
    end(query, got == 0  ? 0
               : got > 0 ? reason_set(&query->why, -EFBIG, "the answer has over %d bytes", DOCUMENT_MAX)
                         : reason_system(&query->why, -errno, "the connection broke"));
}

static void late(struct loop_timer *timer)
{
    struct query *query = timer->owner;

    end(query, reason_set(&query->why, -ETIMEDOUT, "no whole answer in %d s", ANSWER_MS / 1000));
}

static void connected(void *arg, int fd, const struct reason *why)
{
    struct query *query = arg;

    query->connect = NULL;
    query->fd = fd;
    if (fd < 0) {
        query->why = *why;
        reason_prefix(&query->why, "does the image have an [inbound status], and is this its port");
        end(query, fd);
        return;
    }
    int error = loop_watch(query->loop, &query->watch, fd, LOOP_READ);
    if (error < 0) {
        end(query, reason_system(&query->why, error, "can't wait for an answer"));
    }
}

/* The document as it came. 0 or -errno. */
static int fetch(struct query *query, const struct address *address)
{
    int error = loop_open(&query->loop);

    query->text = malloc(DOCUMENT_MAX);
    query->watch.ready = ready;
    query->watch.owner = query;
    query->timer.fired = late;
    query->timer.owner = query;
    if (error == 0 && query->text == NULL) {
        error = -ENOMEM;
    }
    if (error == 0) {
        error = loop_after(query->loop, &query->timer, ANSWER_MS);
    }
    if (error == 0) {
        error = names_open(&query->names, query->loop);
    }
    if (error == 0) {
        error = connect_start(&query->connect, query->loop, address, ANSWER_MS,
            &(struct connect_options){.names = query->names}, connected, query);
    }
    if (error == 0) {
        error = loop_run(query->loop);
    }
    connect_cancel(query->connect);
    names_close(query->names);
    loop_close(query->loop);
    return error < 0 ? reason_system(&query->why, error, "can't start") : query->error;
}

/* ---- For people ---- */

/* What comes from the enclave goes to a terminal: nothing but printable ASCII. */
static struct text_quoted shown(const json_t *value)
{
    const char *text = json_string_value(value);
    struct text_quoted plain;

    if (json_is_integer(value)) {
        (void)snprintf(plain.text, sizeof plain.text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return plain;
    }
    if (text == NULL) {
        (void)snprintf(plain.text, sizeof plain.text, "-");
        return plain;
    }
    for (const char *p = text; *p != '\0'; p++) {
        if (*p < 0x20 || *p > 0x7e || p - text > TEXT_QUOTE_INPUT) {
            return text_quote_string(text);
        }
    }
    (void)snprintf(plain.text, sizeof plain.text, "%s", text);
    return plain;
}

static struct text_quoted member(const json_t *object, const char *key)
{
    return shown(json_object_get(object, key));
}

struct column {
    const char *key;
    const char *title;
    int width; /* negative: to the left */
};

static void print_columns(const struct column *columns, size_t count, const json_t *row)
{
    for (size_t i = 0; i < count; i++) {
        const char *text = columns[i].title;
        struct text_quoted value;
        if (row != NULL) {
            value = member(row, columns[i].key);
            text = value.text;
        }
        printf("  %*s", columns[i].width, text);
    }
    putchar('\n');
}

static void print_rows(const char *title, const struct column *columns, size_t count, const json_t *rows)
{
    size_t i;
    const json_t *row;

    if (json_array_size(rows) == 0) {
        return;
    }
    printf("\n%s\n", title);
    print_columns(columns, count, NULL);
    json_array_foreach(rows, i, row)
    {
        print_columns(columns, count, row);
    }
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct column role_columns[] = {{"name", "role", -8}, {"state", "state", -10},
    {"uptime_ms", "up for ms", 12}, {"restarts", "restarts", 8}, {"resident_kib", "KiB", 8},
    {"shared_kib", "shared KiB", 10}, {"descriptors", "descriptors", 11}, {"last_end", "last end", -8}};
static const struct column boot_columns[] = {{"step", "step", -12}, {"ms", "done at ms", 10}};
static const struct column host_columns[] = {{"name", "host", -48}, {"address", "address", -15}};
static const struct column certificate_columns[] = {
    {"name", "file", -12}, {"mode", "mode", -5}, {"days_left", "days left", 9}};
static const struct column counter_columns[] = {{"label", "relay", -48}, {"open", "open", 5},
    {"accepted", "accepted", 9}, {"ended", "ended", 9}, {"broken", "broken", 7}, {"refused", "refused", 7},
    {"failed", "failed", 7}, {"bytes_out", "bytes out", 12}, {"bytes_in", "bytes in", 12}};

static void print_relay(const json_t *relay)
{
    json_t *total = json_object_get(relay, "total");

    if (total == NULL) {
        printf("\nrelay: %s\n", shown(relay).text);
        return;
    }
    print_rows("Connections", counter_columns, COUNT(counter_columns), json_object_get(relay, "listeners"));
    if (json_array_size(json_object_get(relay, "listeners")) == 0) {
        printf("\nConnections\n");
        print_columns(counter_columns, COUNT(counter_columns), NULL);
    }
    json_t *row = json_copy(total);
    (void)json_object_set_new(row, "label", json_string("all"));
    print_columns(counter_columns, COUNT(counter_columns), row);
    json_decref(row);
}

static void print_table(const json_t *document)
{
    const json_t *image = json_object_get(document, "image");
    const json_t *memory = json_object_get(document, "memory");
    const json_t *clock = json_object_get(document, "clock");

    printf("%s %s, ingot %s, up for %s ms\n", member(image, "name").text, member(image, "version").text,
        member(document, "ingot").text, member(document, "uptime_ms").text);
    printf("memory: %s KiB of %s KiB available; secrets: %s; clock: %s corrections",
        member(memory, "available_kib").text, member(memory, "total_kib").text,
        member(json_object_get(document, "secrets"), "state").text, member(clock, "corrections").text);
    if (json_object_get(clock, "last_at_ms") != NULL) {
        printf(", the last at %s ms, when it was %s ms behind", member(clock, "last_at_ms").text,
            member(clock, "last_behind_ms").text);
    }
    putchar('\n');
    print_rows("Roles", role_columns, COUNT(role_columns), json_object_get(document, "roles"));
    print_relay(json_object_get(document, "relay"));
    print_rows(
        "Certificates", certificate_columns, COUNT(certificate_columns), json_object_get(document, "certificates"));
    print_rows("Hosts", host_columns, COUNT(host_columns), json_object_get(document, "hosts"));
    print_rows("Boot", boot_columns, COUNT(boot_columns), json_object_get(document, "boot"));
}

/* ---- The verb ---- */

static int print(struct query *query, bool raw)
{
    json_t *document = json_loadb(query->text, query->size, JSON_REJECT_DUPLICATES, NULL);
    int error = 0;

    if (!json_is_object(document)) {
        error = reason_set(&query->why, -EPROTO, "%s is no status of an enclave: does another program listen there?",
            text_quote(query->text, query->size).text);
    } else if (raw) {
        error = fwrite(query->text, 1, query->size, stdout) == query->size ? 0 : -EIO;
    } else {
        print_table(document);
    }
    json_decref(document);
    return error;
}

/* ADDRESS, or the port that the image named in its place has measured. 0, or -errno with a sentence. */
static int find(const struct reach *reach, const char *word, struct address *address, struct reason *why)
{
    struct subject subject;
    uint32_t port;

    if (reach_ways(reach) == 0 && strchr(word, ':') == NULL) {
        return reason_set(why, -EINVAL, "of which enclave of %s? say --cid CID, --enclave NAME or --vsock DIR",
            text_quote_string(word).text);
    }
    if (reach_ways(reach) == 0) {
        return address_parse(address, word, why);
    }
    int error = subject_open(&subject, word, why);
    if (error < 0) {
        return error;
    }
    port = subject_config(&subject)->status.vsock;
    subject_close(&subject);
    return port != 0 ? reach_port(reach, port, address, why)
                     : reason_set(why, -EINVAL, "%s has no [inbound status]: such an enclave tells nothing",
                           text_quote_string(word).text);
}

static int run(int argc, char *argv[])
{
    static const struct option known[] = {{"json", no_argument, NULL, 'j'}, {"cid", required_argument, NULL, 'c'},
        {"enclave", required_argument, NULL, 'e'}, {"vsock", required_argument, NULL, 'v'}, {0}};
    struct query query = {.fd = -1, .error = 1};
    struct reach reach = {0};
    struct address address;
    bool raw = !isatty(STDOUT_FILENO);
    int option;

    opterr = 0;
    while ((option = getopt_long(argc, argv, ":", known, NULL)) != -1) {
        switch (option) {
        case 'j':
            raw = true;
            break;
        case 'c':
            reach.cid = optarg;
            break;
        case 'e':
            reach.enclave = optarg;
            break;
        case 'v':
            reach.folder = optarg;
            break;
        default:
            return verb_bad_option(&verb_status, argv, option);
        }
    }
    if (optind + 1 != argc || reach_ways(&reach) > 1) {
        return verb_misuse(&verb_status,
            "say where the enclave answers: vsock:CID:PORT of its [inbound status], or its "
            "image and one of --cid, --enclave, --vsock");
    }
    int error = find(&reach, argv[optind], &address, &query.why);
    if (error == -EINVAL) {
        return verb_misuse(&verb_status, "%s", query.why.text);
    }
    if (error == 0) {
        error = fetch(&query, &address);
    }
    if (error == 0) {
        error = print(&query, raw);
    }
    if (query.fd >= 0) {
        close(query.fd);
    }
    free(query.text);
    return error < 0 ? verb_fail(&verb_status, error, &query.why) : EXIT_DONE;
}

const struct verb verb_status = {
    .name = "status",
    .arguments = "ADDRESS | X.eif (--cid CID|--enclave NAME|--vsock DIR) [--json]",
    .summary = "what happens inside a running enclave, where its image says that the parent may know",
    .help =
        "Connects to the vsock port of the image's [inbound status], and prints what the enclave says of itself: boot\n"
        "steps and their times, hosts, certificates (names, modes, days left), processes, memory, connections, the\n"
        "clock's corrections. As a table on a terminal, else as the JSON that came, one document.\n"
        "\n"
        "  ADDRESS          vsock:CID:PORT on EC2, or hybrid:DIR/enclave:PORT with a local enclave\n"
        "  X.eif            or enclave.ini: the port is the one measured there, with one of:\n"
        "  --cid CID        the enclave on this EC2 instance\n"
        "  --enclave NAME   the same, by its name: nitro-cli is asked for the CID\n"
        "  --vsock DIR      a local enclave: ingot run --vsock DIR\n"
        "  --json           the JSON on a terminal too\n"
        "\n"
        "An image without [inbound status] tells nothing. What the enclave says is not attested: whoever can stand\n"
        "between can change it.\n",
    .run = run,
};
