/* doctor_table: every check of ingot doctor, where it applies, and the one way in which they speak. */
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "tools/doctor.h"

const struct doctor_paths doctor_usual_paths = {
    .device = "/dev/nitro_enclaves",
    .allocator = "/etc/nitro_enclaves/allocator.yaml",
    .huge_pages = "/sys/kernel/mm/hugepages",
    .cpu_pool = "/sys/module/nitro_enclaves/parameters/ne_cpus",
    .memory_info = "/proc/meminfo",
    .kvm = "/dev/kvm",
};

enum { HERE = 1, EC2 = 2, IMAGE = 4 }; /* IMAGE: only with an image or an enclave.ini */

static const struct {
    const char *name;
    unsigned applies;
    void (*check)(struct doctor *doctor);
} table[] = {
    {"clock", HERE | EC2, doctor_clock},
    {"device", EC2, doctor_device},
    {"nitro-cli", EC2, doctor_cli},
    {"enclaves", EC2, doctor_enclaves},
    {"files", HERE | EC2 | IMAGE, doctor_files},
    {"image size", HERE | EC2 | IMAGE, doctor_image_size},
    {"allocator", EC2, doctor_allocator},
    {"huge pages", EC2, doctor_huge_pages},
    {"CPU pool", EC2, doctor_cpu_pool},
    {"vsock ports", EC2 | IMAGE, doctor_vsock_ports},
    {"QEMU", HERE, doctor_qemu},
    {"KVM", HERE, doctor_kvm},
    {"memory", HERE | IMAGE, doctor_memory},
    {"vsock folder", HERE | IMAGE, doctor_folder},
    {"inbound", HERE | EC2 | IMAGE, doctor_inbound},
    {"endpoint", HERE | EC2 | IMAGE, doctor_endpoints},
};

void doctor_say(struct doctor *doctor, enum doctor_outcome outcome, const char *advice, const char *format, ...)
{
    char text[REASON_SIZE];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    doctor->failed += outcome == DOCTOR_FAIL;
    doctor->warned += outcome == DOCTOR_WARN;
    doctor->say(doctor->arg, &(struct doctor_line){doctor->name, outcome, text, advice != NULL ? advice : ""});
}

int doctor_run(struct doctor *doctor, struct reason *why)
{
    int error = loop_open(&doctor->loop);

    if (error < 0) {
        return reason_system(why, error, "no event loop");
    }
    doctor->on_ec2 = access(doctor->paths->device, F_OK) == 0;
    doctor->name = "place";
    doctor_say(doctor, DOCTOR_OK, NULL,
        doctor->on_ec2 ? "%s is there: enclaves run on this parent instance of EC2"
                       : "there is no %s: enclaves run here, in QEMU",
        doctor->paths->device);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        doctor->name = table[i].name;
        if ((table[i].applies & (doctor->on_ec2 ? EC2 : HERE)) &&
            (doctor->config != NULL || !(table[i].applies & IMAGE))) {
            table[i].check(doctor);
        }
    }
    loop_close(doctor->loop);
    doctor->loop = NULL;
    return 0;
}
