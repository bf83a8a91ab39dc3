/* wipe: clears memory that held a secret, in a way that the compiler must not drop. */
#ifndef INGOT_BASE_WIPE_H
#define INGOT_BASE_WIPE_H

#include <stddef.h>

/* data may be NULL where size is 0. */
void wipe(void *data, size_t size);

/* Wipes size bytes and frees them; NULL does nothing. */
void wipe_free(void *data, size_t size);

#endif
