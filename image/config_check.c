/* config_check: what the sections of an enclave.ini say of one another: defaults, collisions, things that can't work.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "image/config_parse.h"

static const char *const tls_names[] = {"mutual", "server", "app", "none"};

static void check_sections(struct config_parser *parser)
{
    for (size_t i = 0; i < CONFIG_SECTIONS; i++) {
        if (config_table[i].required && config_instance(parser, (enum config_section)i, 0) == NULL) {
            config_error(parser, 1, "[%s] is missing (%s)", config_table[i].name, config_table[i].help);
        }
    }
}

/* ---- Endpoints: host, address and vsock port that the file leaves out ---- */

static void set_host(
    struct config_parser *parser, const struct config_instance *instance, struct config_endpoint *endpoint)
{
    struct reason why = {""};
    int error;

    if (endpoint->host != NULL || config_text(instance, "host") != NULL || instance->keys == 0) {
        return;
    }
    error = config_type_host.read(config_row(CONFIG_ENDPOINT, "host"), instance->label, endpoint, &why);
    if (error < 0) {
        config_error(
            parser, instance->line, "%s: the label is %s; say host = as well", config_title(instance).text, why.text);
    }
}

static void set_vsock(struct config_parser *parser, const struct config_instance *instance, size_t index,
    struct config_endpoint *endpoint)
{
    uint64_t port = (uint64_t)parser->config->app.first_vsock + index;

    if (config_text(instance, "vsock") == NULL) {
        if (port > config_row(CONFIG_ENDPOINT, "vsock")->max) {
            config_error(parser, instance->line, "%s: no vsock port is left behind first-vsock = %u",
                config_title(instance).text, (unsigned)parser->config->app.first_vsock);
            return;
        }
        endpoint->vsock = (uint32_t)port;
    }
    if (endpoint->vsock == CONFIG_HEARTBEAT_PORT) {
        config_key_error(parser, instance, "vsock",
            "vsock port %u is where the parent answers the heartbeat (say another vsock = for this endpoint)",
            CONFIG_HEARTBEAT_PORT);
    }
}

static void set_address(struct config *config, size_t index, uint32_t *next)
{
    struct config_endpoint *endpoint = &config->endpoints[index];

    for (size_t i = 0; i < index; i++) {
        const struct config_endpoint *other = &config->endpoints[i];
        if (endpoint->host != NULL && other->host != NULL && strcmp(endpoint->host, other->host) == 0) {
            endpoint->address = other->address;
            return;
        }
    }
    endpoint->address = (*next)++;
}

/* What tls says of ca, pin, server-name and cn, and of who is able to do it. */
static void check_tls(
    struct config_parser *parser, const struct config_instance *instance, const struct config_endpoint *endpoint)
{
    static const char *const of_ours[] = {"ca", "pin", "server-name"};
    const struct config *config = parser->config;
    bool ours = endpoint->tls == CONFIG_TLS_MUTUAL || endpoint->tls == CONFIG_TLS_SERVER;
    const char *name = tls_names[endpoint->tls];

    if (config_text(instance, "tls") == NULL) {
        return; /* its absence is reported already */
    }
    if (ours && config->app.run != NULL && !config->app.built_in) {
        config_key_error(parser, instance, "tls",
            "with run = %s nobody here does TLS for the program (use app where it does TLS itself, or none)",
            config->app.run);
        return;
    }
    if (ours && config_text(instance, "ca") == NULL) {
        config_error(parser, instance->line,
            "%s: ca is missing: with tls = %s it must be said (a FILE that is measured, or pushed)",
            config_title(instance).text, name);
    }
    for (size_t i = 0; !ours && i < sizeof of_ours / sizeof of_ours[0]; i++) {
        if (config_text(instance, of_ours[i]) != NULL) {
            config_key_error(parser, instance, of_ours[i], "means nothing with tls = %s (remove it)", name);
        }
    }
    if (!ours && endpoint->cn_allowed) {
        config_key_error(parser, instance, "cn", "means nothing with tls = %s (remove it)", name);
    }
    if (!ours && endpoint->eku_required) {
        config_key_error(parser, instance, "eku", "means nothing with tls = %s (remove it)", name);
    }
    if (endpoint->tls == CONFIG_TLS_NONE) {
        config_warning(parser, instance->line,
            "%s: tls = none: the parent instance and every network behind it read and change these bytes",
            config_title(instance).text);
    }
}

/* What a built-in application needs to be able to use the endpoint. */
static void check_supply(
    struct config_parser *parser, const struct config_instance *instance, const struct config_endpoint *endpoint)
{
    const struct config *config = parser->config;
    bool pushed = config_secret_listed(config, CONFIG_SECRET_IDENTITY);

    if (!config->app.built_in || config_text(instance, "tls") == NULL) {
        return;
    }
    if (endpoint->tls == CONFIG_TLS_MUTUAL && !pushed && config_identity_find(config, false) == NULL) {
        config_key_error(parser, instance, "tls",
            "no certificate can reach the enclave (list %s in [secrets] required, or add [identity client])",
            CONFIG_SECRET_IDENTITY);
    }
    if (endpoint->ca_pushed && !pushed) {
        config_key_error(parser, instance, "ca",
            "no CA can be pushed (list %s in [secrets] required, or use ca = FILE)", CONFIG_SECRET_IDENTITY);
    }
}

/* vsock ports and host:port pairs are one endpoint's alone. */
static void check_collisions(struct config_parser *parser, const struct config_instance *instance, size_t index)
{
    const struct config *config = parser->config;
    const struct config_endpoint *endpoint = &config->endpoints[index];

    for (size_t i = 0; i < index; i++) {
        const struct config_endpoint *other = &config->endpoints[i];
        if (endpoint->vsock != 0 && endpoint->vsock == other->vsock) {
            config_key_error(parser, instance, "vsock",
                "vsock port %u is that of [endpoint %s] in line %u (say another)", (unsigned)endpoint->vsock,
                other->label, other->line);
        }
        if (endpoint->host != NULL && other->host != NULL && endpoint->port == other->port &&
            strcmp(endpoint->host, other->host) == 0) {
            config_key_error(parser, instance, "host", "%s port %u is [endpoint %s] in line %u already", endpoint->host,
                (unsigned)endpoint->port, other->label, other->line);
        }
    }
}

static void check_endpoints(struct config_parser *parser)
{
    struct config *config = parser->config;
    uint32_t address = CONFIG_FIRST_ADDRESS;
    size_t index = 0;

    for (size_t i = 0; i < parser->instance_count; i++) {
        const struct config_instance *instance = &parser->instances[i];
        if (instance->group != &config_table[CONFIG_ENDPOINT]) {
            continue;
        }
        struct config_endpoint *endpoint = &config->endpoints[index];
        set_host(parser, instance, endpoint);
        set_vsock(parser, instance, index, endpoint);
        set_address(config, index, &address);
        check_tls(parser, instance, endpoint);
        check_supply(parser, instance, endpoint);
        check_collisions(parser, instance, index);
        index++;
    }
}

/* ---- The application ---- */

/* The endpoint that `endpoint =` names. */
static void find_named_endpoint(struct config_parser *parser, const struct config_instance *app, const char *label)
{
    struct config *config = parser->config;

    for (size_t i = 0; i < config->endpoint_count; i++) {
        if (strcmp(config->endpoints[i].label, label) == 0) {
            enum config_tls tls = config->endpoints[i].tls;
            config->app.endpoint = i;
            if (tls != CONFIG_TLS_MUTUAL && tls != CONFIG_TLS_SERVER) {
                config_key_error(parser, app, "endpoint",
                    "that [endpoint] has tls = %s; a built-in application needs mutual or server", tls_names[tls]);
            }
            return;
        }
    }
    config_key_error(parser, app, "endpoint", "there is no [endpoint] of this label");
}

/* The only one with tls = mutual. */
static void find_mutual_endpoint(struct config_parser *parser, const struct config_instance *app)
{
    struct config *config = parser->config;
    size_t count = 0;

    for (size_t i = 0; i < config->endpoint_count; i++) {
        if (config->endpoints[i].tls == CONFIG_TLS_MUTUAL && config->endpoints[i].label != NULL) {
            config->app.endpoint = count++ == 0 ? i : config->app.endpoint;
        }
    }
    if (count > 1) {
        config_key_error(
            parser, app, "run", "%zu endpoints have tls = mutual (say endpoint = LABEL, which one is called)", count);
    } else if (count == 0) {
        config_key_error(parser, app, "run", "it calls a service (add an [endpoint HOST] with tls = mutual)");
    }
}

static void check_app(struct config_parser *parser)
{
    const struct config_instance *app = config_instance(parser, CONFIG_APP, 0);
    struct config *config = parser->config;
    const char *label = app != NULL ? config_text(app, "endpoint") : NULL;

    if (app == NULL || config->app.run == NULL) {
        return;
    }
    if (!config->app.built_in && label != NULL) {
        config_key_error(parser, app, "endpoint", "only a built-in application is told of one (remove it)");
    } else if (config->app.built_in && config->app.arg_count > 0) {
        config_key_error(parser, app, "args", "a built-in application takes none (remove them)");
    } else if (config_is_gateway(config)) {
        if (label != NULL) {
            config_key_error(parser, app, "endpoint", "each [route] of a gateway names its own (remove it)");
        }
    } else if (config->app.built_in && label != NULL) {
        find_named_endpoint(parser, app, label);
    } else if (config->app.built_in) {
        find_mutual_endpoint(parser, app);
    }
}

/* ---- Inbound ports ---- */

/* What tls says of ca, eku and allow, and of who is able to do it. */
static void check_inbound_tls(
    struct config_parser *parser, const struct config_instance *instance, const struct config_inbound *inbound)
{
    static const char *const of_mutual[] = {"ca", "allow"};
    const struct config *config = parser->config;
    bool mutual = inbound->tls == CONFIG_INBOUND_MUTUAL;

    for (size_t i = 0; !mutual && i < sizeof of_mutual / sizeof of_mutual[0]; i++) {
        if (config_text(instance, of_mutual[i]) != NULL) {
            config_key_error(parser, instance, of_mutual[i], "means nothing with tls = none (say tls = mutual)");
        }
    }
    if (!mutual && inbound->eku_required) {
        config_key_error(parser, instance, "eku", "means nothing with tls = none (say tls = mutual)");
    }
    if (mutual && config->app.run != NULL && !config->app.built_in) {
        config_key_error(parser, instance, "tls",
            "with run = %s nobody here does TLS for the program (remove it: the program gets the bytes as they come)",
            config->app.run);
    } else if (mutual && config_text(instance, "ca") == NULL) {
        config_error(parser, instance->line,
            "%s: ca is missing: with tls = mutual it must be said (a FILE that is measured, or pushed)",
            config_title(instance).text);
    }
}

/* What a built-in application needs to be able to serve it, and what the parent instance sees of it. */
static void check_inbound_supply(
    struct config_parser *parser, const struct config_instance *instance, const struct config_inbound *inbound)
{
    const struct config *config = parser->config;
    bool pushed = config_secret_listed(config, CONFIG_SECRET_SERVER);

    if (!config->app.built_in) {
        return;
    }
    if (inbound->tls != CONFIG_INBOUND_MUTUAL) {
        config_warning(parser, instance->line,
            "%s: tls = none: the parent instance reads and changes requests and answers (tls = mutual keeps it out)",
            config_title(instance).text);
        return;
    }
    if (!pushed && config_identity_find(config, true) == NULL) {
        config_key_error(parser, instance, "tls",
            "no certificate can reach the enclave (list %s in [secrets] required, or add [identity %s])",
            CONFIG_SECRET_SERVER, CONFIG_IDENTITY_SERVER);
    } else if (inbound->ca_pushed && !pushed) {
        config_key_error(parser, instance, "ca",
            "no CA can be pushed (list %s in [secrets] required, or use ca = FILE)", CONFIG_SECRET_SERVER);
    } else if (pushed) {
        config_warning(parser, instance->line,
            "%s: the parent instance sees only TLS; but it knows the key that it pushes%s", config_title(instance).text,
            inbound->ca_pushed ? " and chooses the CA: it can pass for the enclave and for a client"
                               : ": it can pass for the enclave");
    }
}

static void check_inbound_port(struct config_parser *parser, const struct config_instance *instance, size_t index)
{
    const struct config *config = parser->config;
    const struct config_inbound *inbound = &config->inbound[index];

    if (config_text(instance, "to") == NULL && instance->keys > 0) {
        config_error(parser, instance->line, "%s: to is missing (%s)", config_title(instance).text,
            config_row(CONFIG_INBOUND, "to")->help);
    }
    if (instance->keys > 0) {
        check_inbound_tls(parser, instance, inbound);
        check_inbound_supply(parser, instance, inbound);
    }
    if (config->secrets.mode != CONFIG_SECRETS_NONE && inbound->vsock != 0 && inbound->vsock == config->secrets.port) {
        config_key_error(
            parser, instance, "vsock", "the push of secrets comes to this port (say another, here or there)");
    }
    for (size_t i = 0; i < index; i++) {
        const struct config_inbound *other = &config->inbound[i];
        if (inbound->vsock != 0 && inbound->vsock == other->vsock) {
            config_key_error(
                parser, instance, "vsock", "this is the port of [inbound %s] in line %u", other->label, other->line);
        }
        if (inbound->port != 0 && inbound->port == other->port && inbound->address == other->address) {
            config_key_error(
                parser, instance, "to", "[inbound %s] in line %u leads there already", other->label, other->line);
        }
    }
    for (size_t i = 0; i < config->endpoint_count; i++) {
        const struct config_endpoint *endpoint = &config->endpoints[i];
        if (inbound->port != 0 && inbound->port == endpoint->port && inbound->address == endpoint->address) {
            config_key_error(parser, instance, "to",
                "[endpoint %s] in line %u has this address: it would lead out again", endpoint->label, endpoint->line);
        }
    }
}

/* PID 1 answers there itself: the one port of the enclave that shows what is inside. */
static void check_status(struct config_parser *parser, const struct config_instance *instance)
{
    const struct config *config = parser->config;
    const struct config_inbound *status = &config->status;

    if (config_text(instance, "to") != NULL) {
        config_key_error(parser, instance, "to", "ingot itself answers there (remove it, or choose another label)");
    }
    if (status->tls == CONFIG_INBOUND_MUTUAL) {
        config_key_error(parser, instance, "tls", "the parent instance is who asks there (remove it)");
    } else {
        check_inbound_tls(parser, instance, status);
    }
    if (config->secrets.mode != CONFIG_SECRETS_NONE && status->vsock != 0 && status->vsock == config->secrets.port) {
        config_key_error(
            parser, instance, "vsock", "the push of secrets comes to this port (say another, here or there)");
    }
    for (size_t i = 0; i < config->inbound_count; i++) {
        if (status->vsock != 0 && status->vsock == config->inbound[i].vsock) {
            config_key_error(parser, instance, "vsock", "this is the port of [inbound %s] in line %u",
                config->inbound[i].label, config->inbound[i].line);
        }
    }
    config_warning(parser, instance->line,
        "%s: the parent instance reads the enclave's state: version, boot times, host names, names and dates of "
        "certificates, processes, memory, how many connections there are; never what is in them",
        config_title(instance).text);
}

static void check_inbound(struct config_parser *parser)
{
    size_t index = 0;

    for (size_t i = 0; i < parser->instance_count; i++) {
        const struct config_instance *instance = &parser->instances[i];
        if (config_is_status(instance)) {
            check_status(parser, instance);
        } else if (instance->group == &config_table[CONFIG_INBOUND]) {
            check_inbound_port(parser, instance, index++);
        }
    }
}

/* ---- The log ---- */

static void check_log(struct config_parser *parser)
{
    const struct config_instance *instance = config_instance(parser, CONFIG_LOG, 0);
    const struct config *config = parser->config;

    if (instance == NULL || config->log_port == 0) {
        return;
    }
    if (config->log_port == CONFIG_HEARTBEAT_PORT) {
        config_key_error(parser, instance, "to", "the parent answers the heartbeat there (say another port)");
    }
    for (size_t i = 0; i < config->endpoint_count; i++) {
        if (config->endpoints[i].vsock == config->log_port) {
            config_key_error(parser, instance, "to", "[endpoint %s] in line %u leads out by this port (say another)",
                config->endpoints[i].label, config->endpoints[i].line);
        }
    }
    config_warning(parser, instance->line,
        "[log]: the parent instance reads boot steps and why one failed, ends of processes, and counters; %s",
        config->log_app ? "and, with app = yes, every line that the application prints"
                        : "nothing that the application prints");
}

/* ---- Names ---- */

/* A pushed value must not take the place of a measured one, and a name is in one list only. */
static void check_secret_names(struct config_parser *parser)
{
    const struct config_instance *instance = config_instance(parser, CONFIG_SECRETS, 0);
    const struct config *config = parser->config;

    for (size_t i = 0; instance != NULL && i < config->secrets.optional_count; i++) {
        for (size_t k = 0; k < config->secrets.required_count; k++) {
            if (strcmp(config->secrets.optional[i], config->secrets.required[k]) == 0) {
                config_key_error(parser, instance, "optional", "%s is in required too", config->secrets.optional[i]);
            }
        }
    }
    for (size_t i = 0; i < config->env_count; i++) {
        if (config_secret_listed(config, config->env[i].name)) {
            config_error(parser, parser->env_lines[i],
                "[env] %s is listed in [secrets] too: a push would replace what is measured", config->env[i].name);
        }
    }
}

static void check_rotation(struct config_parser *parser)
{
    const struct config_instance *instance = config_instance(parser, CONFIG_SECRETS, 0);
    const struct config_instance *app = config_instance(parser, CONFIG_APP, 0);
    const struct config *config = parser->config;

    if (app != NULL && config->app.on_rotate != CONFIG_ROTATE_RESTART && config->app.built_in) {
        config_key_error(parser, app, "on-rotate", "a built-in application needs none: it uses a new identity at once");
    } else if (app != NULL && config->app.on_rotate != CONFIG_ROTATE_RESTART &&
               config->secrets.again != CONFIG_AGAIN_IDENTITY) {
        config_key_error(parser, app, "on-rotate", "without [secrets] again = identity nothing is rotated under it");
    }
    if (instance == NULL || config->secrets.again == CONFIG_AGAIN_REFUSE) {
        return;
    }
    if (config->secrets.again == CONFIG_AGAIN_IDENTITY && !config_secret_listed(config, CONFIG_SECRET_IDENTITY) &&
        !config_secret_listed(config, CONFIG_SECRET_SERVER)) {
        config_key_error(parser, instance, "again",
            "identity: but neither " CONFIG_SECRET_IDENTITY " nor " CONFIG_SECRET_SERVER
            " is in required or optional: there is none to replace");
    }
    config_warning(parser, instance->line,
        "[secrets] again = %s: the parent instance can push again, at any time, %s that it has kept from before",
        config->secrets.again == CONFIG_AGAIN_IDENTITY ? "identity" : "restart",
        config->secrets.again == CONFIG_AGAIN_IDENTITY ? "an identity" : "secrets");
}

static void check_identities(struct config_parser *parser)
{
    const struct config *config = parser->config;

    for (size_t i = 0; i < config->identity_count; i++) {
        const struct config_identity *first =
            config_identity_find(config, strcmp(config->identities[i].label, CONFIG_IDENTITY_SERVER) == 0);
        if (first != &config->identities[i]) {
            config_error(parser, config->identities[i].line,
                "[identity %s]: [identity %s] in line %u is the one for services (the label %s is for clients)",
                config->identities[i].label, first->label, first->line, CONFIG_IDENTITY_SERVER);
        }
        config_warning(parser, config->identities[i].line,
            "[identity %s]: the key is packed into the image: whoever has the image has the key",
            config->identities[i].label);
    }
}

void config_check(struct config_parser *parser)
{
    check_sections(parser);
    check_endpoints(parser);
    check_app(parser);
    config_check_routes(parser);
    check_inbound(parser);
    check_log(parser);
    check_secret_names(parser);
    check_rotation(parser);
    check_identities(parser);
}
