/* doctor_ec2: tests: what ingot doctor makes of a parent instance, with a folder in the place of /sys and /etc. */
#include "tools/doctor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINES_MAX 8

struct instance {
    char folder[64];
    char paths[4][96];
    struct doctor_paths where;
    struct config config; /* 64 MiB and two CPUs, and a name; nothing else is looked at */
    struct doctor doctor;
    struct doctor_line lines[LINES_MAX];
    char texts[LINES_MAX][REASON_SIZE];
    size_t count;
};

static struct instance instance;

static void keep(void *arg, const struct doctor_line *line)
{
    (void)arg;
    assert_true(instance.count < LINES_MAX);
    instance.lines[instance.count] = *line;
    snprintf(instance.texts[instance.count++], REASON_SIZE, "%s", line->text);
}

static void put(const char *name, const char *content, mode_t mode)
{
    char path[128];

    snprintf(path, sizeof path, "%s/%s", instance.folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(content, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static int set_up(void **state)
{
    static const char *const names[] = {"device", "allocator.yaml", "hugepages", "ne_cpus"};
    char path[128];

    (void)state;
    instance = (struct instance){.folder = "/tmp/ingot-doctor.XXXXXX"};
    assert_non_null(mkdtemp(instance.folder));
    for (size_t i = 0; i < 4; i++) {
        snprintf(instance.paths[i], sizeof instance.paths[i], "%s/%s", instance.folder, names[i]);
    }
    instance.where = (struct doctor_paths){.device = instance.paths[0],
        .allocator = instance.paths[1],
        .huge_pages = instance.paths[2],
        .cpu_pool = instance.paths[3]};
    instance.config = (struct config){.image = {.name = "mine", .memory = UINT64_C(64) << 20, .cpus = 2}};
    instance.doctor = (struct doctor){.paths = &instance.where, .say = keep};
    snprintf(path, sizeof path, "%s/nitro-cli", instance.folder);
    setenv("INGOT_NITRO_CLI", path, 1);
    return loop_open(&instance.doctor.loop);
}

static int tear_down(void **state)
{
    char command[128];

    (void)state;
    loop_close(instance.doctor.loop);
    snprintf(command, sizeof command, "rm -r %s", instance.folder);
    return system(command);
}

/* What one check says now. */
static void said(void (*check)(struct doctor *doctor), enum doctor_outcome outcome, const char *text)
{
    instance.count = 0;
    check(&instance.doctor);
    assert_int_equal(instance.count, 1);
    if (instance.lines[0].outcome != outcome || strstr(instance.texts[0], text) == NULL) {
        fail_msg("outcome %d: %s", (int)instance.lines[0].outcome, instance.texts[0]);
    }
    assert_true(outcome == DOCTOR_OK || instance.lines[0].advice[0] != '\0');
}

static void device_is_opened(void **state)
{
    (void)state;
    said(doctor_device, DOCTOR_FAIL, "No such file");
    put("device", "", 0600);
    said(doctor_device, DOCTOR_OK, "can be opened");
}

static void nitro_cli_is_asked_for_its_version(void **state)
{
    (void)state;
    said(doctor_cli, DOCTOR_FAIL, "No such file");
    put("nitro-cli", "#!/bin/sh\necho 'Nitro CLI 1.4.2'\n", 0700);
    said(doctor_cli, DOCTOR_OK, "\"Nitro CLI 1.4.2\"");
    put("nitro-cli", "#!/bin/sh\necho broken >&2; exit 3\n", 0700);
    said(doctor_cli, DOCTOR_FAIL, "broken");
}

static void running_enclaves_are_named(void **state)
{
    (void)state;
    put("nitro-cli", "#!/bin/sh\necho '[]'\n", 0700);
    said(doctor_enclaves, DOCTOR_OK, "none runs");
    put("nitro-cli",
        "#!/bin/sh\necho '[{\"EnclaveName\": \"mine\", \"EnclaveID\": \"i-1\", \"EnclaveCID\": 16, \"NumberOfCPUs\": "
        "2, "
        "\"MemoryMiB\": 64, \"State\": \"RUNNING\", \"Flags\": \"DEBUG_MODE\"}]'\n",
        0700);
    said(doctor_enclaves, DOCTOR_OK, "\"mine\" runs with CID 16, 2 CPUs, 64 MiB, in debug mode (i-1)");
    instance.doctor.config = &instance.config;
    said(doctor_enclaves, DOCTOR_WARN, "the name of this image");
    put("nitro-cli", "#!/bin/sh\necho '{}'\n", 0700);
    said(doctor_enclaves, DOCTOR_FAIL, "no list");
}

/* An enclave that has what it says. */
static void let_one_run(uint64_t mib, unsigned cpus)
{
    instance.doctor.enclaves[0] = (struct nitro_enclave){.cid = 16, .memory_mib = mib, .cpu_count = cpus};
    instance.doctor.enclave_count = 1;
}

static void allocator_must_leave_what_the_image_needs(void **state)
{
    (void)state;
    said(doctor_allocator, DOCTOR_FAIL, "allocator.yaml");
    put("allocator.yaml", "---\n# memory_mib: 1\nmemory_mib: 96 # of all\ncpu_pool: 2,3\n", 0600);
    said(doctor_allocator, DOCTOR_OK, "96 MiB, 0 of them in use");
    instance.doctor.config = &instance.config;
    said(doctor_allocator, DOCTOR_OK, "96 MiB are left of 96; the image needs 64");
    let_one_run(64, 2);
    said(doctor_allocator, DOCTOR_FAIL, "32 MiB are left of 96; the image needs 64");
}

static void allocator_without_numbers_is_a_warning(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        static const char *const texts[] = {
            "", "memory_mib: many\ncpu_count: -2\n", "memory_mib: 99999999999999999999999\n"};
        put("allocator.yaml", texts[i], 0600);
        instance.count = 0;
        doctor_allocator(&instance.doctor);
        assert_int_equal(instance.count, 2);
        assert_int_equal(instance.lines[0].outcome, DOCTOR_WARN);
        assert_int_equal(instance.lines[1].outcome, DOCTOR_WARN);
    }
}

static void huge_pages_of_every_size_count_and_those_in_use_are_no_fault(void **state)
{
    (void)state;
    said(doctor_huge_pages, DOCTOR_FAIL, "No such file");
    assert_int_equal(mkdir(instance.paths[2], 0700), 0);
    said(doctor_huge_pages, DOCTOR_FAIL, "0 MiB of huge pages");
    let_one_run(512, 2);
    said(doctor_huge_pages, DOCTOR_OK, "512 MiB of huge pages, 512 of them in use");
    for (size_t i = 0; i < 3; i++) {
        static const char *const sizes[] = {"hugepages-2048kB", "hugepages-1048576kB", "other"};
        char path[128];
        snprintf(path, sizeof path, "%s/%s", instance.paths[2], sizes[i]);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    put("hugepages/hugepages-2048kB/free_hugepages", "16\n", 0600);
    instance.doctor.config = &instance.config;
    said(doctor_huge_pages, DOCTOR_FAIL, "32 MiB of huge pages are left of 544; the image needs 64");
    put("hugepages/hugepages-1048576kB/free_hugepages", "1\n", 0600);
    said(doctor_huge_pages, DOCTOR_OK, "1056 MiB of huge pages are left of 1568; the image needs 64");
}

static void cpu_pool_is_a_list_of_the_kernel(void **state)
{
    static const struct {
        const char *text;
        enum doctor_outcome outcome;
        const char *said;
    } cases[] = {
        {"1,3-5\n", DOCTOR_OK, "4 CPUs, 0 of them"},
        {"2", DOCTOR_OK, "1 CPUs"},
        {"\n", DOCTOR_FAIL, "0 CPUs"},
        {"5-3\n", DOCTOR_WARN, "no list"},
        {"1,,2\n", DOCTOR_WARN, "no list"},
        {"1-\n", DOCTOR_WARN, "no list"},
        {"99999999999999999999\n", DOCTOR_WARN, "no list"},
    };

    (void)state;
    said(doctor_cpu_pool, DOCTOR_FAIL, "ne_cpus");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        put("ne_cpus", cases[i].text, 0600);
        said(doctor_cpu_pool, cases[i].outcome, cases[i].said);
    }
    put("ne_cpus", "1,3\n", 0600);
    instance.doctor.config = &instance.config;
    said(doctor_cpu_pool, DOCTOR_OK, "2 CPUs are left of 2; the image needs 2");
    let_one_run(64, 2);
    said(doctor_cpu_pool, DOCTOR_FAIL, "0 CPUs are left of 2; the image needs 2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(device_is_opened, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nitro_cli_is_asked_for_its_version, set_up, tear_down),
        cmocka_unit_test_setup_teardown(running_enclaves_are_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(allocator_must_leave_what_the_image_needs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(allocator_without_numbers_is_a_warning, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            huge_pages_of_every_size_count_and_those_in_use_are_no_fault, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cpu_pool_is_a_list_of_the_kernel, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
