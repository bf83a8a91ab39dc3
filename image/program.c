/* program: whether a file of a tree can be started in the enclave. */
#include "image/program.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

#define SCRIPT_LINE_MAX 255 /* BINPRM_BUF_SIZE of the kernel, without NUL */
#define SEGMENTS_MAX 64
#define DEPTH_MAX 2 /* a script and its interpreter */

/* Opens an entry's content. *fd is -1 where it is in memory. */
static int open_entry(const struct tree_entry *entry, struct source *source, int *fd, struct reason *why)
{
    int error;

    *fd = -1;
    if (entry->from == NULL) {
        *source = source_memory(entry->data, entry->size);
        return 0;
    }
    *fd = open(entry->from, O_RDONLY | O_CLOEXEC);
    if (*fd < 0) {
        return reason_system(why, -errno, "cannot read");
    }
    error = source_file(source, *fd, why);
    if (error < 0) {
        close(*fd);
        *fd = -1;
    }
    return error;
}

/* The path that a segment PT_INTERP holds. */
static int read_interpreter(
    const struct source *source, const Elf64_Phdr *segment, char path[static PATH_MAX], struct reason *why)
{
    if (segment->p_filesz < 2 || segment->p_filesz > PATH_MAX) {
        return reason_set(why, -EINVAL, "the name of its interpreter is empty or too long");
    }
    memset(path, 0, PATH_MAX);
    return source_read(source, segment->p_offset, path, (size_t)segment->p_filesz - 1, why);
}

/* Checks the header and finds the interpreter; path is "" for a static program. */
static int read_elf(const struct source *source, char path[static PATH_MAX], struct reason *why)
{
    Elf64_Ehdr header;
    int error = source_read(source, 0, &header, sizeof header, why);

    path[0] = '\0';
    if (error < 0) {
        return error;
    }
    if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
        header.e_machine != EM_X86_64) {
        return reason_set(why, -EINVAL, "an ELF file, but not for x86-64 (class %u, machine %u)",
            (unsigned)header.e_ident[EI_CLASS], (unsigned)header.e_machine);
    }
    if (header.e_type != ET_EXEC && header.e_type != ET_DYN) {
        return reason_set(why, -EINVAL, "an ELF file, but no program (type %u)", (unsigned)header.e_type);
    }
    if (header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum == 0 || header.e_phnum > SEGMENTS_MAX) {
        return reason_set(why, -EINVAL, "an ELF program with a strange table of segments");
    }
    for (unsigned i = 0; error == 0 && i < header.e_phnum; i++) {
        Elf64_Phdr segment;
        error = source_read(source, header.e_phoff + i * sizeof segment, &segment, sizeof segment, why);
        if (error == 0 && segment.p_type == PT_INTERP) {
            return read_interpreter(source, &segment, path, why);
        }
    }
    return error;
}

/* The interpreter of a "#!" line. */
static int read_script(const struct source *source, char path[static PATH_MAX], struct reason *why)
{
    char line[SCRIPT_LINE_MAX + 1] = {0};
    size_t size = source->size < SCRIPT_LINE_MAX ? (size_t)source->size : SCRIPT_LINE_MAX;
    int error = source_read(source, 0, line, size, why);
    char *start = line + 2;

    if (error < 0) {
        return error;
    }
    start += strspn(start, " \t");
    start[strcspn(start, " \t\n")] = '\0';
    if (start[0] != '/') {
        return reason_set(why, -EINVAL, "its first line names the interpreter %s, which is no absolute path",
            text_quote_string(start).text);
    }
    strcpy(path, start);
    return 0;
}

/* One file: what it is, and which interpreter it names ("" for none). */
static int check_file(const struct tree_entry *entry, char interpreter[static PATH_MAX], struct reason *why)
{
    unsigned char magic[4] = {0};
    struct source source;
    int fd;
    int error = open_entry(entry, &source, &fd, why);

    if (error < 0) {
        return error;
    }
    error = source_read(&source, 0, magic, source.size < sizeof magic ? (size_t)source.size : sizeof magic, why);
    if (error == 0 && memcmp(magic, ELFMAG, SELFMAG) == 0) {
        error = read_elf(&source, interpreter, why);
    } else if (error == 0 && memcmp(magic, "#!", 2) == 0) {
        error = read_script(&source, interpreter, why);
    } else if (error == 0) {
        error = reason_set(why, -EINVAL, "neither an ELF program nor a script with #!");
    }
    if (fd >= 0) {
        close(fd);
    }
    return error;
}

int program_check(const struct tree *tree, const char *path, struct reason *why)
{
    char interpreter[PATH_MAX];
    char current[PATH_MAX];
    int error = 0;

    if (strlen(path) >= sizeof current) {
        return reason_set(why, -EINVAL, "the path is too long");
    }
    strcpy(current, path);
    for (unsigned depth = 0; error == 0; depth++) {
        const struct tree_entry *entry = tree_resolve(tree, current);
        if (entry == NULL && depth == 0) {
            return reason_set(why, -EINVAL, "%s is not in --root DIR", text_quote_string(current).text);
        }
        if (entry == NULL) {
            return reason_set(why, -EINVAL,
                "%s: it needs %s, which is not in --root DIR (put it there with its libraries, or link statically)",
                text_quote_string(path).text, text_quote_string(current).text);
        }
        if ((entry->mode & CPIO_TYPE_MASK) != CPIO_REGULAR || (entry->mode & 0111) != 0111) {
            return reason_set(why, -EINVAL, "%s is not a file that everyone may execute (chmod 0755)",
                text_quote_string(current).text);
        }
        error = check_file(entry, interpreter, why);
        if (error < 0) {
            reason_prefix(why, "%s", text_quote_string(current).text);
        } else if (interpreter[0] == '\0' || depth == DEPTH_MAX) {
            return 0;
        }
        strcpy(current, interpreter);
    }
    return error;
}

int program_check_static(const struct source *source, struct reason *why)
{
    unsigned char magic[SELFMAG] = {0};
    char interpreter[PATH_MAX];
    int error = source_read(source, 0, magic, source->size < sizeof magic ? (size_t)source->size : sizeof magic, why);

    if (error == 0 && memcmp(magic, ELFMAG, SELFMAG) != 0) {
        return reason_set(why, -EINVAL, "no ELF program");
    }
    if (error == 0) {
        error = read_elf(source, interpreter, why);
    }
    if (error == 0 && interpreter[0] != '\0') {
        error = reason_set(why, -EINVAL, "it needs %s: link it statically", text_quote_string(interpreter).text);
    }
    return error;
}
