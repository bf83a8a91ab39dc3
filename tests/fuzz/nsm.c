/* fuzz nsm: any bytes as the NSM's response and as an attestation document: what is read lies inside and in bounds. */
#include <stdlib.h>
#include <string.h>

#include "attest/nsm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool true_always)
{
    if (!true_always) {
        abort();
    }
}

static void require_inside(struct bytes part, struct bytes whole)
{
    require(part.data >= whole.data && part.size <= whole.size);
    require((size_t)(part.data - whole.data) <= whole.size - part.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = {data, size};
    struct nsm_description description;
    struct bytes part;
    struct reason why;
    uint64_t time;

    if (nsm_read_description(input, &description, &why) == 0) {
        size_t length = strnlen(description.module, sizeof description.module);
        require(length > 0 && length <= NSM_MODULE_MAX);
        require(description.pcrs_locked <= NSM_PCRS_MAX);
    }
    if (nsm_read_random(input, &part, &why) == 0) {
        require_inside(part, input);
        require(part.size >= NSM_RANDOM_MIN && part.size <= NSM_RANDOM_MAX);
    }
    if (nsm_read_attestation(input, &part, &why) == 0) {
        require_inside(part, input);
        input = part;
    }
    if (nsm_read_time(input, &time, &why) == 0) {
        require(time >= NSM_TIME_MIN && time <= NSM_TIME_MAX);
    }
    return 0;
}
