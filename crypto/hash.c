/* hash: SHA-256, SHA-384 and CRC-32 over running bytes, with states that can be copied. */
#include "crypto/hash.h"

#include <bearssl.h>
#include <string.h>
#include <threads.h>

#include "base/bytes.h"

/* A state is the library's own, kept in plain words so that the header names none of its types. */
_Static_assert(sizeof(br_sha256_context) <= sizeof(struct hash_sha256), "room for the library's state");
_Static_assert(sizeof(br_sha384_context) <= sizeof(struct hash_sha384), "room for the library's state");
_Static_assert(_Alignof(br_sha256_context) <= _Alignof(struct hash_sha256), "alignment of the library's state");
_Static_assert(_Alignof(br_sha384_context) <= _Alignof(struct hash_sha384), "alignment of the library's state");

void hash_sha256_init(struct hash_sha256 *hash)
{
    memset(hash, 0, sizeof *hash);
    br_sha256_init((br_sha256_context *)(void *)hash);
}

void hash_sha256_update(struct hash_sha256 *hash, const void *data, size_t size)
{
    br_sha256_update((br_sha256_context *)(void *)hash, data, size);
}

void hash_sha256_out(const struct hash_sha256 *hash, uint8_t digest[static HASH_SHA256_SIZE])
{
    br_sha256_out((const br_sha256_context *)(const void *)hash, digest);
}

void hash_sha384_init(struct hash_sha384 *hash)
{
    memset(hash, 0, sizeof *hash);
    br_sha384_init((br_sha384_context *)(void *)hash);
}

void hash_sha384_update(struct hash_sha384 *hash, const void *data, size_t size)
{
    br_sha384_update((br_sha384_context *)(void *)hash, data, size);
}

void hash_sha384_out(const struct hash_sha384 *hash, uint8_t digest[static HASH_SHA384_SIZE])
{
    br_sha384_out((const br_sha384_context *)(const void *)hash, digest);
}

/*
 * CRC-32/ISO-HDLC: polynomial 0x04C11DB7 reflected, start and end inverted. Eight tables take eight bytes at a step:
 * tables[k][b] is what byte b has become after k more zero bytes.
 */
#define CRC_POLYNOMIAL 0xedb88320u

static uint32_t tables[8][256];
static once_flag tables_once = ONCE_FLAG_INIT;

static void make_tables(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (unsigned bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ ((crc & 1) != 0 ? CRC_POLYNOMIAL : 0);
        }
        tables[0][byte] = crc;
    }
    for (unsigned k = 1; k < 8; k++) {
        for (uint32_t byte = 0; byte < 256; byte++) {
            uint32_t before = tables[k - 1][byte];
            tables[k][byte] = before >> 8 ^ tables[0][before & 0xff];
        }
    }
}

uint32_t hash_crc32(uint32_t crc, const void *data, size_t size)
{
    const uint8_t *p = data;

    call_once(&tables_once, make_tables);
    crc = ~crc;
    for (; size >= 8; size -= 8, p += 8) {
        crc ^= (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
        crc = tables[7][crc & 0xff] ^ tables[6][crc >> 8 & 0xff] ^ tables[5][crc >> 16 & 0xff] ^ tables[4][crc >> 24] ^
              tables[3][p[4]] ^ tables[2][p[5]] ^ tables[1][p[6]] ^ tables[0][p[7]];
    }
    for (; size > 0; size--, p++) {
        crc = crc >> 8 ^ tables[0][(crc ^ *p) & 0xff];
    }
    return ~crc;
}

/* a × b modulo the polynomial; bit 31 is x⁰. */
static uint32_t crc_multiply(uint32_t a, uint32_t b)
{
    uint32_t product = 0;

    for (uint32_t bit = 1u << 31; bit != 0; bit >>= 1) {
        product ^= (a & bit) != 0 ? b : 0;
        b = b >> 1 ^ ((b & 1) != 0 ? CRC_POLYNOMIAL : 0);
    }
    return product;
}

uint32_t hash_crc32_join(uint32_t first, uint32_t second, uint64_t second_size)
{
    uint32_t shift = 1u << 31;       /* x⁰: becomes x^(8 · second_size) by squaring */
    uint32_t power = 1u << (31 - 8); /* x⁸ */

    for (; second_size > 0; second_size >>= 1) {
        if ((second_size & 1) != 0) {
            shift = crc_multiply(shift, power);
        }
        power = crc_multiply(power, power);
    }
    return crc_multiply(shift, first) ^ second;
}
