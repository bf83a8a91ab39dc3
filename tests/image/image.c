/* image: tests: ours opens; what could show one thing and boot another is refused with the path or field. */
#include "tests/image/samples.h"

#include "image/image.h"

#define FOLDER (CPIO_FOLDER | 0755)
#define FILE_MODE (CPIO_REGULAR | 0644)
#define COUNT(list) (sizeof(list) / sizeof(list)[0])

static const struct sample_file right[] = {
    {"app", FOLDER, NULL},
    {"app/enclave.ini", FILE_MODE, SAMPLE_INI},
    {"app/rootfs", FOLDER, NULL},
    {"app/rootfs/etc", FOLDER, NULL},
    {"app/rootfs/etc/passwd", FILE_MODE, "root"},
    {"app/rootfs/server", CPIO_REGULAR | 0755, "program"},
    {"app/rootfs/sh", CPIO_LINK | 0777, "server"},
    {"app/rootfs/tmp", FOLDER, NULL},
};

static int open_sample(const struct sample *sample, struct image *image, struct reason *why)
{
    const struct source source = source_memory(sample->data, sample->size);

    why->text[0] = '\0';
    return image_open_source(&source, image, why);
}

/* Takes over the sample. */
static void refuse(struct sample sample, const char *what, const char *sentence)
{
    struct image image;
    struct reason why;
    int error = open_sample(&sample, &image, &why);

    if (error == 0) {
        image_close(&image);
    }
    if (error != -22 || strstr(why.text, sentence) == NULL) {
        fail_msg("%s: %d, \"%s\"", what, error, why.text);
    }
    sample_free(&sample);
}

static void ours_opens(void **state)
{
    struct sample sample = sample_image(right, COUNT(right));
    struct image image;
    struct reason why;

    (void)state;
    if (open_sample(&sample, &image, &why) != 0) {
        fail_msg("%s", why.text);
    }
    assert_string_equal(image.config.image.name, "demo");
    assert_int_equal(image.config.image.memory, 64u << 20);
    assert_int_equal(image.manifest.count, COUNT(right));
    assert_true(image.measurements.crc_matches);
    image_close(&image);
    sample_free(&sample);
}

/* ---- The second ramdisk: one file more, or another one, at its place in the order ---- */

static const struct hostile {
    struct sample_file file;
    const char *sentence;
} hostile[] = {
    {{"init", CPIO_REGULAR | 0755, "evil"}, "ramdisk 2 (application): \"init\" would replace the runtime's /init"},
    {{"./init", CPIO_REGULAR | 0755, "evil"}, "not a path below app"},
    {{"/init", CPIO_REGULAR | 0755, "evil"}, "not a path below app"},
    {{"app/../init", CPIO_REGULAR | 0755, "evil"}, "not a path below app"},
    {{"app/rootfs/../../init", CPIO_REGULAR | 0755, "evil"}, "not a path below app"},
    {{"app//x", FILE_MODE, "x"}, "not a path below app"},
    {{"app/rootfs/x\n", FILE_MODE, "x"}, "app/manifest"},
    {{"bin", FOLDER, NULL}, "not a path below app"},
    {{"apple", FOLDER, NULL}, "not a path below app"},
    {{"app/other", FILE_MODE, "x"}, "\"app/other\" is neither app/enclave.ini nor below app/rootfs"},
    {{"app/rootfs/etc/hosts", FILE_MODE, "1.2.3.4 a"}, "\"app/rootfs/etc/hosts\" is written by PID 1"},
    {{"app/rootfs/etc/hosts", FOLDER, NULL}, "\"app/rootfs/etc/hosts\" is written by PID 1"},
    {{"app/rootfs/etc/resolv.conf", FILE_MODE, "x"}, "\"app/rootfs/etc/resolv.conf\" is written by PID 1"},
    {{"app/rootfs/dev", CPIO_LINK | 0777, "/"}, "\"app/rootfs/dev\" lies where PID 1 mounts"},
    {{"app/rootfs/proc", FILE_MODE, "x"}, "\"app/rootfs/proc\" lies where PID 1 mounts"},
    {{"app/rootfs/run", CPIO_LINK | 0777, "tmp"}, "\"app/rootfs/run\" lies where PID 1 mounts"},
    {{"app/rootfs/sys", FILE_MODE, "x"}, "\"app/rootfs/sys\" lies where PID 1 mounts"},
    {{"app/rootfs/tmp/x", FILE_MODE, "x"}, "\"app/rootfs/tmp/x\" lies where PID 1 mounts"},
    {{"app/rootfs/opt", CPIO_LINK | 0777, "/app"}, "\"app/rootfs/opt\" must be a folder"},
    {{"app/rootfs/sh/x", FILE_MODE, "x"}, "what it lies in is no folder of the manifest"},
    {{"app/rootfs/server/x", FILE_MODE, "x"}, "what it lies in is no folder of the manifest"},
    {{"app/rootfs/nowhere/x", FILE_MODE, "x"}, "what it lies in is no folder of the manifest"},
    {{"app/rootfs/device", 0020666, ""}, "\"app/rootfs/device\" is neither a file, a folder nor a symbolic link"},
    {{"app/rootfs/disk", 0060666, ""}, "is neither a file"},
    {{"app/rootfs/pipe", 0010666, ""}, "is neither a file"},
    {{"app/rootfs/socket", 0140666, ""}, "is neither a file"},
    {{"app/rootfs/none", 0000644, ""}, "is neither a file"},
    {{"app/rootfs/folder", FOLDER, "content"}, "is a folder with content"},
    {{"app/rootfs/link", CPIO_LINK | 0777, ""}, "is a symbolic link to nothing"},
    {{"app/rootfs/server", CPIO_REGULAR | 0755, "evil"}, "order of bytes"},
    {{"app/enclave.ini", FILE_MODE, SAMPLE_INI}, "\"app/enclave.ini\" stands there twice"},
    {{"app/manifest", FILE_MODE, "x"}, "app/manifest: line 1"},
};

static void files_that_do_not_belong_to_the_application_are_refused(void **state)
{
    struct sample_file files[COUNT(right) + 1];

    (void)state;
    for (size_t i = 0; i < COUNT(hostile); i++) {
        size_t place = 0;
        while (place < COUNT(right) && strcmp(right[place].name, hostile[i].file.name) <= 0) {
            place++;
        }
        memcpy(files, right, place * sizeof right[0]);
        files[place] = hostile[i].file;
        memcpy(files + place + 1, right + place, (COUNT(right) - place) * sizeof right[0]);
        refuse(sample_image(files, COUNT(files)), hostile[i].file.name, hostile[i].sentence);
    }
}

static void a_missing_part_is_refused(void **state)
{
    static const struct sample_file init[] = {{"init", CPIO_REGULAR | 0755, "x"}};
    static const struct sample_file two[] = {{"bin", FOLDER, NULL}, {"init", CPIO_REGULAR | 0755, "x"}};
    static const struct sample_file behind[] = {{"init", CPIO_REGULAR | 0755, "x"}, {"lib", FOLDER, NULL}};
    static const struct sample_file link[] = {{"init", CPIO_LINK | 0777, "app/x"}};
    static const struct sample_file writable[] = {{"init", CPIO_REGULAR | 0777, "x"}};
    struct sample_file changed[COUNT(right)];
    uint8_t kernel[SAMPLE_KERNEL_SIZE];
    struct eif_measurements measurements;
    struct sample ramdisks[4] = {sample_archive(init, 1, false), sample_archive(right, COUNT(right), true),
        sample_archive(right, COUNT(right), false), {(uint8_t *)(uintptr_t) "\x1f\x8b\x08\0", 4}};
    struct sample bad[4] = {sample_archive(two, 2, false), sample_archive(behind, 2, false),
        sample_archive(link, 1, false), sample_archive(writable, 1, false)};
    struct sample pair[2] = {ramdisks[0], ramdisks[1]};

    (void)state;
#define MAKE(list, count) sample_eif(kernel, sizeof kernel, SAMPLE_CMDLINE, NULL, (list), (count), &measurements)
    sample_kernel(kernel);
    refuse(MAKE(ramdisks, 1), "one ramdisk", "1 ramdisk; an image of ours has two");
    refuse(MAKE(ramdisks, 3), "three ramdisks", "3 ramdisks; an image of ours has two");
    pair[1] = ramdisks[2];
    refuse(MAKE(pair, 2), "no manifest", "there is no app/manifest");
    pair[1] = ramdisks[3];
    refuse(MAKE(pair, 2), "compressed", "ramdisk 2 (application): it ends at byte 4");
    pair[1] = ramdisks[1];
    for (size_t i = 0; i < 4; i++) {
        pair[0] = bad[i];
        refuse(MAKE(pair, 2), "runtime", "ramdisk 1 (runtime): \"");
        sample_free(&bad[i]);
    }
    pair[0] = ramdisks[0];
    refuse(sample_eif("KKKK", 4, SAMPLE_CMDLINE, NULL, pair, 2, &measurements), "kernel", "the kernel is no bzImage");
    kernel[0x1fe] = 0;
    refuse(MAKE(pair, 2), "kernel", "the kernel is no bzImage");
    memcpy(kernel, "\177ELF", 4);
    refuse(MAKE(pair, 2), "vmlinux", "the kernel is an ELF file");
    sample_kernel(kernel);
    refuse(
        sample_eif(kernel, sizeof kernel, "quiet", NULL, pair, 2, &measurements), "cmdline", "lacks rootfstype=ramfs");
    refuse(sample_eif(kernel, sizeof kernel, "xrootfstype=ramfs rootfstype=ramfsx", NULL, pair, 2, &measurements),
        "cmdline", "lacks rootfstype=ramfs");
    refuse(sample_eif(kernel, sizeof kernel, "rootfstype=ramfs \x01", NULL, pair, 2, &measurements), "cmdline",
        "printable");
    for (size_t i = 0; i < 3; i++) {
        sample_free(&ramdisks[i]);
    }

    memcpy(changed, right, sizeof right);
    changed[1].content = "[image]\nname = demo\n[app]\nrun = /server\n[limits]\nconnections = 0\n";
    refuse(sample_image(changed, COUNT(changed)), "bad configuration", "app/enclave.ini:6: [limits] connections = 0");
    changed[1].content = "[image]\nname = demo\nmemory = 65M\n[app]\nrun = /server\n";
    refuse(sample_image(changed, COUNT(changed)), "memory", "the header's memory or CPUs");
    changed[1] = (struct sample_file){"app/enclave.txt", FILE_MODE, "x"};
    refuse(sample_image(changed, COUNT(changed)), "no configuration", "there is no app/enclave.ini");
}

static void a_manifest_that_disagrees_is_refused(void **state)
{
    static const struct {
        const char *from;
        const char *to;
        const char *sentence;
    } changes[] = {
        {"f 0755 7 ", "f 0754 7 ", "\"app/rootfs/server\" is not what the manifest says"},
        {"f 0755 7 ", "f 0755 8 ", "\"app/rootfs/server\" is not what the manifest says"},
        {"f 0755 7 ", "l 0755 7 ", "\"app/rootfs/server\" is not what the manifest says"},
        {"d 0755 - - app/rootfs/tmp", "d 0755 - - app/rootfs/tmq", "\"app/rootfs/tmp\" stands where the manifest has"},
        {"app/rootfs/sh\n", "app/rootfs/si\n", "\"app/rootfs/sh\" stands where the manifest has"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(changes); i++) {
        struct sample sample = sample_image(right, COUNT(right));
        char *at = memmem(sample.data, sample.size, changes[i].from, strlen(changes[i].from));
        assert_non_null(at);
        memcpy(at, changes[i].to, strlen(changes[i].to));
        sample_set_crc(&sample);
        refuse(sample, changes[i].to, changes[i].sentence);
    }
    struct sample sample = sample_image(right, COUNT(right));
    char *content = memmem(sample.data, sample.size, "program", 7);
    content[0] = 'P';
    sample_set_crc(&sample);
    refuse(sample, "content", "\"app/rootfs/server\" is not what the manifest says");
}

/* The text of the manifest that these files would get. */
static char *manifest_of(const struct sample_file *files, size_t count)
{
    struct sample archive = sample_archive(files, count, true);
    char *start = memmem(archive.data, archive.size, "ingot manifest", 14);
    char *end = memmem(start, (size_t)((char *)archive.data + archive.size - start), "\nend ", 5);
    char *text = strndup(start, (size_t)(strchr(end + 1, '\n') + 1 - start));

    sample_free(&archive);
    return text;
}

/* An image whose second ramdisk holds just these files. */
static struct sample image_of(const struct sample_file *files, size_t count)
{
    static const struct sample_file init[] = {{"init", CPIO_REGULAR | 0755, "runtime"}};
    uint8_t kernel[SAMPLE_KERNEL_SIZE];
    struct eif_measurements measurements;
    struct sample ramdisks[2] = {sample_archive(init, 1, false), sample_archive(files, count, false)};
    struct sample image;

    sample_kernel(kernel);
    image = sample_eif(kernel, sizeof kernel, SAMPLE_CMDLINE, NULL, ramdisks, 2, &measurements);
    sample_free(&ramdisks[0]);
    sample_free(&ramdisks[1]);
    return image;
}

static void the_manifest_is_the_last_file_and_lists_all_of_them(void **state)
{
    static const struct sample_file more = {"app/rootfs/z", FILE_MODE, "z"};
    struct sample_file files[COUNT(right) + 2];
    char *text;

    (void)state;
    memcpy(files, right, sizeof right);
    files[COUNT(right)] = more;
    text = manifest_of(files, COUNT(right) + 1);
    files[COUNT(right)] = (struct sample_file){"app/manifest", FILE_MODE, text};
    refuse(image_of(files, COUNT(right) + 1), "missing", "\"app/rootfs/z\" is in the manifest, but not in the ramdisk");
    files[COUNT(right) + 1] = more;
    refuse(image_of(files, COUNT(right) + 2), "behind", "\"app/rootfs/z\" stands behind app/manifest");
    free(text);
    text = manifest_of(right, COUNT(right));
    files[COUNT(right)].content = text;
    files[COUNT(right)].mode = CPIO_REGULAR | 0755;
    refuse(image_of(files, COUNT(right) + 1), "mode", "\"app/manifest\" is not a file of mode 0644");
    free(text);
}

static void damage_is_seen_by_the_crc(void **state)
{
    struct sample sample = sample_image(right, COUNT(right));

    (void)state;
    sample.data[600] ^= 1;
    refuse(sample, "a bit of the kernel", "the CRC of the file is wrong");
}

static void other_machines_images_are_refused(void **state)
{
    struct sample sample = sample_image(right, COUNT(right));

    (void)state;
    bytes_put_be16(sample.data + 6, EIF_FLAG_AARCH64);
    sample_set_crc(&sample);
    refuse(sample, "aarch64", "flags 0x0001 (aarch64)");
    sample = sample_image(right, COUNT(right));
    bytes_put_be16(sample.data + 6, 6);
    sample_set_crc(&sample);
    refuse(sample, "pcie", "flags 0x0006");
}

static void owners_times_and_numbers_are_as_we_write_them(void **state)
{
    struct sample sample = sample_image(right, COUNT(right));
    /* The header of app/rootfs/server: its name is 110 bytes behind its start. */
    char *header = (char *)memmem(sample.data, sample.size, "app/rootfs/server", 18) - CPIO_HEADER_SIZE;

    (void)state;
    memcpy(header + 6 + 16, "000003e8", 8); /* uid 1000 */
    sample_set_crc(&sample);
    refuse(sample, "uid", "\"app/rootfs/server\" is not as ingot writes it");
}

static void a_file_that_is_not_there_says_so(void **state)
{
    struct image image;
    struct reason why;

    (void)state;
    assert_int_equal(image_open("/nonexistent/x.eif", &image, &why), -2);
    assert_non_null(strstr(why.text, "/nonexistent/x.eif: cannot open"));
    assert_int_equal(image_open("/dev/null", &image, &why), -22);
    assert_int_equal(image_open("tests/vectors/describe/two-ramdisks.eif", &image, &why), -22);
    assert_non_null(strstr(why.text, "lacks rootfstype=ramfs"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ours_opens),
        cmocka_unit_test(files_that_do_not_belong_to_the_application_are_refused),
        cmocka_unit_test(a_missing_part_is_refused),
        cmocka_unit_test(a_manifest_that_disagrees_is_refused),
        cmocka_unit_test(the_manifest_is_the_last_file_and_lists_all_of_them),
        cmocka_unit_test(damage_is_seen_by_the_crc),
        cmocka_unit_test(other_machines_images_are_refused),
        cmocka_unit_test(owners_times_and_numbers_are_as_we_write_them),
        cmocka_unit_test(a_file_that_is_not_there_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
