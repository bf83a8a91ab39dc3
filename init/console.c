/* console: where everything is printed; the first step, without which no other could say why it failed. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "init/enclave.h"

#define CONSOLE "/dev/console" /* in the kernel's built-in ramdisk already */

int console_for_program(struct reason *why)
{
    int fd = open(CONSOLE, O_RDWR | O_NOCTTY | O_CLOEXEC);

    if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0) {
        return reason_system(why, -errno, "cannot use " CONSOLE);
    }
    return 0;
}

int step_console(struct enclave *enclave, struct reason *said)
{
    int fd = open(CONSOLE, O_RDWR | O_NOCTTY | O_NONBLOCK); /* base/console.h says why */

    (void)enclave;
    /* Unknown words of the command line arrive as arguments and variables: the parent's hypervisor chose some of them.
     */
    (void)clearenv();
    (void)umask(022);
    if (fd < 0) {
        return reason_system(said, -errno, "cannot open " CONSOLE);
    }
    if (dup2(fd, STDIN_FILENO) < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0) {
        return reason_system(said, -errno, "cannot use " CONSOLE);
    }
    if (fd > STDERR_FILENO) {
        close(fd);
    }
    return reason_set(said, 0, "ingot " INGOT_VERSION);
}
