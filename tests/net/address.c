/* address: tests net/address: the four forms as text, and listening. */
#include "net/address.h"

#include <sys/stat.h>
#include <sys/un.h>

#include "base/reason.h"
#include "net/vsock.h"
#include "tests/net/sockets.h"

static void text_is_read_and_printed_back(void **state)
{
    static const struct {
        const char *text;
        enum address_form form;
        uint32_t cid, port;
        const char *name;
    } good[] = {
        {"vsock:3:8101", ADDRESS_VSOCK, 3, 8101, ""},
        {"vsock:any:7777", ADDRESS_VSOCK, VSOCK_CID_ANY, 7777, ""},
        {"vsock:4294967294:4294967294", ADDRESS_VSOCK, 4294967294u, 4294967294u, ""},
        {"tcp:localhost:3000", ADDRESS_TCP, 0, 3000, "localhost"},
        {"tcp:127.0.0.1:65535", ADDRESS_TCP, 0, 65535, "127.0.0.1"},
        {"tcp:[::1]:443", ADDRESS_TCP, 0, 443, "::1"},
        {"unix:/run/a:b", ADDRESS_UNIX, 0, 0, "/run/a:b"},
        {"hybrid:/run/enclave:7777", ADDRESS_HYBRID, 0, 7777, "/run/enclave"},
    };
    char text[ADDRESS_TEXT_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct address address;
        assert_int_equal(address_parse(&address, good[i].text, NULL), 0);
        assert_int_equal(address.form, good[i].form);
        assert_int_equal(address.cid, good[i].cid);
        assert_int_equal(address.port, good[i].port);
        assert_string_equal(address.name, good[i].name);
        assert_string_equal(address_print(&address, text), good[i].text);
    }
}

static void text_of_no_form_is_refused_with_a_quote(void **state)
{
    static const char *const bad[] = {"", "3000", "localhost:3000", "udp:a:1", "vsock:3", "vsock::1", "vsock:x:1",
        "vsock:4294967295:1", "vsock:3:4294967295", "vsock:3:08101", "vsock:-1:1", "tcp:a", "tcp::1", "tcp:a:65536",
        "tcp:a:-1", "tcp:a b:1", "tcp:::1:80", "tcp:[::1:80", "tcp:[]:80", "tcp:[a]:80", "tcp:a/b:80",
        "unix:", "hybrid:/a", "hybrid::1", "hybrid:/a:x", "tcp:a\n:1"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct address address;
        struct reason why = {""};
        assert_int_equal(address_parse(&address, bad[i], &why), -EINVAL);
        assert_int_equal(why.text[0], '"');
        assert_null(strchr(why.text, '\n'));
    }
}

static void names_are_bounded(void **state)
{
    char text[600];
    char printed[ADDRESS_TEXT_SIZE];
    struct address address;

    (void)state;
    for (size_t size = 1; size < 400; size++) {
        memset(text, 'a', sizeof text);
        memcpy(text, "tcp:", 4);
        snprintf(text + 4 + size, sizeof text - 4 - size, ":65535");
        assert_int_equal(address_parse(&address, text, NULL), size <= ADDRESS_HOST_MAX ? 0 : -EINVAL);
        if (size <= ADDRESS_HOST_MAX) {
            assert_string_equal(address_print(&address, printed), text);
        }
        memcpy(text, "unix:", 5);
        text[5 + size] = '\0';
        assert_int_equal(address_parse(&address, text, NULL), size <= ADDRESS_PATH_MAX ? 0 : -EINVAL);
    }
}

static void host_and_port_alone_are_tcp(void **state)
{
    struct address address;

    (void)state;
    assert_int_equal(address_parse_host(&address, "[::1]:80", NULL), 0);
    assert_int_equal(address.form, ADDRESS_TCP);
    assert_string_equal(address.name, "::1");
    assert_int_equal(address_parse_host(&address, "unix:/a", NULL), 0);
    assert_int_equal(address.form, ADDRESS_UNIX);
    assert_int_equal(address_parse_host(&address, "host", NULL), -EINVAL);
}

static void stale_socket_is_replaced_a_live_one_and_a_file_are_not(void **state)
{
    char folder[] = "/tmp/ingot-address-XXXXXX";
    char text[64];
    struct address address;
    struct reason why;
    struct stat status;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(text, sizeof text, "unix:%s/s", folder);
    assert_int_equal(address_parse(&address, text, NULL), 0);
    int first = address_listen(&address, 1, &why);
    assert_true(first >= 0);
    assert_int_equal(address_listen(&address, 1, &why), -EADDRINUSE);
    assert_non_null(strstr(why.text, "another program"));
    close(first);
    int second = address_listen(&address, 1, &why);
    assert_true(second >= 0);
    close(second);
    address_remove(&address);
    assert_int_equal(stat(address.name, &status), -1);

    FILE *file = fopen(address.name, "w");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(address_listen(&address, 1, &why), -EEXIST);
    assert_int_equal(stat(address.name, &status), 0);
    address_remove(&address);
    rmdir(folder);
}

static void listening_sockets_do_not_block_and_are_not_inherited(void **state)
{
    struct address address;

    (void)state;
    int fd = sockets_listen_tcp(&address);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    close(fd);
}

static void names_and_hybrid_addresses_are_not_for_listening(void **state)
{
    struct address address;
    struct reason why;

    (void)state;
    assert_int_equal(address_parse(&address, "tcp:example.invalid:80", NULL), 0);
    assert_int_equal(address_listen(&address, 1, &why), -EINVAL);
    assert_non_null(strstr(why.text, "\"example.invalid\""));
    assert_int_equal(address_parse(&address, "hybrid:/tmp/x:80", NULL), 0);
    assert_int_equal(address_listen(&address, 1, &why), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_read_and_printed_back),
        cmocka_unit_test(text_of_no_form_is_refused_with_a_quote),
        cmocka_unit_test(names_are_bounded),
        cmocka_unit_test(host_and_port_alone_are_tcp),
        cmocka_unit_test(stale_socket_is_replaced_a_live_one_and_a_file_are_not),
        cmocka_unit_test(listening_sockets_do_not_block_and_are_not_inherited),
        cmocka_unit_test(names_and_hybrid_addresses_are_not_for_listening),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
