/* manifest: tests: one text for one list; a cut, missing, added or changed file of a tree is found. */
#include "tests/image/samples.h"

#include <fcntl.h>
#include <sys/stat.h>

#define HEX_HELLO "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
#define HEX_A "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"

static const char text[] = "ingot manifest 1\n"
                           "d 0755 - - app\n"
                           "f 0644 5 " HEX_HELLO " app/enclave.ini\n"
                           "d 0750 - - app/rootfs\n"
                           "f 0711 5 " HEX_HELLO " app/rootfs/a b\n"
                           "l 0777 1 " HEX_A " app/rootfs/link\n"
                           "end 5\n";

static void what_is_read_is_written_the_same(void **state)
{
    struct manifest manifest;
    struct reason why = {""};
    char *again;
    size_t size;

    (void)state;
    assert_int_equal(manifest_parse(&manifest, text, sizeof text - 1, &why), 0);
    assert_int_equal(manifest.count, 5);
    assert_int_equal(manifest_find(&manifest, "app/rootfs/a b")->mode, 0711);
    assert_int_equal(manifest_find(&manifest, "app/rootfs/link")->type, MANIFEST_LINK);
    assert_null(manifest_find(&manifest, "app/rootfs/b"));
    assert_int_equal(manifest_write(&manifest, &again, &size), 0);
    assert_int_equal(size, sizeof text - 1);
    assert_string_equal(again, text);
    free(again);
    manifest_free(&manifest);
}

static void a_manifest_cut_anywhere_is_refused(void **state)
{
    struct manifest manifest;
    struct reason why;

    (void)state;
    for (size_t size = 0; size < sizeof text - 1; size++) {
        char *cut = malloc(size);
        memcpy(cut, text, size);
        assert_int_equal(manifest_parse(&manifest, cut, size, &why), -22);
        free(cut);
    }
}

static const struct {
    const char *line; /* behind those of app and app/rootfs */
    const char *sentence;
} malformed[] = {
    {"", "fewer than five fields"},
    {"f 0644 5", "fewer than five fields"},
    {"x 0644 5 " HEX_HELLO " app/x", "the type is none of d, f, l"},
    {"ff 0644 5 " HEX_HELLO " app/x", "the type is none of d, f, l"},
    {"f 644 5 " HEX_HELLO " app/x", "four octal digits"},
    {"f 06440 5 " HEX_HELLO " app/x", "four octal digits"},
    {"f 0648 5 " HEX_HELLO " app/x", "four octal digits"},
    {"f 0644 05 " HEX_HELLO " app/x", "the size is not a number"},
    {"f 0644 -5 " HEX_HELLO " app/x", "the size is not a number"},
    {"f 0644 4294967296 " HEX_HELLO " app/x", "the size is not a number"},
    {"f 0644 - - app/x", "the size is not a number"},
    {"d 0755 0 - app/x", "a folder has no size"},
    {"d 0755 - " HEX_HELLO " app/x", "a folder has no size"},
    {"f 0644 5 abcd app/x", "64 hexadecimal digits"},
    {"f 0644 5 2CF24DBA5FB0A30E26E83B2AC5B9E29E1B161E5C1FA7425E73043362938B9824 app/x", "64 hexadecimal digits"},
    {"d 0755 - - ", "not a path"},
    {"d 0755 - - /app/x", "not a path"},
    {"d 0755 - - init", "not a path"},
    {"d 0755 - - apple", "not a path"},
    {"d 0755 - - app/", "not a path"},
    {"d 0755 - - app//x", "not a path"},
    {"d 0755 - - app/s/.", "not a path"},
    {"d 0755 - - app/s/..", "not a path"},
    {"d 0755 - - app/../init", "not a path"},
    {"d 0755 - - app/s\tx", "not a path"},
    {"d 0755 - - app", "order of bytes"},
    {"d 0755 - - app/rootfs", "order of bytes"},
    {"d 0755 - - app/a", "order of bytes"},
    {"d 0755 - - app/s/x", "no folder of the manifest"},
    {"l 0777 5 " HEX_HELLO " app/s\nd 0755 - - app/s/x", "no folder of the manifest"},
    {"f 0777 5 " HEX_HELLO " app/s\nd 0755 - - app/s/x", "no folder of the manifest"},
    {"end 3", "the manifest is cut"},
    {"end 02", "the manifest is cut"},
    {"end 2\nend 2", "something stands behind the end"},
};

static void malformed_lines_are_refused(void **state)
{
    char whole[1024];

    (void)state;
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        struct manifest manifest;
        struct reason why = {""};
        int size = snprintf(whole, sizeof whole, "ingot manifest 1\nd 0755 - - app\nd 0755 - - app/rootfs\n%s\n%s",
            malformed[i].line, strstr(malformed[i].line, "end") != NULL ? "" : "end 3\n");
        int error = manifest_parse(&manifest, whole, (size_t)size, &why);
        if (error != -22 || strstr(why.text, malformed[i].sentence) == NULL) {
            fail_msg("%s: %d, \"%s\"", malformed[i].line, error, why.text);
        }
    }
}

static void paths_have_bounds(void **state)
{
    char path[MANIFEST_PATH_MAX + 2] = "app/";

    (void)state;
    memset(path + 4, 'n', 255);
    path[259] = '\0';
    assert_true(manifest_path_valid(path));
    strcpy(path + 259, "n");
    assert_false(manifest_path_valid(path));
    for (size_t i = 4; i < sizeof path; i++) {
        path[i] = i % 200 == 3 ? '/' : 'n';
    }
    path[MANIFEST_PATH_MAX] = '\0';
    assert_true(manifest_path_valid(path));
    path[MANIFEST_PATH_MAX] = 'n';
    path[MANIFEST_PATH_MAX + 1] = '\0';
    assert_false(manifest_path_valid(path));
}

/* ---- Against a tree on disk ---- */

static char root[] = "/tmp/ingot-manifest.XXXXXX";

static void put_file(const char *name, const char *content, unsigned mode)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), (ssize_t)strlen(content));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static int make_tree(void **state)
{
    (void)state;
    strcpy(root + sizeof root - 7, "XXXXXX");
    if (mkdtemp(root) == NULL || chdir(root) < 0) {
        return -1;
    }
    umask(0);
    mkdir("app", 0755);
    mkdir("app/rootfs", 0750);
    put_file("app/enclave.ini", "hello", 0644);
    put_file("app/rootfs/a b", "hello", 0711);
    put_file("app/manifest", text, 0644);
    return symlink("a", "app/rootfs/link");
}

static int remove_tree(void **state)
{
    char command[64];

    (void)state;
    if (chdir("/") < 0) {
        return -1;
    }
    (void)snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command);
}

/* The check's sentence is sentence; NULL: there is none. */
static void check(const char *sentence)
{
    struct manifest manifest;
    struct reason why = {""};

    assert_int_equal(manifest_parse(&manifest, text, sizeof text - 1, &why), 0);
    int error = manifest_check(&manifest, root, &why);
    if (sentence == NULL ? error != 0 : error != -84 || strstr(why.text, sentence) == NULL) {
        fail_msg("expected %s, got %d \"%s\"", sentence != NULL ? sentence : "no error", error, why.text);
    }
    manifest_free(&manifest);
}

static void a_whole_tree_passes(void **state)
{
    (void)state;
    check(NULL);
    remove("app/manifest");
    check(NULL);
}

static void a_cut_file_is_found_even_at_its_full_size(void **state)
{
    (void)state;
    put_file("app/rootfs/a b", "hel\0o", 0711);
    check("\"app/rootfs/a b\": it has 3 bytes, in the manifest 5");
    assert_int_equal(truncate("app/rootfs/a b", 5), 0);
    check("\"app/rootfs/a b\": its content is not what the image was built with");
}

static void missing_files_are_found(void **state)
{
    (void)state;
    remove("app/rootfs/link");
    check("\"app/rootfs/link\": it is missing");
    remove("app/enclave.ini");
    check("\"app/enclave.ini\": it is missing");
}

static void added_files_are_found(void **state)
{
    (void)state;
    put_file("app/rootfs/c", "", 0644);
    check("\"app/rootfs/c\": the manifest does not list it");
    remove("app/rootfs/c");
    put_file("app/more", "", 0644);
    check("\"app/more\": the manifest does not list it");
}

static void changed_modes_types_and_targets_are_found(void **state)
{
    (void)state;
    chmod("app/enclave.ini", 0600);
    check("\"app/enclave.ini\": its mode is 0600, in the manifest 0644");
    chmod("app/enclave.ini", 0644);
    remove("app/rootfs/link");
    assert_int_equal(symlink("b", "app/rootfs/link"), 0);
    check("\"app/rootfs/link\": its content");
    remove("app/rootfs/link");
    put_file("app/rootfs/link", "a", 0777);
    check("\"app/rootfs/link\": it is of another type");
    remove("app/rootfs/link");
    assert_int_equal(mkfifo("app/rootfs/link", 0777), 0);
    check("\"app/rootfs/link\": it is of another type");
}

static void another_owner_is_found(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    assert_int_equal(lchown("app/rootfs/link", 12, 0), 0);
    check("\"app/rootfs/link\": it belongs to user 12, group 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_is_written_the_same),
        cmocka_unit_test(a_manifest_cut_anywhere_is_refused),
        cmocka_unit_test(malformed_lines_are_refused),
        cmocka_unit_test(paths_have_bounds),
        cmocka_unit_test_setup_teardown(a_whole_tree_passes, make_tree, remove_tree),
        cmocka_unit_test_setup_teardown(a_cut_file_is_found_even_at_its_full_size, make_tree, remove_tree),
        cmocka_unit_test_setup_teardown(missing_files_are_found, make_tree, remove_tree),
        cmocka_unit_test_setup_teardown(added_files_are_found, make_tree, remove_tree),
        cmocka_unit_test_setup_teardown(changed_modes_types_and_targets_are_found, make_tree, remove_tree),
        cmocka_unit_test_setup_teardown(another_owner_is_found, make_tree, remove_tree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
