/* image: is every file of the application as the measured manifest says, and what does enclave.ini say. */
#include <errno.h>
#include <stdlib.h>

#include "base/file.h"
#include "image/manifest.h"
#include "init/enclave.h"
#include "init/roles.h"

/* Where memory was short the kernel leaves files cut, says so, and starts us all the same. */
static int check_files(size_t *files, struct reason *why)
{
    struct manifest manifest = {0};
    char *text = NULL;
    size_t size;
    int error = file_read("/" CONFIG_PATH_MANIFEST, MANIFEST_FILE_MAX, &text, &size, why);

    if (error == 0) {
        error = manifest_parse(&manifest, text, size, why);
    }
    if (error == 0) {
        error = manifest_check(&manifest, "/", why);
    }
    *files = manifest.count;
    manifest_free(&manifest);
    free(text);
    return error;
}

int role_config(struct config *config, struct reason *why)
{
    struct config_report report = {0};
    char *text = NULL;
    size_t size;
    int error = file_read("/" CONFIG_PATH_INI, CONFIG_FILE_MAX, &text, &size, why);

    if (error < 0) {
        return error;
    }
    error = config_parse(config, "enclave.ini", text, size, &report);
    if (error < 0) {
        (void)reason_set(
            why, error, "%s", report.error_count > 0 ? report.errors[0] : "enclave.ini: no memory to read it");
    }
    config_report_free(&report);
    free(text);
    return error;
}

int step_image(struct enclave *enclave, struct reason *said)
{
    size_t files;
    int error = check_files(&files, said);

    if (error == 0) {
        error = role_config(&enclave->config, said);
    }
    return error < 0 ? error
                     : reason_set(said, 0, "%s %s: %zu files as measured", enclave->config.image.name,
                           enclave->config.image.version != NULL ? enclave->config.image.version : "", files);
}
