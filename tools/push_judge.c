/* push_judge: what the enclave would say to a push, and what a certificate's dates say, before anything is sent. */
#include "tools/push_judge.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "app/push.h"
#include "base/text.h"
#include "crypto/pem.h"
#include "crypto/x509.h"
#include "tls/identity.h"
#include "tools/checks.h"

struct judge {
    int64_t now;
    push_warn *warn;
    void *arg;
    const struct secrets_names *names;
    bool is_ca;
    unsigned place;              /* of this certificate in its field, from 1 */
    char wanted[X509_TEXT_SIZE]; /* the issuer of the certificate before, as text */
};

static void warn_of(struct judge *judge, const struct reason *sentence)
{
    struct reason whole = *sentence;

    reason_prefix(&whole, "%s: %s_cert: certificate %u", judge->names->pushed, judge->is_ca ? "ca" : judge->names->role,
        judge->place);
    judge->warn(judge->arg, whole.text);
}

static void judge_authority(struct judge *judge, const struct x509_certificate *certificate)
{
    struct reason sentence;
    bool self_issued = certificate->issuer.size == certificate->subject.size &&
                       memcmp(certificate->issuer.data, certificate->subject.data, certificate->issuer.size) == 0;

    if (!checks_dates(certificate, judge->now, &sentence)) {
        warn_of(judge, &sentence); /* dates of an authority are not judged inside (RFC 5280 §6.1.1) */
    }
    if (!certificate->ca && !(certificate->version == 1 && self_issued)) {
        (void)reason_set(&sentence, 0, "it is no certificate authority: only this very certificate will be believed");
        warn_of(judge, &sentence);
    }
}

static int judge_leaf(struct judge *judge, const struct x509_certificate *certificate, struct reason *why)
{
    bool server = judge->names == &secrets_names[SECRETS_SERVER];
    struct reason sentence;
    char subject[X509_TEXT_SIZE];

    x509_name_text(certificate->subject, subject);
    if (!checks_dates(certificate, judge->now, &sentence)) {
        return reason_set(why, -EINVAL, "%s: %s_cert: %s: %s", judge->names->pushed, judge->names->role,
            text_quote_string(subject).text, sentence.text);
    }
    if (judge->place == 1 && !x509_allows(certificate, server ? X509_SERVER_AUTH : X509_CLIENT_AUTH)) {
        (void)reason_set(&sentence, 0, "its extendedKeyUsage does not say %s: most %s will refuse it",
            server ? "serverAuth" : "clientAuth", server ? "clients" : "services");
        warn_of(judge, &sentence);
    }
    if (judge->place == 1 && server && !certificate->has_names) {
        (void)reason_set(&sentence, 0,
            "it has no subjectAltName: clients in Go and Python, and others, take no server by its CN (give `openssl "
            "x509 -req` an -extfile with subjectAltName=DNS:NAME)");
        warn_of(judge, &sentence);
    }
    if (judge->place > 1 && strcmp(judge->wanted, subject) != 0) {
        (void)reason_set(&sentence, 0, "it did not issue the one before it: put each behind the one that it issued");
        warn_of(judge, &sentence);
    }
    x509_name_text(certificate->issuer, judge->wanted);
    return 0;
}

static int judge_block(struct judge *judge, const struct pem_block *block, struct reason *why)
{
    struct x509_certificate certificate;
    uint8_t *der = malloc(pem_decoded_max(block));
    long size = der != NULL ? pem_decode(block, der, why) : reason_set(why, -ENOMEM, "out of memory");
    int error = size < 0 ? (int)size : x509_read((struct bytes){der, (size_t)size}, &certificate, why);

    judge->place++;
    if (error == 0 && judge->is_ca) {
        judge_authority(judge, &certificate);
    } else if (error == 0) {
        error = judge_leaf(judge, &certificate, why);
    }
    free(der);
    return error;
}

/* Every certificate of a PEM text that identity_parse() has let pass. */
static int judge_certificates(struct judge *judge, const char *pem, struct reason *why)
{
    struct bytes text = {(const uint8_t *)pem, strlen(pem)};
    struct pem_block block;
    int more;
    int error = 0;

    while (error == 0 && (more = pem_next(&text, &block, why)) != 0) {
        error = more < 0 ? more : judge_block(judge, &block, why);
    }
    return error;
}

static int judge_identity(
    const json_t *value, const struct secrets_names *names, int64_t now, push_warn *warn, void *arg, struct reason *why)
{
    struct judge leaf = {.now = now, .warn = warn, .arg = arg, .names = names};
    struct judge ca = {.now = now, .warn = warn, .arg = arg, .names = names, .is_ca = true};
    struct identity_pem pem;
    int error = identity_parse(value, names->role, &pem, why);

    if (error < 0) {
        reason_prefix(why, "%s", names->pushed);
        return error;
    }
    error = judge_certificates(&leaf, pem.cert, why);
    if (error == 0) {
        error = judge_certificates(&ca, pem.ca, why);
    }
    identity_pem_free(&pem);
    return error;
}

int push_judge(const json_t *object, const char *text, size_t size, const struct config *config, bool again,
    int64_t now, push_warn *warn, void *arg, struct reason *why)
{
    int error = 0;

    if (config != NULL && config->secrets.mode == CONFIG_SECRETS_NONE) {
        return reason_set(why, -EINVAL, "this image takes no secrets: its enclave.ini has no [secrets]");
    }
    if (config != NULL) {
        struct push push;
        error = push_read(&push, config, again, text, size, why);
        if (error == 0) {
            push_free(&push);
        }
    }
    for (size_t i = 0; i < SECRETS_KINDS && error == 0; i++) {
        const json_t *identity = json_object_get(object, secrets_names[i].pushed);
        error = identity != NULL ? judge_identity(identity, &secrets_names[i], now, warn, arg, why) : 0;
    }
    return error;
}
