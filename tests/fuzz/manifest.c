/* manifest: fuzzes: any bytes as a manifest: what is taken is written back the same. */
#include <stdlib.h>
#include <string.h>

#include "image/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool true_always)
{
    if (!true_always) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct manifest manifest;
    struct reason why;
    size_t again_size;
    char *again;

    if (manifest_parse(&manifest, (const char *)data, size, &why) == 0) {
        for (size_t i = 0; i < manifest.count; i++) {
            require(manifest_path_valid(manifest.entries[i].path));
            require(manifest_find(&manifest, manifest.entries[i].path) == &manifest.entries[i]);
        }
        require(manifest_write(&manifest, &again, &again_size) == 0);
        require(again_size == size && memcmp(again, data, size) == 0);
        free(again);
        manifest_free(&manifest);
    }
    return 0;
}
