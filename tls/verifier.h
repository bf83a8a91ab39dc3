/* verifier: judges the certificates of a peer for one handshake, as an X.509 engine that BearSSL calls. */
#ifndef INGOT_TLS_VERIFIER_H
#define INGOT_TLS_VERIFIER_H

#include "tls/internal.h"
#include "tls/session.h"

/*
 * The chain is buffered as it arrives and judged at its end: brought into the order of its issuers, fed to BearSSL's
 * "minimal" engine (signatures, dates, basicConstraints, keyUsage, critical extensions), and then checked for what that
 * engine leaves out: extendedKeyUsage, names, the pin, and the caller's hook.
 */
struct verifier {
    const br_x509_class *class; /* must be first: BearSSL sees a pointer to it */
    br_x509_minimal_context minimal;

    /* Set by verifier_init(). */
    const struct tls_trust *trust;
    unsigned purpose;            /* X509_SERVER_AUTH of a server, X509_CLIENT_AUTH of a client */
    char name[TLS_NAME_MAX + 1]; /* that the leaf must have; "": any */
    bool cn_allowed;
    bool purpose_required; /* no extendedKeyUsage is not enough */
    bool pinned;
    uint8_t pin[32];
    int64_t now;
    const char *clock; /* whose time that is; NULL: the enclave's */
    tls_verify *verify;
    void *verify_arg;

    /* What came. */
    uint8_t chain[TLS_CHAIN_MAX];
    size_t used;
    struct bytes certificates[TLS_CHAIN_COUNT];
    size_t count;
    size_t expected; /* bytes of the current certificate, as announced */
    bool too_large;
    bool asked; /* a chain has come: this is no resumption */

    /* What was found. */
    struct x509_certificate leaf; /* all zero before the verdict */
    int64_t until;                /* the first notAfter of the certificates that the verdict stands on */
    int fault;                    /* 0, or a code of tls/explain.h and its sentence */
    struct reason why;
};

/* Everything but the options below is cleared; the caller then sets them. */
void verifier_init(struct verifier *verifier, const struct tls_trust *trust, unsigned purpose, int64_t now);

/*
 * Judges the leaf (at most TLS_CHAIN_MAX bytes, copied) of an earlier session with the same trust again, all but its
 * signatures. Whether it is still good; it is then the leaf here.
 */
bool verifier_recall(struct verifier *verifier, struct bytes leaf);

#endif
