/* contents: fuzzes: any bytes as a kernel and two ramdisks, plain or gzip: faults are bounded lines, whatever they
 * hold. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "image/contents.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first eight bytes say how long the kernel and the first ramdisk are; the second has the rest. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct contents_faults faults;
    struct reason why = {""};
    struct eif eif = {.source = source_memory(data, size), .section_count = 3};
    uint64_t kernel;
    uint64_t first;

    if (size < 8) {
        return 0;
    }
    kernel = bytes_be32(data) % (size - 7);
    first = bytes_be32(data + 4) % (size - 8 - kernel + 1);
    eif.flags = data[0] & 1;
    eif.sections[0] = (struct eif_section){EIF_KERNEL, 8, kernel};
    eif.sections[1] = (struct eif_section){EIF_RAMDISK, 8 + kernel, first};
    eif.sections[2] = (struct eif_section){EIF_RAMDISK, 8 + kernel + first, size - 8 - kernel - first};
    int error = contents_check(&eif, &faults, &why);
    for (size_t i = 0; i < faults.count; i++) {
        for (const char *p = faults.sentences[i]; *p != '\0'; p++) {
            if (*p < ' ' || *p > '~' || strlen(faults.sentences[i]) >= REASON_SIZE) {
                const char *ellipsis = "\xe2\x80\xa6"; /* the one character that is not ASCII */
                if (strncmp(p, ellipsis, 3) != 0) {
                    abort();
                }
                p += 2;
            }
        }
    }
    if (error < 0 && why.text[0] == '\0') {
        abort();
    }
    contents_free(&faults);
    return 0;
}
