/* roles: tests init/roles: a role has its descriptors at their numbers, nothing else, and no environment. */
#include "init/roles.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/pass.h"
#include "init/enclave.h"
#include "init/log.h"

#define PROBE "probe"   /* the role that this program plays for itself */
#define SERVER "server" /* another */
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

/* As the role: tells each connection its process id, and dies of the word "die". */
static int serve(void)
{
    char word[4] = "";

    for (;;) {
        int fd = accept(ROLE_FIRST, NULL, NULL);
        pid_t self = getpid();
        if (fd < 0 || write(fd, &self, sizeof self) != sizeof self || read(fd, word, sizeof word) < 0) {
            return __LINE__;
        }
        if (strncmp(word, "die", 3) == 0) {
            (void)kill(self, SIGKILL);
        }
        close(fd);
    }
}

static struct {
    struct loop *loop;
    struct supervisor *supervisor;
    int listener;
    int control[2];
    unsigned ends;
} life;

static int life_start(struct service *service, pid_t *pid, struct reason *why)
{
    (void)service;
    return role_spawn(SERVER, life.control[1], &life.listener, 1, pid, why);
}

static enum service_next life_ended(struct service *service, int status)
{
    (void)service;
    assert_true(WIFSIGNALED(status));
    life.ends++;
    return SERVICE_AGAIN;
}

/* The process that answers a connection made now, the loop of PID 1 turning meanwhile; then says word to it. */
static pid_t ask(const struct sockaddr_un *address, const char *word)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    pid_t who = 0;

    assert_int_equal(connect(fd, (const struct sockaddr *)address, sizeof *address), 0);
    for (int i = 0; i < 500 && recv(fd, &who, sizeof who, MSG_DONTWAIT) != sizeof who; i++) {
        assert_int_equal(loop_turn(life.loop, 10), 0);
    }
    assert_int_equal(send(fd, word, strlen(word), MSG_NOSIGNAL), strlen(word));
    close(fd);
    return who;
}

/* Neither the listening socket is lost nor a connection that came while nobody was there to accept it. */
static void a_role_that_dies_is_started_again_and_loses_no_listener(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "\0ingot-test-roles"};
    struct service service = {.name = SERVER, .start = life_start, .ended = life_ended};
    struct reason why;

    (void)state;
    (void)snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "ingot-roles-%d", getpid());
    life.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(life.listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(life.listener, 8), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, life.control), 0);
    assert_int_equal(loop_open(&life.loop), 0);
    assert_int_equal(supervise_open(&life.supervisor, life.loop, &why), 0);
    service_start(life.supervisor, &service);
    pid_t first = ask(&address, "die");
    assert_int_equal(first, service.pid);
    pid_t second = ask(&address, "live"); /* made before PID 1 has seen the end of the first */
    assert_int_equal(life.ends, 1);
    assert_int_equal(second, service.pid);
    assert_int_not_equal(first, second);
    assert_int_equal(ask(&address, "die"), second);
    for (int i = 0; i < 500 && life.ends < 2; i++) {
        assert_int_equal(loop_turn(life.loop, 10), 0);
    }
    pid_t third = ask(&address, "live"); /* made while there is none */
    assert_int_equal(third, service.pid);
    assert_int_not_equal(second, third);
    assert_int_equal(kill(third, SIGKILL), 0);
    close(life.listener);
    loop_close(life.loop);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(descriptors_arrive_at_their_numbers_and_no_others),
        cmocka_unit_test(a_role_that_dies_is_started_again_and_loses_no_listener),
    };
    struct rlimit files = {4096, 4096};

    if (strcmp(argv[0], PROBE) == 0) {
        return probe(argc, argv);
    }
    if (strcmp(argv[0], SERVER) == 0) {
        return serve();
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
