/* budget: how much memory an enclave needs to boot an image and to hold its worst case. */
#include "image/budget.h"

#define MIB (UINT64_C(1) << 20)

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

uint64_t budget_memory(const struct budget *budget)
{
    uint64_t unpacked = budget->content + budget->content / BUDGET_SLACK + (uint64_t)budget->entries * BUDGET_ENTRY;
    uint64_t starting = budget->archives + unpacked;
    uint64_t running = unpacked + BUDGET_PROCESSES + budget->connections * BUDGET_CONNECTION;
    uint64_t need = BUDGET_FIXED + BUDGET_SPARE + budget->kernel_memory + larger(starting, running);

    need += need / BUDGET_PAGES;
    need = larger(larger(need, budget->file_size * BUDGET_FILE_FACTOR), BUDGET_LEAST);
    return (need + MIB - 1) / MIB * MIB;
}
