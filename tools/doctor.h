/* doctor: what has to be right before an image can run, looked at one by one, here or on EC2. */
#ifndef INGOT_TOOLS_DOCTOR_H
#define INGOT_TOOLS_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"
#include "image/image.h"
#include "net/address.h"
#include "net/loop.h"
#include "tls/identity.h"
#include "tls/trust.h"
#include "tools/nitro_cli.h"

/*
 * doctor_run() goes through one table {name, where it applies, check}. Each check says one line or more; one that does
 * not apply says nothing. Nothing is changed on this machine: what is opened or listened on is closed again.
 */
enum doctor_outcome { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL };

struct doctor_line {
    const char *name; /* of the check: "allocator" */
    enum doctor_outcome outcome;
    const char *text;   /* what was found */
    const char *advice; /* what to do; "" where there is nothing */
};

/* Where things are; the defaults are those of Amazon Linux and of every Linux. */
struct doctor_paths {
    const char *device;      /* /dev/nitro_enclaves: where it is, this is EC2 */
    const char *allocator;   /* /etc/nitro_enclaves/allocator.yaml */
    const char *huge_pages;  /* /sys/kernel/mm/hugepages */
    const char *cpu_pool;    /* /sys/module/nitro_enclaves/parameters/ne_cpus */
    const char *memory_info; /* /proc/meminfo */
    const char *kvm;         /* /dev/kvm */
};
extern const struct doctor_paths doctor_usual_paths;

struct doctor {
    const struct doctor_paths *paths;
    const struct config *config;   /* NULL: no image was named */
    uint64_t image_size;           /* bytes of the EIF; 0: an enclave.ini */
    const struct image *image;     /* NULL: an enclave.ini */
    const char *path;              /* of the image or the enclave.ini */
    const char *secrets;           /* a file that will be pushed; NULL: not known */
    const struct address *targets; /* what the parent dials for each endpoint; config->endpoint_count */
    const struct address *fronts;  /* config->inbound_count */
    const char *vsock_folder;      /* NULL: none was named */
    const char *qemu;              /* NULL: qemu_find() looks for it */
    int64_t now;                   /* seconds since 1970 */
    void (*say)(void *arg, const struct doctor_line *line);
    void *arg;

    /* Of doctor_run(): */
    struct loop *loop;
    const char *name; /* of the check that runs */
    bool on_ec2;
    struct nitro_enclave enclaves[NITRO_ENCLAVES_MAX];
    size_t enclave_count;
    unsigned failed;
    unsigned warned;
};

/* 0, whatever was found (doctor->failed counts); -errno with a sentence where it could not go on. */
int doctor_run(struct doctor *doctor, struct reason *why);

/* ---- for the checks ---- */

void doctor_say(struct doctor *doctor, enum doctor_outcome outcome, const char *advice, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* In the order of the table. */
void doctor_clock(struct doctor *doctor);
void doctor_device(struct doctor *doctor);
void doctor_cli(struct doctor *doctor);
void doctor_enclaves(struct doctor *doctor);
void doctor_files(struct doctor *doctor);
void doctor_image_size(struct doctor *doctor);
void doctor_allocator(struct doctor *doctor);
void doctor_huge_pages(struct doctor *doctor);
void doctor_cpu_pool(struct doctor *doctor);
void doctor_vsock_ports(struct doctor *doctor);
void doctor_qemu(struct doctor *doctor);
void doctor_kvm(struct doctor *doctor);
void doctor_memory(struct doctor *doctor);
void doctor_folder(struct doctor *doctor);
void doctor_inbound(struct doctor *doctor);
void doctor_endpoints(struct doctor *doctor);

/* What TLS will be done with inside, as far as it is known here; see app/credentials.h for what it becomes there. */
struct doctor_credentials {
    struct tls_trust **measured;   /* for each endpoint, of its `ca`; NULL: it has none, or it is not known */
    struct tls_trust *ca;          /* of the secrets, or packed; NULL: not known */
    struct tls_identity *identity; /* the same */
    struct tls_trust *nobody;      /* to look at what a server presents */
};

/* Says of each file that it is unfit. 0 or -ENOMEM; to be freed in either case. */
int doctor_credentials_load(struct doctor *doctor, struct doctor_credentials *credentials);
void doctor_credentials_free(struct doctor *doctor, struct doctor_credentials *credentials);

/* Where a relative file of an enclave.ini lies. 0 or -ENAMETOOLONG. */
int doctor_beside(const struct doctor *doctor, const char *file, char *path, size_t path_size);

#endif
