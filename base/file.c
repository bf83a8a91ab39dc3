/* file: whole files read with a bound, and written beside their place and renamed, so that no reader sees half of one.
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

#define FIRST_READ 4096

static int read_to_end(int fd, size_t max, char **data, size_t *size)
{
    size_t room = max < FIRST_READ ? max : FIRST_READ;
    size_t used = 0;
    char *buffer = malloc(room + 1);
    struct stat status;

    if (buffer != NULL && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size >= 0 &&
        (uintmax_t)status.st_size <= max) {
        room = (size_t)status.st_size > room ? (size_t)status.st_size : room;
        char *exact = realloc(buffer, room + 1);
        if (exact == NULL) {
            free(buffer);
        }
        buffer = exact;
    }
    while (buffer != NULL) {
        ssize_t n = read(fd, buffer + used, room + (room == max) - used);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            int error = -errno;
            free(buffer);
            return error;
        }
        used += (size_t)n;
        if (used > max) {
            free(buffer);
            return -EFBIG;
        }
        if (n == 0) {
            buffer[used] = '\0';
            *data = buffer;
            *size = used;
            return 0;
        }
        if (used == room && room < max) {
            room = room > max / 2 ? max : room * 2;
            char *larger = realloc(buffer, room + 1);
            if (larger == NULL) {
                free(buffer);
            }
            buffer = larger;
        }
    }
    return -ENOMEM;
}

int file_read_descriptor(int fd, const char *name, size_t max, char **data, size_t *size, struct reason *why)
{
    int error = read_to_end(fd, max, data, size);

    if (error == -EFBIG) {
        return reason_set(why, error, "%s: larger than %zu bytes", name, max);
    }
    return error < 0 ? reason_system(why, error, "%s: cannot read", name) : 0;
}

int file_read(const char *path, size_t max, char **data, size_t *size, struct reason *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    int error;

    if (fd < 0) {
        return reason_system(why, -errno, "%s: cannot open", path);
    }
    error = file_read_descriptor(fd, path, max, data, size, why);
    close(fd);
    return error;
}

int file_write_all(int fd, const void *data, size_t size)
{
    const char *next = data;

    while (size > 0) {
        ssize_t n = write(fd, next, size);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return -errno;
        }
        next += n;
        size -= (size_t)n;
    }
    return 0;
}

int file_write(const char *path, const void *data, size_t size, mode_t mode, struct reason *why)
{
    char beside[4096];
    int length = snprintf(beside, sizeof beside, "%s.XXXXXX", path);
    int error;
    int fd;

    if (length < 0 || (size_t)length >= sizeof beside) {
        return reason_set(why, -ENAMETOOLONG, "%s: the path is too long", text_quote_string(path).text);
    }
    fd = mkostemp(beside, O_CLOEXEC);
    if (fd < 0) {
        return reason_system(why, -errno, "%s: cannot write a file there", path);
    }
    error = file_write_all(fd, data, size);
    if (error == 0 && fchmod(fd, mode) < 0) {
        error = -errno;
    }
    if (close(fd) < 0 && error == 0) {
        error = -errno;
    }
    if (error == 0 && rename(beside, path) < 0) {
        error = -errno;
    }
    if (error < 0) {
        (void)unlink(beside);
        return reason_system(why, error, "%s: cannot write", path);
    }
    return 0;
}
