/* status_text: the document that [inbound status] gives, from what PID 1 knows and /proc says. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json_text.h"
#include "init/enclave.h"
#include "init/journal.h"
#include "init/limits.h"
#include "init/log.h"
#include "init/roles.h"

#define PROC_MAX 4096 /* bytes of a file of /proc that is read here */
#define DAY 86400
#define LAST_SECOND INT64_C(253402300799) /* of the year 9999 */
#define UNKNOWN "unknown"

static void put_boot(struct json_text *json, const struct enclave *enclave)
{
    json_text_open(json, "boot", '[');
    for (size_t i = 0; i < enclave->boot_count; i++) {
        json_text_open(json, NULL, '{');
        json_text_string(json, "step", enclave->boot[i].step);
        json_text_number(json, "ms", enclave->boot[i].ms);
        json_text_close(json, '}');
    }
    json_text_close(json, ']');
}

/* ---- Memory ---- */

static void put_memory(struct json_text *json)
{
    static const struct {
        const char *key;
        const char *name;
    } values[] = {{"total_kib", "MemTotal"}, {"available_kib", "MemAvailable"}};
    char *text = NULL;
    size_t size;
    uint64_t bytes;
    int error = file_read("/proc/meminfo", PROC_MAX, &text, &size, NULL);

    json_text_open(json, "memory", '{');
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        if (error == 0 && limits_memory(text, values[i].name, &bytes) == 0) {
            json_text_unsigned(json, values[i].key, bytes / 1024);
        } else {
            json_text_string(json, values[i].key, UNKNOWN);
        }
    }
    json_text_close(json, '}');
    if (error == 0) {
        free(text);
    }
}

/* ---- Hosts and certificates ---- */

static bool is_first_of_host(const struct config *config, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (config->endpoints[i].address == config->endpoints[index].address) {
            return false;
        }
    }
    return true;
}

static void put_hosts(struct json_text *json, const struct config *config)
{
    char text[INET_ADDRSTRLEN];

    json_text_open(json, "hosts", '[');
    for (size_t i = 0; i < config->endpoint_count; i++) {
        struct in_addr address = {.s_addr = htonl(config->endpoints[i].address)};
        if (!is_first_of_host(config, i)) {
            continue;
        }
        json_text_open(json, NULL, '{');
        json_text_string(json, "name", config->endpoints[i].host);
        json_text_string(json, "address", inet_ntop(AF_INET, &address, text, sizeof text));
        json_text_close(json, '}');
    }
    json_text_close(json, ']');
}

/* until is 0 for a key; what a role said of a date is looked at no closer than that it can be one. */
static void put_certificate(struct json_text *json, const char *name, bool dated, int64_t until)
{
    char path[sizeof ENCLAVE_ROOT ENCLAVE_IDENTITY_FOLDER "/now/" + 32];
    char mode[8];
    struct stat status;

    (void)snprintf(path, sizeof path, ENCLAVE_ROOT ENCLAVE_IDENTITY_FOLDER "/now/%s", name);
    if (stat(path, &status) < 0) {
        return;
    }
    (void)snprintf(mode, sizeof mode, "%04o", (unsigned)(status.st_mode & 07777));
    json_text_open(json, NULL, '{');
    json_text_string(json, "name", name);
    json_text_string(json, "mode", mode);
    if (dated && until > 0 && until <= LAST_SECOND) {
        int64_t left = until - (int64_t)time(NULL);
        json_text_number(json, "days_left", left >= 0 ? left / DAY : (left - DAY + 1) / DAY);
    } else if (dated) {
        json_text_string(json, "days_left", UNKNOWN);
    }
    json_text_close(json, '}');
}

/* The files of a kind are those of the accepted push, where it brought them, else of the image. */
static void put_identity(struct json_text *json, const struct enclave *enclave, enum secrets_kind kind)
{
    const int files[] = {enclave->accepted, enclave->packed};
    const struct secrets_names *names = &secrets_names[kind];
    struct secrets_sizes sizes = {0};
    struct secrets secrets;

    for (size_t i = 0; i < 2 && sizes.cert_size == 0; i++) {
        if (files[i] >= 0 && secrets_map(&secrets, files[i], NULL) == 0) {
            sizes = secrets.header->identities[kind];
            secrets_unmap(&secrets);
        }
    }
    put_certificate(json, names->cert_file, true, sizes.cert_until);
    put_certificate(json, names->key_file, false, 0);
    put_certificate(json, names->ca_file, true, sizes.ca_until);
}

static void put_certificates(struct json_text *json, const struct enclave *enclave)
{
    json_text_open(json, "certificates", '[');
    put_identity(json, enclave, SECRETS_CLIENT);
    put_identity(json, enclave, SECRETS_SERVER);
    json_text_close(json, ']');
}

/* ---- Roles ---- */

/* Resident and shared pages of a process. */
static bool read_pages(pid_t pid, unsigned long long *resident, unsigned long long *shared)
{
    char path[40];
    char *text;
    size_t size;
    char *second;
    char *third;

    (void)snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    if (file_read(path, PROC_MAX, &text, &size, NULL) < 0) {
        return false;
    }
    (void)strtoull(text, &second, 10); /* all that is mapped */
    *resident = strtoull(second, &third, 10);
    *shared = strtoull(third, NULL, 10);
    free(text);
    return third > second;
}

static bool count_descriptors(pid_t pid, unsigned *count)
{
    char path[40];
    DIR *folder;

    (void)snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    folder = opendir(path);
    if (folder == NULL) {
        return false;
    }
    *count = 0;
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        *count += entry->d_name[0] != '.';
    }
    (void)closedir(folder);
    return true;
}

static void put_process(struct json_text *json, pid_t pid)
{
    unsigned long long page_kib = (unsigned long long)getpagesize() / 1024;
    unsigned long long resident;
    unsigned long long shared;
    unsigned descriptors;

    if (read_pages(pid, &resident, &shared)) {
        json_text_unsigned(json, "resident_kib", resident * page_kib);
        json_text_unsigned(json, "shared_kib", shared * page_kib);
    } else {
        json_text_string(json, "resident_kib", UNKNOWN);
        json_text_string(json, "shared_kib", UNKNOWN);
    }
    if (count_descriptors(pid, &descriptors)) {
        json_text_unsigned(json, "descriptors", descriptors);
    } else {
        json_text_string(json, "descriptors", UNKNOWN);
    }
}

static void put_service(struct json_text *json, const struct enclave *enclave, const struct service *service)
{
    char how[SUPERVISE_STATUS_SIZE];
    bool running = service_running(service);
    const char *state = running ? "running" : service->ends > 0 ? "restarting" : "waiting";

    json_text_open(json, NULL, '{');
    json_text_string(json, "name", service->name);
    json_text_string(json, "state", state);
    json_text_unsigned(json, "restarts", service->ends);
    if (service->ends > 0) {
        json_text_string(json, "last_end", supervise_status(service->last, how));
    }
    if (running) {
        json_text_number(json, "uptime_ms", loop_now(enclave->loop) - service->since);
        put_process(json, service->pid);
    }
    json_text_close(json, '}');
}

static void put_roles(struct json_text *json, const struct enclave *enclave)
{
    unsigned pushes = 0;

    json_text_open(json, "roles", '[');
    json_text_open(json, NULL, '{');
    json_text_string(json, "name", "init");
    json_text_string(json, "state", "running");
    json_text_unsigned(json, "restarts", 0);
    json_text_number(json, "uptime_ms", log_clock() - log_start());
    put_process(json, getpid());
    json_text_close(json, '}');
    put_service(json, enclave, &enclave->relay);
    put_service(json, enclave, &enclave->app);
    json_text_close(json, ']');

    for (size_t i = 0; i < ENCLAVE_PUSHES && enclave->secrets_fd >= 0; i++) {
        pushes += enclave->pushes[i].control_fd >= 0;
    }
    json_text_open(json, "secrets", '{');
    json_text_string(json, "state",
        enclave->accepted >= 0                                ? "accepted"
        : enclave->config.secrets.mode == CONFIG_SECRETS_NONE ? "none"
                                                              : "waiting");
    json_text_unsigned(json, "pushes_open", pushes);
    json_text_close(json, '}');
}

/* ---- The relay, the clock ---- */

static void put_row(struct json_text *json, const char *key, const char *label, const struct counters_row *row)
{
    json_text_open(json, key, '{');
    if (label != NULL) {
        json_text_string(json, "label", label);
    }
    json_text_unsigned(json, "open", row->open);
    json_text_unsigned(json, "accepted", row->accepted);
    json_text_unsigned(json, "ended", row->ended);
    json_text_unsigned(json, "broken", row->broken);
    json_text_unsigned(json, "refused", row->refused);
    json_text_unsigned(json, "failed", row->failed);
    json_text_unsigned(json, "bytes_out", row->bytes_out);
    json_text_unsigned(json, "bytes_in", row->bytes_in);
    json_text_close(json, '}');
}

static void put_relay(struct json_text *json, const struct enclave *enclave, bool known)
{
    const struct counters *counters = &enclave->status.counters;
    const struct config *config = &enclave->config;
    char label[CONFIG_HOST_MAX + sizeof "[endpoint ]"];

    if (!known) {
        json_text_string(json, "relay", UNKNOWN);
        return;
    }
    json_text_open(json, "relay", '{');
    put_row(json, "total", NULL, &counters->rows[counters->row_count - 1]);
    json_text_open(json, "listeners", '[');
    for (size_t i = 0; i + 1 < counters->row_count; i++) {
        bool out = i < config->endpoint_count;
        (void)snprintf(label, sizeof label, "[%s %s]", out ? "endpoint" : "inbound",
            out ? config->endpoints[i].label : config->inbound[i - config->endpoint_count].label);
        put_row(json, NULL, label, &counters->rows[i]);
    }
    json_text_close(json, ']');
    json_text_close(json, '}');
}

static void put_clock(struct json_text *json, const struct clock_record *clock)
{
    json_text_open(json, "clock", '{');
    json_text_unsigned(json, "corrections", clock->corrections);
    if (clock->corrections > 0) {
        json_text_number(json, "last_at_ms", clock->last_at - log_start());
        json_text_number(json, "last_behind_ms", clock->last_ms);
    }
    json_text_close(json, '}');
}

static void put_log(struct json_text *json, const struct config *config)
{
    uint64_t lines;
    uint64_t dropped;

    if (config->log_port == 0) {
        return;
    }
    journal_counts(&lines, &dropped);
    json_text_open(json, "log", '{');
    json_text_unsigned(json, "lines", lines);
    json_text_unsigned(json, "dropped", dropped);
    json_text_close(json, '}');
}

long status_text(const struct enclave *enclave, bool relay_known, char **text)
{
    const struct config *config = &enclave->config;
    size_t size = STATUS_FIXED + (config->endpoint_count * 2 + config->inbound_count) * STATUS_EACH;
    struct json_text json;
    long used;

    *text = malloc(size);
    if (*text == NULL) {
        return -ENOMEM;
    }
    json_text_start(&json, *text, size - 1);
    json_text_open(&json, NULL, '{');
    json_text_string(&json, "ingot", INGOT_VERSION);
    json_text_open(&json, "image", '{');
    json_text_string(&json, "name", config->image.name);
    json_text_string(&json, "version", config->image.version);
    json_text_close(&json, '}');
    json_text_number(&json, "uptime_ms", log_clock() - log_start());
    put_boot(&json, enclave);
    put_memory(&json);
    put_hosts(&json, config);
    put_certificates(&json, enclave);
    put_roles(&json, enclave);
    put_relay(&json, enclave, relay_known);
    put_clock(&json, &enclave->clock);
    put_log(&json, config);
    json_text_close(&json, '}');
    used = json_text_finish(&json);
    if (used < 0) {
        free(*text);
        *text = NULL;
        return used;
    }
    (*text)[used++] = '\n';
    return used;
}
