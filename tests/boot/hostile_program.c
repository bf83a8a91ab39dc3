/* hostile_program: a user's program that tries what it must not be able to do, says how each ended, and exits. */
#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static void tell(const char *what, long result)
{
    printf("hostile: %s: %s\n", what, result < 0 ? strerror(errno) : "done");
}

/* One write of a gigabyte of zero pages, which cost nothing: the terminal is ours as long as it lasts. */
static void flood(void)
{
    void *zeros = mmap(NULL, 1 << 30, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (zeros != MAP_FAILED && fork() == 0) {
        (void)!write(STDOUT_FILENO, zeros, 1 << 30);
        _exit(0);
    }
    sleep(1);
}

int main(int argc, char **argv)
{
    struct timespec epoch = {0};

    (void)argc;
    tell("AF_VSOCK", socket(AF_VSOCK, SOCK_STREAM, 0));
    tell("AF_NETLINK", socket(AF_NETLINK, SOCK_RAW, 0));
    tell("AF_INET", socket(AF_INET, SOCK_STREAM, 0));
    tell("/dev/nsm", open("/dev/nsm", O_RDWR));
    tell("/dev/console", open("/dev/console", O_RDWR));
    tell("/proc/1/mem", open("/proc/1/mem", O_RDONLY));
    tell("/app/enclave.ini", open("/app/enclave.ini", O_RDONLY));
    tell("mount", mount("none", "/tmp", "tmpfs", 0, NULL));
    tell("ptrace", ptrace(PTRACE_ATTACH, 1, NULL, NULL));
    tell("clock_settime", clock_settime(CLOCK_REALTIME, &epoch));
    tell("unshare", unshare(CLONE_NEWNS));
    tell("chroot", chroot("/tmp"));
    tell("setuid", setuid(0));
    tell("kill", kill(1, 9));
    tell("reboot", reboot(RB_AUTOBOOT));
    tell("write /etc/hosts", open("/etc/hosts", O_WRONLY));
    /* The console is everybody's: who stops it stops all that are about to say something on it. */
    tell("TIOCSTI", ioctl(STDOUT_FILENO, TIOCSTI, "x"));
    tell("TIOCSCTTY", ioctl(STDOUT_FILENO, TIOCSCTTY, 0));
    tell("TCSETS", tcsetattr(STDOUT_FILENO, TCSANOW, &(struct termios){.c_cflag = CRTSCTS}));
    for (char **variable = environ; *variable != NULL; variable++) {
        printf("hostile: variable %.*s\n", (int)strcspn(*variable, "="), *variable);
    }
    printf("hostile: %s has tried everything\n", argv[0]);
    fflush(stdout);
    if (tcflow(STDOUT_FILENO, TCOOFF) < 0) {
        tell("TCOOFF", -1);
    }
    fflush(stdout);
    flood();
    return 7;
}
