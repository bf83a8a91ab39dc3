/* http_head: any bytes as a request's and as a response's head: texts stay inside, framing is never two things. */
#include <stdlib.h>
#include <string.h>

#include "net/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool true_always)
{
    if (!true_always) {
        abort();
    }
}

static void require_inside(struct http_text text, const char *data, size_t size)
{
    bool inside = text.data >= data && text.data <= data + size && text.size <= (size_t)(data + size - text.data);

    require(text.size <= 1 || inside); /* "/" and "" may be constants */
    for (size_t i = 0; i < text.size; i++) {
        require(text.data[i] != '\r' && text.data[i] != '\n' && text.data[i] != '\0');
    }
}

static void check(const struct http_head *head, const char *data, size_t size)
{
    require(head->field_count <= HTTP_FIELDS_MAX);
    for (size_t i = 0; i < head->field_count; i++) {
        require_inside(head->fields[i].name, data, size);
        require_inside(head->fields[i].value, data, size);
        require(http_field_valid(&head->fields[i]));
    }
    require_inside(head->target, data, size);
    require_inside(head->phrase, data, size);
    bool length = http_head_field(head, "content-length") != NULL;
    bool chunked = http_head_field(head, "transfer-encoding") != NULL;
    require(!(length && chunked));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct http_head head;
    struct reason why;
    size_t scanned = 0;
    size_t head_size = 0;
    size_t whole_scanned = 0;
    size_t whole_size = 0;
    unsigned status = 0;

    for (size_t arrived = 0; arrived < size && status == 0 && head_size == 0;) {
        arrived += 1 + arrived / 8;
        arrived = arrived < size ? arrived : size;
        status = http_head_find(text, arrived, &scanned, &head_size, &why);
    }
    if (head_size == 0) {
        return 0;
    }
    /* In pieces or at once: the same head. */
    require(http_head_find(text, size, &whole_scanned, &whole_size, &why) == 0 && whole_size == head_size);
    if (http_request_parse(&head, text, head_size, &why) == 0) {
        require(head.method.size > 0 && head.target.size > 0);
        require(head.framing != HTTP_FRAMING_CLOSE && (head.minor == 0 || head.host.size > 0));
        check(&head, text, head_size);
        require(http_head_path(&head).size <= head.target.size);
    }
    if (http_response_parse(&head, text, head_size, false, &why) == 0) {
        require(head.status >= 100 && head.status <= 599);
        check(&head, text, head_size);
    }
    return 0;
}
