/* hash: tests: digests against published values, states that are copied, CRCs that are joined. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "crypto/hash.h"

/* FIPS 180-4's example "abc" (NIST's example values). */
static void digests_are_those_of_the_standard(void **state)
{
    uint8_t digest[HASH_SHA384_SIZE];
    char hex[2 * HASH_SHA384_SIZE + 1];
    struct hash_sha256 sha256;
    struct hash_sha384 sha384;

    (void)state;
    hash_sha256_init(&sha256);
    hash_sha256_update(&sha256, "abc", 3);
    hash_sha256_out(&sha256, digest);
    text_hex(digest, HASH_SHA256_SIZE, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    hash_sha384_init(&sha384);
    hash_sha384_update(&sha384, "abc", 3);
    hash_sha384_out(&sha384, digest);
    text_hex(digest, HASH_SHA384_SIZE, hex);
    assert_string_equal(hex, "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
                             "8086072ba1e7cc2358baeca134c825a7");
}

static void a_copied_state_goes_its_own_way(void **state)
{
    struct hash_sha384 prefix;
    struct hash_sha384 longer;
    uint8_t first[HASH_SHA384_SIZE];
    uint8_t again[HASH_SHA384_SIZE];
    uint8_t other[HASH_SHA384_SIZE];

    (void)state;
    hash_sha384_init(&prefix);
    hash_sha384_update(&prefix, "kernel", 6);
    hash_sha384_out(&prefix, first);
    longer = prefix;
    hash_sha384_update(&longer, "ramdisk", 7);
    hash_sha384_out(&prefix, again);
    hash_sha384_out(&longer, other);
    assert_memory_equal(first, again, sizeof first);
    assert_memory_not_equal(first, other, sizeof first);
    hash_sha384_update(&prefix, "ramdisk", 7);
    hash_sha384_out(&prefix, again);
    assert_memory_equal(other, again, sizeof other);
}

static void crc_has_the_published_check_value(void **state)
{
    (void)state;
    assert_int_equal(hash_crc32(0, "123456789", 9), 0xcbf43926);
    assert_int_equal(hash_crc32(0, "", 0), 0);
    assert_int_equal(hash_crc32(hash_crc32(0, "1234", 4), "56789", 5), 0xcbf43926);
}

static void crcs_join_at_every_length(void **state)
{
    uint8_t data[300];

    (void)state;
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i * 7 + 1);
    }
    for (size_t cut = 0; cut <= sizeof data; cut++) {
        uint32_t first = hash_crc32(0, data, cut);
        uint32_t second = hash_crc32(0, data + cut, sizeof data - cut);
        assert_int_equal(hash_crc32_join(first, second, sizeof data - cut), hash_crc32(0, data, sizeof data));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_are_those_of_the_standard),
        cmocka_unit_test(a_copied_state_goes_its_own_way),
        cmocka_unit_test(crc_has_the_published_check_value),
        cmocka_unit_test(crcs_join_at_every_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
