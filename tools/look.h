/* look: opens anybody's image for the verbs that only look at it, and says what is wrong with its content. */
#ifndef INGOT_TOOLS_LOOK_H
#define INGOT_TOOLS_LOOK_H

#include "image/contents.h"
#include "image/eif.h"
#include "image/signature.h"

struct look {
    int fd;
    struct eif eif;
    struct eif_measurements measurements;
    bool is_signed;
    bool signature_holds;
    struct signature signature; /* where it is signed */
    /* contents_check()'s, and: a wrong CRC, a signature that does not hold, a certificate outside of its dates (now),
     * header flags that are not known */
    struct contents_faults faults;
};

/*
 * Opens, measures and looks into an image; two threads hash and one inflates. Faults of content are listed. 0; -EINVAL
 * with a sentence that names the path for faults of structure (image/contents.h), a signature section that can't be
 * parsed among them; -errno. look_end() after 0 only.
 */
int look_at(struct look *look, const char *path, struct reason *why);
void look_end(struct look *look);

/* Prints the faults on stderr, a line each: "ingot VERB: PATH: sentence"; path may be NULL. */
void look_say(const struct look *look, const char *verb, const char *path);

#endif
