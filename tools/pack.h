/* pack: makes an EIF from a configuration, a folder, a kernel and an init. */
#ifndef INGOT_TOOLS_PACK_H
#define INGOT_TOOLS_PACK_H

#include <stdint.h>

#include "image/config.h"
#include "image/eif.h"
#include "image/runtime.h"
#include "image/tree.h"

/*
 * AWS's command line for x86, as its builder has it, and ramfs for the root: a tmpfs cuts files silently when memory is
 * short at boot.
 */
#define PACK_CMDLINE                                                                                                   \
    "reboot=k panic=30 pci=off nomodules console=ttyS0 i8042.noaux i8042.nomux i8042.nopnp i8042.dumbkbd "             \
    "random.trust_cpu=on rootfstype=ramfs"

struct pack {
    const struct config *config;
    const struct tree *tree; /* the application (pack_tree()) */
    const char *kernel;      /* paths */
    const char *init;
    const char *cmdline;
    struct runtime runtime; /* what lies beside init */
    int64_t epoch;          /* BuildTime of the metadata */
    const char *tool_version;
};

struct packed {
    struct eif_measurements measurements;
    uint64_t size;
    uint64_t memory; /* bytes the image needs (image/budget.h) */
};

/*
 * Gathers what goes into the application ramdisk: enclave.ini as it was read, --root DIR (may be NULL), and the files
 * that the configuration names, relative ones from the folder of ini_path. Checks that `run =` can be started.
 * 0; -EINVAL with a sentence; -errno. Release tree with tree_free() in either case.
 */
int pack_tree(struct tree *tree, const struct config *config, const char *ini_path, const char *ini, size_t ini_size,
    const char *root, struct reason *why);

/*
 * Writes the image to path by way of a new file beside it. -EINVAL also where the configuration's memory does not hold
 * the image; the sentence then says what does. On failure path is as it was.
 */
int pack_write(const struct pack *pack, const char *path, struct packed *packed, struct reason *why);

#endif
