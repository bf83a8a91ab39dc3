/* config_parse: what the steps of reading enclave.ini share: the sections as they stand in the file, and the report. */
#ifndef INGOT_IMAGE_CONFIG_PARSE_H
#define INGOT_IMAGE_CONFIG_PARSE_H

#include "image/config_table.h"

/* One section of the file: where it stands, and the text and line of each of its keys. */
struct config_instance {
    const struct config_group *group;
    char *label; /* NULL where the group has none */
    unsigned line;
    size_t keys;                  /* that were seen, good or bad */
    char *texts[CONFIG_KEYS_MAX]; /* by row; NULL: not there */
    unsigned lines[CONFIG_KEYS_MAX];
    void *base; /* what its rows' places count from */
};

/*
 * The steps: the file's bytes (config_scan), its sections and keys as text (config.c), an element for each section
 * (config_elements), each value by its type (config.c), then what sections say of one another (config_check).
 */
struct config_parser {
    struct config *config;
    struct config_report *report;
    const char *name; /* of the file, in messages */
    unsigned error_lines[CONFIG_ERRORS_MAX];
    unsigned warning_lines[CONFIG_ERRORS_MAX];
    size_t bad_lines; /* the first so many errors are of lines that config_scan() found unreadable */
    struct config_instance *instances;
    size_t instance_count;
    size_t instance_room;
    struct config_instance *current; /* NULL: keys that come now belong to nothing */
    bool refused;                    /* the section that would be current was refused already */
    unsigned *env_lines;             /* of config->env */
    bool no_memory;
};

/* ---- The report (config_report.c): sorted by line, bounded, "NAME:LINE: sentence" ---- */
void config_error(struct config_parser *parser, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void config_warning(struct config_parser *parser, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same of a key that is there, or of its section where it is not: "[endpoint a.b] port = 0: sentence". */
void config_key_error(struct config_parser *parser, const struct config_instance *instance, const char *key,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* "[endpoint a.b]", shown safely. */
struct text_quoted config_title(const struct config_instance *instance);

/* Whether it is [inbound status], which is not one of config->inbound. */
bool config_is_status(const struct config_instance *instance);

/* The text of a key, NULL where the file does not have it. */
const char *config_text(const struct config_instance *instance, const char *key);
/* The index-th section of a kind, NULL behind the last. */
const struct config_instance *config_instance(
    const struct config_parser *parser, enum config_section section, size_t index);

/* ---- Steps ---- */

/* Refuses bytes that no line may have (NUL, control characters, bad UTF-8) and puts '?' in their place. */
void config_scan(struct config_parser *parser, char *text, size_t size);
/* Makes the element of each section of which there may be several, and sets where its keys' places count from. */
bool config_make_elements(struct config_parser *parser);
/* Fills in defaults that come from other sections, and checks what sections say of one another. */
void config_check(struct config_parser *parser);
/* The part of it that is about routes. */
void config_check_routes(struct config_parser *parser);
/* Fills in what a route's label says; the label is a good one. False: no memory. */
bool config_route_name(struct config_route *route);

#endif
