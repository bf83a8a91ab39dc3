/* doctor_ec2: what a parent instance of EC2 needs: the device, nitro-cli, memory and CPUs set apart, free ports. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "net/vsock.h"
#include "tools/command.h"
#include "tools/doctor.h"

#define FILE_MAX 65536 /* of what is read here: a short configuration, a number, a list of CPUs */
#define VERSION_MAX 256
#define VERSION_MS 10000
#define MIB_MAX (UINT64_C(1) << 40)
#define CPU_MAX 4095
#define MIB (UINT64_C(1) << 20)

#define RESTART "then: sudo systemctl restart nitro-enclaves-allocator.service"
#define ALLOCATOR_ADVICE "raise it in /etc/nitro_enclaves/allocator.yaml, " RESTART

void doctor_device(struct doctor *doctor)
{
    int fd = open(doctor->paths->device, O_RDWR | O_CLOEXEC);

    if (fd >= 0) {
        close(fd);
        doctor_say(doctor, DOCTOR_OK, NULL, "%s can be opened", doctor->paths->device);
    } else {
        doctor_say(doctor, DOCTOR_FAIL,
            errno == EACCES
                ? "join the group ne (sudo usermod -aG ne $USER) and log in again, or use sudo"
                : "start the instance with --enclave-options Enabled=true, and load the module nitro_enclaves",
            "%s can't be opened: %s", doctor->paths->device, strerror(errno));
    }
}

/* ---- nitro-cli ---- */

/* A question to a program, which doctor waits for. */
struct question {
    struct doctor *doctor;
    char text[VERSION_MAX + 1];
    bool answered;
    struct reason why;
};

static void version_came(void *arg, const char *output, size_t size, const struct reason *why)
{
    struct question *question = arg;

    if (why != NULL) {
        question->why = *why;
    } else {
        size_t line = strcspn(output, "\r\n");
        memcpy(question->text, output, line < size ? line : size);
        question->answered = true;
    }
    loop_stop(question->doctor->loop);
}

void doctor_cli(struct doctor *doctor)
{
    const char *const arguments[] = {nitro_cli_program(), "--version", NULL};
    const struct command_options options = {
        .arguments = arguments, .output_max = VERSION_MAX, .milliseconds = VERSION_MS};
    struct question question = {.doctor = doctor};
    struct command *command;
    int error = command_start(&command, doctor->loop, &options, version_came, &question, &question.why);

    if (error == 0 && (error = loop_run(doctor->loop)) < 0) {
        command_cancel(command);
        reason_system(&question.why, error, "the event loop failed");
    }
    if (question.answered) {
        doctor_say(doctor, DOCTOR_OK, NULL, "%s", text_quote_string(question.text).text);
    } else {
        doctor_say(doctor, DOCTOR_FAIL, "install the package aws-nitro-enclaves-cli", "%s", question.why.text);
    }
}

static void enclaves_came(void *arg, const struct nitro_enclave *enclaves, size_t count, const struct reason *why)
{
    struct question *question = arg;

    if (why != NULL) {
        question->why = *why;
    } else {
        memcpy(question->doctor->enclaves, enclaves, count * sizeof *enclaves);
        question->doctor->enclave_count = count;
        question->answered = true;
    }
    loop_stop(question->doctor->loop);
}

static void say_enclave(struct doctor *doctor, const struct nitro_enclave *enclave)
{
    bool same = doctor->config != NULL && strcmp(enclave->name, doctor->config->image.name) == 0;

    doctor_say(doctor, same ? DOCTOR_WARN : DOCTOR_OK,
        same ? "end it first unless two are meant to run: nitro-cli terminate-enclave --enclave-id ID" : NULL,
        "%s runs with CID %u, %u CPUs, %llu MiB%s%s%s (%s)",
        enclave->name[0] != '\0' ? text_quote_string(enclave->name).text : "one without a name", enclave->cid,
        enclave->cpu_count, (unsigned long long)enclave->memory_mib, enclave->debug ? ", in debug mode" : "",
        enclave->running ? "" : ", not RUNNING", same ? ": the name of this image" : "", enclave->id);
}

void doctor_enclaves(struct doctor *doctor)
{
    struct question question = {.doctor = doctor};
    struct nitro_cli *cli;
    int error = nitro_cli_enclaves_start(&cli, doctor->loop, enclaves_came, &question, &question.why);

    if (error == 0 && (error = loop_run(doctor->loop)) < 0) {
        nitro_cli_cancel(cli);
        reason_system(&question.why, error, "the event loop failed");
    }
    if (!question.answered) {
        doctor_say(doctor, DOCTOR_FAIL, "try nitro-cli describe-enclaves by hand", "%s", question.why.text);
        return;
    }
    if (doctor->enclave_count == 0) {
        doctor_say(doctor, DOCTOR_OK, NULL, "none runs");
    }
    for (size_t i = 0; i < doctor->enclave_count; i++) {
        say_enclave(doctor, &doctor->enclaves[i]);
    }
}

/* ---- memory and CPUs that are set apart ---- */

/* The number behind `key:` at the start of a line of simple YAML. */
static bool yaml_number(const char *text, const char *key, uint64_t *number)
{
    size_t size = strlen(key);

    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, size) != 0 || line[size] != ':') {
            continue;
        }
        char digits[24];
        const char *value = line + size + 1 + strspn(line + size + 1, " \t");
        size_t count = strspn(value, "0123456789");
        if (count == 0 || count >= sizeof digits || strchr(" \t\r\n#", value[count]) == NULL) {
            return false;
        }
        memcpy(digits, value, count);
        digits[count] = '\0';
        return text_number(digits, 0, MIB_MAX, number);
    }
    return false;
}

/* "1,3-5" and a newline, as the kernel writes lists of CPUs. -1 where it is none. */
static long cpu_list_count(const char *text)
{
    long count = 0;

    for (const char *at = text; *at != '\0' && *at != '\n';) {
        unsigned long first, last;
        char *end;
        if (!isdigit((unsigned char)*at)) {
            return -1;
        }
        first = last = strtoul(at, &end, 10);
        if (*end == '-' && isdigit((unsigned char)end[1])) {
            last = strtoul(end + 1, &end, 10);
        }
        if (last > CPU_MAX || first > last || (*end != ',' && *end != '\n' && *end != '\0')) {
            return -1;
        }
        count += (long)(last - first + 1);
        at = end + (*end == ',');
    }
    return count;
}

static uint64_t enclaves_memory(const struct doctor *doctor)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < doctor->enclave_count; i++) {
        sum += doctor->enclaves[i].memory_mib;
    }
    return sum;
}

static uint64_t enclaves_cpus(const struct doctor *doctor)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < doctor->enclave_count; i++) {
        sum += doctor->enclaves[i].cpu_count;
    }
    return sum;
}

/* have of what is set apart, used by running enclaves, against what the image says. */
static void say_share(
    struct doctor *doctor, const char *unit, const char *advice, uint64_t have, uint64_t used, uint64_t need)
{
    uint64_t left = used < have ? have - used : 0;

    if (doctor->config == NULL) {
        doctor_say(doctor, have > 0 ? DOCTOR_OK : DOCTOR_FAIL, have > 0 ? NULL : advice, "%llu %s, %llu of them in use",
            (unsigned long long)have, unit, (unsigned long long)(used < have ? used : have));
    } else {
        doctor_say(doctor, left >= need ? DOCTOR_OK : DOCTOR_FAIL, left >= need ? NULL : advice,
            "%llu %s are left of %llu; the image needs %llu", (unsigned long long)left, unit, (unsigned long long)have,
            (unsigned long long)need);
    }
}

static uint64_t need_mib(const struct doctor *doctor)
{
    return doctor->config != NULL ? doctor->config->image.memory / MIB : 0;
}

static uint64_t need_cpus(const struct doctor *doctor)
{
    return doctor->config != NULL ? doctor->config->image.cpus : 0;
}

void doctor_allocator(struct doctor *doctor)
{
    struct reason why;
    char *text;
    size_t size;
    uint64_t memory, cpus;

    if (file_read(doctor->paths->allocator, FILE_MAX, &text, &size, &why) < 0) {
        doctor_say(doctor, DOCTOR_FAIL, "install the package aws-nitro-enclaves-cli, which brings it", "%s", why.text);
        return;
    }
    if (yaml_number(text, "memory_mib", &memory)) {
        say_share(doctor, "MiB", ALLOCATOR_ADVICE, memory, enclaves_memory(doctor), need_mib(doctor));
    } else {
        doctor_say(doctor, DOCTOR_WARN, "write memory_mib: NUMBER", "%s says no memory_mib", doctor->paths->allocator);
    }
    if (yaml_number(text, "cpu_count", &cpus)) {
        say_share(doctor, "CPUs", ALLOCATOR_ADVICE, cpus, enclaves_cpus(doctor), need_cpus(doctor));
    } else if (strstr(text, "\ncpu_pool:") == NULL) {
        doctor_say(doctor, DOCTOR_WARN, "write cpu_count: NUMBER", "%s says neither cpu_count nor cpu_pool",
            doctor->paths->allocator);
    }
    free(text);
}

/* Free memory in MiB of the pages of one size, "hugepages-2048kB"; 0 where it can't be told. */
static uint64_t free_mib(const char *folder, const char *name)
{
    char path[512];
    char *text;
    size_t size;
    uint64_t count = 0;
    unsigned long kib;

    if (sscanf(name, "hugepages-%7lukB", &kib) != 1 ||
        snprintf(path, sizeof path, "%s/%s/free_hugepages", folder, name) >= (int)sizeof path ||
        file_read(path, FILE_MAX, &text, &size, NULL) < 0) {
        return 0;
    }
    text[strcspn(text, "\n")] = '\0';
    bool known = text_number(text, 0, MIB_MAX, &count);
    free(text);
    return known ? count * kib / 1024 : 0;
}

/* The kernel says what is free now: running enclaves have theirs already. */
void doctor_huge_pages(struct doctor *doctor)
{
    DIR *folder = opendir(doctor->paths->huge_pages);
    uint64_t sum = 0;

    if (folder == NULL) {
        doctor_say(doctor, DOCTOR_FAIL, "boot a kernel with huge pages (CONFIG_HUGETLBFS)", "%s: %s",
            doctor->paths->huge_pages, strerror(errno));
        return;
    }
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        sum += free_mib(doctor->paths->huge_pages, entry->d_name);
    }
    closedir(folder);
    say_share(doctor, "MiB of huge pages",
        "start the allocator early after boot, while memory is in one piece, or end other enclaves; " RESTART,
        sum + enclaves_memory(doctor), enclaves_memory(doctor), need_mib(doctor));
}

void doctor_cpu_pool(struct doctor *doctor)
{
    struct reason why;
    char *text;
    size_t size;

    if (file_read(doctor->paths->cpu_pool, FILE_MAX, &text, &size, &why) < 0) {
        doctor_say(doctor, DOCTOR_FAIL, "load the module nitro_enclaves, " RESTART, "%s", why.text);
        return;
    }
    long count = cpu_list_count(text);
    if (count < 0) {
        doctor_say(doctor, DOCTOR_WARN, "have it written anew: sudo systemctl restart nitro-enclaves-allocator.service",
            "%s is no list of CPUs", text_quote(text, size).text);
    } else {
        say_share(doctor, "CPUs", ALLOCATOR_ADVICE, (uint64_t)count, enclaves_cpus(doctor), need_cpus(doctor));
    }
    free(text);
}

/* ---- ports ---- */

/* False: the rest of the ports has the same answer. */
static bool vsock_port(struct doctor *doctor, const char *what, uint32_t port, const char *advice)
{
    int fd = vsock_listen(VSOCK_CID_ANY, port, 1);

    if (fd >= 0) {
        close(fd);
        return true;
    }
    if (fd == -EADDRINUSE) {
        doctor_say(doctor, DOCTOR_FAIL, advice, "%s: vsock port %u is taken", what, port);
        return true;
    }
    doctor_say(doctor, DOCTOR_FAIL, "load the module vhost_vsock or vmw_vsock_virtio_transport",
        "%s: vsock port %u can't be listened on: %s", what, port, strerror(-fd));
    return false;
}

void doctor_vsock_ports(struct doctor *doctor)
{
    const struct config *config = doctor->config;
    unsigned before = doctor->failed;
    bool goes_on = vsock_port(doctor, "the heartbeat", CONFIG_HEARTBEAT_PORT,
        "end what listens there: nitro-cli run-enclave answers the enclave's heartbeat on it");

    for (size_t i = 0; goes_on && i < config->endpoint_count; i++) {
        goes_on = vsock_port(doctor, config->endpoints[i].label, config->endpoints[i].vsock,
            "end the proxy that still runs there (ss --vsock -lp shows it)");
    }
    if (doctor->failed == before) {
        doctor_say(doctor, DOCTOR_OK, NULL, "the heartbeat's (%u) and those of %zu endpoints are free",
            CONFIG_HEARTBEAT_PORT, config->endpoint_count);
    }
}
