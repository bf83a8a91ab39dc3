/* measurements: the JSON in which nitro-cli shows PCRs. */
#ifndef INGOT_TOOLS_MEASUREMENTS_H
#define INGOT_TOOLS_MEASUREMENTS_H

#include <jansson.h>

#include "image/eif.h"

/* What nitro-cli 1.5.0 prints there (the hash implementation's own debug text); never match on it. */
#define MEASUREMENTS_ALGORITHM "Sha512_48 { .. }"

/* {"HashAlgorithm", "PCR0", "PCR1", "PCR2"[, "PCR8"]}; pcr8 may be NULL. A new reference, NULL without memory. */
json_t *measurements_json(const struct eif_measurements *measurements, const uint8_t *pcr8);

#endif
