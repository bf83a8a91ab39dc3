/* budget: how much memory an enclave needs to boot an image and to hold its worst case. */
#ifndef INGOT_IMAGE_BUDGET_H
#define INGOT_IMAGE_BUDGET_H

#include <stddef.h>
#include <stdint.h>

#include "image/config.h"

/*
 * The derivation, in bytes. While the kernel unpacks, both archives and the files that came out of them are in memory;
 * later the archives are gone, and the application and its connections come.
 *
 *   need = BUDGET_FIXED + BUDGET_SPARE + init_size of the kernel
 *        + max(archives + unpacked, unpacked + processes + connections × BUDGET_CONNECTION)
 *   ... plus 1/BUDGET_PAGES of it all: the kernel's own account of its pages (struct page, 64 bytes for 4 KiB)
 *
 * processes is BUDGET_PROCESSES, and what [inbound status], [log] and an [inbound] with tls = mutual add where the
 * image has them: budget_processes().
 *
 * and never less than 4 × the file (nitro-cli refuses that) or 64 MiB (the Nitro driver does).
 */
#define BUDGET_FIXED (UINT64_C(21) << 19)       /* kernel data, slabs, per-CPU areas, the reserved first megabyte */
#define BUDGET_PROCESSES (UINT64_C(16) << 20)   /* PID 1, relay, pushes, the application: init/limits.c adds them up */
#define BUDGET_APPLICATION (UINT64_C(12) << 20) /* of it: what a built-in application may take at worst */
#define BUDGET_STATUS (UINT64_C(1088) << 10)    /* buffers of all connections that [inbound status] holds */
#define BUDGET_STATUS_PLACES 2u                 /* documents at a time, … */
#define BUDGET_STATUS_FIXED 8192u               /* … each of so many bytes, … */
#define BUDGET_STATUS_EACH 1024u                /* … and so many for a listener, a host, a certificate */
#define BUDGET_LOG (UINT64_C(256) << 10)        /* [log]: its connection's buffers, and the application's pipe */
#define BUDGET_SESSION (UINT64_C(66) << 10)     /* [inbound] tls = mutual: for each connection … */
#define BUDGET_SESSIONS_MAX 64u                 /* … of so many at the most, */
#define BUDGET_STORE (UINT64_C(288) << 10)      /* and what can be resumed */
#define BUDGET_SPARE (UINT64_C(2) << 20) /* free memory differs so much between boots: the boot does not count it */
#define BUDGET_CONNECTION (UINT64_C(340) << 10) /* one connection that is stalled both ways: init/limits.h */
#define BUDGET_ENTRY 1024u                      /* inode and dentry of one file */
#define BUDGET_SLACK 8u /* an eighth of the content more: what 8 MiB of files were seen to take is 9.4 */
#define BUDGET_PAGES 64u
#define BUDGET_LEAST (UINT64_C(64) << 20)
#define BUDGET_FILE_FACTOR 4u

struct budget {
    uint64_t file_size;     /* of the EIF */
    uint64_t kernel_memory; /* init_size of its setup header */
    uint64_t archives;      /* bytes of both ramdisks */
    uint64_t content;       /* bytes of their files, each rounded up to a page */
    size_t entries;         /* files, folders and links */
    unsigned connections;
    uint64_t processes;
};

/*
 * Connections of clients that a built-in application takes at a time: fewer than the relay lets in (three quarters of
 * all, where there are endpoints too), for it is the application that can tell who makes room: with all of them idle or
 * silent the relay would refuse the next one. With an [inbound] tls = mutual each may hold a session.
 */
unsigned budget_clients(const struct config *config);

/*
 * Of a gateway's connections half are clients' that it has taken; three eighths are its own to services, kept ones
 * included; a sixteenth are clients' that wait until another makes room, and as many are on their way to their end. So
 * a request that is let in finds its way out, and one too many is told so (503).
 */
unsigned budget_services(const struct config *config);
/* What the relay lets in for that: struct relay_pool_options. 0: no gateway. */
unsigned budget_inbound(const struct config *config);

/* At worst, by what the image measures. */
uint64_t budget_processes(const struct config *config);

/* Bytes, a multiple of 1 MiB. */
uint64_t budget_memory(const struct budget *budget);

#endif
