/* eif_parts: what the reader and the writer of EIFs share beyond the format: order of sections, running measurements.
 */
#ifndef INGOT_IMAGE_EIF_PARTS_H
#define INGOT_IMAGE_EIF_PARTS_H

#include "image/eif.h"

/* The place of a type in the order of sections, from 1; 0 for an unknown type. */
int eif_type_place(unsigned type);

struct eif_measure_state {
    struct hash_sha384 whole;
    struct hash_sha384 runtime;
    struct hash_sha384 application;
    size_t ramdisks; /* that have ended */
};

/* For each section, in the file's order: payload bytes by eif_measure_put(), then eif_measure_end(). */
void eif_measure_init(struct eif_measure_state *state);
void eif_measure_put(struct eif_measure_state *state, enum eif_type type, const void *data, size_t size);
void eif_measure_end(struct eif_measure_state *state, enum eif_type type);
/* Fills in the PCRs; crc_matches is the caller's. */
void eif_measure_out(const struct eif_measure_state *state, struct eif_measurements *measurements);

#endif
