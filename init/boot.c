/* boot: the enclave's start as one table of steps, and the only two ways in which it ends. */
#include "init/boot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <termios.h>
#include <unistd.h>

#include "base/file.h"
#include "init/enclave.h"
#include "init/log.h"

static const struct {
    const char *name;
    enclave_step *run;
} steps[] = {
    {"console", step_console},
    {"mounts", step_mounts},
    {"image", step_image},
    {"limits", step_limits},
    {"nsm", step_nsm},
    {"entropy", step_entropy},
    {"clock", step_clock},
    {"loopback", step_loopback},
    {"hosts", step_hosts},
    {"listeners", step_listeners},
    {"roles", step_roles},
    {"heartbeat", step_heartbeat},
};

/* There is no power-off without ACPI: the kernel would halt, and the enclave's memory stay taken for ever. */
static _Noreturn void end(const char *what, const char *how)
{
    char line[LOG_LINE_MAX];
    int length = snprintf(line, sizeof line, "ingot: %s: %s\n", what, how);

    if (length >= (int)sizeof line) {
        line[sizeof line - 2] = '\n';
    }
    (void)file_write_all(STDERR_FILENO, line, strlen(line));
    (void)tcdrain(STDERR_FILENO);
    sync();
    (void)reboot(RB_AUTOBOOT);
    for (;;) {
        (void)pause();
    }
}

_Noreturn void boot_fail(const char *step, const char *sentence)
{
    char how[LOG_LINE_MAX];

    (void)snprintf(how, sizeof how, "%s: %s", step, sentence);
    end("the enclave ends", how);
}

_Noreturn void boot_finish(const char *how)
{
    end("the application has ended", how);
}

_Noreturn void boot(void)
{
    static struct enclave enclave = {
        .nsm = -1, .secrets_fd = -1, .relay_control = -1, .app_control = -1, .packed = -1, .accepted = -1};
    struct reason said;
    int error;

    log_set_start(log_clock());
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        said.text[0] = '\0';
        if (steps[i].run(&enclave, &said) < 0) {
            boot_fail(steps[i].name, said.text);
        }
        log_line(steps[i].name, "%s", said.text);
    }
    error = loop_run(enclave.loop);
    (void)reason_system(&said, error, "the loop of PID 1 has ended");
    boot_fail("supervise", said.text);
}
