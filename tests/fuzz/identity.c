/* fuzz identity: any JSON as a pushed identity: all three texts or none, and never a leak. */
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tls/identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool true_always)
{
    if (!true_always) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *value = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    struct identity_pem pem;
    struct reason why = {""};
    int error;

    if (value == NULL) {
        return 0;
    }
    error = identity_parse(value, "client", &pem, &why);
    if (error == 0) {
        require(pem.cert != NULL && pem.key != NULL && pem.ca != NULL);
    } else {
        require(pem.cert == NULL && pem.key == NULL && pem.ca == NULL && why.text[0] != '\0');
    }
    identity_pem_free(&pem);
    json_decref(value);
    return 0;
}
