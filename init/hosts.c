/* hosts: which names resolve inside the enclave, and to which loopback addresses. */
#include "init/hosts.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "init/enclave.h"

#define LOCALHOST "127.0.0.1 localhost\n"
#define LINE_MAX_SIZE (sizeof "255.255.255.255 \n" + CONFIG_HOST_MAX)

static bool seen_before(const struct config *config, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (config->endpoints[i].address == config->endpoints[index].address) {
            return true;
        }
    }
    return false;
}

char *hosts_text(const struct config *config)
{
    size_t room = sizeof LOCALHOST + config->endpoint_count * LINE_MAX_SIZE;
    char *text = malloc(room);
    size_t used = sizeof LOCALHOST - 1;

    if (text == NULL) {
        return NULL;
    }
    memcpy(text, LOCALHOST, sizeof LOCALHOST);
    for (size_t i = 0; i < config->endpoint_count; i++) {
        const struct config_endpoint *endpoint = &config->endpoints[i];
        if (!seen_before(config, i)) {
            used += (size_t)snprintf(text + used, room - used, "%u.%u.%u.%u %s\n", endpoint->address >> 24,
                endpoint->address >> 16 & 255, endpoint->address >> 8 & 255, endpoint->address & 255, endpoint->host);
        }
    }
    return text;
}

int step_hosts(struct enclave *enclave, struct reason *said)
{
    char *text = hosts_text(&enclave->config);
    size_t lines = 0;
    int error;

    if (text == NULL) {
        return reason_set(said, -ENOMEM, "no memory for /etc/hosts");
    }
    if (mkdir(ENCLAVE_ROOT "/etc", 0755) < 0 && errno != EEXIST) {
        error = reason_system(said, -errno, "cannot make " ENCLAVE_ROOT "/etc");
    } else {
        error = file_write(ENCLAVE_ROOT "/etc/hosts", text, strlen(text), 0644, said);
    }
    if (error == 0) {
        error = file_write(ENCLAVE_ROOT "/etc/resolv.conf", HOSTS_RESOLV, strlen(HOSTS_RESOLV), 0644, said);
    }
    for (const char *p = text; *p != '\0'; p++) {
        lines += *p == '\n';
    }
    free(text);
    return error < 0 ? error : reason_set(said, 0, "%zu names", lines);
}
