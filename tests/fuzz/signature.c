/* signature: fuzzes: any bytes as a signature section: what is read can be checked, and written and read again. */
#include <stdlib.h>
#include <string.h>

#include "crypto/ecdsa.h"
#include "image/signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool true_always)
{
    if (!true_always) {
        abort();
    }
}

static bool same(struct bytes a, struct bytes b)
{
    return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

/* One that holds is made again from its parts: the same certificate, PCR0 and value. */
static void make_again(const struct signature *signature)
{
    struct signature made;
    struct signature read;
    struct reason why;
    uint8_t *section;
    size_t size;

    require(signature_prepare(&made, signature->certificate, signature->signed_pcr0, &why) == 0);
    require(made.algorithm == signature->algorithm);
    /* Its payload may be encoded in more bytes than ours: then the value is of other bytes, and is refused. */
    if (signature_attach(&made, signature->value, &why) == 0 && signature_write(&made, &section, &size, &why) == 0) {
        require(size <= EIF_SIGNATURE_MAX);
        require(signature_read(&read, (struct bytes){section, size}, &why) == 0);
        require(same(read.certificate, signature->certificate) && same(read.value, signature->value));
        require(signature_holds(&read, signature->signed_pcr0, &why));
        signature_free(&read);
        free(section);
    }
    signature_free(&made);
}

/* The same bytes as a value made elsewhere. */
static void attach(const struct signature *signature, struct bytes value)
{
    struct signature made;
    struct reason why;

    if (signature_prepare(&made, signature->certificate, signature->signed_pcr0, &why) == 0) {
        (void)signature_attach(&made, value, &why);
        signature_free(&made);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t raw[ECDSA_SIGNATURE_MAX];
    const struct bytes bytes = {data, size};
    struct signature signature;
    uint8_t pcr8[EIF_PCR_SIZE];
    struct reason why;

    (void)ecdsa_from_der(ECDSA_P521, bytes, raw);
    if (signature_read(&signature, bytes, &why) < 0) {
        require(why.text[0] != '\0');
        return 0;
    }
    signature_pcr8(&signature, pcr8);
    if (signature_holds(&signature, signature.signed_pcr0, &why)) {
        make_again(&signature);
    }
    attach(&signature, bytes);
    signature_free(&signature);
    return 0;
}
