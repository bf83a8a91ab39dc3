/* program: the user's own program: what it is given, and what its end means. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "init/boot.h"
#include "init/cgroup.h"
#include "init/confine.h"
#include "init/enclave.h"
#include "init/limits.h"
#include "init/log.h"
#include "init/output.h"
#include "init/roles.h"

/*
 * The environment: [env], what was pushed, and these where neither says otherwise. Nothing else.
 */
static const struct config_value defaults[] = {
    {(char *)"HOME", (char *)"/"},
    {(char *)"PATH", (char *)"/bin:/usr/bin:/usr/local/bin"},
};
#define DEFAULTS (sizeof defaults / sizeof defaults[0])

static bool env_has(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->env_count; i++) {
        if (strcmp(config->env[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static char *variable(const struct config_value *value)
{
    char *text = NULL;

    return asprintf(&text, "%s=%s", value->name, value->value) < 0 ? NULL : text;
}

/* Of a child about to exec: nothing is freed. The pushed strings stay where they are, in the map. */
static char **environment(const struct config *config, const struct secrets *secrets)
{
    size_t pushed = secrets->header != NULL ? secrets->header->env_count : 0;
    char **list = calloc(DEFAULTS + config->env_count + pushed + 1, sizeof *list);
    size_t count = 0;

    if (list == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < DEFAULTS + config->env_count; i++) {
        const struct config_value *value = i < DEFAULTS ? &defaults[i] : &config->env[i - DEFAULTS];
        if (i < DEFAULTS &&
            (env_has(config, value->name) || (pushed > 0 && secrets_env(secrets, value->name) != NULL))) {
            continue;
        }
        list[count] = variable(value);
        if (list[count++] == NULL) {
            return NULL;
        }
    }
    const char *at = secrets->env;
    for (size_t i = 0; i < pushed; i++) {
        list[count++] = (char *)at;
        at += strlen(at) + 1;
    }
    return list;
}

static char **arguments(const struct config *config)
{
    char **list = calloc(config->app.arg_count + 2, sizeof *list);

    if (list != NULL) {
        list[0] = config->app.run;
        for (size_t i = 0; i < config->app.arg_count; i++) {
            list[i + 1] = config->app.args[i];
        }
    }
    return list;
}

static int stdio_for_program(struct reason *why)
{
    int out = output_descriptor();

    if (out < 0) {
        return console_for_program(why);
    }
    return dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0
               ? reason_system(why, -errno, "cannot use its standard output")
               : 0;
}

/* In the child. Every descriptor but 0, 1, 2 closes itself at exec; the secrets' map goes with the old memory. */
static _Noreturn void run(const struct enclave *enclave)
{
    const struct config *config = &enclave->config;
    struct secrets secrets = {0};
    struct reason why;
    char **words = arguments(config);
    char **variables;
    int error = enclave->accepted >= 0 ? secrets_map(&secrets, enclave->accepted, &why) : 0;

    variables = error == 0 ? environment(config, &secrets) : NULL;
    if (error == 0 && (words == NULL || variables == NULL)) {
        error = reason_set(&why, -ENOMEM, "no memory for its arguments");
    }
    if (error == 0) {
        supervise_unblock();
        (void)setsid();
        role_score(ROLE_APP);
        error = cgroup_enter(&why);
    }
    if (error == 0) {
        error = stdio_for_program(&why);
    }
    if (error == 0) {
        error = confine_program(&why);
    }
    if (error == 0) {
        execve(config->app.run, words, variables);
        (void)reason_system(&why, -errno, "cannot run %s", text_quote_string(config->app.run).text);
    }
    log_line(ROLE_APP, "%s", why.text);
    _exit(111);
}

int program_start(struct service *service, pid_t *pid, struct reason *why)
{
    const struct enclave *enclave = service->owner;

    cgroup_kill(); /* what the last one left behind */
    *pid = fork();
    if (*pid < 0) {
        int error = -errno;
        *pid = 0;
        return reason_system(why, error, "cannot make a process");
    }
    if (*pid == 0) {
        run(enclave);
    }
    return 0;
}

enum service_next program_ended(struct service *service, int status)
{
    struct enclave *enclave = service->owner;
    char how[SUPERVISE_STATUS_SIZE];

    if (enclave->restarting) {
        enclave->restarting = false;
        loop_cancel(enclave->loop, &enclave->app_term);
        return SERVICE_AGAIN;
    }
    switch (enclave->config.app.restart) {
    case CONFIG_RESTART_ALWAYS:
        return SERVICE_AGAIN;
    case CONFIG_RESTART_ON_FAILURE:
        if (status != 0) {
            return SERVICE_AGAIN;
        }
        break;
    case CONFIG_RESTART_NEVER:
        break;
    }
    boot_finish(supervise_status(status, how));
}

int program_prepare(struct reason *why)
{
    uint64_t available;
    int error = limits_available(&available, why);

    return error < 0 ? error : cgroup_make(available, why);
}
