/* fuzz chain: any certificates as a peer's chain: a verdict with its sentence, within bounds; who is believed once is
 * believed again. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tls/verifier.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The authority of the seeds; its key is not kept. */
static const char authority[] = "-----BEGIN CERTIFICATE-----\n"
                                "MIIBcDCCARWgAwIBAgIUchpAJrCCeapETHB6GcaTTagp4EYwCgYIKoZIzj0EAwIw\n"
                                "DTELMAkGA1UEAwwCY2EwHhcNMjYxMTIxMTAwOTI1WhcNMzYxMTE4MTAwOTI1WjAN\n"
                                "MQswCQYDVQQDDAJjYTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABMOqwxeP6cIq\n"
                                "9ltny3JmkvmYY8HIWm09by+uwFXw21gdtAg+jjxac+bdcLyg/LkIl5b3+MBEuCHL\n"
                                "an5azt1JypujUzBRMB0GA1UdDgQWBBTUotKDke3OEgambxyFmgjVabOuGTAfBgNV\n"
                                "HSMEGDAWgBTUotKDke3OEgambxyFmgjVabOuGTAPBgNVHRMBAf8EBTADAQH/MAoG\n"
                                "CCqGSM49BAMCA0kAMEYCIQDPzxOLkGnTa0e2hN7JrpJw3t/I7GuhVmOMo1vdIYnW\n"
                                "MQIhAI75K2xWcmqIkqVetU1/tASOo4zWh8hxongciv6O5Rit\n"
                                "-----END CERTIFICATE-----\n";

#define NOW 1800000000 /* the seeds are from before it */

enum { CN_ALLOWED = 1, PURPOSE_REQUIRED = 2, A_CLIENT = 4, PINNED = 8, AN_ADDRESS = 16 };

static void require(bool true_always)
{
    if (!true_always) {
        abort();
    }
}

static void begin(struct verifier *verifier, const struct tls_trust *trust, unsigned flags)
{
    verifier_init(verifier, trust, (flags & A_CLIENT) != 0 ? X509_CLIENT_AUTH : X509_SERVER_AUTH, NOW);
    if ((flags & A_CLIENT) == 0) {
        (void)strcpy(verifier->name, (flags & AN_ADDRESS) != 0 ? "::1" : "a.test");
    }
    verifier->cn_allowed = (flags & CN_ALLOWED) != 0;
    verifier->purpose_required = (flags & PURPOSE_REQUIRED) != 0;
    verifier->pinned = (flags & PINNED) != 0;
}

/* Each certificate behind its length, two bytes; what is left over is the last one. */
static void feed(struct verifier *verifier, const uint8_t *data, size_t size)
{
    while (size > 2) {
        size_t length = (size_t)data[0] << 8 | data[1];
        length = length < size - 2 ? length : size - 2;
        verifier->class->start_cert(&verifier->class, (uint32_t)length);
        verifier->class->append(&verifier->class, data + 2, length / 2);
        verifier->class->append(&verifier->class, data + 2 + length / 2, length - length / 2);
        verifier->class->end_cert(&verifier->class);
        data += 2 + length;
        size -= 2 + length;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct verifier verifier;
    static struct verifier again;
    static struct tls_trust *trust;
    struct reason why;
    unsigned usages;

    if (trust == NULL) {
        require(tls_trust_load(authority, sizeof authority - 1, &trust, &why) == 0);
    }
    if (size == 0) {
        return 0;
    }
    begin(&verifier, trust, data[0]);
    verifier.class->start_chain(&verifier.class, NULL);
    feed(&verifier, data + 1, size - 1);
    unsigned error = verifier.class->end_chain(&verifier.class);
    require((error == 0) == (verifier.fault == 0));
    require(verifier.count <= TLS_CHAIN_COUNT && verifier.used <= TLS_CHAIN_MAX);
    if (error != 0) {
        require(strncmp(verifier.why.text, "certificate verify failed: ", 27) == 0);
        return 0;
    }
    require(verifier.until >= NOW && verifier.class->get_pkey(&verifier.class, &usages) != NULL);
    require((verifier.leaf.purposes & verifier.purpose) != 0 || !verifier.leaf.has_purposes);
    begin(&again, trust, data[0]);
    require(verifier_recall(&again, verifier.certificates[0]));
    return 0;
}
