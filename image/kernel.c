/* kernel: what an x86 bzImage says of itself in its setup header. */
#include "image/kernel.h"

#include <errno.h>
#include <string.h>

/* Places in the file (arch/x86/boot.rst, "The Real-Mode Kernel Header"). */
enum {
    BOOT_FLAG = 0x1fe,      /* 0xAA55 */
    MAGIC = 0x202,          /* "HdrS" */
    PROTOCOL = 0x206,       /* u16 */
    VERSION_OFFSET = 0x20e, /* u16; the text lies 0x200 behind */
    LOAD_FLAGS = 0x211,     /* bit 0: loaded high, which makes it a bzImage */
    INIT_SIZE = 0x260,      /* u32 */
    HEADER_END = 0x264
};
#define PROTOCOL_WITH_INIT_SIZE 0x020au

static unsigned little16(const uint8_t *p)
{
    return (unsigned)p[0] | (unsigned)p[1] << 8;
}

/* The first word of "6.12.95 (builder@enclave) #1 …". */
static void read_version(const struct source *source, unsigned offset, struct kernel *kernel)
{
    size_t length = 0;

    memset(kernel->version, 0, sizeof kernel->version);
    if (offset != 0 && source->size > offset + 0x200u + KERNEL_VERSION_MAX) {
        (void)source_read(source, offset + 0x200u, kernel->version, KERNEL_VERSION_MAX, NULL);
    }
    while (kernel->version[length] > ' ' && kernel->version[length] < 0x7f) {
        length++;
    }
    memset(kernel->version + length, 0, sizeof kernel->version - length);
    if (length == 0) {
        strcpy(kernel->version, "unknown");
    }
}

int kernel_read(const struct source *source, struct kernel *kernel, struct reason *why)
{
    uint8_t header[HEADER_END];

    if (source->size < sizeof header) {
        return reason_set(
            why, -EINVAL, "the kernel is no bzImage: %llu bytes are too few", (unsigned long long)source->size);
    }
    int error = source_read(source, 0, header, sizeof header, why);
    if (error < 0) {
        return error;
    }
    if (memcmp(header, "\177ELF", 4) == 0) {
        return reason_set(
            why, -EINVAL, "the kernel is an ELF file (vmlinux); a bzImage is needed (arch/x86/boot/bzImage)");
    }
    if (header[BOOT_FLAG] != 0x55 || header[BOOT_FLAG + 1] != 0xaa || memcmp(header + MAGIC, "HdrS", 4) != 0 ||
        little16(header + PROTOCOL) < PROTOCOL_WITH_INIT_SIZE || (header[LOAD_FLAGS] & 1) == 0) {
        return reason_set(why, -EINVAL, "the kernel is no bzImage: its setup header is missing (boot protocol 2.10)");
    }
    kernel->init_size = little16(header + INIT_SIZE) | (uint32_t)little16(header + INIT_SIZE + 2) << 16;
    read_version(source, little16(header + VERSION_OFFSET), kernel);
    return 0;
}
