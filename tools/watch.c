/* watch: follows the enclaves of this parent instance as nitro-cli tells them, and finds the one that is meant. */
#include "tools/watch.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define LIST_SIZE 300 /* of enclaves that a sentence names; the rest is cut */

struct watch {
    struct loop *loop;
    struct loop_timer timer;
    struct nitro_cli *asking; /* NULL: none runs */
    int64_t every_ms;
    int64_t answered; /* loop_now() of the last answer */
    bool again;       /* watch_soon() while one was asked: what it answers may be older than the reason to ask */
    nitro_cli_done *told;
    void *arg;
};

/* ---- which one ---- */

int watch_choose(
    const char *name, const struct nitro_enclave *enclaves, size_t count, uint32_t *cid, struct reason *why)
{
    const struct nitro_enclave *found = NULL;
    char list[LIST_SIZE] = "";
    size_t used = 0;
    unsigned fit = 0;

    for (size_t i = 0; i < count; i++) {
        const struct nitro_enclave *at = &enclaves[i];
        if (at->running && (name == NULL || strcmp(at->name, name) == 0)) {
            found = at;
            fit++;
            used += used < sizeof list ? (size_t)snprintf(list + used, sizeof list - used, "%s%s with CID %u",
                                             used > 0 ? ", " : "", text_quote_string(at->name).text, at->cid)
                                       : 0;
        }
    }
    if (fit > 1) {
        return reason_set(why, -EEXIST, "%u enclaves could be meant: %s; choose one: --enclave %s", fit, list,
            name == NULL ? "NAME" : "CID");
    }
    if (fit == 0) {
        return name == NULL ? reason_set(why, -ENOENT, "no enclave runs")
                            : reason_set(why, -ENOENT, "no enclave %s runs", text_quote_string(name).text);
    }
    *cid = found->cid;
    reason_set(why, 0, "the enclave %s runs with CID %u", text_quote_string(found->name).text, found->cid);
    return 0;
}

/* ---- asking again and again ---- */

static void tell(struct watch *watch, const struct nitro_enclave *enclaves, size_t count, const struct reason *why)
{
    watch->answered = loop_now(watch->loop);
    loop_after(watch->loop, &watch->timer, watch->again ? WATCH_SOON_MS : watch->every_ms);
    watch->again = false;
    watch->told(watch->arg, enclaves, count, why);
}

static void answered(void *arg, const struct nitro_enclave *enclaves, size_t count, const struct reason *why)
{
    struct watch *watch = arg;

    watch->asking = NULL;
    tell(watch, enclaves, count, why);
}

static void due(struct loop_timer *timer)
{
    struct watch *watch = timer->owner;
    struct reason why;

    if (nitro_cli_enclaves_start(&watch->asking, watch->loop, answered, watch, &why) < 0) {
        watch->asking = NULL;
        tell(watch, NULL, 0, &why);
    }
}

int watch_open(struct watch **out, struct loop *loop, int64_t every_ms, nitro_cli_done *told, void *arg)
{
    struct watch *watch = calloc(1, sizeof *watch);

    if (watch == NULL) {
        return -ENOMEM;
    }
    *watch = (struct watch){.loop = loop, .every_ms = every_ms, .told = told, .arg = arg};
    watch->timer = (struct loop_timer){.fired = due, .owner = watch};
    if (loop_after(loop, &watch->timer, 0) < 0) {
        free(watch);
        return -ENOMEM;
    }
    *out = watch;
    return 0;
}

void watch_soon(struct watch *watch)
{
    int64_t at = watch->answered + WATCH_SOON_MS - loop_now(watch->loop);

    if (watch->asking != NULL) {
        watch->again = true;
    } else if (loop_now(watch->loop) + at < watch->timer.due) {
        loop_after(watch->loop, &watch->timer, at > 0 ? at : 0);
    }
}

void watch_close(struct watch *watch)
{
    if (watch != NULL) {
        nitro_cli_cancel(watch->asking);
        loop_cancel(watch->loop, &watch->timer);
        free(watch);
    }
}
