/* compare: what differs between two images, section by section, file by file, key by key, as rows of JSON. */
#ifndef INGOT_TOOLS_COMPARE_H
#define INGOT_TOOLS_COMPARE_H

#include <jansson.h>

#include "tools/look.h"

/*
 * Each row is an object:
 *
 *   "Section"  "header", "kernel", "cmdline", "metadata", "ramdisk 1", …, "signature"
 *   "Path"     a file of a ramdisk, where it is about one
 *   "Field"    what of it: "version", "BuildMetadata.BuildTime", "mode", "content", "[image] memory"; "file" or
 *              "section" for all of it
 *   "From", "To"  texts; null where one side does not have it
 *   "Byte"     where the first difference is, for whole sections and the command line
 *   "PCRs"     which of them this moves: ["PCR0", "PCR2"]; [] for what is not measured
 */
struct comparison {
    const struct look *a;
    const struct look *b;
    json_t *rows;
    bool failed; /* memory was short: rows are missing */
};

/* All rows in the order of the file. 0, or -errno. */
int compare_images(struct comparison *comparison, struct reason *why);

/* One row. from and to are taken over, NULL becomes null; path may be NULL; byte UINT64_MAX for none. */
void compare_row(struct comparison *comparison, const char *section, const char *path, const char *field, json_t *from,
    json_t *to, uint64_t byte);

/* The rows of the number-th ramdisk, whose bytes differ from the given one on. 0 or -errno. */
int compare_ramdisks(struct comparison *comparison, unsigned number, const struct source *a, const struct source *b,
    uint64_t byte, struct reason *why);

/* Rows for all members in which two JSON values differ; name is the path to them, "" at the top. */
void compare_json(
    struct comparison *comparison, const char *section, const char *path, const char *name, json_t *a, json_t *b);

/* "SHA384:…" of a whole source, for From and To. 0 or -errno. */
int compare_digest(const struct source *source, json_t **text, struct reason *why);

#endif
