/* http_chunked: any bytes as a chunked body: the same result in pieces of any size, and never over the bound. */
#include <stdlib.h>
#include <string.h>

#include "net/http.h"

#define MAX 300

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool true_always)
{
    if (!true_always) {
        abort();
    }
}

/* Decodes in pieces of at most step bytes; returns the status, and how far it came. */
static unsigned decode(const char *data, size_t size, size_t step, char out[static MAX], size_t *decoded, size_t *end)
{
    struct http_head head = {.framing = HTTP_FRAMING_CHUNKED};
    struct http_body body;
    struct reason why;
    unsigned status = http_body_start(&body, &head, MAX, &why);

    *decoded = 0;
    *end = 0;
    while (status == 0 && *end < size && !http_body_done(&body)) {
        struct http_text part;
        size_t used;
        status = http_body_take(&body, data + *end, size - *end < step ? size - *end : step, &used, &part, &why);
        require(used > 0 || status != 0);
        require(part.size <= used && (status != 0 || part.size <= MAX - *decoded));
        if (status == 0) {
            memcpy(out + *decoded, part.data, part.size);
            *decoded += part.size;
        }
        *end += used;
    }
    require(http_body_done(&body) == http_body_end(&body));
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char whole[MAX];
    char pieces[MAX];
    size_t whole_size;
    size_t pieces_size;
    size_t whole_end;
    size_t pieces_end;
    size_t step = size > 0 ? (size_t)1 + data[0] % 7 : 1;

    unsigned status = decode((const char *)data, size, size + 1, whole, &whole_size, &whole_end);
    require(decode((const char *)data, size, step, pieces, &pieces_size, &pieces_end) == status);
    require(pieces_size == whole_size && pieces_end == whole_end && memcmp(pieces, whole, whole_size) == 0);
    return 0;
}
