/* fields: any bytes as a request's and as an answer's head at the gateway: what is for one hop, or not listed, never
 * passes. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "app/fields.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool true_always)
{
    if (!true_always) {
        abort();
    }
}

static bool starts(struct http_text text, const char *word)
{
    return text.size >= strlen(word) && strncasecmp(text.data, word, strlen(word)) == 0;
}

/* Written another way than in fields.c: the name between two bytes that end a word. */
static bool connection_names(const struct http_head *head, struct http_text name)
{
    for (size_t i = 0; i < head->field_count; i++) {
        struct http_text value = head->fields[i].value;
        for (size_t at = 0; http_text_is_word(head->fields[i].name, "connection") && at + name.size <= value.size;
             at++) {
            size_t end = at + name.size;
            bool begins = at == 0 || memchr(" \t,", value.data[at - 1], 3) != NULL;
            bool ends = end == value.size || memchr(" \t,", value.data[end], 3) != NULL;
            bool alone = begins && ends && strncasecmp(value.data + at, name.data, name.size) == 0;
            size_t before = at;
            while (before > 0 && value.data[before - 1] != ',') {
                before--;
                alone = alone && (value.data[before] == ' ' || value.data[before] == '\t');
            }
            for (; end < value.size && value.data[end] != ','; end++) {
                alone = alone && (value.data[end] == ' ' || value.data[end] == '\t');
            }
            if (alone) {
                return true;
            }
        }
    }
    return false;
}

static void check_request(const struct http_head *head, const struct http_field *fields, size_t count)
{
    static const char *const forbidden[] = {"connection", "host", "content-length", "transfer-encoding", "te",
        "upgrade", "keep-alive", "trailer", "expect", "forwarded", "x-forwarded-", "proxy-", "cookie", "authorization"};

    require(count >= 2 && count <= FIELDS_MAX);
    for (size_t i = 0; i + 2 < count; i++) {
        require(http_field_valid(&fields[i]) && !connection_names(head, fields[i].name));
        for (size_t k = 0; k < sizeof forbidden / sizeof *forbidden; k++) {
            require(!starts(fields[i].name, forbidden[k]));
        }
        require(!starts(fields[i].name, "client-cert") && !starts(fields[i].name, "x-request-id"));
    }
    require(http_text_is(fields[count - 2].name, "X-Request-Id") && http_field_valid(&fields[count - 2]));
    require(http_text_is(fields[count - 1].name, "Client-Cert"));
}

static void check_answer(const struct http_head *head, const struct http_field *fields, size_t count)
{
    static const char *const forbidden[] = {
        "connection", "content-length", "transfer-encoding", "keep-alive", "upgrade", "trailer", "te", "x-request-id"};

    require(count >= 1 && count <= FIELDS_MAX);
    for (size_t i = 0; i + 1 < count; i++) {
        require(http_field_valid(&fields[i]) && !connection_names(head, fields[i].name));
        for (size_t k = 0; k < sizeof forbidden / sizeof *forbidden; k++) {
            require(!http_text_is_word(fields[i].name, forbidden[k]));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *headers[] = {(char *)(uintptr_t) "x-custom"};
    const struct config_route route = {.headers = headers, .header_count = 1};
    struct http_field fields[FIELDS_MAX];
    char certificate[FIELDS_CERTIFICATE_SIZE(16)];
    char id[FIELDS_ID_MAX + 1];
    struct http_head head;
    size_t scanned = 0;
    size_t head_size = 0;

    if (http_head_find((const char *)data, size, &scanned, &head_size, NULL) != 0 || head_size == 0) {
        return 0;
    }
    fields_certificate((struct bytes){data, size < 16 ? size : 16}, certificate);
    if (http_request_parse(&head, (const char *)data, head_size, NULL) == 0) {
        require(fields_id(&head, id) == 0 && strlen(id) >= 1 && strlen(id) <= FIELDS_ID_MAX);
        check_request(&head, fields, fields_of_request(&head, &route, id, certificate, fields));
    }
    if (http_response_parse(&head, (const char *)data, head_size, false, NULL) == 0) {
        require(fields_keep_alive(&head, 20) <= 20);
        check_answer(&head, fields, fields_of_answer(&head, "id", fields));
    }
    return 0;
}
