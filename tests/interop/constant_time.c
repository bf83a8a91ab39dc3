/* constant_time: one operation with a secret that valgrind takes for undefined, so that it reports what depends on it.
 */
#include <bearssl.h>
#include <stdio.h>
#include <string.h>
#include <valgrind/memcheck.h>

/*
 *   constant_time [NAME]    without one: prints the names
 *
 * memcheck reports each branch and each address that depends on undefined bytes: run it with --error-exitcode.
 */
void br_ccopy(uint32_t control, void *to, const void *from, size_t size); /* of the library's own header */

static uint8_t secret[64] = {0x11, 0x22, 0x33};
static uint8_t point[65] = {9};
static uint8_t data[2048];

static void p256_generator(void)
{
    br_ec_p256_m31.mulgen(point, secret, 32, BR_EC_secp256r1);
}

static void p256_point(void)
{
    size_t size;

    memcpy(point, br_ec_p256_m31.generator(BR_EC_secp256r1, &size), sizeof point);
    br_ec_p256_m31.mul(point, sizeof point, secret, 32, BR_EC_secp256r1);
}

static void p384_point(void)
{
    uint8_t at[97];
    size_t size;

    memcpy(at, br_ec_prime_i31.generator(BR_EC_secp384r1, &size), sizeof at);
    br_ec_prime_i31.mul(at, sizeof at, secret, 48, BR_EC_secp384r1);
}

static void x25519(void)
{
    br_ec_c25519_m31.mul(point, 32, secret, 32, BR_EC_curve25519);
}

static void chacha20(void)
{
    br_chacha20_ct_run(secret, "123456789012", 1, data, sizeof data);
}

static void poly1305(void)
{
    uint8_t tag[16];

    br_poly1305_ctmulq_run(secret, "123456789012", data, sizeof data, "", 0, tag, br_chacha20_ct_run, 1);
}

static void ghash(void)
{
    br_ghash fast = br_ghash_pclmul_get();
    uint8_t sum[16] = {0};

    (fast != 0 ? fast : br_ghash_ctmul64)(sum, secret, data, sizeof data);
}

static void aes(void)
{
    br_aes_x86ni_ctr_keys keys;

    if (br_aes_x86ni_ctr_get_vtable() != NULL) {
        br_aes_x86ni_ctr_init(&keys, secret, 32);
        br_aes_x86ni_ctr_run(&keys, "123456789012", 1, data, sizeof data);
    }
}

static void copy(void)
{
    br_ccopy(secret[0] & 1, data, data + 1024, 64);
}

/* What the others must not do: it shows that a report would come. */
static void a_branch(void)
{
    if (secret[0] == 3) {
        puts("");
    }
}

static const struct {
    const char *name;
    void (*run)(void);
} operations[] = {
    {"p256_generator", p256_generator}, {"p256_point", p256_point}, {"p384_point", p384_point}, {"x25519", x25519},
    {"chacha20", chacha20}, {"poly1305", poly1305}, {"ghash", ghash}, {"aes", aes}, {"copy", copy},
    {"a_branch", a_branch}, /* last: the one that must be reported */
};

int main(int argc, char *argv[])
{
    VALGRIND_MAKE_MEM_UNDEFINED(secret, sizeof secret);
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        if (argc < 2) {
            puts(operations[i].name);
        } else if (strcmp(argv[1], operations[i].name) == 0) {
            operations[i].run();
        }
    }
    return 0;
}
