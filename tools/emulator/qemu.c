/* qemu: finds and starts the QEMU that boots an EIF in its nitro-enclave machine. */
#include "tools/emulator/qemu.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include "base/text.h"

#define ARGUMENTS_MAX 32
#define NUMBER_SIZE 64

/* ---- which one ---- */

static bool is_program(char path[static QEMU_PATH_MAX], int printed)
{
    return printed > 0 && printed < QEMU_PATH_MAX && access(path, X_OK) == 0;
}

static bool find_beside_us(char path[static QEMU_PATH_MAX])
{
    char own[QEMU_PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", own, sizeof own - 1);

    if (size <= 0) {
        return false;
    }
    own[size] = '\0';
    char *slash = strrchr(own, '/');
    return slash != NULL &&
           is_program(path, snprintf(path, QEMU_PATH_MAX, "%.*s/qemu/%s", (int)(slash - own), own, QEMU_PROGRAM));
}

static bool find_on_path(char path[static QEMU_PATH_MAX])
{
    const char *folders = getenv("PATH");

    while (folders != NULL && *folders != '\0') {
        size_t size = strcspn(folders, ":");
        if (size > 0 && size < QEMU_PATH_MAX &&
            is_program(path, snprintf(path, QEMU_PATH_MAX, "%.*s/%s", (int)size, folders, QEMU_PROGRAM))) {
            return true;
        }
        folders += size + (folders[size] == ':');
    }
    return false;
}

int qemu_find(char path[static QEMU_PATH_MAX], const char *wanted, struct reason *why)
{
    const char *source = wanted != NULL ? "--qemu" : "INGOT_QEMU";

    if (wanted == NULL) {
        wanted = getenv("INGOT_QEMU");
    }
    if (wanted != NULL && *wanted != '\0') {
        if (is_program(path, snprintf(path, QEMU_PATH_MAX, "%s", wanted))) {
            return 0;
        }
        return reason_set(
            why, -ENOENT, "%s %s is no program that can be started", source, text_quote_string(wanted).text);
    }
    if (find_beside_us(path) || find_on_path(path)) {
        return 0;
    }
    return reason_set(why, -ENOENT,
        "no " QEMU_PROGRAM " here: `make build/qemu` builds the one with the nitro-enclave machine; or name one with "
        "--qemu or INGOT_QEMU");
}

/* ---- starting it ---- */

bool qemu_has_kvm(void)
{
    return access("/dev/kvm", R_OK | W_OK) == 0;
}

/*
 * Emulated without KVM, the guest's time stamp counter is this machine's own, and it has no second clock to measure it
 * by: lost timer ticks would make it distrust the counter, and its time would run a third too slow on a busy machine.
 * So it is told the rate, and to believe it.
 */
static unsigned tsc_khz(void)
{
    const int64_t interval = 20000000; /* nanoseconds */
    struct timespec time;
    int64_t start, now;
    uint64_t ticks;

    clock_gettime(CLOCK_MONOTONIC_RAW, &time);
    start = time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
    ticks = __rdtsc();
    do {
        clock_gettime(CLOCK_MONOTONIC_RAW, &time);
        now = time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
    } while (now - start < interval);
    return (unsigned)((__rdtsc() - ticks) * 1000000 / (uint64_t)(now - start));
}

struct command {
    char *arguments[ARGUMENTS_MAX];
    char append[80];
    char memory[NUMBER_SIZE], cpus[NUMBER_SIZE], chardev[NUMBER_SIZE];
    char machine[256];
};

static void command_write(struct command *command, const struct qemu_options *options)
{
    bool kvm =
        options->accelerator == QEMU_KVM || (options->accelerator == QEMU_ANY && access("/dev/kvm", R_OK | W_OK) == 0);
    const char *const arguments[] = {
        options->program,
        "-M",
        command->machine,
        "-kernel",
        options->image,
        "-m",
        command->memory,
        "-smp",
        command->cpus,
        "-cpu",
        "max",
        "-accel",
        options->accelerator == QEMU_KVM ? "kvm" : "tcg",
        "-chardev",
        command->chardev,
        /* Kicks are handled where they are made. By eventfd a start kicks each queue once more than the guest does, and
         * the NSM device, seeing a request without its answer's buffer yet, was broken in about one boot of fifty. */
        "-global",
        "virtio-mmio.ioeventfd=off",
        "-display",
        "none",
        "-monitor",
        "none",
        "-serial",
        "stdio",
        /* Behind the measured command line: the image's reboot=k is for the real hypervisor, and slow here. */
        "-append",
        command->append,
        "-no-reboot",
    };
    size_t count = sizeof arguments / sizeof arguments[0];

    _Static_assert(sizeof arguments / sizeof arguments[0] < ARGUMENTS_MAX, "room for NULL");
    snprintf(command->append, sizeof command->append, "reboot=t panic=-1");
    if (!kvm) {
        size_t used = strlen(command->append);
        snprintf(command->append + used, sizeof command->append - used, " tsc=reliable tsc_early_khz=%u", tsc_khz());
    }
    snprintf(command->machine, sizeof command->machine, "nitro-enclave,vsock=c,id=%s", options->id);
    snprintf(command->memory, sizeof command->memory, "%" PRIu64 "M", options->memory >> 20);
    snprintf(command->cpus, sizeof command->cpus, "%u", options->cpus);
    snprintf(command->chardev, sizeof command->chardev, "socket,id=c,fd=%d", options->vsock);
    for (size_t i = 0; i < count; i++) {
        command->arguments[i] = (char *)arguments[i];
    }
    command->arguments[count] = NULL;
}

/* The child's part. Returns only if it fails: errno. */
static int become(const struct command *command, pid_t parent, int vsock, int console)
{
    sigset_t none;
    int null = open("/dev/null", O_RDONLY);

    /* Before the parent can have died unseen: whoever is our parent now is not who started us. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent) {
        return ESRCH;
    }
    setpgid(0, 0);
    signal(SIGPIPE, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(console, STDOUT_FILENO) < 0 || fcntl(vsock, F_SETFD, 0) < 0) {
        return errno;
    }
    execv(command->arguments[0], command->arguments);
    return errno;
}

/* What exec failed with, told through a pipe that a successful exec closes; 0 if it did not fail. */
static int exec_error(int pipe_end)
{
    int error = 0;
    ssize_t size;

    do {
        size = read(pipe_end, &error, sizeof error);
    } while (size < 0 && errno == EINTR);
    return size == (ssize_t)sizeof error ? -error : 0;
}

static void close_all(int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
}

int qemu_start(struct qemu *qemu, const struct qemu_options *options, struct reason *why)
{
    enum { CONSOLE, CONSOLE_IN, RESULT, RESULT_IN, PIPE_ENDS };
    int ends[PIPE_ENDS] = {-1, -1, -1, -1};
    struct command command;
    pid_t parent = getpid();
    int error;

    command_write(&command, options);
    for (int i = 0; i < PIPE_ENDS; i += 2) {
        if (pipe2(&ends[i], O_CLOEXEC) < 0) {
            error = reason_system(why, -errno, "no pipes for QEMU");
            close_all(ends, PIPE_ENDS);
            return error;
        }
    }
    qemu->pid = fork();
    if (qemu->pid == 0) {
        error = become(&command, parent, options->vsock, ends[CONSOLE_IN]);
        ssize_t unused = write(ends[RESULT_IN], &error, sizeof error);
        (void)unused;
        _exit(127);
    }
    error = qemu->pid < 0 ? -errno : 0;
    close_all((int[]){ends[CONSOLE_IN], ends[RESULT_IN]}, 2);
    if (error == 0) {
        error = exec_error(ends[RESULT]);
        if (error < 0) {
            waitpid(qemu->pid, NULL, 0);
        }
    }
    close(ends[RESULT]);
    if (error < 0) {
        close(ends[CONSOLE]);
        return reason_system(why, error, "%s can't be started", text_quote_string(options->program).text);
    }
    qemu->console = ends[CONSOLE];
    fcntl(qemu->console, F_SETFL, O_NONBLOCK);
    return 0;
}
