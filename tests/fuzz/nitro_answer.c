/* fuzz nitro_answer: any bytes as the answer of nitro-cli: what is believed is bounded, printable and without doubles.
 */
#include "tools/nitro_answer.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool true_always)
{
    if (!true_always) {
        abort();
    }
}

static void require_printable(const char *text)
{
    for (; *text != '\0'; text++) {
        require(*text >= 0x20 && *text <= 0x7e);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nitro_enclave enclaves[NITRO_ENCLAVES_MAX];
    struct reason why = {""};
    size_t count = 0;

    if (nitro_answer_read((const char *)data, size, enclaves, &count, &why) < 0) {
        require(why.text[0] != '\0');
        return 0;
    }
    require(count <= NITRO_ENCLAVES_MAX);
    for (size_t i = 0; i < count; i++) {
        require_printable(enclaves[i].name);
        require_printable(enclaves[i].id);
        require(enclaves[i].id[0] != '\0' && enclaves[i].id[0] != '-');
        require(enclaves[i].cid >= 4 && enclaves[i].cid != UINT32_MAX);
        for (size_t j = 0; j < i; j++) {
            require(enclaves[j].cid != enclaves[i].cid);
        }
    }
    return 0;
}
