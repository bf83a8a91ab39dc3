/* hash: SHA-256, SHA-384 and CRC-32 over running bytes, with states that can be copied. */
#ifndef INGOT_CRYPTO_HASH_H
#define INGOT_CRYPTO_HASH_H

#include <stddef.h>
#include <stdint.h>

#define HASH_SHA256_SIZE 32
#define HASH_SHA384_SIZE 48

/*
 * A state is plain memory: copy it with `=` to hash two continuations of one prefix (PCR1 is a prefix of PCR0).
 * Room for the library's own state; hash.c asserts the sizes.
 */
struct hash_sha256 {
    uint64_t state[14];
};
struct hash_sha384 {
    uint64_t state[27];
};

void hash_sha256_init(struct hash_sha256 *hash);
void hash_sha256_update(struct hash_sha256 *hash, const void *data, size_t size);
/* The digest of what was put in so far; the state can go on. */
void hash_sha256_out(const struct hash_sha256 *hash, uint8_t digest[static HASH_SHA256_SIZE]);

void hash_sha384_init(struct hash_sha384 *hash);
void hash_sha384_update(struct hash_sha384 *hash, const void *data, size_t size);
void hash_sha384_out(const struct hash_sha384 *hash, uint8_t digest[static HASH_SHA384_SIZE]);

/* CRC-32/ISO-HDLC (zlib's): start with 0, go on with what it returned. */
uint32_t hash_crc32(uint32_t crc, const void *data, size_t size);
/* The CRC-32 of two runs of bytes, one behind the other, from the CRC-32 of each. */
uint32_t hash_crc32_join(uint32_t first, uint32_t second, uint64_t second_size);

#endif
