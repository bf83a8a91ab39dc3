/* x509: what we need to know of a certificate (RFC 5280): names, dates, key, purposes; signatures are not its job. */
#ifndef INGOT_CRYPTO_X509_H
#define INGOT_CRYPTO_X509_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/reason.h"

#define X509_DER_MAX (16 * 1024) /* bytes of one certificate; more is refused */
#define X509_EXTENSION_COUNT 64  /* extensions of one certificate */
#define X509_RSA_EXPONENT_MAX 4  /* bytes; more is refused: its signatures would take as long as one likes */
#define X509_TEXT_SIZE 512       /* room for a name as text; longer ones are cut and end in "…" */

enum x509_key { X509_KEY_OTHER, X509_KEY_RSA, X509_KEY_P256, X509_KEY_P384, X509_KEY_P521 };

/* Purposes of extendedKeyUsage. */
enum { X509_SERVER_AUTH = 1, X509_CLIENT_AUTH = 2 };

/* All byte runs point into the DER that was read. */
struct x509_certificate {
    unsigned version;       /* 1, 2, 3 */
    struct bytes signature; /* the algorithm's OBJECT IDENTIFIER, contents alone */
    struct bytes issuer;    /* Name, DER with tag and length */
    struct bytes subject;   /* the same */
    int64_t not_before;     /* seconds since 1970; the certificate is good at both ends */
    int64_t not_after;
    struct bytes spki; /* SubjectPublicKeyInfo, DER with tag and length */
    enum x509_key key;
    unsigned rsa_bits;
    struct bytes rsa_modulus; /* big-endian, no leading zeros */
    struct bytes rsa_exponent;
    struct bytes ec_point; /* uncompressed */
    bool ca;               /* basicConstraints with cA TRUE */
    bool has_names;        /* there is a subjectAltName, with names or empty */
    struct bytes names;    /* the GeneralNames in it, without tag and length */
    bool has_purposes;     /* there is an extendedKeyUsage */
    unsigned purposes;     /* X509_SERVER_AUTH | X509_CLIENT_AUTH; anyExtendedKeyUsage sets both */
    bool name_constraints; /* there is a nameConstraints */
};

/*
 * Reads one certificate, strictly: DER throughout, no bytes behind it, no extension twice, dates in the forms that
 * RFC 5280 §4.1.2.5 allows. 0, or -EINVAL and the sentence.
 */
int x509_read(struct bytes der, struct x509_certificate *certificate, struct reason *why);

/* Whether the certificate may be used for purpose: it has no extendedKeyUsage, or that purpose (§4.2.1.12). */
bool x509_allows(const struct x509_certificate *certificate, unsigned purpose);

/*
 * What it is signed with, as far as that is not taken: "SHA-1 and RSA". NULL: RSA (PKCS#1 v1.5) or ECDSA with SHA-256,
 * SHA-384 or SHA-512.
 */
const char *x509_signature_refused(const struct x509_certificate *certificate);

enum x509_match {
    X509_NO_MATCH,
    X509_MATCH,
    X509_MATCH_CN, /* no subjectAltName, and the CN is the host: the caller's policy decides */
};
/*
 * Whether the certificate names host: a DNS name, compared as RFC 6125 §6.4 says (any case; "*" alone as the leftmost
 * label stands for one label, and two labels at least follow it; a label "xn--…" is one like others, and a dot at the
 * end counts), or the text of an IPv4 or IPv6 address, which only an iPAddress matches.
 */
enum x509_match x509_match_host(const struct x509_certificate *certificate, const char *host);

/*
 * Whether the certificate has exactly this name: "DNS:a.example" (any case), "IP:10.0.0.1" or "URI:spiffe://a/b" in its
 * subjectAltName, where no wildcard stands for anything; or "CN=a", which must be its subject's only CN, to the byte.
 */
bool x509_has_name(const struct x509_certificate *certificate, const char *name);
/* What keeps a text from being such a name, as "is …"; NULL: nothing. */
const char *x509_name_fault(const char *name);

/* "CN=tee-client, O=Zing" in the order of the certificate; foreign bytes as they are: quote before showing. */
void x509_name_text(struct bytes name, char text[static X509_TEXT_SIZE]);
/* "DNS:a.example, IP:10.0.0.1, URI:spiffe://a/b"; other kinds of names are left out. The same warning. */
void x509_alternatives_text(const struct x509_certificate *certificate, char text[static X509_TEXT_SIZE]);

/* "2026-10-01 12:00:00 UTC". Years 0–9999. */
#define X509_DATE_SIZE 32
void x509_date_text(int64_t seconds, char text[static X509_DATE_SIZE]);

#endif
