/* boot: the enclave's start as one table of steps, and the only two ways in which it ends. */
#include "init/boot.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "base/console.h"
#include "init/enclave.h"
#include "init/journal.h"
#include "init/log.h"

#define DRAIN_MS 2000
#define NAP_MS 20

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
_Static_assert(sizeof steps / sizeof steps[0] <= ENCLAVE_STEPS, "raise ENCLAVE_STEPS");

/* Not tcdrain(3), which has no end where the console does not take anything. */
static void drain(void)
{
    int left = 1;

    for (int i = 0; i < DRAIN_MS / NAP_MS && ioctl(STDERR_FILENO, TIOCOUTQ, &left) == 0 && left > 0; i++) {
        (void)poll(NULL, 0, NAP_MS);
    }
    (void)poll(NULL, 0, NAP_MS); /* what is left is in the device's own queue */
}

/* There is no power-off without ACPI: the kernel would halt, and the enclave's memory stay taken for ever. */
static _Noreturn void end(const char *what, const char *how)
{
    char line[LOG_LINE_MAX];
    /* A line of its own, whatever a program has left half-written. */
    int length = snprintf(line, sizeof line, "\ningot: %s: %s\n", what, how);

    if (length >= (int)sizeof line) {
        line[sizeof line - 2] = '\n';
    }
    journal_flush();
    (void)kill(-1, SIGKILL); /* what is in the middle of a long write would cover the last line */
    for (int i = 0; i < DRAIN_MS / NAP_MS && !console_write(line, strlen(line)); i++) {
        (void)poll(NULL, 0, NAP_MS);
    }
    drain();
    (void)reboot(RB_AUTOBOOT);
    for (;;) {
        (void)pause();
    }
}

_Noreturn void boot_fail(const char *step, const char *sentence)
{
    char how[LOG_LINE_MAX];

    (void)snprintf(how, sizeof how, "%s: %s", step, sentence);
    journal_event("failed", "step", step, sentence);
    end("the enclave ends", how);
}

_Noreturn void boot_finish(const char *how)
{
    journal_event("finished", NULL, NULL, how);
    end("the application has ended", how);
}

_Noreturn void boot(void)
{
    static struct enclave enclave = {.nsm = -1,
        .secrets_fd = -1,
        .status_fd = -1,
        .relay_control = -1,
        .app_control = -1,
        .packed = -1,
        .accepted = -1};
    struct reason said;
    int error;

    log_set_start(log_clock());
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        said.text[0] = '\0';
        if (i > 0 && enclave.config.image.name != NULL) {
            journal_port(enclave.config.log_port); /* the configuration is known and measured */
        }
        if (steps[i].run(&enclave, &said) < 0) {
            boot_fail(steps[i].name, said.text);
        }
        log_line(steps[i].name, "%s", said.text);
        journal_event("step", "step", steps[i].name, said.text);
        enclave.boot[enclave.boot_count++] = (struct enclave_boot){steps[i].name, log_clock() - log_start()};
    }
    error = loop_run(enclave.loop);
    (void)reason_system(&said, error, "the loop of PID 1 has ended");
    boot_fail("supervise", said.text);
}
