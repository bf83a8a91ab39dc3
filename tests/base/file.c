/* file: tests base/file: bounded reads, and writes that leave the old file where they fail. */
#include "base/file.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];
static char path[96];

static int setup(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/ingot-file.XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/x", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(folder); /* fails where something was left beside */
}

static void what_is_written_is_read(void **state)
{
    char *data;
    size_t size;
    struct stat status;

    (void)state;
    assert_int_equal(file_write(path, "one", 3, 0640, NULL), 0);
    assert_int_equal(file_write(path, "twice\0more", 10, 0600, NULL), 0);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(file_read(path, 10, &data, &size, NULL), 0);
    assert_int_equal(size, 10);
    assert_memory_equal(data, "twice\0more", 11);
    free(data);
}

static void a_larger_file_is_refused(void **state)
{
    char *data;
    size_t size;
    struct reason why;

    (void)state;
    assert_int_equal(file_write(path, "0123456789", 10, 0600, NULL), 0);
    assert_int_equal(file_read(path, 9, &data, &size, &why), -EFBIG);
    assert_non_null(strstr(why.text, path));
    assert_int_equal(file_read("/dev/zero", 100000, &data, &size, &why), -EFBIG);
}

static void a_pipe_is_read_to_its_end(void **state)
{
    int ends[2];
    char *data;
    size_t size;
    char block[30000];

    (void)state;
    memset(block, 'x', sizeof block);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(file_write_all(ends[1], block, sizeof block), 0);
    close(ends[1]);
    assert_int_equal(file_read_descriptor(ends[0], "pipe", sizeof block, &data, &size, NULL), 0);
    assert_int_equal(size, sizeof block);
    assert_memory_equal(data, block, size);
    free(data);
    close(ends[0]);
}

static void a_failed_write_says_where(void **state)
{
    struct reason why;
    char nowhere[128];

    (void)state;
    snprintf(nowhere, sizeof nowhere, "%s/none/x", folder);
    assert_int_equal(file_write(nowhere, "a", 1, 0600, &why), -ENOENT);
    assert_non_null(strstr(why.text, nowhere));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_written_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(a_larger_file_is_refused, setup, teardown),
        cmocka_unit_test(a_pipe_is_read_to_its_end),
        cmocka_unit_test_setup_teardown(a_failed_write_says_where, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
