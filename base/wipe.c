/* wipe: clears memory that held a secret, in a way that the compiler must not drop. */
#include "base/wipe.h"

#include <stdlib.h>
#include <string.h>

void wipe(void *data, size_t size)
{
    if (size > 0) {
        explicit_bzero(data, size);
    }
}

void wipe_free(void *data, size_t size)
{
    if (data != NULL) {
        wipe(data, size);
        free(data);
    }
}
