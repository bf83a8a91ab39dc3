/* kernel: what an x86 bzImage says of itself in its setup header. */
#ifndef INGOT_IMAGE_KERNEL_H
#define INGOT_IMAGE_KERNEL_H

#include <stdint.h>

#include "base/reason.h"
#include "image/source.h"

#define KERNEL_VERSION_MAX 64

struct kernel {
    char version[KERNEL_VERSION_MAX + 1]; /* "6.12.95"; "unknown" where it does not say */
    uint32_t init_size;                   /* bytes that it needs to unpack itself and start */
};

/*
 * Reads the setup header (Documentation/arch/x86/boot.rst, protocol 2.10 and later) of a kernel. An ELF vmlinux is
 * refused too: a real Nitro host hangs on it without a word. 0; -EINVAL with a sentence; -errno of reading.
 */
int kernel_read(const struct source *source, struct kernel *kernel, struct reason *why);

#endif
