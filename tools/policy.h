/* policy: what a policy on an enclave's measurements says, apart from the words that it is printed in. */
#ifndef INGOT_TOOLS_POLICY_H
#define INGOT_TOOLS_POLICY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "tools/measurements.h"

#define POLICY_IMAGES_MAX 16
#define POLICY_ACTIONS_MAX 5

struct policy {
    const char *names[POLICY_IMAGES_MAX]; /* of the files */
    struct pcrs images[POLICY_IMAGES_MAX];
    size_t count;
    bool pinned[MEASUREMENTS_PCRS];          /* which of the image's PCRs the conditions name */
    const char *role;                        /* ARN of the parent's role: PCR3; NULL: not pinned */
    const char *instance;                    /* id of the parent: PCR4; NULL: not pinned */
    const char *principal;                   /* ARN that may ask; NULL: a place to be filled in */
    const char *key;                         /* ARN of the key, for policies that are not the key's own; NULL: "*" */
    const char *secret;                      /* ARN of a secret; NULL: none */
    const char *actions[POLICY_ACTIONS_MAX]; /* "kms:Decrypt", … */
    size_t action_count;
    bool image_sha384; /* PCR0 under its other name, ImageSha384 */
};

/* Stands where a principal must be filled in; AWS refuses it, so that it can't be forgotten. */
#define POLICY_NO_PRINCIPAL "arn:aws:iam::ACCOUNT:role/ROLE"

/*
 * What of it must not become a policy: 0, or -EINVAL with the reason. An image without PCR2 of its own, PCR1 without
 * PCR2, PCRs of zeros, a PCR that is pinned and not known.
 */
int policy_check(const struct policy *policy, struct reason *why);

/* PCR3 and PCR4: SHA-384(48 zero bytes ‖ text), as the user guide of Nitro Enclaves computes them. */
void policy_parent_pcr(const char *text, uint8_t pcr[static EIF_PCR_SIZE]);

/*
 * The statements, each with the conditions of one set of images: one condition lists several values, and values of
 * different images could then be mixed. So where more than one PCR differs and PCR0, which fixes PCR1 and PCR2, is not
 * what holds them together, each image has its own statement.
 */
bool policy_needs_own_statements(const struct policy *policy);

/* Each prints to a new string, to be freed, or NULL without memory. */
char *policy_kms(const struct policy *policy);
char *policy_iam(const struct policy *policy);
char *policy_terraform(const struct policy *policy);
char *policy_json(const struct policy *policy);

#endif
