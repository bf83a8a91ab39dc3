/* look: opens anybody's image for the verbs that only look at it, and says what is wrong with its content. */
#include "tools/look.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "crypto/x509.h"

/* ---- Measuring, and looking into the ramdisks meanwhile: inflating takes as long ---- */

struct inside {
    struct look *look;
    struct reason why;
    int error;
};

static void *look_inside(void *argument)
{
    struct inside *inside = argument;

    inside->error = contents_check(&inside->look->eif, &inside->look->faults, &inside->why);
    return NULL;
}

static int measure(struct look *look, struct reason *why)
{
    struct inside inside = {.look = look};
    pthread_t thread;
    bool threaded = pthread_create(&thread, NULL, look_inside, &inside) == 0;
    int error = eif_measure(&look->eif, &look->measurements, why);

    if (threaded) {
        (void)pthread_join(thread, NULL);
    } else {
        (void)look_inside(&inside);
    }
    if (error == 0 && inside.error < 0) {
        *why = inside.why;
        error = inside.error;
    }
    if (error == 0 && !look->measurements.crc_matches) {
        error = contents_add(&look->faults, "the CRC of the file is wrong: it was damaged or changed");
    }
    return error;
}

/* ---- The signature ---- */

static int read_signature(struct look *look, const struct eif_section *section, struct reason *why)
{
    const struct source source = eif_payload(&look->eif, section);
    uint8_t *bytes = malloc((size_t)section->size + 1); /* at most EIF_SIGNATURE_MAX: eif_read() saw to it */
    int error = bytes == NULL ? reason_system(why, -ENOMEM, "no memory")
                              : source_read(&source, 0, bytes, (size_t)section->size, why);

    if (error == 0) {
        error = signature_read(&look->signature, (struct bytes){bytes, (size_t)section->size}, why);
    }
    free(bytes);
    return error;
}

static int judge_dates(struct look *look)
{
    struct x509_certificate certificate;
    char date[X509_DATE_SIZE];
    int64_t now = (int64_t)time(NULL);

    if (x509_read(look->signature.certificate, &certificate, NULL) < 0) {
        return 0; /* signature_holds() has said so */
    }
    if (now < certificate.not_before) {
        x509_date_text(certificate.not_before, date);
        return contents_add(&look->faults, "the signing certificate is valid only from %s on", date);
    }
    if (now > certificate.not_after) {
        x509_date_text(certificate.not_after, date);
        return contents_add(&look->faults, "the signing certificate has expired: it was valid until %s", date);
    }
    return 0;
}

static int judge_signature(struct look *look, struct reason *why)
{
    const struct eif_section *section = eif_find(&look->eif, EIF_SIGNATURE);
    struct reason fault;
    int error;

    if (section == NULL) {
        return 0;
    }
    error = read_signature(look, section, why);
    if (error < 0) {
        return error;
    }
    look->is_signed = true;
    look->signature_holds = signature_holds(&look->signature, look->measurements.pcr0, &fault);
    if (!look->signature_holds) {
        error = contents_add(&look->faults, "%s", fault.text);
    }
    if (error == 0) {
        error = judge_dates(look);
    }
    return error;
}

/* ---- All of it ---- */

int look_at(struct look *look, const char *path, struct reason *why)
{
    struct source source;
    int error;

    *look = (struct look){.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (look->fd < 0) {
        return reason_system(why, -errno, "%s: cannot open", path);
    }
    error = source_file(&source, look->fd, why);
    if (error == 0) {
        error = eif_read(&look->eif, &source, why);
    }
    if (error == 0) {
        error = measure(look, why);
    }
    if (error == 0) {
        error = judge_signature(look, why);
    }
    if (error == 0 && (look->eif.flags & ~EIF_FLAG_AARCH64) != 0) {
        error = contents_add(&look->faults, "the header has unknown flags (0x%04x): another launcher's format",
            (unsigned)look->eif.flags);
    }
    if (error == -ENOMEM) {
        (void)reason_system(why, error, "no memory");
    }
    if (error < 0) {
        reason_prefix(why, "%s", path);
        look_end(look);
    }
    return error;
}

void look_end(struct look *look)
{
    contents_free(&look->faults);
    signature_free(&look->signature);
    close(look->fd);
}

void look_say(const struct look *look, const char *verb, const char *path)
{
    const char *colon = path != NULL ? ": " : "";

    path = path != NULL ? path : "";
    for (size_t i = 0; i < look->faults.count; i++) {
        fprintf(stderr, "ingot %s: %s%s%s\n", verb, path, colon, look->faults.sentences[i]);
    }
    if (look->faults.lost > 0) {
        fprintf(stderr, "ingot %s: %s%sand %zu faults more\n", verb, path, colon, look->faults.lost);
    }
    if (look->faults.unopened > 0) {
        fprintf(stderr, "ingot %s: %s%s%zu of the ramdisks not looked into: compressed with something else than gzip\n",
            verb, path, colon, look->faults.unopened);
    }
}
