/* file: whole files read with a bound, and written beside their place and renamed, so that no reader sees half of one.
 */
#ifndef INGOT_BASE_FILE_H
#define INGOT_BASE_FILE_H

#include <stddef.h>
#include <sys/types.h>

#include "base/reason.h"

/*
 * Reads a whole file of at most max bytes. *data is malloc'd, has a NUL behind its *size bytes, and is the caller's.
 * 0, or -errno (-EFBIG over max) with nothing to free and a sentence that names the path.
 */
int file_read(const char *path, size_t max, char **data, size_t *size, struct reason *why);
/* The same from an open descriptor, up to its end; the descriptor stays open. name stands in the sentence. */
int file_read_descriptor(int fd, const char *name, size_t max, char **data, size_t *size, struct reason *why);

/* Writes size bytes to path by way of a new file beside it and rename(2). On failure path is as it was. */
int file_write(const char *path, const void *data, size_t size, mode_t mode, struct reason *why);

/* write(2) until all is written or an error. 0 or -errno. */
int file_write_all(int fd, const void *data, size_t size);

#endif
