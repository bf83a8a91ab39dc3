/* budget: how much memory an enclave needs to boot an image and to hold its worst case. */
#include "image/budget.h"

#define MIB (UINT64_C(1) << 20)

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

unsigned budget_clients(const struct config *config)
{
    unsigned share = config_is_gateway(config) ? 4 : 5;
    unsigned most = config->connections > 1 ? config->connections * share / 8 : 1;

    return config_serves_tls(config) && most > BUDGET_SESSIONS_MAX ? BUDGET_SESSIONS_MAX : most;
}

unsigned budget_services(const struct config *config)
{
    return config->connections > 2 ? config->connections * 3 / 8 : 1;
}

unsigned budget_inbound(const struct config *config)
{
    return config_is_gateway(config) ? config->connections - budget_services(config) - config->connections / 16 : 0;
}

uint64_t budget_processes(const struct config *config)
{
    uint64_t each = 2 * (uint64_t)config->endpoint_count + config->inbound_count;
    uint64_t status = BUDGET_STATUS + BUDGET_STATUS_PLACES * (BUDGET_STATUS_FIXED + each * BUDGET_STATUS_EACH);

    uint64_t tls = budget_clients(config) * BUDGET_SESSION + BUDGET_STORE;

    return BUDGET_PROCESSES + (config->status.vsock != 0 ? status : 0) + (config->log_port != 0 ? BUDGET_LOG : 0) +
           (config_serves_tls(config) ? tls : 0);
}

uint64_t budget_memory(const struct budget *budget)
{
    uint64_t unpacked = budget->content + budget->content / BUDGET_SLACK + (uint64_t)budget->entries * BUDGET_ENTRY;
    uint64_t starting = budget->archives + unpacked;
    uint64_t running = unpacked + budget->processes + budget->connections * BUDGET_CONNECTION;
    uint64_t need = BUDGET_FIXED + BUDGET_SPARE + budget->kernel_memory + larger(starting, running);

    need += need / BUDGET_PAGES;
    need = larger(larger(need, budget->file_size * BUDGET_FILE_FACTOR), BUDGET_LEAST);
    return (need + MIB - 1) / MIB * MIB;
}
