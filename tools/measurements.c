/* measurements: the JSON in which nitro-cli shows PCRs. */
#include "tools/measurements.h"

#include "base/text.h"

static int set_pcr(json_t *json, const char *name, const uint8_t pcr[static EIF_PCR_SIZE])
{
    char hex[2 * EIF_PCR_SIZE + 1];

    text_hex(pcr, EIF_PCR_SIZE, hex);
    return json_object_set_new(json, name, json_string(hex));
}

json_t *measurements_json(const struct eif_measurements *measurements, const uint8_t *pcr8)
{
    json_t *json = json_object();

    if (json_object_set_new(json, "HashAlgorithm", json_string(MEASUREMENTS_ALGORITHM)) < 0 ||
        set_pcr(json, "PCR0", measurements->pcr0) < 0 || set_pcr(json, "PCR1", measurements->pcr1) < 0 ||
        set_pcr(json, "PCR2", measurements->pcr2) < 0 || (pcr8 != NULL && set_pcr(json, "PCR8", pcr8) < 0)) {
        json_decref(json);
        return NULL;
    }
    return json;
}
