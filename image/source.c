/* source: bytes of known number, in a file, in memory or made when asked for, read by place and never beyond the end.
 */
#include "image/source.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int source_file(struct source *source, int fd, struct reason *why)
{
    struct stat status;

    if (fstat(fd, &status) < 0) {
        return reason_system(why, -errno, "cannot read its size");
    }
    if (!S_ISREG(status.st_mode) || status.st_size < 0) {
        return reason_set(why, -EINVAL, "it is not a regular file");
    }
    *source = (struct source){.fd = fd, .size = (uint64_t)status.st_size};
    return 0;
}

struct source source_memory(const void *data, uint64_t size)
{
    return (struct source){.fd = -1, .memory = data, .size = size};
}

struct source source_part(const struct source *source, uint64_t offset, uint64_t size)
{
    struct source part = *source;

    part.start += offset;
    part.size = size;
    return part;
}

int source_read(const struct source *source, uint64_t offset, void *buffer, size_t size, struct reason *why)
{
    char *next = buffer;

    if (offset > source->size || size > source->size - offset) {
        return reason_set(why, -EINVAL, "it ends at byte %" PRIu64 ", where %zu more are expected from byte %" PRIu64,
            source->size, size, offset);
    }
    if (source->pull != NULL) {
        return source->pull(source->owner, source->start + offset, buffer, size, why);
    }
    if (source->fd < 0) {
        if (size > 0) {
            memcpy(buffer, (const char *)source->memory + source->start + offset, size);
        }
        return 0;
    }
    while (size > 0) {
        ssize_t n = pread(source->fd, next, size, (off_t)(source->start + offset));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return reason_system(why, -errno, "cannot read at byte %" PRIu64, offset);
        }
        if (n == 0) {
            return reason_set(why, -EINVAL, "it has become shorter while it was read");
        }
        next += n;
        offset += (uint64_t)n;
        size -= (size_t)n;
    }
    return 0;
}
