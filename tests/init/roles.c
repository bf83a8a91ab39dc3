/* roles: tests init/roles: a role has its descriptors at their numbers, nothing else, and no environment. */
#include "init/roles.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/pass.h"
#include "init/enclave.h"
#include "init/log.h"

#define PROBE "probe" /* the role that this program plays for itself */
#define LISTENERS 40
#define START "12345"

extern char **environ;

/* As the role: 0 where all is as roles.h says, else the line. */
static int probe(int argc, char **argv)
{
    char byte;

    if (argc != 2 || strcmp(argv[1], START) != 0) {
        return __LINE__;
    }
    for (char **variable = environ; *variable != NULL; variable++) {
        return __LINE__;
    }
    for (int i = 0; i < LISTENERS; i++) { /* pipe i holds the byte i */
        if (read(ROLE_FIRST + i, &byte, 1) != 1 || byte != (char)i ||
            (fcntl(ROLE_FIRST + i, F_GETFD) & FD_CLOEXEC) != 0) {
            return __LINE__;
        }
    }
    for (int fd = ROLE_FIRST + LISTENERS; fd < 4096; fd++) {
        if (fcntl(fd, F_GETFD) >= 0) {
            return __LINE__;
        }
    }
    return pass_send(ROLE_CONTROL, 'Y', -1) == 0 ? 0 : __LINE__;
}

static void descriptors_arrive_at_their_numbers_and_no_others(void **state)
{
    int descriptors[LISTENERS];
    int control[2];
    int status;
    int none;
    uint8_t byte = 0;
    pid_t pid;
    struct reason why;

    (void)state;
    log_set_start(12345);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control), 0);
    for (int i = LISTENERS - 1; i >= 0; i--) { /* so that their numbers run against the order, across the targets */
        int ends[2];
        char letter = (char)i;
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        assert_int_equal(write(ends[1], &letter, 1), 1);
        descriptors[i] = ends[0];
    }
    assert_int_equal(role_spawn(PROBE, control[1], descriptors, LISTENERS, &pid, &why), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (status != 0) {
        fail_msg("the role's exit code is a line of probe(), modulo 256: %d (status %x)", WEXITSTATUS(status),
            (unsigned)status);
    }
    assert_int_equal(pass_receive(control[0], &byte, &none), 1);
    assert_int_equal(byte, 'Y');
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(descriptors_arrive_at_their_numbers_and_no_others),
    };
    struct rlimit files = {4096, 4096};

    if (strcmp(argv[0], PROBE) == 0) {
        return probe(argc, argv);
    }
    if (setrlimit(RLIMIT_NOFILE, &files) < 0) {
        perror("setrlimit");
        return 1;
    }
    for (int fd = 3; fd < 4096; fd++) { /* what whoever runs the tests left open is not PID 1's */
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
    return cmocka_run_group_tests_name("roles", tests, NULL, NULL);
}
