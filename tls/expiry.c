/* expiry: when the end of a certificate is worth a word, and that word. */
#include "tls/expiry.h"

#include "crypto/x509.h"

#define DAY 86400
#define LAST_SECOND 253402300799 /* 9999-12-31 23:59:59: a role may say any number */

bool expiry_text(int64_t until, int64_t now, struct reason *text)
{
    char date[X509_DATE_SIZE];

    if (until <= 0 || until > LAST_SECOND || until - now >= (int64_t)EXPIRY_DAYS * DAY) {
        return false;
    }
    x509_date_text(until, date);
    if (until < now) {
        (void)reason_set(text, 0, "has ended on %s", date);
    } else {
        (void)reason_set(text, 0, "ends on %s, days left: %d", date, (int)((until - now) / DAY));
    }
    return true;
}
