/* reason: why something failed, as one sentence for a person, beside the -errno for the program. */
#ifndef INGOT_BASE_REASON_H
#define INGOT_BASE_REASON_H

#include <stdarg.h>

/*
 * Libraries return 0 or -errno and write the sentence here; only main files print it.
 * A sentence says what is wrong, where, with which bytes (through text_quote()), and what to do.
 * Text that does not fit is cut; it is always NUL-terminated and one line.
 */
#define REASON_SIZE 768

struct reason {
    char text[REASON_SIZE];
};

/* Writes the sentence and returns error (a -errno), so that a caller can `return reason_set(…)`. why may be NULL. */
int reason_set(struct reason *why, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* As reason_set(), and appends ": " and the system's words for error. */
int reason_system(struct reason *why, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Puts a context in front of the sentence that is there already: "context: sentence". why may be NULL. */
void reason_prefix(struct reason *why, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
