/* config: enclave.ini read into one structure, checked in full, every error with its line and what to do. */
#ifndef INGOT_IMAGE_CONFIG_H
#define INGOT_IMAGE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"

/*
 * The same text is read by `ingot build` and, measured, by PID 1 and each of its roles: config_parse() is the only
 * reader. One table (config.c) describes every section and key: parser, `ingot config`, "did you mean" and
 * enclave.ini(5) come from it.
 *
 * A struct config owns all its strings and arrays; config_free() releases them. Strings are valid UTF-8 without
 * control characters; a key that may be absent is NULL.
 */
#define CONFIG_FILE_MAX (256 * 1024) /* bytes of an enclave.ini */
#define CONFIG_HOST_MAX 253          /* RFC 1035 §2.3.4, as text without the last dot */
#define CONFIG_NAME_MAX 64           /* image name, version, labels of [inbound] and [identity], names of variables */
#define CONFIG_ENDPOINTS_MAX 1024
#define CONFIG_INBOUND_MAX 64
#define CONFIG_VALUES_MAX 256 /* [env] entries; names in each of required and optional; words of args */
#define CONFIG_ALLOW_MAX 256  /* clients of one [inbound] */
#define CONFIG_ROUTES_MAX 256
#define CONFIG_METHOD_MAX 16  /* bytes of a route's method */
#define CONFIG_PATH_MAX 200   /* bytes of a route's path, here and at the service */
#define CONFIG_FIELDS_MAX 32  /* names of fields that a route lets through besides the usual ones */
#define CONFIG_ERRORS_MAX 100 /* errors shown of one file */

/* Where the enclave sees the first endpoint host; the next distinct hosts follow (…, .255, 127.0.1.0, …). */
#define CONFIG_FIRST_ADDRESS 0x7f000040u /* 127.0.0.64, host byte order */
#define CONFIG_FIRST_VSOCK 8101u

/* Places inside the image that more than one program must agree on. */
#define CONFIG_PATH_INI "app/enclave.ini"
#define CONFIG_PATH_ROOTFS "app/rootfs"
#define CONFIG_PATH_MANIFEST "app/manifest"
#define CONFIG_CERTS_FOLDER "/opt/enclave/certs" /* inside rootfs; filled after an accepted push */
#define CONFIG_FILES_FOLDER "/opt/enclave/files" /* inside rootfs; where build puts ca = FILE and [identity] files */

/* The pushed names that carry certificate, key and CA as JSON: of whom we are to services, and to our clients. */
#define CONFIG_SECRET_IDENTITY "MTLS_CLIENT_CERT_JSON"
#define CONFIG_SECRET_SERVER "MTLS_SERVER_CERT_JSON"
/* The label of the [identity] that clients see; one of any other label is shown to services. */
#define CONFIG_IDENTITY_SERVER "server"
/* The parent answers the heartbeat on this vsock port, so no endpoint can have it. */
#define CONFIG_HEARTBEAT_PORT 9000u
/* The built-in application that [route METHOD PATH] is for, and the paths that it answers itself. */
#define CONFIG_RUN_GATEWAY "gateway"
#define CONFIG_PATH_HEALTH "/health"
#define CONFIG_PATH_METRICS "/metrics"
/* The label of the [inbound] port on which PID 1 itself answers; it is not among config.inbound. */
#define CONFIG_STATUS "status"

enum config_restart { CONFIG_RESTART_ON_FAILURE, CONFIG_RESTART_ALWAYS, CONFIG_RESTART_NEVER };
enum config_secrets { CONFIG_SECRETS_NONE, CONFIG_SECRETS_PLAIN }; /* NONE: the file has no [secrets] */
enum config_again { CONFIG_AGAIN_REFUSE, CONFIG_AGAIN_IDENTITY, CONFIG_AGAIN_RESTART };
enum config_rotate { CONFIG_ROTATE_RESTART, CONFIG_ROTATE_SIGNAL, CONFIG_ROTATE_IGNORE };
enum config_tls { CONFIG_TLS_MUTUAL, CONFIG_TLS_SERVER, CONFIG_TLS_APP, CONFIG_TLS_NONE };

struct config_value {
    char *name;
    char *value;
};

struct config_endpoint {
    char *label;      /* what stands behind `endpoint` in the section's name */
    char *host;       /* lower case */
    uint16_t port;    /* what the application dials, and the default of what the parent dials */
    uint32_t vsock;   /* port on CID 3 */
    uint32_t address; /* host byte order; the same for all endpoints of one host */
    enum config_tls tls;
    bool ca_pushed; /* ca = pushed */
    char *ca_file;  /* ca = FILE, as written; config_packed_path() says where it lies in the image */
    bool has_pin;
    uint8_t pin[32];   /* SHA-256 of the SPKI DER, from pin = sha256/BASE64 */
    char *server_name; /* the name to verify; NULL: host */
    bool cn_allowed;
    bool eku_required;
    unsigned line;
};

enum config_inbound_tls { CONFIG_INBOUND_CLEAR, CONFIG_INBOUND_MUTUAL };

struct config_inbound {
    char *label;
    uint32_t vsock;   /* the enclave listens here */
    uint32_t address; /* to = ADDRESS:PORT, loopback only, host byte order */
    uint16_t port;
    enum config_inbound_tls tls;
    bool ca_pushed; /* as an endpoint's: what the clients' certificates must lead to */
    char *ca_file;
    bool eku_required;
    char **allow; /* names as x509_has_name() reads them, one of which a client must have; none: every client */
    size_t allow_count;
    unsigned line;
};

/* [identity LABEL]: certificate, key and CA files that build packs; whoever has the image has the key. */
struct config_identity {
    char *label;
    char *cert_file;
    char *key_file;
    char *ca_file; /* may be NULL */
    unsigned line;
};

/* [route METHOD PATH]: where requests of that method to that path go; only a gateway has them. */
struct config_route {
    char *label;     /* "POST /api/watermark" */
    char *method;    /* "POST" */
    char *path;      /* "/api/watermark"; with `below` the part before "*", which ends with "/" */
    bool below;      /* every path that begins with `path` */
    char *to;        /* the endpoint's label */
    size_t endpoint; /* index of the endpoint: tls = mutual, server or none */
    char *target;    /* what stands for `path` at the service, in the same form; never NULL */
    uint64_t body;   /* bytes of a request's body at the most */
    uint32_t rate;   /* requests a second at the most, all clients together; 0: no bound */
    char **headers;  /* names of request fields that pass besides the usual ones, lower case */
    size_t header_count;
    uint32_t retries; /* further attempts, of an idempotent method */
    uint32_t timeout; /* seconds: to the whole head of the answer, and between bytes after it */
    unsigned line;
};

struct config {
    struct {
        char *name;
        char *version;
        uint64_t memory; /* bytes, a multiple of 1 MiB, at least 64 MiB (the Nitro driver's minimum) */
        unsigned cpus;
    } image;
    struct {
        char *run; /* a built-in application's name, or an absolute path inside rootfs */
        bool built_in;
        char **args; /* arg_count strings, without argv[0] */
        size_t arg_count;
        enum config_restart restart;
        enum config_rotate on_rotate; /* of a program: what it is told of a new identity */
        size_t endpoint;              /* index of the endpoint that a built-in application calls; SIZE_MAX: none */
        uint32_t first_vsock;         /* the parent's port for the first endpoint that names none */
    } app;
    struct config_value *env;
    size_t env_count;
    struct {
        enum config_secrets mode;
        uint32_t port;
        char **required;
        size_t required_count;
        char **optional;
        size_t optional_count;
        enum config_again again;
    } secrets;
    struct config_endpoint *endpoints; /* in the file's order */
    size_t endpoint_count;
    struct config_inbound *inbound;
    size_t inbound_count;
    struct config_inbound status; /* [inbound status]; vsock is 0 where the file has none, `to` it never has */
    struct config_identity *identities;
    size_t identity_count;
    struct config_route *routes; /* in the file's order */
    size_t route_count;
    uint32_t log_port;    /* [log] to = vsock:3:PORT; 0: no log is sent */
    bool log_app;         /* what the application prints goes there too */
    unsigned connections; /* [limits] connections: relayed connections at the same time, in both directions together */
};

/*
 * All errors of one file, in the order of their lines, each "NAME:LINE: sentence". `lost` counts those beyond
 * CONFIG_ERRORS_MAX. Warnings (tls = none, a packed key) are lines of the same form and do not make the parse fail.
 */
struct config_report {
    char **errors;
    size_t error_count;
    size_t lost;
    char **warnings;
    size_t warning_count;
};

/*
 * Reads size bytes of text, called name in messages. *config and *report are filled in (release both in either case).
 * 0; -EINVAL with at least one error in the report; -ENOMEM.
 */
int config_parse(struct config *config, const char *name, const char *text, size_t size, struct config_report *report);
void config_free(struct config *config);
void config_report_free(struct config_report *report);

/*
 * The configuration as INI text with every default said; reading it gives the same configuration. *text is malloc'd.
 * 0 or -ENOMEM. The configuration must have been read without errors.
 */
int config_print(const struct config *config, char **text);

/* The endpoint whose host (any case) and port these are; NULL where there is none. */
const struct config_endpoint *config_endpoint_find(const struct config *config, const char *host, uint16_t port);

/* The packed identity for services, or (server) for clients; NULL where the image has none. */
const struct config_identity *config_identity_find(const struct config *config, bool server);

/*
 * The route of a request (its target's path, without the query): among those of its method the one of exactly this
 * path, else the one with the longest path that stands before it; HEAD goes where GET does. NULL where there is none:
 * *path_known says whether another method has a route there (405, not 404).
 *
 * Bytes are compared as they are, nothing is decoded. No route with `below` takes a path that is not plain behind the
 * prefix.
 */
const struct config_route *config_route_find(const struct config *config, const char *method, size_t method_size,
    const char *path, size_t path_size, bool *path_known);

/* Whether a request to that path can be this route's, whatever its method. */
bool config_route_covers(const struct config_route *route, const char *path, size_t path_size);

/*
 * Whether every reader takes the path for the same one: it has no empty segment but the last, no "." or "..", also
 * behind percent signs or before ";", and no slash, backslash, control character, letter, digit or "-._~" behind
 * percent signs.
 */
bool config_path_is_plain(const char *path, size_t path_size);

/* Whether the application is the gateway. */
bool config_is_gateway(const struct config *config);

/* Whether any [inbound] has tls = mutual. */
bool config_serves_tls(const struct config *config);

/* Whether a pushed name is in required or optional. */
bool config_secret_listed(const struct config *config, const char *name);

/*
 * Where a FILE of the configuration (`ca`, `cert`, `key`) lies inside rootfs: an absolute path is that path, a relative
 * one (no "..") is a file beside enclave.ini that build puts into CONFIG_FILES_FOLDER. 0 or -ENAMETOOLONG.
 */
int config_packed_path(const char *file, char *path, size_t path_size);
/*
 * The measured CAs by their place, of endpoints first, then of inbound ports: the file, as written. NULL: none is named
 * there, or an earlier place names the same.
 */
size_t config_ca_count(const struct config *config);
const char *config_ca_file(const struct config *config, size_t place);

#endif
