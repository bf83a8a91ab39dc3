/* warnings: what an image of ours gives to the parent instance, as its own measured enclave.ini is warned of at build.
 */
#include "tools/warnings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/config.h"
#include "image/cpio.h"
#include "image/manifest.h"

static void say(const char *text, size_t size, const char *verb)
{
    struct config config;
    struct config_report report;

    if (config_parse(&config, CONFIG_PATH_INI, text, size, &report) == 0) {
        for (size_t i = 0; i < report.warning_count; i++) {
            fprintf(stderr, "ingot %s: %s (warning)\n", verb, report.warnings[i]);
        }
        config_free(&config);
    }
    config_report_free(&report);
}

/* False: it is not in this ramdisk. */
static bool find(const struct source *ramdisk, struct cpio_entry *entry)
{
    struct cpio_reader reader;
    struct reason why;

    cpio_reader_init(&reader, ramdisk);
    while (cpio_next_plain(&reader, entry, &why) > 0) {
        if (strcmp(entry->name, CONFIG_PATH_INI) == 0) {
            return entry->content.size <= CONFIG_FILE_MAX;
        }
    }
    return false;
}

void warnings_say(const struct eif *eif, const char *verb)
{
    struct cpio_entry *entry = malloc(sizeof *entry);
    char *text = malloc(CONFIG_FILE_MAX);
    struct reason why;

    for (size_t i = 0; entry != NULL && text != NULL && i < eif->section_count; i++) {
        const struct source payload = eif_payload(eif, &eif->sections[i]);
        if (eif->sections[i].type == EIF_RAMDISK && find(&payload, entry) &&
            source_read(&entry->content, 0, text, (size_t)entry->content.size, &why) == 0) {
            say(text, (size_t)entry->content.size, verb);
        }
    }
    free(text);
    free(entry);
}
