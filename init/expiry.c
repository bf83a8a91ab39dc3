/* expiry: warns of certificates that come to their end, for as long as somebody can still do something about it. */
#include "init/expiry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "crypto/x509.h"
#include "init/enclave.h"
#include "init/journal.h"
#include "init/log.h"
#include "tls/trust.h"

#define DAY 86400
#define LAST_SECOND 253402300799 /* 9999-12-31 23:59:59: a role may say any number */

bool expiry_text(int64_t until, int64_t now, struct reason *text)
{
    char date[X509_DATE_SIZE];

    if (until <= 0 || until > LAST_SECOND || until - now >= (int64_t)EXPIRY_DAYS * DAY) {
        return false;
    }
    x509_date_text(until, date);
    if (until < now) {
        (void)reason_set(text, 0, "has ended on %s", date);
    } else {
        (void)reason_set(text, 0, "ends on %s, days left: %d", date, (int)((until - now) / DAY));
    }
    return true;
}

static void warn(const char *name, int64_t until, const char *advice)
{
    struct reason text;
    struct reason line;

    if (expiry_text(until, (int64_t)time(NULL), &text)) {
        (void)reason_set(&line, 0, "%s %s: %s", text_quote_string(name).text, text.text, advice);
        log_line("expiry", "%s", line.text);
        journal_event("expiry", "file", name, line.text);
    }
}

/* One kind's files are those of the accepted push, where it brought them, else of the image. */
static void warn_identity(const struct enclave *enclave, enum secrets_kind kind)
{
    const int files[] = {enclave->accepted, enclave->packed};
    struct secrets_sizes sizes = {0};
    bool pushed = false;

    for (size_t i = 0; i < 2 && sizes.cert_size == 0; i++) {
        struct secrets secrets;
        if (files[i] >= 0 && secrets_map(&secrets, files[i], NULL) == 0) {
            sizes = secrets.header->identities[kind];
            secrets_unmap(&secrets);
            pushed = i == 0;
        }
    }
    const char *advice = !pushed ? "build an image with a new one"
                         : enclave->config.secrets.again == CONFIG_AGAIN_REFUSE
                             ? "start the enclave again, and push a new one"
                             : "push a new one";
    warn(secrets_names[kind].cert_file, sizes.cert_until, advice);
    warn(secrets_names[kind].ca_file, sizes.ca_until, advice);
}

/* The CA files of endpoints, then of inbound ports, by their place; NULL: none. */
static const char *measured_file(const struct config *config, size_t place)
{
    return place < config->endpoint_count ? config->endpoints[place].ca_file
                                          : config->inbound[place - config->endpoint_count].ca_file;
}

static size_t measured_count(const struct config *config)
{
    return config->endpoint_count + config->inbound_count;
}

/* Several may name the same file: the first place of it. */
static size_t first_place(const struct config *config, size_t place)
{
    const char *file = measured_file(config, place);

    for (size_t i = 0; i < place; i++) {
        const char *other = measured_file(config, i);
        if (other != NULL && strcmp(other, file) == 0) {
            return i;
        }
    }
    return place;
}

static void tell(struct loop_timer *timer)
{
    struct enclave *enclave = timer->owner;
    const struct config *config = &enclave->config;

    for (size_t i = 0; i < SECRETS_KINDS; i++) {
        warn_identity(enclave, (enum secrets_kind)i);
    }
    for (size_t i = 0; i < measured_count(config); i++) {
        if (enclave->measured_until[i] != 0) {
            warn(measured_file(config, i), enclave->measured_until[i], "build an image with a new one");
        }
    }
    (void)loop_after(enclave->loop, timer, EXPIRY_EVERY_MS); /* the timer has its place: it can't fail */
}

static int read_measured(struct enclave *enclave, struct reason *why)
{
    const struct config *config = &enclave->config;
    int error = 0;

    for (size_t i = 0; i < measured_count(config) && error == 0; i++) {
        const char *file = measured_file(config, i);
        char *pem = NULL;
        size_t size = 0;
        if (file == NULL || first_place(config, i) != i) {
            continue;
        }
        error = identity_read_measured(file, TLS_TRUST_PEM_MAX, &pem, &size, why);
        enclave->measured_until[i] = error == 0 ? tls_pem_not_after(pem, size) : 0;
        free(pem);
    }
    return error;
}

int expiry_open(struct enclave *enclave, struct reason *why)
{
    enclave->measured_until = calloc(measured_count(&enclave->config) + 1, sizeof *enclave->measured_until);
    enclave->expiry_timer = (struct loop_timer){.fired = tell, .owner = enclave};
    int error = enclave->measured_until == NULL ? -ENOMEM : loop_after(enclave->loop, &enclave->expiry_timer, 0);

    if (error < 0) {
        return reason_system(why, error, "cannot wait for the ends of certificates");
    }
    return read_measured(enclave, why);
}

void expiry_look(struct enclave *enclave)
{
    (void)loop_after(enclave->loop, &enclave->expiry_timer, 0);
}
