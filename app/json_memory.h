/* json_memory: a bound on all memory that JSON values take together in a process. */
#ifndef INGOT_APP_JSON_MEMORY_H
#define INGOT_APP_JSON_MEMORY_H

#include <stddef.h>

/*
 * A mebibyte of JSON can ask for thirty of memory ([1,1,1,…]). From here on jansson gets at most max bytes at a time:
 * what needs more fails as if memory had run out. Call it before the first value is made.
 */
void json_memory_limit(size_t max);

#endif
