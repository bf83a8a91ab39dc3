/* verifier: judges the certificates of a peer for one handshake, as an X.509 engine that BearSSL calls. */
#include "tls/verifier.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "crypto/hash.h"
#include "tls/explain.h"

#define DAYS_TO_1970 719528 /* BearSSL counts from January 1st of year 0 */
#define LATEST 253402300799 /* 9999-12-31 23:59:59 */
/*
 * When no further way through one chain is tried: so many of its certificates have been looked at, each of which costs
 * a signature (6 ms on P-521) that whoever has no certificate of ours can ask for.
 */
#define PROOFS_MAX 12

/* The chain from the leaf on, each followed by its issuer. */
struct path {
    struct x509_certificate each[TLS_CHAIN_COUNT];
    struct bytes der[TLS_CHAIN_COUNT];
    size_t count;
    size_t relied; /* how many of them the verdict stands on */
};

static struct text_quoted quote_name(struct bytes name)
{
    char text[X509_TEXT_SIZE];

    x509_name_text(name, text);
    return text_quote_string(text);
}

/* Records the first fault found: "sentence (details): advice". */
__attribute__((format(printf, 3, 4))) static int refuse(struct verifier *verifier, int code, const char *format, ...)
{
    const struct tls_fault *fault = tls_fault_find(code);
    char details[REASON_SIZE];
    char advice[TLS_ADVICE_SIZE];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(details, sizeof details, format, args);
    va_end(args);
    verifier->fault = code;
    tls_fault_advice(fault, verifier->purpose == X509_CLIENT_AUTH, advice);
    return reason_set(&verifier->why, code, "%s (%s): %s", fault->sentence, details, advice);
}

/* "a.example" presented "CN=a", issued by "CN=ca" */
static struct reason presented(const struct verifier *verifier, const struct x509_certificate *certificate)
{
    struct reason text;

    (void)reason_set(&text, 0, "%s presented %s, issued by %s",
        verifier->name[0] != '\0' ? text_quote_string(verifier->name).text : "the client",
        quote_name(certificate->subject).text, quote_name(certificate->issuer).text);
    return text;
}

static bool same_name(struct bytes a, struct bytes b)
{
    return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

/* Reads the certificates that came. */
static int chain_read(struct verifier *verifier, struct x509_certificate each[static TLS_CHAIN_COUNT])
{
    struct reason why;

    for (size_t i = 0; i < verifier->count; i++) {
        if (x509_read(verifier->certificates[i], &each[i], &why) != 0) {
            return refuse(verifier, TLS_FAULT_MALFORMED, "certificate %zu of the chain: %s", i + 1, why.text);
        }
    }
    verifier->leaf = each[0];
    return 0;
}

/*
 * Orders the certificates, each followed by its issuer; those that lead nowhere are left out. Where several have the
 * issuer's name (a CA certified by two others, or with a new key), attempt says which to take: its digits, to the base
 * of each number of candidates. False: there are no more attempts.
 */
static bool path_build(
    const struct verifier *verifier, const struct x509_certificate *each, unsigned attempt, struct path *path)
{
    bool taken[TLS_CHAIN_COUNT] = {true};
    size_t candidates[TLS_CHAIN_COUNT] = {0};
    size_t found = 1;

    path->count = 0;
    while (found > 0) {
        size_t next = candidates[attempt % found];
        attempt /= (unsigned)found;
        path->der[path->count] = verifier->certificates[next];
        path->each[path->count++] = each[next];
        taken[next] = true;
        found = 0;
        for (size_t i = 0; i < verifier->count; i++) {
            if (!taken[i] && same_name(each[i].subject, path->each[path->count - 1].issuer)) {
                candidates[found++] = i;
            }
        }
    }
    return attempt == 0;
}

/* Signatures, dates and extensions, by BearSSL's engine. 0 or its error. */
static int path_prove(struct verifier *verifier, struct path *path)
{
    const br_x509_class **engine = &verifier->minimal.vtable;
    const br_x509_class *class = verifier->minimal.vtable;

    class->start_chain(engine, NULL);
    path->relied = 0;
    while (path->relied < path->count && verifier->minimal.err == 0) {
        struct bytes der = path->der[path->relied++];
        class->start_cert(engine, (uint32_t)der.size);
        class->append(engine, der.data, der.size);
        class->end_cert(engine);
    }
    return (int)class->end_chain(engine);
}

/* The certificate of the path whose dates don't hold. */
static int dates_refuse(struct verifier *verifier, const struct path *path)
{
    for (size_t i = 0; i < path->relied; i++) {
        const struct x509_certificate *at = &path->each[i];
        char from[X509_DATE_SIZE];
        char until[X509_DATE_SIZE];
        char now[X509_DATE_SIZE];

        if (verifier->now >= at->not_before && verifier->now <= at->not_after) {
            continue;
        }
        x509_date_text(at->not_before, from);
        x509_date_text(at->not_after, until);
        x509_date_text(verifier->now, now);
        bool early = verifier->now < at->not_before;
        return refuse(verifier, early ? TLS_FAULT_NOT_YET_VALID : BR_ERR_X509_EXPIRED, "%s, %s %s; %s %s%s",
            presented(verifier, at).text, early ? "not valid before" : "expired", early ? from : until,
            verifier->clock != NULL ? verifier->clock : "enclave clock", now,
            verifier->clock != NULL ? "" : ", from the NSM");
    }
    return refuse(verifier, BR_ERR_X509_EXPIRED, "no certificate of the chain is out of its dates");
}

static int key_size_check(struct verifier *verifier, const struct path *path, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct x509_certificate *at = &path->each[i];

        if (at->key == X509_KEY_RSA && (at->rsa_bits < KEY_RSA_MIN || at->rsa_bits > KEY_RSA_MAX)) {
            return refuse(verifier, TLS_FAULT_KEY_SIZE, "%s, with an RSA key of %u bits; %u–%u are taken",
                presented(verifier, at).text, at->rsa_bits, KEY_RSA_MIN, KEY_RSA_MAX);
        }
    }
    return 0;
}

/* Turns the library's verdict into a sentence about the certificate that it was about. */
static int proof_refuse(struct verifier *verifier, const struct path *path, int code)
{
    const struct x509_certificate *at = &path->each[path->relied > 0 ? path->relied - 1 : 0];

    if (code == BR_ERR_X509_EXPIRED) {
        return dates_refuse(verifier, path);
    }
    if (code == BR_ERR_X509_WEAK_PUBLIC_KEY || code == BR_ERR_X509_LIMIT_EXCEEDED) {
        int fault = key_size_check(verifier, path, path->count);
        if (fault != 0) {
            return fault;
        }
    }
    if (code == BR_ERR_X509_NOT_TRUSTED && verifier->trust->certificates.count > 0) {
        struct bytes known = {verifier->trust->anchors[0].dn.data, verifier->trust->anchors[0].dn.len};
        char others[48] = "";

        if (verifier->trust->certificates.count > 1) {
            (void)snprintf(others, sizeof others, " and %zu more", verifier->trust->certificates.count - 1);
        }
        return refuse(verifier, code, "%s; trusted: %s%s%s", presented(verifier, at).text, quote_name(known).text,
            others, same_name(known, at->issuer) ? ", of the same name but with another key" : "");
    }
    const char *signature = code == BR_ERR_X509_UNSUPPORTED ? x509_signature_refused(at) : NULL;
    return refuse(verifier, code, "%s%s%s", presented(verifier, at).text, signature != NULL ? ", signed with " : "",
        signature != NULL ? signature : "");
}

static int purpose_check(struct verifier *verifier, const struct path *path)
{
    for (size_t i = 0; i < path->relied; i++) {
        const struct x509_certificate *at = &path->each[i];

        if (!x509_allows(at, verifier->purpose)) {
            return refuse(verifier, TLS_FAULT_PURPOSE, "%s, whose extendedKeyUsage lacks %s",
                presented(verifier, at).text, verifier->purpose == X509_SERVER_AUTH ? "serverAuth" : "clientAuth");
        }
        if (i == 0 && verifier->purpose_required && !at->has_purposes) {
            return refuse(verifier, TLS_FAULT_PURPOSE, "%s, without an extendedKeyUsage, which eku = required asks for",
                presented(verifier, at).text);
        }
        if (at->name_constraints) {
            return refuse(verifier, TLS_FAULT_CONSTRAINTS, "%s", presented(verifier, at).text);
        }
    }
    return 0;
}

static int name_check(struct verifier *verifier)
{
    const struct x509_certificate *leaf = &verifier->leaf;
    enum x509_match match = verifier->name[0] != '\0' ? x509_match_host(leaf, verifier->name) : X509_MATCH;
    char names[X509_TEXT_SIZE];

    if (match == X509_MATCH || (match == X509_MATCH_CN && verifier->cn_allowed)) {
        return 0;
    }
    if (match == X509_MATCH_CN) {
        return refuse(verifier, TLS_FAULT_NAME_CN_ONLY, "%s", presented(verifier, leaf).text);
    }
    x509_alternatives_text(leaf, names);
    return refuse(verifier, TLS_FAULT_NAME, "%s, good for %s", presented(verifier, leaf).text,
        leaf->has_names ? text_quote_string(names).text : "its CN");
}

static int pin_check(struct verifier *verifier)
{
    struct hash_sha256 hash;
    uint8_t digest[HASH_SHA256_SIZE];
    char base64[4 * ((HASH_SHA256_SIZE + 2) / 3) + 1];

    if (!verifier->pinned) {
        return 0;
    }
    hash_sha256_init(&hash);
    hash_sha256_update(&hash, verifier->leaf.spki.data, verifier->leaf.spki.size);
    hash_sha256_out(&hash, digest);
    if (memcmp(digest, verifier->pin, sizeof digest) == 0) {
        return 0;
    }
    text_base64_encode(digest, sizeof digest, base64);
    return refuse(
        verifier, TLS_FAULT_PIN, "%s, whose key is sha256/%s", presented(verifier, &verifier->leaf).text, base64);
}

static int hook_check(struct verifier *verifier)
{
    struct reason why = {""};

    if (verifier->verify == NULL || verifier->verify(verifier->verify_arg, verifier->certificates[0],
                                        verifier->certificates + 1, verifier->count - 1, &why) == 0) {
        return 0;
    }
    return refuse(verifier, TLS_FAULT_REFUSED, "%s; %s", presented(verifier, &verifier->leaf).text, why.text);
}

/* All but signatures and dates. */
static int path_judge(struct verifier *verifier, const struct path *path)
{
    int fault = key_size_check(verifier, path, path->relied);

    fault = fault != 0 ? fault : purpose_check(verifier, path);
    fault = fault != 0 ? fault : name_check(verifier);
    fault = fault != 0 ? fault : pin_check(verifier);
    if (fault != 0) {
        return fault;
    }
    verifier->until = INT64_MAX;
    for (size_t i = 0; i < path->relied; i++) {
        verifier->until = path->each[i].not_after < verifier->until ? path->each[i].not_after : verifier->until;
    }
    return hook_check(verifier);
}

/* Whatever is agreed on, the leaf's key signs. */
static int usage_check(struct verifier *verifier)
{
    unsigned usages = 0;

    (void)verifier->minimal.vtable->get_pkey(&verifier->minimal.vtable, &usages);
    return (usages & BR_KEYTYPE_SIGN) != 0
               ? 0
               : refuse(verifier, BR_ERR_X509_FORBIDDEN_KEY_USAGE, "%s", presented(verifier, &verifier->leaf).text);
}

/* The verdict: 0, or the fault, with its sentence in the verifier: of the most telling path, where several fail. */
static int chain_judge(struct verifier *verifier)
{
    struct x509_certificate each[TLS_CHAIN_COUNT];
    struct path path;
    size_t proofs = 0;
    int fault;

    if (verifier->too_large) {
        return refuse(verifier, TLS_FAULT_CHAIN_TOO_LARGE, "at most %d certificates of %d bytes together are taken",
            TLS_CHAIN_COUNT, TLS_CHAIN_MAX);
    }
    if (verifier->count == 0) {
        return refuse(verifier, TLS_FAULT_NO_CERTIFICATE, "its chain is empty");
    }
    fault = chain_read(verifier, each);
    if (fault != 0) {
        return fault;
    }
    for (unsigned attempt = 0; proofs < PROOFS_MAX && path_build(verifier, each, attempt, &path); attempt++) {
        int proof = path_prove(verifier, &path);
        proofs += path.relied;
        if (proof == 0) {
            verifier->fault = 0;
            fault = usage_check(verifier);
            return fault != 0 ? fault : path_judge(verifier, &path);
        }
        if (fault == 0 || fault == BR_ERR_X509_BAD_SIGNATURE) { /* a namesake's key says the least */
            fault = proof_refuse(verifier, &path, proof);
        }
    }
    return fault;
}

bool verifier_recall(struct verifier *verifier, struct bytes leaf)
{
    struct path path = {.count = 1, .relied = 1};
    struct reason why;
    bool good;

    if (leaf.size > sizeof verifier->chain) {
        return false;
    }
    memcpy(verifier->chain, leaf.data, leaf.size);
    verifier->certificates[0] = (struct bytes){verifier->chain, leaf.size};
    verifier->count = 1;
    good = x509_read(verifier->certificates[0], &verifier->leaf, &why) == 0 &&
           verifier->now >= verifier->leaf.not_before && verifier->now <= verifier->leaf.not_after;
    path.each[0] = verifier->leaf;
    good = good && path_judge(verifier, &path) == 0;
    verifier->fault = 0; /* a full handshake follows, and has a verdict of its own */
    if (!good) {
        memset(&verifier->leaf, 0, sizeof verifier->leaf);
        verifier->count = 0;
    }
    return good;
}

/* ---- the class, as BearSSL calls it ---- */

static struct verifier *verifier_of(const br_x509_class **class)
{
    return (struct verifier *)(void *)class;
}

static void start_chain(const br_x509_class **class, const char *server_name)
{
    struct verifier *verifier = verifier_of(class);

    (void)server_name; /* ours is in the verifier: an address has no SNI */
    verifier->used = 0;
    verifier->count = 0;
    verifier->too_large = false;
    verifier->fault = 0;
    verifier->asked = true;
    memset(&verifier->leaf, 0, sizeof verifier->leaf);
}

static void start_cert(const br_x509_class **class, uint32_t length)
{
    struct verifier *verifier = verifier_of(class);

    verifier->expected = length;
    verifier->too_large = verifier->too_large || verifier->count == TLS_CHAIN_COUNT || length > TLS_CHAIN_MAX;
    if (!verifier->too_large) {
        verifier->certificates[verifier->count++] = (struct bytes){verifier->chain + verifier->used, 0};
    }
}

static void append(const br_x509_class **class, const unsigned char *data, size_t size)
{
    struct verifier *verifier = verifier_of(class);

    verifier->too_large = verifier->too_large || size > TLS_CHAIN_MAX - verifier->used;
    if (!verifier->too_large) {
        memcpy(verifier->chain + verifier->used, data, size);
        verifier->used += size;
        verifier->certificates[verifier->count - 1].size += size;
    }
}

static void end_cert(const br_x509_class **class)
{
    (void)class; /* a certificate shorter than announced never gets here: the handshake reader counts */
}

static unsigned end_chain(const br_x509_class **class)
{
    struct verifier *verifier = verifier_of(class);

    if (chain_judge(verifier) == 0) {
        return 0;
    }
    memset(&verifier->leaf, 0, sizeof verifier->leaf);
    return BR_ERR_X509_NOT_TRUSTED; /* our own fault is the one that is told */
}

static const br_x509_pkey *get_pkey(const br_x509_class *const *class, unsigned *usages)
{
    const struct verifier *verifier = (const struct verifier *)(const void *)class;

    return verifier->minimal.vtable->get_pkey(&verifier->minimal.vtable, usages);
}

static const br_x509_class verifier_class = {
    .context_size = sizeof(struct verifier),
    .start_chain = start_chain,
    .start_cert = start_cert,
    .append = append,
    .end_cert = end_cert,
    .end_chain = end_chain,
    .get_pkey = get_pkey,
};

void verifier_init(struct verifier *verifier, const struct tls_trust *trust, unsigned purpose, int64_t now)
{
    int64_t time = now < 0 ? 0 : now > LATEST ? LATEST : now;
    br_x509_minimal_context *minimal = &verifier->minimal;

    memset(verifier, 0, sizeof *verifier);
    verifier->class = &verifier_class;
    verifier->trust = trust;
    verifier->purpose = purpose;
    verifier->now = time;
    br_x509_minimal_init(minimal, &br_sha256_vtable, trust->anchors, trust->certificates.count);
    br_x509_minimal_set_rsa(minimal, br_rsa_pkcs1_vrfy_get_default());
    br_x509_minimal_set_ecdsa(minimal, br_ec_get_default(), br_ecdsa_vrfy_asn1_get_default());
    br_x509_minimal_set_hash(minimal, br_sha256_ID, &br_sha256_vtable);
    br_x509_minimal_set_hash(minimal, br_sha384_ID, &br_sha384_vtable);
    br_x509_minimal_set_hash(minimal, br_sha512_ID, &br_sha512_vtable);
    br_x509_minimal_set_minrsa(minimal, KEY_RSA_MIN / 8);
    br_x509_minimal_set_time(minimal, (uint32_t)(time / 86400) + DAYS_TO_1970, (uint32_t)(time % 86400));
}
