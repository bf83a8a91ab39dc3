/* boot: the enclave's start as one table of steps, and the only two ways in which it ends. */
#ifndef INGOT_INIT_BOOT_H
#define INGOT_INIT_BOOT_H

/*
 * PID 1 from its first instruction to its last. The table (boot.c) is run top to bottom; each step is one file and
 * says one line. After the last step PID 1 supervises its roles (init/supervise.h) until the application has ended for
 * good. Never returns: where the enclave ends, boot_end_*() does it.
 */
_Noreturn void boot(void);

/* `ingot: the enclave ends: STEP: SENTENCE`, the console drained, and a reboot, which is how an enclave ends. */
_Noreturn void boot_fail(const char *step, const char *sentence);

/* `ingot: the application has ended: HOW`, and the same. */
_Noreturn void boot_finish(const char *how);

#endif
