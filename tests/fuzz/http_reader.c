/* http_reader: any bytes as answers on one connection: in pieces or at once the same answers, which end at the same
 * byte. */
#include <errno.h>
#include <stdlib.h>

#include "net/http_client.h"

#define MAX 5000 /* bytes of a body */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool true_always)
{
    if (!true_always) {
        abort();
    }
}

static void mix(uint64_t *hash, uint64_t value)
{
    *hash = (*hash ^ value) * 0x100000001b3;
}

/* One answer. Where it ended; 0: the connection can't be used any more. */
static size_t read_one(const uint8_t *data, size_t size, size_t step, bool to_head, uint64_t *hash)
{
    struct http_reader reader = {.to_head = to_head, .max = MAX};
    struct reason why;
    size_t at = 0;
    size_t body = 0;
    uint64_t bytes = 0;
    int error = 0;

    while (error == 0 && at < size && !http_reader_done(&reader)) {
        struct http_text part;
        size_t used;
        bool headed = reader.in_body;
        error = http_reader_part(&reader, data + at, size - at < step ? size - at : step, &used, &part, &why);
        require(error != 0 || used > 0);
        require(used <= size - at && part.size <= used && (headed || part.size == 0));
        for (size_t i = 0; error == 0 && i < part.size; i++) {
            mix(&bytes, (uint8_t)part.data[i]);
        }
        body += error == 0 ? part.size : 0;
        at += used;
    }
    require(body <= MAX && reader.content.size == 0 && reader.head_bytes.size <= HTTP_HEAD_MAX);
    if (reader.in_body) {
        require(reader.head.status >= 200 && reader.head.status <= 599);
        require(body == 0 || (!to_head && reader.head.status != 204 && reader.head.status != 304));
        mix(hash, reader.head.status);
    }
    mix(hash, error != 0);
    if (error == 0) { /* how much comes before an error is another matter */
        mix(hash, bytes);
        mix(hash, (uint64_t)http_reader_done(&reader) << 1 | http_reader_end(&reader));
    }
    bool kept = error == 0 && http_reader_kept(&reader);
    http_reader_free(&reader);
    return kept ? at : 0;
}

static uint64_t read_all(const uint8_t *data, size_t size, size_t step, unsigned heads)
{
    uint64_t hash = 0xcbf29ce484222325;
    size_t used = 1;

    for (unsigned i = 0; i < 8 && size > 0 && used > 0; i++) {
        used = read_one(data, size, step, heads >> i & 1, &hash);
        mix(&hash, used);
        data += used;
        size -= used;
    }
    return hash;
}

/* The first answer with its body, for which there is no memory beyond the budget. */
static void take_whole(const uint8_t *data, size_t size, size_t step)
{
    struct http_budget budget = {.max = 2048};
    struct http_reader reader = {.max = MAX, .content.budget = &budget};
    struct reason why;
    int error = 0;

    for (size_t at = 0; error == 0 && at < size; at += step) {
        error = http_reader_take(&reader, data + at, size - at < step ? size - at : step, &why);
    }
    require(error == 0 || error == -EBADMSG || error == -ENOBUFS);
    require(reader.content.size <= budget.max && reader.content.size <= reader.body.size);
    http_reader_free(&reader);
    require(budget.used == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    size_t step = (size_t)1 + data[0] % 61;
    uint64_t whole = read_all(data + 2, size - 2, size, data[1]);
    require(read_all(data + 2, size - 2, step, data[1]) == whole);
    require(read_all(data + 2, size - 2, 1, data[1]) == whole);
    take_whole(data + 2, size - 2, step);
    return 0;
}
