/* http_reading: what net/http reads in each of many byte strings, for a test that asks another reader the same.
 *
 * stdin: SIZE, a line feed, and so many bytes, again and again. stdout, for each: a line for each whole request,
 * METHOD PATH-AND-QUERY BODY-BYTES, and one that ends it: "refused STATUS SENTENCE", "closed" (by the last request's
 * Connection), "end" (nothing is left), "cut" (something is, which is no whole request).
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/http.h"

/* What is left of one byte string. */
struct bytes_left {
    const char *data;
    size_t size;
};

/* Decodes a whole body. 0 or the status that refuses it; *whole: it was all there. */
static unsigned read_body(
    const struct http_head *head, struct bytes_left *left, uint64_t *size, bool *whole, struct reason *why)
{
    struct http_body body;
    unsigned status = http_body_start(&body, head, INT64_MAX, why);

    while (status == 0 && left->size > 0 && !http_body_done(&body)) {
        struct http_text part;
        size_t used;
        status = http_body_take(&body, left->data, left->size, &used, &part, why);
        left->data += used;
        left->size -= used;
    }
    *size = body.size;
    *whole = http_body_done(&body);
    return status;
}

/* True: another request may follow. */
static bool read_request(struct bytes_left *left)
{
    struct http_head head;
    struct reason why;
    uint64_t size;
    size_t scanned = 0;
    size_t head_size = 0;
    bool whole = false;
    unsigned status = http_head_find(left->data, left->size, &scanned, &head_size, &why);

    if (status == 0 && head_size > 0) {
        status = http_request_parse(&head, left->data, head_size, &why);
        left->data += head_size;
        left->size -= head_size;
    }
    if (status == 0 && head_size > 0) {
        status = read_body(&head, left, &size, &whole, &why);
    }
    if (status != 0) {
        printf("refused %u %s\n", status, why.text);
        return false;
    }
    if (!whole) {
        puts("cut");
        return false;
    }
    printf("%.*s %.*s %llu\n", (int)head.method.size, head.method.data, (int)head.target.size, head.target.data,
        (unsigned long long)size);
    if (!head.keep_alive || left->size == 0) {
        puts(head.keep_alive ? "end" : "closed");
        return false;
    }
    return true;
}

int main(void)
{
    size_t size;

    while (scanf("%zu%*1[\n]", &size) == 1) {
        char *data = malloc(size + 1);
        if (data == NULL || fread(data, 1, size, stdin) != size) {
            return 111;
        }
        struct bytes_left left = {data, size};
        while (read_request(&left)) {
        }
        free(data);
    }
    return 0;
}
