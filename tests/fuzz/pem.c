/* fuzz pem: any bytes as a PEM text: blocks lie in the text, in order, and decode into the room they were given. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/pem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool true_always)
{
    if (!true_always) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = {data, size};
    const uint8_t *reached = data;
    struct pem_block block;
    struct reason why;

    while (pem_next(&text, &block, &why) == 1) {
        uint8_t *out = malloc(pem_decoded_max(&block));
        require(block.base64.data > reached && block.base64.data + block.base64.size <= text.data);
        require(text.data + text.size == data + size);
        require(strlen(block.label) <= PEM_LABEL_MAX);
        require(out == NULL || pem_decode(&block, out, &why) <= (long)pem_decoded_max(&block));
        reached = text.data;
        free(out);
    }
    return 0;
}
