/* eif: fuzzes: any bytes as an image: table, walk and end agree, or it is refused; then as an image of ours. */
#include <stdlib.h>
#include <string.h>

#include "image/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool true_always)
{
    if (!true_always) {
        abort();
    }
}

/* The CRC is set right first, so that what lies behind it is reached. */
static void open_with_crc(uint8_t *data, size_t size)
{
    const struct source source = source_memory(data, size);
    struct image image;
    struct reason why;
    uint32_t crc = hash_crc32(hash_crc32(0, data, 544), data + 548, size - 548);

    for (unsigned i = 0; i < 4; i++) {
        data[544 + i] = (uint8_t)(crc >> (24 - 8 * i));
    }
    if (image_open_source(&source, &image, &why) == 0) {
        require(image.measurements.crc_matches && image.manifest.count >= 3 && image.config.image.name != NULL);
        image_close(&image);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct source source = source_memory(data, size);
    struct eif_measurements measurements;
    struct reason why;
    struct eif eif;

    if (eif_read(&eif, &source, &why) == 0) {
        uint64_t end = sizeof(struct eif_wire_header);
        for (size_t i = 0; i < eif.section_count; i++) {
            require(eif.sections[i].offset == end + sizeof(struct eif_wire_section));
            end = eif.sections[i].offset + eif.sections[i].size;
        }
        require(end == size);
        bool matches;
        require(eif_measure(&eif, &measurements, &why) == 0);
        require(eif_check_crc(&eif, &matches, &why) == 0 && matches == measurements.crc_matches);
        uint8_t *copy = malloc(size);
        if (copy != NULL) {
            memcpy(copy, data, size);
            open_with_crc(copy, size);
        }
        free(copy);
    }
    return 0;
}
