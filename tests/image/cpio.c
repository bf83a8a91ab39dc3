/* cpio: tests: archives are reproducible and read back; malformed ones are refused with the offset. */
#include "tests/image/samples.h"

static const struct sample_file files[] = {
    {"app", CPIO_FOLDER | 0755, NULL},
    {"app/a", CPIO_REGULAR | 0644, "hello"},
    {"app/empty", CPIO_REGULAR | 0600, ""},
    {"app/link", CPIO_LINK | 0777, "a"},
};

static void an_archive_has_the_bytes_of_the_format(void **state)
{
    static const char expected[] = "070701"
                                   "00000001"
                                   "000081ed"
                                   "00000000"
                                   "00000000"
                                   "00000001"
                                   "00000000"
                                   "00000005"
                                   "00000000"
                                   "00000000"
                                   "00000000"
                                   "00000000"
                                   "00000005"
                                   "00000000"
                                   "init\0"
                                   "\0"
                                   "hello\0\0\0"
                                   "070701"
                                   "00000000"
                                   "00000000"
                                   "00000000"
                                   "00000000"
                                   "00000001"
                                   "00000000"
                                   "00000000"
                                   "00000000"
                                   "00000000"
                                   "00000000"
                                   "00000000"
                                   "0000000b"
                                   "00000000"
                                   "TRAILER!!!\0"
                                   "\0\0";
    static const struct sample_file init[] = {{"init", CPIO_REGULAR | 0755, "hello"}};
    struct sample archive = sample_archive(init, 1, false);

    (void)state;
    assert_int_equal(archive.size, sizeof expected); /* the literal's own NUL is the third of the padding */
    assert_memory_equal(archive.data, expected, archive.size);
    assert_int_equal(archive.size % 4, 0);
    sample_free(&archive);
}

static void what_is_written_is_read(void **state)
{
    struct sample archive = sample_archive(files, 4, false);
    const struct source source = source_memory(archive.data, archive.size);
    struct cpio_entry entry;
    struct cpio_reader reader;
    struct reason why = {""};
    char content[16];

    (void)state;
    cpio_reader_init(&reader, &source);
    for (size_t i = 0; i < 4; i++) {
        size_t size = files[i].content != NULL ? strlen(files[i].content) : 0;
        assert_int_equal(cpio_next(&reader, &entry, &why), 1);
        assert_true(entry.plain);
        assert_string_equal(entry.name, files[i].name);
        assert_int_equal(entry.header.mode, files[i].mode);
        assert_int_equal(entry.header.inode, i + 1);
        assert_int_equal(entry.content.size, size);
        assert_int_equal(source_read(&entry.content, 0, content, size, &why), 0);
        assert_memory_equal(content, files[i].content != NULL ? files[i].content : "", size);
    }
    assert_int_equal(cpio_next(&reader, &entry, &why), 0);
    assert_true(entry.plain);
    sample_free(&archive);
}

/* Reads all; the result of the last call, and whether each entry was plain. */
static int read_all(const struct sample *archive, bool *plain, struct reason *why)
{
    const struct source source = source_memory(archive->data, archive->size);
    struct cpio_entry entry;
    struct cpio_reader reader;
    int result;

    *plain = true;
    cpio_reader_init(&reader, &source);
    do {
        result = cpio_next(&reader, &entry, why);
        *plain = *plain && result >= 0 && entry.plain;
    } while (result > 0);
    return result;
}

static void an_archive_cut_anywhere_is_refused(void **state)
{
    struct sample archive = sample_archive(files, 4, false);
    size_t whole = archive.size;
    struct reason why;
    bool plain;

    (void)state;
    for (archive.size = 0; archive.size < whole; archive.size++) {
        /* Memory of the exact size, so that the sanitizer sees a byte read too far. */
        struct sample cut = {malloc(archive.size), archive.size};
        memcpy(cut.data, archive.data, archive.size);
        assert_int_equal(read_all(&cut, &plain, &why), -22);
        sample_free(&cut);
    }
    assert_int_equal(read_all(&archive, &plain, &why), 0);
    sample_free(&archive);
}

/* Places in the archive of `files`: the header of app/a is behind that of app (110 + 4 bytes, filled up to 116). */
enum { SECOND = 116, NAME = SECOND + 110, CONTENT = SECOND + 116, FIELD = 6 };

static const struct malformed {
    const char *what;
    size_t place;
    const char *bytes;
    size_t size;
    const char *sentence;
} malformed[] = {
    {"old magic", SECOND, "070707", 6, "at byte 116: \"070707\" is not the start of a newc entry"},
    {"magic with checksums", SECOND, "070702", 6, "at byte 116: \"070702\" is not"},
    {"binary magic", SECOND, "\xc7\x71", 2, "is not the start of a newc entry"},
    {"a compressed archive", 0, "\x1f\x8b", 2, "at byte 0: \"\\x1f\\x8b0701\" is not"},
    {"no hexadecimal", SECOND + FIELD, "0000000g", 8, "at byte 116: a field of the header is not hexadecimal"},
    {"a sign", SECOND + FIELD, "-0000001", 8, "not hexadecimal"},
    {"blanks", SECOND + FIELD + 8, "        ", 8, "not hexadecimal"},
    {"0x", SECOND + FIELD + 8, "0x0081a4", 8, "not hexadecimal"},
    {"name of no bytes", SECOND + FIELD + 88, "00000000", 8, "at byte 116: a name of 0 bytes"},
    {"name of only a NUL", SECOND + FIELD + 88, "00000001", 8, "a name of 1 bytes"},
    {"name of 4097 bytes", SECOND + FIELD + 88, "00001001", 8, "a name of 4097 bytes"},
    {"name of 2^32 - 1 bytes", SECOND + FIELD + 88, "ffffffff", 8, "a name of 4294967295 bytes"},
    {"name longer than the archive", SECOND + FIELD + 88, "00001000", 8, "it ends at byte"},
    {"name that ends too early", SECOND + FIELD + 88, "00000007", 8, "does not end with its only NUL"},
    {"name that does not end", SECOND + FIELD + 88, "00000005", 8, "does not end with its only NUL"},
    {"NUL in the name", NAME + 2, "\0", 1, "does not end with its only NUL"},
    {"content of 4 GiB", SECOND + FIELD + 48, "ffffffff", 8, "\"app/a\" has 4294967295 bytes, but only"},
    {"content a bit too long", SECOND + FIELD + 48, "00000400", 8, "\"app/a\" has 1024 bytes, but only"},
    {"content that swallows the next", SECOND + FIELD + 48, "0000000c", 8, "is not the start of a newc entry"},
    {"padding that is not zero", CONTENT + 6, "x", 1, "at byte 238: a byte that only fills up is not zero"},
};

static void malformed_archives_are_refused_with_the_offset(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        const struct malformed *row = &malformed[i];
        struct sample archive = sample_archive(files, 4, false);
        struct reason why = {""};
        bool plain;
        memcpy(archive.data + row->place, row->bytes, row->size);
        int result = read_all(&archive, &plain, &why);
        if (result != -22 || strstr(why.text, row->sentence) == NULL) {
            fail_msg("%s: %d, \"%s\"", row->what, result, why.text);
        }
        sample_free(&archive);
    }
}

static void what_stands_behind_the_end_is_refused(void **state)
{
    struct sample archive = sample_archive(files, 4, false);
    struct reason why = {""};
    uint8_t zeros[512] = {0};
    bool plain;

    (void)state;
    sample_add(&archive, zeros, 511);
    assert_int_equal(read_all(&archive, &plain, &why), 0); /* as GNU cpio fills its blocks, but not as we do */
    assert_false(plain);
    archive.data[archive.size - 1] = 'x';
    assert_int_equal(read_all(&archive, &plain, &why), -22);
    assert_non_null(strstr(why.text, "a byte that only fills up is not zero"));
    archive.data[archive.size - 1] = 0;
    sample_add(&archive, zeros, 1);
    assert_int_equal(read_all(&archive, &plain, &why), -22);
    assert_non_null(strstr(why.text, "512 bytes stand behind the end"));
    sample_free(&archive);
}

static void entries_that_we_would_not_write_are_not_plain(void **state)
{
    static const struct {
        size_t place;
        const char *digits;
    } changes[] = {{SECOND + FIELD, "00000009"}, {SECOND + FIELD + 16, "000003e8"}, {SECOND + FIELD + 24, "00000001"},
        {SECOND + FIELD + 32, "00000002"}, {SECOND + FIELD + 40, "60000000"}, {SECOND + FIELD + 56, "00000001"},
        {SECOND + FIELD + 72, "00000005"}, {SECOND + FIELD + 96, "00000001"}, {SECOND + FIELD + 8, "000081A4"}};

    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        struct sample archive = sample_archive(files, 4, false);
        struct reason why = {""};
        bool plain;
        memcpy(archive.data + changes[i].place, changes[i].digits, 8);
        assert_int_equal(read_all(&archive, &plain, &why), 0);
        assert_false(plain);
        sample_free(&archive);
    }
}

static void the_writer_keeps_the_bounds(void **state)
{
    char name[CPIO_NAME_MAX + 2];
    struct sample archive = {0};
    struct cpio_writer writer;
    struct reason why = {""};

    (void)state;
    memset(name, 'n', sizeof name);
    name[CPIO_NAME_MAX + 1] = '\0';
    cpio_writer_init(&writer, sample_sink, &archive);
    assert_int_equal(cpio_add(&writer, name, CPIO_FOLDER, 0, &why), -22);
    assert_int_equal(cpio_add(&writer, "", CPIO_FOLDER, 0, &why), -22);
    assert_int_equal(cpio_add(&writer, "a", CPIO_REGULAR, UINT64_C(1) << 32, &why), -22);
    assert_int_equal(cpio_add(&writer, "a", CPIO_LINK, CPIO_LINK_MAX + 1, &why), -22);
    assert_int_equal(archive.size, 0);
    name[CPIO_NAME_MAX] = '\0';
    assert_int_equal(cpio_add(&writer, name, CPIO_FOLDER, 0, &why), 0);
    assert_int_equal(cpio_add(&writer, "a", CPIO_REGULAR, 2, &why), 0);
    assert_int_equal(cpio_content(&writer, "abc", 3, &why), -22);
    sample_free(&archive);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_archive_has_the_bytes_of_the_format),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(an_archive_cut_anywhere_is_refused),
        cmocka_unit_test(malformed_archives_are_refused_with_the_offset),
        cmocka_unit_test(what_stands_behind_the_end_is_refused),
        cmocka_unit_test(entries_that_we_would_not_write_are_not_plain),
        cmocka_unit_test(the_writer_keeps_the_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
