/* ghash: tests: GHASH with our patch for eight blocks at a time, against the portable one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <bearssl.h>

#define SIZE_MAX_TRIED 1600 /* past 1 KiB, where eight are taken, and every rest behind them */

/* Whatever its bytes are: the same in each run. */
static void fill(uint8_t *data, size_t size, uint32_t seed)
{
    for (size_t i = 0; i < size; i++) {
        seed = seed * 1664525 + 1013904223;
        data[i] = (uint8_t)(seed >> 24);
    }
}

static void every_length_gives_what_the_portable_one_gives(void **state)
{
    br_ghash fast = br_ghash_pclmul_get();
    static uint8_t data[SIZE_MAX_TRIED];
    uint8_t key[16];

    (void)state;
    if (fast == 0) {
        print_message("this processor has no carry-less multiplication\n");
        skip();
    }
    fill(data, sizeof data, 1);
    for (size_t size = 0; size <= sizeof data; size++) {
        uint8_t one[16];
        uint8_t other[16];
        fill(key, sizeof key, (uint32_t)size);
        fill(one, sizeof one, ~(uint32_t)size);
        memcpy(other, one, sizeof other);
        fast(one, key, data, size);
        br_ghash_ctmul64(other, key, data, size);
        assert_memory_equal(one, other, sizeof one);
    }
}

/* Powers and reductions of the extremes. */
static void keys_and_data_of_one_bit_too(void **state)
{
    br_ghash fast = br_ghash_pclmul_get();
    static uint8_t data[1024 + 128];

    (void)state;
    for (unsigned bit = 0; fast != 0 && bit < 8 * 128; bit++) {
        uint8_t key[16] = {0};
        uint8_t one[16] = {0};
        uint8_t other[16] = {0};
        memset(data, 0, sizeof data);
        key[bit / 8 % 16] = (uint8_t)(1u << bit % 8);
        data[bit] = 1;
        data[sizeof data - 1 - bit / 8] = 0x80;
        fast(one, key, data, sizeof data);
        br_ghash_ctmul64(other, key, data, sizeof data);
        assert_memory_equal(one, other, sizeof one);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_length_gives_what_the_portable_one_gives),
        cmocka_unit_test(keys_and_data_of_one_bit_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
