/* app_role: the role that runs a built-in application. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/random.h>

#include "app/app.h"
#include "base/text.h"
#include "init/confine.h"
#include "init/log.h"
#include "init/roles.h"

#define APP_FAILED 111

/* What happens once, while the way to it is still open: jansson's seed, and listeners that never block. */
static int prepare(const struct config *config, int listeners[static CONFIG_INBOUND_MAX], struct reason *why)
{
    size_t seed;

    if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed) {
        return reason_system(why, -errno, "no random bytes");
    }
    json_object_seed(seed);
    for (size_t i = 0; i < config->inbound_count; i++) {
        int fd = ROLE_FIRST + (int)i;
        int flags = fcntl(fd, F_GETFL);
        if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
            return reason_system(why, -errno, "the listener of [inbound %s] is missing", config->inbound[i].label);
        }
        listeners[i] = fd;
    }
    return 0;
}

int role_app(void)
{
    int listeners[CONFIG_INBOUND_MAX];
    struct config config;
    struct app_start start = {.config = &config, .control = ROLE_CONTROL, .listeners = listeners};
    const struct app *app;
    struct reason why;
    int error = role_config(&config, &why);

    if (error < 0) {
        goto fail;
    }
    app = app_find(config.app.run);
    if (app == NULL) {
        reason_set(&why, -EINVAL, "`[app] run` = %s: there is no built-in application of that name",
            text_quote_string(config.app.run).text);
        goto fail;
    }
    if (prepare(&config, listeners, &why) < 0 || confine_role(ROLE_APP, &config, &why) < 0 ||
        app->run(&start, &why) < 0) {
        goto fail;
    }
    return 0; /* the process ends here: what it holds goes with it */
fail:
    log_line(ROLE_APP, "%s", why.text);
    return APP_FAILED;
}
