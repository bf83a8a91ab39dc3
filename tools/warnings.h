/* warnings: what an image of ours gives to the parent instance, as its own measured enclave.ini is warned of at build.
 */
#ifndef INGOT_TOOLS_WARNINGS_H
#define INGOT_TOOLS_WARNINGS_H

#include "image/eif.h"

/*
 * Prints them on stderr, a line each: "ingot VERB: app/enclave.ini:LINE: sentence (warning)". Nothing for anybody
 * else's image, or one whose file cannot be read: whoever checks says so.
 */
void warnings_say(const struct eif *eif, const char *verb);

#endif
