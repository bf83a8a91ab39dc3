/* pass: a byte and a descriptor arrive, wrong messages leave nothing open. */
#include "base/pass.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static int pair[2];

static int open_pair(void **state)
{
    (void)state;
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair);
}

static int close_pair(void **state)
{
    (void)state;
    close(pair[0]);
    close(pair[1]);
    return 0;
}

static void a_byte_and_a_descriptor_arrive(void **state)
{
    int ends[2];
    int got;
    uint8_t byte = 0;
    char text[2] = "";

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(pass_send(pair[0], 'S', ends[0]), 0);
    close(ends[0]);
    assert_int_equal(pass_receive(pair[1], &byte, &got), 1);
    assert_int_equal(byte, 'S');
    assert_true(got >= 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_int_equal(read(got, text, 1), 1);
    assert_string_equal(text, "x");
    close(got);
    close(ends[1]);
}

static void a_byte_arrives_alone(void **state)
{
    int got = 7;
    uint8_t byte = 0;

    (void)state;
    assert_int_equal(pass_send(pair[0], 'Y', -1), 0);
    assert_int_equal(pass_receive(pair[1], &byte, &got), 1);
    assert_int_equal(byte, 'Y');
    assert_int_equal(got, -1);
    assert_int_equal(pass_receive(pair[1], &byte, &got), -EAGAIN);
}

static void the_end_is_zero(void **state)
{
    int got;
    uint8_t byte;

    (void)state;
    assert_int_equal(shutdown(pair[0], SHUT_WR), 0);
    assert_int_equal(pass_receive(pair[1], &byte, &got), 0);
}

static void a_longer_message_is_refused(void **state)
{
    int got;
    uint8_t byte;

    (void)state;
    assert_int_equal(send(pair[0], "ab", 2, 0), 2);
    assert_int_equal(pass_receive(pair[1], &byte, &got), -EPROTO);
    assert_int_equal(send(pair[0], "abc", 3, 0), 3);
    assert_int_equal(pass_receive(pair[1], &byte, &got), -EPROTO);
}

static void two_descriptors_are_closed(void **state)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(2 * sizeof(int))];
    } room = {0};
    char letter = 'S';
    struct iovec part = {&letter, 1};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = room.bytes, .msg_controllen = sizeof room};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    int before = dup(0);
    int after;
    int got;
    uint8_t byte;

    (void)state;
    close(before);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(2 * sizeof(int));
    memcpy(CMSG_DATA(header), (int[]){0, 1}, 2 * sizeof(int));
    assert_int_equal(sendmsg(pair[0], &message, 0), 1);
    assert_int_equal(pass_receive(pair[1], &byte, &got), -EPROTO);
    after = dup(0);
    assert_int_equal(after, before);
    close(after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_byte_and_a_descriptor_arrive, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(a_byte_arrives_alone, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(the_end_is_zero, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(a_longer_message_is_refused, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(two_descriptors_are_closed, open_pair, close_pair),
    };
    return cmocka_run_group_tests_name("pass", tests, NULL, NULL);
}
