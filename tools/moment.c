/* moment: points in time on the command line. */
#include "tools/moment.h"

#include <stddef.h>
#include <string.h>
#include <time.h>

#include "base/text.h"

#define LATEST UINT64_C(253402300799) /* the last second of the year 9999 */

bool moment_parse(const char *text, int64_t *seconds)
{
    static const char *const forms[] = {"%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"};
    uint64_t number;

    if (text_number(text, 0, LATEST, &number)) {
        *seconds = (int64_t)number;
        return true;
    }
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        struct tm utc = {0};
        char again[32] = "";
        const char *end = strptime(text, forms[i], &utc);
        if (end == NULL || *end != '\0') {
            continue;
        }
        /* Only what says a real moment in full is the same when written out: no 31 February, no left-out digits. */
        time_t when = timegm(&utc);
        if (gmtime_r(&when, &utc) != NULL && strftime(again, sizeof again, forms[i], &utc) > 0 &&
            strcmp(again, text) == 0) {
            *seconds = when;
            return true;
        }
    }
    return false;
}
