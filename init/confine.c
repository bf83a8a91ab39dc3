/* confine: takes away from a process all that it does not need, before it reads its first foreign byte. */
#include "init/confine.h"

#include <errno.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/text.h"
#include "init/filter.h"
#include "init/log.h"
#include "init/roles.h"

/* What malloc, stdio, the event loop and an orderly end take, in every role; the frequent ones first. */
static const unsigned calls_common[] = {
    SYS_epoll_wait,
    SYS_epoll_pwait,
    SYS_epoll_ctl,
    SYS_read,
    SYS_write,
    SYS_readv,
    SYS_writev,
    SYS_recvfrom,
    SYS_sendto,
    SYS_recvmsg,
    SYS_sendmsg,
    SYS_shutdown,
    SYS_close,
    SYS_poll,
    SYS_ppoll,
    SYS_clock_gettime,
    SYS_gettimeofday,
    SYS_time,
    SYS_epoll_create1,
    SYS_fcntl,
    SYS_fstat,
    SYS_brk,
    SYS_munmap,
    SYS_mremap,
    SYS_madvise,
    SYS_futex,
    SYS_getrandom,
    SYS_getpid,
    SYS_gettid,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_restart_syscall,
    SYS_exit,
    SYS_exit_group,
};
static const struct filter_rule rules_common[] = {
    {SYS_mmap, FILTER_NO_BITS, 2, {PROT_EXEC}, SECCOMP_RET_ALLOW, SECCOMP_RET_TRAP},
    {SYS_mprotect, FILTER_NO_BITS, 2, {PROT_EXEC}, SECCOMP_RET_ALLOW, SECCOMP_RET_TRAP},
    {SYS_ioctl, FILTER_ONE_OF, 1, {TIOCGWINSZ, FIONREAD}, SECCOMP_RET_ALLOW, SECCOMP_RET_TRAP},
};

static const unsigned calls_sockets[] = {
    SYS_accept4,
    SYS_connect,
    SYS_getsockopt,
    SYS_setsockopt,
    SYS_getsockname,
    SYS_getpeername,
    SYS_bind,
};
static const unsigned calls_files[] = {
    SYS_open,
    SYS_openat,
    SYS_lseek,
    SYS_pread64,
    SYS_stat,
    SYS_lstat,
    SYS_newfstatat,
    SYS_access,
    SYS_readlink,
};
static const unsigned calls_secrets[] = {SYS_memfd_create, SYS_ftruncate, SYS_lseek, SYS_pread64};

#define NO_FAMILY (SECCOMP_RET_ERRNO | EAFNOSUPPORT)
static const struct filter_rule rules_relay[] = {
    {SYS_socket, FILTER_ONE_OF, 0, {AF_INET, AF_VSOCK}, SECCOMP_RET_ALLOW, NO_FAMILY},
};
static const struct filter_rule rules_app[] = {
    {SYS_socket, FILTER_ONE_OF, 0, {AF_INET, AF_UNIX}, SECCOMP_RET_ALLOW, NO_FAMILY},
};

/* What a user's program is refused with EPERM, though its user could not do most of it either. */
static const unsigned calls_denied[] = {
    SYS_acct,
    SYS_add_key,
    SYS_adjtimex,
    SYS_bpf,
    SYS_chroot,
    SYS_clock_adjtime,
    SYS_clock_settime,
    SYS_delete_module,
    SYS_fanotify_init,
    SYS_finit_module,
    SYS_fsconfig,
    SYS_fsmount,
    SYS_fsopen,
    SYS_fspick,
    SYS_init_module,
    SYS_io_uring_enter,
    SYS_io_uring_register,
    SYS_io_uring_setup,
    SYS_ioperm,
    SYS_iopl,
    SYS_kcmp,
    SYS_kexec_file_load,
    SYS_kexec_load,
    SYS_keyctl,
    SYS_modify_ldt,
    SYS_mount,
    SYS_mount_setattr,
    SYS_move_mount,
    SYS_name_to_handle_at,
    SYS_open_by_handle_at,
    SYS_open_tree,
    SYS_perf_event_open,
    SYS_pidfd_getfd,
    SYS_pivot_root,
    SYS_process_madvise,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_ptrace,
    SYS_quotactl,
    SYS_quotactl_fd,
    SYS_reboot,
    SYS_request_key,
    SYS_setdomainname,
    SYS_sethostname,
    SYS_setns,
    SYS_settimeofday,
    SYS_swapoff,
    SYS_swapon,
    SYS_syslog,
    SYS_umount2,
    SYS_unshare,
    SYS_userfaultfd,
    SYS_vhangup,
};
#define NO_PERMISSION (SECCOMP_RET_ERRNO | EPERM)
#define TERMINAL 0x5400         /* 'T' << 8: <asm-generic/ioctls.h> */
#define TERMINAL_GET 0x802c542a /* TCGETS2, which C libraries define differently */
#define NAMESPACES                                                                                                     \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)
static const struct filter_rule rules_program[] = {
    {SYS_socket, FILTER_ONE_OF, 0, {AF_INET, AF_UNIX}, SECCOMP_RET_ALLOW, NO_FAMILY},
    {SYS_socketpair, FILTER_ONE_OF, 0, {AF_INET, AF_UNIX}, SECCOMP_RET_ALLOW, NO_FAMILY},
    /* Of a terminal, questions only: the console is everybody's, and must not be stopped, taken or set. */
    {SYS_ioctl, FILTER_OF_KIND, 1,
        {TERMINAL, TCGETS, TERMINAL_GET, TIOCGPGRP, TIOCGWINSZ, TIOCOUTQ, FIONREAD, FIONBIO, FIOASYNC, FIOCLEX,
            FIONCLEX},
        SECCOMP_RET_ALLOW, NO_PERMISSION},
    {SYS_clone, FILTER_NO_BITS, 0, {NAMESPACES}, SECCOMP_RET_ALLOW, NO_PERMISSION},
    /* Its flags lie in memory, where no filter sees them; every C library falls back to clone() from this answer. */
    {SYS_clone3, FILTER_ALWAYS, 0, {0}, SECCOMP_RET_ERRNO | ENOSYS, 0},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Descriptors of the relay: two for each connection, its listeners, and a few of its own. */
#define FILES_SPARE 32
/* Of an application beside its clients and, for a look at each endpoint's health, one for each. */
#define FILES_APP 1024
#define SECRETS_SECONDS 10 /* of CPU */

static const struct role {
    const char *name;
    uid_t user;
    const char *root;
    const unsigned *calls;
    size_t call_count;
    const struct filter_rule *rules;
    size_t rule_count;
    bool files;
} roles[] = {
    {ROLE_RELAY, ROLE_UID_RELAY, CONFINE_EMPTY, calls_sockets, COUNT(calls_sockets), rules_relay, COUNT(rules_relay),
        false},
    {ROLE_SECRETS, ROLE_UID_SECRETS, CONFINE_EMPTY, calls_secrets, COUNT(calls_secrets), NULL, 0, false},
    {ROLE_APP, ROLE_UID_APP, "/" CONFIG_PATH_ROOTFS, calls_sockets, COUNT(calls_sockets), rules_app, COUNT(rules_app),
        true},
};

static const struct role *role_find(const char *name)
{
    for (size_t i = 0; i < COUNT(roles); i++) {
        if (strcmp(roles[i].name, name) == 0) {
            return &roles[i];
        }
    }
    return NULL;
}

static const char *confined_as = "?";

/* The call was not made. Nothing of the process is in use any more, so that formatting here is safe enough. */
static void refused(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)context;
    log_line(confined_as, "made system call %d, which is not on its list (init/confine.c)", info->si_syscall);
    (void)syscall(SYS_exit_group, 111); /* the call alone: around _exit() a sanitizer makes others, not on the list */
}

static int install(struct filter *filter, uint32_t otherwise, struct reason *why)
{
    struct sock_fprog program;
    int error = filter_finish(filter, otherwise);

    if (error < 0) {
        return reason_set(why, error, "the list of system calls is longer than %d instructions", FILTER_MAX);
    }
    program = (struct sock_fprog){.len = filter->used, .filter = filter->code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0) {
        return reason_system(why, -errno, "the kernel does not take the list of system calls");
    }
    return 0;
}

int confine_filter_role(const char *name, struct reason *why)
{
    const struct role *role = role_find(name);
    struct sigaction action = {.sa_sigaction = refused, .sa_flags = SA_SIGINFO};
    struct filter filter;

    if (role == NULL) {
        return reason_set(why, -EINVAL, "%s is no role", text_quote_string(name).text);
    }
    confined_as = role->name;
    if (sigaction(SIGSYS, &action, NULL) < 0) {
        return reason_system(why, -errno, "no handler for refused system calls");
    }
    filter_start(&filter);
    filter_calls(&filter, calls_common, COUNT(calls_common), SECCOMP_RET_ALLOW);
    filter_calls(&filter, role->calls, role->call_count, SECCOMP_RET_ALLOW);
    filter_calls(&filter, calls_files, role->files ? COUNT(calls_files) : 0, SECCOMP_RET_ALLOW);
    filter_rules(&filter, rules_common, COUNT(rules_common));
    filter_rules(&filter, role->rules, role->rule_count);
    return install(&filter, SECCOMP_RET_TRAP, why);
}

int confine_filter_program(struct reason *why)
{
    struct filter filter;

    filter_start(&filter);
    filter_rules(&filter, rules_program, COUNT(rules_program));
    filter_calls(&filter, calls_denied, COUNT(calls_denied), NO_PERMISSION);
    return install(&filter, SECCOMP_RET_ALLOW, why);
}

static int limit(int resource, rlim_t value)
{
    struct rlimit both = {value, value};

    /* setrlimit()'s first argument has another type in each C library. */
    return syscall(SYS_prlimit64, 0, resource, &both, NULL) < 0 ? -errno : 0;
}

static int become(const char *root, uid_t user, struct reason *why)
{
    if (chroot(root) < 0 || chdir("/") < 0) {
        return reason_system(why, -errno, "cannot make %s the root folder", root);
    }
    if (setgroups(0, NULL) < 0 || setgid(user) < 0 || setuid(user) < 0) {
        return reason_system(why, -errno, "cannot become user %u", (unsigned)user);
    }
    return 0;
}

static rlim_t role_files(const struct role *role, const struct config *config)
{
    rlim_t listeners = config->endpoint_count + config->inbound_count;

    return role->user == ROLE_UID_RELAY ? 2 * (rlim_t)config->connections + listeners + FILES_SPARE
           : role->user == ROLE_UID_APP ? FILES_APP + (rlim_t)config->connections + listeners
                                        : FILES_SPARE;
}

static int limit_role(const struct role *role, const struct config *config)
{
    int error = limit(RLIMIT_CORE, 0);

    error = error < 0 ? error : limit(RLIMIT_NOFILE, role_files(role, config));
    error = error < 0 ? error : limit(RLIMIT_NPROC, 0);
    if (role->user == ROLE_UID_SECRETS) {
        error = error < 0 ? error : limit(RLIMIT_AS, CONFINE_PUSH_MEMORY);
        error = error < 0 ? error : limit(RLIMIT_CPU, SECRETS_SECONDS);
    }
    return error;
}

int confine_role(const char *name, const struct config *config, struct reason *why)
{
    const struct role *role = role_find(name);
    int error;

    if (role == NULL) {
        return reason_set(why, -EINVAL, "%s is no role", text_quote_string(name).text);
    }
    error = limit_role(role, config);
    if (error < 0) {
        return reason_system(why, error, "cannot limit the role");
    }
    (void)signal(SIGPIPE, SIG_IGN);
    error = become(role->root, role->user, why);
    if (error < 0) {
        return error;
    }
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) {
        return reason_system(why, -errno, "cannot close the process to debuggers");
    }
    return confine_filter_role(name, why);
}

int confine_program(struct reason *why)
{
    int error = limit(RLIMIT_CORE, 0);

    error = error < 0 ? error : limit(RLIMIT_NOFILE, FILES_APP);
    if (error < 0) {
        return reason_system(why, error, "cannot limit the program");
    }
    error = become("/" CONFIG_PATH_ROOTFS, ROLE_UID_APP, why);
    return error < 0 ? error : confine_filter_program(why);
}
