/* nsm: asks the Nitro Secure Module what this enclave is, for random bytes, and for the time. */
#include "attest/nsm.h"

#include <cbor.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/text.h"
#include "base/wipe.h"

/* The driver's message (drivers/misc/nsm.c): where the request lies, and where the response may go. */
struct nsm_message {
    uint64_t request;
    uint64_t request_size;
    uint64_t response;
    uint64_t response_size; /* in: room; out: used */
};
_Static_assert(sizeof(struct nsm_message) == 32, "as the driver has it");
#define NSM_IOCTL _IOWR(0x0A, 0, struct nsm_message)

/* Names in a response are shorter than this. */
#define NAME_MAX_SIZE 64

/* Requests without parameters are one text: their name. */
static const uint8_t request_describe[] = "\x6b"
                                          "DescribeNSM";
static const uint8_t request_random[] = "\x69"
                                        "GetRandom";
/* {"Attestation": {"user_data": null, "nonce": null, "public_key": null}} */
static const uint8_t request_attestation[] = "\xa1\x6b"
                                             "Attestation"
                                             "\xa3\x69"
                                             "user_data\xf6\x65"
                                             "nonce\xf6\x6a"
                                             "public_key\xf6";

int nsm_open(const char *path, int *fd, struct reason *why)
{
    int device = open(path, O_RDWR | O_CLOEXEC);

    if (device < 0) {
        return reason_system(why, -errno, "%s: cannot open: a Nitro enclave has it, and nothing else", path);
    }
    if (fchmod(device, 0600) < 0) {
        int error = -errno;
        close(device);
        return reason_system(why, error, "%s: cannot be closed to other users", path);
    }
    *fd = device;
    return 0;
}

static int call(int fd, const uint8_t *request, size_t size, uint8_t response[static NSM_RESPONSE_MAX],
    struct bytes *answer, struct reason *why)
{
    struct nsm_message message = {
        .request = (uintptr_t)request,
        .request_size = size,
        .response = (uintptr_t)response,
        .response_size = NSM_RESPONSE_MAX,
    };

    /* Not ioctl(): musl declares its request as int, glibc as unsigned long, and this number fits only one of them. */
    if (syscall(SYS_ioctl, fd, NSM_IOCTL, &message) < 0) {
        return reason_system(why, -errno, "the NSM does not answer");
    }
    if (message.response_size > NSM_RESPONSE_MAX) {
        return reason_set(why, -EBADMSG, "the NSM says it answered %llu bytes into room for %d",
            (unsigned long long)message.response_size, NSM_RESPONSE_MAX);
    }
    *answer = (struct bytes){response, (size_t)message.response_size};
    return 0;
}

/* A definite text or byte string as it lies in the input; moves on to the next value. */
static bool take_string(CborValue *value, bool text, struct bytes *out)
{
    CborValue chunk = *value;
    const uint8_t *start = NULL;
    const char *characters = NULL;
    CborError error;

    if (!(text ? cbor_value_is_text_string(value) : cbor_value_is_byte_string(value)) ||
        !cbor_value_is_length_known(value) || cbor_value_begin_string_iteration(&chunk) != CborNoError) {
        return false;
    }
    if (text) {
        error = cbor_value_get_text_string_chunk(&chunk, &characters, &out->size, &chunk);
        start = (const uint8_t *)characters;
    } else {
        error = cbor_value_get_byte_string_chunk(&chunk, &start, &out->size, &chunk);
    }
    out->data = start;
    return error == CborNoError && cbor_value_advance(value) == CborNoError;
}

static bool is_name(struct bytes name, const char *expected)
{
    return name.size == strlen(expected) && memcmp(name.data, expected, name.size) == 0;
}

static bool take_number(CborValue *value, uint64_t max, uint64_t *number)
{
    return cbor_value_is_unsigned_integer(value) && cbor_value_get_uint64(value, number) == CborNoError &&
           *number <= max && cbor_value_advance_fixed(value) == CborNoError;
}

/* Enters the map of {NAME: {…}}; the module's own word where it is {"Error": TEXT}. */
static int open_response(
    struct bytes response, const char *name, CborParser *parser, CborValue *inner, struct reason *why)
{
    CborValue top;
    CborValue entry;
    struct bytes key;
    struct bytes error;

    if (cbor_parser_init(response.data, response.size, 0, parser, &top) != CborNoError || !cbor_value_is_map(&top) ||
        cbor_value_enter_container(&top, &entry) != CborNoError || cbor_value_at_end(&entry) ||
        !take_string(&entry, true, &key) || key.size > NAME_MAX_SIZE) {
        return reason_set(why, -EBADMSG, "the NSM's response is not a map with a name: %s",
            text_quote(response.data, response.size).text);
    }
    if (is_name(key, "Error") && take_string(&entry, true, &error)) {
        return reason_set(why, -EREMOTEIO, "the NSM refuses %s: %s", name, text_quote(error.data, error.size).text);
    }
    if (!is_name(key, name) || !cbor_value_is_map(&entry) || cbor_value_enter_container(&entry, inner) != CborNoError) {
        return reason_set(
            why, -EBADMSG, "the NSM answers %s where %s was asked for", text_quote(key.data, key.size).text, name);
    }
    return 0;
}

/* The byte string behind the one key of {NAME: {KEY: bytes}}. */
static int read_single(
    struct bytes response, const char *name, const char *expected, struct bytes *out, struct reason *why)
{
    CborParser parser;
    CborValue inner;
    struct bytes key;
    int error = open_response(response, name, &parser, &inner, why);

    if (error < 0) {
        return error;
    }
    if (cbor_value_at_end(&inner) || !take_string(&inner, true, &key) || !is_name(key, expected) ||
        !take_string(&inner, false, out) || !cbor_value_at_end(&inner)) {
        return reason_set(why, -EBADMSG, "the NSM's answer to %s has no \"%s\" of bytes", name, expected);
    }
    return 0;
}

int nsm_read_random(struct bytes response, struct bytes *random, struct reason *why)
{
    int error = read_single(response, "GetRandom", "random", random, why);

    if (error == 0 && (random->size < NSM_RANDOM_MIN || random->size > NSM_RANDOM_MAX)) {
        return reason_set(why, -EBADMSG, "the NSM gives %zu random bytes: %d to %d are wanted", random->size,
            NSM_RANDOM_MIN, NSM_RANDOM_MAX);
    }
    return error;
}

int nsm_read_attestation(struct bytes response, struct bytes *document, struct reason *why)
{
    return read_single(response, "Attestation", "document", document, why);
}

static bool printable(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < 0x20 || text.data[i] > 0x7e) {
            return false;
        }
    }
    return true;
}

static bool take_locked(CborValue *value, uint16_t *count)
{
    CborValue element;
    uint64_t pcr;

    *count = 0;
    if (!cbor_value_is_array(value) || cbor_value_enter_container(value, &element) != CborNoError) {
        return false;
    }
    while (!cbor_value_at_end(&element)) {
        if (*count == NSM_PCRS_MAX || !take_number(&element, NSM_PCRS_MAX - 1, &pcr)) {
            return false;
        }
        (*count)++;
    }
    return cbor_value_leave_container(value, &element) == CborNoError;
}

static bool take_module(CborValue *value, char module[static NSM_MODULE_MAX + 1])
{
    struct bytes text;

    if (!take_string(value, true, &text) || text.size == 0 || text.size > NSM_MODULE_MAX || !printable(text)) {
        return false;
    }
    memcpy(module, text.data, text.size);
    module[text.size] = '\0';
    return true;
}

/* The keys of a description, in no particular order; one that is new to us is stepped over. */
enum { HAS_MAJOR = 1, HAS_MINOR = 2, HAS_PATCH = 4, HAS_MODULE = 8, HAS_PCRS = 16, HAS_LOCKED = 32, HAS_ALL = 63 };

static bool take_entry(CborValue *value, struct nsm_description *description, unsigned *seen)
{
    struct bytes key;
    uint64_t number;
    uint16_t *field = NULL;
    unsigned mark;

    if (!take_string(value, true, &key) || cbor_value_at_end(value)) {
        return false;
    }
    if (is_name(key, "module_id")) {
        mark = HAS_MODULE;
    } else if (is_name(key, "locked_pcrs")) {
        mark = HAS_LOCKED;
    } else if (is_name(key, "version_major")) {
        mark = HAS_MAJOR;
        field = &description->major;
    } else if (is_name(key, "version_minor")) {
        mark = HAS_MINOR;
        field = &description->minor;
    } else if (is_name(key, "version_patch")) {
        mark = HAS_PATCH;
        field = &description->patch;
    } else if (is_name(key, "max_pcrs")) {
        mark = HAS_PCRS;
        field = &description->pcrs;
    } else {
        return cbor_value_advance(value) == CborNoError;
    }
    if ((*seen & mark) != 0) {
        return false;
    }
    *seen |= mark;
    if (mark == HAS_MODULE) {
        return take_module(value, description->module);
    }
    if (mark == HAS_LOCKED) {
        return take_locked(value, &description->pcrs_locked);
    }
    if (!take_number(value, UINT16_MAX, &number)) {
        return false;
    }
    *field = (uint16_t)number;
    return true;
}

int nsm_read_description(struct bytes response, struct nsm_description *description, struct reason *why)
{
    CborParser parser;
    CborValue inner;
    unsigned seen = 0;
    int error = open_response(response, "DescribeNSM", &parser, &inner, why);

    if (error < 0) {
        return error;
    }
    *description = (struct nsm_description){0};
    for (unsigned i = 0; i < NSM_PAYLOAD_KEYS_MAX && !cbor_value_at_end(&inner); i++) {
        if (!take_entry(&inner, description, &seen)) {
            return reason_set(why, -EBADMSG, "the NSM's description of itself cannot be read, at its entry %u", i + 1);
        }
    }
    if (!cbor_value_at_end(&inner) || seen != HAS_ALL) {
        return reason_set(why, -EBADMSG, "the NSM's description of itself has too many or too few entries");
    }
    return 0;
}

/* The payload of a COSE_Sign1. */
static bool open_document(struct bytes document, struct bytes *payload)
{
    CborParser parser;
    CborValue top;
    CborValue element;
    CborTag tag;
    size_t length;
    struct bytes string;

    if (cbor_parser_init(document.data, document.size, 0, &parser, &top) != CborNoError) {
        return false;
    }
    if (cbor_value_is_tag(&top) && (cbor_value_get_tag(&top, &tag) != CborNoError || tag != CborCOSE_Sign1Tag ||
                                       cbor_value_advance_fixed(&top) != CborNoError)) {
        return false;
    }
    return cbor_value_is_array(&top) && cbor_value_get_array_length(&top, &length) == CborNoError && length == 4 &&
           cbor_value_enter_container(&top, &element) == CborNoError && take_string(&element, false, &string) &&
           cbor_value_is_map(&element) && cbor_value_advance(&element) == CborNoError &&
           take_string(&element, false, payload) && take_string(&element, false, &string) &&
           cbor_value_at_end(&element);
}

int nsm_read_time(struct bytes document, uint64_t *milliseconds, struct reason *why)
{
    CborParser parser;
    CborValue map;
    CborValue entry;
    struct bytes payload;
    struct bytes key;
    bool found = false;

    if (!open_document(document, &payload) ||
        cbor_parser_init(payload.data, payload.size, 0, &parser, &map) != CborNoError || !cbor_value_is_map(&map) ||
        cbor_value_enter_container(&map, &entry) != CborNoError) {
        return reason_set(why, -EBADMSG, "the attestation document is not a COSE_Sign1 with a map in it");
    }
    for (unsigned i = 0; i < NSM_PAYLOAD_KEYS_MAX && !cbor_value_at_end(&entry); i++) {
        if (!take_string(&entry, true, &key) || cbor_value_at_end(&entry)) {
            return reason_set(why, -EBADMSG, "the attestation document cannot be read, at its entry %u", i + 1);
        }
        if (!is_name(key, "timestamp")) {
            if (cbor_value_advance(&entry) != CborNoError) {
                return reason_set(why, -EBADMSG, "the attestation document cannot be read behind its key %s",
                    text_quote(key.data, key.size).text);
            }
        } else if (found || !take_number(&entry, NSM_TIME_MAX, milliseconds) || *milliseconds < NSM_TIME_MIN) {
            return reason_set(why, -EBADMSG, "the attestation document's timestamp is none, or given twice");
        } else {
            found = true;
        }
    }
    if (!found || !cbor_value_at_end(&entry)) {
        return reason_set(why, -EBADMSG, "the attestation document has no timestamp among its first %d entries",
            NSM_PAYLOAD_KEYS_MAX);
    }
    return 0;
}

int nsm_describe(int fd, struct nsm_description *description, struct reason *why)
{
    uint8_t response[NSM_RESPONSE_MAX];
    struct bytes answer;
    int error = call(fd, request_describe, sizeof request_describe - 1, response, &answer, why);

    return error < 0 ? error : nsm_read_description(answer, description, why);
}

int nsm_random(int fd, uint8_t random[static NSM_RANDOM_MAX], size_t *size, struct reason *why)
{
    uint8_t response[NSM_RESPONSE_MAX];
    struct bytes answer;
    struct bytes out;
    int error = call(fd, request_random, sizeof request_random - 1, response, &answer, why);

    if (error == 0) {
        error = nsm_read_random(answer, &out, why);
    }
    if (error == 0) {
        memcpy(random, out.data, out.size);
        *size = out.size;
    }
    wipe(response, sizeof response);
    return error;
}

int nsm_time(int fd, uint64_t *milliseconds, struct reason *why)
{
    uint8_t response[NSM_RESPONSE_MAX];
    struct bytes answer;
    struct bytes document;
    int error = call(fd, request_attestation, sizeof request_attestation - 1, response, &answer, why);

    if (error == 0) {
        error = nsm_read_attestation(answer, &document, why);
    }
    return error < 0 ? error : nsm_read_time(document, milliseconds, why);
}
