/* went_in: holds the documents that say what went into an image (bill of materials, provenance) against the image. */
#include "tools/went_in.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

#define READ_SIZE ((size_t)128 << 10)
#define PROVENANCE_MAX ((size_t)16 << 20)
#define STATEMENT_TYPE "https://in-toto.io/Statement/v1"
#define PREDICATE_TYPE "https://slsa.dev/provenance/v1"

#define HEX256 (2 * HASH_SHA256_SIZE + 1)

static int digest_source(const struct source *source, uint8_t digest[static HASH_SHA256_SIZE], struct reason *why)
{
    struct hash_sha256 hash;
    uint8_t *buffer = malloc(READ_SIZE);
    int error = buffer == NULL ? reason_system(why, -ENOMEM, "no memory") : 0;

    hash_sha256_init(&hash);
    for (uint64_t done = 0; error == 0 && done < source->size;) {
        uint64_t left = source->size - done;
        size_t size = left < READ_SIZE ? (size_t)left : READ_SIZE;
        error = source_read(source, done, buffer, size, why);
        if (error == 0) {
            hash_sha256_update(&hash, buffer, size);
        }
        done += size;
    }
    hash_sha256_out(&hash, digest);
    free(buffer);
    return error;
}

static int digest_file(const char *path, uint8_t digest[static HASH_SHA256_SIZE], struct reason *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct source source;
    int error;

    if (fd < 0) {
        return reason_system(why, -errno, "%s: cannot open", path);
    }
    error = source_file(&source, fd, why);
    if (error == 0) {
        error = digest_source(&source, digest, why);
    }
    if (error < 0) {
        reason_prefix(why, "%s", path);
    }
    close(fd);
    return error;
}

int went_in_add(struct runtime *runtime, const char *path, struct reason *why)
{
    int error = digest_file(path, runtime->sboms[runtime->sbom_count], why);

    runtime->sbom_count += error == 0;
    return error;
}

/* ---- Bill of materials ---- */

/* Whether the runtime ramdisk holds this digest: 0, or -EINVAL with what it holds instead. */
static int find_digest(
    const struct checks *checks, const char *path, const uint8_t digest[static HASH_SHA256_SIZE], struct reason *why)
{
    const struct source ramdisk = eif_payload(&checks->eif, eif_find(&checks->eif, EIF_RAMDISK));
    struct runtime runtime;
    char wanted[HEX256];
    char held[HEX256];
    int error = runtime_read(&ramdisk, &runtime, why);

    if (error < 0) {
        reason_prefix(why, "ramdisk 1 is not a runtime of ingot's");
        return error;
    }
    if (runtime.sbom_count == 0) {
        return reason_set(why, -EINVAL, "the image holds no digest of one (ingot build --sbom FILE puts it there)");
    }
    for (size_t i = 0; i < runtime.sbom_count; i++) {
        if (memcmp(runtime.sboms[i], digest, HASH_SHA256_SIZE) == 0) {
            return 0;
        }
    }
    text_hex(digest, HASH_SHA256_SIZE, wanted);
    text_hex(runtime.sboms[0], HASH_SHA256_SIZE, held);
    return reason_set(why, -EINVAL, "%s (sha256 %s) is not what this image was built with (sha256 %s%s)",
        text_quote_string(path).text, wanted, held, runtime.sbom_count > 1 ? ", or another" : "");
}

int went_in_sbom(struct checks *checks, const char *path, struct reason *why)
{
    uint8_t digest[HASH_SHA256_SIZE];
    struct reason good;
    char hex[HEX256];
    int error = digest_file(path, digest, why);

    if (error < 0 || !checks->whole) {
        return error;
    }
    text_hex(digest, sizeof digest, hex);
    (void)reason_set(&good, 0, "its sha256 %s lies in the runtime ramdisk, which PCR1 and PCR0 cover", hex);
    error = find_digest(checks, path, digest, why);
    return checks_outcome(checks, "sbom", error, why, good.text);
}

/* ---- Provenance ---- */

static bool says(const json_t *json, const char *key, const char *text)
{
    const char *value = json_string_value(json_object_get(json, key));

    return value != NULL && strcmp(value, text) == 0;
}

/* Of the subjects, which together say what was made, one must have both digests. */
static int find_subject(
    const json_t *statement, const char *sha256, const char *pcr0, const char **name, struct reason *why)
{
    const json_t *subjects = json_object_get(statement, "subject");
    bool this_pcr0 = false;
    bool this_file = false;

    for (size_t i = 0; i < json_array_size(subjects); i++) {
        const json_t *subject = json_array_get(subjects, i);
        const json_t *digest = json_object_get(subject, "digest");
        bool same_file = says(digest, "sha256", sha256);
        bool same_pcr0 = says(digest, "pcr0", pcr0);
        if (same_file && same_pcr0) {
            *name = json_string_value(json_object_get(subject, "name"));
            return 0;
        }
        this_file = this_file || same_file;
        this_pcr0 = this_pcr0 || same_pcr0;
    }
    if (this_pcr0) {
        return reason_set(why, -EINVAL,
            "it names this PCR0, but another file's SHA-256 than %s (a signature, or metadata, which are not measured, "
            "came later)",
            sha256);
    }
    return reason_set(why, -EINVAL,
        this_file ? "it names this file's SHA-256, but another PCR0 than %s"
                  : "it names another image: no subject has pcr0 %s",
        pcr0);
}

/* 0 with the statement, which is the caller's; -EINVAL where the file is none. */
static int read_statement(const char *path, json_t **statement, struct reason *why)
{
    json_error_t fault;
    char *text;
    size_t size;
    int error = file_read(path, PROVENANCE_MAX, &text, &size, why);

    if (error < 0) {
        return error;
    }
    *statement = json_loadb(text, size, JSON_REJECT_DUPLICATES, &fault);
    free(text);
    if (*statement == NULL) {
        return reason_set(why, -EINVAL, "%s:%d: %s", path, fault.line, text_quote_string(fault.text).text);
    }
    if (!says(*statement, "_type", STATEMENT_TYPE) || !says(*statement, "predicateType", PREDICATE_TYPE)) {
        json_decref(*statement);
        *statement = NULL;
        return reason_set(why, -EINVAL, "%s: not an in-toto statement (v1) with SLSA provenance (v1)", path);
    }
    return 0;
}

int went_in_provenance(struct checks *checks, const char *path, struct reason *why)
{
    uint8_t digest[HASH_SHA256_SIZE];
    char pcr0[2 * EIF_PCR_SIZE + 1];
    json_t *statement = NULL;
    const char *name = NULL;
    struct reason good;
    char sha256[HEX256];
    int error;

    if (!checks->whole) {
        return 0;
    }
    error = digest_source(&checks->eif.source, digest, why);
    if (error < 0) {
        return error;
    }
    text_hex(digest, sizeof digest, sha256);
    text_hex(checks->measurements.pcr0, EIF_PCR_SIZE, pcr0);
    error = read_statement(path, &statement, why);
    if (error == 0) {
        error = find_subject(statement, sha256, pcr0, &name, why);
    }
    (void)reason_set(&good, 0,
        "its subject %s has this file's SHA-256 and this image's PCR0; who says so, it doesn't say",
        text_quote_string(name != NULL ? name : "").text);
    error = checks_outcome(checks, "provenance", error, why, good.text);
    json_decref(statement);
    return error;
}
