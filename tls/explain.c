/* explain: every way in which a TLS session fails: code, name, sentence, advice. */
#include "tls/explain.h"

#include <bearssl.h>
#include <string.h>

#define VERIFY "certificate verify failed: "
#define RECEIVED(alert) (BR_ERR_RECV_FATAL_ALERT + (alert))
#define SENT(alert) (BR_ERR_SEND_FATAL_ALERT + (alert))

/* Alerts that the library has no name for (RFC 5246 §7.2, RFC 6066 §9, RFC 7507 §6, RFC 8446 §6). */
enum {
    ALERT_INAPPROPRIATE_FALLBACK = 86,
    ALERT_CERTIFICATE_UNOBTAINABLE = 111,
    ALERT_UNRECOGNIZED_NAME = 112,
    ALERT_CERTIFICATE_REQUIRED = 116,
};

#define BROKEN "the far side's TLS is at fault, or something that is not its TLS answers: try `openssl s_client`"
#define NOT_TLS "most often it is plain HTTP: use https, and the TLS port"
#define OURS "this is a fault of this program: report it with the log"
#define MALFORMED "the far side must present a well-formed certificate: check it with `openssl x509 -text`"
#define ASK "look at the service's log: it says there what it dislikes"

const struct tls_fault tls_fault_table[] = {
    {BR_ERR_BAD_PARAM, BR_ALERT_INTERNAL_ERROR, "BR_ERR_BAD_PARAM", "the TLS engine was set up wrongly", OURS},
    {BR_ERR_BAD_STATE, BR_ALERT_INTERNAL_ERROR, "BR_ERR_BAD_STATE", "the TLS engine was used out of turn", OURS},
    {BR_ERR_UNSUPPORTED_VERSION, BR_ALERT_PROTOCOL_VERSION, "BR_ERR_UNSUPPORTED_VERSION",
        "the far side speaks a TLS version that is not offered, or no TLS at all",
        "let the service speak TLS 1.2; if it is plain HTTP, use https, and the TLS port"},
    {BR_ERR_BAD_VERSION, BR_ALERT_PROTOCOL_VERSION, "BR_ERR_BAD_VERSION",
        "a record carries another TLS version than was agreed", BROKEN},
    {BR_ERR_BAD_LENGTH, BR_ALERT_DECODE_ERROR, "BR_ERR_BAD_LENGTH", "a record has an impossible length", NOT_TLS},
    {BR_ERR_TOO_LARGE, BR_ALERT_RECORD_OVERFLOW, "BR_ERR_TOO_LARGE", "a record is larger than TLS allows", BROKEN},
    {BR_ERR_BAD_MAC, BR_ALERT_BAD_RECORD_MAC, "BR_ERR_BAD_MAC",
        "a record was changed on its way, or encrypted with another key",
        "something between here and the service alters bytes: look at proxies"},
    {BR_ERR_NO_RANDOM, BR_ALERT_INTERNAL_ERROR, "BR_ERR_NO_RANDOM", "no random numbers were to be had", OURS},
    {BR_ERR_UNKNOWN_TYPE, BR_ALERT_UNEXPECTED_MESSAGE, "BR_ERR_UNKNOWN_TYPE", "what came is not a TLS record", NOT_TLS},
    {BR_ERR_UNEXPECTED, BR_ALERT_UNEXPECTED_MESSAGE, "BR_ERR_UNEXPECTED", "a handshake message came out of turn",
        BROKEN},
    {BR_ERR_BAD_CCS, BR_ALERT_UNEXPECTED_MESSAGE, "BR_ERR_BAD_CCS", "the change of ciphers is malformed", BROKEN},
    {BR_ERR_BAD_ALERT, BR_ALERT_DECODE_ERROR, "BR_ERR_BAD_ALERT", "an alert is malformed", BROKEN},
    {BR_ERR_BAD_HANDSHAKE, BR_ALERT_DECODE_ERROR, "BR_ERR_BAD_HANDSHAKE", "a handshake message is malformed", BROKEN},
    {BR_ERR_OVERSIZED_ID, BR_ALERT_DECODE_ERROR, "BR_ERR_OVERSIZED_ID", "the session's name is too long", BROKEN},
    {BR_ERR_BAD_CIPHER_SUITE, BR_ALERT_ILLEGAL_PARAMETER, "BR_ERR_BAD_CIPHER_SUITE",
        "the far side chose a cipher suite that is not offered",
        "let the service offer ECDHE with AES-GCM or ChaCha20-Poly1305"},
    {BR_ERR_BAD_COMPRESSION, BR_ALERT_ILLEGAL_PARAMETER, "BR_ERR_BAD_COMPRESSION", "the far side asks for compression",
        BROKEN},
    {BR_ERR_BAD_FRAGLEN, BR_ALERT_ILLEGAL_PARAMETER, "BR_ERR_BAD_FRAGLEN",
        "the maximum fragment length is not the one asked for", BROKEN},
    {BR_ERR_BAD_SECRENEG, BR_ALERT_HANDSHAKE_FAILURE, "BR_ERR_BAD_SECRENEG",
        "the sign of secure renegotiation is wrong", BROKEN},
    {BR_ERR_EXTRA_EXTENSION, BR_ALERT_UNSUPPORTED_EXTENSION, "BR_ERR_EXTRA_EXTENSION",
        "the far side answered with an extension nobody asked for", BROKEN},
    {BR_ERR_BAD_SNI, BR_ALERT_DECODE_ERROR, "BR_ERR_BAD_SNI", "the answer about the server's name is malformed",
        BROKEN},
    {BR_ERR_BAD_HELLO_DONE, BR_ALERT_DECODE_ERROR, "BR_ERR_BAD_HELLO_DONE",
        "the end of the server's hello is malformed", BROKEN},
    {BR_ERR_LIMIT_EXCEEDED, BR_ALERT_ILLEGAL_PARAMETER, "BR_ERR_LIMIT_EXCEEDED",
        "the key or point offered is too large",
        "let the service use RSA of at most 4096 bits, or P-256, P-384, P-521, X25519"},
    {BR_ERR_BAD_FINISHED, BR_ALERT_DECRYPT_ERROR, "BR_ERR_BAD_FINISHED", "the two sides saw different handshakes",
        "something between here and the service alters bytes: look at proxies"},
    {BR_ERR_RESUME_MISMATCH, BR_ALERT_ILLEGAL_PARAMETER, "BR_ERR_RESUME_MISMATCH",
        "a resumed session came back with other parameters", BROKEN},
    {BR_ERR_INVALID_ALGORITHM, BR_ALERT_HANDSHAKE_FAILURE, "BR_ERR_INVALID_ALGORITHM",
        "there is no algorithm that both sides take",
        "let the service offer TLS 1.2 with ECDHE on X25519, P-256, P-384 or P-521, signed with SHA-256 or better"},
    {BR_ERR_BAD_SIGNATURE, BR_ALERT_DECRYPT_ERROR, "BR_ERR_BAD_SIGNATURE",
        "the handshake is signed with another key than the certificate's",
        "give the service the private key that belongs to its certificate"},
    {BR_ERR_WRONG_KEY_USAGE, BR_ALERT_UNSUPPORTED_CERTIFICATE, "BR_ERR_WRONG_KEY_USAGE",
        "the certificate's keyUsage forbids what the handshake needs",
        "issue the service's certificate with keyUsage digitalSignature"},
    {BR_ERR_NO_CLIENT_AUTH, BR_ALERT_HANDSHAKE_FAILURE, "BR_ERR_NO_CLIENT_AUTH", "the client showed no certificate",
        "give the client a certificate of the CA that is trusted here"},
    {BR_ERR_IO, 0, "BR_ERR_IO", "the connection failed", "look at the network and the far side's log"},
    {BR_ERR_X509_INVALID_VALUE, BR_ALERT_BAD_CERTIFICATE, "BR_ERR_X509_INVALID_VALUE",
        VERIFY "a value in a certificate is malformed", MALFORMED},
    {BR_ERR_X509_TRUNCATED, BR_ALERT_BAD_CERTIFICATE, "BR_ERR_X509_TRUNCATED", VERIFY "a certificate is cut short",
        MALFORMED},
    {BR_ERR_X509_EMPTY_CHAIN, BR_ALERT_BAD_CERTIFICATE, "BR_ERR_X509_EMPTY_CHAIN", VERIFY "there is no certificate",
        MALFORMED},
    {BR_ERR_X509_INNER_TRUNC, BR_ALERT_BAD_CERTIFICATE, "BR_ERR_X509_INNER_TRUNC",
        VERIFY "an element of a certificate is cut short", MALFORMED},
    {BR_ERR_X509_BAD_TAG_CLASS, BR_ALERT_BAD_CERTIFICATE, "BR_ERR_X509_BAD_TAG_CLASS",
        VERIFY "a certificate is malformed", MALFORMED},
    {BR_ERR_X509_BAD_TAG_VALUE, BR_ALERT_BAD_CERTIFICATE, "BR_ERR_X509_BAD_TAG_VALUE",
        VERIFY "a certificate is malformed", MALFORMED},
    {BR_ERR_X509_INDEFINITE_LENGTH, BR_ALERT_BAD_CERTIFICATE, "BR_ERR_X509_INDEFINITE_LENGTH",
        VERIFY "a certificate is not DER", MALFORMED},
    {BR_ERR_X509_EXTRA_ELEMENT, BR_ALERT_BAD_CERTIFICATE, "BR_ERR_X509_EXTRA_ELEMENT",
        VERIFY "a certificate has more in it than it may", MALFORMED},
    {BR_ERR_X509_UNEXPECTED, BR_ALERT_BAD_CERTIFICATE, "BR_ERR_X509_UNEXPECTED",
        VERIFY "a certificate has something unexpected in it", MALFORMED},
    {BR_ERR_X509_NOT_CONSTRUCTED, BR_ALERT_BAD_CERTIFICATE, "BR_ERR_X509_NOT_CONSTRUCTED",
        VERIFY "a certificate is malformed", MALFORMED},
    {BR_ERR_X509_NOT_PRIMITIVE, BR_ALERT_BAD_CERTIFICATE, "BR_ERR_X509_NOT_PRIMITIVE",
        VERIFY "a certificate is malformed", MALFORMED},
    {BR_ERR_X509_PARTIAL_BYTE, BR_ALERT_BAD_CERTIFICATE, "BR_ERR_X509_PARTIAL_BYTE",
        VERIFY "a bit string in a certificate is malformed", MALFORMED},
    {BR_ERR_X509_BAD_BOOLEAN, BR_ALERT_BAD_CERTIFICATE, "BR_ERR_X509_BAD_BOOLEAN",
        VERIFY "a truth value in a certificate is malformed", MALFORMED},
    {BR_ERR_X509_OVERFLOW, BR_ALERT_BAD_CERTIFICATE, "BR_ERR_X509_OVERFLOW",
        VERIFY "a number in a certificate is too large", MALFORMED},
    {BR_ERR_X509_BAD_DN, BR_ALERT_BAD_CERTIFICATE, "BR_ERR_X509_BAD_DN", VERIFY "a name in a certificate is malformed",
        MALFORMED},
    {BR_ERR_X509_BAD_TIME, BR_ALERT_BAD_CERTIFICATE, "BR_ERR_X509_BAD_TIME",
        VERIFY "a date in a certificate is malformed", MALFORMED},
    {BR_ERR_X509_UNSUPPORTED, BR_ALERT_UNSUPPORTED_CERTIFICATE, "BR_ERR_X509_UNSUPPORTED",
        VERIFY "a certificate has a signature or key of a kind that is not taken",
        "issue it with RSA (PKCS#1 v1.5, not PSS) or ECDSA on P-256, P-384 or P-521, and SHA-256, SHA-384 or SHA-512"},
    {BR_ERR_X509_LIMIT_EXCEEDED, BR_ALERT_BAD_CERTIFICATE, "BR_ERR_X509_LIMIT_EXCEEDED",
        VERIFY "a key or signature is too large", "use RSA keys of at most 4096 bits, the CA's included"},
    {BR_ERR_X509_WRONG_KEY_TYPE, BR_ALERT_UNSUPPORTED_CERTIFICATE, "BR_ERR_X509_WRONG_KEY_TYPE",
        VERIFY "a certificate is signed with another kind of key than its issuer has",
        "send the intermediate that signed the certificate"},
    {BR_ERR_X509_BAD_SIGNATURE, BR_ALERT_BAD_CERTIFICATE, "BR_ERR_X509_BAD_SIGNATURE",
        VERIFY "a signature in the chain does not hold",
        "send the intermediate that signed the certificate, not another one of the same name"},
    {BR_ERR_X509_TIME_UNKNOWN, BR_ALERT_INTERNAL_ERROR, "BR_ERR_X509_TIME_UNKNOWN", VERIFY "the time is not known",
        OURS},
    {BR_ERR_X509_EXPIRED, BR_ALERT_CERTIFICATE_EXPIRED, "BR_ERR_X509_EXPIRED", VERIFY "a certificate has expired",
        "renew it on the service, or set the clock if that is wrong"},
    {BR_ERR_X509_DN_MISMATCH, BR_ALERT_BAD_CERTIFICATE, "BR_ERR_X509_DN_MISMATCH", VERIFY "the chain is out of order",
        "send each certificate's issuer behind it"},
    {BR_ERR_X509_BAD_SERVER_NAME, BR_ALERT_CERTIFICATE_UNKNOWN, "BR_ERR_X509_BAD_SERVER_NAME",
        VERIFY "the certificate is for another name", "issue it with this name as subjectAltName, or set server-name"},
    {BR_ERR_X509_CRITICAL_EXTENSION, BR_ALERT_UNSUPPORTED_CERTIFICATE, "BR_ERR_X509_CRITICAL_EXTENSION",
        VERIFY "a certificate has a critical extension that is not known here",
        "issue it without that extension (`openssl x509 -text` shows it)"},
    {BR_ERR_X509_NOT_CA, BR_ALERT_BAD_CERTIFICATE, "BR_ERR_X509_NOT_CA",
        VERIFY "an issuer is not a certificate authority",
        "issue the CA's certificate with basicConstraints CA:TRUE, and a pathlen that allows the chain"},
    {BR_ERR_X509_FORBIDDEN_KEY_USAGE, BR_ALERT_UNSUPPORTED_CERTIFICATE, "BR_ERR_X509_FORBIDDEN_KEY_USAGE",
        VERIFY "a keyUsage forbids this use", "give the CA keyCertSign and the certificate digitalSignature"},
    {BR_ERR_X509_WEAK_PUBLIC_KEY, BR_ALERT_BAD_CERTIFICATE, "BR_ERR_X509_WEAK_PUBLIC_KEY",
        VERIFY "an RSA key is too short", "use RSA keys of at least 2048 bits"},
    {BR_ERR_X509_NOT_TRUSTED, BR_ALERT_UNKNOWN_CA, "BR_ERR_X509_NOT_TRUSTED", VERIFY "no trusted CA vouches for it",
        "put the CA that issued it into ca_cert (or ca = FILE), and let the far side send its intermediates"},

    {RECEIVED(BR_ALERT_UNEXPECTED_MESSAGE), 0, "ALERT_UNEXPECTED_MESSAGE", "the far side found a message out of turn",
        ASK},
    {RECEIVED(BR_ALERT_BAD_RECORD_MAC), 0, "ALERT_BAD_RECORD_MAC",
        "the far side got a record that was changed on its way",
        "something between here and the service alters bytes: look at proxies"},
    {RECEIVED(BR_ALERT_RECORD_OVERFLOW), 0, "ALERT_RECORD_OVERFLOW", "the far side found a record too large", ASK},
    {RECEIVED(BR_ALERT_HANDSHAKE_FAILURE), 0, "ALERT_HANDSHAKE_FAILURE",
        "the far side found no parameters that both take, or wants a client certificate",
        "let it offer TLS 1.2 with ECDHE and an RSA (not PSS-only) or ECDSA certificate (not Ed25519, Ed448)"},
    {RECEIVED(BR_ALERT_BAD_CERTIFICATE), 0, "ALERT_BAD_CERTIFICATE", "the far side refused our certificate as bad",
        "check client_cert against the CA that the service trusts; " ASK},
    {RECEIVED(BR_ALERT_UNSUPPORTED_CERTIFICATE), 0, "ALERT_UNSUPPORTED_CERTIFICATE",
        "the far side refused our certificate's kind or purpose",
        "issue client_cert with an extendedKeyUsage for this use (or none) and keyUsage digitalSignature"},
    {RECEIVED(BR_ALERT_CERTIFICATE_REVOKED), 0, "ALERT_CERTIFICATE_REVOKED",
        "the far side says our certificate is revoked", "push a new client_cert and client_key"},
    {RECEIVED(BR_ALERT_CERTIFICATE_EXPIRED), 0, "ALERT_CERTIFICATE_EXPIRED",
        "the far side says our certificate has expired", "push a new client_cert and client_key"},
    {RECEIVED(BR_ALERT_CERTIFICATE_UNKNOWN), 0, "ALERT_CERTIFICATE_UNKNOWN", "the far side refused our certificate",
        ASK},
    {RECEIVED(BR_ALERT_ILLEGAL_PARAMETER), 0, "ALERT_ILLEGAL_PARAMETER", "the far side found a value out of its range",
        ASK},
    {RECEIVED(BR_ALERT_UNKNOWN_CA), 0, "ALERT_UNKNOWN_CA", "the far side does not know the CA of our certificate",
        "have client_cert issued by the CA that the service trusts"},
    {RECEIVED(BR_ALERT_ACCESS_DENIED), 0, "ALERT_ACCESS_DENIED", "the far side knows our certificate and denies access",
        "have the certificate's subject allowed on the service"},
    {RECEIVED(BR_ALERT_DECODE_ERROR), 0, "ALERT_DECODE_ERROR", "the far side could not read a message", ASK},
    {RECEIVED(BR_ALERT_DECRYPT_ERROR), 0, "ALERT_DECRYPT_ERROR", "the far side could not verify a signature of ours",
        ASK},
    {RECEIVED(BR_ALERT_PROTOCOL_VERSION), 0, "ALERT_PROTOCOL_VERSION", "the far side does not speak TLS 1.2",
        "enable TLS 1.2 on the service: TLS 1.3 is not spoken here"},
    {RECEIVED(BR_ALERT_INSUFFICIENT_SECURITY), 0, "ALERT_INSUFFICIENT_SECURITY",
        "the far side asks for stronger ciphers or keys", ASK},
    {RECEIVED(BR_ALERT_INTERNAL_ERROR), 0, "ALERT_INTERNAL_ERROR", "the far side failed inside", ASK},
    {RECEIVED(BR_ALERT_USER_CANCELED), 0, "ALERT_USER_CANCELED", "the far side gave up", ASK},
    {RECEIVED(BR_ALERT_NO_RENEGOTIATION), 0, "ALERT_NO_RENEGOTIATION", "the far side will not renegotiate", ASK},
    {RECEIVED(BR_ALERT_UNSUPPORTED_EXTENSION), 0, "ALERT_UNSUPPORTED_EXTENSION",
        "the far side got an extension that it did not ask for", ASK},
    {RECEIVED(ALERT_CERTIFICATE_UNOBTAINABLE), 0, "ALERT_CERTIFICATE_UNOBTAINABLE",
        "the far side could not fetch our certificate", ASK},
    {RECEIVED(ALERT_UNRECOGNIZED_NAME), 0, "ALERT_UNRECOGNIZED_NAME",
        "the far side does not know the name we asked for", "set server-name to a name that the service serves"},
    {RECEIVED(ALERT_CERTIFICATE_REQUIRED), 0, "ALERT_CERTIFICATE_REQUIRED", "the far side wants a client certificate",
        "push client_cert and client_key"},
    {RECEIVED(BR_ALERT_NO_APPLICATION_PROTOCOL), 0, "ALERT_NO_APPLICATION_PROTOCOL",
        "the far side speaks none of our application protocols", ASK},
    {SENT(BR_ALERT_HANDSHAKE_FAILURE), 0, "SENT_HANDSHAKE_FAILURE",
        "the client offers no cipher suite, curve or signature that is taken here",
        "let it offer TLS 1.2 with ECDHE on X25519, P-256, P-384 or P-521, AES-GCM or ChaCha20-Poly1305, signed with "
        "SHA-256 or better: TLS 1.3 is not spoken here"},
    {SENT(BR_ALERT_PROTOCOL_VERSION), 0, "SENT_PROTOCOL_VERSION", "the client offers only versions before TLS 1.2",
        "let it offer TLS 1.2"},
    {SENT(ALERT_INAPPROPRIATE_FALLBACK), 0, "SENT_INAPPROPRIATE_FALLBACK",
        "the client fell back to an older version, as it does when its first try was cut off",
        "let it offer TLS 1.2 at once; if it does, something between here and it cuts its first try off"},
    {SENT(BR_ALERT_NO_APPLICATION_PROTOCOL), 0, "SENT_NO_APPLICATION_PROTOCOL", "no application protocol is common",
        ASK},

    {TLS_FAULT_TRUNCATED, 0, "TLS_FAULT_TRUNCATED",
        "the connection ended without close_notify: what was received may be cut short",
        "if the service did not crash, something between here and it closes connections"},
    {TLS_FAULT_ENDED_EARLY, 0, "TLS_FAULT_ENDED_EARLY",
        "the far side ended the connection in the middle of the handshake",
        "is it the TLS port, and does the service accept our certificate? " ASK},
    {TLS_FAULT_NO_CERTIFICATE, BR_ALERT_HANDSHAKE_FAILURE, "TLS_FAULT_NO_CERTIFICATE", VERIFY "there is no certificate",
        "configure a certificate on the far side"},
    {TLS_FAULT_CHAIN_TOO_LARGE, BR_ALERT_BAD_CERTIFICATE, "TLS_FAULT_CHAIN_TOO_LARGE", VERIFY "the chain is too large",
        "let the far side send its certificate and its intermediates, no more"},
    {TLS_FAULT_MALFORMED, BR_ALERT_BAD_CERTIFICATE, "TLS_FAULT_MALFORMED", VERIFY "a certificate is malformed",
        MALFORMED},
    {TLS_FAULT_NAME, BR_ALERT_CERTIFICATE_UNKNOWN, "TLS_FAULT_NAME", VERIFY "the certificate is for another name",
        "issue it with this name as subjectAltName, or set server-name to a name that it has"},
    {TLS_FAULT_NAME_CN_ONLY, BR_ALERT_CERTIFICATE_UNKNOWN, "TLS_FAULT_NAME_CN_ONLY",
        VERIFY "the certificate has its name as CN only, without a subjectAltName",
        "issue it with a subjectAltName, or set cn = allowed"},
    {TLS_FAULT_PURPOSE, BR_ALERT_UNSUPPORTED_CERTIFICATE, "TLS_FAULT_PURPOSE",
        VERIFY "the certificate is for another purpose",
        "issue it with extendedKeyUsage serverAuth for a server, clientAuth for a client, or without one"},
    {TLS_FAULT_PIN, BR_ALERT_CERTIFICATE_UNKNOWN, "TLS_FAULT_PIN", VERIFY "the key is not the pinned one",
        "if the service's key was changed on purpose, measure the new pin; otherwise someone else answers"},
    {TLS_FAULT_KEY_SIZE, BR_ALERT_BAD_CERTIFICATE, "TLS_FAULT_KEY_SIZE", VERIFY "an RSA key is too short or too long",
        "issue the certificate for a key of 2048–4096 bits"},
    {TLS_FAULT_NOT_YET_VALID, BR_ALERT_CERTIFICATE_EXPIRED, "TLS_FAULT_NOT_YET_VALID",
        VERIFY "a certificate is not valid yet",
        "correct the clock of the machine that issued it, or this one's if that is wrong"},
    {TLS_FAULT_CONSTRAINTS, BR_ALERT_UNSUPPORTED_CERTIFICATE, "TLS_FAULT_CONSTRAINTS",
        VERIFY "a CA has name constraints, which are not applied here", "issue from a CA without nameConstraints"},
    {TLS_FAULT_REFUSED, BR_ALERT_ACCESS_DENIED, "TLS_FAULT_REFUSED", VERIFY "the application refused it",
        "see the reason given"},
    {TLS_FAULT_NO_IDENTITY, 0, "TLS_FAULT_NO_IDENTITY",
        "the far side asks for a client certificate, and there is none to show",
        "push client_cert and client_key, or give `ingot call` its --cert and --key"},
    {TLS_FAULT_SHARE, BR_ALERT_ILLEGAL_PARAMETER, "TLS_FAULT_SHARE",
        "the far side's half of the key exchange is no point of its curve", BROKEN},
};
const size_t tls_fault_count = sizeof tls_fault_table / sizeof tls_fault_table[0];

const struct tls_fault *tls_fault_find(int code)
{
    static const struct tls_fault unknown = {
        -1, BR_ALERT_INTERNAL_ERROR, "UNKNOWN", "the TLS session failed in a way without a sentence", ASK};

    /* An alert is never answered by one. */
    static const struct tls_fault unknown_alert = {
        -1, 0, "ALERT_UNKNOWN", "the far side sent an alert that nobody here knows", ASK};

    for (size_t i = 0; i < tls_fault_count; i++) {
        if (tls_fault_table[i].code == code) {
            return &tls_fault_table[i];
        }
    }
    return code >= RECEIVED(0) && code < SENT(0) ? &unknown_alert : &unknown;
}

/* Who reads it serves: what is said of a service is said of its client, and our certificate is the server's. */
static const struct {
    const char *word;
    const char *instead;
} serving_words[] = {
    {"service", "client"},
    {"client_cert", "server_cert"},
    {"client_key", "server_key"},
};

void tls_fault_advice(const struct tls_fault *fault, bool serving, char text[static TLS_ADVICE_SIZE])
{
    size_t used = 0;

    for (const char *at = fault->advice; *at != '\0' && used < TLS_ADVICE_SIZE - 1;) {
        const char *piece = at;
        size_t size = 1;
        size_t step = 1;
        for (size_t i = 0; serving && i < sizeof serving_words / sizeof serving_words[0]; i++) {
            size_t length = strlen(serving_words[i].word);
            if (strncmp(at, serving_words[i].word, length) == 0) {
                piece = serving_words[i].instead;
                size = strlen(piece);
                step = length;
            }
        }
        size = size < TLS_ADVICE_SIZE - 1 - used ? size : TLS_ADVICE_SIZE - 1 - used;
        memcpy(text + used, piece, size);
        used += size;
        at += step;
    }
    text[used] = '\0';
}
