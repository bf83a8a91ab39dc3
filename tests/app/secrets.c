/* secrets: what one process wrote another one maps, and nothing else passes for it. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/secrets.h"

static const char env[] = "A=1\0MTLS=x=y\0EMPTY="; /* the literal's own NUL ends the last entry */

static struct secrets_header header_of_all(void)
{
    return (struct secrets_header){.env_size = sizeof env,
        .env_count = 3,
        .identities = {{.cert_size = 4, .key_size = 3, .ca_size = 2}, {.cert_size = 5, .key_size = 4, .ca_size = 3}}};
}

static const struct identity_pem nobody[SECRETS_KINDS];

static int written(void)
{
    const struct identity_pem both[SECRETS_KINDS] = {{"CERT", "KEY", "CA"}, {"CERT2", "KEY2", "CA2"}};
    struct secrets_header header = header_of_all();
    int fd = -1;

    assert_int_equal(secrets_write(&header, env, both, &fd, NULL), 0);
    return fd;
}

static void what_was_written_is_mapped(void **state)
{
    struct secrets secrets;
    int fd = written();

    (void)state;
    assert_int_equal(secrets_map(&secrets, fd, NULL), 0);
    close(fd);
    assert_memory_equal(secrets.identities[SECRETS_CLIENT].cert, "CERT", 4);
    assert_memory_equal(secrets.identities[SECRETS_CLIENT].key, "KEY", 3);
    assert_memory_equal(secrets.identities[SECRETS_CLIENT].ca, "CA", 2);
    assert_memory_equal(secrets.identities[SECRETS_SERVER].cert, "CERT2", 5);
    assert_memory_equal(secrets.identities[SECRETS_SERVER].key, "KEY2", 4);
    assert_memory_equal(secrets.identities[SECRETS_SERVER].ca, "CA2", 3);
    assert_string_equal(secrets_env(&secrets, "A"), "1");
    assert_string_equal(secrets_env(&secrets, "MTLS"), "x=y");
    assert_string_equal(secrets_env(&secrets, "EMPTY"), "");
    assert_null(secrets_env(&secrets, "MTL"));
    assert_null(secrets_env(&secrets, "1"));
    secrets_unmap(&secrets);
    secrets_unmap(&secrets);
}

static void a_rotation_keeps_what_it_does_not_replace(void **state)
{
    static const char fresh[] = "MTLS=new\0NEXT=2";
    static const struct identity_pem server[SECRETS_KINDS] = {[SECRETS_SERVER] = {"NEW", "NKEY2", "CB"}};
    struct secrets_header header = {.env_size = sizeof fresh,
        .env_count = 2,
        .identities = {[SECRETS_SERVER] = {.cert_size = 3, .key_size = 5, .ca_size = 2}}};
    struct secrets first;
    struct secrets second;
    struct secrets merged;
    int one = written();
    int two;
    int both;

    (void)state;
    assert_int_equal(secrets_write(&header, fresh, server, &two, NULL), 0);
    assert_int_equal(secrets_map(&first, one, NULL), 0);
    assert_int_equal(secrets_map(&second, two, NULL), 0);
    assert_int_equal(secrets_merge(&first, &second, &both, NULL), 0);
    assert_int_equal(secrets_map(&merged, both, NULL), 0);
    assert_int_equal(merged.header->env_count, 4);
    assert_string_equal(secrets_env(&merged, "A"), "1");
    assert_string_equal(secrets_env(&merged, "MTLS"), "new");
    assert_string_equal(secrets_env(&merged, "EMPTY"), "");
    assert_string_equal(secrets_env(&merged, "NEXT"), "2");
    assert_int_equal(merged.header->identities[SECRETS_SERVER].key_size, 5);
    assert_memory_equal(merged.identities[SECRETS_SERVER].cert, "NEW", 3);
    assert_memory_equal(merged.identities[SECRETS_SERVER].key, "NKEY2", 5);
    assert_memory_equal(merged.identities[SECRETS_SERVER].ca, "CB", 2);
    assert_memory_equal(merged.identities[SECRETS_CLIENT].cert, "CERT", 4);
    assert_memory_equal(merged.identities[SECRETS_CLIENT].key, "KEY", 3);
    assert_memory_equal(merged.identities[SECRETS_CLIENT].ca, "CA", 2);
    secrets_unmap(&first);
    secrets_unmap(&second);
    secrets_unmap(&merged);
    close(one);
    close(two);
    close(both);
}

static void an_empty_push_is_a_file_too(void **state)
{
    struct secrets_header header = {0};
    struct secrets secrets;
    int fd;

    (void)state;
    assert_int_equal(secrets_write(&header, NULL, nobody, &fd, NULL), 0);
    assert_int_equal(secrets_map(&secrets, fd, NULL), 0);
    close(fd);
    assert_null(secrets_env(&secrets, "A"));
    secrets_unmap(&secrets);
}

static void a_written_file_cannot_be_changed(void **state)
{
    int fd = written();

    (void)state;
    assert_int_equal(pwrite(fd, "x", 1, 0), -1);
    assert_int_equal(ftruncate(fd, 0), -1);
    assert_ptr_equal(mmap(NULL, 32, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
    close(fd);
}

static void a_bad_environment_is_not_written(void **state)
{
    static const struct {
        const char *bytes;
        uint32_t size;
        uint32_t count;
    } bad[] = {
        {"A=1", 3, 1},      /* no NUL at the end */
        {"A=1\0B", 6, 2},   /* no = */
        {"=1", 3, 1},       /* no name */
        {"A=1\0B=2", 8, 1}, /* more than the count */
        {"A=1", 4, 2},      /* fewer */
        {"\0", 2, 2},       /* empty entries */
    };
    struct reason why;
    int fd = -1;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct secrets_header header = {.env_size = bad[i].size, .env_count = bad[i].count};
        assert_int_equal(secrets_write(&header, bad[i].bytes, nobody, &fd, &why), -EINVAL);
        assert_int_equal(fd, -1);
    }
}

static void parts_over_the_bound_are_refused(void **state)
{
    const struct secrets_sizes wide = {.cert_size = UINT32_MAX, .key_size = UINT32_MAX, .ca_size = UINT32_MAX};
    struct secrets_header header = {.identities = {{.cert_size = SECRETS_FILE_MAX}}};
    struct secrets_header wraps = {.identities = {wide, wide}};
    int fd;

    (void)state;
    assert_int_equal(secrets_write(&header, NULL, nobody, &fd, NULL), -EINVAL);
    assert_int_equal(secrets_write(&wraps, NULL, nobody, &fd, NULL), -EINVAL);
}

static int sealed(const void *data, size_t size)
{
    int fd = memfd_create("test", MFD_ALLOW_SEALING | MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, size), (ssize_t)size);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE), 0);
    return fd;
}

static void a_header_that_lies_is_refused(void **state)
{
    struct secrets_header good = {.magic = SECRETS_MAGIC, .identities = {{.cert_size = 8}}};
    struct secrets_header bad[8];
    struct secrets secrets;
    char file[sizeof good + 8] = "";

    (void)state;
    for (size_t i = 0; i < 8; i++) {
        bad[i] = good;
    }
    bad[0].magic++;
    bad[1].identities[0].reserved = 1;
    bad[2].identities[0].cert_size = 9;
    bad[3].identities[0].cert_size = 7;
    bad[4].identities[0].key_size = UINT32_MAX; /* a 32-bit sum would come back to the file's size */
    bad[4].identities[0].cert_size = 9;
    bad[5].identities[0].cert_size = 0;
    bad[5].env_size = 8; /* eight NULs are no environment */
    bad[6].identities[1].reserved = 1;
    bad[7].identities[1].ca_size = 1;
    for (size_t i = 0; i < 8; i++) {
        memcpy(file, &bad[i], sizeof good);
        int fd = sealed(file, sizeof file);
        assert_int_equal(secrets_map(&secrets, fd, NULL), -EINVAL);
        close(fd);
    }
    memcpy(file, &good, sizeof good);
    int fd = sealed(file, sizeof file);
    assert_int_equal(secrets_map(&secrets, fd, NULL), 0);
    secrets_unmap(&secrets);
    close(fd);
    fd = sealed(file, sizeof good - 1);
    assert_int_equal(secrets_map(&secrets, fd, NULL), -EINVAL);
    close(fd);
}

static void a_file_that_can_still_change_is_refused(void **state)
{
    struct secrets_header header = {.magic = SECRETS_MAGIC};
    struct secrets secrets;
    int fd = memfd_create("test", MFD_ALLOW_SEALING | MFD_CLOEXEC);
    int pipes[2];

    (void)state;
    assert_int_equal(write(fd, &header, sizeof header), sizeof header);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
    assert_int_equal(secrets_map(&secrets, fd, NULL), -EINVAL);
    close(fd);
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(secrets_map(&secrets, pipes[0], NULL), -EINVAL);
    close(pipes[0]);
    close(pipes[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_mapped),
        cmocka_unit_test(a_rotation_keeps_what_it_does_not_replace),
        cmocka_unit_test(an_empty_push_is_a_file_too),
        cmocka_unit_test(a_written_file_cannot_be_changed),
        cmocka_unit_test(a_bad_environment_is_not_written),
        cmocka_unit_test(parts_over_the_bound_are_refused),
        cmocka_unit_test(a_header_that_lies_is_refused),
        cmocka_unit_test(a_file_that_can_still_change_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
