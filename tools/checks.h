/* checks: everything that is asked of an image before it is trusted, one answer each: for verify, sign and policy. */
#ifndef INGOT_TOOLS_CHECKS_H
#define INGOT_TOOLS_CHECKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image/eif.h"
#include "tools/measurements.h"

enum check_state { CHECK_OK, CHECK_FAILED, CHECK_SKIPPED };

struct check {
    const char
        *name; /* "structure", "flags", "crc", "content", "build", "signature", "certificate", "PCR0", "sbom" … */
    enum check_state state;
    char *text;
};

/*
 *   checks_start ─ checks_content ─ checks_signature ─ checks_pcrs ─ checks_free
 *
 * Each adds its answers. What fails is an answer and not an error: they return 0, or -errno where the system failed
 * (-ENOMEM, reading), with the sentence. The source must stay until checks_free().
 */
struct checks {
    struct check *items;
    size_t count;
    size_t room;
    size_t failed;
    bool whole; /* the structure is right: eif and measurements are there, the other checks can be made */
    struct eif eif;
    struct eif_measurements measurements;
    bool is_signed;
    bool has_pcr8; /* the signature section could be read */
    uint8_t pcr8[EIF_PCR_SIZE];
};

/* structure, flags, crc; reads the signature section, and sets is_signed and pcr8. */
int checks_start(struct checks *checks, const struct source *source, struct reason *why);

/* content: kernel and ramdisks; build: whether an image of ours is exactly as ingot builds it (image_open()). */
int checks_content(struct checks *checks, struct reason *why);

/*
 * signature: it holds, and for this image's PCR0; certificate: its dates, where dates is set, at that moment.
 * An image that is not signed gets CHECK_SKIPPED.
 */
int checks_signature(struct checks *checks, bool dates, int64_t at, struct reason *why);

/* A failed answer where the image is not signed. */
int checks_demand_signature(struct checks *checks, struct reason *why);

/* One answer for each expected PCR. */
int checks_pcrs(struct checks *checks, const struct pcrs *expected, struct reason *why);

/*
 * Adds the answer of another check, from what a library returned and said: 0 is CHECK_OK with the sentence `good`; what
 * it said of the image (verb_exit_code(): EXIT_NO) is CHECK_FAILED; what it said of the system is returned.
 */
int checks_outcome(struct checks *checks, const char *name, int error, struct reason *why, const char *good);

/* The first answer that is CHECK_FAILED; NULL where there is none. */
const struct check *checks_first_failed(const struct checks *checks);

void checks_free(struct checks *checks);

struct x509_certificate;
/* Whether a certificate is good at a moment, as a sentence with its dates. */
bool checks_dates(const struct x509_certificate *certificate, int64_t at, struct reason *sentence);

#endif
