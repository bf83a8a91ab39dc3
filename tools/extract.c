/* extract: takes an image apart: its sections as they are, and the files of its ramdisks. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "image/ramdisk.h"
#include "tools/look.h"
#include "tools/parts.h"
#include "tools/unpack.h"
#include "tools/verbs.h"

static int run_extract(int argc, char *argv[]);

const struct verb verb_extract = {
    .name = "extract",
    .arguments = "X.eif DIR",
    .summary = "take an image apart: its sections, and the files of its ramdisks",
    .help = "Writes into DIR, which must be new or empty:\n"
            "  kernel, cmdline, metadata.json, ramdisk-1, …, signature   the sections, byte for byte\n"
            "  header              the header's memory, CPUs, flags and CRC\n"
            "  ramdisk-1.files/ …  what is in a ramdisk (archives and gzip; other compressions are named, not opened)\n"
            "`ingot build --parts DIR` packs the sections again and gives back the same file.\n"
            "\n"
            "Files from strangers are safe to take apart: nothing is written outside of DIR, no symbolic link is\n"
            "followed. Names that are absolute or have \"..\", what lies behind a link, and devices are left out and "
            "named\n"
            "on standard error, and the exit code is then 1 (devices alone don't count). DIR is there whole or not at "
            "all.\n",
    .run = run_extract,
};

/* ---- The folder: made beside its place, and renamed when it is whole ---- */

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status;
    (void)kind;
    (void)where;
    return remove(path);
}

/* Nothing is there, or an empty folder, which rename(2) replaces. */
static int check_place(const char *path, struct reason *why)
{
    DIR *folder = opendir(path);
    const struct dirent *entry;
    bool taken = folder == NULL && errno != ENOENT;

    while (folder != NULL && !taken && (entry = readdir(folder)) != NULL) {
        taken = strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    }
    if (folder != NULL) {
        closedir(folder);
    }
    return taken ? reason_set(why, -EEXIST, "%s: is there already; name a new or an empty folder",
                       text_quote_string(path).text)
                 : 0;
}

/* ---- Files ---- */

struct leaving {
    unsigned ramdisk;
    size_t count;
};

static void say_left_out(void *owner, const char *name, const char *fault, bool special)
{
    struct leaving *leaving = owner;

    fprintf(
        stderr, "ingot extract: ramdisk %u: left out: %s %s\n", leaving->ramdisk, text_quote_string(name).text, fault);
    leaving->count += !special;
}

static int unpack_ramdisk(
    const struct source *payload, unsigned number, int folder, struct leaving *leaving, struct reason *why)
{
    struct unpacked unpacked;
    struct ramdisk ramdisk;
    char name[PARTS_NAME_SIZE + sizeof ".files"];
    char part[PARTS_NAME_SIZE];
    int error = ramdisk_open(&ramdisk, payload, why);
    int fd;

    if (error < 0) {
        return error;
    }
    if (!ramdisk.opened) {
        fprintf(stderr, "ingot extract: ramdisk %u: not opened: %s\n", number, ramdisk_form_name(ramdisk.form));
        return 0;
    }
    parts_name(EIF_RAMDISK, number, part);
    (void)snprintf(name, sizeof name, "%s.files", part);
    leaving->ramdisk = number;
    fd = mkdirat(folder, name, 0755) == 0 ? openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    error = fd < 0 ? reason_system(why, -errno, "%s: cannot write", name)
                   : unpack_archive(&ramdisk.archive, fd, say_left_out, leaving, &unpacked, why);
    if (error == 0) {
        fprintf(
            stderr, "%s: %zu files, folders and links (%s)\n", name, unpacked.files, ramdisk_form_name(ramdisk.form));
    }
    if (fd >= 0) {
        close(fd);
    }
    ramdisk_close(&ramdisk);
    return error;
}

static int fill(const struct look *look, int folder, struct leaving *leaving, struct reason *why)
{
    const struct eif *eif = &look->eif;
    unsigned number = 0;
    int error = parts_write(eif, look->measurements.crc_matches, folder, why);

    for (size_t i = 0; error == 0 && i < eif->section_count; i++) {
        if (eif->sections[i].type == EIF_RAMDISK) {
            const struct source payload = eif_payload(eif, &eif->sections[i]);
            error = unpack_ramdisk(&payload, ++number, folder, leaving, why);
        }
    }
    return error;
}

static int extract(const struct look *look, const char *path, struct leaving *leaving, struct reason *why)
{
    char beside[PATH_MAX];
    size_t length = strlen(path);
    int error = check_place(path, why);
    int fd;

    while (length > 1 && path[length - 1] == '/') {
        length--;
    }
    if (error < 0) {
        return error;
    }
    if (length > PATH_MAX - sizeof ".XXXXXX") {
        return reason_set(why, -ENAMETOOLONG, "%s: the path is too long", text_quote_string(path).text);
    }
    (void)snprintf(beside, sizeof beside, "%.*s.XXXXXX", (int)length, path);
    if (mkdtemp(beside) == NULL) {
        return reason_system(why, -errno, "%s: cannot make a folder there", text_quote_string(path).text);
    }
    fd = open(beside, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    error = fd < 0 || fchmod(fd, 0755) < 0 ? reason_system(why, -errno, "%s: cannot open", beside)
                                           : fill(look, fd, leaving, why);
    if (fd >= 0) {
        close(fd);
    }
    if (error == 0 && rename(beside, path) < 0) {
        error = reason_system(why, -errno, "%s: cannot put the folder there", text_quote_string(path).text);
    }
    if (error < 0) {
        (void)nftw(beside, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    }
    return error;
}

static int run_extract(int argc, char *argv[])
{
    static const struct option none[] = {{0}};
    struct leaving leaving = {0};
    struct reason why;
    struct look look;
    int option;
    int error;

    opterr = 0;
    optind = 1;
    if ((option = getopt_long(argc, argv, ":", none, NULL)) != -1) {
        return verb_bad_option(&verb_extract, argv, option);
    }
    if (optind + 2 != argc) {
        return verb_misuse(&verb_extract, "it takes one image and one folder");
    }
    error = look_at(&look, argv[optind], &why);
    if (error == 0) {
        look_say(&look, verb_extract.name, NULL);
        error = extract(&look, argv[optind + 1], &leaving, &why);
        look_end(&look);
    }
    if (error < 0) {
        return verb_fail(&verb_extract, error, &why);
    }
    return leaving.count > 0 ? EXIT_NO : EXIT_DONE;
}
