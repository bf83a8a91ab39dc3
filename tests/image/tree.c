/* tree: tests of tree and program: a folder is taken over as it is, or refused with the path; programs can start. */
#include "tests/image/samples.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "image/program.h"
#include "image/tree.h"

static char root[] = "/tmp/ingot-tree.XXXXXX";
static char home[4096];

static int enter(void **state)
{
    (void)state;
    strcpy(root + sizeof root - 7, "XXXXXX");
    umask(0);
    return getcwd(home, sizeof home) == NULL || mkdtemp(root) == NULL || chdir(root) < 0 ? -1 : 0;
}

static int leave(void **state)
{
    char command[64];

    (void)state;
    (void)snprintf(command, sizeof command, "rm -rf %s", root);
    return chdir(home) < 0 ? -1 : system(command);
}

static void put_file(const char *name, const void *content, size_t size, unsigned mode)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, size), (ssize_t)size);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

/* Gathers the current folder. */
static int gather(struct tree *tree, struct reason *why)
{
    int error;

    why->text[0] = '\0';
    assert_int_equal(tree_init(tree), 0);
    error = tree_add_memory(tree, "app/enclave.ini", "ini", 3, why);
    if (error == 0) {
        error = tree_walk(tree, "app/rootfs", ".", why);
    }
    return error == 0 ? tree_finish(tree, why) : error;
}

static void refuse(const char *sentence)
{
    struct tree tree;
    struct reason why;
    int error = gather(&tree, &why);

    tree_free(&tree);
    if (error != -22 || strstr(why.text, sentence) == NULL) {
        fail_msg("expected \"%s\", got %d, \"%s\"", sentence, error, why.text);
    }
}

static struct sample pack(void)
{
    struct sample archive = {0};
    struct cpio_writer writer;
    struct reason why;
    struct tree tree;

    if (gather(&tree, &why) < 0) {
        fail_msg("%s", why.text);
    }
    cpio_writer_init(&writer, sample_sink, &archive);
    assert_int_equal(tree_pack(&tree, &writer, &why), 0);
    tree_free(&tree);
    return archive;
}

static void modes_links_and_empty_folders_are_kept(void **state)
{
    struct tree tree;
    struct reason why;

    (void)state;
    mkdir("empty", 0700);
    mkdir("bin", 0755);
    put_file("bin/tool", "x", 1, 04755);
    assert_int_equal(symlink("/bin/tool", "link"), 0);
    mkdir("tmp", 01777); /* a mount point: fine while it is empty */
    if (gather(&tree, &why) < 0) {
        fail_msg("%s", why.text);
    }
    assert_int_equal(tree.count, 8);
    assert_int_equal(tree_find(&tree, "app/rootfs/empty")->mode, CPIO_FOLDER | 0700);
    assert_int_equal(tree_find(&tree, "app/rootfs/bin/tool")->mode, CPIO_REGULAR | 04755);
    assert_int_equal(tree_find(&tree, "app/rootfs/tmp")->mode, CPIO_FOLDER | 01777);
    assert_int_equal(tree_find(&tree, "app/rootfs/link")->mode, CPIO_LINK | 0777);
    assert_memory_equal(tree_find(&tree, "app/rootfs/link")->data, "/bin/tool", 9);
    assert_int_equal(tree_find(&tree, "app/rootfs")->mode, CPIO_FOLDER | 0755);
    tree_free(&tree);
}

static void owners_times_and_the_order_on_disk_leave_no_trace(void **state)
{
    (void)state;
    mkdir("a", 0755);
    put_file("a/1", "one", 3, 0644);
    put_file("a-b", "two", 3, 0644);
    struct sample first = pack();
    remove("a/1");
    remove("a-b");
    put_file("a-b", "two", 3, 0644);
    put_file("a/1", "one", 3, 0644);
    struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
    assert_int_equal(utimensat(AT_FDCWD, "a/1", times, 0), 0);
    if (geteuid() == 0) {
        assert_int_equal(chown("a/1", 1234, 4321), 0);
    }
    struct sample second = pack();
    assert_int_equal(first.size, second.size);
    assert_memory_equal(first.data, second.data, first.size);
    sample_free(&first);
    sample_free(&second);
}

static void what_an_image_can_not_hold_is_refused_with_its_path(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket"};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    (void)state;
    mkdir("d", 0755);
    assert_int_equal(mkfifo("d/pipe", 0644), 0);
    refuse("\"./d/pipe\": it is a named pipe");
    remove("d/pipe");
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    refuse("\"./socket\": it is a socket");
    close(fd);
    remove("socket");
    put_file("d/file", "x", 1, 0644);
    assert_int_equal(link("d/file", "d/second"), 0);
    refuse("the file has 2 names (hard links)");
    remove("d/second");
    put_file("d/a\nb", "x", 1, 0644);
    refuse("\"app/rootfs/d/a\\x0ab\": not a path that an image can hold");
    remove("d/a\nb");
    mkdir("etc", 0755);
    put_file("etc/hosts", "x", 1, 0644);
    refuse("\"app/rootfs/etc/hosts\": is written by PID 1");
    remove("etc/hosts");
    mkdir("proc", 0755);
    put_file("proc/x", "x", 1, 0644);
    refuse("\"app/rootfs/proc/x\": lies where PID 1 mounts its own");
    remove("proc/x");
    assert_int_equal(symlink("/", "opt"), 0);
    refuse("\"app/rootfs/opt\": must be a folder");
}

static void a_file_named_twice_is_refused(void **state)
{
    struct tree tree;
    struct reason why;

    (void)state;
    mkdir("opt", 0755);
    mkdir("opt/enclave", 0755);
    mkdir("opt/enclave/files", 0755);
    put_file("opt/enclave/files/ca.pem", "x", 1, 0644);
    assert_int_equal(tree_init(&tree), 0);
    assert_int_equal(tree_walk(&tree, "app/rootfs", ".", &why), 0);
    assert_int_equal(tree_add_memory(&tree, "app/rootfs/opt/enclave/files/ca.pem", "y", 1, &why), 0);
    assert_int_equal(tree_finish(&tree, &why), -22);
    assert_non_null(strstr(why.text, "two files of this name"));
    tree_free(&tree);
}

static void a_file_that_changes_while_it_is_packed_is_an_error(void **state)
{
    struct sample archive = {0};
    struct cpio_writer writer;
    struct reason why;
    struct tree tree;

    (void)state;
    for (unsigned size = 4; size <= 6; size += 2) {
        put_file("file", "12345", 5, 0644);
        assert_int_equal(gather(&tree, &why), 0);
        assert_int_equal(truncate("file", size), 0);
        cpio_writer_init(&writer, sample_sink, &archive);
        assert_int_equal(tree_pack(&tree, &writer, &why), -22);
        assert_non_null(strstr(why.text, size == 4 ? "become smaller" : "become larger"));
        tree_free(&tree);
        sample_free(&archive);
    }
}

static void links_are_followed_inside_the_root(void **state)
{
    static const struct {
        const char *path;
        const char *found;
    } cases[] = {{"/usr/bin/tool", "app/rootfs/usr/bin/tool"}, {"/bin/tool", "app/rootfs/usr/bin/tool"},
        {"/abs", "app/rootfs/usr/bin/tool"}, {"/up", "app/rootfs/usr/bin/tool"},
        {"/usr/back/usr/bin/tool", "app/rootfs/usr/bin/tool"}, {"/", "app/rootfs"}, {"/..", "app/rootfs"},
        {"/usr/./bin/../bin/tool", "app/rootfs/usr/bin/tool"}, {"/none", NULL}, {"/loop", NULL}, {"/loop/x", NULL},
        {"/usr/bin/tool/x", NULL}, {"/dangling", NULL}};
    struct tree tree;
    struct reason why;

    (void)state;
    mkdir("usr", 0755);
    mkdir("usr/bin", 0755);
    put_file("usr/bin/tool", "x", 1, 0755);
    assert_int_equal(symlink("usr/bin", "bin") | symlink("/bin/tool", "abs") | symlink("../../usr/bin/tool", "up") |
                         symlink("..", "usr/back") | symlink("loop", "loop") | symlink("nowhere", "dangling"),
        0);
    assert_int_equal(gather(&tree, &why), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct tree_entry *entry = tree_resolve(&tree, cases[i].path);
        if (cases[i].found == NULL ? entry != NULL : entry == NULL || strcmp(entry->path, cases[i].found) != 0) {
            fail_msg("%s leads to %s", cases[i].path, entry != NULL ? entry->path : "nothing");
        }
    }
    tree_free(&tree);
}

/* An ELF program of x86-64, with an interpreter where that is not NULL. */
static void put_program(const char *name, const char *interpreter, unsigned mode)
{
    struct {
        Elf64_Ehdr header;
        Elf64_Phdr segment;
        char interpreter[64];
    } program = {0};

    memcpy(program.header.e_ident, ELFMAG "\2\1\1", 7);
    program.header.e_type = ET_DYN;
    program.header.e_machine = EM_X86_64;
    program.header.e_phoff = sizeof program.header;
    program.header.e_phentsize = sizeof program.segment;
    program.header.e_phnum = 1;
    program.segment.p_type = interpreter != NULL ? PT_INTERP : PT_LOAD;
    program.segment.p_offset = sizeof program.header + sizeof program.segment;
    program.segment.p_filesz = interpreter != NULL ? strlen(interpreter) + 1 : 0;
    strcpy(program.interpreter, interpreter != NULL ? interpreter : "");
    put_file(name, &program, sizeof program, mode);
}

static void programs_that_can_not_start_are_refused(void **state)
{
    static const struct {
        const char *path;
        const char *sentence; /* NULL: it can */
    } cases[] = {{"/static", NULL}, {"/dynamic", NULL}, {"/script", NULL}, {"/link", NULL},
        {"/none", "\"/none\" is not in --root DIR"}, {"/folder", "is not a file that everyone may execute"},
        {"/mode", "is not a file that everyone may execute (chmod 0755)"}, {"/text", "neither an ELF program nor"},
        {"/short", "\"/short\": it ends at byte"}, {"/arm", "an ELF file, but not for x86-64"},
        {"/object", "an ELF file, but no program"}, {"/lost", "it needs \"/lib/none.so\", which is not in --root DIR"},
        {"/badscript", "it needs \"/bin/none\""}, {"/relative", "which is no absolute path"}};
    struct reason why;
    struct tree tree;

    (void)state;
    mkdir("lib", 0755);
    mkdir("folder", 0755);
    put_program("static", NULL, 0755);
    put_program("lib/ld.so", NULL, 0755);
    put_program("dynamic", "/lib/ld.so", 0755);
    put_program("lost", "/lib/none.so", 0755);
    put_program("mode", NULL, 0744);
    put_program("arm", NULL, 0755);
    put_program("object", NULL, 0755);
    int fd = open("arm", O_WRONLY);
    assert_int_equal(pwrite(fd, "\xb7", 1, offsetof(Elf64_Ehdr, e_machine)), 1);
    close(fd);
    fd = open("object", O_WRONLY);
    assert_int_equal(pwrite(fd, "\1", 1, offsetof(Elf64_Ehdr, e_type)), 1);
    close(fd);
    put_file("script", "#! /dynamic -x\n", 15, 0755);
    put_file("badscript", "#!/bin/none", 11, 0755);
    put_file("relative", "#!sh\n", 5, 0755);
    put_file("text", "hello", 5, 0755);
    put_file("short", ELFMAG, 4, 0755);
    assert_int_equal(symlink("static", "link"), 0);
    assert_int_equal(gather(&tree, &why), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        why.text[0] = '\0';
        int error = program_check(&tree, cases[i].path, &why);
        bool right =
            cases[i].sentence == NULL ? error == 0 : error == -22 && strstr(why.text, cases[i].sentence) != NULL;
        if (!right) {
            fail_msg("%s: %d, \"%s\"", cases[i].path, error, why.text);
        }
    }
    tree_free(&tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(modes_links_and_empty_folders_are_kept, enter, leave),
        cmocka_unit_test_setup_teardown(owners_times_and_the_order_on_disk_leave_no_trace, enter, leave),
        cmocka_unit_test_setup_teardown(what_an_image_can_not_hold_is_refused_with_its_path, enter, leave),
        cmocka_unit_test_setup_teardown(a_file_named_twice_is_refused, enter, leave),
        cmocka_unit_test_setup_teardown(a_file_that_changes_while_it_is_packed_is_an_error, enter, leave),
        cmocka_unit_test_setup_teardown(links_are_followed_inside_the_root, enter, leave),
        cmocka_unit_test_setup_teardown(programs_that_can_not_start_are_refused, enter, leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
