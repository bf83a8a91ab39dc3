/* x509_names: the names of a certificate: compared with a host, and as text for people. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "crypto/der.h"
#include "crypto/x509.h"

/* GeneralName (RFC 5280 §4.2.1.6). */
#define NAME_DNS (DER_CONTEXT + 2)
#define NAME_URI (DER_CONTEXT + 6)
#define NAME_IP (DER_CONTEXT + 7)

#define OID_COMMON_NAME "\x55\x04\x03"

/* Attributes that openssl's -subj knows by a short name (RFC 4519). */
static const struct {
    const char *oid;
    size_t size;
    const char *name;
} attributes[] = {
    {OID_COMMON_NAME, 3, "CN"},
    {"\x55\x04\x05", 3, "serialNumber"},
    {"\x55\x04\x06", 3, "C"},
    {"\x55\x04\x07", 3, "L"},
    {"\x55\x04\x08", 3, "ST"},
    {"\x55\x04\x0a", 3, "O"},
    {"\x55\x04\x0b", 3, "OU"},
    {"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01", 9, "emailAddress"},
};

/* Takes the next attribute off a Name's contents; *set holds what is left of the current RDN. */
static bool attribute_take(struct bytes *name, struct bytes *set, struct bytes *oid, struct der *value)
{
    struct bytes pair;

    if (set->size == 0 && !der_take(name, DER_SET, set)) {
        return false;
    }
    return der_take(set, DER_SEQUENCE, &pair) && der_take(&pair, DER_OID, oid) && der_next(&pair, value);
}

/*
 * The last CN: the most specific one. How many there are; 0 where the name is malformed: there may be more in it. One
 * of 16 or 32 bits a character is not the text that its bytes would be.
 */
static size_t common_name(struct bytes name, struct bytes *cn)
{
    struct bytes body;
    struct bytes set = {NULL, 0};
    struct bytes oid;
    struct der value;
    size_t count = 0;

    if (!der_take(&name, DER_SEQUENCE, &body)) {
        return 0;
    }
    while (attribute_take(&body, &set, &oid, &value)) {
        if (DER_IS(oid, OID_COMMON_NAME)) {
            bool wide = value.tag == DER_BMP_STRING || value.tag == DER_UNIVERSAL_STRING;
            *cn = wide ? (struct bytes){NULL, 0} : value.body;
            count++;
        }
    }
    return body.size == 0 && set.size == 0 ? count : 0;
}

static bool same_bytes(struct bytes a, struct bytes b)
{
    return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

static bool same_text(struct bytes a, struct bytes b)
{
    if (a.size != b.size) {
        return false;
    }
    for (size_t i = 0; i < a.size; i++) {
        if (lower(a.data[i]) != lower(b.data[i])) {
            return false;
        }
    }
    return true;
}

/* What follows the first label, with its dot; size 0 where there is one label only. */
static struct bytes behind_label(struct bytes name)
{
    const uint8_t *dot = name.size > 0 ? memchr(name.data, '.', name.size) : NULL;
    size_t skipped = dot != NULL ? (size_t)(dot - name.data) : name.size;

    return (struct bytes){name.data + skipped, name.size - skipped};
}

static bool dns_matches(struct bytes pattern, struct bytes host)
{
    struct bytes parent;
    struct bytes host_parent;

    if (pattern.size < 2 || pattern.data[0] != '*' || pattern.data[1] != '.') {
        return pattern.size > 0 && same_text(pattern, host);
    }
    parent = (struct bytes){pattern.data + 1, pattern.size - 1};
    host_parent = behind_label(host);
    return host_parent.size > 0 && host_parent.size < host.size &&
           memchr(parent.data + 1, '.', parent.size - 1) != NULL && same_text(parent, host_parent);
}

/* The bytes of an address in text; 0 where host is none. */
static size_t address_read(const char *host, uint8_t address[static 16])
{
    if (inet_pton(AF_INET, host, address) == 1) {
        return 4;
    }
    return inet_pton(AF_INET6, host, address) == 1 ? 16 : 0;
}

enum x509_match x509_match_host(const struct x509_certificate *certificate, const char *host)
{
    struct bytes wanted = {(const uint8_t *)host, strlen(host)};
    struct bytes names = certificate->names;
    struct bytes cn;
    struct der name;
    uint8_t address[16];
    size_t address_size = address_read(host, address);

    if (!certificate->has_names) {
        bool named = common_name(certificate->subject, &cn) > 0 &&
                     (address_size == 0 ? dns_matches(cn, wanted) : same_text(cn, wanted));
        return named ? X509_MATCH_CN : X509_NO_MATCH;
    }
    while (der_next(&names, &name)) {
        if (address_size == 0 ? name.tag == NAME_DNS && dns_matches(name.body, wanted)
                              : name.tag == NAME_IP && name.body.size == address_size &&
                                    memcmp(name.body.data, address, address_size) == 0) {
            return X509_MATCH;
        }
    }
    return X509_NO_MATCH;
}

/* ---- Exact names ---- */

static const struct {
    const char *prefix;
    uint8_t tag; /* 0: the subject's CN */
} kinds[] = {{"DNS:", NAME_DNS}, {"IP:", NAME_IP}, {"URI:", NAME_URI}, {"CN=", 0}};

/* Which kind of name this is, and what stands behind its prefix; -1: none. */
static int kind_of(const char *name, const char **value)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        size_t size = strlen(kinds[i].prefix);
        if (strncmp(name, kinds[i].prefix, size) == 0) {
            *value = name + size;
            return (int)i;
        }
    }
    return -1;
}

const char *x509_name_fault(const char *name)
{
    const char *value = "";
    int kind = kind_of(name, &value);
    uint8_t address[16];

    if (kind < 0) {
        return "is none of DNS:NAME, IP:ADDRESS, URI:URI, CN=NAME";
    }
    if (value[0] == '\0') {
        return "has nothing behind its kind";
    }
    if (kinds[kind].tag == NAME_IP && address_read(value, address) == 0) {
        return "is no IPv4 or IPv6 address";
    }
    return kinds[kind].tag == NAME_DNS && strchr(value, '*') != NULL ? "has a wildcard: names are compared exactly"
                                                                     : NULL;
}

bool x509_has_name(const struct x509_certificate *certificate, const char *name)
{
    const char *value = "";
    int kind = kind_of(name, &value);
    struct bytes wanted = {(const uint8_t *)value, strlen(value)};
    struct bytes names = certificate->names;
    uint8_t address[16];
    struct bytes cn;
    struct der one;

    if (kind < 0) {
        return false;
    }
    if (kinds[kind].tag == 0) {
        return common_name(certificate->subject, &cn) == 1 && same_bytes(cn, wanted);
    }
    if (kinds[kind].tag == NAME_IP) {
        wanted = (struct bytes){address, address_read(value, address)};
    }
    while (wanted.size > 0 && der_next(&names, &one)) {
        if (one.tag == kinds[kind].tag &&
            (one.tag == NAME_DNS ? same_text(one.body, wanted) : same_bytes(one.body, wanted))) {
            return true;
        }
    }
    return false;
}

/* Text that ends in "…" when more is put in than it holds. */
struct line {
    char *text; /* X509_TEXT_SIZE bytes, NUL-terminated */
    size_t used;
    bool full;
};

static void line_put(struct line *line, const void *data, size_t size)
{
    static const char more[] = "…";
    size_t room = X509_TEXT_SIZE - sizeof more - line->used;

    if (line->full) {
        return;
    }
    if (size > room) {
        size = room;
        line->full = true;
    }
    for (size_t i = 0; i < size; i++) {
        char c = ((const char *)data)[i];
        line->text[line->used++] = (char)(c != '\0' ? c : '?'); /* NUL must not hide what follows it */
    }
    memcpy(line->text + line->used, line->full ? more : "", line->full ? sizeof more : 1);
}

static void line_put_text(struct line *line, const char *text)
{
    line_put(line, text, strlen(text));
}

void x509_name_text(struct bytes name, char text[static X509_TEXT_SIZE])
{
    struct line line = {.text = text};
    struct bytes body;
    struct bytes set = {NULL, 0};
    struct bytes oid;
    struct der value;

    text[0] = '\0';
    if (!der_take(&name, DER_SEQUENCE, &body)) {
        return;
    }
    while (attribute_take(&body, &set, &oid, &value)) {
        const char *label = "?";
        for (size_t i = 0; i < sizeof attributes / sizeof attributes[0]; i++) {
            if (der_is(oid, attributes[i].oid, attributes[i].size)) {
                label = attributes[i].name;
            }
        }
        line_put_text(&line, line.used > 0 ? ", " : "");
        line_put_text(&line, label);
        line_put_text(&line, "=");
        line_put(&line, value.body.data, value.body.size);
    }
}

void x509_alternatives_text(const struct x509_certificate *certificate, char text[static X509_TEXT_SIZE])
{
    struct line line = {.text = text};
    struct bytes names = certificate->names;
    char address[INET6_ADDRSTRLEN];
    struct der name;

    text[0] = '\0';
    while (der_next(&names, &name)) {
        bool ip = name.tag == NAME_IP && (name.body.size == 4 || name.body.size == 16);
        if (!ip && name.tag != NAME_DNS && name.tag != NAME_URI) {
            continue;
        }
        line_put_text(&line, line.used > 0 ? ", " : "");
        line_put_text(&line, ip ? "IP:" : name.tag == NAME_DNS ? "DNS:" : "URI:");
        if (ip) {
            line_put_text(
                &line, inet_ntop(name.body.size == 4 ? AF_INET : AF_INET6, name.body.data, address, sizeof address));
        } else {
            line_put(&line, name.body.data, name.body.size);
        }
    }
}

void x509_date_text(int64_t seconds, char text[static X509_DATE_SIZE])
{
    /* 400 years from 0000-03-01 are 146097 days, whatever the century; days_from_date() backwards. */
    int64_t days = (seconds >= 0 ? seconds : seconds - 86399) / 86400;
    int64_t second = seconds - days * 86400;
    int64_t shifted = days + 719468;
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t day_of_era = shifted - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153; /* 0: March */

    (void)snprintf(text, X509_DATE_SIZE, "%04d-%02d-%02d %02d:%02d:%02d UTC",
        (int)(era * 400 + year_of_era + (month >= 10)), (int)(month < 10 ? month + 3 : month - 9),
        (int)(day_of_year - (153 * month + 2) / 5 + 1), (int)(second / 3600), (int)(second / 60 % 60),
        (int)(second % 60));
}
