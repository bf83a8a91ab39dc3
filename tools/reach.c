/* reach: where a port of a running enclave is, as --cid, --vsock and --enclave say it. */
#include "tools/reach.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "net/loop.h"
#include "tools/nitro_cli.h"

struct lookup {
    struct loop *loop;
    const char *name;
    uint32_t cid; /* 0: not found */
    unsigned found;
    struct reason why; /* "" while nitro-cli could be asked */
};

unsigned reach_ways(const struct reach *reach)
{
    return (reach->cid != NULL ? 1u : 0u) + (reach->enclave != NULL ? 1u : 0u) + (reach->folder != NULL ? 1u : 0u);
}

static void answered(void *arg, const struct nitro_enclave *enclaves, size_t count, const struct reason *why)
{
    struct lookup *lookup = arg;

    if (why != NULL) {
        lookup->why = *why;
    }
    for (size_t i = 0; i < count; i++) {
        if (enclaves[i].running && strcmp(enclaves[i].name, lookup->name) == 0) {
            lookup->cid = enclaves[i].cid;
            lookup->found++;
        }
    }
    loop_stop(lookup->loop);
}

static int look_up(const char *name, uint32_t *cid, struct reason *why)
{
    struct lookup lookup = {.name = name};
    struct nitro_cli *cli;
    int error = loop_open(&lookup.loop);

    if (error < 0) {
        return reason_system(why, error, "no event loop");
    }
    error = nitro_cli_enclaves_start(&cli, lookup.loop, answered, &lookup, why);
    if (error == 0) {
        error = loop_run(lookup.loop);
        error = error < 0 ? reason_system(why, error, "the event loop failed") : 0;
    }
    loop_close(lookup.loop);
    if (error == 0 && lookup.why.text[0] != '\0') {
        *why = lookup.why;
        error = -EIO;
    }
    if (error == 0 && lookup.found != 1) {
        error = reason_set(why, -ENOENT, "--enclave %s: %s (nitro-cli describe-enclaves lists what runs)",
            text_quote_string(name).text,
            lookup.found == 0 ? "no running enclave has that name" : "more than one has that name: use --cid");
    }
    *cid = lookup.cid;
    return error;
}

int reach_port(const struct reach *reach, uint32_t port, struct address *address, struct reason *why)
{
    char text[ADDRESS_TEXT_SIZE + 1];
    uint32_t cid = 0;
    int size;

    if (reach->enclave != NULL) {
        int error = look_up(reach->enclave, &cid, why);
        if (error < 0) {
            return error;
        }
        size = snprintf(text, sizeof text, "vsock:%u:%u", cid, port);
    } else if (reach->cid != NULL) {
        size = snprintf(text, sizeof text, "vsock:%s:%u", reach->cid, port);
    } else {
        size = snprintf(text, sizeof text, "hybrid:%s/enclave:%u", reach->folder, port);
    }
    return size < (int)sizeof text ? address_parse(address, text, why)
                                   : reason_set(why, -EINVAL, "the path is too long");
}
