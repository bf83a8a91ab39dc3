/* man: the manual pages, made from the table of verbs and the table of enclave.ini. */
#ifndef INGOT_TOOLS_MAN_H
#define INGOT_TOOLS_MAN_H

#include <stddef.h>
#include <stdio.h>

#include "tools/verbs.h"

/* ingot(1): every verb with its help. In man(7)'s macros, ASCII only. */
void man_print_ingot(FILE *out, const struct verb *const verbs[], size_t count);

/* enclave.ini(5): every section and key with its bounds, default and meaning. */
void man_print_ini(FILE *out);

#endif
