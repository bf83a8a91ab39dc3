/* certificate: a signing certificate as nitro-cli shows it. */
#include "tools/certificate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "crypto/der.h"
#include "crypto/x509.h"

#define SIGNATURE_MAX 1024 /* bytes of a certificate's own signature: RSA-8192 */
#define VALUE_MAX 1024     /* bytes of one part of a name */

struct known {
    const char *oid;
    size_t size;
    const char *name;
};
#define OID(bytes, name)                                                                                               \
    {                                                                                                                  \
        (bytes), sizeof(bytes) - 1, (name)                                                                             \
    }

/* Attribute types by OpenSSL's long names (its objects.txt), those of RFC 5280 Appendix A.1. */
static const struct known attributes[] = {
    OID("\x55\x04\x03", "commonName"),
    OID("\x55\x04\x04", "surname"),
    OID("\x55\x04\x05", "serialNumber"),
    OID("\x55\x04\x06", "countryName"),
    OID("\x55\x04\x07", "localityName"),
    OID("\x55\x04\x08", "stateOrProvinceName"),
    OID("\x55\x04\x09", "streetAddress"),
    OID("\x55\x04\x0a", "organizationName"),
    OID("\x55\x04\x0b", "organizationalUnitName"),
    OID("\x55\x04\x0c", "title"),
    OID("\x55\x04\x2a", "givenName"),
    OID("\x55\x04\x2b", "initials"),
    OID("\x55\x04\x2c", "generationQualifier"),
    OID("\x55\x04\x2e", "dnQualifier"),
    OID("\x55\x04\x41", "pseudonym"),
    OID("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01", "emailAddress"),
    OID("\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19", "domainComponent"),
};

/* Signature algorithms by the same names. */
static const struct known algorithms[] = {
    OID("\x2a\x86\x48\xce\x3d\x04\x03\x02", "ecdsa-with-SHA256"),
    OID("\x2a\x86\x48\xce\x3d\x04\x03\x03", "ecdsa-with-SHA384"),
    OID("\x2a\x86\x48\xce\x3d\x04\x03\x04", "ecdsa-with-SHA512"),
    OID("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b", "sha256WithRSAEncryption"),
    OID("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c", "sha384WithRSAEncryption"),
    OID("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d", "sha512WithRSAEncryption"),
};

static const char *find_known(const struct known *table, size_t count, struct bytes oid)
{
    for (size_t i = 0; i < count; i++) {
        if (der_is(oid, table[i].oid, table[i].size)) {
            return table[i].name;
        }
    }
    return NULL;
}

/* A DirectoryString's text; only kinds whose bytes are UTF-8 already. */
static json_t *value_json(const struct der *value)
{
    enum { UTF8_STRING = 0x0c, NUMERIC_STRING = 0x12, PRINTABLE_STRING = 0x13, IA5_STRING = 0x16 };

    if (value->tag != UTF8_STRING && value->tag != NUMERIC_STRING && value->tag != PRINTABLE_STRING &&
        value->tag != IA5_STRING) {
        return NULL;
    }
    return value->body.size <= VALUE_MAX ? json_stringn((const char *)value->body.data, value->body.size) : NULL;
}

/* One relative name: a SET of {type, value}. */
static int add_names(json_t *json, struct bytes set, struct reason *why)
{
    struct bytes attribute;
    struct bytes oid;
    struct der value;

    while (der_take(&set, DER_SEQUENCE, &attribute)) {
        if (!der_take(&attribute, DER_OID, &oid) || !der_next(&attribute, &value)) {
            return reason_set(why, -EINVAL, "the certificate's issuer is malformed");
        }
        const char *name = find_known(attributes, sizeof attributes / sizeof attributes[0], oid);
        json_t *text = value_json(&value);
        if (name == NULL || text == NULL) {
            json_decref(text);
            return reason_set(why, -EINVAL, "the certificate's issuer has a part of a kind that can't be shown here");
        }
        if (json_object_set_new(json, name, text) < 0) {
            return reason_system(why, -ENOMEM, "no memory");
        }
    }
    return set.size == 0 ? 0 : reason_set(why, -EINVAL, "the certificate's issuer is malformed");
}

/* {"commonName": …}, sorted by key, as AWS's tool prints it. */
static json_t *issuer_json(struct bytes issuer, struct reason *why)
{
    json_t *json = json_object();
    struct bytes names;
    struct bytes set;
    char *text;
    int error = der_take(&issuer, DER_SEQUENCE, &names) ? 0 : -EINVAL;

    while (error == 0 && der_take(&names, DER_SET, &set)) {
        error = add_names(json, set, why);
    }
    if (error < 0) {
        json_decref(json);
        return NULL;
    }
    text = json_dumps(json, JSON_SORT_KEYS);
    json_decref(json);
    json = text != NULL ? json_loads(text, 0, NULL) : NULL;
    free(text);
    return json;
}

/* "Nov 20 21:02:29 2026 GMT", as OpenSSL prints a time. */
static json_t *date_json(int64_t seconds)
{
    time_t when = (time_t)seconds;
    char text[64];
    struct tm utc;

    if (gmtime_r(&when, &utc) == NULL || strftime(text, sizeof text, "%b %e %H:%M:%S %Y GMT", &utc) == 0) {
        return NULL;
    }
    return json_string(text);
}

/* "30:45:02:…" */
static json_t *bytes_json(struct bytes bytes)
{
    static const char digits[] = "0123456789ABCDEF";
    char text[3 * SIGNATURE_MAX];
    char *out = text;

    if (bytes.size == 0 || bytes.size > SIGNATURE_MAX) {
        return NULL;
    }
    for (size_t i = 0; i < bytes.size; i++) {
        *out++ = digits[bytes.data[i] >> 4];
        *out++ = digits[bytes.data[i] & 15];
        *out++ = ':';
    }
    out[-1] = '\0';
    return json_string(text);
}

/* The last two parts of a certificate: signatureAlgorithm and signatureValue (RFC 5280 §4.1). */
static bool find_signature(struct bytes der, const char **algorithm, struct bytes *signature)
{
    struct bytes certificate;
    struct bytes identifier;
    struct bytes tbs;
    struct bytes oid;

    if (!der_take(&der, DER_SEQUENCE, &certificate) || !der_take(&certificate, DER_SEQUENCE, &tbs) ||
        !der_take(&certificate, DER_SEQUENCE, &identifier) || !der_take(&identifier, DER_OID, &oid) ||
        !der_take(&certificate, DER_BIT_STRING, signature) || signature->size < 2 || signature->data[0] != 0) {
        return false;
    }
    signature->data++; /* the number of unused bits, 0 */
    signature->size--;
    *algorithm = find_known(algorithms, sizeof algorithms / sizeof algorithms[0], oid);
    return *algorithm != NULL;
}

int certificate_json(struct bytes der, json_t **json, struct reason *why)
{
    struct x509_certificate certificate;
    const char *algorithm;
    struct bytes signature;
    json_t *issuer;
    int failed = 0;
    int error = x509_read(der, &certificate, why);

    if (error < 0) {
        return error;
    }
    if (!find_signature(der, &algorithm, &signature)) {
        return reason_set(why, -EINVAL, "the certificate's signature is of a kind that can't be shown here");
    }
    (void)reason_set(why, 0, "the certificate's issuer is malformed");
    issuer = issuer_json(certificate.issuer, why);
    if (issuer == NULL) {
        return -EINVAL;
    }
    *json = json_object();
    failed |= json_object_set_new(*json, "IssuerName", issuer);
    failed |= json_object_set_new(*json, "Algorithm", json_string(algorithm));
    failed |= json_object_set_new(*json, "NotBefore", date_json(certificate.not_before));
    failed |= json_object_set_new(*json, "NotAfter", date_json(certificate.not_after));
    failed |= json_object_set_new(*json, "Signature", bytes_json(signature));
    if (failed != 0) {
        json_decref(*json);
        *json = NULL;
        return reason_set(why, -EINVAL, "the certificate can't be shown (dates, or the size of its signature)");
    }
    return 0;
}
