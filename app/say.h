/* say: a line of a built-in application on the console. */
#ifndef INGOT_APP_SAY_H
#define INGOT_APP_SAY_H

#define SAY_MAX 1024 /* bytes of a line; longer ones are cut */

/*
 * One write(2) to stderr, nothing in front: messages that people search for stand at the start of their line. Foreign
 * text is the caller's to quote (text_quote()).
 */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
