/* bytes: big- and little-endian integers in byte strings, and arithmetic that says when it overflows. */
#ifndef INGOT_BASE_BYTES_H
#define INGOT_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A borrowed run of bytes; owns nothing. */
struct bytes {
    const uint8_t *data;
    size_t size;
};

static inline uint16_t bytes_be16(const uint8_t p[static 2])
{
    return (uint16_t)((unsigned)p[0] << 8 | p[1]);
}

static inline uint32_t bytes_be32(const uint8_t p[static 4])
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t bytes_be64(const uint8_t p[static 8])
{
    return (uint64_t)bytes_be32(p) << 32 | bytes_be32(p + 4);
}

static inline void bytes_put_be16(uint8_t p[static 2], uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static inline void bytes_put_be32(uint8_t p[static 4], uint32_t v)
{
    bytes_put_be16(p, (uint16_t)(v >> 16));
    bytes_put_be16(p + 2, (uint16_t)v);
}

static inline void bytes_put_be64(uint8_t p[static 8], uint64_t v)
{
    bytes_put_be32(p, (uint32_t)(v >> 32));
    bytes_put_be32(p + 4, (uint32_t)v);
}

/* *sum = a + b (or *product = a * b); false where the result does not fit, and the result must not be used. */
static inline bool bytes_add(size_t a, size_t b, size_t *sum)
{
    return !__builtin_add_overflow(a, b, sum);
}

static inline bool bytes_multiply(size_t a, size_t b, size_t *product)
{
    return !__builtin_mul_overflow(a, b, product);
}

#endif
