/* verbs: the last words that all verbs share, and which exit code an error means. */
#include "tools/verbs.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"

int verb_exit_code(int error)
{
    switch (error) {
    case 0:
        return EXIT_DONE;
    case -EINVAL:
    case -EILSEQ:
    case -EBADMSG:
    case -EFBIG:
    case -E2BIG:
    case -ENAMETOOLONG:
        return EXIT_NO;
    default:
        return EXIT_SYSTEM;
    }
}

int verb_fail(const struct verb *verb, int error, const struct reason *why)
{
    fprintf(stderr, "ingot %s: %s\n", verb->name, why->text);
    return verb_exit_code(error);
}

int verb_misuse(const struct verb *verb, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "ingot %s: ", verb->name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\nusage: ingot %s %s   (more: ingot %s --help)\n", verb->name, verb->arguments, verb->name);
    return EXIT_MISUSE;
}

int verb_bad_option(const struct verb *verb, char *argv[], int answer)
{
    /* getopt_long() names a short option in optopt; an unknown long one is the word before optind. */
    char letter[] = {'-', (char)optopt, '\0'};
    const char *option = optopt > 0 && optopt < 0x7f ? letter : argv[optind - 1];

    if (answer == ':') {
        return verb_misuse(verb, "%s needs a value", option);
    }
    return verb_misuse(verb, "no such option: %s", text_quote_string(option).text);
}
