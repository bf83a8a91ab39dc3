/* runtime: fuzzes: any archive as the runtime ramdisk: the digests that are taken have one spelling, the one in it. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "image/runtime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool true_always)
{
    if (!true_always) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct source archive = source_memory(data, size);
    char text[RUNTIME_SBOMS_MAX * RUNTIME_SBOM_LINE + 1];
    struct runtime runtime;
    struct reason why;

    if (runtime_read(&archive, &runtime, &why) == 0) {
        size_t length = runtime_sboms_text(&runtime, text);
        require(runtime.sbom_count <= RUNTIME_SBOMS_MAX && length == runtime.sbom_count * RUNTIME_SBOM_LINE);
        require(length == 0 || memmem(data, size, text, length) != NULL);
    }
    return 0;
}
