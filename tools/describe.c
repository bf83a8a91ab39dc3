/* describe: says of any EIF what nitro-cli describe-eif says, key for key. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image/eif.h"
#include "image/signature.h"
#include "tools/certificate.h"
#include "tools/measurements.h"
#include "tools/verbs.h"

static int run_describe(int argc, char *argv[]);

const struct verb verb_describe = {
    .name = "describe",
    .arguments = "X.eif",
    .summary = "show an image's measurements and metadata as nitro-cli describe-eif does",
    .help =
        "Prints the JSON that `nitro-cli describe-eif` prints for the same file, key for key. A file whose section\n"
        "table, contents and end disagree is refused: it could show one thing and boot another. A wrong CRC is\n"
        "shown (\"CheckCRC\": false), as there. The metadata is not measured: whoever has the file can change it.\n",
    .run = run_describe,
};

/* The same value with the keys of all its objects sorted, as AWS's tool prints foreign JSON. A new reference. */
static json_t *sorted(const json_t *value)
{
    char *text = json_dumps(value, JSON_SORT_KEYS | JSON_ENCODE_ANY);
    json_t *copy = text != NULL ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;

    free(text);
    return copy;
}

/* "Metadata": the builder's fields, DockerInfo, then the custom ones side by side with them. */
static json_t *metadata_json(const json_t *metadata, struct reason *why)
{
    static const char *const fields[] = {
        "BuildTime", "BuildTool", "BuildToolVersion", "OperatingSystem", "KernelVersion"};
    const json_t *build = json_object_get(metadata, "BuildMetadata");
    const json_t *custom = json_object_get(metadata, "CustomMetadata");
    json_t *json = json_object();
    json_t *custom_sorted = NULL;
    const char *key;
    json_t *value;
    int failed = 0;

    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        json_t *text = json_object_get(build, fields[i]);
        if (!json_is_string(text)) {
            (void)reason_set(why, -EINVAL, "the metadata has no text BuildMetadata.%s", fields[i]);
            goto fail;
        }
        failed |= json_object_set(json, fields[i], text);
    }
    failed |= json_object_set_new(json, "DockerInfo", sorted(json_object_get(metadata, "DockerInfo")));
    if (custom != NULL && !json_is_null(custom)) {
        if (!json_is_object(custom)) {
            (void)reason_set(why, -EINVAL, "the metadata's CustomMetadata is no object");
            goto fail;
        }
        custom_sorted = sorted(custom);
        json_object_foreach(custom_sorted, key, value)
        {
            if (json_object_get(json, key) != NULL) {
                (void)reason_set(
                    why, -EINVAL, "the metadata's CustomMetadata has a key %s, which shadows the builder's", key);
                goto fail;
            }
            failed |= json_object_set(json, key, value);
        }
        failed |= custom_sorted == NULL ? -1 : 0;
    }
    if (failed == 0) {
        json_decref(custom_sorted);
        return json;
    }
    (void)reason_set(why, -EINVAL, "the metadata can't be shown (a DockerInfo is missing, or memory)");
fail:
    json_decref(custom_sorted);
    json_decref(json);
    return NULL;
}

static int read_metadata(const struct eif *eif, json_t **metadata, struct reason *why)
{
    const struct eif_section *section = eif_find(eif, EIF_METADATA);
    char text[EIF_METADATA_MAX];
    struct source source;
    json_error_t fault;
    int error;

    *metadata = NULL;
    if (section == NULL) {
        return 0;
    }
    source = eif_payload(eif, section);
    error = source_read(&source, 0, text, (size_t)section->size, why);
    if (error < 0) {
        return error;
    }
    *metadata = json_loadb(text, (size_t)section->size, JSON_REJECT_DUPLICATES, &fault);
    if (!json_is_object(*metadata)) {
        json_decref(*metadata);
        *metadata = NULL;
        return reason_set(why, -EINVAL, "the metadata is no JSON object: %s", fault.text);
    }
    return 0;
}

static int add_metadata(json_t *json, const struct eif *eif, struct reason *why)
{
    json_t *metadata;
    json_t *shown;
    int failed = 0;
    int error = read_metadata(eif, &metadata, why);

    if (error < 0 || metadata == NULL) {
        return error;
    }
    shown = metadata_json(metadata, why);
    if (shown == NULL) {
        json_decref(metadata);
        return -EINVAL;
    }
    if (!json_is_string(json_object_get(metadata, "ImageName")) ||
        !json_is_string(json_object_get(metadata, "ImageVersion"))) {
        error = reason_set(why, -EINVAL, "the metadata has no text ImageName and ImageVersion");
    } else {
        failed |= json_object_set(json, "ImageName", json_object_get(metadata, "ImageName"));
        failed |= json_object_set(json, "ImageVersion", json_object_get(metadata, "ImageVersion"));
        failed |= json_object_set(json, "Metadata", shown);
        error = failed != 0 ? reason_system(why, -ENOMEM, "no memory") : 0;
    }
    json_decref(shown);
    json_decref(metadata);
    return error;
}

static int read_signature(const struct eif *eif, struct signature *signature, struct reason *why)
{
    const struct eif_section *section = eif_find(eif, EIF_SIGNATURE);
    const struct source source = eif_payload(eif, section);
    uint8_t *bytes = malloc((size_t)section->size + 1); /* at most EIF_SIGNATURE_MAX: eif_read() saw to it */
    int error = bytes == NULL ? reason_system(why, -ENOMEM, "no memory")
                              : source_read(&source, 0, bytes, (size_t)section->size, why);

    if (error == 0) {
        error = signature_read(signature, (struct bytes){bytes, (size_t)section->size}, why);
    }
    free(bytes);
    return error;
}

/* Everything up to the metadata. signature is NULL for an image that is not signed. */
static int add_measurements(
    json_t *json, const struct eif_measurements *measurements, const struct signature *signature, struct reason *why)
{
    uint8_t pcr8[EIF_PCR_SIZE];
    json_t *certificate = NULL;
    struct reason fault;
    int failed = 0;
    int error = 0;

    if (signature != NULL) {
        signature_pcr8(signature, pcr8);
        error = certificate_json(signature->certificate, &certificate, why);
        if (error < 0) {
            return error;
        }
    }
    failed |= json_object_set_new(json, "EifVersion", json_integer(EIF_VERSION));
    failed |=
        json_object_set_new(json, "Measurements", measurements_json(measurements, signature != NULL ? pcr8 : NULL));
    failed |= json_object_set_new(json, "IsSigned", json_boolean(signature != NULL));
    if (signature != NULL) {
        failed |= json_object_set_new(json, "SigningCertificate", certificate);
    }
    failed |= json_object_set_new(json, "CheckCRC", json_boolean(measurements->crc_matches));
    if (signature != NULL) {
        bool holds = signature_holds(signature, measurements->pcr0, &fault);
        failed |= json_object_set_new(json, "SignatureCheck", json_boolean(holds));
        if (!holds) {
            fprintf(stderr, "ingot describe: %s\n", fault.text);
        }
    }
    return failed == 0 ? 0 : reason_system(why, -ENOMEM, "no memory");
}

static int describe(const struct eif *eif, json_t *json, struct reason *why)
{
    bool is_signed = eif_find(eif, EIF_SIGNATURE) != NULL;
    struct eif_measurements measurements;
    struct signature signature = {0};
    int error;

    if ((eif->flags & ~EIF_FLAG_AARCH64) != 0) {
        return reason_set(why, -EINVAL,
            "the header has unknown flags (0x%04x): another launcher's format, for which no PCRs can be promised",
            (unsigned)eif->flags);
    }
    error = eif_measure(eif, &measurements, why);
    if (error == 0 && is_signed) {
        error = read_signature(eif, &signature, why);
    }
    if (error == 0) {
        error = add_measurements(json, &measurements, is_signed ? &signature : NULL, why);
    }
    signature_free(&signature);
    return error == 0 ? add_metadata(json, eif, why) : error;
}

static int describe_file(const char *path, struct reason *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    json_t *json = json_object();
    struct source source;
    struct eif eif;
    int error = fd < 0 ? reason_system(why, -errno, "cannot open") : 0;

    if (error == 0) {
        error = source_file(&source, fd, why);
    }
    if (error == 0) {
        error = eif_read(&eif, &source, why);
    }
    if (error == 0) {
        error = describe(&eif, json, why);
    }
    if (error == 0) {
        (void)json_dumpf(json, stdout, JSON_INDENT(2)); /* main() sees whether stdout took it */
        putchar('\n');
    } else {
        reason_prefix(why, "%s", path);
    }
    json_decref(json);
    if (fd >= 0) {
        close(fd);
    }
    return error;
}

static int run_describe(int argc, char *argv[])
{
    struct reason why;
    int error;

    if (argc != 2 || argv[1][0] == '-') {
        return verb_misuse(&verb_describe, "it takes one image");
    }
    error = describe_file(argv[1], &why);
    if (error < 0) {
        return verb_fail(&verb_describe, error, &why);
    }
    fprintf(stderr, "The metadata is not measured; what PCR0, PCR1 and PCR2 cover is.\n");
    return EXIT_DONE;
}
