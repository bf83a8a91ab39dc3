/* doctor_trust: the authorities and the identity that the image will use, as far as they are known before a run. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/file.h"
#include "base/text.h"
#include "base/wipe.h"
#include "image/cpio.h"
#include "tools/doctor.h"
#include "tools/push.h"

#define PATH_SIZE 4096

/* ---- files that the image measures ---- */

static int read_entry(const struct cpio_entry *entry, size_t max, char **data, size_t *size, struct reason *why)
{
    if (entry->content.size > max) {
        return reason_set(why, -EFBIG, "it has over %zu bytes", max);
    }
    *size = (size_t)entry->content.size;
    *data = calloc(1, *size + 1);
    if (*data == NULL) {
        return reason_system(why, -ENOMEM, "it can't be read");
    }
    int error = source_read(&entry->content, 0, *data, *size, why);
    if (error < 0) {
        free(*data);
    }
    return error;
}

static int read_from_image(
    const struct image *image, const char *path, size_t max, char **data, size_t *size, struct reason *why)
{
    const struct source archive = eif_payload(&image->eif, eif_find(&image->eif, EIF_RAMDISK) + 1);
    struct cpio_reader reader;
    struct cpio_entry *entry = malloc(sizeof *entry);
    int more = entry == NULL ? reason_system(why, -ENOMEM, "the image can't be read") : 1;

    cpio_reader_init(&reader, &archive);
    while (more > 0 && (more = cpio_next_plain(&reader, entry, why)) > 0) {
        if (strncmp(entry->name, CONFIG_PATH_ROOTFS, strlen(CONFIG_PATH_ROOTFS)) == 0 &&
            strcmp(entry->name + strlen(CONFIG_PATH_ROOTFS), path) == 0 &&
            (entry->header.mode & CPIO_TYPE_MASK) == CPIO_REGULAR) {
            more = read_entry(entry, max, data, size, why);
            free(entry);
            return more;
        }
    }
    free(entry);
    return more < 0 ? more : reason_set(why, -ENOENT, "it is no plain file of the image");
}

int doctor_beside(const struct doctor *doctor, const char *file, char *path, size_t path_size)
{
    const char *end = strrchr(doctor->path, '/');
    int length =
        snprintf(path, path_size, "%.*s%s", end != NULL ? (int)(end - doctor->path + 1) : 0, doctor->path, file);

    return length < 0 || (size_t)length >= path_size ? -ENAMETOOLONG : 0;
}

/* A `ca`, `cert` or `key`. *data is malloc'd, with a NUL behind it. 0 or -errno. */
static int read_measured(
    const struct doctor *doctor, const char *file, size_t max, char **data, size_t *size, struct reason *why)
{
    char path[PATH_SIZE];
    int error = doctor->image != NULL ? config_packed_path(file, path, sizeof path)
                                      : doctor_beside(doctor, file, path, sizeof path);

    if (error < 0) {
        return reason_system(why, error, "%s", text_quote_string(file).text);
    }
    return doctor->image != NULL ? read_from_image(doctor->image, path, max, data, size, why)
                                 : file_read(path, max, data, size, why);
}

/* Of an enclave.ini, a file inside rootfs is not there yet. What does not exist, doctor_files() has said. */
static bool can_be_known(const struct doctor *doctor, const char *file)
{
    return file != NULL && (doctor->image != NULL || file[0] != '/');
}

static void say_unfit(struct doctor *doctor, const char *file, int error, const struct reason *why)
{
    if (error != -ENOENT && error != -EACCES) {
        doctor_say(doctor, DOCTOR_FAIL, NULL, "%s: %s", text_quote_string(file).text, why->text);
    }
}

static void load_authority(struct doctor *doctor, const char *file, struct tls_trust **trust)
{
    struct reason why;
    char *pem;
    size_t size;

    if (!can_be_known(doctor, file)) {
        return;
    }
    int error = read_measured(doctor, file, TLS_TRUST_PEM_MAX, &pem, &size, &why);
    if (error == 0) {
        error = tls_trust_load(pem, size, trust, &why);
        free(pem);
    }
    if (error < 0) {
        say_unfit(doctor, file, error, &why);
    }
}

static void load_packed(
    struct doctor *doctor, const struct config_identity *packed, struct doctor_credentials *credentials)
{
    struct reason why;
    char *cert = NULL;
    char *key = NULL;
    size_t cert_size = 0;
    size_t key_size = 0;

    load_authority(doctor, packed->ca_file, &credentials->ca);
    if (!can_be_known(doctor, packed->cert_file) || !can_be_known(doctor, packed->key_file)) {
        return;
    }
    int error = read_measured(doctor, packed->cert_file, TLS_IDENTITY_PEM_MAX, &cert, &cert_size, &why);
    if (error == 0) {
        error = read_measured(doctor, packed->key_file, TLS_IDENTITY_PEM_MAX, &key, &key_size, &why);
    }
    if (error == 0) {
        error = tls_identity_load("client", cert, cert_size, key, key_size, &credentials->identity, &why);
    }
    if (error < 0) {
        say_unfit(doctor, packed->cert_file, error, &why);
    }
    free(cert);
    wipe_free(key, key_size);
}

/* ---- secrets that will be pushed ---- */

static int load_pem(const struct identity_pem *pem, struct doctor_credentials *credentials, struct reason *why)
{
    int error = tls_identity_load(
        "client", pem->cert, strlen(pem->cert), pem->key, strlen(pem->key), &credentials->identity, why);

    return error == 0 ? tls_trust_load(pem->ca, strlen(pem->ca), &credentials->ca, why) : error;
}

static int load_object(const json_t *object, struct doctor_credentials *credentials, struct reason *why)
{
    const json_t *value = json_object_get(object, CONFIG_SECRET_IDENTITY);
    struct identity_pem pem;

    if (!json_is_object(object)) {
        return reason_set(why, -EINVAL, "it is not one JSON object");
    }
    if (value == NULL) {
        return reason_set(why, -EINVAL, "there is no " CONFIG_SECRET_IDENTITY " in it");
    }
    int error = identity_parse((const struct json_t *)value, "client", &pem, why);
    if (error == 0) {
        error = load_pem(&pem, credentials, why);
        identity_pem_free(&pem);
    }
    return error;
}

static void load_pushed(struct doctor *doctor, struct doctor_credentials *credentials)
{
    struct reason why;
    char *text;
    size_t size;
    int error = file_read(doctor->secrets, PUSH_SECRETS_MAX, &text, &size, &why);

    if (error == 0) {
        json_t *object = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
        error = load_object(object, credentials, &why);
        json_decref(object);
        wipe_free(text, size);
        reason_prefix(&why, "%s", text_quote_string(doctor->secrets).text);
    }
    if (error < 0) {
        doctor_say(doctor, DOCTOR_FAIL, "ingot push --check says what an enclave would say to it", "%s", why.text);
    } else {
        doctor_say(doctor, DOCTOR_OK, NULL, "%s: the identity %s, its key and its authorities are fit",
            text_quote_string(doctor->secrets).text, tls_identity_subject(credentials->identity));
    }
}

/* ---- all of it ---- */

int doctor_credentials_load(struct doctor *doctor, struct doctor_credentials *credentials)
{
    const struct config *config = doctor->config;
    const struct config_identity *packed = config_identity_find(config, false);

    *credentials =
        (struct doctor_credentials){.measured = calloc(config->endpoint_count + 1, sizeof(struct tls_trust *))};
    if (credentials->measured == NULL || tls_trust_none(&credentials->nobody) < 0) {
        return -ENOMEM;
    }
    doctor->name = "certificates";
    for (size_t i = 0; i < config->endpoint_count; i++) {
        load_authority(doctor, config->endpoints[i].ca_file, &credentials->measured[i]);
    }
    if (doctor->secrets != NULL) {
        load_pushed(doctor, credentials);
    } else if (packed != NULL) {
        load_packed(doctor, packed, credentials);
    }
    return 0;
}

void doctor_credentials_free(struct doctor *doctor, struct doctor_credentials *credentials)
{
    for (size_t i = 0; credentials->measured != NULL && i < doctor->config->endpoint_count; i++) {
        tls_trust_free(credentials->measured[i]);
    }
    free(credentials->measured);
    tls_trust_free(credentials->nobody);
    tls_trust_free(credentials->ca);
    tls_identity_free(credentials->identity);
}
