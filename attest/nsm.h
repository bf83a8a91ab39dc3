/* nsm: asks the Nitro Secure Module what this enclave is, for random bytes, and for the time. */
#ifndef INGOT_ATTEST_NSM_H
#define INGOT_ATTEST_NSM_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/reason.h"

/*
 * /dev/nsm takes one request and gives one response, both CBOR, through one ioctl; calls of all processes wait for each
 * other. The kernel makes the node for everybody (0666): nsm_open() closes it to all but root.
 *
 * Everything the device answers is read as hostile: lengths before use, text bounded, what is unknown refused. The
 * nsm_read_*() functions are the readers alone, over bytes; the others ask and read. All return 0 or -errno with a
 * sentence: -EBADMSG for a response that is none, -EREMOTEIO where the module answers {"Error": …}.
 */
#define NSM_DEVICE "/dev/nsm"
#define NSM_REQUEST_MAX 0x1000 /* the driver's bounds */
#define NSM_RESPONSE_MAX 0x3000
#define NSM_RANDOM_MAX 256 /* bytes of one GetRandom */
#define NSM_RANDOM_MIN 32  /* fewer would not be worth a seed: refused */
#define NSM_MODULE_MAX 127 /* bytes of a module's name ("i-…-enc…": under 50 in all that were seen) */
#define NSM_PCRS_MAX 32
#define NSM_PAYLOAD_KEYS_MAX 32 /* keys of an attestation document's payload: 9 in all that were seen */

/* A timestamp outside of these is not one (2020-01-01 and 2200-01-01, in milliseconds since 1970). */
#define NSM_TIME_MIN 1577836800000u
#define NSM_TIME_MAX 7258118400000u

struct nsm_description {
    uint16_t major;
    uint16_t minor;
    uint16_t patch;
    uint16_t pcrs;                   /* max_pcrs */
    uint16_t pcrs_locked;            /* how many of them */
    char module[NSM_MODULE_MAX + 1]; /* printable ASCII */
};

/* Opens the device and takes it from everybody else (mode 0600). The descriptor is the caller's. */
int nsm_open(const char *path, int *fd, struct reason *why);

int nsm_describe(int fd, struct nsm_description *description, struct reason *why);
/* *size bytes, NSM_RANDOM_MIN to NSM_RANDOM_MAX, into random. */
int nsm_random(int fd, uint8_t random[static NSM_RANDOM_MAX], size_t *size, struct reason *why);
/* Milliseconds since 1970 from the hypervisor, out of an attestation document made for it. The parent can't forge it.
 */
int nsm_time(int fd, uint64_t *milliseconds, struct reason *why);

int nsm_read_description(struct bytes response, struct nsm_description *description, struct reason *why);
int nsm_read_random(struct bytes response, struct bytes *random, struct reason *why);
/* *document lies inside response. */
int nsm_read_attestation(struct bytes response, struct bytes *document, struct reason *why);
/*
 * The timestamp of a document: COSE_Sign1 (RFC 9052 §4.2), with its tag or without, the payload a map of definite or
 * indefinite length. The signature is not looked at: the document comes from the device of this very machine.
 */
int nsm_read_time(struct bytes document, uint64_t *milliseconds, struct reason *why);

#endif
