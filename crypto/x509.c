/* x509: what we need to know of a certificate (RFC 5280): names, dates, key, purposes; signatures are not its job. */
#include "crypto/x509.h"

#include <errno.h>
#include <string.h>

#include "crypto/der.h"

#define OID_EXTENSION_NAMES "\x55\x1d\x11"
#define OID_EXTENSION_BASIC "\x55\x1d\x13"
#define OID_EXTENSION_NAME_CONSTRAINTS "\x55\x1d\x1e"
#define OID_EXTENSION_PURPOSES "\x55\x1d\x25"
#define OID_PURPOSE_ANY "\x55\x1d\x25\x00"
#define OID_PURPOSE_SERVER "\x2b\x06\x01\x05\x05\x07\x03\x01"
#define OID_PURPOSE_CLIENT "\x2b\x06\x01\x05\x05\x07\x03\x02"
#define OID_RSA "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"
#define OID_EC "\x2a\x86\x48\xce\x3d\x02\x01"
#define OID_P256 "\x2a\x86\x48\xce\x3d\x03\x01\x07"
#define OID_P384 "\x2b\x81\x04\x00\x22"
#define OID_P521 "\x2b\x81\x04\x00\x23"

/* The two digits at p as a number; -1 where they are none. */
static int two_digits(const uint8_t *p)
{
    bool digits = p[0] >= '0' && p[0] <= '9' && p[1] >= '0' && p[1] <= '9';
    return digits ? (p[0] - '0') * 10 + (p[1] - '0') : -1;
}

/* Days from 1970-01-01 to a date of the Gregorian calendar; March is the first month, so leap days come last. */
static int64_t days_from_date(int64_t year, int month, int day)
{
    int64_t y = month > 2 ? year : year - 1;
    int64_t leaps = y / 4 - y / 100 + y / 400;
    int64_t day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;

    return 365 * y + leaps + day_of_year - 719468;
}

static int days_of_month(int64_t year, int month)
{
    static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap);
}

/* UTCTime YYMMDDHHMMSSZ or GeneralizedTime YYYYMMDDHHMMSSZ. */
static bool time_take(struct bytes *in, int64_t *seconds)
{
    struct der time;
    const uint8_t *p;
    int field[6];
    int64_t year;

    if (!der_next(in, &time)) {
        return false;
    }
    p = time.body.data;
    if (time.tag == DER_UTC_TIME && time.body.size == 13) {
        year = two_digits(p);
        year += year < 0 ? 0 : year < 50 ? 2000 : 1900;
    } else if (time.tag == DER_GENERALIZED_TIME && time.body.size == 15 && two_digits(p) >= 0) {
        year = two_digits(p) * 100;
        p += 2;
        year = two_digits(p) < 0 ? -1 : year + two_digits(p);
    } else {
        return false;
    }
    for (int i = 1; i < 6; i++) {
        field[i] = two_digits(p + 2 * i);
    }
    if (year < 0 || field[1] < 1 || field[1] > 12 || field[2] < 1 || field[2] > days_of_month(year, field[1]) ||
        field[3] < 0 || field[3] > 23 || field[4] < 0 || field[4] > 59 || field[5] < 0 || field[5] > 59 ||
        p[12] != 'Z') {
        return false;
    }
    *seconds = days_from_date(year, field[1], field[2]) * 86400 + field[3] * 3600 + field[4] * 60 + field[5];
    return true;
}

static bool validity_take(struct bytes *in, struct x509_certificate *certificate)
{
    struct bytes validity;

    return der_take(in, DER_SEQUENCE, &validity) && time_take(&validity, &certificate->not_before) &&
           time_take(&validity, &certificate->not_after) && validity.size == 0;
}

static unsigned bit_length(struct bytes number)
{
    unsigned bits = (unsigned)number.size * 8;

    for (uint8_t top = number.data[0]; top < 0x80 && bits > 0; top = (uint8_t)(top << 1 | 1)) {
        bits--;
    }
    return bits;
}

static bool rsa_key_read(struct bytes bits, struct x509_certificate *certificate)
{
    struct bytes key;

    if (!der_take(&bits, DER_SEQUENCE, &key) || bits.size != 0 || !der_take_unsigned(&key, &certificate->rsa_modulus) ||
        !der_take_unsigned(&key, &certificate->rsa_exponent) || key.size != 0 ||
        certificate->rsa_exponent.size > X509_RSA_EXPONENT_MAX) {
        return false;
    }
    certificate->key = X509_KEY_RSA;
    certificate->rsa_bits = bit_length(certificate->rsa_modulus);
    return true;
}

static bool ec_key_read(struct bytes parameters, struct bytes bits, struct x509_certificate *certificate)
{
    struct bytes curve;
    size_t coordinate;

    if (!der_take(&parameters, DER_OID, &curve) || parameters.size != 0) {
        return true; /* parameters written out: some other curve */
    }
    if (DER_IS(curve, OID_P256)) {
        certificate->key = X509_KEY_P256;
        coordinate = 32;
    } else if (DER_IS(curve, OID_P384)) {
        certificate->key = X509_KEY_P384;
        coordinate = 48;
    } else if (DER_IS(curve, OID_P521)) {
        certificate->key = X509_KEY_P521;
        coordinate = 66;
    } else {
        return true;
    }
    certificate->ec_point = bits;
    return bits.size == 1 + 2 * coordinate && bits.data[0] == 0x04;
}

static bool spki_take(struct bytes *in, struct x509_certificate *certificate)
{
    struct bytes algorithm;
    struct bytes body;
    struct bytes bits;
    struct bytes oid;
    struct der spki;

    if (!der_next(in, &spki) || spki.tag != DER_SEQUENCE) {
        return false;
    }
    certificate->spki = spki.whole;
    body = spki.body;
    if (!der_take(&body, DER_SEQUENCE, &algorithm) || !der_take(&algorithm, DER_OID, &oid) ||
        !der_take(&body, DER_BIT_STRING, &bits) || body.size != 0 || bits.size < 2 || bits.data[0] != 0) {
        return false;
    }
    bits.data++;
    bits.size--;
    if (DER_IS(oid, OID_RSA)) {
        return rsa_key_read(bits, certificate);
    }
    return DER_IS(oid, OID_EC) ? ec_key_read(algorithm, bits, certificate) : true;
}

static bool basic_constraints_read(struct bytes value, struct x509_certificate *certificate)
{
    struct bytes body;
    struct bytes flag;

    if (!der_take(&value, DER_SEQUENCE, &body) || value.size != 0) {
        return false;
    }
    if (der_take(&body, DER_BOOLEAN, &flag)) {
        if (flag.size != 1 || (flag.data[0] != 0x00 && flag.data[0] != 0xff)) {
            return false;
        }
        certificate->ca = flag.data[0] == 0xff;
    }
    return body.size == 0 || (der_take_unsigned(&body, &flag) && body.size == 0);
}

static bool purposes_read(struct bytes value, struct x509_certificate *certificate)
{
    struct bytes list;
    struct bytes oid;

    if (!der_take(&value, DER_SEQUENCE, &list) || value.size != 0 || list.size == 0) {
        return false;
    }
    certificate->has_purposes = true;
    while (list.size > 0) {
        if (!der_take(&list, DER_OID, &oid)) {
            return false;
        }
        certificate->purposes |= DER_IS(oid, OID_PURPOSE_SERVER)   ? X509_SERVER_AUTH
                                 : DER_IS(oid, OID_PURPOSE_CLIENT) ? X509_CLIENT_AUTH
                                 : DER_IS(oid, OID_PURPOSE_ANY)    ? X509_SERVER_AUTH | X509_CLIENT_AUTH
                                                                   : 0u;
    }
    return true;
}

static bool names_read(struct bytes value, struct x509_certificate *certificate)
{
    struct bytes rest;
    struct der name;

    if (!der_take(&value, DER_SEQUENCE, &certificate->names) || value.size != 0) {
        return false;
    }
    certificate->has_names = true;
    rest = certificate->names;
    while (rest.size > 0) {
        if (!der_next(&rest, &name)) {
            return false;
        }
    }
    return true;
}

static bool extension_read(struct bytes oid, struct bytes value, struct x509_certificate *certificate)
{
    if (DER_IS(oid, OID_EXTENSION_NAMES)) {
        return names_read(value, certificate);
    }
    if (DER_IS(oid, OID_EXTENSION_BASIC)) {
        return basic_constraints_read(value, certificate);
    }
    if (DER_IS(oid, OID_EXTENSION_PURPOSES)) {
        return purposes_read(value, certificate);
    }
    certificate->name_constraints = certificate->name_constraints || DER_IS(oid, OID_EXTENSION_NAME_CONSTRAINTS);
    return true;
}

static bool extensions_read(struct bytes list, struct x509_certificate *certificate)
{
    struct bytes seen[X509_EXTENSION_COUNT];
    size_t count = 0;

    while (list.size > 0) {
        struct bytes extension;
        struct bytes critical;
        struct bytes value;
        struct bytes oid;

        if (count == X509_EXTENSION_COUNT || !der_take(&list, DER_SEQUENCE, &extension) ||
            !der_take(&extension, DER_OID, &oid)) {
            return false;
        }
        for (size_t i = 0; i < count; i++) {
            if (der_is(oid, (const char *)seen[i].data, seen[i].size)) {
                return false;
            }
        }
        seen[count++] = oid;
        (void)der_take(&extension, DER_BOOLEAN, &critical); /* the signature's checker judges it */
        if (!der_take(&extension, DER_OCTET_STRING, &value) || extension.size != 0 ||
            !extension_read(oid, value, certificate)) {
            return false;
        }
    }
    return count > 0;
}

/* Version, serial number, signature algorithm. */
static bool head_take(struct bytes *in, struct x509_certificate *certificate)
{
    struct bytes version;
    struct bytes number;
    struct bytes algorithm;

    certificate->version = 1;
    if (der_take(in, DER_CONTEXT_CONSTRUCTED + 0, &version)) {
        if (!der_take_unsigned(&version, &number) || version.size != 0 || number.size != 1 || number.data[0] > 2) {
            return false;
        }
        certificate->version = number.data[0] + 1u;
    }
    return der_take(in, DER_INTEGER, &number) && der_take(in, DER_SEQUENCE, &algorithm) &&
           der_take(&algorithm, DER_OID, &certificate->signature);
}

static bool name_take(struct bytes *in, struct bytes *name)
{
    struct der element;

    if (!der_next(in, &element) || element.tag != DER_SEQUENCE) {
        return false;
    }
    *name = element.whole;
    return true;
}

/* Unique identifiers and extensions, all optional, at the end. */
static bool tail_read(struct bytes in, struct x509_certificate *certificate)
{
    struct bytes extensions;
    struct bytes list;
    struct bytes skipped;

    (void)der_take(&in, DER_CONTEXT + 1, &skipped);
    (void)der_take(&in, DER_CONTEXT + 2, &skipped);
    if (in.size == 0) {
        return true;
    }
    return certificate->version == 3 && der_take(&in, DER_CONTEXT_CONSTRUCTED + 3, &extensions) && in.size == 0 &&
           der_take(&extensions, DER_SEQUENCE, &list) && extensions.size == 0 && extensions_read(list, certificate);
}

int x509_read(struct bytes der, struct x509_certificate *certificate, struct reason *why)
{
    struct bytes outer;
    struct bytes tbs;
    struct bytes skipped;
    const char *what = NULL;

    memset(certificate, 0, sizeof *certificate);
    if (der.size > X509_DER_MAX) {
        what = "it is too large";
    } else if (!der_take(&der, DER_SEQUENCE, &outer) || der.size != 0 || !der_take(&outer, DER_SEQUENCE, &tbs) ||
               !der_take(&outer, DER_SEQUENCE, &skipped) || !der_take(&outer, DER_BIT_STRING, &skipped) ||
               outer.size != 0) {
        what = "it is cut short, or not DER";
    } else if (!head_take(&tbs, certificate)) {
        what = "version, serial number or signature algorithm";
    } else if (!name_take(&tbs, &certificate->issuer)) {
        what = "the issuer";
    } else if (!validity_take(&tbs, certificate)) {
        what = "the dates";
    } else if (!name_take(&tbs, &certificate->subject)) {
        what = "the subject";
    } else if (!spki_take(&tbs, certificate)) {
        what = "the public key";
    } else if (!tail_read(tbs, certificate)) {
        what = "the extensions";
    }
    return what == NULL ? 0 : reason_set(why, -EINVAL, "not a well-formed X.509 certificate: %s", what);
}

bool x509_allows(const struct x509_certificate *certificate, unsigned purpose)
{
    return !certificate->has_purposes || (certificate->purposes & purpose) == purpose;
}

const char *x509_signature_refused(const struct x509_certificate *certificate)
{
#define RSA_WITH "\x2a\x86\x48\x86\xf7\x0d\x01\x01"
#define ECDSA_WITH "\x2a\x86\x48\xce\x3d\x04"
    static const struct {
        const char *oid;
        const char *name;
    } known[] = {
        {RSA_WITH "\x0b", NULL},
        {RSA_WITH "\x0c", NULL},
        {RSA_WITH "\x0d", NULL},
        {ECDSA_WITH "\x03\x02", NULL},
        {ECDSA_WITH "\x03\x03", NULL},
        {ECDSA_WITH "\x03\x04", NULL},
        {RSA_WITH "\x04", "MD5 and RSA"},
        {RSA_WITH "\x05", "SHA-1 and RSA"},
        {RSA_WITH "\x0a", "RSASSA-PSS"},
        {RSA_WITH "\x0e", "SHA-224 and RSA"},
        {ECDSA_WITH "\x01", "SHA-1 and ECDSA"},
        {ECDSA_WITH "\x03\x01", "SHA-224 and ECDSA"},
        {"\x2b\x65\x70", "Ed25519"},
        {"\x2b\x65\x71", "Ed448"},
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (der_is(certificate->signature, known[i].oid, strlen(known[i].oid))) {
            return known[i].name;
        }
    }
    return "another algorithm";
}
