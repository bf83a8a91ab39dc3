/* confine: tests init/confine: what a user's program is refused and may do, and how a role ends that leaves its list.
 */
#include "init/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "init/roles.h"

#define TEXT_MAX 1024
#define FINE 42

static char said[TEXT_MAX]; /* what the last child wrote to its stderr */

/* Before _exit(), and any function that is known not to return, the address sanitizer makes calls of its own. */
static void end(int code)
{
    (void)syscall(SYS_exit_group, code);
}

/* Runs body in a child behind a filter (role NULL: a user's program); its wait status. */
static int confined(const char *role, void (*body)(void))
{
    int ends[2];
    int status;
    size_t used = 0;
    ssize_t got;
    pid_t child;

    assert_int_equal(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        struct reason why = {""};
        (void)dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        if ((role != NULL ? confine_filter_role(role, &why) : confine_filter_program(&why)) < 0) {
            (void)dprintf(STDERR_FILENO, "%s", why.text);
            _exit(1);
        }
        body();
        end(FINE);
    }
    close(ends[1]);
    while (used < sizeof said - 1 && (got = read(ends[0], said + used, sizeof said - 1 - used)) > 0) {
        used += (size_t)got;
    }
    said[used] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

/* Ends the child where a thing is not so; nothing of cmocka works behind a filter. */
#define require(condition)                                                                                             \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            (void)dprintf(STDERR_FILENO, "line %d: not so: %s (errno %d)", __LINE__, #condition, errno);               \
            end(1);                                                                                                    \
        }                                                                                                              \
    } while (0)

#define assert_fine(status)                                                                                            \
    do {                                                                                                               \
        if (!WIFEXITED(status) || WEXITSTATUS(status) != FINE) {                                                       \
            fail_msg("status %x: %s", (unsigned)(status), said);                                                       \
        }                                                                                                              \
    } while (0)

/* The role ended itself and named the call's number. */
static void assert_refused(int status, const char *role, long call)
{
    char expected[64];

    (void)snprintf(expected, sizeof expected, "made system call %ld,", call);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 111 || strstr(said, role) == NULL ||
        strstr(said, expected) == NULL) {
        fail_msg("status %x, \"%s\": no refusal of call %ld", (unsigned)status, said, call);
    }
}

static int socket_error(int family, int type)
{
    int fd = socket(family, type, 0);

    if (fd >= 0) {
        close(fd);
        return 0;
    }
    return errno;
}

static void families(void)
{
    int pair[2];

    require(socket_error(AF_INET, SOCK_STREAM) == 0);
    require(socket_error(AF_INET, SOCK_DGRAM) == 0);
    require(socket_error(AF_UNIX, SOCK_STREAM) == 0);
    require(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    for (int family = 0; family < 64; family++) {
        if (family != AF_INET && family != AF_UNIX) {
            require(socket_error(family, SOCK_STREAM) == EAFNOSUPPORT);
            require(socketpair(family, SOCK_STREAM, 0, pair) == -1 && errno == EAFNOSUPPORT);
        }
    }
    /* The kernel looks at 32 bits only: the upper half of the register changes nothing. */
    require(syscall(SYS_socket, (1L << 32) | AF_VSOCK, SOCK_STREAM, 0) == -1 && errno == EAFNOSUPPORT);
}

static void a_program_opens_only_inet_and_unix_sockets(void **state)
{
    (void)state;
    assert_fine(confined(NULL, families));
}

/* Arguments that would do no harm to the machine of the tests if the filter let them through. */
static void denied_calls(void)
{
    static const long calls[] = {
        SYS_add_key,
        SYS_bpf,
        SYS_chroot,
        SYS_clock_settime,
        SYS_delete_module,
        SYS_finit_module,
        SYS_init_module,
        SYS_io_uring_setup,
        SYS_kcmp,
        SYS_kexec_file_load,
        SYS_keyctl,
        SYS_mount,
        SYS_move_mount,
        SYS_open_by_handle_at,
        SYS_open_tree,
        SYS_perf_event_open,
        SYS_pidfd_getfd,
        SYS_pivot_root,
        SYS_process_madvise,
        SYS_process_vm_readv,
        SYS_process_vm_writev,
        SYS_ptrace,
        SYS_reboot,
        SYS_request_key,
        SYS_setns,
        SYS_settimeofday,
        SYS_swapoff,
        SYS_swapon,
        SYS_syslog,
        SYS_umount2,
        SYS_unshare,
        SYS_userfaultfd,
    };

    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        errno = 0;
        if (syscall(calls[i], -1, NULL, NULL, NULL, NULL) != -1 || errno != EPERM) {
            (void)dprintf(STDERR_FILENO, "call %ld: errno %d", calls[i], errno);
            _exit(1);
        }
    }
}

static void a_program_may_not_steer_the_kernel(void **state)
{
    (void)state;
    assert_fine(confined(NULL, denied_calls));
}

static void namespaces(void)
{
    static const unsigned long flags[] = {
        CLONE_NEWNS,
        CLONE_NEWCGROUP,
        CLONE_NEWUTS,
        CLONE_NEWIPC,
        CLONE_NEWUSER,
        CLONE_NEWPID,
        CLONE_NEWNET,
    };

    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        require(syscall(SYS_clone, flags[i] | SIGCHLD, NULL, NULL, NULL, NULL) == -1 && errno == EPERM);
    }
    require(syscall(SYS_clone3, NULL, 0) == -1 && errno == ENOSYS);
}

static void a_program_makes_no_namespaces(void **state)
{
    (void)state;
    assert_fine(confined(NULL, namespaces));
}

static int ioctl_error(unsigned long request)
{
    char argument[128] = {0};

    return syscall(SYS_ioctl, STDIN_FILENO, request, argument) == -1 ? errno : 0;
}

/* On what is no terminal: what is let through fails with ENOTTY. */
static void terminals(void)
{
    static const unsigned long asked[] = {TCGETS, TIOCGWINSZ, TIOCGPGRP, TIOCOUTQ};
    static const unsigned long changed[] = {TCSETS, TCSETSW, TCSETSF, TCXONC, TCSBRK, TCSBRKP, TCFLSH, TIOCSTI,
        TIOCSCTTY, TIOCNOTTY, TIOCEXCL, TIOCSETD, TIOCCONS, TIOCSWINSZ, TIOCSPGRP, TIOCVHANGUP,
        0x402c542b /* TCSETS2 */};

    require(dup2(open("/dev/null", O_RDWR), STDIN_FILENO) == STDIN_FILENO);
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        require(ioctl_error(asked[i]) == ENOTTY);
    }
    for (size_t i = 0; i < sizeof changed / sizeof changed[0]; i++) {
        require(ioctl_error(changed[i]) == EPERM);
        require(ioctl_error(changed[i] | 1UL << 32) == EPERM);
    }
    require(ioctl_error(FIONBIO) == 0 || errno == ENOTTY);
    require(ioctl_error(0x8927) == ENOTTY); /* SIOCGIFHWADDR: of another kind */
}

static void a_program_asks_a_terminal_and_changes_none(void **state)
{
    (void)state;
    assert_fine(confined(NULL, terminals));
}

static void *thread(void *arg)
{
    *(int *)arg = 7;
    return NULL;
}

static void daily_work(void)
{
    pthread_t id;
    int value = 0;
    int status;
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    void *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pid_t child;

    require(fd >= 0 && write(fd, "x", 1) == 1);
    require(map != MAP_FAILED && mprotect(map, 4096, PROT_READ | PROT_EXEC) == 0); /* a JIT compiler's */
    require(pthread_create(&id, NULL, thread, &value) == 0 && pthread_join(id, NULL) == 0 && value == 7);
    child = fork();
    if (child == 0) { /* what it starts has the same list */
        execl("/bin/sh", "sh", "-c", "test -r /dev/null && exit 9", (char *)NULL);
        _exit(1);
    }
    require(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 9);
    child = fork();
    if (child == 0) {
        _exit(socket_error(AF_VSOCK, SOCK_STREAM) == EAFNOSUPPORT ? 9 : 1);
    }
    require(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 9);
}

static void a_program_does_its_daily_work(void **state)
{
    (void)state;
    assert_fine(confined(NULL, daily_work));
}

static void x32_call(void)
{
    (void)syscall(0x40000000 | SYS_getpid);
}

static void i386_call(void)
{
    long number = 20; /* getpid */
    __asm__ volatile("int $0x80" : "+a"(number) : : "memory", "r8", "r9", "r10", "r11");
}

static void calls_of_another_architecture_kill(void **state)
{
    int status;

    (void)state;
    status = confined(NULL, x32_call);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
    status = confined(NULL, i386_call);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
    status = confined(ROLE_RELAY, x32_call);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

static void open_file(void)
{
    (void)syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY);
}

static void make_process(void)
{
    (void)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
}

static void run_program(void)
{
    (void)syscall(SYS_execve, "/bin/true", NULL, NULL);
}

static void map_code(void)
{
    (void)syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void make_code(void)
{
    (void)syscall(SYS_mprotect, NULL, 0, PROT_EXEC);
}

static void open_socket(void)
{
    (void)syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
}

static void reset_handler(void)
{
    (void)syscall(SYS_rt_sigaction, SIGSYS, NULL, NULL, 8);
}

/* Several pushes have the same user: one must not reach into another. */
static void signal_another(void)
{
    (void)syscall(SYS_tkill, 1, 0);
}

static void a_role_that_leaves_its_list_ends_and_says_where(void **state)
{
    static const char *const roles[] = {ROLE_RELAY, ROLE_SECRETS, ROLE_APP};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_refused(confined(roles[i], make_process), roles[i], SYS_clone);
        assert_refused(confined(roles[i], run_program), roles[i], SYS_execve);
        assert_refused(confined(roles[i], map_code), roles[i], SYS_mmap);
        assert_refused(confined(roles[i], make_code), roles[i], SYS_mprotect);
        assert_refused(confined(roles[i], reset_handler), roles[i], SYS_rt_sigaction);
        assert_refused(confined(roles[i], signal_another), roles[i], SYS_tkill);
    }
    assert_refused(confined(ROLE_RELAY, open_file), ROLE_RELAY, SYS_openat);
    assert_refused(confined(ROLE_SECRETS, open_file), ROLE_SECRETS, SYS_openat);
    assert_refused(confined(ROLE_SECRETS, open_socket), ROLE_SECRETS, SYS_socket);
}

static void relays_work(void)
{
    char text[8] = "";
    void *memory;
    int fd;

    require(socket_error(AF_INET, SOCK_STREAM) == 0);
    require(socket_error(AF_VSOCK, SOCK_STREAM) != EAFNOSUPPORT);
    require(socket_error(AF_UNIX, SOCK_STREAM) == EAFNOSUPPORT);
    require(socket_error(AF_NETLINK, SOCK_RAW) == EAFNOSUPPORT);
    fd = epoll_create1(EPOLL_CLOEXEC);
    require(fd >= 0);
    close(fd);
    memory = malloc(1 << 20);
    require(memory != NULL);
    free(memory);
    require(snprintf(text, sizeof text, "%d", 5) == 1);
}

static void apps_work(void)
{
    int fd;

    require(socket_error(AF_INET, SOCK_STREAM) == 0);
    require(socket_error(AF_UNIX, SOCK_STREAM) == 0);
    require(socket_error(AF_VSOCK, SOCK_STREAM) == EAFNOSUPPORT);
    require(socket_error(AF_INET6, SOCK_STREAM) == EAFNOSUPPORT);
    fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    require(fd >= 0);
    close(fd);
}

static void secrets_work(void)
{
    int fd = memfd_create("secrets", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    require(fd >= 0 && ftruncate(fd, 4096) == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_GROW) == 0);
    close(fd);
}

static void each_role_has_what_it_needs(void **state)
{
    (void)state;
    assert_fine(confined(ROLE_RELAY, relays_work));
    assert_fine(confined(ROLE_APP, apps_work));
    assert_fine(confined(ROLE_SECRETS, secrets_work));
}

static void an_unknown_role_is_refused(void **state)
{
    struct reason why;

    (void)state;
    assert_int_equal(confine_filter_role("nobody", &why), -EINVAL);
    assert_string_equal(why.text, "\"nobody\" is no role");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_program_opens_only_inet_and_unix_sockets),
        cmocka_unit_test(a_program_may_not_steer_the_kernel),
        cmocka_unit_test(a_program_makes_no_namespaces),
        cmocka_unit_test(a_program_asks_a_terminal_and_changes_none),
        cmocka_unit_test(a_program_does_its_daily_work),
        cmocka_unit_test(calls_of_another_architecture_kill),
        cmocka_unit_test(a_role_that_leaves_its_list_ends_and_says_where),
        cmocka_unit_test(each_role_has_what_it_needs),
        cmocka_unit_test(an_unknown_role_is_refused),
    };
    return cmocka_run_group_tests_name("confine", tests, NULL, NULL);
}
