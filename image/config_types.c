/* config_types: how each type of value in enclave.ini is read and printed. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "image/config_table.h"

static int set_string(const struct config_row *row, const char *text, void *base, struct reason *why)
{
    char *copy = strdup(text);

    if (copy == NULL) {
        return reason_system(why, -ENOMEM, "no memory");
    }
    *(char **)config_row_field(row, base) = copy;
    return 0;
}

static void print_string(const struct config_row *row, const void *base, FILE *out)
{
    const char *text = *(char *const *)config_row_field_of(row, base);

    if (text != NULL) {
        fprintf(out, "%s = %s\n", row->key, text);
    }
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* ---- Names ---- */

static int read_name(const struct config_row *row, const char *text, void *base, struct reason *why)
{
    size_t length = strlen(text);
    bool valid = length >= row->min && length <= row->max;

    for (const char *p = text; *p != '\0'; p++) {
        valid = valid && (is_letter(*p) || is_digit(*p) || (p > text && strchr("._-", *p) != NULL));
    }
    if (!valid) {
        return reason_set(why, -EINVAL,
            "not a name (1 to %" PRIu64 " letters, digits, '.', '_', '-', the first a letter or digit)", row->max);
    }
    return set_string(row, text, base, why);
}

const struct config_type config_type_name = {read_name, print_string, "NAME"};

/* ---- Numbers ---- */

static void set_number(const struct config_row *row, uint64_t number, void *base)
{
    void *place = config_row_field(row, base);

    switch (row->width) {
    case 1:
        *(uint8_t *)place = (uint8_t)number;
        break;
    case 2:
        *(uint16_t *)place = (uint16_t)number;
        break;
    case 4:
        *(uint32_t *)place = (uint32_t)number;
        break;
    default:
        *(uint64_t *)place = number;
    }
}

static uint64_t number_of(const struct config_row *row, const void *base)
{
    const void *place = config_row_field_of(row, base);

    switch (row->width) {
    case 1:
        return *(const uint8_t *)place;
    case 2:
        return *(const uint16_t *)place;
    case 4:
        return *(const uint32_t *)place;
    default:
        return *(const uint64_t *)place;
    }
}

static int read_bounded(
    const struct config_row *row, const char *text, void *base, const char *noun, struct reason *why)
{
    uint64_t number;

    if (!text_number(text, row->min, row->max, &number)) {
        return reason_set(why, -EINVAL, "not a %s (%" PRIu64 "–%" PRIu64 ")", noun, row->min, row->max);
    }
    set_number(row, number, base);
    return 0;
}

static int read_number(const struct config_row *row, const char *text, void *base, struct reason *why)
{
    return read_bounded(row, text, base, "number", why);
}

static int read_port(const struct config_row *row, const char *text, void *base, struct reason *why)
{
    return read_bounded(row, text, base, "port", why);
}

static void print_number(const struct config_row *row, const void *base, FILE *out)
{
    fprintf(out, "%s = %" PRIu64 "\n", row->key, number_of(row, base));
}

const struct config_type config_type_number = {read_number, print_number, "NUMBER"};
const struct config_type config_type_port = {read_port, print_number, "PORT"};

static uint64_t unit_size(char unit)
{
    static const char units[] = "KMGT"; /* powers of 1024 */

    return UINT64_C(1) << 10 * (strchr(units, unit) - units + 1);
}

void config_size_text(const struct config_row *row, uint64_t size, char text[static CONFIG_SIZE_TEXT])
{
    const char *unit = row->units + strlen(row->units) - 1;

    while (unit > row->units && size % unit_size(*unit) != 0) {
        unit--;
    }
    if (size == 0) {
        strcpy(text, "0");
    } else {
        (void)snprintf(text, CONFIG_SIZE_TEXT, "%" PRIu64 "%c", size / unit_size(*unit), *unit);
    }
}

static int read_size(const struct config_row *row, const char *text, void *base, struct reason *why)
{
    size_t length = strlen(text);
    char unit = length > 0 ? text[length - 1] : '\0';
    char least[CONFIG_SIZE_TEXT];
    char most[CONFIG_SIZE_TEXT];
    uint64_t number;

    if (row->min == 0 && strcmp(text, "0") == 0) {
        set_number(row, 0, base);
        return 0;
    }
    if (unit != '\0' && strchr(row->units, unit) != NULL && length <= sizeof least) {
        memcpy(least, text, length - 1);
        least[length - 1] = '\0';
        if (text_number(least, 1, row->max / unit_size(unit), &number) && number * unit_size(unit) >= row->min) {
            set_number(row, number * unit_size(unit), base);
            return 0;
        }
    }
    config_size_text(row, row->min, least);
    config_size_text(row, row->max, most);
    return reason_set(
        why, -EINVAL, "not a size (%s to %s: a whole number and a letter of %s)", least, most, row->units);
}

static void print_size(const struct config_row *row, const void *base, FILE *out)
{
    char text[CONFIG_SIZE_TEXT];

    config_size_text(row, number_of(row, base), text);
    fprintf(out, "%s = %s\n", row->key, text);
}

const struct config_type config_type_size = {read_size, print_size, "SIZE"};

/* ---- Choices ---- */

/* The index of word in "a|b|c", -1 where it is not there; index words behind the first are passed over in *at. */
static int choice_index(const char *choices, const char *word)
{
    size_t length = strlen(word);
    int index = 0;

    while (choices != NULL) {
        const char *bar = strchr(choices, '|');
        size_t size = bar != NULL ? (size_t)(bar - choices) : strlen(choices);
        if (size == length && memcmp(choices, word, length) == 0) {
            return index;
        }
        choices = bar != NULL ? bar + 1 : NULL;
        index++;
    }
    return -1;
}

static int read_choice(const struct config_row *row, const char *text, void *base, struct reason *why)
{
    int index = choice_index(row->choices, text);

    if (index < 0 && choice_index(row->later, text) >= 0) {
        return reason_set(why, -EINVAL, "comes with a later version (use %s)", row->choices);
    }
    if (index < 0) {
        return reason_set(why, -EINVAL, "unknown (use %s)", row->choices);
    }
    set_number(row, row->min + (uint64_t)index, base);
    return 0;
}

static void print_choice(const struct config_row *row, const void *base, FILE *out)
{
    const char *word = row->choices;

    for (uint64_t skip = number_of(row, base) - row->min; skip > 0; skip--) {
        word = strchr(word, '|') + 1;
    }
    fprintf(out, "%s = %.*s\n", row->key, (int)strcspn(word, "|"), word);
}

const struct config_type config_type_choice = {read_choice, print_choice, "WORD"};

/* ---- Hosts ---- */

/* NULL, or what keeps text from being a host name (RFC 1123 §2.1, and '_', which people use). */
static const char *host_fault(const char *text)
{
    const char *last = text; /* the last label */
    size_t label = 0;
    bool numeric = true;

    if (strlen(text) > CONFIG_HOST_MAX) {
        return "longer than 253 characters";
    }
    for (const char *p = text;; p++) {
        if (*p == '.' || *p == '\0') {
            if (label == 0) {
                return p == text ? "empty" : "has an empty part (write it without a dot at the end)";
            }
            if (label > 63 || p[-1] == '-' || p[-(ptrdiff_t)label] == '-') {
                return "has a part that is longer than 63 characters, or begins or ends with '-'";
            }
            label = 0;
            if (*p == '\0') {
                break;
            }
            last = p + 1;
            continue;
        }
        if (!is_letter(*p) && !is_digit(*p) && *p != '-' && *p != '_') {
            return "has other characters than letters, digits, '-', '_', '.' (write only the name, without scheme or "
                   "port)";
        }
        label++;
    }
    for (const char *p = last; *p != '\0'; p++) {
        numeric = numeric && is_digit(*p);
    }
    return numeric ? "ends in a number, as an address does (invent a name; the parent can connect it to any address)"
                   : NULL;
}

static void lower(char *text)
{
    for (char *p = text; *p != '\0'; p++) {
        *p = *p >= 'A' && *p <= 'Z' ? (char)(*p + ('a' - 'A')) : *p;
    }
}

static int read_host(const struct config_row *row, const char *text, void *base, struct reason *why)
{
    const char *fault = host_fault(text);
    char *host;
    int error;

    if (fault != NULL) {
        return reason_set(why, -EINVAL, "not a host name: %s", fault);
    }
    error = set_string(row, text, base, why);
    if (error < 0) {
        return error;
    }
    host = *(char **)config_row_field(row, base);
    lower(host);
    if (strcmp(host, "localhost") == 0 || (strlen(host) > 10 && strcmp(host + strlen(host) - 10, ".localhost") == 0)) {
        return reason_set(why, -EINVAL, "localhost is the enclave itself (an [inbound] leads there)");
    }
    return 0;
}

const struct config_type config_type_host = {read_host, print_string, "HOST"};

static int read_server_name(const struct config_row *row, const char *text, void *base, struct reason *why)
{
    unsigned char address[16];

    if (inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1) {
        return set_string(row, text, base, why);
    }
    if (host_fault(text) != NULL) {
        return reason_set(why, -EINVAL, "not the name of a server: as a host name, it %s", host_fault(text));
    }
    return set_string(row, text, base, why);
}

const struct config_type config_type_server_name = {read_server_name, print_string, "HOST"};

static int read_loopback(const struct config_row *row, const char *text, void *base, struct reason *why)
{
    const char *colon = strrchr(text, ':');
    char address[INET_ADDRSTRLEN];
    struct in_addr in;
    uint64_t port;

    if (colon == NULL || (size_t)(colon - text) >= sizeof address || !text_number(colon + 1, 1, 65535, &port)) {
        return reason_set(why, -EINVAL, "not ADDRESS:PORT (as 127.0.0.1:3000)");
    }
    memcpy(address, text, (size_t)(colon - text));
    address[colon - text] = '\0';
    if (inet_pton(AF_INET, address, &in) != 1 || ntohl(in.s_addr) >> 24 != 127) {
        return reason_set(
            why, -EINVAL, "not a loopback address (127.0.0.0/8): there is no other network in the enclave");
    }
    *(uint32_t *)config_row_field(row, base) = ntohl(in.s_addr);
    *(uint16_t *)config_row_more(row, base) = (uint16_t)port;
    return 0;
}

static void print_loopback(const struct config_row *row, const void *base, FILE *out)
{
    uint32_t address = *(const uint32_t *)config_row_field_of(row, base);

    if (address == 0) {
        return;
    }
    fprintf(out, "%s = %u.%u.%u.%u:%u\n", row->key, (unsigned)(address >> 24), (unsigned)(address >> 16 & 255),
        (unsigned)(address >> 8 & 255), (unsigned)(address & 255),
        (unsigned)*(const uint16_t *)config_row_more_of(row, base));
}

const struct config_type config_type_loopback = {read_loopback, print_loopback, "ADDRESS:PORT"};

static int read_parent(const struct config_row *row, const char *text, void *base, struct reason *why)
{
    static const char head[] = "vsock:3:";
    uint64_t port;

    if (strncmp(text, head, sizeof head - 1) != 0 || !text_number(text + sizeof head - 1, row->min, row->max, &port)) {
        return reason_set(
            why, -EINVAL, "not vsock:3:PORT: CID 3 is the parent instance, and nobody else can be reached");
    }
    set_number(row, port, base);
    return 0;
}

static void print_parent(const struct config_row *row, const void *base, FILE *out)
{
    fprintf(out, "%s = vsock:3:%" PRIu64 "\n", row->key, number_of(row, base));
}

const struct config_type config_type_parent = {read_parent, print_parent, "vsock:3:PORT"};

static int read_label(const struct config_row *row, const char *text, void *base, struct reason *why)
{
    (void)base;
    return strlen(text) > row->max ? reason_set(why, -EINVAL, "longer than %" PRIu64 " bytes", row->max) : 0;
}

static void print_label(const struct config_row *row, const void *base, FILE *out)
{
    const struct config *config = base;
    size_t index = *(const size_t *)config_row_field_of(row, base);

    if (index < config->endpoint_count) {
        fprintf(out, "%s = %s\n", row->key, config->endpoints[index].label);
    }
}

const struct config_type config_type_label = {read_label, print_label, "LABEL"};

/* ---- Files ---- */

/* Whether path has an empty, "." or ".." part, apart from a leading "/". */
static bool path_wanders(const char *path)
{
    const char *part = path + (path[0] == '/');

    for (;;) {
        size_t size = strcspn(part, "/");
        if (size == 0 || size > 255 || (size == 1 && part[0] == '.') || (size == 2 && memcmp(part, "..", 2) == 0)) {
            return true;
        }
        if (part[size] == '\0') {
            return false;
        }
        part += size + 1;
    }
}

static int read_file(const struct config_row *row, const char *text, void *base, struct reason *why)
{
    if (strlen(text) > row->max || path_wanders(text)) {
        return reason_set(
            why, -EINVAL, "not a path (beside enclave.ini, or absolute inside rootfs; no '.', '..' or empty parts)");
    }
    return set_string(row, text, base, why);
}

const struct config_type config_type_file = {read_file, print_string, "FILE"};

static int read_ca(const struct config_row *row, const char *text, void *base, struct reason *why)
{
    bool pushed = strcmp(text, "pushed") == 0;

    *(bool *)config_row_more(row, base) = pushed;
    return pushed ? 0 : read_file(row, text, base, why);
}

static void print_ca(const struct config_row *row, const void *base, FILE *out)
{
    if (*(const bool *)config_row_more_of(row, base)) {
        fprintf(out, "%s = pushed\n", row->key);
    } else {
        print_string(row, base, out);
    }
}

const struct config_type config_type_ca = {read_ca, print_ca, "FILE | pushed"};

static int read_run(const struct config_row *row, const char *text, void *base, struct reason *why)
{
    bool built_in = text[0] != '/';

    *(bool *)config_row_more(row, base) = built_in;
    if (built_in && choice_index(row->choices, text) < 0) {
        return reason_set(why, -EINVAL,
            "no built-in application has this name (use %s, or /PATH of a program inside rootfs)", row->choices);
    }
    if (!built_in && (strlen(text) > row->max || path_wanders(text))) {
        return reason_set(why, -EINVAL, "not a path inside rootfs (no '.', '..' or empty parts)");
    }
    return set_string(row, text, base, why);
}

const struct config_type config_type_run = {read_run, print_string, "NAME | /PATH"};

#define PIN_PREFIX "sha256/"
#define PIN_TEXT_SIZE 45 /* base64 of 32 bytes, and NUL */

static int read_pin(const struct config_row *row, const char *text, void *base, struct reason *why)
{
    const char *base64 = text + strlen(PIN_PREFIX);
    uint8_t digest[32];

    if (strncmp(text, PIN_PREFIX, strlen(PIN_PREFIX)) != 0 || strlen(base64) != PIN_TEXT_SIZE - 1 ||
        text_base64_decode(base64, PIN_TEXT_SIZE - 1, digest, sizeof digest) != (long)sizeof digest) {
        return reason_set(
            why, -EINVAL, "not a pin (sha256/ and the base64 of 32 bytes, as curl's --pinnedpubkey has it)");
    }
    memcpy(config_row_field(row, base), digest, sizeof digest);
    *(bool *)config_row_more(row, base) = true;
    return 0;
}

static void print_pin(const struct config_row *row, const void *base, FILE *out)
{
    char base64[PIN_TEXT_SIZE];

    if (*(const bool *)config_row_more_of(row, base)) {
        text_base64_encode(config_row_field_of(row, base), 32, base64);
        fprintf(out, "%s = " PIN_PREFIX "%s\n", row->key, base64);
    }
}

const struct config_type config_type_pin = {read_pin, print_pin, "sha256/BASE64"};

/* ---- Variables ---- */

bool config_variable_valid(const char *name)
{
    size_t length = strlen(name);
    bool valid = length >= 1 && length <= CONFIG_NAME_MAX && !is_digit(name[0]);

    for (const char *p = name; *p != '\0'; p++) {
        valid = valid && (is_letter(*p) || is_digit(*p) || *p == '_');
    }
    return valid;
}
