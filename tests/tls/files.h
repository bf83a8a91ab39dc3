/* files: the folder of certificates that tests/tls/certificates makes, and its files. */
#ifndef INGOT_TESTS_TLS_FILES_H
#define INGOT_TESTS_TLS_FILES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/text.h"

/* Makes the certificates when the first test asks; programs of one run share them through TEST_TMP. */
static inline const char *files_folder(void)
{
    static char folder[512];
    char command[640];
    const char *scratch = getenv("TEST_TMP");

    if (folder[0] != '\0') {
        return folder;
    }
    if (scratch != NULL) {
        (void)snprintf(folder, sizeof folder, "%s/certificates", scratch);
    } else {
        (void)snprintf(folder, sizeof folder, "/tmp/ingot-test.XXXXXX");
        assert_non_null(mkdtemp(folder));
    }
    (void)snprintf(command, sizeof command, "tests/tls/certificates '%s'", folder);
    if (system(command) != 0) {
        fail_msg("tests/tls/certificates failed: see %s/log", folder);
    }
    return folder;
}

/* A file's contents, NUL behind; the caller frees it. */
static inline char *file_of(const char *name, size_t *size)
{
    char path[600];
    static char *data;
    struct reason why;

    (void)snprintf(path, sizeof path, "%s/%s", files_folder(), name);
    if (file_read(path, 1024 * 1024, &data, size, &why) != 0) {
        fail_msg("%s", why.text);
    }
    return data;
}

#define assert_contains(text, part)                                                                                    \
    do {                                                                                                               \
        if (strstr((text), (part)) == NULL) {                                                                          \
            fail_msg("\"%s\" does not contain \"%s\"", (text), (part));                                                \
        }                                                                                                              \
    } while (0)

#define assert_begins(text, part)                                                                                      \
    do {                                                                                                               \
        if (strncmp((text), (part), strlen(part)) != 0) {                                                              \
            fail_msg("\"%s\" does not begin with \"%s\"", (text), (part));                                             \
        }                                                                                                              \
    } while (0)

#endif
