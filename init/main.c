/* main: one binary, several programs: PID 1 of the enclave, and the roles that PID 1 starts. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "init/boot.h"
#include "init/log.h"
#include "init/roles.h"

static const struct {
    const char *name;
    int (*run)(void);
} roles[] = {
    {ROLE_RELAY, role_relay},
    {ROLE_SECRETS, role_secrets},
    {ROLE_APP, role_app},
};

int main(int argc, char **argv)
{
    uint64_t start;

    if (getpid() == 1) {
        boot();
    }
    for (size_t i = 0; i < sizeof roles / sizeof roles[0] && argc == 2; i++) {
        if (strcmp(argv[0], roles[i].name) == 0 && text_number(argv[1], 0, INT64_MAX, &start)) {
            log_set_start((int64_t)start);
            return roles[i].run();
        }
    }
    fputs("This is /init of an enclave image made by ingot: it runs as process 1 of an enclave and nowhere else.\n",
        stderr);
    return 100;
}
