/* reach: where a port of a running enclave is, as --cid, --vsock and --enclave say it. */
#ifndef INGOT_TOOLS_REACH_H
#define INGOT_TOOLS_REACH_H

#include <stdint.h>

#include "base/reason.h"
#include "net/address.h"

/* One of them; the words are the caller's. */
struct reach {
    const char *cid;     /* the enclave on this EC2 instance */
    const char *enclave; /* its name there: nitro-cli is asked for the CID, once */
    const char *folder;  /* of a local enclave: ingot run --vsock */
};

/* How many of them were said. */
unsigned reach_ways(const struct reach *reach);

/* 0; -EINVAL; -ENOENT: no running enclave has that name; -errno of running nitro-cli; with a sentence. */
int reach_port(const struct reach *reach, uint32_t port, struct address *address, struct reason *why);

#endif
