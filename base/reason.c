/* reason: why something failed, as one sentence for a person, beside the -errno for the program. */
#include "base/reason.h"

#include <stdio.h>
#include <string.h>

int reason_set(struct reason *why, int error, const char *format, ...)
{
    va_list args;

    if (why == NULL) {
        return error;
    }
    va_start(args, format);
    (void)vsnprintf(why->text, sizeof why->text, format, args);
    va_end(args);
    return error;
}

int reason_system(struct reason *why, int error, const char *format, ...)
{
    va_list args;
    size_t used;

    if (why == NULL) {
        return error;
    }
    va_start(args, format);
    (void)vsnprintf(why->text, sizeof why->text, format, args);
    va_end(args);
    used = strlen(why->text);
    (void)snprintf(why->text + used, sizeof why->text - used, ": %s", strerror(-error));
    return error;
}

void reason_prefix(struct reason *why, const char *format, ...)
{
    char sentence[REASON_SIZE];
    va_list args;
    size_t used;

    if (why == NULL) {
        return;
    }
    memcpy(sentence, why->text, sizeof sentence);
    va_start(args, format);
    (void)vsnprintf(why->text, sizeof why->text, format, args);
    va_end(args);
    used = strlen(why->text);
    (void)snprintf(why->text + used, sizeof why->text - used, ": %s", sentence);
}
