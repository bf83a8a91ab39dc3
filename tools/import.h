/* import: the hosts of an allowed_endpoints.yaml as endpoints of an enclave.ini, and what there is to say of each. */
#ifndef INGOT_TOOLS_IMPORT_H
#define INGOT_TOOLS_IMPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/reason.h"

/*
 * What people have is a YAML file whose key `endpoints` holds a list of host names. Read are, besides that:
 *
 *   a list without a key; the keys allowed_endpoints and allowlist (AWS's vsock-proxy)
 *   null, an empty list, an empty file                nothing, and a warning
 *   HOST, HOST:PORT, http(s):// and ws(s):// URLs      a path is dropped with a warning: the relay sees no paths
 *   {host or address or url: HOST, port: PORT}, and HOST: PORT
 *
 * Everything that is not plainly a host is left out and said, with its line. An anchor, an alias or a tag refuses the
 * file: nothing is expanded. libyaml gives events, and nothing here recurses.
 */
#define IMPORT_FILE_MAX (256 * 1024) /* bytes */
#define IMPORT_DEPTH_MAX 8           /* lists and tables in one another */
#define IMPORT_NOTES_MAX 200         /* shown of one file */

struct import_endpoint {
    char *label; /* the host, or HOST-PORT where the host is there already */
    char *host;  /* as enclave.ini takes it */
    uint16_t port;
    bool clear; /* http, ws: no TLS */
    unsigned line;
};

struct import_note {
    unsigned line;
    bool left_out; /* the entry is not among the endpoints; otherwise a warning */
    struct reason sentence;
};

struct import {
    struct import_endpoint *endpoints; /* in the file's order, hosts and ports unlike; at most CONFIG_ENDPOINTS_MAX */
    size_t count;
    struct import_note *notes; /* in the file's order */
    size_t note_count;
    size_t notes_lost; /* beyond IMPORT_NOTES_MAX */
    size_t left_out;   /* entries and other parts that were not taken */
    unsigned line;     /* of the error, where import_read() fails; 0: of none */
};

/*
 * Reads size bytes of YAML. 0, also where something was left out; -EINVAL for what is no YAML or no list of hosts;
 * -ENOMEM. import_free() in either case: the notes up to the error are there, and their endpoints.
 */
int import_read(struct import *import, const char *text, size_t size, struct reason *why);
void import_free(struct import *import);

/* Prints the endpoints as sections of an enclave.ini, each with an empty line first. */
void import_print(const struct import *import, FILE *out);

/* ---- Between the reader of YAML (import_yaml.c) and the reader of one entry (import_entry.c) ---- */

struct import_entry {
    unsigned line;
    const char *text;     /* a host in one of its forms */
    const char *port;     /* of a table's `port`, NULL without one */
    unsigned port_hinted; /* that a comment beside the entry names; 0: none */
};

/* A warning, or with left_out a part that is not taken. Returns 0; -ENOMEM. */
int import_note(struct import *import, unsigned line, bool left_out, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Takes one entry, or notes why not. 0; -EINVAL with a sentence where the file has too many; -ENOMEM. */
int import_take(struct import *import, const struct import_entry *entry, struct reason *why);

/* The port that a comment speaks of ("port 8080", ":8080"); 0: none. */
unsigned import_port_in_comment(const char *comment, size_t size);

#endif
