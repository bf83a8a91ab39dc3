/* push_parts: tests tools/push_parts and tools/push_judge: what may be put together, and what is refused before
 * sending. */
#include "tools/push_parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "tools/push_judge.h"
#include "tools/secret_json.h"

static unsigned warnings;

static void warned(void *arg, const char *sentence)
{
    (void)arg;
    assert_null(strstr(sentence, "sesame"));
    warnings++;
}

/* A file in the test's own folder, gone with drop(). */
static void keep(char path[static 32], const char *data, size_t size)
{
    strcpy(path, "/tmp/ingot-parts-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(file_write_all(fd, data, size), 0);
    close(fd);
}

static void sources_come_together(void **state)
{
    json_t *push = json_object();
    struct reason why;
    char path[32];
    char word[64];

    (void)state;
    keep(path, "{\"A\": \"1\", \"B\": {\"C\": \"2\"}}", 27);
    assert_int_equal(push_parts_document(push, path, &why), 0);
    assert_int_equal(push_parts_set(push, "D=x=y", &why), 0);
    snprintf(word, sizeof word, "E=%s", path);
    assert_int_equal(push_parts_file(push, word, &why), 0);
    char *text = json_dumps(push, JSON_COMPACT);
    assert_string_equal(text, "{\"A\":\"1\",\"B\":{\"C\":\"2\"},\"D\":\"x=y\",\"E\":\"{\\\"A\\\": \\\"1\\\", "
                              "\\\"B\\\": {\\\"C\\\": \\\"2\\\"}}\"}");
    free(text);
    json_decref(push);
    unlink(path);
}

static void name_given_twice_is_refused(void **state)
{
    json_t *push = json_object();
    struct reason why;
    char path[32];

    (void)state;
    assert_int_equal(push_parts_set(push, "A=sesame", &why), 0);
    assert_int_equal(push_parts_set(push, "A=sesame", &why), -EINVAL);
    assert_non_null(strstr(why.text, "\"A\" is given twice"));
    assert_null(strstr(why.text, "sesame"));
    keep(path, "{\"A\": \"sesame\"}", 15);
    assert_int_equal(push_parts_document(push, path, &why), -EINVAL);
    assert_non_null(strstr(why.text, "given twice"));
    unlink(path);
    json_decref(push);
}

static void words_without_name_and_bytes_that_are_no_text_are_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
    } bad[] = {{"sesame\0", 7}, {"sesame\xff", 7}};
    json_t *push = json_object();
    struct reason why;
    char path[32];
    char word[64];

    (void)state;
    assert_int_equal(push_parts_set(push, "sesame", &why), -EINVAL);
    assert_null(strstr(why.text, "sesame"));
    assert_int_equal(push_parts_set(push, "=sesame", &why), -EINVAL);
    assert_int_equal(push_parts_secret(push, "A=", NULL, &why), -EINVAL);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        keep(path, bad[i].bytes, bad[i].size);
        snprintf(word, sizeof word, "A=%s", path);
        assert_int_equal(push_parts_file(push, word, &why), -EINVAL);
        assert_null(strstr(why.text, "sesame"));
        unlink(path);
    }
    assert_int_equal(push_parts_file(push, "A=/nonexistent", &why), -ENOENT);
    assert_int_equal(json_object_size(push), 0);
    json_decref(push);
}

static void spoilt_identities_are_refused_before_sending(void **state)
{
    static const char *const bad[] = {"{\"MTLS_CLIENT_CERT_JSON\": 1}", "{\"MTLS_CLIENT_CERT_JSON\": {}}",
        "{\"MTLS_CLIENT_CERT_JSON\": \"sesame\"}", "{\"MTLS_CLIENT_CERT_JSON\": \"[]\"}",
        "{\"MTLS_CLIENT_CERT_JSON\": {\"client_cert\": \"sesame\", \"client_key\": \"\", \"ca_cert\": \"\"}}"};
    struct reason why;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        json_t *object;
        assert_int_equal(secret_json_read(bad[i], strlen(bad[i]), "test", &object, &why), 0);
        assert_int_equal(push_judge(object, bad[i], strlen(bad[i]), NULL, false, 0, warned, NULL, &why), -EINVAL);
        assert_non_null(strstr(why.text, "MTLS_CLIENT_CERT_JSON"));
        assert_null(strstr(why.text, "sesame"));
        json_decref(object);
    }
    assert_int_equal(warnings, 0);
}

static int wipe_json(void **state)
{
    (void)state;
    secret_json_memory();
    json_malloc_t make;
    json_free_t release;
    json_get_alloc_funcs(&make, &release);
    return make != malloc && release != free ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sources_come_together),
        cmocka_unit_test(name_given_twice_is_refused),
        cmocka_unit_test(words_without_name_and_bytes_that_are_no_text_are_refused),
        cmocka_unit_test_setup(spoilt_identities_are_refused_before_sending, wipe_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
