/* image: an EIF of ours opened and checked in full before anything is believed, as run, proxy and verify do. */
#ifndef INGOT_IMAGE_IMAGE_H
#define INGOT_IMAGE_IMAGE_H

#include "base/reason.h"
#include "image/config.h"
#include "image/eif.h"
#include "image/manifest.h"
#include "image/runtime.h"

/*
 * Opens an image that `ingot build` wrote (AWS's describe-eif kind of look at anybody's file is eif_read()). Refused,
 * with a sentence that names the section, path or field:
 *
 *   - whatever eif_read() refuses; a wrong CRC; header flags; a kernel that is no bzImage; a command line without
 *     rootfstype=ramfs;
 *   - other than two ramdisks, or ramdisks that are not uncompressed archives exactly as ingot writes them;
 *   - in the first anything but `init` and, behind it, `sbom.sha256` (image/runtime.h);
 *   - in the second any path but app, app/enclave.ini, app/rootfs and below, and, last, app/manifest: so nothing there
 *     can replace the runtime; anything that lies behind a symbolic link; content at a path that PID 1 fills
 *     (image/tree.h: tree_reserved());
 *   - a manifest that disagrees with the archive in any path, type, mode, size or digest;
 *   - an enclave.ini with errors.
 *
 * So two images with the same PCR0 are the same to every reader, and what is shown is what boots.
 */
struct image {
    int fd;
    struct eif eif;
    struct eif_measurements measurements;
    struct runtime runtime;   /* the digests of its bills of materials */
    struct config config;     /* of the measured app/enclave.ini: name, memory, endpoints, … */
    struct manifest manifest; /* every file of the application ramdisk */
};

/* 0; -EINVAL or -EILSEQ where it is refused; -errno of reading. Release with image_close() after 0 only. */
int image_open(const char *path, struct image *image, struct reason *why);
/* The same over bytes that the caller keeps (fd is -1). */
int image_open_source(const struct source *source, struct image *image, struct reason *why);
void image_close(struct image *image);

/*
 * For a file that this process has written and measured itself: all of the above, but the content is judged by the CRC
 * over the bytes as they are read back. The writer computed it, the PCRs and the manifest's digests from the same bytes
 * in one pass, so there is nothing to learn from computing them twice. 0, or as image_open().
 */
int image_check_written(const struct source *source, struct reason *why);

/* What is wrong with a kernel's command line, NULL where nothing is. */
const char *image_cmdline_fault(const char *cmdline);

#endif
