/* entropy: random bytes of the NSM into the kernel's pool, credited, before anything asks for a key or a nonce. */
#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "attest/nsm.h"
#include "base/wipe.h"
#include "init/enclave.h"

_Static_assert(NSM_RANDOM_MIN * 8 >= 256, "one answer of the NSM is a full seed");

/* As struct rand_pool_info of <linux/random.h>, with its room. */
struct pool {
    int bits;
    int size;
    uint8_t bytes[NSM_RANDOM_MAX];
};
_Static_assert(offsetof(struct pool, bytes) == offsetof(struct rand_pool_info, buf), "as the kernel has it");

int step_entropy(struct enclave *enclave, struct reason *said)
{
    struct pool pool = {0};
    size_t size;
    int error = nsm_random(enclave->nsm, pool.bytes, &size, said);
    int fd;

    if (error < 0) {
        return error;
    }
    pool.size = (int)size;
    pool.bits = pool.size * 8;
    fd = open("/dev/random", O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        error = reason_system(said, -errno, "cannot open /dev/random");
    } else if (ioctl(fd, RNDADDENTROPY, &pool) < 0 || ioctl(fd, RNDRESEEDCRNG) < 0) {
        error = reason_system(said, -errno, "the kernel does not take the NSM's random bytes");
    } else {
        error = reason_set(said, 0, "%zu bytes from the NSM", size);
    }
    if (fd >= 0) {
        close(fd);
    }
    wipe(&pool, sizeof pool);
    return error;
}
