/* fields: which fields of a request and of an answer pass through the gateway, and what it adds. */
#include "app/fields.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "base/text.h"

#define ID_BYTES 16

static struct http_text text_of(const char *string)
{
    return (struct http_text){string, strlen(string)};
}

/* ---- the id ---- */

static bool is_id(struct http_text text)
{
    bool good = text.size > 0 && text.size <= FIELDS_ID_MAX;

    for (size_t i = 0; i < text.size && good; i++) {
        char c = text.data[i];
        char lower = (char)(c | 0x20);
        good = (c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'z') || c == '.' || c == '_' || c == '-';
    }
    return good;
}

int fields_id(const struct http_head *head, char id[static FIELDS_ID_MAX + 1])
{
    const struct http_text *given = http_head_field(head, "X-Request-Id");
    unsigned char random[ID_BYTES];

    if (given != NULL && is_id(*given)) {
        memcpy(id, given->data, given->size);
        id[given->size] = '\0';
        return 0;
    }
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random) {
        return -EIO;
    }
    text_hex(random, sizeof random, id);
    return 0;
}

/* ---- what passes ---- */

/* Whether a Connection field names it: then it is for the next hop alone. */
static bool is_named(const struct http_head *head, struct http_text name)
{
    bool named = false;

    for (size_t i = 0; i < head->field_count && !named; i++) {
        named = http_text_is_word(head->fields[i].name, "Connection") && http_list_has(head->fields[i].value, name);
    }
    return named;
}

static bool is_usual(struct http_text name)
{
    static const char *const usual[] = {
        "Content-Type", "Content-Encoding", "Accept", "Accept-Encoding", "Accept-Language", "Range", "User-Agent"};

    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) {
        if (http_text_is_word(name, usual[i])) {
            return true;
        }
    }
    return name.size > 3 && strncasecmp(name.data, "If-", 3) == 0;
}

static bool is_let_through(const struct config_route *route, struct http_text name)
{
    for (size_t i = 0; i < route->header_count; i++) {
        if (http_text_is_word(name, route->headers[i])) {
            return true;
        }
    }
    return is_usual(name);
}

size_t fields_of_request(const struct http_head *head, const struct config_route *route, const char *id,
    const char *certificate, struct http_field fields[static FIELDS_MAX])
{
    size_t count = 0;

    for (size_t i = 0; i < head->field_count; i++) {
        const struct http_field *field = &head->fields[i];
        if (is_let_through(route, field->name) && !is_named(head, field->name) &&
            !http_text_is_word(field->name, "X-Request-Id")) {
            fields[count++] = *field;
        }
    }
    fields[count++] = (struct http_field){text_of("X-Request-Id"), text_of(id)};
    if (certificate != NULL) {
        fields[count++] = (struct http_field){text_of("Client-Cert"), text_of(certificate)};
    }
    return count;
}

static bool is_of_one_hop(struct http_text name)
{
    static const char *const hop[] = {"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate",
        "Proxy-Authentication-Info", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "Content-Length", "X-Request-Id"};

    for (size_t i = 0; i < sizeof hop / sizeof *hop; i++) {
        if (http_text_is_word(name, hop[i])) {
            return true;
        }
    }
    return false;
}

size_t fields_of_answer(const struct http_head *head, const char *id, struct http_field fields[static FIELDS_MAX])
{
    size_t count = 0;

    for (size_t i = 0; i < head->field_count; i++) {
        if (!is_of_one_hop(head->fields[i].name) && !is_named(head, head->fields[i].name)) {
            fields[count++] = head->fields[i];
        }
    }
    fields[count++] = (struct http_field){text_of("X-Request-Id"), text_of(id)};
    return count;
}

/* The digits behind key in text. False: key is not there, or what follows it is no number up to most. */
static bool number_behind(struct http_text text, const char *key, unsigned most, uint64_t *number)
{
    const char *at = memmem(text.data, text.size, key, strlen(key));
    char digits[8] = "";

    if (at == NULL) {
        return false;
    }
    at += strlen(key);
    for (size_t n = 0; n < sizeof digits - 1 && at + n < text.data + text.size && at[n] >= '0' && at[n] <= '9'; n++) {
        digits[n] = at[n];
    }
    return text_number(digits, 0, most, number);
}

unsigned fields_keep_alive(const struct http_head *head, unsigned most)
{
    const struct http_text *field = http_head_field(head, "Keep-Alive");
    uint64_t seconds;

    if (field == NULL || !number_behind(*field, "timeout=", most, &seconds)) {
        return most;
    }
    return seconds > 0 ? (unsigned)seconds - 1 : 0;
}

void fields_certificate(struct bytes certificate, char *text)
{
    text[0] = ':';
    text_base64_encode(certificate.data, certificate.size, text + 1);
    strcat(text, ":");
}
