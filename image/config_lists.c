/* config_lists: values of enclave.ini that are several words: names of variables, of fields, arguments, clients. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "crypto/x509.h"
#include "image/config_table.h"

/* Puts a word of size bytes at the end of the list. */
static int add_word(const struct config_row *row, void *base, const char *word, size_t size, struct reason *why)
{
    char ***list = config_row_field(row, base);
    size_t *count = config_row_more(row, base);

    if (*count >= row->max) {
        return reason_set(why, -EINVAL, "more than %" PRIu64 " words", row->max);
    }
    if (*list == NULL) {
        *list = calloc(row->max, sizeof **list);
    }
    char *copy = *list != NULL ? strndup(word, size) : NULL;
    if (copy == NULL) {
        return reason_system(why, -ENOMEM, "no memory");
    }
    (*list)[(*count)++] = copy;
    return 0;
}

static int check_variable(char *const *list, size_t count, struct reason *why)
{
    const char *name = list[count - 1];
    const char *steers = config_variable_steers(name);

    if (!config_variable_valid(name)) {
        return reason_set(why, -EINVAL, "%s is not a variable's name (letters, digits, '_'; at most %d)",
            text_quote_string(name).text, CONFIG_NAME_MAX);
    }
    if (steers != NULL) {
        return reason_set(
            why, -EINVAL, "%s steers %s: the parent instance must not choose it (leave it out)", name, steers);
    }
    for (size_t i = 0; i + 1 < count; i++) {
        if (strcmp(list[i], name) == 0) {
            return reason_set(why, -EINVAL, "%s stands there twice", name);
        }
    }
    return 0;
}

#define BLANKS " \t"
#define SEPARATORS BLANKS ","

/* Puts each word at the end of the list and has it checked there. */
static int read_checked(const struct config_row *row, const char *text, void *base,
    int (*check)(char *const *list, size_t count, struct reason *why), struct reason *why)
{
    int error = 0;

    for (text += strspn(text, SEPARATORS); error == 0 && *text != '\0';) {
        size_t size = strcspn(text, SEPARATORS);
        error = add_word(row, base, text, size, why);
        if (error == 0) {
            error = check(*(char ***)config_row_field(row, base), *(size_t *)config_row_more(row, base), why);
        }
        text += size;
        text += strspn(text, SEPARATORS);
    }
    return error;
}

static int read_names(const struct config_row *row, const char *text, void *base, struct reason *why)
{
    return read_checked(row, text, base, check_variable, why);
}

static void print_names(const struct config_row *row, const void *base, FILE *out)
{
    char *const *list = *(char **const *)config_row_field_of(row, base);
    size_t count = *(const size_t *)config_row_more_of(row, base);

    fprintf(out, "%s =", row->key);
    for (size_t i = 0; i < count; i++) {
        fprintf(out, " %s", list[i]);
    }
    fputc('\n', out);
}

const struct config_type config_type_names = {read_names, print_names, "NAME NAME …"};

/* Reads a quoted word, whose first '"' is at text, into word. The bytes read, 0 where the quotes don't end properly. */
static size_t read_quoted(const char *text, const char *separators, char *word, size_t *size)
{
    size_t i = 1;

    for (*size = 0; text[i] != '"'; i++) {
        if (text[i] == '\\' && (text[i + 1] == '"' || text[i + 1] == '\\')) {
            i++;
        } else if (text[i] == '\\' || text[i] == '\0') {
            return 0;
        }
        word[(*size)++] = text[i];
    }
    return strchr(separators, text[i + 1]) != NULL ? i + 1 : 0;
}

/* Puts each word between the separators at the end of the list. */
static int split_words(
    const struct config_row *row, const char *text, const char *separators, void *base, struct reason *why)
{
    char *word = malloc(strlen(text) + 1);
    int error = 0;

    if (word == NULL) {
        return reason_system(why, -ENOMEM, "no memory");
    }
    for (text += strspn(text, separators); error == 0 && *text != '\0';) {
        size_t size = strcspn(text, separators);
        size_t used = size;
        if (text[0] == '"') {
            used = read_quoted(text, separators, word, &size);
        } else {
            used = memchr(text, '"', size) == NULL ? size : 0;
            memcpy(word, text, size);
        }
        if (used == 0) {
            error = reason_set(why, -EINVAL,
                "quotes stand around a whole word, and inside them \\ only before \\ or \" (see %s)",
                text_quote_string(text).text);
            break;
        }
        error = add_word(row, base, word, size, why);
        text += used;
        text += strspn(text, separators);
    }
    free(word);
    return error;
}

static int read_words(const struct config_row *row, const char *text, void *base, struct reason *why)
{
    return split_words(row, text, BLANKS, base, why);
}

/* A space, and the word as read_words() takes it. */
static void print_word(const char *word, FILE *out)
{
    bool quote = word[0] == '\0' || strpbrk(word, SEPARATORS "\"") != NULL;

    fputs(quote ? " \"" : " ", out);
    for (const char *p = word; *p != '\0'; p++) {
        fprintf(out, quote && (*p == '"' || *p == '\\') ? "\\%c" : "%c", *p);
    }
    fputs(quote ? "\"" : "", out);
}

static void print_words(const struct config_row *row, const void *base, FILE *out)
{
    char *const *list = *(char **const *)config_row_field_of(row, base);
    size_t count = *(const size_t *)config_row_more_of(row, base);

    fprintf(out, "%s =", row->key);
    for (size_t i = 0; i < count; i++) {
        print_word(list[i], out);
    }
    fputc('\n', out);
}

const struct config_type config_type_words = {read_words, print_words, "WORD \"TWO WORDS\" …"};

/* ---- Clients ---- */

static int check_client(char *const *list, size_t count, struct reason *why)
{
    const char *name = list[count - 1];
    const char *fault = x509_name_fault(name);

    if (fault != NULL) {
        return reason_set(why, -EINVAL, "%s %s", text_quote_string(name).text, fault);
    }
    for (size_t i = 0; i + 1 < count; i++) {
        if (strcmp(list[i], name) == 0) {
            return reason_set(why, -EINVAL, "%s stands there twice", text_quote_string(name).text);
        }
    }
    return 0;
}

static int read_clients(const struct config_row *row, const char *text, void *base, struct reason *why)
{
    char *const *const *list = config_row_field_of(row, base);
    const size_t *count = config_row_more_of(row, base);
    int error = split_words(row, text, SEPARATORS, base, why);

    for (size_t i = 1; i <= *count && error == 0; i++) {
        error = check_client(*list, i, why);
    }
    if (error == 0 && *count == 0) {
        return reason_set(why, -EINVAL, "names nobody (leave the key out where every client of that CA may come)");
    }
    return error;
}

static void print_clients(const struct config_row *row, const void *base, FILE *out)
{
    if (*(const size_t *)config_row_more_of(row, base) > 0) {
        print_words(row, base, out);
    }
}

const struct config_type config_type_clients = {read_clients, print_clients, "NAME, NAME …"};

/* ---- Names of HTTP fields ---- */

/*
 * Fields that are about one connection, that frame a message, or by which a gateway tells who the client is: passing
 * them on would let a client speak for the gateway (RFC 9110 §7.6.1, RFC 9440 §4.2).
 */
static const char *const own_fields[] = {"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade",
    "content-length", "expect", "host", "client-cert", "client-cert-chain", "forwarded", "via", "x-real-ip",
    "x-request-id", "http2-settings"};

static bool field_is_own(const char *name)
{
    for (size_t i = 0; i < sizeof own_fields / sizeof own_fields[0]; i++) {
        if (strcmp(name, own_fields[i]) == 0) {
            return true;
        }
    }
    return strncmp(name, "proxy-", 6) == 0 || strncmp(name, "x-forwarded-", 12) == 0;
}

static int check_field(char *const *list, size_t count, struct reason *why)
{
    char *name = list[count - 1];
    size_t length = strlen(name);
    bool valid = length <= CONFIG_NAME_MAX;

    for (char *p = name; *p != '\0'; p++) {
        *p = *p >= 'A' && *p <= 'Z' ? (char)(*p + ('a' - 'A')) : *p;
        valid = valid && ((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '-');
    }
    if (!valid) {
        return reason_set(why, -EINVAL, "%s is not a field's name (letters, digits, '-'; at most %d)",
            text_quote_string(name).text, CONFIG_NAME_MAX);
    }
    if (field_is_own(name)) {
        return reason_set(
            why, -EINVAL, "%s is set by the gateway itself: a client must not choose it (leave it out)", name);
    }
    for (size_t i = 0; i + 1 < count; i++) {
        if (strcmp(list[i], name) == 0) {
            return reason_set(why, -EINVAL, "%s stands there twice", name);
        }
    }
    return 0;
}

static int read_fields(const struct config_row *row, const char *text, void *base, struct reason *why)
{
    return read_checked(row, text, base, check_field, why);
}

const struct config_type config_type_fields = {read_fields, print_names, "NAME NAME …"};
