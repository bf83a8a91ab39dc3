/* completion: what bash and zsh complete for ingot, made from the table of verbs. */
#ifndef INGOT_TOOLS_COMPLETION_H
#define INGOT_TOOLS_COMPLETION_H

#include <stddef.h>
#include <stdio.h>

#include "tools/verbs.h"

/* Each is a script to be sourced, or installed where the shell looks for it. */
void completion_print_bash(FILE *out, const struct verb *const verbs[], size_t count);
void completion_print_zsh(FILE *out, const struct verb *const verbs[], size_t count);

#endif
