/* config_table: the one table of enclave.ini: sections, keys, types, bounds, defaults, help. */
#include "image/config_table.h"

#include <stdlib.h>
#include <string.h>

#define FIELD(type, field) .place = offsetof(type, field), .width = sizeof((type *)0)->field
#define MORE(type, field) .more = offsetof(type, field)
#define VSOCK_PORT_MAX 0xfffffffeu /* VMADDR_PORT_ANY is the one above */
#define MIB (UINT64_C(1) << 20)

static const struct config_row image_rows[] = {
    {.key = "name",
        .type = &config_type_name,
        FIELD(struct config, image.name),
        .min = 1,
        .max = CONFIG_NAME_MAX,
        .help = "the image's name; describe shows it"},
    {.key = "version",
        .type = &config_type_name,
        FIELD(struct config, image.version),
        .min = 1,
        .max = CONFIG_NAME_MAX,
        .standard = "0.0.0",
        .help = "the image's version; describe shows it"},
    {.key = "memory",
        .type = &config_type_size,
        FIELD(struct config, image.memory),
        .min = 64 * MIB,
        .max = (UINT64_C(1) << 20) * MIB,
        .standard = "64M",
        .help = "memory the enclave is meant to get; build says the smallest that holds the image"},
    {.key = "cpus",
        .type = &config_type_number,
        FIELD(struct config, image.cpus),
        .min = 1,
        .max = 128,
        .standard = "2",
        .help = "CPUs the enclave is meant to get"},
};

static const struct config_row app_rows[] = {
    {.key = "run",
        .type = &config_type_run,
        FIELD(struct config, app.run),
        MORE(struct config, app.built_in),
        .max = 1000,
        .choices = "watermark",
        .help = "a built-in application's name, or the absolute path of a program inside rootfs"},
    {.key = "args",
        .type = &config_type_words,
        FIELD(struct config, app.args),
        MORE(struct config, app.arg_count),
        .max = CONFIG_VALUES_MAX,
        .standard = "",
        .help = "the program's arguments, split at spaces; \"…\" holds a word together, with \\\" and \\\\ inside"},
    {.key = "restart",
        .type = &config_type_choice,
        FIELD(struct config, app.restart),
        .choices = "on-failure|always|never",
        .standard = "on-failure",
        .help = "when the application is started again after it ended"},
    {.key = "on-rotate",
        .type = &config_type_choice,
        FIELD(struct config, app.on_rotate),
        .choices = "restart|signal|ignore",
        .standard = "restart",
        .help = "what a program is told of a new identity ([secrets] again = identity): signal is SIGHUP"},
    {.key = "endpoint",
        .type = &config_type_label,
        FIELD(struct config, app.endpoint),
        .max = CONFIG_HOST_MAX,
        .standard = "",
        .help = "label of the [endpoint] that a built-in application calls; default: the only one with tls = mutual"},
    {.key = "first-vsock",
        .type = &config_type_port,
        FIELD(struct config, app.first_vsock),
        .min = 1,
        .max = VSOCK_PORT_MAX,
        .standard = "8101",
        .help = "the parent's vsock port for the first [endpoint]; the next ones follow"},
};

static const struct config_row secrets_rows[] = {
    {.key = "mode",
        .type = &config_type_choice,
        FIELD(struct config, secrets.mode),
        .min = CONFIG_SECRETS_PLAIN,
        .choices = "plain",
        .later = "sealed",
        .help = "plain: the parent instance reads what is pushed; there is no default, so that this is said"},
    {.key = "port",
        .type = &config_type_port,
        FIELD(struct config, secrets.port),
        .min = 1,
        .max = VSOCK_PORT_MAX,
        .standard = "7777",
        .help = "the vsock port on which the enclave takes the push"},
    {.key = "required",
        .type = &config_type_names,
        FIELD(struct config, secrets.required),
        MORE(struct config, secrets.required_count),
        .max = CONFIG_VALUES_MAX,
        .standard = "",
        .help = "names that a push must hold"},
    {.key = "optional",
        .type = &config_type_names,
        FIELD(struct config, secrets.optional),
        MORE(struct config, secrets.optional_count),
        .max = CONFIG_VALUES_MAX,
        .standard = "",
        .help = "names that a push may hold; any other refuses it"},
    {.key = "again",
        .type = &config_type_choice,
        FIELD(struct config, secrets.again),
        .choices = "refuse|identity|restart",
        .standard = "refuse",
        .help = "what a push after an accepted one does: nothing; replaces the identity alone; all, with a restart"},
};

static const struct config_row endpoint_rows[] = {
    {.key = "host",
        .type = &config_type_host,
        FIELD(struct config_endpoint, host),
        .max = CONFIG_HOST_MAX,
        .standard = "",
        .help = "the name that the application connects to; default: the section's label"},
    {.key = "port",
        .type = &config_type_port,
        FIELD(struct config_endpoint, port),
        .min = 1,
        .max = 65535,
        .standard = "443",
        .help = "the port that the application connects to"},
    {.key = "vsock",
        .type = &config_type_port,
        FIELD(struct config_endpoint, vsock),
        .min = 1,
        .max = VSOCK_PORT_MAX,
        .standard = "",
        .help = "the parent's vsock port; default: first-vsock + the endpoint's place in the file"},
    {.key = "tls",
        .type = &config_type_choice,
        FIELD(struct config_endpoint, tls),
        .choices = "mutual|server|app|none",
        .help = "mutual, server: the built-in application's TLS; app: the program does it; none: in clear"},
    {.key = "ca",
        .type = &config_type_ca,
        FIELD(struct config_endpoint, ca_file),
        MORE(struct config_endpoint, ca_pushed),
        .min = 1,
        .max = 1000,
        .standard = "",
        .help = "with mutual and server: a PEM FILE that is measured, or pushed: whatever the push brings is trusted"},
    {.key = "pin",
        .type = &config_type_pin,
        FIELD(struct config_endpoint, pin),
        MORE(struct config_endpoint, has_pin),
        .standard = "",
        .help = "sha256/BASE64 of the server key's SPKI; no other key is accepted"},
    {.key = "server-name",
        .type = &config_type_server_name,
        FIELD(struct config_endpoint, server_name),
        .max = CONFIG_HOST_MAX,
        .standard = "",
        .help = "the name in the server's certificate; default: host"},
    {.key = "cn",
        .type = &config_type_choice,
        FIELD(struct config_endpoint, cn_allowed),
        .choices = "refused|allowed",
        .standard = "refused",
        .help = "whether a certificate without a subjectAltName may name the host in its CN"},
};

static const struct config_row inbound_rows[] = {
    {.key = "vsock",
        .type = &config_type_port,
        FIELD(struct config_inbound, vsock),
        .min = 1,
        .max = VSOCK_PORT_MAX,
        .help = "the vsock port on which the enclave listens"},
    {.key = "to",
        .type = &config_type_loopback,
        FIELD(struct config_inbound, address),
        MORE(struct config_inbound, port),
        .standard = "",
        .help = "127.x.y.z:PORT, where the application listens; [inbound status] alone has none: ingot answers there"},
};

static const struct config_row identity_rows[] = {
    {.key = "cert",
        .type = &config_type_file,
        FIELD(struct config_identity, cert_file),
        .min = 1,
        .max = 1000,
        .help = "a PEM file with the certificate and its chain; it is packed into the image"},
    {.key = "key",
        .type = &config_type_file,
        FIELD(struct config_identity, key_file),
        .min = 1,
        .max = 1000,
        .help = "a PEM file with its key; whoever has the image has the key"},
    {.key = "ca",
        .type = &config_type_file,
        FIELD(struct config_identity, ca_file),
        .min = 1,
        .max = 1000,
        .standard = "",
        .help = "a PEM file with the CA of the service"},
};

static const struct config_row log_rows[] = {
    {.key = "to",
        .type = &config_type_parent,
        FIELD(struct config, log_port),
        .min = 1,
        .max = VSOCK_PORT_MAX,
        .help = "vsock:3:PORT, where `ingot logs` or another receiver of lines listens on the parent instance"},
    {.key = "app",
        .type = &config_type_choice,
        FIELD(struct config, log_app),
        .choices = "no|yes",
        .standard = "no",
        .help = "whether what the application prints is sent there too, for the parent instance to read"},
};

static const struct config_row limits_rows[] = {
    {.key = "connections",
        .type = &config_type_number,
        FIELD(struct config, connections),
        .min = 1,
        .max = 10000,
        .standard = "56",
        .help = "relayed connections at the same time; each may cost 340 KiB of memory"},
};

#define ROWS(list) .rows = (list), .row_count = sizeof(list) / sizeof(list)[0]
#define FITS(list) _Static_assert(sizeof(list) / sizeof(list)[0] <= CONFIG_KEYS_MAX, "raise CONFIG_KEYS_MAX")
FITS(image_rows);
FITS(app_rows);
FITS(secrets_rows);
FITS(endpoint_rows);
FITS(inbound_rows);
FITS(identity_rows);
FITS(log_rows);
FITS(limits_rows);

const struct config_group config_table[CONFIG_SECTIONS] = {
    [CONFIG_IMAGE] = {.name = "image", .required = true, ROWS(image_rows), .max = 1, .help = "the image itself"},
    [CONFIG_APP] = {.name = "app", .required = true, ROWS(app_rows), .max = 1, .help = "what runs in the enclave"},
    [CONFIG_ENV] = {.name = "env", .free = true, .max = 1, .help = "the application's environment, measured"},
    [CONFIG_SECRETS] = {.name = "secrets",
        ROWS(secrets_rows),
        .max = 1,
        .help = "what is pushed after the start; without this section nothing is taken"},
    [CONFIG_ENDPOINT] = {.name = "endpoint",
        .labelled = true,
        ROWS(endpoint_rows),
        .label_max = CONFIG_HOST_MAX,
        .max = CONFIG_ENDPOINTS_MAX,
        .help = "a host that the application may reach, and no other"},
    [CONFIG_INBOUND] = {.name = "inbound",
        .labelled = true,
        ROWS(inbound_rows),
        .label_max = CONFIG_NAME_MAX,
        .max = CONFIG_INBOUND_MAX,
        .help = "a port through which the parent instance reaches the application"},
    [CONFIG_IDENTITY] = {.name = "identity",
        .labelled = true,
        ROWS(identity_rows),
        .label_max = CONFIG_NAME_MAX,
        .max = 1,
        .help = "a certificate and key that are packed instead of pushed"},
    [CONFIG_LOG] = {.name = "log",
        ROWS(log_rows),
        .max = 1,
        .help =
            "boot steps, ends of processes and counters, sent to the parent instance; without this section nothing is"},
    [CONFIG_LIMITS] = {.name = "limits", ROWS(limits_rows), .max = 1, .help = "bounds"},
};

const struct config_row *config_row(enum config_section section, const char *key)
{
    const struct config_group *group = &config_table[section];

    for (size_t i = 0; i < group->row_count; i++) {
        if (strcmp(group->rows[i].key, key) == 0) {
            return &group->rows[i];
        }
    }
    abort(); /* a mistake in our own source */
}
