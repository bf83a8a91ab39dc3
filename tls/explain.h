/* explain: every way in which a TLS session fails: code, name, sentence, advice. */
#ifndef INGOT_TLS_EXPLAIN_H
#define INGOT_TLS_EXPLAIN_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Codes below 256 are the TLS library's own, 256 + n is the fatal alert n received from the peer, 512 + n one that we
 * sent (RFC 5246 §7.2). From 1000 on they are ours.
 */
enum {
    TLS_FAULT_TRUNCATED = 1000, /* end of the transport without close_notify */
    TLS_FAULT_ENDED_EARLY,      /* end of the transport in the handshake */
    TLS_FAULT_NO_CERTIFICATE,   /* the peer sent none */
    TLS_FAULT_CHAIN_TOO_LARGE,  /* over TLS_CHAIN_MAX or TLS_CHAIN_COUNT */
    TLS_FAULT_MALFORMED,        /* a certificate that is not strict DER */
    TLS_FAULT_NAME,             /* no name of the leaf is the one dialled */
    TLS_FAULT_NAME_CN_ONLY,     /* only its CN is, and that is not allowed */
    TLS_FAULT_PURPOSE,          /* extendedKeyUsage without the purpose needed */
    TLS_FAULT_PIN,              /* another key than the pinned one */
    TLS_FAULT_KEY_SIZE,         /* an RSA key outside of 2048–4096 bits */
    TLS_FAULT_NOT_YET_VALID,    /* the library has one code for both ends of the dates */
    TLS_FAULT_CONSTRAINTS,      /* nameConstraints, which we don't apply */
    TLS_FAULT_REFUSED,          /* the verify hook said no */
    TLS_FAULT_NO_IDENTITY,      /* the server asked for a certificate, had none of us, and went */
    TLS_FAULT_SHARE,            /* the peer's half of the key exchange is no point, or of a small order */
};

struct tls_fault {
    int code;
    unsigned char alert;  /* that we send (RFC 5246 §7.2); 0: none, the connection is gone or it was theirs */
    const char *name;     /* as in documents: TLS_FAULT_PIN, BR_ERR_BAD_MAC, ALERT_UNKNOWN_CA */
    const char *sentence; /* what happened; a certificate's begins with "certificate verify failed" */
    const char *advice;   /* what to do, as a client of a service reads it */
};

/* In the order of the codes. */
extern const struct tls_fault tls_fault_table[];
extern const size_t tls_fault_count;

/* Never NULL: a code that is not in the table gets one that says so. */
const struct tls_fault *tls_fault_find(int code);

/* The advice, as a client or (serving) a server reads it. */
#define TLS_ADVICE_SIZE 256 /* session tests hold the table against it */
void tls_fault_advice(const struct tls_fault *fault, bool serving, char text[static TLS_ADVICE_SIZE]);

#endif
