/* mounts: the file systems of PID 1, and a small world of its own for the application. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "init/cgroup.h"
#include "init/confine.h"
#include "init/enclave.h"
#include "init/roles.h"

#define INERT (MS_NOSUID | MS_NODEV | MS_NOEXEC)

struct place {
    const char *path;
    const char *type;
    unsigned long flags;
    const char *options; /* sizes are percent of the memory: the root itself is a ramfs, which has no bound */
};

static const struct place system_places[] = {
    {"/proc", "proc", INERT, NULL},
    {"/dev", "devtmpfs", MS_NOSUID | MS_NOEXEC, NULL},
};

/* Ours need none of these, and each takes the kernel its time. */
static const struct place program_places[] = {
    {CGROUP_ROOT, "cgroup2", INERT, NULL},
    {ENCLAVE_ROOT "/proc", "proc", INERT | MS_RDONLY, "hidepid=invisible"},
    {ENCLAVE_ROOT "/dev", "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=0755,size=64k,nr_inodes=32"},
    {ENCLAVE_ROOT "/dev/shm", "tmpfs", INERT, "mode=1777,size=10%,nr_inodes=4096"},
    {ENCLAVE_ROOT "/tmp", "tmpfs", INERT, "mode=1777,size=10%,nr_inodes=4096"},
    {ENCLAVE_ROOT "/run", "tmpfs", INERT, "mode=1777,size=5%,nr_inodes=1024"},
};

static const struct place identity_places[] = {
    {ENCLAVE_ROOT ENCLAVE_IDENTITY_FOLDER, "tmpfs", INERT, "mode=0755,size=1m,nr_inodes=64"},
};

static const struct {
    const char *path;
    unsigned major;
    unsigned minor;
} devices[] = {
    {ENCLAVE_ROOT "/dev/null", 1, 3},
    {ENCLAVE_ROOT "/dev/zero", 1, 5},
    {ENCLAVE_ROOT "/dev/full", 1, 7},
    {ENCLAVE_ROOT "/dev/random", 1, 8},
    {ENCLAVE_ROOT "/dev/urandom", 1, 9},
};

static const struct {
    const char *path;
    const char *target;
} links[] = {
    {ENCLAVE_ROOT "/dev/fd", "/proc/self/fd"},
    {ENCLAVE_ROOT "/dev/stdin", "/proc/self/fd/0"},
    {ENCLAVE_ROOT "/dev/stdout", "/proc/self/fd/1"},
    {ENCLAVE_ROOT "/dev/stderr", "/proc/self/fd/2"},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* mkdir -p. */
static int make_folder(const char *path)
{
    char part[256];
    size_t size = strlen(path);

    if (size >= sizeof part) {
        return -ENAMETOOLONG;
    }
    for (size_t i = 1; i <= size; i++) {
        if (path[i] == '/' || path[i] == '\0') {
            memcpy(part, path, i);
            part[i] = '\0';
            if (mkdir(part, 0755) < 0 && errno != EEXIST) {
                return -errno;
            }
        }
    }
    return 0;
}

static int mount_all(const struct place *places, size_t count, struct reason *why)
{
    for (size_t i = 0; i < count; i++) {
        int error = make_folder(places[i].path);
        if (error == 0 &&
            mount(places[i].type, places[i].path, places[i].type, places[i].flags, places[i].options) < 0) {
            error = -errno;
        }
        if (error < 0 && error != -EBUSY) { /* the kernel may have mounted /dev itself */
            return reason_system(why, error, "cannot mount a %s on %s", places[i].type, places[i].path);
        }
    }
    return 0;
}

int step_mounts(struct enclave *enclave, struct reason *said)
{
    int error = mount_all(system_places, COUNT(system_places), said);
    int fd;

    (void)enclave;
    if (error < 0) {
        return error;
    }
    if (mkdir(CONFINE_EMPTY, 0555) < 0) {
        return reason_system(said, -errno, "cannot make " CONFINE_EMPTY);
    }
    fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (fd < 0 || dup2(fd, STDIN_FILENO) < 0) {
        return reason_system(said, -errno, "cannot use /dev/null");
    }
    close(fd);
    /* A program may open /dev/stdout, which is this node: it could write there already. */
    if (fchmod(STDOUT_FILENO, 0622) < 0) {
        return reason_system(said, -errno, "cannot open the console to the application");
    }
    return reason_set(said, 0, "/proc, /dev");
}

static int mounts_program(struct reason *why)
{
    int error = mount_all(program_places, COUNT(program_places), why);

    for (size_t i = 0; i < COUNT(devices) && error == 0; i++) {
        if (mknod(devices[i].path, S_IFCHR | 0666, makedev(devices[i].major, devices[i].minor)) < 0 ||
            chmod(devices[i].path, 0666) < 0) {
            error = reason_system(why, -errno, "cannot make %s", devices[i].path);
        }
    }
    for (size_t i = 0; i < COUNT(links) && error == 0; i++) {
        if (symlink(links[i].target, links[i].path) < 0) {
            error = reason_system(why, -errno, "cannot make %s", links[i].path);
        }
    }
    if (error == 0 &&
        mount(NULL, ENCLAVE_ROOT "/dev", NULL, MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NOEXEC, NULL) < 0) {
        error = reason_system(why, -errno, "cannot make " ENCLAVE_ROOT "/dev read-only");
    }
    return error;
}

int mounts_application(bool built_in, struct reason *why)
{
    int error = mount_all(identity_places, COUNT(identity_places), why);

    if (error == 0 && symlink("identity/now", ENCLAVE_ROOT CONFIG_CERTS_FOLDER) < 0) {
        error = reason_system(why, -errno, "cannot make " ENCLAVE_ROOT CONFIG_CERTS_FOLDER);
    }
    return error < 0 || built_in ? error : mounts_program(why);
}

int mounts_seal(struct reason *why)
{
    if (mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY, NULL) < 0) {
        return reason_system(why, -errno, "cannot make the root folder read-only");
    }
    return 0;
}
