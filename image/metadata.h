/* metadata: the EIF's JSON about itself, which is not measured: written as AWS's builder does, with a settled time. */
#ifndef INGOT_IMAGE_METADATA_H
#define INGOT_IMAGE_METADATA_H

#include <stdint.h>

struct metadata {
    const char *name;
    const char *version;
    int64_t epoch;            /* BuildTime, in seconds since 1970 */
    const char *tool_version; /* of ingot */
    const char *kernel_version;
};

/*
 * {"ImageName", "ImageVersion", "BuildMetadata": {"BuildTime", "BuildTool", "BuildToolVersion", "OperatingSystem",
 * "KernelVersion"}, "DockerInfo": null, "CustomMetadata": null}, in this order, without spaces. malloc'd; NULL where
 * memory is short, a text is not UTF-8, or the time has no year of four digits.
 */
char *metadata_write(const struct metadata *metadata);

#endif
