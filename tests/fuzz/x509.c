/* fuzz x509: any bytes as a certificate: what is read lies inside, and every question about it has an answer. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool true_always)
{
    if (!true_always) {
        abort();
    }
}

static void require_inside(struct bytes part, const uint8_t *data, size_t size)
{
    require(part.size == 0 || (part.data >= data && part.data + part.size <= data + size));
}

static void require_text(const char *text)
{
    require(strlen(text) < X509_TEXT_SIZE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct x509_certificate certificate;
    br_x509_pkey public_key;
    struct reason why;
    char text[X509_TEXT_SIZE];
    char date[X509_DATE_SIZE];

    if (x509_read((struct bytes){data, size}, &certificate, &why) != 0) {
        return 0;
    }
    require_inside(certificate.signature, data, size);
    require_inside(certificate.issuer, data, size);
    require_inside(certificate.subject, data, size);
    require_inside(certificate.spki, data, size);
    require_inside(certificate.rsa_modulus, data, size);
    require_inside(certificate.rsa_exponent, data, size);
    require_inside(certificate.ec_point, data, size);
    require_inside(certificate.names, data, size);
    x509_name_text(certificate.subject, text);
    require_text(text);
    x509_name_text(certificate.issuer, text);
    require_text(text);
    x509_alternatives_text(&certificate, text);
    require_text(text);
    x509_date_text(certificate.not_before, date);
    x509_date_text(certificate.not_after, date);
    require(strlen(date) == strlen("1970-01-01 00:00:00 UTC"));
    (void)x509_signature_refused(&certificate);
    (void)x509_match_host(&certificate, "a.watermark.test");
    (void)x509_match_host(&certificate, "127.0.0.1");
    (void)x509_match_host(&certificate, "::1");
    (void)x509_has_name(&certificate, "DNS:a.watermark.test");
    (void)x509_has_name(&certificate, "IP:127.0.0.1");
    (void)x509_has_name(&certificate, "URI:spiffe://a/b");
    (void)x509_has_name(&certificate, "CN=tee-client");
    if (key_public(&certificate, &public_key)) {
        require(certificate.key != X509_KEY_OTHER);
        require(public_key.key_type != BR_KEYTYPE_RSA || public_key.key.rsa.nlen <= KEY_RSA_MAX / 8);
    }
    return 0;
}
