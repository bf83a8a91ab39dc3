/* policy_check: which measurements must not become a policy, and why. */
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "crypto/hash.h"
#include "tools/policy.h"

void policy_parent_pcr(const char *text, uint8_t pcr[static EIF_PCR_SIZE])
{
    static const uint8_t zero[EIF_PCR_SIZE];
    struct hash_sha384 hash;

    hash_sha384_init(&hash);
    hash_sha384_update(&hash, zero, sizeof zero);
    hash_sha384_update(&hash, text, strlen(text));
    hash_sha384_out(&hash, pcr);
}

static bool is_of_nothing(const uint8_t pcr[static EIF_PCR_SIZE])
{
    uint8_t digest[HASH_SHA384_SIZE];
    uint8_t nothing[EIF_PCR_SIZE];
    struct hash_sha384 hash;

    hash_sha384_init(&hash);
    hash_sha384_out(&hash, digest);
    eif_pcr(digest, nothing);
    return memcmp(pcr, nothing, EIF_PCR_SIZE) == 0;
}

static int check_image(const struct policy *policy, size_t index, struct reason *why)
{
    const struct pcrs *pcrs = &policy->images[index];

    for (size_t i = 0; i < MEASUREMENTS_PCRS; i++) {
        if (pcrs->has[i] && measurements_zero(pcrs->value[i])) {
            return reason_set(why, -EINVAL,
                "PCR%zu is all zeros: that is what every enclave in debug mode attests, whatever runs in it", i);
        }
    }
    if (pcrs->has[2] && is_of_nothing(pcrs->value[2])) {
        return reason_set(why, -EINVAL,
            "PCR2 is the hash of nothing: the image has one ramdisk, and every such image has this PCR2 (put the "
            "application into a ramdisk of its own, as ingot build does)");
    }
    for (size_t i = 0; i < MEASUREMENTS_PCRS; i++) {
        if (policy->pinned[i] && !pcrs->has[i]) {
            return reason_set(why, -EINVAL, "PCR%zu is not known%s", i,
                i == 8 ? ": the image is not signed (ingot sign)" : " (--pcrs says which to pin)");
        }
    }
    return 0;
}

static int check_pinned(const struct policy *policy, struct reason *why)
{
    const bool *pinned = policy->pinned;

    if (pinned[0] || (pinned[1] && pinned[2])) {
        return 0;
    }
    if (pinned[1]) {
        return reason_set(why, -EINVAL,
            "PCR1 without PCR2 pins kernel and runtime, and lets any application in: a later ramdisk even replaces the "
            "runtime (pin PCR0, or PCR1 with PCR2)");
    }
    if (pinned[2]) {
        return reason_set(why, -EINVAL,
            "PCR2 without PCR1 pins the application, and lets any kernel and runtime under it (pin PCR0, or PCR1 with "
            "PCR2)");
    }
    return pinned[8] ? 0 : reason_set(why, -EINVAL, "no PCR is pinned");
}

int policy_check(const struct policy *policy, struct reason *why)
{
    int error = check_pinned(policy, why);

    for (size_t i = 0; error == 0 && i < policy->count; i++) {
        error = check_image(policy, i, why);
        if (error < 0) {
            reason_prefix(why, "%s", policy->names[i]);
        }
    }
    return error;
}
