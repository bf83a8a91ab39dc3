/* help: takes a verb's help apart: paragraphs, options, examples. */
#include "tools/help.h"

#include <ctype.h>
#include <string.h>

static struct bytes piece(const char *text, size_t size)
{
    return (struct bytes){(const uint8_t *)text, size};
}

static const char *text_of(struct bytes bytes)
{
    return (const char *)bytes.data;
}

bool help_next(const char **at, struct help_line *line)
{
    const char *start = *at;
    size_t size = strcspn(start, "\n");
    size_t blanks = strspn(start, " ");
    const char *gap;

    if (*start == '\0') {
        return false;
    }
    *at = start + size + (start[size] == '\n' ? 1 : 0);
    *line = (struct help_line){.text = piece(start + blanks, size - blanks), .indent = blanks};
    if (blanks == size) {
        line->kind = HELP_EMPTY;
    } else if (blanks == 0) {
        line->kind = HELP_TEXT;
    } else if (blanks > 2) {
        line->kind = HELP_MORE;
    } else if (start[blanks] != '-') {
        line->kind = HELP_EXAMPLE;
    } else {
        line->kind = HELP_OPTION;
        gap = strstr(start + blanks, "  ");
        if (gap == NULL || gap > start + size) {
            gap = start + size;
        }
        line->names = piece(start + blanks, (size_t)(gap - start) - blanks);
        gap += strspn(gap, " ");
        line->text = piece(gap, (size_t)(start + size - gap));
    }
    return true;
}

/* The word before the first character of stops; *text goes on behind it. */
static struct bytes cut(struct bytes *text, const char *stops)
{
    size_t size = 0;

    while (size < text->size && strchr(stops, text->data[size]) == NULL) {
        size++;
    }
    struct bytes word = {text->data, size};
    text->data += size;
    text->size -= size;
    return word;
}

static void skip(struct bytes *text, const char *passed)
{
    while (text->size > 0 && strchr(passed, text->data[0]) != NULL) {
        text->data++;
        text->size--;
    }
}

bool help_option(struct bytes *names, struct help_option *option)
{
    skip(names, ", ");
    if (names->size == 0) {
        return false;
    }
    option->name = cut(names, ", ");
    skip(names, " ");
    option->value = *names;
    for (size_t i = 0; i + 1 < names->size; i++) {
        if (names->data[i] == ',' && names->data[i + 1] == ' ') { /* "A,B" is one value */
            option->value.size = i;
            break;
        }
    }
    names->data += option->value.size;
    names->size -= option->value.size;
    return true;
}

enum help_takes help_takes(struct bytes value)
{
    char suffix[HELP_SUFFIX_MAX];
    struct bytes rest = value;
    bool lower = true;
    bool choice = false;

    if (value.size == 0) {
        return HELP_NOTHING;
    }
    if (value.size == 3 && memcmp(value.data, "DIR", 3) == 0) {
        return HELP_FOLDER;
    }
    if (value.size == 4 && (memcmp(value.data, "FILE", 4) == 0 || memcmp(value.data, "PATH", 4) == 0)) {
        return HELP_FILE;
    }
    if (help_suffix(&rest, suffix)) {
        return HELP_FILE;
    }
    for (size_t i = 0; i < value.size; i++) {
        lower = lower && (islower(value.data[i]) || isdigit(value.data[i]) || strchr("|-", value.data[i]) != NULL);
        choice = choice || value.data[i] == '|';
    }
    return lower && choice ? HELP_WORDS : HELP_ANY;
}

bool help_suffix(struct bytes *value, char suffix[static HELP_SUFFIX_MAX])
{
    while (value->size > 0) {
        struct bytes word = cut(value, "|");
        size_t dot = word.size;
        skip(value, "|");
        while (dot > 0 && islower(word.data[dot - 1])) {
            dot--;
        }
        if (dot > 1 && dot < word.size && word.data[dot - 1] == '.' && word.size - dot < HELP_SUFFIX_MAX) {
            memcpy(suffix, word.data + dot, word.size - dot);
            suffix[word.size - dot] = '\0';
            return true;
        }
    }
    return false;
}

bool help_find(const struct verb *verb, struct bytes name, struct bytes *value)
{
    const char *at = verb->help;
    struct help_line line;
    bool found = false;

    *value = piece("", 0);
    while (help_next(&at, &line)) {
        struct help_option option;
        found = false;
        while (line.kind == HELP_OPTION && help_option(&line.names, &option)) {
            found = found || (option.name.size == name.size && memcmp(option.name.data, name.data, name.size) == 0);
            if (found && option.value.size > 0) {
                *value = option.value;
                return true;
            }
        }
        if (found) {
            return true;
        }
    }
    return false;
}

bool help_operand(const struct verb *verb, const char **at, struct bytes *word)
{
    while (**at != '\0') {
        struct bytes value;
        size_t size;
        *at += strspn(*at, "[]|… \n");
        size = strcspn(*at, "[] \n");
        *word = piece(*at, size);
        *at += size;
        if (size > 0 && text_of(*word)[0] != '-') {
            return true;
        }
        if (size > 1 && help_find(verb, *word, &value) && value.size > 0) {
            *at += strspn(*at, "[ \n");
            *at += strcspn(*at, "[] \n");
        }
    }
    return false;
}
