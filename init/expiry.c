/* expiry: warns of certificates that come to their end, for as long as somebody can still do something about it. */
#include "init/expiry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "init/enclave.h"
#include "init/journal.h"
#include "init/log.h"
#include "tls/expiry.h"
#include "tls/trust.h"

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

static void tell(struct loop_timer *timer)
{
    struct enclave *enclave = timer->owner;
    const struct config *config = &enclave->config;

    for (size_t i = 0; i < SECRETS_KINDS; i++) {
        warn_identity(enclave, (enum secrets_kind)i);
    }
    for (size_t i = 0; i < config_ca_count(config); i++) {
        if (enclave->measured_until[i] != 0) {
            warn(config_ca_file(config, i), enclave->measured_until[i], "build an image with a new one");
        }
    }
    (void)loop_after(enclave->loop, timer, EXPIRY_EVERY_MS); /* the timer has its place: it can't fail */
}

static int read_measured(struct enclave *enclave, struct reason *why)
{
    const struct config *config = &enclave->config;
    int error = 0;

    for (size_t i = 0; i < config_ca_count(config) && error == 0; i++) {
        const char *file = config_ca_file(config, i);
        char *pem = NULL;
        size_t size = 0;
        if (file == NULL) {
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
    enclave->measured_until = calloc(config_ca_count(&enclave->config) + 1, sizeof *enclave->measured_until);
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
