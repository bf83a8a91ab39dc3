/* import: fuzzes: any bytes as a YAML list of hosts: what is taken of them, enclave.ini takes too. */
#include <stdlib.h>
#include <string.h>

#include "image/config.h"
#include "tools/import.h"

#define INI "[image]\nname = demo\n[app]\nrun = /server\n"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool true_always)
{
    if (!true_always) {
        abort();
    }
}

static void check_notes(const struct import *import, const char *text, size_t size)
{
    unsigned lines = 1;

    for (size_t i = 0; i < size; i++) {
        lines +=
            text[i] == '\n' || text[i] == '\r' || (unsigned char)text[i] >= 0x80 ? 1 : 0; /* YAML has other ends too */
    }
    require(import->note_count <= IMPORT_NOTES_MAX && import->line <= lines + 1);
    for (size_t i = 0; i < import->note_count; i++) {
        require(import->notes[i].line >= 1 && import->notes[i].line <= lines);
        require(strlen(import->notes[i].sentence.text) > 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config_report report;
    struct import import;
    struct config config;
    struct reason why;
    char *ini = NULL;
    size_t ini_size;
    FILE *out;
    int error = import_read(&import, (const char *)data, size, &why);

    require(error == 0 || strlen(why.text) > 0);
    check_notes(&import, (const char *)data, size);
    out = open_memstream(&ini, &ini_size);
    require(out != NULL);
    fputs(INI, out);
    import_print(&import, out);
    require(fclose(out) == 0);
    error = config_parse(&config, "f", ini, ini_size, &report);
    require(error == 0 && config.endpoint_count == import.count);
    for (size_t i = 0; i < import.count; i++) {
        require(strcmp(config.endpoints[i].host, import.endpoints[i].host) == 0);
        require(config.endpoints[i].port == import.endpoints[i].port);
    }
    config_free(&config);
    config_report_free(&report);
    import_free(&import);
    free(ini);
    return 0;
}
