/* checks: everything that is asked of an image before it is trusted, one answer each: for verify, sign and policy. */
#include "tools/checks.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "crypto/x509.h"
#include "image/config.h"
#include "image/contents.h"
#include "image/image.h"
#include "image/signature.h"
#include "tools/verbs.h"

static int out_of_memory(struct reason *why)
{
    return reason_system(why, -ENOMEM, "no memory");
}

static int add(struct checks *checks, const char *name, enum check_state state, struct reason *why, const char *format,
    ...) __attribute__((format(printf, 5, 6)));
static int add(
    struct checks *checks, const char *name, enum check_state state, struct reason *why, const char *format, ...)
{
    struct check *item;
    va_list args;
    int length;

    if (checks->count == checks->room) {
        size_t room = 2 * checks->room + 16;
        struct check *items = realloc(checks->items, room * sizeof *items);
        if (items == NULL) {
            return out_of_memory(why);
        }
        checks->items = items;
        checks->room = room;
    }
    item = &checks->items[checks->count];
    *item = (struct check){.name = name, .state = state};
    va_start(args, format);
    length = vasprintf(&item->text, format, args);
    va_end(args);
    if (length < 0) {
        return out_of_memory(why);
    }
    checks->count++;
    checks->failed += state == CHECK_FAILED;
    return 0;
}

int checks_outcome(struct checks *checks, const char *name, int error, struct reason *why, const char *good)
{
    struct reason sentence;

    if (error == 0) {
        return add(checks, name, CHECK_OK, why, "%s", good);
    }
    if (verb_exit_code(error) != EXIT_NO) {
        return error;
    }
    sentence = *why;
    return add(checks, name, CHECK_FAILED, why, "%s", sentence.text);
}

/* ---- Structure ---- */

static int read_section(const struct checks *checks, struct signature *signature, struct reason *why)
{
    const struct eif_section *section = eif_find(&checks->eif, EIF_SIGNATURE);
    const struct source source = eif_payload(&checks->eif, section);
    uint8_t *bytes = malloc((size_t)section->size + 1); /* at most EIF_SIGNATURE_MAX: eif_read() saw to it */
    int error = bytes == NULL ? out_of_memory(why) : source_read(&source, 0, bytes, (size_t)section->size, why);

    if (error == 0) {
        error = signature_read(signature, (struct bytes){bytes, (size_t)section->size}, why);
    }
    free(bytes);
    return error;
}

static int add_crc(struct checks *checks, struct reason *why)
{
    if (!checks->measurements.crc_matches) {
        return add(checks, "crc", CHECK_FAILED, why,
            "the header's CRC 0x%08" PRIx32 " is not the file's: it was damaged or changed after it was built",
            checks->eif.crc32);
    }
    return add(checks, "crc", CHECK_OK, why, "0x%08" PRIx32, checks->eif.crc32);
}

static int add_flags(struct checks *checks, struct reason *why)
{
    unsigned flags = checks->eif.flags;

    if ((flags & ~EIF_FLAG_AARCH64) != 0) {
        return add(checks, "flags", CHECK_FAILED, why,
            "unknown flags (0x%04x): another launcher's format, for which no PCRs can be promised", flags);
    }
    return add(checks, "flags", CHECK_OK, why, "%s", flags == 0 ? "none: x86-64" : "aarch64");
}

int checks_start(struct checks *checks, const struct source *source, struct reason *why)
{
    struct signature signature = {0};
    char good[64];
    int error;

    *checks = (struct checks){0};
    error = eif_read(&checks->eif, source, why);
    checks->is_signed = error == 0 && eif_find(&checks->eif, EIF_SIGNATURE) != NULL;
    if (error == 0 && checks->is_signed) {
        error = read_section(checks, &signature, why);
        checks->has_pcr8 = error == 0;
    }
    if (error == 0) {
        error = eif_measure(&checks->eif, &checks->measurements, why);
    }
    checks->whole = error == 0;
    (void)snprintf(good, sizeof good, "%zu sections: table, walk and end agree", checks->eif.section_count);
    error = checks_outcome(checks, "structure", error, why, good);
    if (error == 0 && checks->whole) {
        error = add_flags(checks, why);
    }
    if (error == 0 && checks->whole) {
        error = add_crc(checks, why);
    }
    if (checks->has_pcr8) {
        signature_pcr8(&signature, checks->pcr8);
    }
    signature_free(&signature);
    return error;
}

/* ---- Content ---- */

/* Whether the second ramdisk holds one of the paths that every image of ours has. */
static bool looks_like_ours(const struct eif *eif)
{
    const struct eif_section *ramdisk = eif_find(eif, EIF_RAMDISK) + 1;
    struct cpio_entry *entry = malloc(sizeof *entry);
    struct cpio_reader reader;
    bool ours = false;

    if (entry != NULL && ramdisk < eif->sections + eif->section_count && ramdisk->type == EIF_RAMDISK) {
        const struct source source = eif_payload(eif, ramdisk);
        cpio_reader_init(&reader, &source);
        while (!ours && cpio_next(&reader, entry, NULL) > 0) {
            ours = strcmp(entry->name, CONFIG_PATH_INI) == 0 || strcmp(entry->name, CONFIG_PATH_MANIFEST) == 0;
        }
    }
    free(entry);
    return ours;
}

static int add_build(struct checks *checks, struct reason *why)
{
    char good[96];
    struct image image;
    int error;

    if (!looks_like_ours(&checks->eif)) {
        return add(checks, "build", CHECK_SKIPPED, why, "not made by ingot build: what is in its files is not judged");
    }
    error = image_open_source(&checks->eif.source, &image, why);
    if (error == 0) {
        (void)snprintf(good, sizeof good, "as ingot build makes it: %zu paths, each as the measured manifest says",
            image.manifest.count);
        image_close(&image);
    }
    return checks_outcome(checks, "build", error, why, good);
}

static int add_contents(struct checks *checks, const struct contents_faults *faults, struct reason *why)
{
    int error = 0;

    for (size_t i = 0; error == 0 && i < faults->count; i++) {
        error = add(checks, "content", CHECK_FAILED, why, "%s", faults->sentences[i]);
    }
    if (error == 0 && faults->lost > 0) {
        error = add(checks, "content", CHECK_FAILED, why, "%zu more of these", faults->lost);
    }
    if (error == 0 && faults->count == 0) {
        error = add(checks, "content", CHECK_OK, why, "the kernel is a%s; no path hides or diverts another",
            (checks->eif.flags & EIF_FLAG_AARCH64) != 0 ? "n arm64 Image" : " bzImage");
    }
    if (error == 0 && faults->unopened > 0) {
        error = add(checks, "content", CHECK_SKIPPED, why,
            "%zu ramdisk%s in a compression that is not read here: not looked into", faults->unopened,
            faults->unopened == 1 ? " is" : "s are");
    }
    return error;
}

int checks_content(struct checks *checks, struct reason *why)
{
    struct contents_faults faults = {0};
    int error;

    if (!checks->whole) {
        return 0;
    }
    error = contents_check(&checks->eif, &faults, why);
    error = error < 0 ? checks_outcome(checks, "content", error, why, "") : add_contents(checks, &faults, why);
    contents_free(&faults);
    return error < 0 ? error : add_build(checks, why);
}

/* ---- Signature ---- */

bool checks_dates(const struct x509_certificate *certificate, int64_t at, struct reason *sentence)
{
    char from[X509_DATE_SIZE];
    char until[X509_DATE_SIZE];
    char now[X509_DATE_SIZE];
    bool early = at < certificate->not_before;

    x509_date_text(certificate->not_before, from);
    x509_date_text(certificate->not_after, until);
    x509_date_text(at, now);
    if (early || at > certificate->not_after) {
        (void)reason_set(sentence, 0, "the certificate %s: it is good from %s to %s, and %s was asked for",
            early ? "is not valid yet" : "has expired", from, until, now);
        return false;
    }
    (void)reason_set(sentence, 0, "good from %s to %s", from, until);
    return true;
}

static int add_certificate(struct checks *checks, const struct signature *signature, int64_t at, struct reason *why)
{
    struct x509_certificate certificate;
    struct reason sentence;
    int error = x509_read(signature->certificate, &certificate, why);
    bool good;

    if (error < 0) {
        return checks_outcome(checks, "certificate", error, why, "");
    }
    good = checks_dates(&certificate, at, &sentence);
    return add(checks, "certificate", good ? CHECK_OK : CHECK_FAILED, why, "%s", sentence.text);
}

int checks_signature(struct checks *checks, bool dates, int64_t at, struct reason *why)
{
    struct signature signature;
    int error;

    if (!checks->whole) {
        return 0;
    }
    if (!checks->is_signed) {
        return add(checks, "signature", CHECK_SKIPPED, why, "the image is not signed");
    }
    error = read_section(checks, &signature, why);
    if (error < 0) {
        return error;
    }
    error = signature_holds(&signature, checks->measurements.pcr0, why) ? 0 : -EINVAL;
    error = checks_outcome(checks, "signature", error, why, "the certificate's key signed this image's PCR0");
    if (error == 0 && dates) {
        error = add_certificate(checks, &signature, at, why);
    }
    signature_free(&signature);
    return error;
}

int checks_demand_signature(struct checks *checks, struct reason *why)
{
    if (!checks->whole || checks->is_signed) {
        return 0;
    }
    return add(checks, "signature", CHECK_FAILED, why, "the image must be signed (ingot sign)");
}

/* ---- Expected PCRs ---- */

static int add_pcr(struct checks *checks, size_t index, const uint8_t expected[static EIF_PCR_SIZE],
    const uint8_t *found, struct reason *why)
{
    static const char *const names[MEASUREMENTS_PCRS] = {[0] = "PCR0", [1] = "PCR1", [2] = "PCR2", [8] = "PCR8"};
    char wanted[2 * EIF_PCR_SIZE + 1];
    char got[2 * EIF_PCR_SIZE + 1] = "none: the image is not signed";

    text_hex(expected, EIF_PCR_SIZE, wanted);
    if (found != NULL) {
        text_hex(found, EIF_PCR_SIZE, got);
        if (memcmp(expected, found, EIF_PCR_SIZE) == 0) {
            return add(checks, names[index], CHECK_OK, why, "%s", got);
        }
    }
    return add(checks, names[index], CHECK_FAILED, why, "expected %s%s, this image has %s", wanted,
        measurements_zero(expected) ? " (an enclave in debug mode attests this for any image)" : "", got);
}

int checks_pcrs(struct checks *checks, const struct pcrs *expected, struct reason *why)
{
    struct pcrs found;
    int error = 0;

    if (!checks->whole) {
        return 0;
    }
    measurements_pcrs(&checks->measurements, checks->has_pcr8 ? checks->pcr8 : NULL, &found);
    for (size_t i = 0; error == 0 && i < MEASUREMENTS_PCRS; i++) {
        if (expected->has[i]) {
            error = add_pcr(checks, i, expected->value[i], found.has[i] ? found.value[i] : NULL, why);
        }
    }
    return error;
}

const struct check *checks_first_failed(const struct checks *checks)
{
    for (size_t i = 0; i < checks->count; i++) {
        if (checks->items[i].state == CHECK_FAILED) {
            return &checks->items[i];
        }
    }
    return NULL;
}

void checks_free(struct checks *checks)
{
    for (size_t i = 0; i < checks->count; i++) {
        free(checks->items[i].text);
    }
    free(checks->items);
    *checks = (struct checks){0};
}
