/* der: reads the elements of strict DER (X.690 §10) out of a run of bytes, one after the other. */
#include "crypto/der.h"

#include <string.h>

#define LONG_FORM 0x80
#define LENGTH_BYTES 3 /* enough for 16 MiB; no input of ours is larger */

/* Reads the length behind the tag; *header becomes the bytes of tag and length. */
static bool length_read(struct bytes in, size_t *header, size_t *length)
{
    size_t count = in.data[1];

    *header = 2;
    *length = count;
    if (count < LONG_FORM) {
        return true;
    }
    count -= LONG_FORM;
    if (count == 0 || count > LENGTH_BYTES || in.size < 2 + count) {
        return false;
    }
    *header = 2 + count;
    *length = 0;
    for (size_t i = 0; i < count; i++) {
        *length = *length << 8 | in.data[2 + i];
    }
    return *length >= LONG_FORM && in.data[2] != 0;
}

bool der_next(struct bytes *in, struct der *element)
{
    size_t header;
    size_t length;

    if (in->size < 2 || (in->data[0] & 0x1f) == 0x1f || !length_read(*in, &header, &length) ||
        length > in->size - header) {
        return false;
    }
    element->tag = in->data[0];
    element->whole = (struct bytes){in->data, header + length};
    element->body = (struct bytes){in->data + header, length};
    in->data += header + length;
    in->size -= header + length;
    return true;
}

bool der_take(struct bytes *in, uint8_t tag, struct bytes *body)
{
    struct bytes rest = *in;
    struct der element;

    if (!der_next(&rest, &element) || element.tag != tag) {
        return false;
    }
    *in = rest;
    *body = element.body;
    return true;
}

bool der_take_unsigned(struct bytes *in, struct bytes *number)
{
    struct bytes rest = *in;
    struct bytes body;

    if (!der_take(&rest, DER_INTEGER, &body) || body.size == 0 || (body.data[0] & 0x80) != 0) {
        return false;
    }
    if (body.size > 1 && body.data[0] == 0) {
        if ((body.data[1] & 0x80) == 0) {
            return false; /* not the shortest form */
        }
        body.data++;
        body.size--;
    }
    *in = rest;
    *number = body;
    return true;
}

bool der_is(struct bytes body, const char *contents, size_t size)
{
    return body.size == size && memcmp(body.data, contents, size) == 0;
}
