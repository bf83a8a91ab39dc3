/* trust: the certificate authorities that a session believes, read once from PEM. */
#include "tls/trust.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tls/internal.h"

static bool same_name(struct bytes a, struct bytes b)
{
    return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

static int anchor_read(struct bytes der, br_x509_trust_anchor *anchor, int64_t *not_after, struct reason *why)
{
    struct x509_certificate certificate;
    char subject[X509_TEXT_SIZE];
    int error = x509_read(der, &certificate, why);

    if (error != 0) {
        return error;
    }
    x509_name_text(certificate.subject, subject);
    if (!key_public(&certificate, &anchor->pkey)) {
        return reason_set(why, -EINVAL, "the key of %s is neither RSA of %u–%u bits nor EC on P-256, P-384 or P-521",
            text_quote_string(subject).text, KEY_RSA_MIN, KEY_RSA_MAX);
    }
    if (certificate.name_constraints) {
        return reason_set(why, -EINVAL, "%s has name constraints, which are not applied here: use a CA without them",
            text_quote_string(subject).text);
    }
    *not_after = certificate.not_after;
    anchor->dn.data = (unsigned char *)(uintptr_t)certificate.subject.data;
    anchor->dn.len = certificate.subject.size;
    if (certificate.ca || (certificate.version == 1 && same_name(certificate.issuer, certificate.subject))) {
        anchor->flags = BR_X509_TA_CA;
    }
    return 0;
}

int tls_trust_load(const char *pem, size_t size, struct tls_trust **trust, struct reason *why)
{
    struct tls_trust *made;
    int error;

    if (size > TLS_TRUST_PEM_MAX) {
        return reason_set(why, -EINVAL, "more than %d bytes of PEM", TLS_TRUST_PEM_MAX);
    }
    made = calloc(1, sizeof *made);
    if (made == NULL) {
        return reason_set(why, -ENOMEM, "out of memory");
    }
    error = certificates_load(pem, size, TLS_TRUST_COUNT, &made->certificates, why);
    if (error == 0) {
        made->anchors = calloc(made->certificates.count, sizeof *made->anchors);
        error = made->anchors == NULL ? reason_set(why, -ENOMEM, "out of memory") : 0;
    }
    for (size_t i = 0; error == 0 && i < made->certificates.count; i++) {
        int64_t until = INT64_MAX;
        error = anchor_read(made->certificates.each[i], &made->anchors[i], &until, why);
        made->not_after = i == 0 || until < made->not_after ? until : made->not_after;
        if (error != 0) {
            reason_prefix(why, "certificate %zu", i + 1);
        }
    }
    if (error != 0) {
        tls_trust_free(made);
        return error;
    }
    certificates_digest(&made->certificates, made->digest);
    *trust = made;
    return 0;
}

int tls_trust_none(struct tls_trust **trust)
{
    *trust = calloc(1, sizeof **trust);
    return *trust == NULL ? -ENOMEM : 0;
}

int64_t tls_trust_not_after(const struct tls_trust *trust)
{
    return trust->not_after;
}

void tls_trust_free(struct tls_trust *trust)
{
    if (trust != NULL) {
        certificates_free(&trust->certificates);
        free(trust->anchors);
        free(trust);
    }
}
