/* secret_json: JSON that holds secrets: its memory is wiped, and no message shows what stands in it. */
#include "tools/secret_json.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/text.h"
#include "base/wipe.h"

/* Each block knows its size and is wiped before it is freed. */
struct block {
    size_t size;
    max_align_t data[];
};

static void *block_make(size_t size)
{
    size_t whole;
    struct block *block = bytes_add(size, sizeof *block, &whole) ? malloc(whole) : NULL;

    if (block == NULL) {
        return NULL;
    }
    block->size = whole;
    return block->data;
}

static void block_free(void *data)
{
    if (data != NULL) {
        struct block *block = (struct block *)(void *)((char *)data - offsetof(struct block, data));
        wipe_free(block, block->size);
    }
}

void secret_json_memory(void)
{
    json_set_alloc_funcs(block_make, block_free);
}

/* In words of ours: jansson's quote the text, and the text is secret. */
static const char *json_fault(const json_error_t *error)
{
    switch (json_error_code(error)) {
    case json_error_premature_end_of_input:
        return "it ends too early";
    case json_error_end_of_input_expected:
        return "something follows the object";
    case json_error_duplicate_key:
        return "a name stands twice in one object";
    case json_error_invalid_utf8:
        return "a byte is no UTF-8";
    case json_error_stack_overflow:
        return "it is nested too deeply";
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return "it holds a NUL";
    default:
        return "a comma, a quote or a bracket is missing or too many";
    }
}

int secret_json_read(const char *text, size_t size, const char *name, json_t **object, struct reason *why)
{
    json_error_t fault;
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &fault);
    int error = 0;

    if (root == NULL) {
        error = reason_set(why, -EINVAL, "%s is not JSON: line %d, column %d: %s", text_quote_string(name).text,
            fault.line, fault.column, json_fault(&fault));
    } else if (!json_is_object(root)) {
        error = reason_set(
            why, -EINVAL, "%s is not a JSON object: write {\"NAME\": VALUE, …}", text_quote_string(name).text);
    }
    wipe(&fault, sizeof fault);
    if (error < 0) {
        json_decref(root);
        return error;
    }
    *object = root;
    return 0;
}
