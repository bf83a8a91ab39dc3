/* filter: seccomp programs built from tables of system calls. */
#include "init/filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdbool.h>

#define X32_BIT 0x40000000u

static void put(struct filter *filter, struct sock_filter instruction)
{
    if (filter->used >= FILTER_MAX) {
        filter->used = FILTER_MAX + 1;
        return;
    }
    filter->code[filter->used++] = instruction;
}

static void load(struct filter *filter, size_t offset)
{
    put(filter, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

static void answer(struct filter *filter, uint32_t action)
{
    put(filter, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

/* Runs the next instruction where the comparison holds (or does not), else steps over it. */
static void when(struct filter *filter, unsigned comparison, uint32_t value, bool holds)
{
    put(filter,
        (struct sock_filter)BPF_JUMP((uint16_t)(BPF_JMP | comparison | BPF_K), value, holds ? 0 : 1, holds ? 1 : 0));
}

void filter_start(struct filter *filter)
{
    filter->used = 0;
    load(filter, offsetof(struct seccomp_data, arch));
    when(filter, BPF_JEQ, AUDIT_ARCH_X86_64, false);
    answer(filter, SECCOMP_RET_KILL_PROCESS);
    load(filter, offsetof(struct seccomp_data, nr));
    when(filter, BPF_JGE, X32_BIT, true);
    answer(filter, SECCOMP_RET_KILL_PROCESS);
}

void filter_calls(struct filter *filter, const unsigned *calls, size_t count, uint32_t action)
{
    for (size_t i = 0; i < count; i++) {
        when(filter, BPF_JEQ, calls[i], true);
        answer(filter, action);
    }
}

/* What follows the comparison with rule->call; every way through it ends in an answer. */
static void put_test(struct filter *filter, const struct filter_rule *rule)
{
    /* The low half: x86-64 is little-endian. */
    load(filter, offsetof(struct seccomp_data, args) + rule->argument * sizeof(uint64_t));
    if (rule->test == FILTER_NO_BITS) {
        when(filter, BPF_JSET, rule->values[0], false);
        answer(filter, rule->action);
    } else {
        bool of_kind = rule->test == FILTER_OF_KIND;
        if (of_kind) {
            put(filter, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xff00));
            when(filter, BPF_JEQ, rule->values[0], false);
            answer(filter, rule->action);
            load(filter, offsetof(struct seccomp_data, args) + rule->argument * sizeof(uint64_t));
        }
        for (size_t i = of_kind; i < FILTER_VALUES && rule->values[i] != 0; i++) {
            when(filter, BPF_JEQ, rule->values[i], true);
            answer(filter, rule->action);
        }
    }
    answer(filter, rule->otherwise);
}

void filter_rules(struct filter *filter, const struct filter_rule *rules, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        unsigned short jump = filter->used;

        if (rules[i].test == FILTER_ALWAYS) {
            filter_calls(filter, &rules[i].call, 1, rules[i].action);
            continue;
        }
        when(filter, BPF_JEQ, rules[i].call, true);
        put_test(filter, &rules[i]);
        if (filter->used <= FILTER_MAX) {
            filter->code[jump].jf = (uint8_t)(filter->used - jump - 1);
        }
    }
}

int filter_finish(struct filter *filter, uint32_t otherwise)
{
    answer(filter, otherwise);
    return filter->used > FILTER_MAX ? -ENOSPC : 0;
}
