/* measurements: PCRs as the JSON in which nitro-cli shows them, written and read. */
#ifndef INGOT_TOOLS_MEASUREMENTS_H
#define INGOT_TOOLS_MEASUREMENTS_H

#include <jansson.h>
#include <stdbool.h>

#include "image/eif.h"

/* What nitro-cli 1.5.0 prints there (the hash implementation's own debug text); never match on it. */
#define MEASUREMENTS_ALGORITHM "Sha512_48 { .. }"

/* {"HashAlgorithm", "PCR0", "PCR1", "PCR2"[, "PCR8"]}; pcr8 may be NULL. A new reference, NULL without memory. */
json_t *measurements_json(const struct eif_measurements *measurements, const uint8_t *pcr8);

/* PCRs of one image, by their index; 3 and 4 are not the image's, but the parent's. */
#define MEASUREMENTS_PCRS 9
struct pcrs {
    bool has[MEASUREMENTS_PCRS];
    uint8_t value[MEASUREMENTS_PCRS][EIF_PCR_SIZE];
};

/* pcr8 may be NULL. */
void measurements_pcrs(const struct eif_measurements *measurements, const uint8_t *pcr8, struct pcrs *pcrs);

/*
 * Reads what build, describe, nitro-cli or a person wrote: {"Measurements": {"PCR0": "hex", …}, …}, or the inner object
 * alone. PCR0, PCR1, PCR2 and PCR8 are taken, one at least; HashAlgorithm is passed over; any other name is refused, so
 * that a slip does not go unchecked. 0; -EINVAL with a sentence; -errno of reading.
 */
int measurements_read(const char *path, struct pcrs *pcrs, struct reason *why);

bool measurements_zero(const uint8_t pcr[static EIF_PCR_SIZE]);

#endif
