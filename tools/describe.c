/* describe: says of any EIF what nitro-cli describe-eif says, key for key. */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/certificate.h"
#include "tools/listing.h"
#include "tools/look.h"
#include "tools/measurements.h"
#include "tools/verbs.h"
#include "tools/warnings.h"

static int run_describe(int argc, char *argv[]);

const struct verb verb_describe = {
    .name = "describe",
    .arguments = "[--files] X.eif",
    .summary = "show an image's measurements and metadata as nitro-cli describe-eif does",
    .help =
        "Prints the JSON that `nitro-cli describe-eif` prints for the same file, key for key. A file whose section\n"
        "table, contents and end disagree is refused: it could show one thing and boot another. A wrong CRC is\n"
        "shown (\"CheckCRC\": false), as there. The metadata is not measured: whoever has the file can change it.\n"
        "\n"
        "  --files   adds \"Ramdisks\": every file in them with its size and SHA-384 (archives and gzip; other\n"
        "            compressions are only named), and \"Faults\": paths that shadow others, and whatever else\n"
        "            `ingot verify` refuses in a ramdisk or kernel. Without it, they are on standard error.\n",
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

/* Everything up to the metadata. */
static int add_measurements(json_t *json, const struct look *look, struct reason *why)
{
    uint8_t pcr8[EIF_PCR_SIZE];
    json_t *certificate = NULL;
    int failed = 0;

    if (look->is_signed) {
        int error = certificate_json(look->signature.certificate, &certificate, why);
        if (error < 0) {
            return error;
        }
        signature_pcr8(&look->signature, pcr8);
    }
    failed |= json_object_set_new(json, "EifVersion", json_integer(EIF_VERSION));
    failed |= json_object_set_new(
        json, "Measurements", measurements_json(&look->measurements, look->is_signed ? pcr8 : NULL));
    failed |= json_object_set_new(json, "IsSigned", json_boolean(look->is_signed));
    if (look->is_signed) {
        failed |= json_object_set_new(json, "SigningCertificate", certificate);
    }
    failed |= json_object_set_new(json, "CheckCRC", json_boolean(look->measurements.crc_matches));
    if (look->is_signed) {
        failed |= json_object_set_new(json, "SignatureCheck", json_boolean(look->signature_holds));
    }
    return failed == 0 ? 0 : reason_system(why, -ENOMEM, "no memory");
}

static int describe(const struct look *look, json_t *json, struct reason *why)
{
    int error;

    if ((look->eif.flags & ~EIF_FLAG_AARCH64) != 0) {
        return reason_set(why, -EINVAL,
            "the header has unknown flags (0x%04x): another launcher's format, for which no PCRs can be promised",
            (unsigned)look->eif.flags);
    }
    error = add_measurements(json, look, why);
    return error == 0 ? add_metadata(json, &look->eif, why) : error;
}

/* ---- Output ---- */

/* The object, and with files the listing as its last members. */
static int print(const json_t *json, const struct look *look, bool files, struct reason *why)
{
    char *text = json_dumps(json, JSON_INDENT(2));
    int error = text == NULL ? reason_system(why, -ENOMEM, "no memory") : 0;

    if (error == 0 && files) {
        printf("%.*s,\n", (int)(strlen(text) - strlen("\n}")), text);
        error = listing_print(&look->eif, &look->faults, why);
        printf("\n}\n");
    } else if (error == 0) {
        printf("%s\n", text); /* main() sees whether stdout took it */
    }
    free(text);
    return error;
}

static int describe_file(const char *path, bool files, struct reason *why)
{
    json_t *json = json_object();
    struct look look;
    int error = look_at(&look, path, why);

    if (error == 0) {
        error = describe(&look, json, why);
        if (error == 0) {
            error = print(json, &look, files, why);
            (void)fflush(stdout); /* whole before the notes, where both go to one place; main() sees a failure */
            look_say(&look, verb_describe.name, NULL);
            warnings_say(&look.eif, verb_describe.name);
        }
        if (error < 0) {
            reason_prefix(why, "%s", path);
        }
        look_end(&look);
    }
    json_decref(json);
    return error;
}

static int run_describe(int argc, char *argv[])
{
    static const struct option known[] = {{"files", no_argument, NULL, 'f'}, {0}};
    struct reason why;
    bool files = false;
    int option;
    int error;

    opterr = 0;
    optind = 1;
    while ((option = getopt_long(argc, argv, ":", known, NULL)) != -1) {
        if (option != 'f') {
            return verb_bad_option(&verb_describe, argv, option);
        }
        files = true;
    }
    if (optind + 1 != argc) {
        return verb_misuse(&verb_describe, "it takes one image");
    }
    error = describe_file(argv[optind], files, &why);
    if (error < 0) {
        return verb_fail(&verb_describe, error, &why);
    }
    fprintf(stderr, "The metadata is not measured; what PCR0, PCR1 and PCR2 cover is.\n");
    return EXIT_DONE;
}
