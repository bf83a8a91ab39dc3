/* config_print: a configuration as INI text, with every default said. */
#include <errno.h>
#include <stdlib.h>

#include "image/config_table.h"

static void print_section(const struct config_group *group, const char *label, const void *base, FILE *out)
{
    fprintf(out, ftell(out) > 0 ? "\n[%s%s%s]\n" : "[%s%s%s]\n", group->name, label != NULL ? " " : "",
        label != NULL ? label : "");
    for (size_t i = 0; i < group->row_count; i++) {
        group->rows[i].type->print(&group->rows[i], base, out);
    }
}

static void print_env(const struct config *config, FILE *out)
{
    fprintf(out, "\n[env]\n");
    for (size_t i = 0; i < config->env_count; i++) {
        fprintf(out, "%s = %s\n", config->env[i].name, config->env[i].value);
    }
}

static void print_all(const struct config *config, FILE *out)
{
    print_section(&config_table[CONFIG_IMAGE], NULL, config, out);
    print_section(&config_table[CONFIG_APP], NULL, config, out);
    if (config->env_count > 0) {
        print_env(config, out);
    }
    if (config->secrets.mode != CONFIG_SECRETS_NONE) {
        print_section(&config_table[CONFIG_SECRETS], NULL, config, out);
    }
    for (size_t i = 0; i < config->endpoint_count; i++) {
        print_section(&config_table[CONFIG_ENDPOINT], config->endpoints[i].label, &config->endpoints[i], out);
    }
    for (size_t i = 0; i < config->inbound_count; i++) {
        print_section(&config_table[CONFIG_INBOUND], config->inbound[i].label, &config->inbound[i], out);
    }
    if (config->status.vsock != 0) {
        print_section(&config_table[CONFIG_INBOUND], config->status.label, &config->status, out);
    }
    for (size_t i = 0; i < config->identity_count; i++) {
        print_section(&config_table[CONFIG_IDENTITY], config->identities[i].label, &config->identities[i], out);
    }
    for (size_t i = 0; i < config->route_count; i++) {
        print_section(&config_table[CONFIG_ROUTE], config->routes[i].label, &config->routes[i], out);
    }
    if (config->log_port != 0) {
        print_section(&config_table[CONFIG_LOG], NULL, config, out);
    }
    print_section(&config_table[CONFIG_LIMITS], NULL, config, out);
}

int config_print(const struct config *config, char **text)
{
    size_t size;
    FILE *out = open_memstream(text, &size);

    if (out == NULL) {
        return -ENOMEM;
    }
    print_all(config, out);
    if (fclose(out) != 0) {
        free(*text);
        return -ENOMEM;
    }
    return 0;
}
