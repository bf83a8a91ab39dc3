/* console: the guest's serial console as lines: printed when they are whole, and read for how the enclave ended. */
#include "tools/emulator/console.h"

#include <string.h>

#include "base/text.h"

static bool starts_with(const char *line, const char *beginning)
{
    return strncmp(line, beginning, strlen(beginning)) == 0;
}

/* A line of the kernel's without its time, "[    1.234567] ". */
static const char *without_time(const char *line)
{
    size_t digits = line[0] == '[' ? 1 + strspn(line + 1, " .0123456789") : 0;

    return digits > 1 && line[digits] == ']' && line[digits + 1] == ' ' ? line + digits + 2 : line;
}

/* Every byte of what is no character, or one that steers a terminal, becomes a '?'. */
static void make_harmless(unsigned char *line, size_t size)
{
    for (size_t i = 0; i < size;) {
        size_t length = text_character(line + i, size - i);
        bool steers = (line[i] < 0x20 && line[i] != '\t') || line[i] == 0x7f ||
                      (length == 2 && line[i] == 0xc2 && line[i + 1] < 0xa0);
        if (length == 0 || steers) {
            length += length == 0;
            memset(line + i, '?', length);
        }
        i += length;
    }
}

static void pass_on(struct console *console)
{
    bool says_end = true;

    make_harmless((unsigned char *)console->line, console->size);
    console->line[console->size] = '\0';
    if (starts_with(console->line, CONSOLE_ENCLAVE_ENDS)) {
        console->end = CONSOLE_ENCLAVE_ENDED;
    } else if (starts_with(console->line, CONSOLE_APPLICATION_ENDED)) {
        console->end = CONSOLE_IN_ORDER;
    } else {
        says_end = starts_with(without_time(console->line), CONSOLE_PANIC);
    }
    console->said_end |= says_end;
    if (says_end || (console->size > 0 && !console->said_end)) {
        memcpy(console->last, console->line, console->size + 1);
    }
    console->line_ready(console->arg, console->line, console->size);
    console->size = 0;
}

void console_feed(struct console *console, const void *data, size_t size)
{
    const unsigned char *bytes = data;

    console->any |= size > 0;
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == '\n') {
            pass_on(console);
        } else if (bytes[i] != '\r') {
            console->line[console->size++] = (char)bytes[i];
            if (console->size == CONSOLE_LINE_MAX) {
                pass_on(console);
            }
        }
    }
}

void console_finish(struct console *console)
{
    if (console->size > 0) {
        pass_on(console);
    }
}
