/* import_yaml: walks the events of an allowed_endpoints.yaml, finds its entries and the comments beside them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <yaml.h>

#include "base/text.h"
#include "tools/import.h"

/* Where in the document the next event stands. */
enum place {
    PLACE_TOP,   /* the document's one value */
    PLACE_KEY,   /* a key of the table at the top */
    PLACE_VALUE, /* its value */
    PLACE_LIST,  /* an entry */
    PLACE_ENTRY_KEY,
    PLACE_ENTRY_VALUE,
    PLACE_END /* behind the first document's value */
};

/* What a key of the table at the top, or of an entry, is to us. */
enum key { KEY_OTHER, KEY_LIST, KEY_HOST, KEY_PORT };

static const struct {
    const char *name;
    enum key key;
} keys[] = {{"endpoints", KEY_LIST}, {"allowed_endpoints", KEY_LIST}, {"allowlist", KEY_LIST}, {"host", KEY_HOST},
    {"address", KEY_HOST}, {"url", KEY_HOST}, {"port", KEY_PORT}};

struct reader {
    struct import *import;
    struct reason *why;
    const char *text;
    const char *end;
    enum place place;
    enum place back;   /* where a list returns to: PLACE_KEY or PLACE_END */
    unsigned depth;    /* of lists and tables that are open */
    unsigned skipping; /* everything until this depth is left is passed over; 0: nothing */
    enum key key;
    bool list_seen; /* the key that holds the list */
    bool anything;  /* the first document is more than null */
    /* the entry that is a table, or the scalar that is read */
    unsigned line;
    unsigned port_hinted;
    unsigned values;
    bool bad;
    char *host;
    char *port;
    char *other; /* a key that is none of ours: `- HOST: PORT` */
    char *other_value;
    /* a place in the text, for the marks, which count characters */
    const char *cursor;
    size_t cursor_index;
};

static unsigned line_of(const yaml_event_t *event)
{
    return (unsigned)event->start_mark.line + 1;
}

static int fault(struct reader *reader, unsigned line, const char *sentence)
{
    reader->import->line = line;
    return reason_set(reader->why, -EINVAL, "%s", sentence);
}

static int checked(struct reader *reader, int error)
{
    return error == -ENOMEM ? reason_system(reader->why, error, "no memory") : error;
}

static const char *scalar_of(const yaml_event_t *event)
{
    return (const char *)event->data.scalar.value;
}

/* Whether the scalar is YAML's null; one in quotes is text. */
static bool is_null(const yaml_event_t *event)
{
    const char *text = scalar_of(event);

    return event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (*text == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0 || strcmp(text, "Null") == 0 ||
               strcmp(text, "NULL") == 0);
}

static bool is_switch(const yaml_event_t *event)
{
    static const char *const words[] = {"true", "false", "yes", "no", "on", "off"};
    bool found = false;

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        found = found || strcasecmp(scalar_of(event), words[i]) == 0;
    }
    return found && event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static enum key find_key(const char *name)
{
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (strcmp(name, keys[i].name) == 0) {
            return keys[i].key;
        }
    }
    return KEY_OTHER;
}

/* ---- Comments, which are no events ---- */

/* The byte of the text at a mark. Marks come in the file's order, so the cursor goes on from the last one. */
static const char *seek(struct reader *reader, size_t index)
{
    if (index < reader->cursor_index) {
        reader->cursor = reader->text;
        reader->cursor_index = 0;
    }
    while (reader->cursor < reader->end && reader->cursor_index < index) {
        do {
            reader->cursor++;
        } while (
            reader->cursor < reader->end && ((unsigned char)*reader->cursor & 0xc0) == 0x80); /* UTF-8's later bytes */
        reader->cursor_index++;
    }
    return reader->cursor;
}

/* The port of the comment that makes up a whole line, unless it is an entry that was commented out. */
static unsigned port_on_line(const char *line, const char *end)
{
    while (line < end && (*line == ' ' || *line == '\t')) {
        line++;
    }
    if (line == end || *line != '#') {
        return 0;
    }
    while (line < end && (*line == '#' || *line == ' ' || *line == '\t')) {
        line++;
    }
    return line < end && *line != '-' ? import_port_in_comment(line, (size_t)(end - line)) : 0;
}

/* The port of the comment behind a scalar or, without one there, on the line above. */
static unsigned port_beside(struct reader *reader, const yaml_event_t *event)
{
    const char *start = seek(reader, event->start_mark.index);
    const char *end = seek(reader, event->end_mark.index);
    const char *stop = memchr(end, '\n', (size_t)(reader->end - end));
    const char *hash = memchr(end, '#', (size_t)((stop != NULL ? stop : reader->end) - end));
    const char *above;

    if (hash != NULL) {
        return import_port_in_comment(hash, (size_t)((stop != NULL ? stop : reader->end) - hash));
    }
    while (start > reader->text && start[-1] != '\n') {
        start--;
    }
    if (start == reader->text) {
        return 0;
    }
    above = start - 1;
    while (above > reader->text && above[-1] != '\n') {
        above--;
    }
    return port_on_line(above, start - 1);
}

/* ---- Entries ---- */

static int take(struct reader *reader, unsigned line, const char *text, const char *port)
{
    const struct import_entry entry = {line, text, port, reader->port_hinted};

    return import_take(reader->import, &entry, reader->why);
}

static int take_scalar_entry(struct reader *reader, const yaml_event_t *event)
{
    if (is_null(event)) {
        return import_note(reader->import, line_of(event), false, "an empty entry is passed over");
    }
    if (is_switch(event)) {
        return import_note(reader->import, line_of(event), true,
            "%s: a switch in YAML, not a host (if it is one, put it in quotes)",
            text_quote_string(scalar_of(event)).text);
    }
    reader->port_hinted = port_beside(reader, event);
    return take(reader, line_of(event), scalar_of(event), NULL);
}

static void drop_entry(struct reader *reader)
{
    free(reader->host);
    free(reader->port);
    free(reader->other);
    free(reader->other_value);
    reader->host = reader->port = reader->other = reader->other_value = NULL;
    reader->values = 0;
    reader->bad = false;
    reader->port_hinted = 0;
}

static int set_text(char **place, const char *text)
{
    free(*place);
    *place = strdup(text);
    return *place != NULL ? 0 : -ENOMEM;
}

static int take_entry_key(struct reader *reader, const yaml_event_t *event)
{
    reader->key = find_key(scalar_of(event));
    reader->place = PLACE_ENTRY_VALUE;
    reader->values++;
    if ((reader->key == KEY_HOST && reader->host != NULL) || (reader->key == KEY_PORT && reader->port != NULL)) {
        reader->bad = true;
        return import_note(reader->import, line_of(event), true,
            "%s: stands here twice in one entry, which is left out", text_quote_string(scalar_of(event)).text);
    }
    return reader->key == KEY_OTHER || reader->key == KEY_LIST ? set_text(&reader->other, scalar_of(event)) : 0;
}

static int take_entry_value(struct reader *reader, const yaml_event_t *event)
{
    reader->place = PLACE_ENTRY_KEY;
    if (is_null(event)) {
        return 0;
    }
    if (reader->key == KEY_HOST) {
        reader->port_hinted = port_beside(reader, event);
        return set_text(&reader->host, scalar_of(event));
    }
    return set_text(reader->key == KEY_PORT ? &reader->port : &reader->other_value, scalar_of(event));
}

/* The end of an entry that is a table: {host: HOST, port: PORT}, or {HOST: PORT}. */
static int take_table_entry(struct reader *reader)
{
    int error = 0;

    reader->place = PLACE_LIST;
    if (reader->bad) {
        error = 0; /* said already */
    } else if (reader->host != NULL) {
        if (reader->other != NULL) {
            error = import_note(reader->import, reader->line, false, "%s: passed over: an entry has host and port",
                text_quote_string(reader->other).text);
        }
        error = error < 0 ? error : take(reader, reader->line, reader->host, reader->port);
    } else if (reader->other != NULL && reader->values == 1) {
        error = take(reader, reader->line, reader->other, reader->other_value);
    } else {
        error =
            import_note(reader->import, reader->line, true, "a table without a host (write host: NAME, port: NUMBER)");
    }
    drop_entry(reader);
    return error;
}

/* ---- Events ---- */

static int take_top_key(struct reader *reader, const yaml_event_t *event)
{
    const char *name = scalar_of(event);

    reader->anything = true;
    reader->key = find_key(name);
    reader->place = PLACE_VALUE;
    if (reader->key == KEY_LIST && !reader->list_seen) {
        reader->list_seen = true;
        return 0;
    }
    if (reader->key == KEY_LIST) {
        reader->key = KEY_OTHER;
        return import_note(reader->import, line_of(event), true, "%s: a second list of hosts: only the first is read",
            text_quote_string(name).text);
    }
    reader->key = KEY_OTHER;
    return import_note(reader->import, line_of(event), false, "%s: passed over: only `endpoints` is read",
        text_quote_string(name).text);
}

static int take_top_value(struct reader *reader, const yaml_event_t *event)
{
    int error;

    reader->place = PLACE_KEY;
    if (reader->key == KEY_OTHER || is_null(event)) {
        return 0;
    }
    error = import_note(reader->import, line_of(event), false, "one host where a list is usual");
    return error < 0 ? error : take_scalar_entry(reader, event);
}

static int take_scalar(struct reader *reader, const yaml_event_t *event)
{
    switch (reader->place) {
    case PLACE_TOP:
        reader->place = PLACE_END;
        if (is_null(event)) {
            return 0;
        }
        return fault(reader, line_of(event),
            "a text, and no list of hosts (write `endpoints:`, and each host on a line of its own, behind \"- \")");
    case PLACE_KEY:
        return take_top_key(reader, event);
    case PLACE_VALUE:
        return take_top_value(reader, event);
    case PLACE_LIST:
        return take_scalar_entry(reader, event);
    case PLACE_ENTRY_KEY:
        return take_entry_key(reader, event);
    case PLACE_ENTRY_VALUE:
        return take_entry_value(reader, event);
    default:
        return 0;
    }
}

static int skip(struct reader *reader, const yaml_event_t *event, const char *sentence)
{
    reader->skipping = reader->depth;
    return sentence != NULL ? import_note(reader->import, line_of(event), true, "%s", sentence) : 0;
}

/* A list or a table begins where one can stand; it is the depth-th. */
static int take_start(struct reader *reader, const yaml_event_t *event, bool table)
{
    switch (reader->place) {
    case PLACE_TOP:
        reader->anything = true;
        reader->place = table ? PLACE_KEY : PLACE_LIST;
        reader->back = PLACE_END;
        return 0;
    case PLACE_VALUE:
        if (reader->key == KEY_LIST && !table) {
            reader->place = PLACE_LIST;
            reader->back = PLACE_KEY;
            return 0;
        }
        reader->place = PLACE_KEY;
        return skip(reader, event,
            reader->key == KEY_LIST ? "a table where a list of hosts is expected (write each host behind \"- \")"
                                    : "what this key holds is left out: only `endpoints` is read");
    case PLACE_LIST:
        if (table) {
            reader->place = PLACE_ENTRY_KEY;
            reader->line = line_of(event);
            return 0;
        }
        return skip(reader, event, "a list in the list of hosts");
    case PLACE_ENTRY_VALUE:
        reader->place = PLACE_ENTRY_KEY;
        reader->bad = true;
        return skip(reader, event, "a list or table inside of an entry, which is left out");
    case PLACE_KEY:
    case PLACE_ENTRY_KEY:
        return fault(reader, line_of(event),
            "a key that is itself a list or table (is this a template that was not filled in?)");
    default:
        return 0;
    }
}

static int take_end(struct reader *reader)
{
    switch (reader->place) {
    case PLACE_ENTRY_KEY:
        return take_table_entry(reader);
    case PLACE_LIST:
        reader->place = reader->back;
        return 0;
    default:
        reader->place = PLACE_END;
        return 0;
    }
}

/* A document after the first: read only where that one was empty, as it is behind a `---` too many. */
static int begin_document(struct reader *reader, const yaml_event_t *event, bool *over)
{
    if (reader->place == PLACE_END && reader->anything) {
        *over = true;
        return import_note(reader->import, line_of(event), true, "a second document: only the first is read");
    }
    reader->place = PLACE_TOP;
    return 0;
}

/* What would make the text mean more than stands in it. */
static int refuse_references(struct reader *reader, const yaml_event_t *event)
{
    const yaml_char_t *anchor = NULL;
    const yaml_char_t *tag = NULL;

    if (event->type == YAML_ALIAS_EVENT) {
        return fault(reader, line_of(event),
            "an alias (*NAME): a wildcard names no host, and aliases are not read (write each host)");
    }
    if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    }
    if (anchor != NULL || tag != NULL) {
        return fault(reader, line_of(event),
            anchor != NULL ? "an anchor (&NAME): these are not read (write each host)"
                           : "a tag (!NAME): these are not read (write the host in quotes)");
    }
    return 0;
}

static int take_event(struct reader *reader, const yaml_event_t *event, bool *over)
{
    bool start = event->type == YAML_SEQUENCE_START_EVENT || event->type == YAML_MAPPING_START_EVENT;
    bool end = event->type == YAML_SEQUENCE_END_EVENT || event->type == YAML_MAPPING_END_EVENT;
    int error = refuse_references(reader, event);

    if (error < 0) {
        return error;
    }
    if (start && ++reader->depth > IMPORT_DEPTH_MAX) {
        return fault(reader, line_of(event), "lists and tables too deep in one another");
    }
    if (reader->skipping != 0) {
        reader->skipping = end && reader->depth == reader->skipping ? 0 : reader->skipping;
        reader->depth -= end ? 1 : 0;
        return 0;
    }
    if (start) {
        return take_start(reader, event, event->type == YAML_MAPPING_START_EVENT);
    }
    if (end) {
        reader->depth--;
        return take_end(reader);
    }
    if (event->type == YAML_SCALAR_EVENT) {
        return take_scalar(reader, event);
    }
    if (event->type == YAML_DOCUMENT_START_EVENT) {
        return begin_document(reader, event, over);
    }
    if (event->type == YAML_DOCUMENT_END_EVENT) {
        reader->place = PLACE_END;
    }
    *over = event->type == YAML_STREAM_END_EVENT;
    return 0;
}

/* ---- The whole file ---- */

static unsigned line_at(const struct reader *reader, size_t offset)
{
    unsigned line = 1;

    for (const char *p = reader->text; p < reader->end && (size_t)(p - reader->text) < offset; p++) {
        line += *p == '\n' ? 1 : 0;
    }
    return line;
}

/* libyaml's own words hold no input. */
static int refuse_syntax(struct reader *reader, const yaml_parser_t *parser)
{
    const char *problem = parser->problem != NULL ? parser->problem : "unknown";
    const char *context = parser->context != NULL ? parser->context : "";
    const char *at = seek(reader, parser->problem_mark.index);
    const char *advice = "";

    if (parser->error == YAML_MEMORY_ERROR) {
        return reason_system(reader->why, -ENOMEM, "no memory");
    }
    if (parser->error == YAML_READER_ERROR) {
        reader->import->line = line_at(reader, parser->problem_offset);
        return reason_set(reader->why, -EINVAL, "not YAML: %s (save the file as UTF-8 text)", problem);
    }
    if (strstr(context, "alias") != NULL) {
        advice = " (is it a wildcard? It names no host: write each)";
    } else if (at < reader->end && *at == '\t') {
        advice = " (a tab: YAML is indented with blanks)";
    }
    reader->import->line = (unsigned)parser->problem_mark.line + 1;
    return reason_set(
        reader->why, -EINVAL, "not YAML: %s%s%s%s", context, *context != '\0' ? ", " : "", problem, advice);
}

static int read_events(struct reader *reader, yaml_parser_t *parser)
{
    bool over = false;
    int error = 0;

    while (error == 0 && !over) {
        yaml_event_t event;
        if (yaml_parser_parse(parser, &event) == 0) {
            return refuse_syntax(reader, parser);
        }
        error = take_event(reader, &event, &over);
        yaml_event_delete(&event);
    }
    return checked(reader, error);
}

int import_read(struct import *import, const char *text, size_t size, struct reason *why)
{
    struct reader reader = {.import = import, .why = why, .text = text, .end = text + size, .cursor = text};
    yaml_parser_t parser;
    int error;

    *import = (struct import){0};
    if (size > IMPORT_FILE_MAX) {
        return reason_set(why, -EINVAL, "more than %d bytes", IMPORT_FILE_MAX);
    }
    if (size >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0)) {
        return reason_set(why, -EINVAL, "UTF-16 (save the file as UTF-8)");
    }
    if (yaml_parser_initialize(&parser) == 0) {
        return reason_system(why, -ENOMEM, "no memory");
    }
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    error = read_events(&reader, &parser);
    drop_entry(&reader);
    yaml_parser_delete(&parser);
    if (error == 0 && import->count == 0 && import->left_out == 0) {
        error = checked(&reader, import_note(import, 1, false, "no hosts in it"));
    }
    return error;
}
