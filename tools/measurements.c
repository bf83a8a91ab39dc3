/* measurements: PCRs as the JSON in which nitro-cli shows them, written and read. */
#include "tools/measurements.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"

#define FILE_MAX ((size_t)1 << 20)

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

void measurements_pcrs(const struct eif_measurements *measurements, const uint8_t *pcr8, struct pcrs *pcrs)
{
    *pcrs = (struct pcrs){.has = {[0] = true, [1] = true, [2] = true, [8] = pcr8 != NULL}};
    memcpy(pcrs->value[0], measurements->pcr0, EIF_PCR_SIZE);
    memcpy(pcrs->value[1], measurements->pcr1, EIF_PCR_SIZE);
    memcpy(pcrs->value[2], measurements->pcr2, EIF_PCR_SIZE);
    if (pcr8 != NULL) {
        memcpy(pcrs->value[8], pcr8, EIF_PCR_SIZE);
    }
}

bool measurements_zero(const uint8_t pcr[static EIF_PCR_SIZE])
{
    static const uint8_t zero[EIF_PCR_SIZE];

    return memcmp(pcr, zero, sizeof zero) == 0;
}

static int take_pcr(struct pcrs *pcrs, const char *key, const json_t *value, struct reason *why)
{
    static const char *const names[MEASUREMENTS_PCRS] = {[0] = "PCR0", [1] = "PCR1", [2] = "PCR2", [8] = "PCR8"};
    size_t index = 0;

    if (strcmp(key, "HashAlgorithm") == 0) {
        return 0;
    }
    while (index < MEASUREMENTS_PCRS && (names[index] == NULL || strcmp(names[index], key) != 0)) {
        index++;
    }
    if (index == MEASUREMENTS_PCRS) {
        return reason_set(why, -EINVAL, "%s: no PCR of an image (PCR0, PCR1, PCR2, PCR8)", text_quote_string(key).text);
    }
    if (!json_is_string(value) || !text_hex_decode(json_string_value(value), pcrs->value[index], EIF_PCR_SIZE)) {
        return reason_set(why, -EINVAL, "%s is not %d hexadecimal digits", key, 2 * EIF_PCR_SIZE);
    }
    pcrs->has[index] = true;
    return 0;
}

static int take_pcrs(struct pcrs *pcrs, json_t *json, struct reason *why)
{
    json_t *inner = json_object_get(json, "Measurements");
    const char *key;
    json_t *value;
    int error = 0;

    json = inner != NULL ? inner : json;
    if (!json_is_object(json)) {
        return reason_set(why, -EINVAL, "no JSON object of PCRs: {\"Measurements\": {\"PCR0\": …}}");
    }
    json_object_foreach(json, key, value)
    {
        error = error < 0 ? error : take_pcr(pcrs, key, value, why);
    }
    if (error == 0 && !pcrs->has[0] && !pcrs->has[1] && !pcrs->has[2] && !pcrs->has[8]) {
        error = reason_set(why, -EINVAL, "there is no PCR in it");
    }
    return error;
}

int measurements_read(const char *path, struct pcrs *pcrs, struct reason *why)
{
    json_error_t fault;
    json_t *json;
    char *text;
    size_t size;
    int error = file_read(path, FILE_MAX, &text, &size, why);

    if (error < 0) {
        return error;
    }
    *pcrs = (struct pcrs){0};
    json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &fault);
    error = json != NULL ? take_pcrs(pcrs, json, why)
                         : reason_set(why, -EINVAL, "line %d: %s", fault.line, text_quote_string(fault.text).text);
    if (error < 0) {
        reason_prefix(why, "%s", path);
    }
    json_decref(json);
    free(text);
    return error;
}
