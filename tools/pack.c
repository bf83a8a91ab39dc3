/* pack: makes an EIF from a configuration, a folder, a kernel and an init. */
#include "tools/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "crypto/pem.h"
#include "image/budget.h"
#include "image/image.h"
#include "image/kernel.h"
#include "image/metadata.h"
#include "image/program.h"
#include "tls/trust.h"

#define READ_SIZE 65536
#define PAGE 4096 /* what a small file takes unpacked */

/* ---- The application's files ---- */

/* Whether a PEM text has a block whose label ends so. */
static bool has_block(const char *text, size_t size, const char *ending)
{
    struct bytes left = {(const uint8_t *)text, size};
    struct pem_block block;

    while (pem_next(&left, &block, NULL) > 0) {
        size_t length = strlen(block.label);
        if (length >= strlen(ending) && strcmp(block.label + length - strlen(ending), ending) == 0) {
            return true;
        }
    }
    return false;
}

static int check_pem(const char *path, const char *ending, struct reason *why)
{
    char *text;
    size_t size;
    int error = file_read(path, TLS_TRUST_PEM_MAX, &text, &size, why);

    if (error < 0) {
        return error;
    }
    if (!has_block(text, size, ending)) {
        error = reason_set(why, -EINVAL, "%s: there is no PEM block \"%s\" in it", path, ending);
    }
    free(text);
    return error;
}

/* A FILE of the configuration: one beside enclave.ini is added; an absolute one must be there already. */
static int add_file(struct tree *tree, const char *ini_path, const char *file, const char *ending, struct reason *why)
{
    const char *slash = strrchr(ini_path, '/');
    char from[PATH_MAX];
    char inside[PATH_MAX];
    char path[PATH_MAX];
    int length = snprintf(from, sizeof from, "%.*s%s", slash != NULL ? (int)(slash + 1 - ini_path) : 0, ini_path, file);
    int error = config_packed_path(file, inside, sizeof inside);

    if (length < 0 || (size_t)length >= sizeof from || error < 0 ||
        (size_t)snprintf(path, sizeof path, CONFIG_PATH_ROOTFS "%s", inside) >= sizeof path) {
        return reason_set(why, -EINVAL, "%s: the path is too long", text_quote_string(file).text);
    }
    if (file[0] == '/') {
        return 0; /* looked up when the tree is sorted */
    }
    for (size_t i = 0; i < tree->count; i++) {
        const struct tree_entry *entry = &tree->entries[i];
        if (strcmp(entry->path, path) == 0 && entry->from != NULL && strcmp(entry->from, from) == 0) {
            return 0; /* two sections name one file; where --root brings it too, tree_finish() refuses */
        }
    }
    error = check_pem(from, ending, why);
    return error < 0 ? error : tree_add_file(tree, path, from, why);
}

static int each_file(const struct config *config, struct reason *why,
    int (*call)(void *owner, const char *file, const char *ending, struct reason *why), void *owner)
{
    int error = 0;

    for (size_t i = 0; error == 0 && i < config->endpoint_count; i++) {
        if (config->endpoints[i].ca_file != NULL) {
            error = call(owner, config->endpoints[i].ca_file, "CERTIFICATE", why);
        }
    }
    for (size_t i = 0; error == 0 && i < config->inbound_count; i++) {
        if (config->inbound[i].ca_file != NULL) {
            error = call(owner, config->inbound[i].ca_file, "CERTIFICATE", why);
        }
    }
    for (size_t i = 0; error == 0 && i < config->identity_count; i++) {
        error = call(owner, config->identities[i].cert_file, "CERTIFICATE", why);
        if (error == 0) {
            error = call(owner, config->identities[i].key_file, "PRIVATE KEY", why);
        }
        if (error == 0 && config->identities[i].ca_file != NULL) {
            error = call(owner, config->identities[i].ca_file, "CERTIFICATE", why);
        }
    }
    return error;
}

struct gathering {
    struct tree *tree;
    const char *ini_path;
};

static int gather_file(void *owner, const char *file, const char *ending, struct reason *why)
{
    const struct gathering *gathering = owner;

    return add_file(gathering->tree, gathering->ini_path, file, ending, why);
}

static int find_file(void *owner, const char *file, const char *ending, struct reason *why)
{
    const struct gathering *gathering = owner;
    const struct tree_entry *entry;

    (void)ending;
    if (file[0] != '/') {
        return 0;
    }
    entry = tree_resolve(gathering->tree, file);
    return entry != NULL && (entry->mode & CPIO_TYPE_MASK) == CPIO_REGULAR
               ? 0
               : reason_set(why, -EINVAL, "%s is not a file of --root DIR (a path without / in front is one beside %s)",
                     text_quote_string(file).text, gathering->ini_path);
}

int pack_tree(struct tree *tree, const struct config *config, const char *ini_path, const char *ini, size_t ini_size,
    const char *root, struct reason *why)
{
    struct gathering gathering = {.tree = tree, .ini_path = ini_path};
    int error = tree_init(tree);

    if (error < 0) {
        return reason_system(why, error, "cannot gather files");
    }
    error = tree_add_memory(tree, CONFIG_PATH_INI, ini, ini_size, why);
    if (error == 0 && root != NULL) {
        error = tree_walk(tree, CONFIG_PATH_ROOTFS, root, why);
    }
    if (error == 0) {
        error = each_file(config, why, gather_file, &gathering);
    }
    if (error == 0) {
        error = tree_finish(tree, why);
    }
    if (error == 0) {
        error = each_file(config, why, find_file, &gathering);
    }
    if (error == 0 && !config->app.built_in && root == NULL) {
        return reason_set(why, -EINVAL, "[app] run = %s: no folder to take it from: give --root DIR", config->app.run);
    }
    if (error == 0 && !config->app.built_in) {
        error = program_check(tree, config->app.run, why);
        if (error < 0) {
            reason_prefix(why, "[app] run = %s", config->app.run);
        }
    }
    return error;
}

/* ---- Sections ---- */

static int put_section(struct eif_writer *writer, enum eif_type type, const void *data, size_t size, struct reason *why)
{
    int error = eif_writer_begin(writer, type, why);

    if (error == 0) {
        error = eif_writer_put(writer, data, size, why);
    }
    return error == 0 ? eif_writer_end(writer, why) : error;
}

typedef int put_bytes(void *owner, const void *data, size_t size, struct reason *why);

static int put_to_eif(void *owner, const void *data, size_t size, struct reason *why)
{
    return eif_writer_put(owner, data, size, why);
}

static int put_to_cpio(void *owner, const void *data, size_t size, struct reason *why)
{
    return cpio_content(owner, data, size, why);
}

static int copy_source(const struct source *source, put_bytes *put, void *owner, struct reason *why)
{
    char *buffer = malloc(READ_SIZE);
    int error = buffer == NULL ? reason_system(why, -ENOMEM, "no memory") : 0;

    for (uint64_t done = 0; error == 0 && done < source->size;) {
        size_t size = source->size - done < READ_SIZE ? (size_t)(source->size - done) : READ_SIZE;
        error = source_read(source, done, buffer, size, why);
        if (error == 0) {
            error = put(owner, buffer, size, why);
        }
        done += size;
    }
    free(buffer);
    return error;
}

static int open_part(const char *path, struct source *source, int *fd, struct reason *why)
{
    int error;

    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*fd < 0) {
        return reason_system(why, -errno, "%s: cannot open", path);
    }
    error = source_file(source, *fd, why);
    if (error < 0) {
        reason_prefix(why, "%s", path);
        close(*fd);
    }
    return error;
}

static int put_kernel(struct eif_writer *writer, const char *path, struct kernel *kernel, struct reason *why)
{
    struct source source;
    int fd;
    int error = open_part(path, &source, &fd, why);

    if (error < 0) {
        return error;
    }
    error = kernel_read(&source, kernel, why);
    if (error < 0) {
        reason_prefix(why, "%s", path);
    }
    if (error == 0) {
        error = eif_writer_begin(writer, EIF_KERNEL, why);
    }
    if (error == 0) {
        error = copy_source(&source, put_to_eif, writer, why);
    }
    if (error == 0) {
        error = eif_writer_end(writer, why);
    }
    close(fd);
    return error;
}

static int put_metadata(
    struct eif_writer *writer, const struct pack *pack, const struct kernel *kernel, struct reason *why)
{
    const struct metadata metadata = {.name = pack->config->image.name,
        .version = pack->config->image.version,
        .epoch = pack->epoch,
        .tool_version = pack->tool_version,
        .kernel_version = kernel->version};
    char *text = metadata_write(&metadata);
    int error;

    if (text == NULL) {
        return reason_set(why, -EINVAL, "the metadata can't be written (build time %" PRId64 ")", pack->epoch);
    }
    error = put_section(writer, EIF_METADATA, text, strlen(text), why);
    free(text);
    return error;
}

static int put_sboms(struct cpio_writer *archive, const struct runtime *runtime, struct reason *why)
{
    char text[RUNTIME_SBOMS_MAX * RUNTIME_SBOM_LINE + 1];
    size_t size = runtime_sboms_text(runtime, text);
    int error;

    if (size == 0) {
        return 0;
    }
    error = cpio_add(archive, RUNTIME_SBOMS, CPIO_REGULAR | 0644, size, why);
    return error == 0 ? cpio_content(archive, text, size, why) : error;
}

static int put_runtime(
    struct eif_writer *writer, const char *path, const struct runtime *runtime, uint64_t *content, struct reason *why)
{
    struct cpio_writer archive;
    struct source source;
    int fd;
    int error = open_part(path, &source, &fd, why);

    if (error < 0) {
        return error;
    }
    *content = source.size + (runtime->sbom_count > 0 ? PAGE : 0);
    error = program_check_static(&source, why);
    if (error < 0) {
        reason_prefix(why, "%s can't be PID 1 (--init takes an x86-64 static ELF program, as `make build/init` makes)",
            text_quote_string(path).text);
    }
    if (error == 0) {
        error = eif_writer_begin(writer, EIF_RAMDISK, why);
    }
    cpio_writer_init(&archive, put_to_eif, writer);
    if (error == 0) {
        error = cpio_add(&archive, RUNTIME_INIT, CPIO_REGULAR | 0755, source.size, why);
    }
    if (error == 0) {
        error = copy_source(&source, put_to_cpio, &archive, why);
    }
    if (error == 0) {
        error = put_sboms(&archive, runtime, why);
    }
    if (error == 0) {
        error = cpio_end(&archive, why);
    }
    if (error == 0) {
        error = eif_writer_end(writer, why);
    }
    close(fd);
    return error;
}

static int put_application(struct eif_writer *writer, const struct tree *tree, struct reason *why)
{
    struct cpio_writer archive;
    int error = eif_writer_begin(writer, EIF_RAMDISK, why);

    cpio_writer_init(&archive, put_to_eif, writer);
    if (error == 0) {
        error = tree_pack(tree, &archive, why);
    }
    return error == 0 ? eif_writer_end(writer, why) : error;
}

/* ---- The file ---- */

static int check_memory(const struct pack *pack, const struct kernel *kernel, uint64_t runtime_content,
    struct packed *packed, struct reason *why)
{
    const struct budget budget = {.file_size = packed->size,
        .kernel_memory = kernel->init_size,
        .archives = packed->size,
        .content = pack->tree->content + runtime_content,
        .entries = pack->tree->count,
        .connections = pack->config->connections,
        .processes = budget_processes(pack->config)};
    uint64_t memory = pack->config->image.memory;

    packed->memory = budget_memory(&budget);
    if (packed->memory <= memory) {
        return 0;
    }
    return reason_set(why, -EINVAL,
        "[image] memory = %" PRIu64 "M can't hold this image: it needs %" PRIu64 "M (file %" PRIu64
        " KiB, unpacked %" PRIu64 " KiB, %u connections; say memory = %" PRIu64
        "M, or pack less, or lower [limits] connections)",
        memory >> 20, packed->memory >> 20, packed->size >> 10, budget.content >> 10, budget.connections,
        packed->memory >> 20);
}

static int write_image(const struct pack *pack, int fd, struct packed *packed, struct reason *why)
{
    const struct config *config = pack->config;
    struct eif_writer *writer;
    struct kernel kernel;
    uint64_t runtime_content = 0;
    int error = eif_writer_open(&writer, fd, config->image.memory, config->image.cpus);

    if (error < 0) {
        return reason_system(why, error, "cannot write");
    }
    error = put_kernel(writer, pack->kernel, &kernel, why);
    if (error == 0) {
        error = put_section(writer, EIF_CMDLINE, pack->cmdline, strlen(pack->cmdline), why);
    }
    if (error == 0) {
        error = put_metadata(writer, pack, &kernel, why);
    }
    if (error == 0) {
        error = put_runtime(writer, pack->init, &pack->runtime, &runtime_content, why);
    }
    if (error == 0) {
        error = put_application(writer, pack->tree, why);
    }
    if (error == 0) {
        error = eif_writer_finish(writer, &packed->measurements, &packed->size, why);
    }
    if (error == 0) {
        error = check_memory(pack, &kernel, runtime_content, packed, why);
    }
    eif_writer_close(writer);
    return error;
}

/* What is written is read once more as `run` will: the builder never hands out what the reader refuses. */
static int check_written(int fd, struct reason *why)
{
    struct source source;
    int error = source_file(&source, fd, why);

    return error == 0 ? image_check_written(&source, why) : error;
}

int pack_write(const struct pack *pack, const char *path, struct packed *packed, struct reason *why)
{
    const char *fault = image_cmdline_fault(pack->cmdline);
    char beside[PATH_MAX];
    int length = snprintf(beside, sizeof beside, "%s.XXXXXX", path);
    int error;
    int fd;

    if (fault != NULL) {
        return reason_set(why, -EINVAL, "--cmdline: %s", fault);
    }
    if (length < 0 || (size_t)length >= sizeof beside) {
        return reason_set(why, -EINVAL, "%s: the path is too long", path);
    }
    fd = mkostemp(beside, O_CLOEXEC);
    if (fd < 0) {
        return reason_system(why, -errno, "%s: cannot write a file there", path);
    }
    error = write_image(pack, fd, packed, why);
    if (error == 0) {
        error = check_written(fd, why);
    }
    if (error == 0 && fchmod(fd, 0644) < 0) {
        error = reason_system(why, -errno, "%s: cannot set its mode", path);
    }
    if (close(fd) < 0 && error == 0) {
        error = reason_system(why, -errno, "%s: cannot write", path);
    }
    if (error == 0 && rename(beside, path) < 0) {
        error = reason_system(why, -errno, "%s: cannot write", path);
    }
    if (error < 0) {
        (void)unlink(beside);
    }
    return error;
}
