/* config_table: the one table of enclave.ini: sections, keys, types, bounds, defaults, help. */
#ifndef INGOT_IMAGE_CONFIG_TABLE_H
#define INGOT_IMAGE_CONFIG_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "image/config.h"

#define CONFIG_KEYS_MAX 10 /* rows of one section */

struct config_row;

/*
 * How the values of one type are read and printed. base is the structure a row's place counts from: struct config, or
 * one element (struct config_endpoint, …).
 */
struct config_type {
    /* 0; -EINVAL with what is wrong and what to do, without the value; -ENOMEM. base gets what it owns from then on. */
    int (*read)(const struct config_row *row, const char *text, void *base, struct reason *why);
    /* Writes the line "key = value" as config_parse() reads it; nothing where the value is absent. */
    void (*print)(const struct config_row *row, const void *base, FILE *out);
    const char *form; /* what stands for a value in enclave.ini(5) */
};

struct config_row {
    const char *key;
    const struct config_type *type;
    size_t place;         /* of the field from base */
    size_t width;         /* of the field, for numbers and choices */
    size_t more;          /* of a second field that the type fills in, where it has one */
    uint64_t min;         /* of a number; the first choice's number; the fewest bytes of a text */
    uint64_t max;         /* of a number; the most bytes of a text */
    const char *choices;  /* "a|b|c", in the order of their numbers */
    const char *units;    /* of a size, the smallest first: letters of "KMGT" */
    const char *later;    /* choices of a later version, refused in other words */
    const char *standard; /* the default as text; "": may be absent; NULL: must be there */
    const char *help;
};

/* The row's field in base, and its second one. */
static inline void *config_row_field(const struct config_row *row, void *base)
{
    return (char *)base + row->place;
}

static inline const void *config_row_field_of(const struct config_row *row, const void *base)
{
    return (const char *)base + row->place;
}

static inline void *config_row_more(const struct config_row *row, void *base)
{
    return (char *)base + row->more;
}

static inline const void *config_row_more_of(const struct config_row *row, const void *base)
{
    return (const char *)base + row->more;
}

enum config_section {
    CONFIG_IMAGE,
    CONFIG_APP,
    CONFIG_ENV,
    CONFIG_SECRETS,
    CONFIG_ENDPOINT,
    CONFIG_INBOUND,
    CONFIG_IDENTITY,
    CONFIG_ROUTE,
    CONFIG_LOG,
    CONFIG_LIMITS,
    CONFIG_SECTIONS
};

struct config_group {
    const char *name;
    const char *label; /* what stands for it in [name LABEL], of which there may be several; NULL: it has none */
    /* Whether label can stand there; says why not. NULL: it is letters, digits, '.', '_', '-'. */
    int (*check_label)(const char *label, struct reason *why);
    bool required;
    bool free; /* keys are names of variables, values any text; no rows */
    const struct config_row *rows;
    size_t row_count;
    size_t label_max; /* bytes of a label */
    size_t max;       /* sections of this name */
    const char *help;
};

extern const struct config_group config_table[CONFIG_SECTIONS];

/* The row of a key in its section: the programs that need a certain one name it so. It must exist. */
const struct config_row *config_row(enum config_section section, const char *key);

/* Whether label is "METHOD PATH"; says why not (config_routes.c). */
int config_check_route_label(const char *label, struct reason *why);

/* ---- Types (config_types.c, config_lists.c, config_routes.c) ---- */
extern const struct config_type config_type_name;        /* char *: letters, digits, '.', '_', '-' */
extern const struct config_type config_type_size;        /* uint64_t bytes: 64M, 1G */
extern const struct config_type config_type_number;      /* unsigned of any width */
extern const struct config_type config_type_port;        /* the same, called a port */
extern const struct config_type config_type_choice;      /* enum or bool */
extern const struct config_type config_type_host;        /* char *, lower case */
extern const struct config_type config_type_server_name; /* char *: host name or address */
extern const struct config_type config_type_file;        /* char * */
extern const struct config_type config_type_ca;          /* char * FILE; more: bool pushed */
extern const struct config_type config_type_pin;         /* uint8_t[32]; more: bool */
extern const struct config_type config_type_names;       /* char **; more: size_t count */
extern const struct config_type config_type_words;       /* the same */
extern const struct config_type config_type_clients;     /* the same: DNS:a.example "CN=a b" */
extern const struct config_type config_type_run;         /* char *; more: bool built in */
extern const struct config_type config_type_loopback;    /* uint32_t address; more: uint16_t port */
extern const struct config_type config_type_parent;      /* uint32_t port, of vsock:3:PORT */
extern const struct config_type config_type_label;       /* of an [endpoint]; resolved by config_check() */
extern const struct config_type config_type_endpoint;    /* char *: the same, as it is written */
extern const struct config_type config_type_target;      /* char *: a path; more: bool below */
extern const struct config_type config_type_fields;      /* char **; more: size_t count; lower case */

/* A size in the largest of the row's units of which it is a whole number. */
#define CONFIG_SIZE_TEXT 24
void config_size_text(const struct config_row *row, uint64_t size, char text[static CONFIG_SIZE_TEXT]);

/* Whether name can be a variable's: a letter or "_", then letters, digits, "_"; at most CONFIG_NAME_MAX. */
bool config_variable_valid(const char *name);
/* What a variable of this name steers ("the dynamic loader"), NULL for a harmless one (config_names.c). */
const char *config_variable_steers(const char *name);

#endif
