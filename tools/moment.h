/* moment: points in time on the command line. */
#ifndef INGOT_TOOLS_MOMENT_H
#define INGOT_TOOLS_MOMENT_H

#include <stdbool.h>
#include <stdint.h>

/* For messages and help. */
#define MOMENT_FORMS "2026-11-20, 2026-11-20T21:02:29Z, or seconds since 1970"

/* Seconds since 1970, of one of those forms, all UTC; a date is its midnight. False: none of them. */
bool moment_parse(const char *text, int64_t *seconds);

#endif
