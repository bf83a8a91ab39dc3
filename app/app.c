/* app: the table of built-in applications. */
#include "app/app.h"

#include <string.h>

#include "app/gateway.h"
#include "app/watermark.h"

const struct app app_table[] = {
    {"gateway", gateway_run},
    {"watermark", watermark_run},
    {NULL, NULL},
};

const struct app *app_find(const char *name)
{
    for (const struct app *app = app_table; app->name != NULL; app++) {
        if (strcmp(app->name, name) == 0) {
            return app;
        }
    }
    return NULL;
}
