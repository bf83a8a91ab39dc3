/* config_report: errors and warnings of an enclave.ini, each with its line, in the order of lines. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "image/config_parse.h"

#define SENTENCE_SIZE 2048

/* Puts a sentence behind those of its line; the last one falls out of a full list. False: no memory. */
static bool insert(
    char ***list, size_t *count, size_t *lost, unsigned *lines, const char *name, unsigned line, const char *sentence)
{
    size_t size = strlen(name) + strlen(sentence) + 16;
    size_t place = *count;
    char *text;

    if (*list == NULL && (*list = calloc(CONFIG_ERRORS_MAX, sizeof **list)) == NULL) {
        return false;
    }
    while (place > 0 && lines[place - 1] > line) {
        place--;
    }
    if (*count == CONFIG_ERRORS_MAX) {
        *lost += 1;
        if (place == CONFIG_ERRORS_MAX) {
            return true;
        }
        free((*list)[--*count]);
    }
    text = malloc(size);
    if (text == NULL) {
        return false;
    }
    (void)snprintf(text, size, "%s:%u: %s", name, line, sentence);
    memmove(*list + place + 1, *list + place, (*count - place) * sizeof **list);
    memmove(lines + place + 1, lines + place, (*count - place) * sizeof *lines);
    (*list)[place] = text;
    lines[place] = line;
    ++*count;
    return true;
}

static void report_error(struct config_parser *parser, unsigned line, const char *sentence)
{
    struct config_report *report = parser->report;

    if (!insert(
            &report->errors, &report->error_count, &report->lost, parser->error_lines, parser->name, line, sentence)) {
        parser->no_memory = true;
    }
}

void config_error(struct config_parser *parser, unsigned line, const char *format, ...)
{
    char sentence[SENTENCE_SIZE];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    report_error(parser, line, sentence);
}

void config_warning(struct config_parser *parser, unsigned line, const char *format, ...)
{
    struct config_report *report = parser->report;
    char sentence[SENTENCE_SIZE];
    size_t lost = 0;
    va_list args;

    va_start(args, format);
    (void)vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    if (!insert(
            &report->warnings, &report->warning_count, &lost, parser->warning_lines, parser->name, line, sentence)) {
        parser->no_memory = true;
    }
}

/* Text as it is where that is harmless, else quoted. */
static struct text_quoted show(const char *text)
{
    struct text_quoted shown;
    bool plain = strlen(text) <= TEXT_QUOTE_INPUT;

    for (const char *p = text; *p != '\0'; p++) {
        plain = plain && *p >= 0x20 && *p < 0x7f;
    }
    if (!plain) {
        return text_quote_string(text);
    }
    strcpy(shown.text, text);
    return shown;
}

struct text_quoted config_title(const struct config_instance *instance)
{
    struct text_quoted title;

    if (instance->label == NULL) {
        (void)snprintf(title.text, sizeof title.text, "[%s]", instance->group->name);
    } else {
        (void)snprintf(
            title.text, sizeof title.text, "[%s %.*s]", instance->group->name, CONFIG_HOST_MAX, instance->label);
    }
    return title;
}

bool config_is_status(const struct config_instance *instance)
{
    return instance->group == &config_table[CONFIG_INBOUND] && strcmp(instance->label, CONFIG_STATUS) == 0;
}

static size_t row_index(const struct config_instance *instance, const char *key)
{
    size_t i = 0;

    while (i < instance->group->row_count && strcmp(instance->group->rows[i].key, key) != 0) {
        i++;
    }
    return i;
}

const char *config_text(const struct config_instance *instance, const char *key)
{
    size_t row = row_index(instance, key);

    return row < instance->group->row_count ? instance->texts[row] : NULL;
}

void config_key_error(
    struct config_parser *parser, const struct config_instance *instance, const char *key, const char *format, ...)
{
    const char *text = config_text(instance, key);
    unsigned line = text != NULL ? instance->lines[row_index(instance, key)] : instance->line;
    char head[SENTENCE_SIZE / 2];
    char sentence[SENTENCE_SIZE];
    int used;
    va_list args;

    used = text != NULL ? snprintf(head, sizeof head, "%s %s = %s", config_title(instance).text, key, show(text).text)
                        : snprintf(head, sizeof head, "%s", config_title(instance).text);
    if (used < 0 || (size_t)used >= sizeof head) {
        used = (int)sizeof head - 1;
    }
    memcpy(sentence, head, (size_t)used);
    memcpy(sentence + used, ": ", 3);
    va_start(args, format);
    (void)vsnprintf(sentence + used + 2, sizeof sentence - (size_t)used - 2, format, args);
    va_end(args);
    report_error(parser, line, sentence);
}

const struct config_instance *config_instance(
    const struct config_parser *parser, enum config_section section, size_t index)
{
    for (size_t i = 0; i < parser->instance_count; i++) {
        if (parser->instances[i].group == &config_table[section] && index-- == 0) {
            return &parser->instances[i];
        }
    }
    return NULL;
}

void config_report_free(struct config_report *report)
{
    for (size_t i = 0; i < report->error_count; i++) {
        free(report->errors[i]);
    }
    for (size_t i = 0; i < report->warning_count; i++) {
        free(report->warnings[i]);
    }
    free(report->errors);
    free(report->warnings);
    *report = (struct config_report){0};
}
