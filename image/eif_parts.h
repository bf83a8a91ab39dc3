/* eif_parts: what the reader and the writer of EIFs share beyond the format: order of sections, running measurements.
 */
#ifndef INGOT_IMAGE_EIF_PARTS_H
#define INGOT_IMAGE_EIF_PARTS_H

#include "base/lane.h"
#include "image/eif.h"

/* The place of a type in the order of sections, from 1; 0 for an unknown type. */
int eif_type_place(unsigned type);

/* PCR0's digest and PCR2's run side by side, each in a lane; PCR1's is PCR0's as it was behind the first ramdisk. */
struct eif_measure_state {
    struct hash_sha384 whole;
    struct hash_sha384 runtime;
    struct hash_sha384 application;
    struct lane *whole_lane;
    struct lane *application_lane;
    size_t ramdisks; /* that have ended */
};

/*
 * For each section, in the file's order: payload bytes by eif_measure_put(), then eif_measure_end(). The state may not
 * move from eif_measure_open() to eif_measure_close() (of either result). 0 or -ENOMEM.
 */
int eif_measure_open(struct eif_measure_state *state);
void eif_measure_close(struct eif_measure_state *state);
void eif_measure_put(struct eif_measure_state *state, enum eif_type type, const void *data, size_t size);
void eif_measure_end(struct eif_measure_state *state, enum eif_type type);
/* Fills in the PCRs; crc_matches is the caller's. */
void eif_measure_out(struct eif_measure_state *state, struct eif_measurements *measurements);

#endif
