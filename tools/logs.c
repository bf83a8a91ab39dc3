/* logs: receives the lines that enclaves send to the port of `[log] to`, and stores them with this machine's time. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "base/file.h"
#include "base/json_text.h"
#include "base/text.h"
#include "net/address.h"
#include "net/loop.h"
#include "net/vsock.h"
#include "tools/subject.h"
#include "tools/verbs.h"

#define LISTENERS_MAX 16
#define CONNECTIONS_MAX 64
#define LINE_MAX 8192 /* bytes of one line; a longer one comes in parts */
#define STORED_MAX (8 * LINE_MAX)
#define BACKLOG 16

extern const struct verb verb_logs;

struct sender {
    struct loop_watch watch;
    char from[ADDRESS_TEXT_SIZE + 16];
    char line[LINE_MAX];
    size_t size;
    bool open;
};

struct receiver {
    struct loop *loop;
    int out;
    int error;
    struct address addresses[LISTENERS_MAX];
    struct loop_watch listeners[LISTENERS_MAX];
    size_t listener_count;
    struct sender senders[CONNECTIONS_MAX];
};

static struct receiver receiver;

/* An enclave's line as an entry of ours: {"time": …, "from": …, "entry": {…}}, or "text" where it is no JSON object. */
static void store(const struct sender *sender, size_t size)
{
    static char stored[STORED_MAX];
    char moment[40] = "";
    struct timespec now;
    struct tm parts;
    struct json_text json;
    json_t *entry = json_loadb(sender->line, size, JSON_REJECT_DUPLICATES, NULL);
    char *text = json_is_object(entry) ? json_dumps(entry, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (gmtime_r(&now.tv_sec, &parts) != NULL) {
        size_t used = strftime(moment, sizeof moment, "%Y-%m-%dT%H:%M:%S", &parts);
        (void)snprintf(moment + used, sizeof moment - used, ".%03ldZ", now.tv_nsec / 1000000);
    }
    json_text_start(&json, stored, sizeof stored);
    json_text_open(&json, NULL, '{');
    json_text_string(&json, "time", moment);
    json_text_string(&json, "from", sender->from);
    if (text == NULL) {
        json_text_bytes(&json, "text", sender->line, size);
    }
    long used = json_text_finish(&json);
    if (used > 0 && text == NULL) {
        stored[used++] = '}';
        stored[used++] = '\n';
    } else if (used > 0) {
        int more = snprintf(stored + used, sizeof stored - (size_t)used, ",\"entry\":%s}\n", text);
        used = more > 0 && (size_t)more < sizeof stored - (size_t)used ? used + more : -ENOSPC;
    }
    free(text);
    json_decref(entry);
    int error = used > 0 ? file_write_all(receiver.out, stored, (size_t)used) : 0;
    if (error < 0) {
        receiver.error = error;
        loop_stop(receiver.loop);
    }
}

static void sender_over(struct sender *sender)
{
    if (sender->size > 0) {
        store(sender, sender->size);
    }
    loop_unwatch(receiver.loop, &sender->watch);
    close(sender->watch.fd);
    sender->open = false;
}

static void sender_ready(struct loop_watch *watch, unsigned events)
{
    struct sender *sender = watch->owner;
    ssize_t got = recv(watch->fd, sender->line + sender->size, LINE_MAX - sender->size, 0);
    char *newline;

    (void)events;
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (got <= 0) {
        sender_over(sender);
        return;
    }
    sender->size += (size_t)got;
    while ((newline = memchr(sender->line, '\n', sender->size)) != NULL) {
        size_t size = (size_t)(newline - sender->line);
        store(sender, size);
        sender->size -= size + 1;
        memmove(sender->line, newline + 1, sender->size);
    }
    if (sender->size == LINE_MAX) {
        store(sender, sender->size);
        sender->size = 0;
    }
}

static void accept_ready(struct loop_watch *watch, unsigned events)
{
    const struct address *address = watch->owner;
    struct sender *sender = NULL;
    uint32_t cid;
    int fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    (void)events;
    for (size_t i = 0; i < CONNECTIONS_MAX && sender == NULL; i++) {
        sender = receiver.senders[i].open ? NULL : &receiver.senders[i];
    }
    if (fd < 0) {
        return;
    }
    if (sender == NULL) { /* it comes again, and keeps its lines */
        close(fd);
        return;
    }
    *sender = (struct sender){.watch = {.ready = sender_ready, .owner = sender}};
    if (address->form == ADDRESS_VSOCK && vsock_peer(fd, &cid) == 0) {
        (void)snprintf(sender->from, sizeof sender->from, "vsock:%u", (unsigned)cid);
    } else {
        char text[ADDRESS_TEXT_SIZE];
        (void)snprintf(sender->from, sizeof sender->from, "%s", address_print(address, text));
    }
    if (loop_watch(receiver.loop, &sender->watch, fd, LOOP_READ) < 0) {
        close(fd);
        return;
    }
    sender->open = true;
}

static void signalled(struct loop_watch *watch, unsigned events)
{
    (void)watch;
    (void)events;
    loop_stop(receiver.loop);
}

static int listen_all(struct reason *why)
{
    for (size_t i = 0; i < receiver.listener_count; i++) {
        struct loop_watch *watch = &receiver.listeners[i];
        int fd = address_listen(&receiver.addresses[i], BACKLOG, why);
        if (fd < 0) {
            receiver.listener_count = i;
            return fd;
        }
        watch->ready = accept_ready;
        watch->owner = &receiver.addresses[i];
        int error = loop_watch(receiver.loop, watch, fd, LOOP_READ);
        if (error < 0) {
            return reason_system(why, error, "can't listen");
        }
    }
    return 0;
}

static int receive(struct reason *why)
{
    struct loop_watch signals = {.ready = signalled};
    sigset_t set;
    int error;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    error = fd < 0 ? -errno : loop_open(&receiver.loop);
    if (error == 0) {
        error = loop_watch(receiver.loop, &signals, fd, LOOP_READ);
    }
    if (error < 0) {
        return reason_system(why, error, "can't start");
    }
    error = listen_all(why);
    if (error == 0) {
        fprintf(stderr, "waiting for logs\n");
        error = loop_run(receiver.loop);
        error = error < 0            ? reason_system(why, error, "the event loop failed")
                : receiver.error < 0 ? reason_system(why, receiver.error, "can't store a line")
                                     : 0;
    }
    for (size_t i = 0; i < receiver.listener_count; i++) {
        address_remove(&receiver.addresses[i]);
    }
    return error; /* the process ends: what it holds goes with it */
}

/* An address, or an image's file (whose name has no colon), whose measured port it is. */
static int find(const char *word, const char *folder, struct address *address, struct reason *why)
{
    struct subject subject;
    char text[ADDRESS_TEXT_SIZE + 1];
    uint32_t port;
    int size;

    if (strchr(word, ':') != NULL) {
        return address_parse(address, word, why);
    }
    int error = subject_open(&subject, word, why);
    if (error < 0) {
        return error;
    }
    port = subject_config(&subject)->log_port;
    subject_close(&subject);
    if (port == 0) {
        return reason_set(why, -EINVAL, "%s has no [log]: such an enclave sends none", text_quote_string(word).text);
    }
    size = folder != NULL ? snprintf(text, sizeof text, "unix:%s/port_%u", folder, port)
                          : snprintf(text, sizeof text, "vsock:any:%u", port);
    return size < (int)sizeof text ? address_parse(address, text, why)
                                   : reason_set(why, -EINVAL, "the path is too long");
}

static int run(int argc, char *argv[])
{
    static const struct option known[] = {
        {"output", required_argument, NULL, 'o'}, {"vsock", required_argument, NULL, 'v'}, {0}};
    const char *path = NULL;
    const char *folder = NULL;
    struct reason why;
    int option;

    opterr = 0;
    while ((option = getopt_long(argc, argv, ":o:", known, NULL)) != -1) {
        if (option != 'o' && option != 'v') {
            return verb_bad_option(&verb_logs, argv, option);
        }
        *(option == 'o' ? &path : &folder) = optarg;
    }
    if (optind == argc || argc - optind > LISTENERS_MAX) {
        return verb_misuse(&verb_logs, "say where to listen, 1 to %d addresses: vsock:any:PORT", LISTENERS_MAX);
    }
    for (int i = optind; i < argc; i++) {
        int error = find(argv[i], folder, &receiver.addresses[receiver.listener_count++], &why);
        if (error < 0) {
            return error == -EINVAL ? verb_misuse(&verb_logs, "%s", why.text) : verb_fail(&verb_logs, error, &why);
        }
    }
    receiver.out = path == NULL ? STDOUT_FILENO : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    int error = receiver.out < 0 ? reason_system(&why, -errno, "%s", path) : receive(&why);
    return error < 0 ? verb_fail(&verb_logs, error, &why) : EXIT_DONE;
}

const struct verb verb_logs = {
    .name = "logs",
    .arguments = "ADDRESS|X.eif… [--vsock DIR] [-o FILE]",
    .summary = "receive the logs of enclaves whose images send one, and store them",
    .help =
        "Listens where the images' [log] says, and writes one JSON line for each that comes: the time here, who sent\n"
        "it, and the enclave's own line as it came. Runs until SIGTERM or SIGINT. Several enclaves at once are fine.\n"
        "\n"
        "  ADDRESS       vsock:any:PORT on EC2, or unix:DIR/port_PORT for a local enclave (ingot run --vsock DIR)\n"
        "  X.eif         or enclave.ini: the port that its [log] has measured\n"
        "  --vsock DIR   of a local enclave, for the images named\n"
        "  -o, --output FILE\n"
        "            append there in place of standard output (0600)\n",
    .run = run,
};
