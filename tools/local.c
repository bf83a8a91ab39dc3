/* local: one run of an image on this machine: QEMU, its vsock device, the proxy, the secrets and the console. */
#include "tools/local.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/descriptors.h"
#include "base/file.h"
#include "base/text.h"
#include "base/wipe.h"
#include "tools/local_run.h"
#include "tools/verbs.h"

#define DESCRIPTORS 8192    /* asked for; each connection takes up to three here */
#define KVM_SILENCE_MS 5000 /* the kernel speaks within half a second */

/* ---- messages ---- */

void local_say(void *arg, const char *sentence)
{
    (void)arg;
    fprintf(stderr, "ingot run: %s\n", sentence);
}

/* Where the user reaches an inbound port: what --listen said, else the address of `to`. */
static void print_front(const struct run *run, const struct config_inbound *inbound)
{
    const char *scheme = inbound->tls == CONFIG_INBOUND_MUTUAL ? "https" : "http";
    size_t size = strlen(inbound->label);

    for (size_t i = 0; i < run->options->listen_count; i++) {
        const char *text = run->options->listen[i];
        if (strncmp(text, inbound->label, size) == 0 && text[size] == '=') {
            const char *address = text + size + 1;
            fprintf(stderr, " %s on %s://%s", inbound->label, scheme,
                strncmp(address, "tcp:", 4) == 0 ? address + 4 : address);
            return;
        }
    }
    fprintf(stderr, " %s on %s://127.0.0.1:%u", inbound->label, scheme, inbound->port);
}

void local_say_if_ready(struct run *run)
{
    if (run->heartbeat && (run->accepted || run->secrets == NULL) && !run->stopping) {
        fprintf(stderr, "ingot run: ready:");
        for (size_t i = 0; i < run->image.config.inbound_count; i++) {
            print_front(run, &run->image.config.inbound[i]);
        }
        local_parent_ready(run);
        fprintf(
            stderr, "%s\n", run->image.config.inbound_count == 0 ? " the enclave is up; it has no [inbound] port" : "");
        if (run->secrets == NULL && run->image.config.secrets.required_count > 0) {
            struct address to = local_enclave_port(run, run->image.config.secrets.port);
            char text[ADDRESS_TEXT_SIZE];
            fprintf(stderr, "ingot run: it still waits for its secrets; push with: %s push SECRETS.json --to %s\n",
                program_invocation_name, address_print(&to, text));
        }
    }
}

/* ---- the end ---- */

/* Ends QEMU, which has nothing to save; the loop stops when it is gone. */
void local_stop(struct run *run, int code)
{
    if (run->stopping) {
        return;
    }
    run->stopping = true;
    run->code = code;
    local_timeline_open(run); /* what ends from here on ends with the run */
    if (run->qemu.pid == 0) {
        loop_stop(run->loop);
        return;
    }
    kill(run->qemu.pid, SIGKILL);
}

/* A KVM that was asked for is not given up for software; whoever asked can. */
static void advise_on_kvm(const struct run *run)
{
    if (run->options->accelerator == QEMU_KVM && !run->console.any) {
        fprintf(stderr, "ingot run: if KVM does not work here, leave --accel kvm out: then software does its work\n");
    }
}

static void no_heartbeat(struct loop_timer *timer)
{
    struct run *run = timer->owner;

    fprintf(stderr, "ingot run: no heartbeat after %d s: the console's last line says how far it came\n",
        HEARTBEAT_WAIT_MS / 1000);
    advise_on_kvm(run);
    local_stop(run, EXIT_NO);
}

static uint64_t memory_of(const struct run *run)
{
    return run->options->memory != 0 ? run->options->memory : run->image.config.image.memory;
}

/* QEMU has ended by itself, and all that was said has been read. */
static void judge_end(struct run *run, int status)
{
    timeline_moment(&run->timeline, local_since(run), "end", run->console.last);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "ingot run: %s %s %d\n", text_quote_string(run->program).text,
            WIFEXITED(status) ? "ended with exit status" : "was ended by signal",
            WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
        advise_on_kvm(run);
        run->code = EXIT_SYSTEM;
    } else if (run->console.end == CONSOLE_IN_ORDER) {
        fprintf(stderr, "ingot run: the application has ended in order\n");
        run->code = EXIT_DONE;
    } else if (!run->console.any) {
        fprintf(stderr,
            "ingot run: the guest has ended before its first word: its memory (%llu MiB) is too small for the "
            "kernel to start, or the kernel is broken\n",
            (unsigned long long)(memory_of(run) >> 20));
        run->code = EXIT_NO;
    } else {
        fprintf(stderr, "ingot run: the enclave has ended; its last line was: %s\n",
            text_quote_string(run->console.last).text);
        run->code = EXIT_NO;
    }
}

/* ---- the guest ---- */

static void print_line(void *arg, const char *line, size_t size)
{
    struct run *run = arg;

    int64_t since = local_since(run);
    bool timed =
        run->options->no_times || printf("[%4lld.%03lld] ", (long long)(since / 1000), (long long)(since % 1000)) > 0;
    timeline_line(&run->timeline, since, line);
    if (!timed || fwrite(line, 1, size, stdout) != size || fputc('\n', stdout) == EOF || fflush(stdout) != 0) {
        fprintf(stderr, "ingot run: nobody reads the console any more\n");
        local_stop(run, EXIT_SYSTEM);
    }
    if (run->console_copy != NULL) {
        fprintf(run->console_copy, "%s\n", line);
        fflush(run->console_copy);
    }
}

/* False: there is no more, now or ever. */
static bool read_console(struct run *run)
{
    char bytes[4096];
    ssize_t size = read(run->qemu.console, bytes, sizeof bytes);

    if (size > 0) {
        console_feed(&run->console, bytes, (size_t)size);
    }
    return size > 0;
}

/* A pipe without bytes has a hangup, which would be reported for ever. */
static void console_ready(struct loop_watch *watch, unsigned events)
{
    struct run *run = watch->owner;

    if (!read_console(run) && events & LOOP_HANGUP) {
        loop_unwatch(run->loop, watch);
    }
}

static void heartbeat(void *arg)
{
    struct run *run = arg;

    run->heartbeat = true;
    timeline_heartbeat(&run->timeline, local_since(run));
    if (!run->stopping) {
        loop_cancel(run->loop, &run->deadline);
    }
    local_say_if_ready(run);
}

static void device_ended(void *arg, const struct reason *why)
{
    struct run *run = arg;

    if (why != NULL && !run->stopping) {
        fprintf(stderr, "ingot run: QEMU can't be understood: %s\n", why->text);
        local_stop(run, EXIT_SYSTEM);
    }
}

static int open_emulator(struct run *run, struct reason *why)
{
    const struct emulator_options options = {
        .folder = run->folder,
        .faults = run->options->faults,
        .heartbeat = heartbeat,
        .ended = device_ended,
        .log = local_say,
        .arg = run,
    };

    return emulator_open(&run->emulator, run->loop, &options, why);
}

int local_console_open(struct run *run, int fd)
{
    run->qemu.console = fd;
    return loop_watch(run->loop, &run->console_watch, fd, LOOP_READ);
}

void local_console_close(struct run *run)
{
    while (read_console(run)) {
    }
    console_finish(&run->console);
    loop_unwatch(run->loop, &run->console_watch);
    close(run->qemu.console);
}

static int start_qemu(struct run *run, struct reason *why)
{
    int vsock = emulator_descriptor(run->emulator);
    const struct qemu_options options = {
        .program = run->program,
        .image = run->options->image,
        .id = run->image.config.image.name,
        .memory = memory_of(run),
        .cpus = run->options->cpus != 0 ? run->options->cpus : run->image.config.image.cpus,
        .accelerator = run->accelerator,
        .vsock = vsock,
    };
    if (run->started == 0) {
        run->started = loop_now(run->loop);
    }
    int error = qemu_start(&run->qemu, &options, why);

    close(vsock);
    if (error < 0) {
        run->qemu.pid = 0;
        return error;
    }
    error = local_console_open(run, run->qemu.console);
    return error < 0 ? reason_system(why, error, "QEMU's console can't be watched") : 0;
}

/* Reads what is left of QEMU's output and forgets QEMU, which is gone. */
static void forget_qemu(struct run *run)
{
    local_console_close(run);
    run->qemu.pid = 0;
}

/*
 * /dev/kvm can be there and of no use (inside some virtual machines): QEMU then ends, or says nothing for ever.
 * 0: it runs again, in software. 1: that was not the case. -errno.
 */
static int try_without_kvm(struct run *run, struct reason *why)
{
    if (!run->may_fall_back || run->stopping || run->console.any) {
        return 1;
    }
    fprintf(stderr, "ingot run: KVM does not work here; starting again in software (as with --accel tcg)\n");
    run->may_fall_back = false;
    run->accelerator = QEMU_TCG;
    emulator_close(run->emulator);
    run->emulator = NULL;
    int error = open_emulator(run, why);
    return error < 0 ? error : start_qemu(run, why);
}

static void kvm_is_silent(struct loop_timer *timer)
{
    struct run *run = timer->owner;

    if (run->may_fall_back && !run->console.any && run->qemu.pid > 0) {
        kill(run->qemu.pid, SIGKILL); /* and when it is gone, try_without_kvm() */
    }
}

static void qemu_ended(struct run *run, int status)
{
    struct reason why;

    forget_qemu(run);
    int result = try_without_kvm(run, &why);
    if (result == 0) {
        return;
    }
    if (result < 0) {
        fprintf(stderr, "ingot run: %s\n", why.text);
        run->code = EXIT_SYSTEM;
    } else if (!run->stopping) {
        judge_end(run, status);
    }
    loop_stop(run->loop);
}

static void signals_ready(struct loop_watch *watch, unsigned events)
{
    struct run *run = watch->owner;
    struct signalfd_siginfo info;
    int status;

    (void)events;
    while (read(watch->fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo != SIGCHLD && !run->stopping) {
            fprintf(stderr, "ingot run: ending, as asked\n");
            local_stop(run, EXIT_DONE);
        }
    }
    if (run->qemu.pid > 0 && waitpid(run->qemu.pid, &status, WNOHANG) == run->qemu.pid) {
        qemu_ended(run, status);
    }
}

/* ---- setting up ---- */

static int read_secrets(struct run *run, struct reason *why)
{
    const char *path = run->options->secrets;

    if (path == NULL) {
        return 0;
    }
    if (run->image.config.secrets.mode == CONFIG_SECRETS_NONE) {
        return reason_set(
            why, -EINVAL, "--secrets %s: the image has no [secrets] and takes none", text_quote_string(path).text);
    }
    int error = file_read(path, PUSH_SECRETS_MAX, &run->secrets, &run->secrets_size, why);
    return error < 0 ? error : push_check(run->secrets, run->secrets_size, path, why);
}

static int choose_folder(struct run *run, struct reason *why)
{
    const char *base = getenv("TMPDIR");

    if (run->options->folder != NULL) {
        if (strlen(run->options->folder) > PEERS_FOLDER_MAX) {
            return reason_set(why, -ENAMETOOLONG,
                "--vsock %s: at most %d bytes, for sockets in it must have short names",
                text_quote_string(run->options->folder).text, PEERS_FOLDER_MAX);
        }
        snprintf(run->folder, sizeof run->folder, "%s", run->options->folder);
        return 0;
    }
    int size = snprintf(run->folder, sizeof run->folder, "%s/ingot-run.XXXXXX", base != NULL && *base ? base : "/tmp");
    if (size >= (int)sizeof run->folder) {
        return reason_set(why, -ENAMETOOLONG, "TMPDIR is too long a name: choose a folder with --vsock DIR");
    }
    if (mkdtemp(run->folder) == NULL) {
        return reason_system(why, -errno, "no folder %s can be made", text_quote_string(run->folder).text);
    }
    run->own_folder = true;
    return 0;
}

static int watch_signals(struct run *run, struct reason *why)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGCHLD);
    signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0) {
        return reason_system(why, -errno, "signals can't be blocked");
    }
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0) {
        return reason_system(why, -errno, "signals can't be read");
    }
    int error = loop_watch(run->loop, &run->signals, fd, LOOP_READ);
    if (error < 0) {
        close(fd);
        return reason_system(why, error, "signals can't be watched");
    }
    return 0;
}

static int open_console_copy(struct run *run, struct reason *why)
{
    if (run->options->console == NULL) {
        return 0;
    }
    run->console_copy = fopen(run->options->console, "we");
    return run->console_copy == NULL
               ? reason_system(why, -errno, "--console %s", text_quote_string(run->options->console).text)
               : 0;
}

static int set_up_here(struct run *run, struct reason *why)
{
    int error = qemu_find(run->program, run->options->qemu, why);

    if (error < 0 || (error = choose_folder(run, why)) < 0 || (error = open_emulator(run, why)) < 0 ||
        (error = local_proxy_open(run, why)) < 0 || (error = start_qemu(run, why)) < 0) {
        return error;
    }
    loop_after(run->loop, &run->deadline, HEARTBEAT_WAIT_MS);
    if (run->may_fall_back) {
        loop_after(run->loop, &run->silence, KVM_SILENCE_MS);
    }
    return local_push_start(run, why);
}

static int set_up_ec2(struct run *run, struct reason *why)
{
    int error = run->options->folder != NULL ? choose_folder(run, why) : 0;

    return error < 0 ? error : run_ec2_start(run, why);
}

static int set_up(struct run *run, struct reason *why)
{
    int error = loop_open(&run->loop);

    if (error < 0) {
        return reason_system(why, error, "no event loop");
    }
    descriptors_raise(DESCRIPTORS, NULL); /* fewer do for a few connections */
    /* The picture is drawn at the end: whether it can be written shows before the boot. */
    if ((error = read_secrets(run, why)) < 0 || (error = open_console_copy(run, why)) < 0 ||
        (error = local_timeline_check(run, why)) < 0 || (error = watch_signals(run, why)) < 0) {
        return error;
    }
    return run->options->on_ec2 ? set_up_ec2(run, why) : set_up_here(run, why);
}

/* Ends a QEMU that is still there after a failure. */
static void end_qemu(struct run *run)
{
    if (run->qemu.pid > 0) {
        kill(run->qemu.pid, SIGKILL);
        waitpid(run->qemu.pid, NULL, 0);
        forget_qemu(run);
    }
}

static void tear_down(struct run *run)
{
    end_qemu(run);
    push_cancel(run->push);
    local_proxy_close(run);
    emulator_close(run->emulator);
    if (run->own_folder) {
        rmdir(run->folder);
    }
    if (run->signals.active) {
        int fd = run->signals.fd;
        loop_unwatch(run->loop, &run->signals);
        close(fd);
    }
    if (run->console_copy != NULL) {
        fclose(run->console_copy);
    }
    wipe_free(run->secrets, run->secrets_size);
    loop_close(run->loop);
}

int local_run(const struct local_options *options, int *code, struct reason *why)
{
    struct run *run = calloc(1, sizeof *run);
    struct reason unused;
    int error;

    if (run == NULL) {
        return reason_system(why, -ENOMEM, "can't start");
    }
    run->options = options;
    run->may_fall_back = options->accelerator == QEMU_ANY && qemu_has_kvm();
    run->accelerator = options->accelerator != QEMU_ANY ? options->accelerator
                       : run->may_fall_back             ? QEMU_KVM
                                                        : QEMU_TCG;
    run->signals = (struct loop_watch){.ready = signals_ready, .owner = run};
    run->console_watch = (struct loop_watch){.ready = console_ready, .owner = run};
    run->deadline = (struct loop_timer){.fired = no_heartbeat, .owner = run};
    run->silence = (struct loop_timer){.fired = kvm_is_silent, .owner = run};
    run->console.line_ready = print_line;
    run->console.arg = run;
    *code = EXIT_SYSTEM;
    error = image_open(options->image, &run->image, why);
    if (error < 0) {
        free(run);
        return error;
    }
    options->faults->secrets_port = run->image.config.secrets.port;
    error = set_up(run, why);
    if (error == 0) {
        error = loop_run(run->loop);
        if (error < 0) {
            reason_system(why, error, "the event loop failed");
        }
    }
    end_qemu(run);
    run_ec2_end(run);
    *code = run->code;
    int drawn = local_timeline_write(run, error < 0 ? &unused : why);
    if (error == 0 && drawn < 0) {
        error = drawn;
        *code = EXIT_SYSTEM;
    }
    tear_down(run);
    image_close(&run->image);
    free(run);
    return error;
}
