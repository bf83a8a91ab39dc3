/* import_entry: one host as people write it in YAML: name, URL, name and port, address; what it means, or why not. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "image/config.h"
#include "image/config_table.h"
#include "tools/import.h"

#define TEXT_MAX 2000 /* bytes of an entry; a URL that people write is shorter */

static const struct scheme {
    const char *name;
    unsigned port;
    bool clear;
} schemes[] = {{"https", 443, false}, {"wss", 443, false}, {"http", 80, true}, {"ws", 80, true}};

int import_note(struct import *import, unsigned line, bool left_out, const char *format, ...)
{
    struct import_note *notes;
    va_list args;

    import->left_out += left_out ? 1 : 0;
    if (import->note_count == IMPORT_NOTES_MAX) {
        import->notes_lost++;
        return 0;
    }
    notes = realloc(import->notes, (import->note_count + 1) * sizeof *notes);
    if (notes == NULL) {
        return -ENOMEM;
    }
    import->notes = notes;
    notes += import->note_count++;
    *notes = (struct import_note){.line = line, .left_out = left_out};
    va_start(args, format);
    (void)vsnprintf(notes->sentence.text, sizeof notes->sentence.text, format, args);
    va_end(args);
    return 0;
}

/* An entry while it is read. buffer holds its text; host points into it. */
struct host {
    struct import *import;
    const struct import_entry *entry;
    const struct scheme *scheme; /* NULL: none was written */
    char buffer[TEXT_MAX + 1];
    char *host;
    unsigned port; /* 0: none was written */
};

#define QUOTE(h) text_quote_string((h)->entry->text).text
#define LEFT_OUT 1 /* what a step returns when the entry is done with; its note is written */

#define leave_out(h, ...) (import_note((h)->import, (h)->entry->line, true, __VA_ARGS__) < 0 ? -ENOMEM : LEFT_OUT)
#define warn(h, ...) import_note((h)->import, (h)->entry->line, false, __VA_ARGS__)

static int copy_text(struct host *host)
{
    const char *text = host->entry->text + strspn(host->entry->text, " \t");
    size_t size = strlen(text);

    while (size > 0 && (text[size - 1] == ' ' || text[size - 1] == '\t')) {
        size--;
    }
    if (size > TEXT_MAX) {
        return leave_out(host, "%s: too long for a host", QUOTE(host));
    }
    if (size == 0) {
        return warn(host, "an empty entry is passed over") < 0 ? -ENOMEM : LEFT_OUT;
    }
    memcpy(host->buffer, text, size);
    host->buffer[size] = '\0';
    host->host = host->buffer;
    if (text[strcspn(text, " \t\r\n,;")] != '\0' && strcspn(text, " \t\r\n,;") < size) {
        return leave_out(
            host, "%s: more than one word (write each host on a line of its own, behind \"- \")", QUOTE(host));
    }
    return 0;
}

static int cut_scheme(struct host *host)
{
    char *colon = strstr(host->host, "://");

    if (colon == NULL) {
        return 0;
    }
    *colon = '\0';
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        if (strcasecmp(host->host, schemes[i].name) == 0) {
            host->scheme = &schemes[i];
            host->host = colon + 3;
            return 0;
        }
    }
    return leave_out(
        host, "%s: the port of this scheme is not known here (write HOST:PORT)", text_quote_string(host->host).text);
}

static int cut_path(struct host *host)
{
    size_t size = strcspn(host->host, "/?#");
    bool more = host->host[size] != '\0' && strcmp(host->host + size, "/") != 0;

    host->host[size] = '\0';
    if (strchr(host->host, '@') != NULL) {
        return leave_out(
            host, "a user name or password stands in this entry, which is not shown here (write only the host)");
    }
    if (!more) {
        return 0;
    }
    return warn(host, "%s: the path is dropped: an endpoint is a host and a port, whatever the path", QUOTE(host));
}

/* Whether the text is an IPv6 address, in brackets or not. */
static bool is_address6(const char *text)
{
    unsigned char address[16];

    return text[0] == '[' || inet_pton(AF_INET6, text, address) == 1;
}

static int cut_port(struct host *host)
{
    char *colon = strchr(host->host, ':');
    uint64_t port;

    if (colon == NULL || is_address6(host->host)) {
        return 0;
    }
    if (!text_number(colon + 1, 1, 65535, &port)) {
        return leave_out(host, "%s: behind the colon is no port (1–65535)", QUOTE(host));
    }
    *colon = '\0';
    host->port = (unsigned)port;
    return host->scheme == NULL ? warn(host, "%s: read as host and port", QUOTE(host)) : 0;
}

/* What can be no name, with better words than "other characters". */
static int refuse_nameless(struct host *host)
{
    unsigned char address[4];
    const char *name = host->host;

    if (strchr(name, '*') != NULL) {
        return leave_out(host,
            "%s: a wildcard names no host: nothing but listed names resolves in the enclave (write each)", QUOTE(host));
    }
    if (inet_pton(AF_INET, name, address) == 1 || is_address6(name)) {
        return leave_out(host,
            "%s: an address, but the application needs a name to connect to (invent one for its [endpoint]; on the "
            "parent: "
            "ingot proxy --connect-to NAME:PORT=ADDRESS:PORT)",
            QUOTE(host));
    }
    for (const char *p = name; *p != '\0'; p++) {
        if ((unsigned char)*p >= 0x80) {
            return leave_out(host, "%s: not ASCII (write the name in its xn-- form)", QUOTE(host));
        }
    }
    return 0;
}

/* Makes the name what enclave.ini takes: *checked is malloc'd. */
static int check_name(struct host *host, char **checked)
{
    const struct config_row *row = config_row(CONFIG_ENDPOINT, "host");
    struct config_endpoint endpoint = {0};
    size_t size = strlen(host->host);
    struct reason why;
    int error;

    if (size > 1 && host->host[size - 1] == '.') {
        host->host[size - 1] = '\0';
        if (warn(host, "%s: the dot at the end is dropped", QUOTE(host)) < 0) {
            return -ENOMEM;
        }
    }
    error = row->type->read(row, host->host, &endpoint, &why);
    *checked = endpoint.host; /* its owner from here on, whatever the answer */
    if (error == -EINVAL) {
        return leave_out(host, "%s: %s", QUOTE(host), why.text);
    }
    if (error == 0 && strchr(host->host, '.') == NULL) {
        error = warn(host, "%s: a name without a dot: the parent instance must be able to resolve it", QUOTE(host));
    }
    return error;
}

static int choose_port(struct host *host)
{
    uint64_t stated = 0;

    if (host->entry->port != NULL && !text_number(host->entry->port, 1, 65535, &stated)) {
        return leave_out(
            host, "%s: port %s is no port (1–65535)", QUOTE(host), text_quote_string(host->entry->port).text);
    }
    if (stated != 0 && host->port != 0 && stated != host->port) {
        return leave_out(
            host, "%s: two ports, %u here and %u behind `port`", QUOTE(host), host->port, (unsigned)stated);
    }
    if (stated != 0) {
        host->port = (unsigned)stated;
    } else if (host->port == 0) {
        host->port = host->scheme != NULL ? host->scheme->port : 443;
    }
    if (host->entry->port_hinted != 0 && host->entry->port_hinted != host->port &&
        warn(host,
            "%s: a comment beside it names port %u, and comments are not read: taken with port %u (if that is wrong, "
            "set port =)",
            QUOTE(host), host->entry->port_hinted, host->port) < 0) {
        return -ENOMEM;
    }
    if (host->scheme != NULL && host->scheme->clear) {
        return warn(host, "%s: in clear, so it becomes tls = none: the parent instance reads and changes all of it",
            QUOTE(host));
    }
    if (host->scheme == NULL && host->port == 80) {
        return warn(host, "%s: port 80 is seldom TLS: if it is in clear, write tls = none", QUOTE(host));
    }
    return 0;
}

static const struct import_endpoint *find_label(const struct import *import, const char *label)
{
    for (size_t i = 0; i < import->count; i++) {
        if (strcmp(import->endpoints[i].label, label) == 0) {
            return &import->endpoints[i];
        }
    }
    return NULL;
}

static const struct import_endpoint *find_host(const struct import *import, const char *name, unsigned port)
{
    for (size_t i = 0; i < import->count; i++) {
        if (import->endpoints[i].port == port && strcmp(import->endpoints[i].host, name) == 0) {
            return &import->endpoints[i];
        }
    }
    return NULL;
}

/* Appends the endpoint, which owns name from then on. */
static int append(struct host *host, char *name, struct reason *why)
{
    struct import *import = host->import;
    struct import_endpoint *list;
    char label[CONFIG_HOST_MAX + sizeof "-65535"];

    (void)snprintf(label, sizeof label, "%s", name);
    if (find_label(import, label) != NULL) {
        (void)snprintf(label, sizeof label, "%s-%u", name, host->port);
    }
    if (find_label(import, label) != NULL || strlen(label) > CONFIG_HOST_MAX) {
        return leave_out(host, "%s: no label is left for it (write its section by hand)", QUOTE(host));
    }
    if (import->count == CONFIG_ENDPOINTS_MAX) {
        import->line = host->entry->line;
        return reason_set(why, -EINVAL, "more than %d hosts", CONFIG_ENDPOINTS_MAX);
    }
    list = realloc(import->endpoints, (import->count + 1) * sizeof *list);
    if (list == NULL) {
        return -ENOMEM;
    }
    import->endpoints = list;
    list += import->count;
    *list = (struct import_endpoint){.label = strdup(label),
        .port = (uint16_t)host->port,
        .clear = host->scheme != NULL && host->scheme->clear,
        .line = host->entry->line};
    if (list->label == NULL) {
        return -ENOMEM;
    }
    list->host = name;
    import->count++;
    return 0;
}

int import_take(struct import *import, const struct import_entry *entry, struct reason *why)
{
    static int (*const steps[])(struct host *) = {
        copy_text, cut_scheme, cut_path, cut_port, refuse_nameless, choose_port};
    struct host host = {.import = import, .entry = entry};
    const struct import_endpoint *earlier;
    char *name = NULL;
    int error = 0;

    for (size_t i = 0; i < sizeof steps / sizeof steps[0] && error == 0; i++) {
        error = steps[i](&host);
    }
    if (error == 0) {
        error = check_name(&host, &name);
    }
    if (error != 0) {
        goto done;
    }
    earlier = find_host(import, name, host.port);
    if (earlier != NULL) {
        error = import_note(import, entry->line, false, "%s: is on line %u already",
            text_quote_string(entry->text).text, earlier->line);
        goto done;
    }
    error = append(&host, name, why);
    if (error == 0) {
        return 0;
    }
done:
    free(name);
    return error == LEFT_OUT ? 0 : error == -ENOMEM ? reason_system(why, error, "no memory") : error;
}

void import_free(struct import *import)
{
    for (size_t i = 0; i < import->count; i++) {
        free(import->endpoints[i].label);
        free(import->endpoints[i].host);
    }
    free(import->endpoints);
    free(import->notes);
    *import = (struct import){0};
}

/* Whether the text that ends before end (begins at start) says "port" last, but for blanks and ":", "=", "(", "#". */
static bool says_port(const char *start, const char *end)
{
    while (end > start && strchr(" \t:=(#", end[-1]) != NULL) {
        end--;
    }
    if (end > start && (end[-1] == 's' || end[-1] == 'S')) {
        end--;
    }
    return end - start >= 4 && strncasecmp(end - 4, "port", 4) == 0 &&
           (end - start == 4 || !isalnum((unsigned char)end[-5]));
}

unsigned import_port_in_comment(const char *comment, size_t size)
{
    const char *end = comment + size;

    for (const char *p = comment; p < end; p++) {
        const char *digits = p;
        unsigned port = 0;
        while (p < end && isdigit((unsigned char)*p) && p - digits < 6) {
            port = port * 10 + (unsigned)(*p++ - '0');
        }
        /* A colon alone tells a port from a time of day by its third digit. */
        if (p > digits && port >= 1 && port <= 65535 && (p == end || !isalnum((unsigned char)*p)) &&
            (says_port(comment, digits) || (digits > comment && digits[-1] == ':' && p - digits >= 3))) {
            return port;
        }
    }
    return 0;
}
