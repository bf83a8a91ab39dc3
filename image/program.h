/* program: whether a file of a tree can be started in the enclave. */
#ifndef INGOT_IMAGE_PROGRAM_H
#define INGOT_IMAGE_PROGRAM_H

#include "image/source.h"
#include "image/tree.h"

/*
 * Checks that path (absolute inside rootfs, symbolic links followed) is an executable file that the kernel starts: an
 * x86-64 ELF program, static or with its interpreter in the tree; or a script whose interpreter is one.
 * 0; -EINVAL with a sentence that names what is missing; -errno of reading.
 */
int program_check(const struct tree *tree, const char *path, struct reason *why);

/* Checks what becomes PID 1, which starts before any other file is there: an x86-64 ELF program, static. As above. */
int program_check_static(const struct source *source, struct reason *why);

#endif
