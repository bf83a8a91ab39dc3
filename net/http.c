/* http: the strict parser of HTTP/1.1 heads; bodies are in http_body.c. */
#include "net/http.h"

#include <string.h>

#include "base/text.h"

/* What is left to parse of a head, or of a line. */
struct cursor {
    const char *at;
    const char *end;
};

bool http_is_token_byte(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

bool http_text_is(struct http_text text, const char *string)
{
    return text.size == strlen(string) && memcmp(text.data, string, text.size) == 0;
}

static bool same_word(struct http_text a, struct http_text b)
{
    if (a.size != b.size) {
        return false;
    }
    for (size_t i = 0; i < a.size; i++) {
        if (lower(a.data[i]) != lower(b.data[i])) {
            return false;
        }
    }
    return true;
}

bool http_text_is_word(struct http_text text, const char *string)
{
    return same_word(text, (struct http_text){string, strlen(string)});
}

unsigned http_head_find(const char *data, size_t size, size_t *scanned, size_t *head_size, struct reason *why)
{
    *head_size = 0;
    for (size_t i = *scanned; i < size && i < HTTP_HEAD_MAX; i++) {
        bool after_cr = i > 0 && data[i - 1] == '\r';
        if (data[i] == '\0' || (data[i] == '\n') != after_cr) {
            const char *what = data[i] == '\0'   ? "a NUL"
                               : data[i] == '\n' ? "a line that ends without CR"
                                                 : "a lone CR";
            reason_set(why, 0, "the head has %s: %s", what, text_quote(data, i + 1).text);
            return 400;
        }
        if (i >= 3 && data[i] == '\n' && data[i - 2] == '\n') {
            *head_size = i + 1;
            return 0;
        }
        *scanned = i + 1;
    }
    if (size >= HTTP_HEAD_MAX) {
        reason_set(why, 0, "the head is over %d bytes", HTTP_HEAD_MAX);
        return 431;
    }
    return 0;
}

/* Cuts the next line off, without its CRLF. Lone CR and LF are not there: http_head_find() has looked. */
static struct http_text next_line(struct cursor *cursor)
{
    size_t left = (size_t)(cursor->end - cursor->at);
    const char *cr = memchr(cursor->at, '\r', left);
    struct http_text line = {cursor->at, cr != NULL ? (size_t)(cr - cursor->at) : left};

    cursor->at = cr != NULL && left - line.size >= 2 ? cr + 2 : cursor->end;
    return line;
}

/* Cuts off what stands before the first space of a line, and that space; false where there is none. */
static bool next_word(struct http_text *line, struct http_text *word)
{
    const char *space = memchr(line->data, ' ', line->size);

    if (space == NULL) {
        return false;
    }
    *word = (struct http_text){line->data, (size_t)(space - line->data)};
    line->data = space + 1;
    line->size -= word->size + 1;
    return true;
}

static struct http_text trimmed(struct http_text text)
{
    while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t')) {
        text.size--;
    }
    return text;
}

static unsigned refuse_text(struct reason *why, unsigned status, const char *what, struct http_text text)
{
    reason_set(why, 0, "%s: %s", what, text_quote(text.data, text.size).text);
    return status;
}

/* Visible characters, spaces, tabs, and bytes over 0x7f, which mean nothing here. */
static bool value_valid(struct http_text value)
{
    for (size_t i = 0; i < value.size; i++) {
        unsigned char c = (unsigned char)value.data[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return true;
}

bool http_field_valid(const struct http_field *field)
{
    for (size_t i = 0; i < field->name.size; i++) {
        if (!http_is_token_byte(field->name.data[i])) {
            return false;
        }
    }
    return field->name.size > 0 && value_valid(field->value);
}

static unsigned parse_field(struct http_head *head, struct http_text line, struct reason *why)
{
    struct http_field field = {.name = {line.data, 0}};

    if (line.data[0] == ' ' || line.data[0] == '\t') {
        return refuse_text(why, 400, "a field is folded over two lines", line);
    }
    while (field.name.size < line.size && http_is_token_byte(line.data[field.name.size])) {
        field.name.size++;
    }
    if (field.name.size == 0 || field.name.size == line.size || line.data[field.name.size] != ':') {
        return refuse_text(why, 400, "a field is not NAME: VALUE", line);
    }
    field.value = trimmed((struct http_text){line.data + field.name.size + 1, line.size - field.name.size - 1});
    if (!value_valid(field.value)) {
        return refuse_text(why, 400, "a field's value has control characters", line);
    }
    if (head->field_count == HTTP_FIELDS_MAX) {
        reason_set(why, 0, "the head has over %d fields", HTTP_FIELDS_MAX);
        return 431;
    }
    head->fields[head->field_count++] = field;
    return 0;
}

static unsigned parse_fields(struct http_head *head, struct cursor *cursor, struct reason *why)
{
    for (struct http_text line = next_line(cursor); line.size > 0; line = next_line(cursor)) {
        unsigned status = parse_field(head, line, why);
        if (status != 0) {
            return status;
        }
    }
    if (cursor->at != cursor->end) {
        reason_set(why, 0, "bytes follow the head's empty line");
        return 400;
    }
    return 0;
}

const struct http_text *http_head_field(const struct http_head *head, const char *name)
{
    for (size_t i = 0; i < head->field_count; i++) {
        if (http_text_is_word(head->fields[i].name, name)) {
            return &head->fields[i].value;
        }
    }
    return NULL;
}

/* The only field of that name: 0 and NULL where there is none, 400 where there are two. */
static unsigned single_field(
    const struct http_head *head, const char *name, const struct http_text **value, struct reason *why)
{
    *value = NULL;
    for (size_t i = 0; i < head->field_count; i++) {
        if (!http_text_is_word(head->fields[i].name, name)) {
            continue;
        }
        if (*value != NULL) {
            reason_set(why, 0, "%s is there twice", name);
            return 400;
        }
        *value = &head->fields[i].value;
    }
    return 0;
}

struct http_text http_head_path(const struct http_head *head)
{
    const char *query = memchr(head->target.data, '?', head->target.size);

    return (struct http_text){
        head->target.data, query != NULL ? (size_t)(query - head->target.data) : head->target.size};
}

/* Decimal digits without a leading zero: "010" is eight to some readers. */
static bool parse_length(struct http_text text, uint64_t *length)
{
    uint64_t value = 0;

    if (text.size == 0 || (text.data[0] == '0' && text.size > 1)) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        if (!is_digit(text.data[i]) || __builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)(text.data[i] - '0'), &value)) {
            return false;
        }
    }
    *length = value;
    return true;
}

/* Content-Length or Transfer-Encoding, RFC 9112 §6, without its leniency: both together are refused. */
static unsigned parse_framing(struct http_head *head, struct reason *why)
{
    const struct http_text *length;
    const struct http_text *encoding;
    unsigned status = single_field(head, "Content-Length", &length, why);

    if (status == 0) {
        status = single_field(head, "Transfer-Encoding", &encoding, why);
    }
    if (status != 0) {
        return status;
    }
    if (length != NULL && encoding != NULL) {
        reason_set(why, 0, "Content-Length and Transfer-Encoding are both there");
        return 400;
    }
    if (length != NULL) {
        head->framing = HTTP_FRAMING_LENGTH;
        return parse_length(*length, &head->length) ? 0
                                                    : refuse_text(why, 400, "Content-Length is not a number", *length);
    }
    if (encoding == NULL) {
        return 0;
    }
    if (head->minor == 0) {
        return refuse_text(why, 400, "HTTP/1.0 has no Transfer-Encoding", *encoding);
    }
    head->framing = HTTP_FRAMING_CHUNKED;
    return http_text_is_word(*encoding, "chunked")
               ? 0
               : refuse_text(why, 501, "the only Transfer-Encoding understood is chunked", *encoding);
}

bool http_list_has(struct http_text list, struct http_text word)
{
    while (list.size > 0) {
        const char *comma = memchr(list.data, ',', list.size);
        size_t size = comma != NULL ? (size_t)(comma - list.data) : list.size;
        if (same_word(trimmed((struct http_text){list.data, size}), word)) {
            return true;
        }
        size += comma != NULL;
        list.data += size;
        list.size -= size;
    }
    return false;
}

static void parse_connection(struct http_head *head)
{
    head->keep_alive = head->minor == 1;
    for (size_t i = 0; i < head->field_count; i++) {
        if (http_text_is_word(head->fields[i].name, "Connection") &&
            http_list_has(head->fields[i].value, (struct http_text){"close", 5})) {
            head->keep_alive = false;
        }
    }
}

/* "HTTP/1.0" or "HTTP/1.1". */
static unsigned parse_version(struct http_head *head, struct http_text text, struct reason *why)
{
    if (text.size != 8 || memcmp(text.data, "HTTP/", 5) != 0 || !is_digit(text.data[5]) || text.data[6] != '.' ||
        !is_digit(text.data[7])) {
        return refuse_text(why, 400, "not an HTTP version", text);
    }
    if (text.data[5] != '1' || text.data[7] > '1') {
        return refuse_text(why, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here", text);
    }
    head->minor = (unsigned)(text.data[7] - '0');
    return 0;
}

bool http_authority_valid(struct http_text authority)
{
    bool bracket = authority.size > 0 && authority.data[0] == '[';
    size_t host = bracket;

    while (host < authority.size) {
        char c = authority.data[host];
        bool plain = is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || c == '-' || c == '.' || c == '_';
        if (!plain && !(bracket && c == ':')) {
            break;
        }
        host++;
    }
    if (host == (size_t)bracket || (bracket && (host == authority.size || authority.data[host++] != ']'))) {
        return false;
    }
    if (host == authority.size) {
        return true;
    }
    size_t digits = authority.size - host - 1;
    if (authority.data[host] != ':' || digits < 1 || digits > 5) {
        return false;
    }
    for (size_t i = host + 1; i < authority.size; i++) {
        if (!is_digit(authority.data[i])) {
            return false;
        }
    }
    return true;
}

static unsigned parse_host(struct http_head *head, struct reason *why)
{
    const struct http_text *host;
    unsigned status = single_field(head, "Host", &host, why);

    if (status != 0) {
        return status;
    }
    if (host == NULL && head->minor == 1) {
        reason_set(why, 0, "Host is missing");
        return 400;
    }
    if (host != NULL && !http_authority_valid(*host)) {
        return refuse_text(why, 400, "Host is not HOST or HOST:PORT", *host);
    }
    head->host = host != NULL ? *host : (struct http_text){"", 0};
    return 0;
}

/* "http://AUTHORITY/path" becomes "/path" where AUTHORITY is what Host says: then there is one reading of it. */
static bool cut_absolute_form(struct http_head *head)
{
    static const char scheme[] = "http://";
    struct http_text *target = &head->target;
    struct http_text authority;

    if (target->size < sizeof scheme - 1 || !http_text_is_word((struct http_text){target->data, 7}, scheme)) {
        return false;
    }
    target->data += sizeof scheme - 1;
    target->size -= sizeof scheme - 1;
    const char *slash = memchr(target->data, '/', target->size);
    authority = (struct http_text){target->data, slash != NULL ? (size_t)(slash - target->data) : target->size};
    target->data += authority.size;
    target->size -= authority.size;
    if (target->size == 0) {
        *target = (struct http_text){"/", 1};
    }
    return authority.size > 0 && same_word(authority, head->host);
}

static unsigned parse_target(struct http_head *head, struct reason *why)
{
    struct http_text target = head->target;

    for (size_t i = 0; i < target.size; i++) {
        if (target.data[i] <= 0x20 || target.data[i] >= 0x7f || target.data[i] == '#') {
            return refuse_text(why, 400, "the target has bytes that do not belong there", target);
        }
    }
    if (target.size > 0 && target.data[0] == '/') {
        return 0;
    }
    if (http_text_is(target, "*") && http_text_is(head->method, "OPTIONS")) {
        return 0;
    }
    return cut_absolute_form(head) ? 0 : refuse_text(why, 400, "the target is not a path", target);
}

static unsigned parse_request_line(struct http_head *head, struct http_text line, struct reason *why)
{
    struct http_text rest = line;

    if (!next_word(&rest, &head->method) || !next_word(&rest, &head->target) || head->target.size == 0) {
        return refuse_text(why, 400, "the first line is not METHOD TARGET HTTP/1.1", line);
    }
    for (size_t i = 0; i < head->method.size; i++) {
        if (!http_is_token_byte(head->method.data[i])) {
            return refuse_text(why, 400, "the method is not a word", line);
        }
    }
    if (head->method.size == 0) {
        return refuse_text(why, 400, "the method is missing", line);
    }
    if (head->method.size > HTTP_METHOD_MAX || http_text_is(head->method, "CONNECT")) {
        return refuse_text(why, 501, "a method that is not known here", head->method);
    }
    return parse_version(head, rest, why);
}

static unsigned parse_expect(struct http_head *head, struct reason *why)
{
    const struct http_text *expect;
    unsigned status = single_field(head, "Expect", &expect, why);

    if (status != 0 || expect == NULL) {
        return status;
    }
    if (!http_text_is_word(*expect, "100-continue")) {
        return refuse_text(why, 417, "the only expectation understood is 100-continue", *expect);
    }
    head->expect_continue = head->minor == 1;
    return 0;
}

unsigned http_request_parse(struct http_head *head, const char *data, size_t size, struct reason *why)
{
    struct cursor cursor = {data, data + size};
    unsigned status;

    *head = (struct http_head){.framing = HTTP_FRAMING_NONE};
    status = parse_request_line(head, next_line(&cursor), why);
    if (status == 0) {
        status = parse_fields(head, &cursor, why);
    }
    if (status == 0) {
        status = parse_host(head, why);
    }
    if (status == 0) {
        status = parse_target(head, why);
    }
    if (status == 0) {
        status = parse_framing(head, why);
    }
    if (status == 0) {
        status = parse_expect(head, why);
    }
    parse_connection(head);
    return status;
}

static unsigned parse_status_line(struct http_head *head, struct http_text line, struct reason *why)
{
    struct http_text rest = line;
    struct http_text version;
    struct http_text code;
    unsigned status;

    if (!next_word(&rest, &version) || !next_word(&rest, &code)) {
        return refuse_text(why, 400, "the first line is not HTTP/1.1 STATUS PHRASE", line);
    }
    status = parse_version(head, version, why);
    if (status != 0) {
        return status;
    }
    if (code.size != 3 || code.data[0] < '1' || code.data[0] > '5' || !is_digit(code.data[1]) ||
        !is_digit(code.data[2]) || !value_valid(rest)) {
        return refuse_text(why, 400, "not a status line", line);
    }
    head->status =
        (unsigned)(code.data[0] - '0') * 100 + (unsigned)(code.data[1] - '0') * 10 + (unsigned)(code.data[2] - '0');
    head->phrase = trimmed(rest);
    return 0;
}

unsigned http_response_parse(struct http_head *head, const char *data, size_t size, bool to_head, struct reason *why)
{
    struct cursor cursor = {data, data + size};
    unsigned status;

    *head = (struct http_head){.framing = HTTP_FRAMING_NONE};
    status = parse_status_line(head, next_line(&cursor), why);
    if (status == 0) {
        status = parse_fields(head, &cursor, why);
    }
    if (status == 0) {
        status = parse_framing(head, why);
    }
    if (status != 0) {
        return status;
    }
    parse_connection(head);
    bool announced = head->framing == HTTP_FRAMING_CHUNKED || head->length > 0;
    if (head->status < 200 && announced) {
        reason_set(why, 0, "an interim response (%u) announces a body", head->status);
        return 400;
    }
    if (head->status == 204 && announced) {
        head->keep_alive = false; /* that body may come all the same */
    }
    /* RFC 9112 §6.3, rules 1 and 8. */
    if (to_head || head->status < 200 || head->status == 204 || head->status == 304) {
        head->framing = HTTP_FRAMING_NONE;
    } else if (head->framing == HTTP_FRAMING_NONE) {
        head->framing = HTTP_FRAMING_CLOSE;
        head->keep_alive = false;
    }
    return 0;
}

const char *http_status_phrase(unsigned status)
{
    static const struct {
        unsigned status;
        const char *phrase;
    } phrases[] = {
        {100, "Continue"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };

    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++) {
        if (phrases[i].status == status) {
            return phrases[i].phrase;
        }
    }
    return "";
}
