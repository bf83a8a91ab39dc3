/* nitro_answer: reads what nitro-cli says of the enclaves on this parent instance. */
#include "tools/nitro_answer.h"

#include <errno.h>
#include <string.h>

#include <jansson.h>

#include "base/text.h"
#include "net/vsock.h"

#define CPUS_MAX 4096
#define MEMORY_MIB_MAX (UINT64_C(1) << 40)

/* Printable ASCII of 1 to NITRO_TEXT_MAX bytes: it goes to a terminal and, an id, onto a command line. */
static bool read_text(const json_t *object, const char *key, char text[static NITRO_TEXT_MAX + 1])
{
    const json_t *value = json_object_get(object, key);
    size_t size = json_string_length(value);

    if (size == 0 || size > NITRO_TEXT_MAX) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if (json_string_value(value)[i] < 0x20 || json_string_value(value)[i] > 0x7e) {
            return false;
        }
    }
    memcpy(text, json_string_value(value), size + 1);
    return true;
}

static bool read_number(const json_t *object, const char *key, uint64_t min, uint64_t max, uint64_t *number)
{
    const json_t *value = json_object_get(object, key);
    json_int_t given = json_integer_value(value);

    if (!json_is_integer(value) || given < 0 || (uint64_t)given < min || (uint64_t)given > max) {
        return false;
    }
    *number = (uint64_t)given;
    return true;
}

/* NULL, or the member that is missing or is not what it must be. */
static const char *enclave_read(const json_t *object, struct nitro_enclave *enclave)
{
    char state[NITRO_TEXT_MAX + 1];
    char flags[NITRO_TEXT_MAX + 1];
    uint64_t cid, cpus;

    if (!read_text(object, "EnclaveID", enclave->id) || enclave->id[0] == '-') { /* it would be an option */
        return "EnclaveID";
    }
    if (json_object_get(object, "EnclaveName") != NULL && !read_text(object, "EnclaveName", enclave->name)) {
        return "EnclaveName";
    }
    if (!read_number(object, "EnclaveCID", VSOCK_CID_ENCLAVE_MIN, VSOCK_CID_ENCLAVE_MAX, &cid)) {
        return "EnclaveCID";
    }
    if (!read_number(object, "NumberOfCPUs", 0, CPUS_MAX, &cpus)) {
        return "NumberOfCPUs";
    }
    if (!read_number(object, "MemoryMiB", 0, MEMORY_MIB_MAX, &enclave->memory_mib)) {
        return "MemoryMiB";
    }
    if (!read_text(object, "State", state)) {
        return "State";
    }
    if (!read_text(object, "Flags", flags)) {
        return "Flags";
    }
    enclave->cid = (uint32_t)cid;
    enclave->cpu_count = (unsigned)cpus;
    enclave->running = strcmp(state, "RUNNING") == 0;
    enclave->debug = strcmp(flags, "DEBUG_MODE") == 0;
    return NULL;
}

static int enclaves_read(
    const json_t *array, struct nitro_enclave enclaves[static NITRO_ENCLAVES_MAX], size_t *count, struct reason *why)
{
    if (!json_is_array(array)) {
        return reason_set(why, -EINVAL, "it is no list of enclaves");
    }
    if (json_array_size(array) > NITRO_ENCLAVES_MAX) {
        return reason_set(why, -EINVAL, "more than %d enclaves", NITRO_ENCLAVES_MAX);
    }
    for (size_t i = 0; i < json_array_size(array); i++) {
        enclaves[i] = (struct nitro_enclave){.cid = 0};
        const char *wrong = enclave_read(json_array_get(array, i), &enclaves[i]);
        if (wrong != NULL) {
            return reason_set(why, -EINVAL, "enclave %zu of the list has no %s, or one that can't be", i + 1, wrong);
        }
        for (size_t j = 0; j < i; j++) {
            if (enclaves[j].cid == enclaves[i].cid) {
                return reason_set(why, -EINVAL, "two enclaves of the list have the CID %u", enclaves[i].cid);
            }
        }
    }
    *count = json_array_size(array);
    return 0;
}

int nitro_answer_read(const char *text, size_t size, struct nitro_enclave enclaves[static NITRO_ENCLAVES_MAX],
    size_t *count, struct reason *why)
{
    json_t *array = size <= NITRO_ANSWER_MAX ? json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL) : NULL;
    int error = array == NULL ? reason_set(why, -EINVAL, "it is not JSON: %s", text_quote(text, size).text)
                              : enclaves_read(array, enclaves, count, why);

    if (error < 0) {
        reason_prefix(why, "the answer of nitro-cli describe-enclaves is not understood");
    }
    json_decref(array);
    return error;
}
