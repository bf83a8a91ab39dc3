/* role: what the tests of built-in applications share: the role's filter of system calls, and a configuration. */
#ifndef INGOT_TESTS_APP_ROLE_H
#define INGOT_TESTS_APP_ROLE_H

#include <sys/prctl.h>
#include <unistd.h>

#include "init/confine.h"
#include "init/roles.h"

#ifdef __has_feature /* clang */
#if __has_feature(address_sanitizer)
#define SANITIZED
#endif
#endif
#ifdef __SANITIZE_ADDRESS__ /* gcc */
#define SANITIZED
#endif

/* The application's filter; a sanitizer needs more system calls than the application does. */
static inline void role_confine(void)
{
#ifndef SANITIZED
    struct reason why;

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || confine_filter_role(ROLE_APP, &why) < 0) {
        _exit(112);
    }
#endif
}

/* The text must be without a fault. */
static inline void config_text_parse(struct config *config, const char *text, size_t size)
{
    struct config_report report;
    int error = config_parse(config, "test", text, size, &report);

    for (size_t i = 0; i < report.error_count; i++) {
        print_error("%s\n", report.errors[i]);
    }
    config_report_free(&report);
    assert_int_equal(error, 0);
}

#endif
