/* metadata: the EIF's JSON about itself, which is not measured: written as AWS's builder does, with a settled time. */
#include "image/metadata.h"

#include <jansson.h>
#include <time.h>

char *metadata_write(const struct metadata *metadata)
{
    time_t seconds = (time_t)metadata->epoch;
    char build_time[64];
    struct tm utc;
    json_t *json;
    char *text;

    if (gmtime_r(&seconds, &utc) == NULL || utc.tm_year < -900 || utc.tm_year > 8099 ||
        strftime(build_time, sizeof build_time, "%Y-%m-%dT%H:%M:%S+00:00", &utc) == 0) {
        return NULL;
    }
    json = json_pack("{s:s, s:s, s:{s:s, s:s, s:s, s:s, s:s}, s:n, s:n}", "ImageName", metadata->name, "ImageVersion",
        metadata->version, "BuildMetadata", "BuildTime", build_time, "BuildTool", "ingot", "BuildToolVersion",
        metadata->tool_version, "OperatingSystem", "Linux", "KernelVersion", metadata->kernel_version, "DockerInfo",
        "CustomMetadata");
    text = json == NULL ? NULL : json_dumps(json, JSON_COMPACT);
    json_decref(json);
    return text;
}
