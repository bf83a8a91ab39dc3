/* descriptors: raises this process's limit of open descriptors to what its work needs. */
#include "base/descriptors.h"

#include <errno.h>
#include <sys/resource.h>

int descriptors_raise(uint64_t need, struct reason *why)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
        return reason_system(why, -errno, "can't read the limit of descriptors");
    }
    if (limit.rlim_cur >= need) {
        return 0;
    }
    rlim_t hard = limit.rlim_max;
    limit.rlim_cur = hard < need ? hard : need;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
        return reason_system(why, -errno, "can't raise the limit of descriptors");
    }
    return hard >= need ? 0
                        : reason_set(why, -EMFILE, "%llu descriptors are needed, and the hard limit is %llu",
                              (unsigned long long)need, (unsigned long long)hard);
}
