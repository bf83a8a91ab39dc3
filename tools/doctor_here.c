/* doctor_here: what a local run needs (QEMU, KVM, memory, the folder of sockets), and what every run does. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "tools/command.h"
#include "tools/doctor.h"
#include "tools/emulator/qemu.h"
#include "tools/proxy.h"

#define MACHINES_MAX 65536 /* bytes of `-M help` */
#define MACHINES_MS 30000
#define MEMORY_INFO_MAX 65536
#define MIB (UINT64_C(1) << 20)
#define QEMU_OVERHEAD (128 * MIB)  /* of QEMU and its translated code beside the guest's memory */
#define CLOCK_EARLIEST 1735689600L /* 2025-01-01: this program is younger */
#define CLOCK_LATEST 4102444800L   /* 2100-01-01 */

void doctor_clock(struct doctor *doctor)
{
    struct timex state = {.modes = 0};

    if (doctor->now < CLOCK_EARLIEST || doctor->now > CLOCK_LATEST) {
        doctor_say(doctor, DOCTOR_FAIL, "set it (timedatectl): certificates are judged by it",
            "it says %lld seconds since 1970, which can't be", (long long)doctor->now);
    } else if (adjtimex(&state) < 0 || state.status & STA_UNSYNC) {
        doctor_say(doctor, DOCTOR_WARN, "start chronyd or systemd-timesyncd", "nothing keeps it in step (NTP, PTP)");
    } else {
        doctor_say(doctor, DOCTOR_OK, NULL, "it is kept in step");
    }
}

/* ---- the image ---- */

static void say_file(struct doctor *doctor, const char *file)
{
    char path[4096];

    if (file == NULL || file[0] == '/' || doctor_beside(doctor, file, path, sizeof path) < 0) {
        return; /* an absolute path is one inside rootfs */
    }
    if (access(path, R_OK) < 0) {
        doctor_say(doctor, DOCTOR_FAIL, "put it beside the enclave.ini, readable: the image measures it", "%s: %s",
            text_quote_string(path).text, strerror(errno));
    } else {
        doctor_say(doctor, DOCTOR_OK, NULL, "%s can be read", text_quote_string(path).text);
    }
}

/* An image has its files in it: they were checked when it was opened. */
void doctor_files(struct doctor *doctor)
{
    const struct config *config = doctor->config;

    for (size_t i = 0; doctor->image_size == 0 && i < config->endpoint_count; i++) {
        say_file(doctor, config->endpoints[i].ca_file);
    }
    for (size_t i = 0; doctor->image_size == 0 && i < config->inbound_count; i++) {
        say_file(doctor, config->inbound[i].ca_file);
    }
    for (size_t i = 0; doctor->image_size == 0 && i < config->identity_count; i++) {
        say_file(doctor, config->identities[i].cert_file);
        say_file(doctor, config->identities[i].key_file);
        say_file(doctor, config->identities[i].ca_file);
    }
}

/* nitro-cli refuses an enclave with less memory than four times its image. */
void doctor_image_size(struct doctor *doctor)
{
    uint64_t memory = doctor->config->image.memory;

    if (doctor->image_size == 0) {
        doctor_say(doctor, DOCTOR_OK, NULL, "not known before ingot build");
    } else if (doctor->image_size > memory / 4) {
        doctor_say(doctor, doctor->on_ec2 ? DOCTOR_FAIL : DOCTOR_WARN, "raise [image] memory",
            "%llu bytes are over a quarter of its memory (%llu MiB): nitro-cli refuses it",
            (unsigned long long)doctor->image_size, (unsigned long long)(memory / MIB));
    } else {
        doctor_say(doctor, DOCTOR_OK, NULL, "%llu bytes, at most a quarter of its %llu MiB",
            (unsigned long long)doctor->image_size, (unsigned long long)(memory / MIB));
    }
}

/* ---- QEMU ---- */

struct machines {
    struct doctor *doctor;
    bool known;
    bool answered;
    struct reason why;
};

static void machines_came(void *arg, const char *output, size_t size, const struct reason *why)
{
    struct machines *machines = arg;

    (void)size;
    if (why != NULL) {
        machines->why = *why;
    } else {
        machines->answered = true;
        machines->known = strncmp(output, "nitro-enclave ", 14) == 0 || strstr(output, "\nnitro-enclave ") != NULL;
    }
    loop_stop(machines->doctor->loop);
}

void doctor_qemu(struct doctor *doctor)
{
    static const char advice[] = "make build/qemu builds one that has it; or name one with --qemu or INGOT_QEMU";
    struct machines machines = {.doctor = doctor};
    char program[QEMU_PATH_MAX];
    const char *const arguments[] = {program, "-M", "help", NULL};
    const struct command_options options = {
        .arguments = arguments, .output_max = MACHINES_MAX, .milliseconds = MACHINES_MS};
    struct command *command;
    int error = qemu_find(program, doctor->qemu, &machines.why);

    if (error < 0) {
        doctor_say(doctor, DOCTOR_FAIL, NULL, "%s", machines.why.text); /* it says what to do */
        return;
    }
    error = command_start(&command, doctor->loop, &options, machines_came, &machines, &machines.why);
    if (error == 0 && (error = loop_run(doctor->loop)) < 0) {
        command_cancel(command);
        reason_system(&machines.why, error, "the event loop failed");
    }
    if (!machines.answered) {
        doctor_say(doctor, DOCTOR_FAIL, advice, "%s", machines.why.text);
    } else if (!machines.known) {
        doctor_say(doctor, DOCTOR_FAIL, advice, "%s does not know the machine nitro-enclave (QEMU 9.2 and later do)",
            text_quote_string(program).text);
    } else {
        doctor_say(doctor, DOCTOR_OK, NULL, "%s knows the machine nitro-enclave", text_quote_string(program).text);
    }
}

void doctor_kvm(struct doctor *doctor)
{
    if (access(doctor->paths->kvm, R_OK | W_OK) == 0) {
        doctor_say(doctor, DOCTOR_OK, NULL,
            "%s can be opened; where it turns out not to work, ingot run goes on in software", doctor->paths->kvm);
    } else {
        doctor_say(doctor, DOCTOR_WARN,
            errno == EACCES ? "join the group kvm and log in again"
                            : "load kvm_intel or kvm_amd, if this machine has it",
            "%s: %s: the enclave runs in software, slower", doctor->paths->kvm, strerror(errno));
    }
}

void doctor_memory(struct doctor *doctor)
{
    uint64_t need = (doctor->config->image.memory + QEMU_OVERHEAD) / MIB;
    struct reason why;
    unsigned long long kib;
    char *text;
    size_t size;

    if (file_read(doctor->paths->memory_info, MEMORY_INFO_MAX, &text, &size, &why) < 0) {
        doctor_say(doctor, DOCTOR_WARN, NULL, "%s", why.text);
        return;
    }
    const char *line = strstr(text, "MemAvailable:");
    if (line == NULL || sscanf(line, "MemAvailable: %15llu kB", &kib) != 1) {
        doctor_say(doctor, DOCTOR_WARN, NULL, "%s says no MemAvailable", doctor->paths->memory_info);
    } else {
        bool enough = kib / 1024 >= need;
        doctor_say(doctor, enough ? DOCTOR_OK : DOCTOR_FAIL, enough ? NULL : "end other programs, or lower --memory",
            "%llu MiB are available; the image and QEMU take up to %llu", kib / 1024, (unsigned long long)need);
    }
    free(text);
}

/* ---- sockets ---- */

/* Whether somebody answers on the Unix socket: asked by connecting, so that a dead one is left as it is. */
static bool is_live(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0 || snprintf(address.sun_path, sizeof address.sun_path, "%s", path) >= (int)sizeof address.sun_path) {
        if (fd >= 0) {
            close(fd);
        }
        return false;
    }
    bool live = connect(fd, (struct sockaddr *)&address, sizeof address) == 0 || errno == EAGAIN;
    close(fd);
    return live;
}

/* As ingot run makes it: where the folder above is there. */
static bool can_be_made(const char *folder)
{
    char above[PROXY_FOLDER_MAX + 2];
    size_t end = strlen(folder);

    while (end > 1 && folder[end - 1] == '/') {
        end--;
    }
    while (end > 0 && folder[end - 1] != '/') {
        end--;
    }
    snprintf(above, sizeof above, "%.*s.", (int)end, folder);
    return access(above, W_OK | X_OK) == 0;
}

void doctor_folder(struct doctor *doctor)
{
    const char *folder = doctor->vsock_folder;
    const struct config *config = doctor->config;
    unsigned before = doctor->failed;
    struct stat status;

    if (folder == NULL) {
        doctor_say(doctor, DOCTOR_OK, NULL, "ingot run makes one of its own (--vsock names another)");
        return;
    }
    if (strlen(folder) > PROXY_FOLDER_MAX) {
        doctor_say(doctor, DOCTOR_FAIL, "choose a shorter path", "%s is too long for Unix sockets: at most %d bytes",
            text_quote_string(folder).text, PROXY_FOLDER_MAX);
        return;
    }
    if (stat(folder, &status) < 0) {
        bool made = errno == ENOENT && can_be_made(folder);
        doctor_say(doctor, made ? DOCTOR_OK : DOCTOR_FAIL, made ? NULL : "choose another", "%s: %s",
            text_quote_string(folder).text, made ? "it is not there yet; ingot run makes it" : strerror(errno));
        return;
    }
    if (!S_ISDIR(status.st_mode) || status.st_uid != geteuid() || status.st_mode & 022) {
        doctor_say(doctor, DOCTOR_FAIL, "choose a folder of your own, of mode 0700", "%s %s",
            text_quote_string(folder).text,
            S_ISDIR(status.st_mode) ? "belongs to someone else, or others may write there" : "is no folder");
        return;
    }
    for (size_t i = 0; i <= config->endpoint_count; i++) {
        char path[PROXY_FOLDER_MAX + 32];
        if (i < config->endpoint_count) {
            snprintf(path, sizeof path, "%s/port_%u", folder, config->endpoints[i].vsock);
        } else {
            snprintf(path, sizeof path, "%s/enclave", folder);
        }
        if (is_live(path)) {
            doctor_say(doctor, DOCTOR_FAIL, "end the ingot run or ingot proxy that uses this folder, or choose another",
                "somebody listens on %s", text_quote_string(path).text);
        }
    }
    if (doctor->failed == before) {
        doctor_say(doctor, DOCTOR_OK, NULL, "%s is free", text_quote_string(folder).text);
    }
}

void doctor_inbound(struct doctor *doctor)
{
    const struct config *config = doctor->config;

    if (config->inbound_count == 0) {
        doctor_say(doctor, DOCTOR_OK, NULL, "the image has no inbound port");
    }
    for (size_t i = 0; i < config->inbound_count; i++) {
        const struct address *front = &doctor->fronts[i];
        char text[ADDRESS_TEXT_SIZE];
        char advice[sizeof "choose with --listen =127.0.0.1:PORT" + CONFIG_NAME_MAX];
        struct reason why;
        /* A Unix socket is not tried by listening: that would put it in the place of a dead one. */
        bool unix_socket = front->form == ADDRESS_UNIX;
        int fd = unix_socket ? (is_live(front->name) ? -EADDRINUSE : 0) : address_listen(front, 1, &why);
        if (fd < 0 && unix_socket) {
            reason_set(&why, fd, "somebody listens on it");
        }
        snprintf(advice, sizeof advice, "choose with --listen %s=127.0.0.1:PORT", config->inbound[i].label);
        address_print(front, text);
        doctor_say(doctor, fd < 0 ? DOCTOR_FAIL : DOCTOR_OK, fd < 0 ? advice : NULL, "%s: %s%s%s",
            config->inbound[i].label, text, fd < 0 ? ": " : " is free", fd < 0 ? why.text : "");
        if (fd > 0) {
            close(fd);
        }
    }
}
