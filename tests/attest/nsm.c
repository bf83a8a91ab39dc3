/* nsm: tests attest/nsm: responses and documents as the module writes them, and all ways of being none. */
#include "attest/nsm.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cbor.h>
#include <cmocka.h>

#define NOW 1763650800123u

static uint8_t buffer[NSM_RESPONSE_MAX];
static struct reason why;

static CborEncoder start(void)
{
    CborEncoder top;

    memset(buffer, 0, sizeof buffer);
    cbor_encoder_init(&top, buffer, sizeof buffer, 0);
    return top;
}

static struct bytes finish(const CborEncoder *top)
{
    return (struct bytes){buffer, cbor_encoder_get_buffer_size(top, buffer)};
}

static void put_number(CborEncoder *map, const char *key, uint64_t value)
{
    cbor_encode_text_stringz(map, key);
    cbor_encode_uint(map, value);
}

/* {name: {key: size bytes}} */
static struct bytes single(const char *name, const char *key, const uint8_t *data, size_t size)
{
    CborEncoder top = start();
    CborEncoder outer;
    CborEncoder inner;

    cbor_encoder_create_map(&top, &outer, 1);
    cbor_encode_text_stringz(&outer, name);
    cbor_encoder_create_map(&outer, &inner, 1);
    cbor_encode_text_stringz(&inner, key);
    cbor_encode_byte_string(&inner, data, size);
    cbor_encoder_close_container(&outer, &inner);
    cbor_encoder_close_container(&top, &outer);
    return finish(&top);
}

static struct bytes description(const char *module, unsigned locked)
{
    CborEncoder top = start();
    CborEncoder outer;
    CborEncoder inner;
    CborEncoder list;

    cbor_encoder_create_map(&top, &outer, 1);
    cbor_encode_text_stringz(&outer, "DescribeNSM");
    cbor_encoder_create_map(&outer, &inner, 7);
    put_number(&inner, "version_major", 1);
    put_number(&inner, "version_minor", 2);
    put_number(&inner, "version_patch", 3);
    cbor_encode_text_stringz(&inner, "module_id");
    cbor_encode_text_stringz(&inner, module);
    put_number(&inner, "max_pcrs", 32);
    cbor_encode_text_stringz(&inner, "locked_pcrs");
    cbor_encoder_create_array(&inner, &list, locked);
    for (unsigned i = 0; i < locked; i++) {
        cbor_encode_uint(&list, i % 32);
    }
    cbor_encoder_close_container(&inner, &list);
    cbor_encode_text_stringz(&inner, "digest");
    cbor_encode_text_stringz(&inner, "SHA384");
    cbor_encoder_close_container(&outer, &inner);
    cbor_encoder_close_container(&top, &outer);
    return finish(&top);
}

struct shape {
    bool tagged;
    bool indefinite;
    unsigned times; /* how often the timestamp stands there */
    uint64_t timestamp;
};

/* A document as real ones are: COSE_Sign1 of a payload map. */
static struct bytes document(struct shape shape)
{
    static uint8_t payload[2048];
    CborEncoder top;
    CborEncoder map;
    CborEncoder inner;
    size_t keys = shape.indefinite ? CborIndefiniteLength : 4 + shape.times;

    cbor_encoder_init(&top, payload, sizeof payload, 0);
    cbor_encoder_create_map(&top, &map, keys);
    cbor_encode_text_stringz(&map, "module_id");
    cbor_encode_text_stringz(&map, "i-0123456789abcdef0-enc0123456789abcdef");
    cbor_encode_text_stringz(&map, "digest");
    cbor_encode_text_stringz(&map, "SHA384");
    for (unsigned i = 0; i < shape.times; i++) {
        put_number(&map, "timestamp", shape.timestamp);
    }
    cbor_encode_text_stringz(&map, "pcrs");
    cbor_encoder_create_map(&map, &inner, 1);
    cbor_encode_uint(&inner, 0);
    cbor_encode_byte_string(&inner, (const uint8_t[48]){1}, 48);
    cbor_encoder_close_container(&map, &inner);
    cbor_encode_text_stringz(&map, "nonce");
    cbor_encode_null(&map);
    cbor_encoder_close_container(&top, &map);
    size_t size = cbor_encoder_get_buffer_size(&top, payload);

    CborEncoder outer = start();
    CborEncoder list;
    if (shape.tagged) {
        cbor_encode_tag(&outer, CborCOSE_Sign1Tag);
    }
    cbor_encoder_create_array(&outer, &list, 4);
    cbor_encode_byte_string(&list, (const uint8_t[]){0xa1, 0x01, 0x38, 0x22}, 4);
    cbor_encoder_create_map(&list, &inner, 0);
    cbor_encoder_close_container(&list, &inner);
    cbor_encode_byte_string(&list, payload, size);
    cbor_encode_byte_string(&list, (const uint8_t[96]){0}, 96);
    cbor_encoder_close_container(&outer, &list);
    return finish(&outer);
}

static void a_description_is_read(void **state)
{
    struct nsm_description found;

    (void)state;
    assert_int_equal(nsm_read_description(description("i-1-enc2", 16), &found, &why), 0);
    assert_int_equal(found.major, 1);
    assert_int_equal(found.minor, 2);
    assert_int_equal(found.patch, 3);
    assert_int_equal(found.pcrs, 32);
    assert_int_equal(found.pcrs_locked, 16);
    assert_string_equal(found.module, "i-1-enc2");
}

static void a_description_that_is_none_is_refused(void **state)
{
    struct nsm_description found;
    char long_name[NSM_MODULE_MAX + 2];

    (void)state;
    memset(long_name, 'a', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    assert_int_equal(nsm_read_description(description(long_name, 16), &found, &why), -EBADMSG);
    assert_int_equal(nsm_read_description(description("i-1\x1b[31m", 16), &found, &why), -EBADMSG);
    assert_int_equal(nsm_read_description(description("", 16), &found, &why), -EBADMSG);
    assert_int_equal(nsm_read_description(description("i-1", NSM_PCRS_MAX + 1), &found, &why), -EBADMSG);
    assert_int_equal(nsm_read_description(single("DescribeNSM", "x", buffer, 3), &found, &why), -EBADMSG);
}

static void random_bytes_are_read(void **state)
{
    const uint8_t sent[NSM_RANDOM_MAX] = {1, 2, 3, [255] = 4};
    struct bytes got;

    (void)state;
    assert_int_equal(nsm_read_random(single("GetRandom", "random", sent, sizeof sent), &got, &why), 0);
    assert_int_equal(got.size, sizeof sent);
    assert_memory_equal(got.data, sent, sizeof sent);
}

static void too_few_or_too_many_random_bytes_are_refused(void **state)
{
    const uint8_t sent[NSM_RANDOM_MAX + 1] = {0};
    struct bytes got;

    (void)state;
    assert_int_equal(nsm_read_random(single("GetRandom", "random", sent, NSM_RANDOM_MIN - 1), &got, &why), -EBADMSG);
    assert_non_null(strstr(why.text, "31 random bytes"));
    assert_int_equal(nsm_read_random(single("GetRandom", "random", sent, sizeof sent), &got, &why), -EBADMSG);
}

static void the_modules_own_error_is_told(void **state)
{
    CborEncoder top = start();
    CborEncoder outer;
    struct bytes got;

    (void)state;
    cbor_encoder_create_map(&top, &outer, 1);
    cbor_encode_text_stringz(&outer, "Error");
    cbor_encode_text_stringz(&outer, "InvalidArgument");
    cbor_encoder_close_container(&top, &outer);
    assert_int_equal(nsm_read_random(finish(&top), &got, &why), -EREMOTEIO);
    assert_string_equal(why.text, "the NSM refuses GetRandom: \"InvalidArgument\"");
}

static void an_answer_to_another_question_is_refused(void **state)
{
    const uint8_t sent[NSM_RANDOM_MAX] = {0};
    struct bytes got;

    (void)state;
    assert_int_equal(nsm_read_attestation(single("GetRandom", "random", sent, sizeof sent), &got, &why), -EBADMSG);
    assert_int_equal(nsm_read_random(single("GetRandom", "rendom", sent, sizeof sent), &got, &why), -EBADMSG);
}

static void the_time_is_read_from_documents_of_both_ages(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct shape shape = {.tagged = i & 1, .indefinite = i & 2, .times = 1, .timestamp = NOW};
        uint64_t time = 0;
        assert_int_equal(nsm_read_time(document(shape), &time, &why), 0);
        assert_true(time == NOW);
    }
}

static void a_time_that_is_none_is_refused(void **state)
{
    const struct shape shapes[] = {
        {.times = 0},
        {.times = 2, .timestamp = NOW},
        {.times = 1, .timestamp = NOW / 1000}, /* seconds */
        {.times = 1, .timestamp = UINT64_MAX},
        {.times = NSM_PAYLOAD_KEYS_MAX, .timestamp = NOW},
    };
    uint64_t time;

    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        assert_int_equal(nsm_read_time(document(shapes[i]), &time, &why), -EBADMSG);
    }
}

static void a_document_cut_anywhere_is_refused(void **state)
{
    struct bytes whole = document((struct shape){.times = 1, .timestamp = NOW});
    uint64_t time;

    (void)state;
    for (size_t size = 0; size < whole.size; size++) {
        uint8_t *cut = malloc(size + 1); /* the sanitizer sees a read behind it */
        uint8_t *exact = size > 0 ? realloc(cut, size) : cut;
        memcpy(exact, whole.data, size);
        assert_int_equal(nsm_read_time((struct bytes){exact, size}, &time, &why), -EBADMSG);
        free(exact);
    }
}

static void changed_bytes_never_break_the_readers(void **state)
{
    struct bytes whole = description("i-1-enc2", 16);
    uint8_t copy[512];

    (void)state;
    assert_true(whole.size <= sizeof copy);
    for (size_t i = 0; i < whole.size; i++) {
        for (unsigned value = 0; value < 256; value++) {
            struct nsm_description found;
            memcpy(copy, whole.data, whole.size);
            copy[i] = (uint8_t)value;
            if (nsm_read_description((struct bytes){copy, whole.size}, &found, &why) == 0) {
                assert_true(strlen(found.module) <= NSM_MODULE_MAX);
                assert_true(found.pcrs_locked <= NSM_PCRS_MAX);
            }
        }
    }
}

static void a_device_that_is_not_there_is_said(void **state)
{
    int fd;

    (void)state;
    assert_int_equal(nsm_open("/nonexistent/nsm", &fd, &why), -ENOENT);
    assert_non_null(strstr(why.text, "/nonexistent/nsm: cannot open"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_description_is_read),
        cmocka_unit_test(a_description_that_is_none_is_refused),
        cmocka_unit_test(random_bytes_are_read),
        cmocka_unit_test(too_few_or_too_many_random_bytes_are_refused),
        cmocka_unit_test(the_modules_own_error_is_told),
        cmocka_unit_test(an_answer_to_another_question_is_refused),
        cmocka_unit_test(the_time_is_read_from_documents_of_both_ages),
        cmocka_unit_test(a_time_that_is_none_is_refused),
        cmocka_unit_test(a_document_cut_anywhere_is_refused),
        cmocka_unit_test(changed_bytes_never_break_the_readers),
        cmocka_unit_test(a_device_that_is_not_there_is_said),
    };
    return cmocka_run_group_tests_name("nsm", tests, NULL, NULL);
}
