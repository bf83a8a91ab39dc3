/* filter: seccomp programs built from tables of system calls. */
#ifndef INGOT_INIT_FILTER_H
#define INGOT_INIT_FILTER_H

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A filter is a list of rules, looked through from the first to the last; the first whose call it is decides. Actions
 * are seccomp(2)'s SECCOMP_RET_*. A call of another architecture (i386, x32) kills the process before any rule.
 *
 *   filter_start() ── filter_calls(), filter_rules(), in any order ── filter_finish(): code[0 … used) is the program
 */
#define FILTER_MAX 512 /* instructions */
#define FILTER_VALUES 11

enum filter_test {
    FILTER_ALWAYS,  /* action */
    FILTER_ONE_OF,  /* action where the argument is one of the values that are not 0, else otherwise */
    FILTER_OF_KIND, /* otherwise where bits 8–15 of the argument are those of values[0] and it is none of the others */
    FILTER_NO_BITS, /* action where the argument has none of the bits of values[0], else otherwise */
};

/* The low 32 bits of the argument are looked at: all that the kernel itself looks at for int arguments. */
struct filter_rule {
    unsigned call;
    enum filter_test test;
    unsigned argument; /* 0 … 5 */
    uint32_t values[FILTER_VALUES];
    uint32_t action;
    uint32_t otherwise;
};

struct filter {
    struct sock_filter code[FILTER_MAX];
    unsigned short used; /* FILTER_MAX + 1: did not fit */
};

void filter_start(struct filter *filter);
void filter_calls(struct filter *filter, const unsigned *calls, size_t count, uint32_t action);
void filter_rules(struct filter *filter, const struct filter_rule *rules, size_t count);
/* What happens to calls that no rule names. 0, or -ENOSPC where the rules did not fit. */
int filter_finish(struct filter *filter, uint32_t otherwise);

#endif
