/* secret_json: JSON that holds secrets: its memory is wiped, and no message shows what stands in it. */
#ifndef INGOT_TOOLS_SECRET_JSON_H
#define INGOT_TOOLS_SECRET_JSON_H

#include <jansson.h>
#include <stddef.h>

#include "base/reason.h"

/* From here on every block of jansson's knows its size and is wiped before it is freed. Before the first value. */
void secret_json_memory(void);

/*
 * Reads one JSON object, no key twice. *object is a new reference. 0; -EINVAL with a sentence that names the source,
 * line and column, and quotes nothing of the text.
 */
int secret_json_read(const char *text, size_t size, const char *name, json_t **object, struct reason *why);

#endif
