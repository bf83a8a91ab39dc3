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
        struct tls_identity *identity;
        require(
            tls_identity_load("client", pem.cert, strlen(pem.cert), pem.key, strlen(pem.key), &identity, NULL) == 0);
        require(tls_pem_not_after(pem.cert, strlen(pem.cert)) <= tls_identity_not_after(identity));
        require(tls_identity_subject(identity)[0] != '\0');
        tls_identity_free(identity);
    } else {
        require(pem.cert == NULL && pem.key == NULL && pem.ca == NULL && why.text[0] != '\0');
    }
    identity_pem_free(&pem);
    json_decref(value);
    return 0;
}
