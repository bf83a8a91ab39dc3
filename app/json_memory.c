/* json_memory: a bound on all memory that JSON values take together in a process. */
#include "app/json_memory.h"

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/bytes.h"

/* Stands before each allocation; free() is not told a size. */
union prefix {
    size_t size;
    max_align_t align;
};

static size_t most;
static size_t used;

static void *counted_malloc(size_t size)
{
    size_t whole;

    if (!bytes_add(size, sizeof(union prefix), &whole) || whole > most - used) {
        return NULL;
    }
    union prefix *prefix = malloc(whole);
    if (prefix == NULL) {
        return NULL;
    }
    prefix->size = whole;
    used += whole;
    return prefix + 1;
}

static void counted_free(void *memory)
{
    if (memory != NULL) {
        union prefix *prefix = (union prefix *)memory - 1;
        used -= prefix->size;
        free(prefix);
    }
}

void json_memory_limit(size_t max)
{
    most = max;
    json_set_alloc_funcs(counted_malloc, counted_free);
}
