/* subject: the configuration that a verb is about, out of an image or of an enclave.ini: which one, the bytes tell. */
#ifndef INGOT_TOOLS_SUBJECT_H
#define INGOT_TOOLS_SUBJECT_H

#include <stdbool.h>

#include "base/reason.h"
#include "image/image.h"

struct subject {
    bool is_image;
    struct image image;   /* where it is one; checked in full (image_open()) */
    struct config config; /* else */
};

/* 0; -EINVAL, -EILSEQ with a sentence (an enclave.ini's errors stand on stderr); -errno. subject_close() after 0 only.
 */
int subject_open(struct subject *subject, const char *path, struct reason *why);
void subject_close(struct subject *subject);

/* Lives as long as the subject. */
const struct config *subject_config(const struct subject *subject);

#endif
