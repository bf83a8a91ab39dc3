/* call_run: one HTTPS exchange on a loop of its own: connects, sends a request, prints what comes. */
#ifndef INGOT_TOOLS_CALL_RUN_H
#define INGOT_TOOLS_CALL_RUN_H

#include <stdbool.h>

#include "net/address.h"
#include "tls/session.h"

struct call_options {
    struct address to;
    struct tls_client tls; /* all but now */
    const char *url;       /* for sentences */
    const char *request;   /* head and body */
    size_t request_size;
    int64_t milliseconds; /* for all of it */
    bool to_head;         /* the answer has no body */
    bool include;         /* print the answer's head too */
    bool verbose;         /* say on stderr who answered */
};

/*
 * Prints the body on standard output as it comes; it is no more bounded than HTTP is. The EXIT_…: done, no (a status
 * from 400 on; a certificate that is refused), system. *why is empty, or says what failed.
 */
int call_run(const struct call_options *options, struct reason *why);

#endif
