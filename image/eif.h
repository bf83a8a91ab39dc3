/* eif: the Enclave Image File, version 4: its structures, its reader, its writer and its measurements. */
#ifndef INGOT_IMAGE_EIF_H
#define INGOT_IMAGE_EIF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"
#include "crypto/hash.h"
#include "image/source.h"

/*
 * The file, all integers big-endian:
 *
 *   header (548 bytes) ─ section header, payload ─ section header, payload ─ … ─ end
 *
 * The header's table names the place and size of every section, and each section says its size again in its own
 * header. The hypervisor loads by the table, AWS's describe-eif walks from section to section: a file in which they
 * disagree shows one thing and boots another. So here table = walk = file, with no gap and nothing behind the end.
 *
 * Sections stand in the order in which AWS's builder writes them: kernel, cmdline, metadata (may be missing),
 * ramdisks (one or more), signature (may be missing).
 */
#define EIF_MAGIC ".eif"
#define EIF_VERSION 4
#define EIF_SECTIONS_MAX 32
#define EIF_FLAG_AARCH64 0x0001u
#define EIF_METADATA_MAX 4096   /* AWS's builder writes no larger one */
#define EIF_SIGNATURE_MAX 32768 /* the same */
#define EIF_CMDLINE_MAX 2047    /* x86 COMMAND_LINE_SIZE without NUL; the hypervisor appends its devices to it */

struct eif_wire_header {
    uint8_t magic[4];
    uint8_t version[2];
    uint8_t flags[2];
    uint8_t default_memory[8]; /* bytes */
    uint8_t default_cpus[8];
    uint8_t reserved[2];
    uint8_t section_count[2];
    uint8_t offsets[EIF_SECTIONS_MAX][8]; /* of section headers, from the start of the file */
    uint8_t sizes[EIF_SECTIONS_MAX][8];   /* of payloads */
    uint8_t unused[4];
    uint8_t crc32[4]; /* CRC-32 (zlib's) of the whole file without these four bytes */
};
_Static_assert(sizeof(struct eif_wire_header) == 548, "EIF v4 header");
_Static_assert(offsetof(struct eif_wire_header, offsets) == 28, "EIF v4 header");
_Static_assert(offsetof(struct eif_wire_header, sizes) == 284, "EIF v4 header");
_Static_assert(offsetof(struct eif_wire_header, crc32) == 544, "EIF v4 header");

struct eif_wire_section {
    uint8_t type[2];
    uint8_t flags[2];
    uint8_t size[8]; /* of the payload behind this header */
};
_Static_assert(sizeof(struct eif_wire_section) == 12, "EIF v4 section header");

enum eif_type { EIF_KERNEL = 1, EIF_CMDLINE = 2, EIF_RAMDISK = 3, EIF_SIGNATURE = 4, EIF_METADATA = 5 };

/* "kernel", "cmdline", …; "unknown" for what is none of them. */
const char *eif_type_name(unsigned type);

struct eif_section {
    enum eif_type type;
    uint64_t offset; /* of its payload */
    uint64_t size;   /* of its payload */
};

/* ---- Reading ---- */

struct eif {
    struct source source; /* the whole file */
    uint16_t flags;
    uint64_t memory;
    uint64_t cpus;
    uint32_t crc32; /* as the header states it */
    size_t section_count;
    struct eif_section sections[EIF_SECTIONS_MAX];
};

/*
 * Reads and checks the structure of an image: header, table, walk, order, end of the file. Payloads are not read; what
 * they hold, and whether the CRC is right, is for eif_measure() and its caller to see.
 * 0; -EINVAL with a sentence that names the field or offset; -errno of reading. Nothing to release.
 */
int eif_read(struct eif *eif, const struct source *source, struct reason *why);

/* The first section of a type, NULL where there is none. */
const struct eif_section *eif_find(const struct eif *eif, enum eif_type type);
struct source eif_payload(const struct eif *eif, const struct eif_section *section);

/*
 * PCR = SHA-384(48 zero bytes ‖ SHA-384(content)), the content being
 *   PCR0  kernel ‖ cmdline ‖ every ramdisk, in the file's order
 *   PCR1  kernel ‖ cmdline ‖ first ramdisk
 *   PCR2  the other ramdisks
 */
#define EIF_PCR_SIZE HASH_SHA384_SIZE
struct eif_measurements {
    uint8_t pcr0[EIF_PCR_SIZE];
    uint8_t pcr1[EIF_PCR_SIZE];
    uint8_t pcr2[EIF_PCR_SIZE];
    bool crc_matches;
};

/* Reads the whole file once; PCR0 and PCR2 are hashed side by side, in two threads. 0 or -errno of reading. */
int eif_measure(const struct eif *eif, struct eif_measurements *measurements, struct reason *why);

/* The CRC alone, in a fifth of the time. 0 or -errno of reading. */
int eif_check_crc(const struct eif *eif, bool *matches, struct reason *why);

/* The PCR of one extension: what eif_measure() does with a content's digest, and PCR8 with the certificate's. */
void eif_pcr(const uint8_t content_digest[static HASH_SHA384_SIZE], uint8_t pcr[static EIF_PCR_SIZE]);

/* ---- Writing ---- */

/*
 *   eif_writer_open ─ (eif_writer_begin ─ eif_writer_put… ─ eif_writer_end)… ─ eif_writer_finish ─ eif_writer_close
 *
 * The file grows sequentially and is never read back. The first error stays: later calls return it again, so a caller
 * may check only the last. Sections must come in the order above (-EINVAL).
 */
struct eif_writer;

/* Writes to fd from its offset 0 on; fd stays the caller's. 0 or -ENOMEM. */
int eif_writer_open(struct eif_writer **writer, int fd, uint64_t memory, uint64_t cpus);
/* Header flags other than 0, for a file that is packed again: at any time before eif_writer_finish(). */
void eif_writer_set_flags(struct eif_writer *writer, uint16_t flags);
int eif_writer_begin(struct eif_writer *writer, enum eif_type type, struct reason *why);
int eif_writer_put(struct eif_writer *writer, const void *data, size_t size, struct reason *why);
int eif_writer_end(struct eif_writer *writer, struct reason *why);
/* Writes the header, with the CRC, and says the measurements and the file's size. */
int eif_writer_finish(
    struct eif_writer *writer, struct eif_measurements *measurements, uint64_t *size, struct reason *why);
void eif_writer_close(struct eif_writer *writer); /* NULL does nothing */

#endif
