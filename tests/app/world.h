/* world: what the tests of built-in applications share beside role.h: a folder, commands in it, and ports. */
#ifndef INGOT_TESTS_APP_WORLD_H
#define INGOT_TESTS_APP_WORLD_H

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"

#define WORLD_TEXT_MAX (4 * 1024 * 1024)

/* Of the one application that a program tests. */
static char world_folder[256];

static inline void world_make(const char *name)
{
    const char *parent = getenv("TEST_TMP");

    snprintf(world_folder, sizeof world_folder, "%s/%s-XXXXXX", parent != NULL ? parent : "/tmp", name);
    assert_non_null(mkdtemp(world_folder));
}

static inline int world_run(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline int world_run(const char *format, ...)
{
    char command[8192];
    va_list args;

    va_start(args, format);
    assert_true(vsnprintf(command, sizeof command, format, args) < (int)sizeof command);
    va_end(args);
    return system(command); /* NOLINT: a test's own words */
}

/* A file of the folder; malloc'd. */
static inline char *world_read(const char *name)
{
    char path[512];
    static char *data; /* of a local one gcc 12 says, wrongly, that it dangles */
    size_t size;

    snprintf(path, sizeof path, "%s/%s", world_folder, name);
    assert_int_equal(file_read(path, WORLD_TEXT_MAX, &data, &size, NULL), 0);
    return data;
}

/* How often the words stand in it. */
static inline unsigned world_count(const char *name, const char *words)
{
    char *text = world_read(name);
    size_t at = 0;
    unsigned count = 0;

    for (const char *found; (found = strstr(text + at, words)) != NULL; count++) {
        at = (size_t)(found - text) + 1;
    }
    free(text);
    return count;
}

/* Port 0 becomes one that is free. */
static inline int world_listen(uint32_t address, uint16_t *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(address), .sin_port = htons(*port)};
    socklen_t size = sizeof at;
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 1024), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

static inline uint16_t world_free_port(uint32_t address)
{
    uint16_t port = 0;

    close(world_listen(address, &port));
    return port;
}

#endif
