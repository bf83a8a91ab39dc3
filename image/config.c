/* config: reads enclave.ini: its lines through inih, its sections and keys by the table, each value by its type. */
#include "image/config.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "image/config_parse.h"

_Static_assert(INI_CALL_HANDLER_ON_NEW_SECTION == 1 && INI_HANDLER_LINENO == 1, "the patched inih tells of both");
_Static_assert(INI_ALLOW_MULTILINE == 0 && INI_ALLOW_INLINE_COMMENTS == 0, "a line is a line");

/* ---- Sections ---- */

static const struct config_group *find_group(const char *name)
{
    for (size_t i = 0; i < CONFIG_SECTIONS; i++) {
        if (strcmp(config_table[i].name, name) == 0) {
            return &config_table[i];
        }
    }
    return NULL;
}

static void refuse_unknown_section(struct config_parser *parser, const char *section, const char *name, unsigned line)
{
    struct text_quoted shown = text_quote_string(section);
    const char *nearest = NULL;
    unsigned best = 3;

    for (size_t i = 0; i < CONFIG_SECTIONS; i++) {
        unsigned distance = text_distance(name, config_table[i].name);
        nearest = distance < best ? config_table[i].name : nearest;
        best = distance < best ? distance : best;
    }
    if (nearest != NULL) {
        config_error(parser, line, "[%s]: no such section (did you mean [%s]?)", shown.text, nearest);
    } else {
        config_error(parser, line,
            "[%s]: no such section (there are image, app, env, secrets, endpoint, inbound, identity, route, log, "
            "limits)",
            shown.text);
    }
}

static bool label_valid(const struct config_group *group, const char *label)
{
    size_t length = strlen(label);
    bool valid = length >= 1 && length <= group->label_max;

    for (const char *p = label; *p != '\0'; p++) {
        valid = valid && (isalnum((unsigned char)*p) || strchr("._-", *p) != NULL);
    }
    return valid;
}

/* Whether a section of this group can have this label (NULL: none); says why not. */
static bool label_fits(struct config_parser *parser, const struct config_group *group, const char *label, unsigned line)
{
    struct text_quoted shown = text_quote_string(label != NULL ? label : "");
    const char *text = label != NULL ? shown.text : "";
    struct reason why;

    if (group->label == NULL && label != NULL) {
        config_error(parser, line, "[%s %s]: [%s] has no label", group->name, text, group->name);
        return false;
    }
    if (group->check_label != NULL && group->check_label(label != NULL ? label : "", &why) < 0) {
        config_error(parser, line, "[%s %s]: %s", group->name, text, why.text);
        return false;
    }
    if (group->label != NULL && group->check_label == NULL && (label == NULL || !label_valid(group, label))) {
        config_error(parser, line, "[%s %s]: a label is needed here: [%s %s], 1 to %zu letters, digits, '.', '_', '-'",
            group->name, text, group->name, group->label, group->label_max);
        return false;
    }
    return true;
}

/* Whether a section of this group can stand here; says why not. */
static bool section_fits(
    struct config_parser *parser, const struct config_group *group, const char *label, unsigned line)
{
    size_t same = 0;

    if (!label_fits(parser, group, label, line)) {
        return false;
    }
    for (size_t i = 0; i < parser->instance_count; i++) {
        const struct config_instance *other = &parser->instances[i];
        if (other->group == group && (label == NULL || strcmp(other->label, label) == 0)) {
            config_error(parser, line, "%s stands in line %u already (put all keys there)", config_title(other).text,
                other->line);
            return false;
        }
        same += other->group == group;
    }
    if (same >= group->max) {
        config_error(parser, line, "[%s %s]: more than %zu of them", group->name, label, group->max);
        return false;
    }
    return true;
}

static void add_section(
    struct config_parser *parser, const struct config_group *group, const char *label, unsigned line)
{
    struct config_instance *instance;

    if (parser->instance_count == parser->instance_room) {
        size_t room = parser->instance_room == 0 ? 16 : parser->instance_room * 2;
        void *larger = realloc(parser->instances, room * sizeof *parser->instances);
        if (larger == NULL) {
            parser->no_memory = true;
            return;
        }
        parser->instances = larger;
        parser->instance_room = room;
    }
    instance = &parser->instances[parser->instance_count];
    *instance = (struct config_instance){.group = group, .line = line};
    if (label != NULL && (instance->label = strdup(label)) == NULL) {
        parser->no_memory = true;
        return;
    }
    parser->instance_count++;
    parser->current = instance;
    parser->refused = false;
}

/* "endpoint LABEL" of a line [endpoint LABEL]. */
static void begin_section(struct config_parser *parser, const char *section, unsigned line)
{
    const char *blanks = " \t";
    const char *start = section + strspn(section, blanks);
    size_t name_size = strcspn(start, blanks);
    const char *rest = start + name_size + strspn(start + name_size, blanks);
    size_t rest_size = strlen(rest);
    char name[32] = "";
    char label[512] = "";
    const struct config_group *group;

    parser->current = NULL;
    parser->refused = true;
    while (rest_size > 0 && strchr(blanks, rest[rest_size - 1]) != NULL) {
        rest_size--;
    }
    if (name_size >= sizeof name || rest_size >= sizeof label) {
        config_error(parser, line, "[%s]: no such section", text_quote_string(section).text);
        return;
    }
    memcpy(name, start, name_size);
    memcpy(label, rest, rest_size);
    group = find_group(name);
    if (group == NULL) {
        refuse_unknown_section(parser, section, name, line);
    } else if (section_fits(parser, group, rest_size > 0 ? label : NULL, line)) {
        add_section(parser, group, rest_size > 0 ? label : NULL, line);
    }
}

/* ---- Keys ---- */

static void refuse_unknown_key(struct config_parser *parser, const char *key, unsigned line)
{
    const struct config_group *group = parser->current->group;
    struct text_quoted title = config_title(parser->current);
    struct text_quoted shown = text_quote_string(key);
    const char *nearest = NULL;
    unsigned best = 3;

    for (size_t i = 0; i < group->row_count; i++) {
        unsigned distance = text_distance(key, group->rows[i].key);
        nearest = distance < best ? group->rows[i].key : nearest;
        best = distance < best ? distance : best;
    }
    if (nearest != NULL) {
        config_error(parser, line, "%s %s: no such key (did you mean %s?)", title.text, shown.text, nearest);
        return;
    }
    for (size_t i = 0; i < CONFIG_SECTIONS; i++) {
        for (size_t k = 0; k < config_table[i].row_count; k++) {
            if (strcmp(config_table[i].rows[k].key, key) == 0) {
                config_error(parser, line, "%s %s: no such key here (it belongs to [%s])", title.text, shown.text,
                    config_table[i].name);
                return;
            }
        }
    }
    config_error(parser, line, "%s %s: no such key (ingot config --keys lists them)", title.text, shown.text);
}

static void add_variable(struct config_parser *parser, const char *name, const char *value, unsigned line)
{
    struct config *config = parser->config;
    const char *steers = config_variable_steers(name);

    if (!config_variable_valid(name)) {
        config_error(parser, line, "[env] %s: not a variable's name (letters, digits, '_'; at most %d)",
            text_quote_string(name).text, CONFIG_NAME_MAX);
        return;
    }
    if (steers != NULL) {
        config_error(
            parser, line, "[env] %s steers %s (leave it out; set it in the program, or in a wrapper)", name, steers);
        return;
    }
    for (size_t i = 0; i < config->env_count; i++) {
        if (strcmp(config->env[i].name, name) == 0) {
            config_error(parser, line, "[env] %s stands in line %u already", name, parser->env_lines[i]);
            return;
        }
    }
    if (config->env_count == CONFIG_VALUES_MAX) {
        config_error(parser, line, "[env] %s: more than %d variables", name, CONFIG_VALUES_MAX);
        return;
    }
    struct config_value *variable = &config->env[config->env_count];
    *variable = (struct config_value){.name = strdup(name), .value = strdup(value)};
    parser->env_lines[config->env_count++] = line;
    parser->no_memory = parser->no_memory || variable->name == NULL || variable->value == NULL;
}

static void add_key(struct config_parser *parser, const char *key, const char *value, unsigned line)
{
    struct config_instance *instance = parser->current;

    if (instance == NULL) {
        if (!parser->refused) {
            config_error(parser, line, "%s stands before the first [section]", text_quote_string(key).text);
        }
        return;
    }
    instance->keys++;
    if (instance->group->free) {
        add_variable(parser, key, value, line);
        return;
    }
    for (size_t i = 0; i < instance->group->row_count; i++) {
        if (strcmp(instance->group->rows[i].key, key) != 0) {
            continue;
        }
        if (instance->texts[i] != NULL) {
            config_error(
                parser, line, "%s %s stands in line %u already", config_title(instance).text, key, instance->lines[i]);
            return;
        }
        instance->lines[i] = line;
        instance->texts[i] = strdup(value);
        parser->no_memory = parser->no_memory || instance->texts[i] == NULL;
        return;
    }
    refuse_unknown_key(parser, key, line);
}

/* Whether config_scan() has refused this line already: it has one error, not two. */
static bool line_is_bad(const struct config_parser *parser, unsigned line)
{
    for (size_t i = 0; i < parser->bad_lines; i++) {
        if (parser->error_lines[i] == line) {
            return true;
        }
    }
    return false;
}

/* inih's handler (see the patch): a new section is (section, NULL, NULL), a malformed line (section, NULL, what). */
static int take_line(void *user, const char *section, const char *key, const char *value, int number)
{
    struct config_parser *parser = user;
    unsigned line = (unsigned)number;
    bool bad = line_is_bad(parser, line);

    if (key != NULL) {
        if (!bad) {
            add_key(parser, key, value, line);
        } else if (parser->current != NULL) {
            parser->current->keys++;
        }
    } else if (bad) {
        parser->current = value == NULL || section[0] == '\0' ? NULL : parser->current;
        parser->refused = parser->refused || parser->current == NULL;
    } else if (value == NULL) {
        begin_section(parser, section, line);
    } else {
        config_error(parser, line, "%s", value);
        if (section[0] == '\0') { /* it was a section's line */
            parser->current = NULL;
            parser->refused = true;
        } else if (parser->current != NULL) {
            parser->current->keys++;
        }
    }
    return 1;
}

/* ---- Values ---- */

static void read_value(struct config_parser *parser, const struct config_instance *instance, size_t index)
{
    const struct config_row *row = &instance->group->rows[index];
    const char *text = instance->texts[index];
    struct reason why = {""};
    int error;

    if (text == NULL && row->standard == NULL) {
        config_error(
            parser, instance->line, "%s: %s is missing (%s)", config_title(instance).text, row->key, row->help);
        return;
    }
    if (text == NULL && row->standard[0] == '\0') {
        return;
    }
    error = row->type->read(row, text != NULL ? text : row->standard, instance->base, &why);
    if (error == -ENOMEM) {
        parser->no_memory = true;
    } else if (error < 0) {
        config_key_error(parser, instance, row->key, "%s", why.text);
    }
}

/* The defaults of the sections that the file does not have, and those that are no text. */
static void set_defaults(struct config_parser *parser)
{
    struct config *config = parser->config;

    config->app.endpoint = SIZE_MAX;
    for (size_t i = 0; i < CONFIG_SECTIONS; i++) {
        const struct config_group *group = &config_table[i];
        for (size_t k = 0; group->label == NULL && !group->required && k < group->row_count; k++) {
            const struct config_row *row = &group->rows[k];
            if (config_instance(parser, (enum config_section)i, 0) == NULL && row->standard != NULL &&
                row->standard[0] != '\0' && row->type->read(row, row->standard, config, NULL) < 0) {
                parser->no_memory = true;
            }
        }
    }
}

static void read_values(struct config_parser *parser)
{
    set_defaults(parser);
    for (size_t i = 0; i < parser->instance_count; i++) {
        const struct config_instance *instance = &parser->instances[i];
        if (instance->keys == 0) {
            config_error(parser, instance->line, "%s is empty (add a key, or remove it)", config_title(instance).text);
        }
        for (size_t k = 0; instance->keys > 0 && k < instance->group->row_count; k++) {
            read_value(parser, instance, k);
        }
    }
}

static void free_parser(struct config_parser *parser)
{
    for (size_t i = 0; i < parser->instance_count; i++) {
        free(parser->instances[i].label);
        for (size_t k = 0; k < CONFIG_KEYS_MAX; k++) {
            free(parser->instances[i].texts[k]);
        }
    }
    free(parser->instances);
    free(parser->env_lines);
}

static void parse(struct config_parser *parser, char *text, size_t size)
{
    parser->config->env = calloc(CONFIG_VALUES_MAX, sizeof *parser->config->env);
    parser->env_lines = calloc(CONFIG_VALUES_MAX, sizeof *parser->env_lines);
    if (parser->config->env == NULL || parser->env_lines == NULL) {
        parser->no_memory = true;
        return;
    }
    config_scan(parser, text, size);
    (void)ini_parse_string(text, take_line, parser); /* its errors have all come through take_line() */
    if (parser->no_memory || !config_make_elements(parser)) {
        parser->no_memory = true;
        return;
    }
    read_values(parser);
    config_check(parser);
}

int config_parse(struct config *config, const char *name, const char *text, size_t size, struct config_report *report)
{
    struct config_parser parser = {.config = config, .report = report, .name = name};
    char *copy;

    *config = (struct config){0};
    *report = (struct config_report){0};
    if (size > CONFIG_FILE_MAX) {
        config_error(&parser, 1, "the file has more than %d bytes", CONFIG_FILE_MAX);
        return parser.no_memory ? -ENOMEM : -EINVAL;
    }
    copy = malloc(size + 1);
    if (copy == NULL) {
        return -ENOMEM;
    }
    memcpy(copy, text, size);
    copy[size] = '\0';
    parse(&parser, copy, size);
    free(copy);
    free_parser(&parser);
    return parser.no_memory ? -ENOMEM : report->error_count > 0 ? -EINVAL : 0;
}

/* ---- What a configuration answers ---- */

const struct config_endpoint *config_endpoint_find(const struct config *config, const char *host, uint16_t port)
{
    for (size_t i = 0; i < config->endpoint_count; i++) {
        if (config->endpoints[i].port == port && strcasecmp(config->endpoints[i].host, host) == 0) {
            return &config->endpoints[i];
        }
    }
    return NULL;
}

const struct config_identity *config_identity_find(const struct config *config, bool server)
{
    for (size_t i = 0; i < config->identity_count; i++) {
        if ((strcmp(config->identities[i].label, CONFIG_IDENTITY_SERVER) == 0) == server) {
            return &config->identities[i];
        }
    }
    return NULL;
}

bool config_is_gateway(const struct config *config)
{
    return config->app.built_in && config->app.run != NULL && strcmp(config->app.run, CONFIG_RUN_GATEWAY) == 0;
}

bool config_serves_tls(const struct config *config)
{
    for (size_t i = 0; i < config->inbound_count; i++) {
        if (config->inbound[i].tls == CONFIG_INBOUND_MUTUAL) {
            return true;
        }
    }
    return false;
}

static bool listed(char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

bool config_secret_listed(const struct config *config, const char *name)
{
    return listed(config->secrets.required, config->secrets.required_count, name) ||
           listed(config->secrets.optional, config->secrets.optional_count, name);
}

int config_packed_path(const char *file, char *path, size_t path_size)
{
    int length = file[0] == '/' ? snprintf(path, path_size, "%s", file)
                                : snprintf(path, path_size, CONFIG_FILES_FOLDER "/%s", file);

    return length < 0 || (size_t)length >= path_size ? -ENAMETOOLONG : 0;
}

size_t config_ca_count(const struct config *config)
{
    return config->endpoint_count + config->inbound_count;
}

static const char *ca_named(const struct config *config, size_t place)
{
    return place < config->endpoint_count ? config->endpoints[place].ca_file
                                          : config->inbound[place - config->endpoint_count].ca_file;
}

const char *config_ca_file(const struct config *config, size_t place)
{
    const char *file = ca_named(config, place);

    for (size_t i = 0; i < place && file != NULL; i++) {
        const char *earlier = ca_named(config, i);
        if (earlier != NULL && strcmp(earlier, file) == 0) {
            return NULL;
        }
    }
    return file;
}
